import { createHash } from 'node:crypto'
import {
  delivered,
  startFarEnd,
  type Answer,
  type FarEnd,
  type FarEndOptions,
  type RecordedRequest,
} from './far-end.ts'
import {
  defaultReply,
  exactAnswer,
  modelAnswer,
  type GeminiReply,
  type GeminiStamps,
} from './fake-gemini-chat.ts'
import {
  asObject,
  decodeAsk,
  decodeBody,
  GeminiRefusal,
  INPUT_TOKENS_MAX,
  jsonAnswer,
  keyFault,
  refused,
  tokensIn,
  type FakeGeminiModel,
} from './fake-gemini-request.ts'

export type { FakeGeminiToolCall, GeminiReply } from './fake-gemini-chat.ts'
export type { FakeGeminiModel } from './fake-gemini-request.ts'

/** Settings of a stand-in for the Gemini API. */
export interface FakeGeminiOptions extends FarEndOptions {
  /** Names, or more. @default gemini-3.8-flash, gemini-2.5-flash and gemini-embedding-001 */
  readonly models?: readonly (string | FakeGeminiModel)[]
  /** Keys that are taken. @default any */
  readonly keys?: readonly string[]
}

/**
 * A stand-in for the Gemini API: real HTTP on loopback, `v1beta`, answers that a test scripts.
 *
 * Counts can be worked out by hand. `promptTokenCount` is one for every part and one for every word of its text.
 * `candidatesTokenCount` is one for every piece of text and one for every call, `thoughtsTokenCount` one for every word
 * that was thought, shown or not. Counts in a stream are those of the answer so far, and a count of zero is left out. For an
 * embedding it is one for every text and one for every word of it.
 *
 * `reply` and `default` are about answers of the model, whatever the model is and whether they are streamed.
 */
export interface FakeGemini extends FarEnd<string | GeminiReply> {
  /** What a client is configured with: `url` and the version. */
  readonly baseUrl: string
}

const VERSION_PATH = '/v1beta'
const MODELS_PATH = `${VERSION_PATH}/models`
const GENERATE = /^\/v1beta\/(?:models|tunedModels)\/[^/:]+:(?:g|streamG)enerateContent$/
const DEFAULT_MODELS = ['gemini-3.8-flash', 'gemini-2.5-flash', 'gemini-embedding-001']
const OUTPUT_TOKENS_MAX = 65_536
const PAGE_SIZE = 50
const PAGE_SIZE_MAX = 1_000
const EMBED_BATCH_MAX = 100

/** Starts a stand-in for the Gemini API on a free port. */
export async function fakeGemini(options: FakeGeminiOptions = {}): Promise<FakeGemini> {
  const models = (options.models ?? DEFAULT_MODELS).map((one) =>
    typeof one === 'string' ? { name: one } : one,
  )
  const world: World = { models, keys: options.keys ?? [], stamps: new Counter() }
  const farEnd = await startFarEnd<string | GeminiReply>(
    {
      mainPath: 'generateContent',
      isMain: (path) => GENERATE.test(path),
      speak: async (request, take) => {
        const taken = await take()
        const reply = typeof taken?.reply === 'string' ? { text: taken.reply } : taken?.reply
        const exact = reply && exactAnswer(reply, request.path.endsWith(':streamGenerateContent'))
        if (exact) return exact
        let used = false
        const answer = routed(world, request, () => {
          used = true
          return reply
        })
        // The model had nothing to say to this one: the reply waits for a request that it answers.
        if (!used) taken?.putBack()
        return answer
      },
    },
    options,
  )
  return Object.assign(farEnd, { baseUrl: farEnd.url + VERSION_PATH })
}

interface World {
  readonly models: readonly FakeGeminiModel[]
  readonly keys: readonly string[]
  readonly stamps: GeminiStamps
}

type Saying = () => GeminiReply | undefined

function routed(world: World, request: RecordedRequest, saying: Saying): Answer {
  const { method, path } = request
  const fault = keyFault(request, world.keys)
  if (fault) return fault.answer
  if (method === 'GET' && path === MODELS_PATH) return listAnswer(world, request)
  const [, name = '', verb] = /^\/v1beta\/models\/([^/:]+)(?::(\w+))?$/.exec(decodeURIComponent(path)) ?? []
  if (name === '') return notThere()
  const model = world.models.find((one) => one.name === name)
  if (method === 'GET' && verb === undefined) {
    return model ? jsonAnswer(described(model)) : refused(404, missing(name, 'GetModel')).answer
  }
  if (method !== 'POST') return notThere()
  const act = VERBS[verb ?? '']
  if (!act) return notThere()
  if (!model || !methodsOf(model).includes(act.method)) return refused(404, missing(name, act.method)).answer
  return act.answer(world, request, model, saying)
}

interface Verb {
  /** What a model must support for it. */
  readonly method: string
  readonly answer: (world: World, request: RecordedRequest, model: FakeGeminiModel, saying: Saying) => Answer
}

const VERBS: Readonly<Record<string, Verb>> = {
  generateContent: { method: 'generateContent', answer: generate(false) },
  streamGenerateContent: { method: 'generateContent', answer: generate(true) },
  embedContent: { method: 'embedContent', answer: (_, request, model) => embedAnswer(request, model) },
  batchEmbedContents: {
    method: 'embedContent',
    answer: (_, request, model, saying) => delivered(batchAnswer(request, model), saying() ?? {}),
  },
}

