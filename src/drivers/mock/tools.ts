import type { ToolCall } from '../../core/response.ts'

/** Tool calls of a script are groat's own: there is nothing to translate. */
export function fromWireToolCall(call: ToolCall): ToolCall {
  return call
}
