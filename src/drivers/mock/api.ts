import type { Capability } from '../../core/capability.ts'
import type { ErrorCode } from '../../core/errors.ts'
import type { FinishReason } from '../../core/finish-reason.ts'
import type { Message } from '../../core/message.ts'
import type { ModelInfo } from '../../core/model-info.ts'
import type { ToolCall } from '../../core/response.ts'
import { abortedError } from '../../transport/failures.ts'
import type { Exchange, Transport, TransportRequest } from '../../transport/transport.ts'
import type { Address, ProviderOptions } from '../rooms.ts'

/** What the scripted model answers: a text, or everything that an answer can be. */
export type MockReply =
  | string
  | {
      readonly text?: string
      /** The pieces in which a stream brings the text. @default its words */
      readonly pieces?: readonly string[]
      readonly reasoning?: string
      readonly toolCalls?: readonly ToolCall[]
      readonly finishReason?: FinishReason
      /** `null`: the counts are not told. @default one token for each word of the messages and of the text */
      readonly usage?: { readonly inputTokens?: number; readonly outputTokens?: number } | null
      /** Fails instead of answering; in the middle of a stream where there is text too. */
      readonly error?: { readonly code: ErrorCode; readonly status?: number; readonly retryAfterMs?: number }
      /** Ends without an end after so many records. */
      readonly cutAfter?: number
      /** After so many records, waits until the promise resolves. */
      readonly hold?: { readonly after: number; readonly until: Promise<unknown> }
    }

/** What the script was asked. */
export interface MockRequest {
  readonly model: string
  readonly messages: readonly Message[]
  readonly stream: boolean
  /** The output limit, where one was sent. */
  readonly maxOutputTokens?: number
  readonly signal: AbortSignal | undefined
}

/** What the scripted model makes of texts. */
export interface MockVectors {
  readonly vectors: readonly (readonly number[])[]
  /** @default not told */
  readonly inputTokens?: number
}

export interface MockOptions extends ProviderOptions {
  /** Vectors for the requests to embed, in order; after the last one, each text becomes its own length and words. */
  readonly embeddings?: readonly MockVectors[]
  /** Replies in order, or a function that makes them; after the last one, `DEFAULT_REPLY`. */
  readonly replies?: readonly MockReply[] | ((request: MockRequest, index: number) => MockReply)
  readonly models?: readonly Partial<ModelInfo>[]
  /** @default all that a script can play: chat, stream, tools, parallel-tools, json-schema, embeddings */
  readonly capabilities?: readonly Capability[]
  /** Whether the server behind it is there. @default true */
  readonly up?: boolean
}

const CHAT_PATH = '/chat'
const EMBED_PATH = '/embed'
export const MODELS_PATH = '/models'
export const DEFAULT_MODEL = 'mock-1'
const DEFAULT_REPLY = 'This is the mock model.'

/** Every chat goes to one path. */
export function chatPath(): string {
  return CHAT_PATH
}

/** And all texts to embed to another. */
export function embedPath(): string {
  return EMBED_PATH
}

/** A script has no address; nothing that is sent to it leaves the process. */
export function toAddress(_options: MockOptions): Address {
  return { baseUrl: 'mock:', hostname: '', headers: {}, secrets: [], deadlines: {} }
}

/** Plays the script in place of a network: the far end of the mock driver. */
export class ScriptedTransport implements Transport {
  readonly requests: MockRequest[] = []
  readonly embedRequests: { readonly model: string; readonly values: readonly string[] }[] = []
  readonly #options: MockOptions

  constructor(options: MockOptions) {
    this.#options = options
  }

  async send(request: TransportRequest): Promise<Exchange> {
    const { models = [{ id: this.#options.model ?? DEFAULT_MODEL }], up = true } = this.#options
    if (!up) return exchange(503, [{ error: { code: 'provider_unavailable' } }], request)
    if (request.url.endsWith(MODELS_PATH)) return exchange(200, [{ models }], request)
    if (request.url.endsWith(EMBED_PATH)) return exchange(200, [this.#embed(request)], request)
    const asked = JSON.parse(String(request.body)) as Omit<MockRequest, 'signal'>
    this.requests.push({ ...asked, signal: request.signal })
    const reply = this.#reply({ ...asked, signal: request.signal })
    const { error, hold } = typeof reply === 'string' ? {} : reply
    const records = toRecords(reply, asked)
    if (error && records.length === 1) return exchange(error.status ?? 500, records, request)
    return asked.stream ? exchange(200, records, request, hold) : exchange(200, [{ records }], request)
  }

  async close(): Promise<void> {}

  #embed({ body }: TransportRequest): MockVectors {
    const { model, values } = JSON.parse(String(body)) as { model: string; values: readonly string[] }
    const index = this.embedRequests.push({ model, values }) - 1
    const counted = values.map(words).reduce((sum, count) => sum + count, 0)
    const vectors = values.map((value) => [value.length, words(value)])
    return this.#options.embeddings?.[index] ?? { vectors, inputTokens: counted }
  }

  #reply(request: MockRequest): MockReply {
    const { replies = [] } = this.#options
    const index = this.requests.length - 1
    return (typeof replies === 'function' ? replies(request, index) : replies[index]) ?? DEFAULT_REPLY
  }
}

/** The records of a reply, each from the model that was asked: text, reasoning, calls, then the end, an error, or nothing where it is cut. */
function toRecords(reply: MockReply, { model, messages }: Pick<MockRequest, 'model' | 'messages'>): object[] {
  const given = typeof reply === 'string' ? { text: reply } : reply
  const text = given.text ?? given.pieces?.join('') ?? ''
  const records: object[] = []
  if (given.reasoning !== undefined) records.push({ reasoning: given.reasoning })
  for (const piece of given.pieces ?? text.split(/(?<= )/)) if (piece !== '') records.push({ text: piece })
  for (const call of given.toolCalls ?? []) records.push({ call })
  const { toolCalls = [], finishReason, usage } = given
  const reason = toolCalls.length > 0 ? 'tool-calls' : 'stop'
  const counted = { inputTokens: wordsOf(messages), outputTokens: words(text) }
  const end = {
    finishReason: finishReason ?? { unified: reason, raw: reason },
    usage: { ...counted, ...usage },
  }
  records.push(given.error ? { error: given.error } : { end: usage === null ? { ...end, usage: {} } : end })
  return records.slice(0, given.cutAfter).map((record) => ({ model, ...record }))
}

function wordsOf(messages: readonly Message[]): number {
  return messages.reduce(
    (sum, { content }) => sum + words(typeof content === 'string' ? content : textOf(content)),
    0,
  )
}

function textOf(parts: Exclude<Message['content'], string>): string {
  return parts.map((part) => ('text' in part ? part.text : '')).join(' ')
}

function words(text: string): number {
  return text.split(/\s+/).filter((word) => word !== '').length
}

function exchange(
  status: number,
  records: readonly object[],
  { signal }: TransportRequest,
  hold?: { readonly after: number; readonly until: Promise<unknown> },
): Exchange {
  return {
    status,
    headers: {},
    abort: () => {},
    consume: async (take) => {
      for (const [index, record] of records.entries()) {
        if (hold?.after === index) await Promise.race([hold.until, abortOf(signal)])
        if (signal?.aborted) throw abortedError(signal.reason)
        await take(new TextEncoder().encode(`${JSON.stringify(record)}\n`))
      }
    },
  }
}

function abortOf(signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
  return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }))
}
