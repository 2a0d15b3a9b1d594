import { Buffer } from 'node:buffer'
import type { Amount } from '../money/amount.ts'
import { systemClock, type Clock } from '../runtime.ts'
import {
  chatAnswer,
  faultAnswer,
  jsonAnswer,
  type OpenAIChatReply,
  type OpenAIStamps,
} from './fake-openai-chat.ts'
import {
  delivered,
  startFarEnd,
  type Answer,
  type FarEnd,
  type FarEndOptions,
  type Gate,
  type RecordedRequest,
} from './far-end.ts'
import { Meters, readPrice, type Meter, type MeteredBill, type MeteredPrice } from './metered-provider-bills.ts'

export type { MeteredBill, MeteredPrice, MeteredRates } from './metered-provider-bills.ts'

const OUTPUT_TOKENS_DEFAULT = 100
const BYTES_PER_TOKEN_DEFAULT = 4
/** What the format of a message takes, and that of a request, in tokens. */
const TOKENS_PER_MESSAGE = 4
const TOKENS_PER_REQUEST = 3
const VECTOR = [0.6, 0, 0.8]

/** Settings of a provider that bills what it does. */
export interface MeteredProviderOptions extends FarEndOptions {
  /** Its models, and what they cost. */
  readonly models: Readonly<Record<string, MeteredPrice>>
  /** Bytes of text that make a token; 1 is the most tokens that a text can have. @default 4 */
  readonly bytesPerToken?: number
  /** How it behaves where no reply was scripted. @default {} */
  readonly manner?: MeteredReply
}

/** How it behaves with one request. */
export interface MeteredReply {
  /** Tokens that the model would write if nothing stopped it. @default 100 */
  readonly outputTokens?: number
  /** Writes them all, and bills them, whatever limit was sent. @default false */
  readonly ignoresLimit?: boolean
  /** Asks for a tool, until so many results of tools are in the conversation. @default 0 */
  readonly toolRounds?: number
  /** Answers with this status, and an error. */
  readonly status?: number
  /** Whether an error comes after all of the work, which is billed. @default false: before it, for nothing */
  readonly billsError?: boolean
  /** Tells no counts. @default false */
  readonly silentUsage?: boolean
  /** How long it takes to write a token, in milliseconds. @default 0 */
  readonly tokenMs?: number
  /** Breaks the line after so many tokens of a stream. */
  readonly cutAfter?: number
  /** Holds the answer back: a stream after `holdAfter` tokens, a whole answer altogether. */
  readonly gate?: Gate
  /** @default 0 */
  readonly holdAfter?: number
  /** Tokens that it goes on to write, and bills, when the client has left or the line broke. @default all of them */
  readonly goesOn?: number
}

/**
 * A stand-in for a provider that counts and bills: real HTTP on loopback, OpenAI's Chat Completions and embeddings, exact
 * dollars. It bills what it read and wrote, whether or not the client waited for it.
 *
 * Counts can be worked out by hand: of input, one token for every `bytesPerToken` bytes of a message and four more for
 * it, and three for the request; of output, one for every piece that is sent.
 */
export interface MeteredProvider extends FarEnd<MeteredReply> {
  /** For clients: the address with its `/v1`. */
  readonly baseUrl: string
  /** Exactly what was charged so far, for all models or one. */
  billed(model?: string): Amount
  /** One for each request that reached a model, oldest first; the newest `BILLS_MAX` are kept. */
  bills(): readonly MeteredBill[]
  /** Resolves when no more tokens are written for anybody. */
  settled(): Promise<void>
  /** Resolves when so many requests have come in since the start. */
  arrived(count: number): Promise<void>
}

const CHAT = '/v1/chat/completions'
const EMBEDDINGS = '/v1/embeddings'
const MODELS = '/v1/models'

/** Starts a provider that bills on a free port. */
export async function startMeteredProvider(options: MeteredProviderOptions): Promise<MeteredProvider> {
  const clock = options.clock ?? systemClock
  const world: World = {
    clock,
    prices: new Map(Object.entries(options.models).map(([name, price]) => [name, readPrice(price)])),
    bytesPerToken: options.bytesPerToken ?? BYTES_PER_TOKEN_DEFAULT,
    meters: new Meters(),
    stamps: stampsOf(clock),
  }
  const arrivals: { count: number; resolve: () => void }[] = []
  const farEnd = await startFarEnd<MeteredReply>(
    {
      mainPath: CHAT,
      speak: async (request, take) => {
        const { requestCount } = farEnd
        for (const one of arrivals.filter(({ count }) => count <= requestCount)) one.resolve()
        const { path } = request
        if (path === MODELS || path.startsWith(`${MODELS}/`)) return modelsAnswer(world, path)
        if (path !== CHAT && path !== EMBEDDINGS) return faultAnswer(404, { message: `No ${path}` })
        const taken = await take()
        const reply = { ...options.manner, ...taken?.reply }
        return path === CHAT ? chat(world, request, reply) : embed(world, request, reply)
      },
    },
    options,
  )
  return Object.assign(farEnd, {
    baseUrl: `${farEnd.url}/v1`,
    billed: (model?: string) => world.meters.total(model),
    settled: () => world.meters.idle(),
    arrived: (count: number) =>
      farEnd.requestCount >= count
        ? Promise.resolve()
        : new Promise<void>((resolve) => arrivals.push({ count, resolve })),
    bills: () => world.meters.bills,
  })
}

