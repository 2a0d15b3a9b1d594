import { isObject } from '../../core/error-text.ts'
import type { Part, ToolCallPart } from '../../core/message.ts'
import type { ToolCall } from '../../core/response.ts'
import type { ToolDefinition } from '../../core/tool.ts'

type Wire = Readonly<Record<string, unknown>>

/** A tool as the service takes it. Where it knows less than JSON Schema, `../lower-schema.ts` and `../schema-subset.ts` help. */
export function toWireTool({ name, description, input }: ToolDefinition): Wire {
  return { name, ...(description === undefined ? {} : { description }), schema: input }
}

/** A call of the conversation. */
export function toWireToolCall({ id, name, arguments: given }: ToolCallPart): Wire {
  return { id, name, arguments: given }
}

/** Each result as a message of its own, matched to its call by id. */
export function toWireToolResults(parts: readonly Part[]): readonly Wire[] {
  return parts.flatMap((part) => {
    if (part.type !== 'tool-result') return []
    const { id, name, content } = part
    const text = typeof content === 'string' ? content : JSON.stringify(content)
    return [{ role: 'tool', content: text, callId: id, name }]
  })
}

/** A call that the model makes; `number` counts the calls of the answer from 1, for services that give no ids. */
export function fromWireToolCall(call: unknown, number: number): ToolCall {
  const { id, name, arguments: given } = isObject(call) ? call : {}
  const issues = [
    ...(typeof name === 'string' ? [] : ['the call names no tool']),
    ...(isObject(given) ? [] : ['arguments is not an object']),
  ]
  return {
    id: typeof id === 'string' ? id : `call_${number}`,
    name: typeof name === 'string' ? name : 'unnamed',
    arguments: isObject(given) ? given : {},
    ...(issues.length === 0 ? {} : { issues }),
  }
}
