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
  type RecordedRequest,
} from './far-end.ts'
import {
  Meters,
  readPrice,
  type Meter,
  type MeteredBill,
  type MeteredPrice,
} from './metered-provider-bills.ts'
import { Work, type MeteredReply } from './metered-provider-work.ts'

export type { MeteredBill, MeteredPrice, MeteredRates } from './metered-provider-bills.ts'
export type { MeteredReply } from './metered-provider-work.ts'

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
  /** Resolves when nobody is answered, and no more tokens are written, also not for clients that left. */
  settled(): Promise<void>
  /** Resolves when the meters of so many requests have been started, or were refused, since the start. */
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
  const heard = new Heard()
  const farEnd = await startFarEnd<MeteredReply>(
    {
      mainPath: CHAT,
      speak: async (request, take) => {
        const taken = await take()
        const answer = answerTo(world, request, { ...options.manner, ...taken?.reply })
        heard.one()
        return answer
      },
    },
    options,
  )
  return Object.assign(farEnd, {
    baseUrl: `${farEnd.url}/v1`,
    billed: (model?: string) => world.meters.total(model),
    bills: () => world.meters.bills,
    arrived: (count: number) => heard.reach(count),
    settled: async () => {
      for (let turn = 0; turn < SETTLE_TURNS; turn++) {
        await farEnd.idle()
        await world.meters.idle()
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  })
}

/** Turns of the event loop in which a request is noticed that a client sent just before it died. */
const SETTLE_TURNS = 5

/** How many requests were understood, and who waits for them. */
class Heard {
  #count = 0
  readonly #waiting = new Set<{ readonly count: number; readonly resolve: () => void }>()

  one(): void {
    this.#count++
    for (const waiting of this.#waiting) {
      if (waiting.count > this.#count) continue
      this.#waiting.delete(waiting)
      waiting.resolve()
    }
  }

  reach(count: number): Promise<void> {
    if (this.#count >= count) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.add({ count, resolve }))
  }
}

function answerTo(world: World, request: RecordedRequest, reply: MeteredReply): Answer {
  const { path } = request
  if (path === CHAT) return chat(world, request, reply)
  if (path === EMBEDDINGS) return embed(world, request, reply)
  if (path === MODELS || path.startsWith(`${MODELS}/`)) return modelsAnswer(world, path)
  return faultAnswer(404, { message: `There is no ${path}` })
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
  { tells = 'counts', names, spoils, toolRounds = 0 }: MeteredReply,
  tokens: number,
  meter: Meter,
): OpenAIChatReply {
  const results = messagesOf(body).filter(({ role }) => role === 'tool').length
  const limit = limitOf(body)
  const calls = results < toolRounds
  return {
    pieces: Array.from({ length: tokens }, () => 'word '.slice(0, bytesPerToken)),
    inputTokens: tells === 'zeros' ? 0 : meter.inputTokens,
    outputTokens: tells === 'zeros' ? 0 : tokens,
    ...(tells === 'nothing' && { usage: null }),
    ...(names !== undefined && { model: names }),
    ...(spoils !== undefined && body['stream'] === true && { error: { message: 'Spoilt', code: spoils } }),
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
  const told = reply.tells === 'zeros' ? 0 : tokens
  const packed = Buffer.from(new Float32Array(VECTOR).buffer).toString('base64')
  const embedding = body['encoding_format'] === 'base64' ? packed : VECTOR
  const answer = jsonAnswer({
    object: 'list',
    model: meter.model,
    data: texts.map((_, index) => ({ object: 'embedding', index, embedding })),
    ...(reply.tells !== 'nothing' && { usage: { prompt_tokens: told, total_tokens: told } }),
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

/** The answer, or what comes in its place when everything was done: an error, or a half of it. */
function failed(answer: Answer, { status, spoils }: MeteredReply): Answer {
  if (status !== undefined) return faultAnswer(status, { message: 'Failed after the work', type: 'failed' })
  if (spoils === undefined) return answer
  return { ...answer, records: answer.records.map((record) => record.slice(0, record.length / 2)) }
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
