import { isObject } from '../core/error-text.ts'
import type { ToolCall } from '../core/response.ts'

/** What a call is called that names no tool. */
export const UNNAMED = 'unnamed'

/** A call of which the arguments came as an object, or as text. */
interface Written {
  readonly id: string
  /** Empty where the call names no tool. */
  readonly name: string
  readonly given: unknown
}

/** A call with its arguments as an object, whatever they came as, so that the conversation can always be sent again. */
export function toToolCall({ id, name, given }: Written): ToolCall {
  const value = isObject(given) ? given : objectIn(given)
  const issues = [
    ...(name === '' ? ['the call names no tool'] : []),
    ...(value ? [] : ['arguments is not an object']),
  ]
  return {
    id,
    name: name === '' ? UNNAMED : name,
    arguments: value ?? { value: given },
    ...(issues.length === 0 ? {} : { issues }),
  }
}

/** The object that a text writes; nothing at all is one without fields. */
function objectIn(text: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof text !== 'string') return undefined
  if (text.trim() === '') return {}
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Most characters that stay of an id that is cut, its hash included: Chat Completions takes no longer ones. */
export const CALL_ID_CHARS_MAX = 40
const HASH_CHARS = 16

/** An id as it may be sent: a long one is cut, and ends with a hash of the whole, so that two stay two. */
export function toWireId(id: string, charsMax: number = CALL_ID_CHARS_MAX): string {
  if (id.length <= charsMax) return id
  return id.slice(0, CALL_ID_CHARS_MAX - HASH_CHARS) + hashOf(id)
}

/** FNV-1a with 64 bits, in hexadecimal: to tell texts apart, not to hide them. */
function hashOf(text: string): string {
  let hash = 0xcbf29ce484222325n
  for (let at = 0; at < text.length; at++) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(text.charCodeAt(at))) * 0x100000001b3n)
  }
  return hash.toString(16).padStart(HASH_CHARS, '0')
}

/** The result of a tool as a text. An empty one would look to the model as if nothing had been run. */
export function resultText(content: unknown, isError: boolean | undefined): string {
  const nothing = isError === true ? 'error' : 'ok'
  if (content === undefined || content === '') return nothing
  return typeof content === 'string' ? content : (JSON.stringify(content) ?? nothing)
}
