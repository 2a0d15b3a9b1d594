import { mediaOf } from '../core/media-parts.ts'
import type { Message } from '../core/message.ts'
import type { ChatRequest, EmbedRequest } from '../core/request.ts'

/**
 * The request as it is now: while its money is being held, its caller can go on writing into the conversation, and what
 * is sent must be what was held for. Pictures, sounds and files stay what they are: the model's window bounds them.
 */
export function ownCopy<R extends ChatRequest | EmbedRequest>(request: R): R {
  const copies = new Map<object, object>()
  const { messages, ...rest } = request as ChatRequest
  const own = copyOf(rest, copies)
  return (
    messages === undefined ? own : { ...own, messages: messages.map((one) => copyOfMessage(one, copies)) }
  ) as R
}

function copyOfMessage({ role, content }: Message, copies: Map<object, object>): Message {
  if (typeof content === 'string') return { role, content }
  return { role, content: content.map((part) => (mediaOf(part).length > 0 ? part : copyOf(part, copies))) }
}

/** Lists and plain objects are copied, each once; what else there is cannot be written into, or is no JSON. */
function copyOf<T>(value: T, copies: Map<object, object>): T {
  if (typeof value !== 'object' || value === null) return value
  const known = copies.get(value)
  if (known !== undefined) return known as T
  if (Array.isArray(value)) {
    const list: unknown[] = []
    copies.set(value, list)
    for (const one of value as readonly unknown[]) list.push(copyOf(one, copies))
    return list as T
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const object: Record<string, unknown> = {}
  copies.set(value, object)
  for (const [name, one] of Object.entries(value)) {
    // Not by assignment: `__proto__` is a name like any other in JSON.
    const copy = { value: copyOf(one, copies), enumerable: true, writable: true, configurable: true }
    Object.defineProperty(object, name, copy)
  }
  return object as T
}
