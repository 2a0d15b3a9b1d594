import type { Capability } from '../../core/capability.ts'
import type {
  CreateOptions,
  LoadOptions,
  ModelManagement,
  Progress,
  QueryOptions,
  RunningModel,
} from '../../core/driver.ts'
import { AIError } from '../../core/errors.ts'
import type { ModelInfo } from '../../core/model-info.ts'
import { readTextUpTo } from '../../transport/body.ts'
import type { ApiClient, ApiRequest } from '../api-client.ts'
import { bad, never, unavailable, type Row, type When } from '../../core/error-rows.ts'
import { isObject } from '../../core/error-text.ts'
import type { ManagementWorld, RequestOptions } from '../rooms.ts'
import { doWork, ProgressTotal, type WorkStep } from '../work.ts'
import { CHAT_PATH, EMBED_PATH, SHOW_PATH, TAGS_PATH, toWireModel, toWireName } from './api.ts'
import { localityOf } from './pricing.ts'
import { toEmbedWire, toWire } from './wire.ts'

/** Time for a model's description, in milliseconds: the server answers from disk. */
const DESCRIBE_TIMEOUT_MS = 30_000

/** Ollama's words for what a model can do, in groat's (docs: api.md, "capabilities"). */
const CAPABILITIES_OF: ReadonlyMap<unknown, readonly Capability[]> = new Map<unknown, readonly Capability[]>([
  ['completion', ['chat', 'stream']],
  ['tools', ['tools', 'parallel-tools']],
  ['vision', ['vision']],
  ['audio', ['audio']],
  ['thinking', ['reasoning']],
  ['embedding', ['embeddings']],
])

interface WireModel {
  readonly name?: unknown
  readonly size?: unknown
  readonly digest?: unknown
  readonly modified_at?: unknown
  readonly remote_host?: unknown
  readonly remote_model?: unknown
  readonly capabilities?: unknown
  readonly details?: unknown
  readonly model_info?: unknown
}

/** The models that the server has, newest first. @throws AIError; a server that is down is never an empty list */
export async function listModels(client: ApiClient, options: RequestOptions): Promise<readonly ModelInfo[]> {
  const json = (await client.json(TAGS_PATH, options)) as { models?: unknown } | null
  const models = json?.models
  // Servers of some versions write null for an empty list.
  if (models === null) return []
  if (!Array.isArray(models)) throw unreadable(client.provider, TAGS_PATH)
  return models.map((model: unknown) => {
    const name = isObject(model) ? text(model['name']) : undefined
    if (!isObject(model) || name === undefined) throw unreadable(client.provider, TAGS_PATH)
    return toModelInfo(client, name, model)
  })
}

/** What the server knows of one model. @throws AIError `model_not_found` */
export async function getModel(client: ApiClient, id: string, options: RequestOptions): Promise<ModelInfo> {
  const json = await client.json(SHOW_PATH, {
    ...options,
    body: { model: toWireModel(id, client.address) },
    model: id,
  })
  if (!isObject(json)) throw unreadable(client.provider, SHOW_PATH)
  return toModelInfo(client, id, json)
}

/**
 * What must be known before a request: where the model runs, and what it can do. A server that cannot tell (an old
 * one, a proxy that hides the path) is no reason to refuse a call: then nothing is known of the model.
 */
export async function describe(
  client: ApiClient,
  id: string,
  options: RequestOptions,
): Promise<ModelInfo | undefined> {
  try {
    return await getModel(client, id, { timeoutMs: DESCRIBE_TIMEOUT_MS, ...options })
  } catch (error) {
    const goesOn = error instanceof AIError && error.status !== undefined && error.code !== 'model_not_found'
    if (goesOn) return undefined
    throw error
  }
}

