import { systemClock, type Clock } from '../runtime.ts'
import {
  exactXaiAnswer,
  faultAnswer,
  isObject,
  responsesAnswer,
  type XaiReply,
  type XaiStamps,
} from './fake-xai-responses.ts'
import { jsonAnswer } from './fake-openai-chat.ts'
import { startFarEnd, type Answer, type FarEnd, type FarEndOptions, type RecordedRequest } from './far-end.ts'

export type { XaiFault, XaiReply, XaiServerCall } from './fake-xai-responses.ts'

/** A model that the stand-in has. */
export interface FakeXaiModel {
  readonly id: string
  readonly aliases?: readonly string[]
  /** Cents for a hundred million tokens. @default 12500, 2000 and 25000 */
  readonly prices?: { readonly input: number; readonly cached: number; readonly output: number }
  /** @default ['text', 'image'] */
  readonly inputModalities?: readonly string[]
}

/** Settings of a stand-in for xAI. */
export interface FakeXaiOptions extends FarEndOptions {
  /** Ids, or more. @default grok-4.3 and grok-4.7 */
  readonly models?: readonly (string | FakeXaiModel)[]
  /** Keys that are taken. @default any that is not empty */
  readonly keys?: readonly string[]
  /** What `/v1/api-key` says of the key, beside its name. */
  readonly key?: Readonly<Record<string, unknown>>
}

/**
 * A stand-in for the API of xAI: real HTTP on loopback, `/v1/responses` and what lists models and keys, answers that a
 * test scripts. Counts can be worked out by hand: of the input one for every item and every word of it, of the output one
 * for every piece of text, every word that was thought, every tool call, and one for the end.
 */
export interface FakeXai extends FarEnd<string | XaiReply> {
  /** What a client is configured with: `url` and the version. */
  readonly baseUrl: string
}

const VERSION_PATH = '/v1'
const CREATED = 1_790_000_000