function generate(stream: boolean): Verb['answer'] {
  return ({ stamps }, request, model, saying) => {
    const ask = decodeAsk(request, model, stream)
    if (ask instanceof GeminiRefusal) return ask.answer
    return modelAnswer(ask, saying() ?? defaultReply(ask), stamps)
  }
}

/** What Google's front end says to a path that it does not know: a page, and no JSON. */
function notThere(): Answer {
  return {
    status: 404,
    headers: { 'Content-Type': 'text/html; charset=UTF-8' },
    records: [
      '<!DOCTYPE html><html lang=en><title>Error 404 (Not Found)!!1</title><p><b>404.</b> That’s an error.',
    ],
  }
}

function missing(name: string, method: string): string {
  return `models/${name} is not found for API version v1beta, or is not supported for ${method}. Call ListModels to see the list of available models and their supported methods.`
}

function methodsOf({ name, supportedGenerationMethods }: FakeGeminiModel): readonly string[] {
  if (supportedGenerationMethods) return supportedGenerationMethods
  return name.includes('embedding') ? ['embedContent', 'countTokens'] : ['generateContent', 'countTokens']
}

function described(model: FakeGeminiModel): unknown {
  const generates = methodsOf(model).includes('generateContent')
  return {
    name: `models/${model.name}`,
    version: '001',
    displayName: model.name,
    inputTokenLimit: model.inputTokenLimit ?? (generates ? INPUT_TOKENS_MAX : 2_048),
    outputTokenLimit: model.outputTokenLimit ?? (generates ? OUTPUT_TOKENS_MAX : 1),
    supportedGenerationMethods: methodsOf(model),
    ...(generates ? { temperature: 1, topP: 0.95, topK: 64, maxTemperature: 2 } : {}),
    ...((model.thinking ?? generates) ? { thinking: true } : {}),
  }
}

/** A page of the models; its token is the number of the first model of the next one. */
function listAnswer({ models }: World, request: RecordedRequest): Answer {
  const query = new URLSearchParams(request.query)
  const size = Math.min(Number(query.get('pageSize') ?? PAGE_SIZE) || PAGE_SIZE, PAGE_SIZE_MAX)
  const from = Number(query.get('pageToken') ?? 0) || 0
  const page = models.slice(from, from + size)
  const next = from + size < models.length ? { nextPageToken: String(from + size) } : {}
  return jsonAnswer({ models: page.map(described), ...next })
}

function embedAnswer(request: RecordedRequest, model: FakeGeminiModel): Answer {
  const body = decodeBody(request)
  if (body instanceof GeminiRefusal) return body.answer
  const content = asObject(body['content'])
  if (!content) return refused(400, '* EmbedContentRequest.content: content is not specified\n').answer
  return jsonAnswer({ embedding: { values: vectorOf(model, body) } })
}

function batchAnswer(request: RecordedRequest, model: FakeGeminiModel): Answer {
  const body = decodeBody(request)
  if (body instanceof GeminiRefusal) return body.answer
  const asked: unknown[] = Array.isArray(body['requests']) ? body['requests'] : []
  const requests = asked.map(asObject).filter((one) => one !== undefined)
  if (requests.length === 0 || requests.some((one) => one['model'] !== `models/${model.name}`)) {
    return refused(400, '* BatchEmbedContentsRequest.requests: requests must name the model of the path\n')
      .answer
  }
  if (requests.length > EMBED_BATCH_MAX) {
    const message = `* BatchEmbedContentsRequest.requests: at most ${EMBED_BATCH_MAX} requests can be in one batch\n`
    return refused(400, message).answer
  }
  const contents = requests.map((one) => asObject(one['content']) ?? {})
  return jsonAnswer({
    embeddings: requests.map((one) => ({ values: vectorOf(model, one) })),
    usageMetadata: { promptTokenCount: tokensIn(contents) },
  })
}

const DIMENSIONS = 3_072
const HASH_BYTES = 32

/** A vector made of a text's bytes, of length 1 in full size: the same text has the same one, in every run. */
function vectorOf({ name }: FakeGeminiModel, request: Readonly<Record<string, unknown>>): number[] {
  const asked = request['outputDimensionality']
  const length = typeof asked === 'number' && asked > 0 ? Math.min(asked, DIMENSIONS) : DIMENSIONS
  const hash = createHash('sha256')
    .update(name)
    .update(JSON.stringify(request['content']) ?? '')
    .digest()
  const bytes = Array.from({ length: DIMENSIONS }, (_, index) => (hash[index % HASH_BYTES] ?? 0) - 127.5)
  const size = Math.hypot(...bytes)
  return bytes.slice(0, length).map((byte) => byte / size)
}

/** Ids and signatures: all different, the same in every run. */
class Counter implements GeminiStamps {
  #answers = 0
  #calls = 0
  #signatures = 0

  responseId(): string {
    return `fake${String(++this.#answers).padStart(18, '0')}`
  }

  callId(): string {
    return (++this.#calls).toString(36).padStart(8, '0')
  }

  signature(): string {
    return Buffer.from(`signature ${++this.#signatures}`).toString('base64')
  }
}
