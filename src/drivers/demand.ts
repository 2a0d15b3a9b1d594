import type { LineKind } from '../core/cost.ts'
import type { Demand } from '../core/driver.ts'
import { AIError } from '../core/errors.ts'
import type { MediaPart, Message, Part } from '../core/message.ts'
import { mediaOf } from '../core/media-parts.ts'
import type { ChatRequest, EmbedRequest } from '../core/request.ts'
import { mediaTypeByName } from './media-bytes.ts'
import type { JsonSchema } from '../core/schema.ts'

/** What a provider's own formatting of one message takes at most, in tokens. */
const TOKENS_PER_MESSAGE = 32
/** What a provider puts around the messages at most, in tokens. */
const TOKENS_PER_REQUEST = 512

const encoder = new TextEncoder()

/**
 * The most that a request can be billed for, from its own text: a byte-level tokenizer makes no more tokens than there
 * are bytes of UTF-8. Pictures, sounds and files have no such bound here, so that the model's window counts for them.
 */
export function demandOf(request: ChatRequest | EmbedRequest): Demand {
  return 'values' in request ? embedDemand(request) : chatDemand(request)
}

function chatDemand({ messages, tools = [], output, maxOutputTokens, serviceTier }: ChatRequest): Demand {
  let bytes: number | undefined = TOKENS_PER_REQUEST
  for (const message of messages) {
    const one = bytesOf(message)
    bytes = bytes === undefined || one === undefined ? undefined : bytes + one + TOKENS_PER_MESSAGE
  }
  if (bytes !== undefined) {
    for (const tool of tools) bytes += lengthOf(tool) + TOKENS_PER_MESSAGE
    if (output !== undefined) bytes += lengthOf(output)
  }
  return {
    inputTokens: bytes,
    inputKinds: inputKindsOf(messages),
    outputTokens: maxOutputTokens,
    outputKinds: ['output', 'reasoning'],
    outputBound: 'capped',
    toolCalls: [],
    serviceTier,
  }
}

function embedDemand({ values }: EmbedRequest): Demand {
  let bytes = TOKENS_PER_REQUEST
  for (const value of values) bytes += utf8(value) + TOKENS_PER_MESSAGE
  return {
    inputTokens: bytes,
    inputKinds: ['input'],
    outputTokens: 0,
    outputKinds: [],
    outputBound: 'capped',
    toolCalls: [],
    serviceTier: undefined,
  }
}

function inputKindsOf(messages: readonly Message[]): readonly LineKind[] {
  const kinds = new Set<LineKind>(['input', 'cache-write'])
  for (const { content } of messages) {
    if (typeof content === 'string') continue
    for (const part of content.flatMap(mediaOf)) for (const kind of kindsOfPart(part)) kinds.add(kind)
  }
  return [...kinds]
}

/** As what a part could be billed beside text: a file is what its media type, or its name, says, and else anything. */
function kindsOfPart(part: MediaPart): readonly LineKind[] {
  if (part.type === 'image') return ['input-image']
  if (part.type === 'audio') return ['input-audio']
  const { url = '', mediaType = mediaTypeByName(url) ?? '' } = part
  const [family = ''] = mediaType.split('/')
  if (family === 'text') return []
  // The pages of a document are looked at, too.
  if (family === 'image' || mediaType === 'application/pdf') return ['input-image']
  if (family === 'audio') return ['input-audio']
  return family === 'video' ? ['input-video', 'input-audio'] : ['input-image', 'input-audio', 'input-video']
}

function bytesOf({ content }: Message): number | undefined {
  if (typeof content === 'string') return utf8(content)
  let bytes = 0
  for (const part of content) {
    const one = bytesOfPart(part)
    if (one === undefined) return undefined
    bytes += one
  }
  return bytes
}

function bytesOfPart(part: Part): number | undefined {
  if (part.type === 'text') return utf8(part.text) + (part.providerData === undefined ? 0 : lengthOf(part))
  if (mediaOf(part).length > 0) return undefined
  // What a provider kept of its own thinking comes back with it, and may be billed.
  return lengthOf(part)
}

/** The same with more text in it than the request itself shows. */
export function withMore<D extends Demand>(demand: D, bytes: number): D {
  const { inputTokens } = demand
  return inputTokens === undefined || bytes === 0 ? demand : { ...demand, inputTokens: inputTokens + bytes }
}

/** By how many bytes the schemas of a request grow on their way to the wire, where a provider does not take them as they are. */
export function schemaGrowth(
  { tools = [], output }: ChatRequest,
  toWire: (schema: JsonSchema) => unknown,
): number {
  const schemas = [...tools.map(({ input }) => input), ...(output === undefined ? [] : [output])]
  let bytes = 0
  for (const schema of schemas) {
    const more = lengthOf(toWire(schema)) - lengthOf(schema)
    if (more > 0) bytes += more
  }
  return bytes
}

/** What fields beside the conversation take as JSON, in bytes of UTF-8. */
export function fieldsLength(fields: object): number {
  return Object.keys(fields).length === 0 ? 0 : lengthOf(fields)
}

function lengthOf(value: unknown): number {
  let json: string | undefined
  try {
    json = JSON.stringify(value)
  } catch (cause) {
    const message =
      'A message, a tool or a schema holds what JSON cannot say, such as a BigInt or an object within itself: leave it out'
    throw new AIError({ code: 'request_invalid', message, cause })
  }
  return utf8(json ?? '')
}

function utf8(text: string): number {
  return encoder.encode(text).length
}
