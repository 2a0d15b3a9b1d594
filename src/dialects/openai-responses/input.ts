import { isMedia, isReadyMedia, mediaOf, resultsIn } from '../../core/media-parts.ts'
import type {
  MediaPart,
  Message,
  Part,
  ReasoningPart,
  TextPart,
  ToolCallPart,
  ToolResultPart,
} from '../../core/message.ts'
import { invalid } from '../read-ask.ts'
import { resultText, toWireId } from '../tool-call.ts'
import { keptBy, type Kept, type Wire } from './kept.ts'

/** What differs between servers, and calls, in how they take a conversation. */
export interface InputQuirks {
  /** Where what the system says goes: a field of its own, or the conversation. */
  readonly systemIn: 'instructions' | 'input'
  /** Whether the server keeps answers: thoughts come back by their id then. */
  readonly stored: boolean
  /** Whether thoughts come back at all: what the server continues from has them already. */
  readonly thoughts: boolean
  /** Whether thoughts come back with their `status`, which OpenAI calls an unknown parameter (BerriAI/litellm#13420). */
  readonly thoughtStatus: boolean
  /** How closely pictures are looked at: `auto`, `low`, `high`, `original`. */
  readonly imageDetail?: string | undefined
}

/** A conversation on the wire. */
export interface WireInput {
  readonly instructions: string | undefined
  readonly input: readonly Wire[]
}

/** Longest id of a call that is taken, in characters: other providers make longer ones. */
const CALL_ID_CHARS_MAX = 64

/** The items of a conversation, in order. */
export function toWireInput(messages: readonly Message[], quirks: InputQuirks): WireInput {
  const calls = keptByCalls(messages)
  const begin = messages.findIndex(({ role }) => role !== 'system')
  const lead = quirks.systemIn === 'input' ? 0 : begin < 0 ? messages.length : begin
  const instructions = messages.slice(0, lead).map(({ content }) => textOf(content))
  const input = messages.slice(lead).flatMap((message) => toItems(message, quirks, calls))
  return { instructions: instructions.length === 0 ? undefined : instructions.join('\n\n'), input }
}

type KeptByCalls = ReadonlyMap<string, Kept>

/** What calls kept, by their ids: their results are written by it. */
function keptByCalls(messages: readonly Message[]): KeptByCalls {
  const calls = new Map<string, Kept>()
  for (const { content } of messages) {
    if (typeof content === 'string') continue
    for (const part of content) {
      const data = part.type === 'tool-call' ? keptBy(part) : undefined
      if (part.type === 'tool-call' && data) calls.set(part.id, data)
    }
  }
  return calls
}

function toItems(message: Message, quirks: InputQuirks, calls: KeptByCalls): readonly Wire[] {
  const { role, content } = message
  switch (role) {
    case 'system':
      return [{ role, content: textOf(content) }]
    case 'user':
      return [{ role, content: toUserContent(content, quirks) }]
    case 'tool':
      return toResults(message, quirks, calls)
    case 'assistant':
      return typeof content === 'string' ? [{ role, content }] : toAnswer(content, quirks)
  }
}

function toUserContent(content: Message['content'], quirks: InputQuirks): unknown {
  if (typeof content === 'string' || content.every((part) => part.type === 'text')) return textOf(content)
  return content.flatMap((part) => {
    if (part.type === 'text') return part.text === '' ? [] : [{ type: 'input_text', text: part.text }]
    return isMedia(part) ? [toMedia(part, quirks)] : []
  })
}

function toMedia(part: MediaPart, { imageDetail }: InputQuirks): Wire {
  const { type, url, fileId, mediaType = '', name } = part
  const bytes = isReadyMedia(part) ? `data:${mediaType};base64,${part.data}` : undefined
  const address = bytes ?? url
  if (address === undefined && fileId === undefined)
    throw invalid(`The ${type} part has nothing in it that is ready: pass its bytes as data`)
  if (type === 'image' || mediaType.startsWith('image/')) {
    const which = fileId === undefined ? { image_url: address } : { file_id: fileId }
    return { type: 'input_image', ...which, detail: imageDetail ?? 'auto' }
  }
  if (type !== 'file')
    throw invalid("The Responses API takes no sounds: set dialect to 'chat' and use a model that hears")
  if (bytes !== undefined) return { type: 'input_file', filename: name ?? 'file', file_data: bytes }
  return { type: 'input_file', ...(fileId === undefined ? { file_url: address } : { file_id: fileId }) }
}

/**
 * An answer as the items that it came as, in their order: thoughts exactly as they were, each message with its phase.
 * Thoughts that cannot come back take the ids of what followed them along: one without the other is refused.
 */
function toAnswer(parts: readonly Part[], quirks: InputQuirks): readonly Wire[] {
  const thoughts = thoughtsById(parts)
  const whole = parts.every((part) => part.type !== 'reasoning' || isReplayable(part, thoughts, quirks))
  const items: Wire[] = []
  for (const part of parts) {
    if (part.type === 'text') addText(items, part, whole)
    else if (part.type === 'tool-call') addCall(items, part, whole)
    else if (part.type === 'reasoning' && whole && quirks.thoughts)
      items.push(...itemOf(part, thoughts, quirks))
    else if (isMedia(part))
      throw invalid(`An answer cannot hold an ${part.type} part here: put it into a message of the user`)
  }
  return items
}

/** Thoughts of an answer by their ids, as they were told last: sealed ones can be told a second time. */
type Thoughts = Map<unknown, Wire>

