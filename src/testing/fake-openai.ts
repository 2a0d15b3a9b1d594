import { systemClock, type Clock } from '../runtime.ts'
import {
  chatAnswer,
  exactChatAnswer,
  faultAnswer,
  jsonAnswer,
  type OpenAIFault,
  type OpenAIStamps,
} from './fake-openai-chat.ts'
import { exactResponsesAnswer, responsesAnswer, textIn, type OpenAIReply } from './fake-openai-responses.ts'
import {
  delivered,
  startFarEnd,
  type Answer,
  type FarEnd,
  type FarEndOptions,
  type RecordedRequest,
} from './far-end.ts'

export type { OpenAIFault, OpenAIToolCall } from './fake-openai-chat.ts'
export type { OpenAIReply } from './fake-openai-responses.ts'

/** A model that the stand-in has. */
export interface FakeOpenAIModel {
  readonly id: string
  /** @default 'openai' */
  readonly ownedBy?: string
  /** The day on which it is switched off. @default null */
  readonly shutdownDate?: string
  /** Numbers in a vector, for a model that embeds. @default 8 */
  readonly dimensions?: number
}

/** Settings of a stand-in for OpenAI. */
export interface FakeOpenAIOptions extends FarEndOptions {
  /** Ids, or more. @default gpt-6-luna and text-embedding-3-small */
  readonly models?: readonly (string | FakeOpenAIModel)[]
  /** Keys that are taken. @default any that is not empty */
  readonly keys?: readonly string[]
  /** Whether it is a compatible server that asks for no key. @default false */
  readonly keyless?: boolean
  /** Which API `reply` and `default` are about. @default 'responses' */
  readonly dialect?: 'responses' | 'chat'
  /** What every answer says of limits: `{ 'x-ratelimit-remaining-requests': '9' }`. @default nothing */
  readonly rateLimits?: Readonly<Record<string, string>>
}

/**
 * A stand-in for the API of OpenAI: real HTTP on loopback, Responses, Chat Completions, embeddings and the list of models,
 * answers that a test scripts. Counts can be worked out by hand: of the input one for every item and every word of it, of
 * the output one for every piece of text, every word that was thought, every tool call, and one for the end. For an
 * embedding it is one for every text and one for every word of it, and the same text always gives the same vector.
 */
export interface FakeOpenAI extends FarEnd<string | OpenAIReply> {
  /** What a client is configured with: `url` and the version. */
  readonly baseUrl: string
}

const VERSION_PATH = '/v1'
const CREATED = 1_790_000_000

/** Starts a stand-in for OpenAI on a free port. */
export async function fakeOpenAI(options: FakeOpenAIOptions = {}): Promise<FakeOpenAI> {
  const given = options.models ?? ['gpt-6-luna', 'text-embedding-3-small']
  const models = given.map((one) => (typeof one === 'string' ? { id: one } : one))
  const world: World = { models, options, stamps: new Counter(options.clock ?? systemClock) }
  const mainPath = options.dialect === 'chat' ? CHAT_PATH : RESPONSES_PATH
  const farEnd = await startFarEnd<string | OpenAIReply>(
    {
      mainPath,
      speak: async (request, take) => {
        const taken = await take()
        const reply = typeof taken?.reply === 'string' ? { text: taken.reply } : taken?.reply
        const exact =
          reply && (request.path === CHAT_PATH ? exactChatAnswer(reply) : exactResponsesAnswer(reply))
        if (exact) return withHeaders(world, exact)
        let used = false
        const answer = routed(world, request, () => {
          used = true
          return reply
        })
        // The model had nothing to say to this one: the reply waits for a request that it answers.
        if (!used) taken?.putBack()
        return withHeaders(world, answer)
      },
    },
    options,
  )
  return Object.assign(farEnd, { baseUrl: farEnd.url + VERSION_PATH })
}

const RESPONSES_PATH = `${VERSION_PATH}/responses`
const CHAT_PATH = `${VERSION_PATH}/chat/completions`
const EMBEDDINGS_PATH = `${VERSION_PATH}/embeddings`
const MODELS_PATH = `${VERSION_PATH}/models`

interface World {
  readonly models: readonly FakeOpenAIModel[]
  readonly options: FakeOpenAIOptions
  readonly stamps: OpenAIStamps
}

type Saying = () => OpenAIReply | undefined

/** What OpenAI puts on every answer. */
function withHeaders({ stamps, options }: World, answer: Answer): Answer {
  const own = { 'x-request-id': stamps.id('req'), 'openai-processing-ms': '7', ...options.rateLimits }
  return { ...answer, headers: { ...own, ...answer.headers } }
}

