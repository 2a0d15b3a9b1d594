import { isMedia, resultsIn } from '../../core/media-parts.ts'
import type {
  MediaPart,
  Message,
  Part,
  ReasoningPart,
  ToolCallPart,
  ToolResultPart,
} from '../../core/message.ts'
import { invalid } from '../read-ask.ts'
import { resultText, toWireId } from '../tool-call.ts'
import { keptBy, THOUGHT_FIELDS, type Wire } from './beside.ts'

/** What differs between servers in how they take a conversation. */
export interface MessageQuirks {
  /** Whether thoughts of the turn that goes on are sent back in the field that they came in. */
  readonly takesThoughts: boolean
  /** How closely pictures are looked at; undefined leaves it to the server. */
  readonly imageDetail?: string | undefined
}

/** The messages of a conversation, in order; each result of a tool becomes one of its own. */
export function toWireMessages(messages: readonly Message[], quirks: MessageQuirks): Wire[] {
  const lastUser = messages.findLastIndex(({ role }) => role === 'user')
  return messages.flatMap((message, index) => {
    const { role, content } = message
    // OpenAI takes it for `developer`, which many compatible servers do not know.
    if (role === 'system') return [{ role, content: textOf(content) }]
    if (role === 'user') return [{ role, content: toUserContent(content, quirks) }]
    if (role === 'tool') return toWireResults(message)
    // Thoughts belong to the turn that they were had in: servers want them back while tools are run, and not later.
    return [toAssistant(content, quirks.takesThoughts && index > lastUser)]
  })
}

/** One text where there is nothing but text: not every server takes parts. */
function toUserContent(content: Message['content'], quirks: MessageQuirks): unknown {
  if (typeof content === 'string' || content.every((part) => part.type === 'text')) return textOf(content)
  return content.flatMap((part) => {
    if (part.type === 'text') return part.text === '' ? [] : [{ type: 'text', text: part.text }]
    return isMedia(part) ? [toWireMedia(part, quirks)] : []
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

function toWireMedia(part: MediaPart, { imageDetail: detail }: MessageQuirks): Wire {
  const { type, data, url, fileId, mediaType, name } = part
  if (fileId !== undefined) {
    if (type === 'file') return { type: 'file', file: { file_id: fileId } }
    throw invalid(
      `Chat Completions takes file ids of files only, and of no ${type}: pass its bytes or its address`,
    )
  }
  const address = typeof data === 'string' ? `data:${mediaType ?? ''};base64,${data}` : url
  if (address === undefined) throw invalid(`The ${type} has neither data nor url: pass one of them`)
  if (type === 'image')
    return { type: 'image_url', image_url: { url: address, ...(detail !== undefined && { detail }) } }
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
  const calls = content.flatMap((part) =>
    part.type === 'tool-call' ? [toWireCall(part, takesThoughts)] : [],
  )
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
  const thoughts = content.filter((part) => part.type === 'reasoning')
  const details = thoughts.flatMap((part) => keptBy(part).details ?? [])
  if (details.length > 0) return { reasoning_details: details }
  const own = thoughts.filter((part) => fieldOf(part) !== undefined)
  const field = own[0] && fieldOf(own[0])
  return field === undefined ? {} : { [field]: own.map(({ text }) => text).join('') }
}

function fieldOf(part: ReasoningPart): string | undefined {
  return THOUGHT_FIELDS.find((name) => name === keptBy(part).field)
}

function toWireCall(part: ToolCallPart, takesThoughts: boolean): Wire {
  const { id, name, arguments: given } = part
  const { extra } = takesThoughts ? keptBy(part) : {}
  return {
    id: toWireId(id),
    type: 'function',
    function: { name, arguments: JSON.stringify(given) },
    ...(extra !== undefined && { extra_content: extra }),
  }
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

function textOf(content: Message['content']): string {
  if (typeof content === 'string') return content
  let text = ''
  for (const part of content) if (part.type === 'text') text += part.text
  return text
}