type Body = Readonly<Record<string, unknown>>

interface World {
  readonly clock: Clock
  readonly prices: ReadonlyMap<string, ReturnType<typeof readPrice>>
  readonly bytesPerToken: number
  readonly meters: Meters
  readonly stamps: OpenAIStamps
}

function chat(world: World, request: RecordedRequest, reply: MeteredReply): Answer {
  const body = asBody(request)
  const meter = startMeter(world, request, chatTokens(body, world.bytesPerToken))
  if (!meter) return noModel(body)
  const refused = refusalOf(meter, reply)
  if (refused) return refused
  const wanted = reply.outputTokens ?? OUTPUT_TOKENS_DEFAULT
  const limit = reply.ignoresLimit === true ? undefined : limitOf(body)
  const tokens = limit === undefined ? wanted : Math.min(wanted, limit)
  const answer = chatAnswer(body, wireReply(world, body, reply, tokens, meter), world.stamps)
  // OpenAI's own refusal of the body: nothing was done for it.
  if (answer.status !== 200 && answer.status !== undefined) {
    meter.stop('refused', 0)
    return answer
  }
  const work = new Work(world.clock, meter, request, reply, tokens)
  if (body['stream'] !== true) return delivered(failed(answer, reply), { headersGate: work.whole() })
  const cut = reply.cutAfter === undefined ? {} : { cutAfter: reply.cutAfter + 1 }
  return delivered(answer, { gate: work.byToken(), ...cut })
}

function wireReply(
  { bytesPerToken }: World,
  body: Body,
  { silentUsage, toolRounds = 0 }: MeteredReply,
  tokens: number,
  meter: Meter,
): OpenAIChatReply {
  const results = messagesOf(body).filter(({ role }) => role === 'tool').length
  const limit = limitOf(body)
  const calls = results < toolRounds
  return {
    pieces: Array.from({ length: tokens }, () => 'word '.slice(0, bytesPerToken)),
    inputTokens: meter.inputTokens,
    outputTokens: tokens,
    ...(silentUsage === true && { usage: null }),
    ...(calls && { toolCalls: [{ name: 'look', arguments: { at: 'it' } }] }),
    finishReason: calls ? 'tool_calls' : tokens === limit ? 'length' : 'stop',
  }
}

function embed(world: World, request: RecordedRequest, reply: MeteredReply): Answer {
  const body = asBody(request)
  const { input } = body
  const texts = Array.isArray(input) ? input.map(String) : [String(input)]
  const tokens = texts.reduce((sum, text) => sum + 1 + tokensIn(text, world.bytesPerToken), 0)
  const meter = startMeter(world, request, tokens)
  if (!meter) return noModel(body)
  const refused = refusalOf(meter, reply)
  if (refused) return refused
  const packed = Buffer.from(new Float32Array(VECTOR).buffer).toString('base64')
  const embedding = body['encoding_format'] === 'base64' ? packed : VECTOR
  const answer = jsonAnswer({
    object: 'list',
    model: meter.model,
    data: texts.map((_, index) => ({ object: 'embedding', index, embedding })),
    ...(reply.silentUsage !== true && { usage: { prompt_tokens: tokens, total_tokens: tokens } }),
  })
  const work = new Work(world.clock, meter, request, reply, 0)
  return delivered(failed(answer, reply), { headersGate: work.whole() })
}

/** Starts to count for a request; undefined where there is no such model. */
function startMeter(world: World, request: RecordedRequest, inputTokens: number): Meter | undefined {
  const model = String(asBody(request)['model'])
  const rates = world.prices.get(model)
  return rates && world.meters.start({ model, inputTokens }, rates, () => world.clock.now())
}

/** The answer to a request that is refused before any work; undefined where it is not. */
function refusalOf(meter: Meter, { status, billsError = false }: MeteredReply): Answer | undefined {
  if (status === undefined || billsError) return undefined
  meter.stop('refused', 0)
  return faultAnswer(status, { message: 'Refused before any work', type: 'refused' })
}

/** The answer, or the error that comes in its place when everything was done. */
function failed(answer: Answer, { status }: MeteredReply): Answer {
  return status === undefined ? answer : faultAnswer(status, { message: 'Failed after the work', type: 'failed' })
}

