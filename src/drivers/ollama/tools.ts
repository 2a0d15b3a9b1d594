import type { ToolCall } from '../../core/response.ts'

/**
 * The tool calls of one record. Order of arrival is the only order that can be trusted: `index` may always be 0.
 * Servers before 0.12.10 send no id; one is made that is unique within the answer.
 */
export function fromWireToolCalls(calls: unknown, before: number): ToolCall[] {
  if (!Array.isArray(calls)) return []
  return calls.flatMap((call: unknown, index) => {
    if (typeof call !== 'object' || call === null || !('function' in call)) return []
    const { id, function: called } = call as {
      id?: unknown
      function: { name?: unknown; arguments?: unknown }
    }
    const given = called.arguments
    const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
    return [
      {
        id: typeof id === 'string' && id !== '' ? id : `call_${before + index + 1}`,
        name: typeof called.name === 'string' ? called.name : '',
        arguments: isObject ? (given as Record<string, unknown>) : { value: given },
        ...(isObject ? {} : { issues: ['arguments is not an object'] }),
      },
    ]
  })
}