function routed(world: World, request: RecordedRequest, saying: Saying): Answer {
  const refused = keyFault(world, request)
  if (refused) return refused
  const { method, path } = request
  if (method === 'GET' && path === MODELS_PATH)
    return jsonAnswer({ object: 'list', data: world.models.map(described) })
  if (method === 'GET' && path.startsWith(`${MODELS_PATH}/`)) return oneModel(world, path)
  if (method === 'POST' && path === EMBEDDINGS_PATH) return embeddings(world, request, saying)
  if (method === 'POST' && path === RESPONSES_PATH) {
    return answered(world, request, (asked) =>
      responsesAnswer(asked, saying() ?? { text: echoOf(asked['input']) }, world.stamps),
    )
  }
  if (method === 'POST' && path === CHAT_PATH) {
    return answered(world, request, (asked) =>
      chatAnswer(asked, saying() ?? { text: echoOf(asked['messages']) }, world.stamps),
    )
  }
  return faultAnswer(404, { message: `Invalid URL (${method} ${path})` })
}

function keyFault({ options }: World, { headers }: RecordedRequest): Answer | undefined {
  if (options.keyless) return undefined
  const key = /^Bearer (.+)$/.exec(headers['authorization'] ?? '')?.[1]
  if (key !== undefined && (options.keys === undefined || options.keys.includes(key))) return undefined
  const message =
    key === undefined
      ? "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth."
      : `Incorrect API key provided: ${key.slice(0, 2)}***. You can find your API key at https://platform.openai.com/account/api-keys.`
  return faultAnswer(401, { message, code: 'invalid_api_key' })
}

function described({ id, ownedBy = 'openai', shutdownDate }: FakeOpenAIModel): object {
  return { id, object: 'model', created: CREATED, owned_by: ownedBy, shutdown_date: shutdownDate ?? null }
}

function oneModel({ models }: World, path: string): Answer {
  const id = decodeURIComponent(path.slice(MODELS_PATH.length + 1))
  const model = models.find((one) => one.id === id)
  return model ? jsonAnswer(described(model)) : noModel(id)
}

function noModel(id: unknown): Answer {
  const message = `The model '${String(id)}' does not exist or you do not have access to it.`
  return faultAnswer(404, { message, code: 'model_not_found' })
}

function answered({ models }: World, { body }: RecordedRequest, say: (asked: Body) => Answer): Answer {
  if (!isObject(body)) return faultAnswer(400, NOT_JSON)
  if (typeof body['model'] === 'string' && !models.some(({ id }) => id === body['model']))
    return noModel(body['model'])
  return say(body)
}

const NOT_JSON: OpenAIFault = {
  message:
    "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly.)",
}

type Body = Readonly<Record<string, unknown>>

/** Most texts that OpenAI takes in one request. */
const EMBED_VALUES_MAX = 2_048
const DIMENSIONS = 8

function embeddings(world: World, { body }: RecordedRequest, saying: Saying): Answer {
  const { model, input, dimensions, encoding_format: format } = isObject(body) ? body : {}
  const known = world.models.find(({ id }) => id === model)
  if (!known) return noModel(model)
  const texts: readonly unknown[] = Array.isArray(input) ? input : [input]
  if (texts.length === 0 || texts.some((text) => typeof text !== 'string' || text === ''))
    return faultAnswer(400, { message: "'$.input' is invalid. Please check the API reference.", param: null })
  if (texts.length > EMBED_VALUES_MAX) {
    const message = `Invalid 'input': array too long. Expected an array with maximum length ${EMBED_VALUES_MAX}, but got an array with length ${texts.length} instead.`
    return faultAnswer(400, { message, param: 'input', code: 'array_above_max_length' })
  }
  const length = typeof dimensions === 'number' ? dimensions : (known.dimensions ?? DIMENSIONS)
  const data = texts.map((text, index) => {
    const vector = vectorOf(String(text), length)
    return { object: 'embedding', index, embedding: format === 'base64' ? toBase64(vector) : vector }
  })
  const count = texts.reduce(
    (sum: number, text) => sum + 1 + String(text).split(/\s+/).filter(Boolean).length,
    0,
  )
  const usage = { prompt_tokens: count, total_tokens: count }
  return delivered(jsonAnswer({ object: 'list', data, model, usage }), saying() ?? {})
}

/** Numbers that depend on nothing but the text, between -1 and 1, as 32 bits hold them. */
function vectorOf(text: string, length: number): number[] {
  let seed = text.length + 1
  for (const char of text) seed = (seed * 31 + (char.codePointAt(0) ?? 0)) % 2_147_483_647
  return Array.from({ length }, () => {
    seed = (seed * 48_271) % 2_147_483_647
    return Math.fround((seed / 2_147_483_647) * 2 - 1)
  })
}

/** Little-endian floats of 32 bits. */
export function toBase64(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4)
  return bytes.toString('base64')
}

/** What is said where nothing is scripted. */
function echoOf(input: unknown): string {
  const last: unknown = Array.isArray(input) ? input.at(-1) : undefined
  return `You said: ${Array.isArray(input) ? textIn(last) : String(input)}`
}

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Times and ids: all different, the same in every run but for the clock. */
class Counter implements OpenAIStamps {
  readonly #clock: Clock
  #count = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  created(): number {
    return Math.floor(this.#clock.now() / 1_000)
  }

  id(prefix: string): string {
    const number = String(++this.#count).padStart(24, '0')
    return prefix === 'chatcmpl' ? `chatcmpl-${number}` : `${prefix}_${number}`
  }
}