/** The writing of one answer: gates that let it out at its pace, and count. */
class Work {
  readonly #clock: Clock
  readonly #meter: Meter
  readonly #reply: MeteredReply
  readonly #tokens: number
  #written = 0
  /** Give up waiting for the test's gate, and for the next token. */
  #cancelGate = (): void => {}
  #cancelTimer = (): void => {}

  constructor(clock: Clock, meter: Meter, request: RecordedRequest, reply: MeteredReply, tokens: number) {
    this.#clock = clock
    this.#meter = meter
    this.#reply = reply
    this.#tokens = tokens
    // A client that leaves while nothing waits for it is noticed by its line.
    void request.closed.then(() => this.#leave())
  }

  /** For an answer that is sent whole: it is held back until everything is written. */
  whole(): Gate {
    const { tokenMs = 0, status } = this.#reply
    const startedMs = this.#clock.elapsed()
    return gateOf((resume) => {
      const end = (): void => {
        this.#meter.stop(status === undefined ? 'answered' : 'failed', this.#tokens)
        resume()
      }
      this.#held(() => this.#after(tokenMs * this.#tokens, end))
      return () => {
        if (tokenMs > 0) this.#written = Math.floor((this.#clock.elapsed() - startedMs) / tokenMs)
        this.#leave()
      }
    })
  }

  /** For a stream: its first record says who speaks, and each one after it is a token, up to the end. */
  byToken(): Gate {
    const { tokenMs = 0, holdAfter = 0, cutAfter } = this.#reply
    let records = 0
    return gateOf((resume) => {
      const written = Math.min(records++, this.#tokens)
      const next = (): void => {
        this.#written = written
        this.#meter.wrote(written)
        if (written === this.#tokens) this.#meter.stop('answered', written)
        else if (written === cutAfter) this.#leave()
        resume()
      }
      if (written > holdAfter) this.#held(() => this.#after(tokenMs, next))
      else this.#after(written === 0 ? 0 : tokenMs, next)
      return () => this.#leave()
    })
  }

  #held(next: () => void): void {
    const { gate } = this.#reply
    if (gate) this.#cancelGate = gate.enter(next)
    else next()
  }

  #after(ms: number, next: () => void): void {
    if (ms > 0) this.#cancelTimer = this.#clock.after(ms, next)
    else next()
  }

  /** Nobody listens any more: the model may not have noticed. */
  #leave(): void {
    this.#cancelGate()
    this.#cancelTimer()
    const { goesOn = Number.POSITIVE_INFINITY } = this.#reply
    this.#meter.stop('left', Math.min(this.#tokens, this.#written + goesOn))
  }
}

function gateOf(enter: Gate['enter']): Gate {
  const nothing = (): void => {}
  return { waiting: 0, open: nothing, pass: nothing, arrival: () => Promise.resolve(), enter }
}

function limitOf(body: Body): number | undefined {
  const limit = body['max_completion_tokens'] ?? body['max_tokens']
  return typeof limit === 'number' ? limit : undefined
}

function chatTokens(body: Body, bytesPerToken: number): number {
  const tools = body['tools'] === undefined ? 0 : tokensIn(JSON.stringify(body['tools']), bytesPerToken)
  return messagesOf(body).reduce((sum, { content, tool_calls: calls }) => {
    const text = typeof content === 'string' ? content : JSON.stringify(content ?? '')
    const called = calls === undefined ? '' : JSON.stringify(calls)
    return sum + TOKENS_PER_MESSAGE + tokensIn(text + called, bytesPerToken)
  }, TOKENS_PER_REQUEST + tools)
}

function messagesOf(body: Body): readonly Body[] {
  const { messages } = body
  return Array.isArray(messages) ? messages.filter((one) => typeof one === 'object' && one !== null) : []
}

function tokensIn(text: string, bytesPerToken: number): number {
  return Math.ceil(Buffer.byteLength(text) / bytesPerToken)
}

function asBody({ body }: RecordedRequest): Body {
  return typeof body === 'object' && body !== null ? (body as Body) : {}
}

function noModel({ model }: Body): Answer {
  return faultAnswer(404, { message: `The model ${String(model)} does not exist`, code: 'model_not_found' })
}

function modelsAnswer({ prices, stamps }: World, path: string): Answer {
  const created = stamps.created()
  const all = [...prices.keys()].map((id) => ({ id, object: 'model', created, owned_by: 'metered' }))
  if (path === MODELS) return jsonAnswer({ object: 'list', data: all })
  const found = all.find(({ id }) => id === decodeURIComponent(path.slice(MODELS.length + 1)))
  return found ? jsonAnswer(found) : noModel({ model: path })
}

function stampsOf(clock: Clock): OpenAIStamps {
  let ids = 0
  return {
    created: () => Math.floor(clock.now() / 1_000),
    id: (prefix) => `${prefix}_${(++ids).toString(36).padStart(12, '0')}`,
  }
}
