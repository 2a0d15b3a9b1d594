import { isObject } from '../../core/error-text.ts'
import { AIError } from '../../core/errors.ts'
import { isMedia, resultsIn } from '../../core/media-parts.ts'
import type {
  MediaPart,
  Message,
  Part,
  ReasoningPart,
  ToolCallPart,
  ToolResultPart,
} from '../../core/message.ts'
import type { ChatThought, ThoughtField } from './stream.ts'

type Wire = Readonly<Record<string, unknown>>

/** What differs between servers in how they take a conversation. */
export interface MessageQuirks {
  /** Who gives instructions: many compatible servers know `system` only. */
  readonly systemRole: 'system' | 'developer'
  /** Whether thoughts of the turn that goes on are sent back in the field that they came in. */
  readonly takesThoughts: boolean
}

/** The messages of a conversation, in order; each result of a tool becomes one of its own. */
export function toWireMessages(messages: readonly Message[], quirks: MessageQuirks): Wire[] {
  const lastUser = messages.findLastIndex(({ role }) => role === 'user')
  return messages.flatMap((message, index) => {
    const { role, content } = message
    if (role === 'system') return [{ role: quirks.systemRole, content: textOf(content) }]
    if (role === 'user') return [{ role, content: toUserContent(content) }]
    if (role === 'tool') return toWireResults(message)
    // Thoughts belong to the turn that they were had in: servers want them back while tools are run, and not later.
    return [toAssistant(content, quirks.takesThoughts && index > lastUser)]
  })
}

/** One text where there is nothing but text: not every server takes parts. */
function toUserContent(content: Message['content']): unknown {
  if (typeof content === 'string' || content.every((part) => part.type === 'text')) return textOf(content)
  return content.flatMap((part) => {
    if (part.type === 'text') return part.text === '' ? [] : [{ type: 'text', text: part.text }]
    return isMedia(part) ? [toWireMedia(part)] : []
  })
}

/** Sounds that the API takes (openai.yaml, ChatCompletionRequestMessageContentPartAudio). */
const AUDIO_FORMATS: Readonly<Record<string, string>> = {
  'audio/wav': 'wav',
  'audio/x-wav': 'wav',
  'audio/wave': 'wav',
  'audio/mpeg': 'mp3',
  'audio/mp3': 'mp3',
}

function toWireMedia({ type, data, url, fileId, mediaType, name }: MediaPart): Wire {
  if (fileId !== undefined) {
    if (type === 'file') return { type: 'file', file: { file_id: fileId } }
    throw invalid(
      `Chat Completions takes file ids of files only, and of no ${type}: pass its bytes or its address`,
    )
  }
  const address = typeof data === 'string' ? `data:${mediaType ?? ''};base64,${data}` : url
  if (address === undefined) throw invalid(`The ${type} has neither data nor url: pass one of them`)
  if (type === 'image') return { type: 'image_url', image_url: { url: address } }
  if (typeof data !== 'string')
    throw invalid(
      `Chat Completions takes ${type === 'audio' ? 'sounds' : 'files'} as data only: read it and pass its bytes`,
    )
  if (type === 'file') return { type: 'file', file: { filename: name ?? 'file', file_data: address } }
  const format = AUDIO_FORMATS[mediaType ?? '']
  if (format === undefined)
    throw invalid(`Chat Completions takes WAV and MP3, and no ${mediaType ?? 'other sound'}: convert it`)
  return { type: 'input_audio', input_audio: { data, format } }
}

function toAssistant(content: Message['content'], takesThoughts: boolean): Wire {
  if (typeof content === 'string') return { role: 'assistant', content }
  const text = textOf(content)
  const media = content.find(isMedia)
  if (media)
    throw invalid(`An answer cannot hold an ${media.type} part here: put it into a message of the user`)
  const calls = content.flatMap((part) => (part.type === 'tool-call' ? [toWireCall(part)] : []))
  return {
    role: 'assistant',
    // Strict servers refuse an empty text beside tool calls (vercel/ai, 4.0.0).
    content: text === '' && calls.length > 0 ? null : text,
    ...(takesThoughts ? thoughtsOf(content) : {}),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

/** Thoughts in the field that they came in; what other providers kept means nothing here. */
function thoughtsOf(content: readonly Part[]): Wire {
  const own = content.filter(
    (part): part is ReasoningPart => part.type === 'reasoning' && fieldOf(part) !== undefined,
  )
  const field = own[0] && fieldOf(own[0])
  return field === undefined ? {} : { [field]: own.map(({ text }) => text).join('') }
}

function fieldOf({ providerData }: ReasoningPart): ThoughtField | undefined {
  const { field } = isObject(providerData) ? (providerData as Partial<ChatThought>) : {}
  return field === 'reasoning' || field === 'reasoning_content' ? field : undefined
}

function toWireCall({ id, name, arguments: given }: ToolCallPart): Wire {
  return { id: toWireId(id), type: 'function', function: { name, arguments: JSON.stringify(given) } }
}

/** Only middleware can put a text in place of results into a message of a tool. */
function toWireResults({ role, content }: Message): readonly Wire[] {
  return typeof content === 'string' ? [{ role, content }] : resultsIn(content).map(toWireResult)
}

function toWireResult({ id, content, isError, media = [] }: ToolResultPart): Wire {
  if (media.length > 0) {
    throw invalid(
      'Chat Completions takes results of tools as text only: put pictures into a message of the user',
    )
  }
  return { role: 'tool', tool_call_id: toWireId(id), content: resultText(content, isError) }
}

/** An empty text would look to the model as if nothing had been run. */
function resultText(content: unknown, isError: boolean | undefined): string {
  const nothing = isError === true ? 'error' : 'ok'
  if (content === undefined || content === '') return nothing
  return typeof content === 'string' ? content : (JSON.stringify(content) ?? nothing)
}

/** Longest id of a tool call that OpenAI takes here, in characters: other providers make longer ones. */
const CALL_ID_CHARS_MAX = 40
const HASH_CHARS = 16

/** An id as it may be sent: a long one is cut, and ends with a hash of the whole, so that two stay two. */
export function toWireId(id: string): string {
  if (id.length <= CALL_ID_CHARS_MAX) return id
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

function textOf(content: Message['content']): string {
  if (typeof content === 'string') return content
  let text = ''
  for (const part of content) if (part.type === 'text') text += part.text
  return text
}

function invalid(message: string): AIError {
  return new AIError({ code: 'request_invalid', message })
}