function toModelInfo(client: ApiClient, id: string, wire: WireModel): ModelInfo {
  const details = isObject(wire.details) ? wire.details : {}
  const info = isObject(wire.model_info) ? wire.model_info : {}
  const architecture = text(info['general.architecture'])
  const contextLength = number(details['context_length']) ?? number(info[`${architecture}.context_length`])
  const named = Array.isArray(wire.capabilities) ? (wire.capabilities as unknown[]) : []
  const locality = localityOf({
    model: id,
    hostname: client.address.hostname,
    described: { ...wire, details, model_info: info },
  })
  return {
    id,
    provider: client.provider,
    capabilities: named.flatMap((name) => CAPABILITIES_OF.get(name) ?? []),
    ...present('contextLength', contextLength),
    ...present('local', locality === 'unknown' ? undefined : locality === 'local'),
    ...present('size', number(wire.size)),
    ...present('digest', text(wire.digest)),
    ...present('family', text(details['family'])),
    ...present('parameters', text(details['parameter_size'])),
    ...present('quantization', text(details['quantization_level'])),
    ...present('modifiedAt', text(wire.modified_at)),
    raw: wire,
  }
}

function present<Name extends string, Value>(name: Name, value: Value | undefined): { [K in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [K in Name]?: Value })
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** The error for an answer that no Ollama server gives. */
export function unreadable(provider: string, path: string): AIError {
  return new AIError({
    code: 'response_invalid',
    message: `The answer to ${path} is not one of an Ollama server: check baseUrl`,
    provider,
  })
}