/** Starts a stand-in for xAI on a free port. */
export async function fakeXai(options: FakeXaiOptions = {}): Promise<FakeXai> {
  const given = options.models ?? ['grok-4.3', 'grok-4.7']
  const models = given.map((one) => (typeof one === 'string' ? { id: one } : one))
  const world: World = {
    models,
    options,
    issued: new Map(),
    stamps: new Counter(options.clock ?? systemClock),
  }
  const farEnd = await startFarEnd<string | XaiReply>(
    {
      mainPath: `${VERSION_PATH}/responses`,
      speak: async (request, take) => {
        const taken = await take()
        const reply = typeof taken?.reply === 'string' ? { text: taken.reply } : taken?.reply
        const exact = reply && exactXaiAnswer(reply)
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
  readonly models: readonly FakeXaiModel[]
  readonly options: FakeXaiOptions
  /** What was given out to be kept, by the id of its item: it must come back as it was. */
  readonly issued: Map<string, string>
  readonly stamps: XaiStamps
}

type Saying = () => XaiReply | undefined

function routed(world: World, request: RecordedRequest, saying: Saying): Answer {
  const { models, options } = world
  const refused = keyFault(request, options.keys ?? [])
  if (refused) return refused
  const route = `${request.method} ${request.path.slice(VERSION_PATH.length)}`
  if (route === 'POST /responses') return respond(world, request, saying)
  if (route === 'GET /api-key') return jsonAnswer({ ...KEY, ...options.key })
  if (route === 'GET /language-models') return jsonAnswer({ models: models.map(described) })
  if (route === 'GET /models') {
    const data = models.map(({ id }) => ({ id, object: 'model', created: CREATED, owned_by: 'xai' }))
    return jsonAnswer({ object: 'list', data })
  }
  return { status: 404, headers: { 'Content-Type': 'text/plain' }, records: ['Not found'] }
}

const KEY = {
  redacted_api_key: 'xai-...b14o',
  name: 'stand-in',
  acls: ['api-key:endpoint:*', 'api-key:model:*'],
  api_key_blocked: false,
  api_key_disabled: false,
  team_blocked: false,
}

function keyFault({ headers }: RecordedRequest, keys: readonly string[]): Answer | undefined {
  const key = /^Bearer (.+)$/.exec(headers['authorization'] ?? '')?.[1]
  if (key === undefined) return faultAnswer(401, { code: 'unauthenticated', error: 'Missing credentials' })
  if (keys.length === 0 || keys.includes(key)) return undefined
  // A wrong key is a bad argument here.
  const error = 'Incorrect API key provided: xa***. You can obtain an API key from https://console.x.ai.'
  return faultAnswer(400, { code: INVALID, error })
}

const INVALID = 'Client specified an invalid argument'

function described({ id, aliases = [], prices, inputModalities = ['text', 'image'] }: FakeXaiModel): object {
  const { input, cached, output } = prices ?? { input: 12_500, cached: 2_000, output: 25_000 }
  return {
    id,
    fingerprint: 'fp_stand_in',
    created: CREATED,
    object: 'model',
    owned_by: 'xai',
    version: '1.0',
    input_modalities: inputModalities,
    output_modalities: ['text'],
    prompt_text_token_price: input,
    cached_prompt_text_token_price: cached,
    prompt_image_token_price: input,
    completion_text_token_price: output,
    search_price: 0,
    aliases,
  }
}

function respond(world: World, { body }: RecordedRequest, saying: Saying): Answer {
  const asked = isObject(body) ? body : undefined
  if (!asked) return faultAnswer(400, { code: INVALID, error: 'Failed to parse the request body as JSON' })
  const { model } = asked
  const known = world.models.some(({ id, aliases = [] }) => id === model || aliases.includes(String(model)))
  if (!known) {
    const error = `The model ${String(model)} does not exist or your team does not have access to it.`
    return faultAnswer(404, { code: 'Some requested entity was not found', error })
  }
  const fault = faultOf(asked, world.issued)
  if (fault !== undefined) return faultAnswer(400, { code: INVALID, error: fault })
  const answer = responsesAnswer(asked, saying() ?? { text: echoOf(asked) }, world.stamps)
  keepIssued(world.issued, answer)
  return answer
}

/** Fields that xAI refuses, and sub-fields of its own tools. */
const REFUSED_FIELDS = [
  'background',
  'metadata',
  'truncation',
  'presence_penalty',
  'frequency_penalty',
  'stop',
]
const REFUSED_SUB_FIELDS = [
  'external_web_access',
  'search_context_size',
  'user_location',
  'container',
  'filters',
  'ranking_options',
]
/** Models that take no effort, whatever its value. */
const WITHOUT_EFFORT = /^grok-4\.20(?!.*multi-agent)|^grok-build|^grok-4-|^grok-code/
const WITHOUT_NONE = /^grok-4\.[567]/

/** Why xAI would not take a body: the rules that a client can break unseen. */
function faultOf(
  asked: Readonly<Record<string, unknown>>,
  issued: ReadonlyMap<string, string>,
): string | undefined {
  const field = REFUSED_FIELDS.find((name) => asked[name] !== undefined)
  if (field !== undefined) return `Argument not supported: ${field}`
  if (asked['instructions'] !== undefined && asked['previous_response_id'] !== undefined)
    return 'instructions cannot be combined with previous_response_id'
  const { effort } = isObject(asked['reasoning']) ? asked['reasoning'] : {}
  const model = String(asked['model'])
  if (effort !== undefined && (WITHOUT_EFFORT.test(model) || (effort === 'none' && WITHOUT_NONE.test(model))))
    return `Model ${model} does not support parameter reasoningEffort.`
  const tools: readonly unknown[] = Array.isArray(asked['tools']) ? asked['tools'] : []
  for (const tool of tools) {
    const wrong =
      isObject(tool) &&
      tool['type'] !== 'function' &&
      REFUSED_SUB_FIELDS.find((name) => tool[name] !== undefined)
    if (typeof wrong === 'string') return `Unknown field: ${wrong}`
  }
  const { input } = asked
  if (typeof input === 'string') return input === '' ? 'input is empty' : undefined
  if (!Array.isArray(input) || input.length === 0) return 'input is empty'
  return historyFault(input, issued)
}

function historyFault(input: readonly unknown[], issued: ReadonlyMap<string, string>): string | undefined {
  const open = new Set<unknown>()
  for (const item of input) {
    const { type, id, call_id: callId } = isObject(item) ? item : {}
    if (type === 'function_call') open.add(callId)
    if (type === 'function_call_output' && !open.delete(callId))
      return `No tool call found for ${String(callId)}`
    const before = issued.get(String(id))
    if (type === 'reasoning' && before !== undefined && before !== keyOf(item))
      return 'Reasoning items must be returned unchanged'
  }
  return open.size === 0 ? undefined : `No tool output found for function call ${[...open].join(', ')}`
}

/** What was given out is remembered by what went on the wire. */
function keepIssued(issued: Map<string, string>, { records }: Answer): void {
  const text = records.map((record) => (typeof record === 'string' ? record : '')).join('')
  for (const [, data = ''] of text.matchAll(/^(?:data: )?(\{.*\})$/gm)) {
    const { response, output } = JSON.parse(data) as { response?: { output?: unknown }; output?: unknown }
    const items = output ?? response?.output
    for (const item of Array.isArray(items) ? items : []) {
      if (isObject(item) && item['type'] === 'reasoning') issued.set(String(item['id']), keyOf(item))
    }
  }
}

function keyOf(item: unknown): string {
  const { summary, encrypted_content: sealed } = isObject(item) ? item : {}
  return JSON.stringify([summary, sealed ?? null])
}

/** What is said where nothing is scripted. */
function echoOf({ input }: Readonly<Record<string, unknown>>): string {
  const last: unknown = Array.isArray(input) ? input.at(-1) : undefined
  const { content } = isObject(last) ? last : {}
  const [part] = Array.isArray(content) ? (content as unknown[]) : [content]
  const said = isObject(part) ? part['text'] : part
  return `You said: ${String(said ?? input)}`
}

/** Times and ids: all different, the same in every run but for the clock. */
class Counter implements XaiStamps {
  readonly #clock: Clock
  #count = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  created(): number {
    return Math.floor(this.#clock.now() / 1_000)
  }

  id(): string {
    return `00000000-0000-4000-8000-${String(++this.#count).padStart(12, '0')}`
  }
}