function thoughtsById(parts: readonly Part[]): Thoughts {
  const thoughts: Thoughts = new Map()
  for (const part of parts) {
    const item = part.type === 'reasoning' ? keptBy(part)?.item : undefined
    if (item && isThought(item)) thoughts.set(item['id'], item)
  }
  return thoughts
}

function isThought({ type, id }: Wire): boolean {
  return type === 'reasoning' && id !== undefined
}

/** Without a store on the server a thought is worth something only with its encrypted content. */
function isReplayable(part: ReasoningPart, thoughts: Thoughts, { stored }: InputQuirks): boolean {
  const item = keptBy(part)?.item
  if (!item) return part.text === ''
  const { type, encrypted_content: sealed } = thoughts.get(item['id']) ?? item
  return type !== 'reasoning' || stored || typeof sealed === 'string'
}

/** What a part kept as a whole; a thought that was told twice once, in its first place. */
function itemOf(part: ReasoningPart, thoughts: Thoughts, { thoughtStatus }: InputQuirks): readonly Wire[] {
  const own = keptBy(part)?.item
  const item = own && isThought(own) ? thoughts.get(own['id']) : own
  if (!item) return []
  thoughts.delete(item['id'])
  if (item['type'] !== 'reasoning' || thoughtStatus) return [item]
  const { status: _, ...rest } = item
  return [rest]
}

/** Texts of one message stay one message; it is a plain text where nothing else has to be said. */
function addText(items: Wire[], part: TextPart, whole: boolean): void {
  const { fields = {}, refusal } = keptBy(part) ?? {}
  const { id, ...others } = fields
  const own = whole && id !== undefined ? { type: 'message', id, status: 'completed', ...others } : others
  const last = items.at(-1)
  const isMore =
    last?.['role'] === 'assistant' && last['id'] === own['id'] && last['phase'] === own['phase'] && !refusal
  const before = isMore ? last['content'] : undefined
  if (own['id'] === undefined && !refusal && (before === undefined || typeof before === 'string')) {
    const content = `${before ?? ''}${part.text}`
    if (isMore) items[items.length - 1] = { ...last, content }
    else items.push({ role: 'assistant', ...own, content })
    return
  }
  const content = refusal
    ? { type: 'refusal', refusal: part.text }
    : { type: 'output_text', text: part.text, annotations: [] }
  if (Array.isArray(before))
    items[items.length - 1] = { ...last, content: [...(before as unknown[]), content] }
  else items.push({ role: 'assistant', ...own, content: [content] })
}

/** Calls that came in one go back in one. */
function addCall(items: Wire[], part: ToolCallPart, whole: boolean): void {
  const wrapper = keptBy(part)?.wrapper
  if (!wrapper) return void items.push(toCallItem(part, whole))
  const callId = toCallId(wrapper.callId)
  if (items.some((item) => item['call_id'] === callId)) return
  const { id, ...others } = wrapper.fields
  const own = whole && id !== undefined ? { id, ...others } : others
  const { name, argumentsText } = wrapper
  items.push({ type: 'function_call', ...own, call_id: callId, name, arguments: argumentsText })
}

function toCallItem(part: ToolCallPart, whole: boolean): Wire {
  const { id, name, arguments: given } = part
  const { fields = {}, custom } = keptBy(part) ?? {}
  const { id: itemId, ...others } = fields
  const own = whole && itemId !== undefined ? { id: itemId, ...others } : others
  const called = { call_id: toCallId(id), name }
  if (custom) return { type: 'custom_tool_call', ...own, ...called, input: inputOf(given) }
  return { type: 'function_call', ...own, ...called, arguments: JSON.stringify(given) }
}

/** The free text of a call, which groat has as the only argument. */
function inputOf({ input }: ToolCallPart['arguments']): string {
  return typeof input === 'string' ? input : JSON.stringify(input ?? '')
}

/** Only middleware can put a text in place of results into a message of a tool. */
function toResults({ content }: Message, quirks: InputQuirks, calls: KeptByCalls): readonly Wire[] {
  if (typeof content === 'string') return [{ role: 'user', content }]
  const items: Wire[] = []
  const wrapped = new Map<string, ToolResultPart[]>()
  for (const part of resultsIn(content)) {
    const wrapper = calls.get(part.id)?.wrapper
    if (!wrapper) items.push(toResult(part, quirks, calls))
    else wrapped.set(wrapper.callId, [...(wrapped.get(wrapper.callId) ?? []), part])
  }
  for (const [callId, parts] of wrapped) {
    const outputs = parts.map(({ name, content: given, isError }) => ({
      name,
      output: resultText(given, isError),
    }))
    const output = toOutput(JSON.stringify(outputs), parts.flatMap(mediaOf), quirks)
    items.push({ type: 'function_call_output', call_id: toCallId(callId), output })
  }
  return items
}

function toResult(part: ToolResultPart, quirks: InputQuirks, calls: KeptByCalls): Wire {
  const { id, content, isError } = part
  const type = calls.get(id)?.custom ? 'custom_tool_call_output' : 'function_call_output'
  return {
    type,
    call_id: toCallId(id),
    output: toOutput(resultText(content, isError), mediaOf(part), quirks),
  }
}

/** A text, or a text and what belongs to it. */
function toOutput(text: string, media: readonly MediaPart[], quirks: InputQuirks): unknown {
  if (media.length === 0) return text
  return [{ type: 'input_text', text }, ...media.map((part) => toMedia(part, quirks))]
}

function toCallId(id: string): string {
  return toWireId(id, CALL_ID_CHARS_MAX)
}

function textOf(content: Message['content']): string {
  if (typeof content === 'string') return content
  let text = ''
  for (const part of content) if (part.type === 'text') text += part.text
  return text
}