/** Two spellings of one model are equal after this: registry, namespace and tag have defaults, case does not count. */
export function normalizeName(name: string): string {
  const lower = name
    .toLowerCase()
    .replace(/^registry\.ollama\.ai\//, '')
    .replace(/^library\//, '')
  return lower.slice(lower.lastIndexOf('/') + 1).includes(':') ? lower : `${lower}:latest`
}

/** What can be done with the models of the server, over `/api/ps`, `/api/pull` and the like (docs: api.md). */
export function manage(client: ApiClient, world: ManagementWorld): ModelManagement {
  const changed = (id: string): void => {
    const name = normalizeName(id)
    world.changed((other) => normalizeName(other) === name)
  }
  return {
    running: (options = {}) => listRunning(client, options),
    load: (id, options = {}) => load(client, world, id, options),
    unload: async (id, { signal, timeoutMs } = {}) => {
      const body = { model: id, messages: [], stream: false, keep_alive: 0 }
      assertDone(client, await client.json(CHAT_PATH, { body, model: id, signal, timeoutMs }))
    },
    pull: (id, options = {}) =>
      afterwards(work(client, world, '/api/pull', { model: id }, options), () => changed(id)),
    push: (id, options = {}) => work(client, world, '/api/push', { model: id }, options),
    create: (id, options) => afterwards(create(client, world, id, options), () => changed(id)),
    copy: async (from, to, { signal, timeoutMs } = {}) => {
      const body = { source: from, destination: to }
      await sendOnly(client, '/api/copy', { body, model: from, signal, timeoutMs })
      changed(to)
    },
    remove: async (id, { signal, timeoutMs } = {}) => {
      const body = { model: id }
      await sendOnly(client, '/api/delete', { method: 'DELETE', body, model: id, signal, timeoutMs })
      changed(id)
    },
  }
}

/** Where it failed or was left, too: the work may have come to its end on the server. */
async function* afterwards(work: AsyncIterable<Progress>, then: () => void): AsyncGenerator<Progress, void> {
  try {
    yield* work
  } finally {
    then()
  }
}

/** A request whose answer has an empty body. */
async function sendOnly(client: ApiClient, path: string, request: ApiRequest): Promise<void> {
  const exchange = await client.send(path, request)
  await client.named(readTextUpTo(exchange), request.model)
}

/** The year from which a time means "for ever": the server adds the longest duration it has, 292 years. */
const FOREVER_YEAR_MIN = 2_300

async function listRunning(client: ApiClient, options: QueryOptions): Promise<readonly RunningModel[]> {
  const json = await client.json('/api/ps', options)
  const models = isObject(json) ? (json['models'] ?? []) : undefined
  if (!Array.isArray(models)) throw unreadable(client.provider, '/api/ps')
  return models.map((model: unknown) => {
    const id = isObject(model) ? text(model['name']) : undefined
    if (!isObject(model) || id === undefined) throw unreadable(client.provider, '/api/ps')
    const expires = new Date(text(model['expires_at']) ?? Number.NaN)
    const isTimed = expires.getUTCFullYear() < FOREVER_YEAR_MIN
    return {
      id,
      provider: client.provider,
      ...present('contextLength', number(model['context_length'])),
      ...present('size', number(model['size'])),
      ...present('sizeVram', number(model['size_vram'])),
      ...present('expiresAt', isTimed ? expires.toISOString() : undefined),
      raw: model,
    }
  })
}

/** A chat without messages loads a model with the very settings of the chats that follow, `shift` included. */
async function load(
  client: ApiClient,
  world: ManagementWorld,
  id: string,
  options: LoadOptions,
): Promise<void> {
  const { keepAlive, settings, signal, timeoutMs } = options
  const providerOptions = { ...settings, ...(keepAlive === undefined ? {} : { keepAlive }) }
  const known = world.known(id)
  const { body, memory } = toWire({ model: id, messages: [], stream: false, providerOptions }, known)
  if (Number(body['keep_alive'] ?? Number.NaN) === 0) {
    const message = 'keepAlive 0 would free the model at once: leave it out, or use unload'
    throw new AIError({ code: 'request_invalid', message, model: id })
  }
  // The calls that follow keep to what it was loaded with.
  if (memory) world.remember(id, memory)
  try {
    assertDone(client, await client.json(CHAT_PATH, { body, model: id, signal, timeoutMs, isPatient: true }))
  } catch (error) {
    // A model that only embeds refuses every chat, also one that is only to load it.
    if (!(error instanceof AIError) || error.code !== 'capability_unsupported') throw error
    const { body } = toEmbedWire({ model: id, values: [], providerOptions }, known)
    await client.json(EMBED_PATH, { body, model: id, signal, timeoutMs, isPatient: true })
  }
}

function assertDone(client: ApiClient, json: unknown): void {
  if (!isObject(json) || json['done'] !== true) throw unreadable(client.provider, CHAT_PATH)
}

async function* create(
  client: ApiClient,
  world: ManagementWorld,
  id: string,
  options: CreateOptions,
): AsyncGenerator<Progress, void> {
  const { from, system, template, parameters, license, quantize, signal, timeoutMs } = options
  const { clock, sha256 } = world.runtime
  const startedMs = clock.elapsed()
  const limits = (): QueryOptions => ({
    ...present('signal', signal),
    ...present('timeoutMs', timeoutMs === undefined ? undefined : timeoutMs - (clock.elapsed() - startedMs)),
  })
  const total = new ProgressTotal()
  const digests: Record<string, Record<string, string>> = {}
  for (const kind of ['files', 'adapters'] as const) {
    for (const [name, file] of Object.entries(options[kind] ?? {})) {
      const digest = typeof file === 'string' ? file : `sha256:${await sha256(file)}`
      digests[kind] = { ...digests[kind], [name]: digest }
      if (typeof file !== 'string') yield* upload(client, id, { name, digest, file }, limits, total)
    }
  }
  const own = Object.entries(parameters ?? {}).map(([name, value]) => [toWireName(name), value])
  const settings = parameters === undefined ? {} : { parameters: Object.fromEntries(own) }
  const body = { model: id, from, system, template, license, quantize, ...settings, ...digests }
  yield* work(client, world, '/api/create', body, limits(), total)
}

/** Brings a file to the server, unless it is there already. */
async function* upload(
  client: ApiClient,
  model: string,
  { name, digest, file }: { readonly name: string; readonly digest: string; readonly file: Uint8Array },
  limits: () => QueryOptions,
  total: ProgressTotal,
): AsyncGenerator<Progress, void> {
  const path = `/api/blobs/${digest}`
  const step = { status: `uploading ${name}`, digest, total: file.length }
  yield total.add(step)
  const isThere = await sendOnly(client, path, { method: 'HEAD', model, ...limits() }).then(
    () => true,
    (error: unknown) => (error instanceof AIError && error.status === 404 ? false : Promise.reject(error)),
  )
  if (!isThere) await sendOnly(client, path, { bytes: file, model, ...limits() })
  yield total.add({ ...step, completed: file.length })
}

function work(
  client: ApiClient,
  { runtime }: ManagementWorld,
  path: string,
  body: Readonly<Record<string, unknown>> & { readonly model: string },
  options: QueryOptions,
  total: ProgressTotal = new ProgressTotal(),
): AsyncGenerator<Progress, void> {
  const resumes = ({ details, retryable }: AIError): boolean =>
    retryable && (details['kind'] === 'registry-unreachable' || details['kind'] === 'digest-mismatch')
  return doWork({ client, runtime, path, model: body.model, body, options, total, read: readStep, resumes })
}

/** One line of work: ProgressResponse of ollama/ollama api/types.go, in which a count of zero is left out. */
function readStep(record: unknown): WorkStep {
  if (!isObject(record)) return { failure: 'not a record' }
  const { error, status, digest, completed, total } = record
  if (error !== undefined && error !== null && error !== '') return { failure: JSON.stringify(record) }
  return {
    status: text(status) ?? '',
    digest: text(digest),
    completed: number(completed),
    total: number(total),
    done: status === 'success',
  }
}

/** What goes wrong while a model is pulled, pushed or made (server/images.go, download.go, create.go). */
export const WORK_ROWS: readonly (readonly [When, Row])[] = [
  [
    { text: /^pull model manifest: file does not exist|^couldn't find remote model/ },
    never(
      'not-in-registry',
      'model_not_found',
      'There is no such model in the registry for {model}: check name and tag at https://ollama.com/library ({said})',
    ),
  ],
  [
    { text: /^open .*manifests.*: no such file/ },
    never(
      'model-missing',
      'model_not_found',
      'Ollama has no model {model}: see `groat models` for those that it has',
    ),
  ],
  [
    { text: /^pull model manifest: 412|requires a newer version of Ollama/i },
    unavailable(
      'server-too-old',
      'never',
      '{model} needs a newer Ollama than this server: update Ollama, then pull it again ({said})',
    ),
  ],
  [
    { text: /no space left on device|not enough space|disk (?:is )?full|disk quota exceeded/i },
    unavailable(
      'disk-full',
      'never',
      'The disk of the Ollama server has no room for {model}: make some ({said})',
    ),
  ],
  [
    {
      text: /^(?:pull model manifest: )?unauthorized\b|^realm host .* does not match|not authorized to push/,
    },
    never(
      'registry-refused',
      'authentication_failed',
      'The registry does not let this Ollama server at {model}: sign in with `ollama signin` and check its name ({said})',
    ),
  ],
  [
    { text: /digest mismatch, file must be downloaded again/ },
    unavailable('digest-mismatch', 'once', 'A file of {model} came damaged: pull it again ({said})'),
  ],
  [
    {
      text: /max retries exceeded|part stalled|^pull model manifest: (?:5\d\d|429|Get |Head )|dial tcp|no such host|TLS handshake timeout|i\/o timeout|connection reset by peer|context deadline exceeded/,
    },
    unavailable(
      'registry-unreachable',
      'yes',
      'The Ollama server could not reach the registry for {model}: check its network and try again; what is there is kept ({said})',
    ),
  ],
  [
    { text: /requires MLX support/ },
    never(
      'unsupported-feature',
      'capability_unsupported',
      'This server cannot run {model}: {said}. Use another model, or another server',
    ),
  ],
  [
    {
      text: /^invalid model name|^insecure protocol http|^neither 'from' or 'files'|^unknown type|^no files provided|^supplied file was not in GGUF|^only one adapter|^file path must be|^invalid digest format|^bad remote|^quantization is only supported|^digest mismatch, expected|^pull model manifest: 4\d\d|^open .*blobs.*: no such file/,
    },
    bad('bad-request', 'Ollama cannot do this for {model}: {said}. Correct what it names and try again'),
  ],
]
