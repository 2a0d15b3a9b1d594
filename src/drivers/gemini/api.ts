import { AIError } from '../../core/errors.ts'
import type { ChatRequest, EmbedRequest } from '../../core/request.ts'
import { addressOf } from '../address.ts'
import { pasted } from '../pasted.ts'
import type { Address, ProviderOptions } from '../rooms.ts'
import { checked, invalid, unknownSetting, type Kind, type SettingsOwner } from '../settings.ts'

/** Configuration of a Gemini provider. */
export interface GeminiOptions extends ProviderOptions {
  /** With the version. @default https://generativelanguage.googleapis.com/v1beta */
  readonly baseUrl?: string
  /** @default GEMINI_API_KEY, else GOOGLE_API_KEY, for Google's own address only */
  readonly apiKey?: string | undefined
}

export const MODELS_PATH = '/models'
const HOST = 'generativelanguage.googleapis.com'
const BASE_URL = `https://${HOST}/v1beta`

/** Most texts that the service takes in one request to embed. */
export const EMBED_BATCH_MAX = 100

/** A long prompt is thought about for minutes before the first byte comes. */
const DEADLINES = { connectMs: 10_000, idleMs: 300_000 }

/** Most tokens that Gemini 4 can be asked for in one piece: above it is a 400 (ai.google.dev gemini-api/docs: long decode). */
const ONE_PIECE_TOKENS_MAX = 32_768
const GEMINI_4 = /(?:^|\/)gemini-(?:[4-9]|\d\d)/

/**
 * Where a chat request goes: the model and the way of answering are in the path. Without `alt=sse` a stream is an array,
 * which is read as a whole: so comes what is too long for one piece and is not streamed to the caller.
 */
export function chatPath({
  model,
  stream,
  maxOutputTokens = 0,
}: Pick<ChatRequest, 'model' | 'stream' | 'maxOutputTokens'>): string {
  const path = toModelPath(model)
  if (stream) return `${path}:streamGenerateContent?alt=sse`
  const inPieces = maxOutputTokens > ONE_PIECE_TOKENS_MAX && GEMINI_4.test(model)
  return `${path}:${inPieces ? 'streamGenerateContent' : 'generateContent'}`
}

/** Where texts to embed go; one text is a batch of one. */
export function embedPath({ model }: Pick<EmbedRequest, 'model'>): string {
  return `${toModelPath(model)}:batchEmbedContents`
}

/** A model's path: `gemini-…` and `models/gemini-…` are the same. @throws AIError `request_invalid` */
export function toModelPath(model: string): string {
  const segments = toModelName(model).split('/')
  // What leads out of its folder is no model, and could be another endpoint.
  if (segments.some((segment) => segment === '' || /^\.+$/.test(segment))) {
    throw invalid(`${JSON.stringify(model)} is not the id of a Gemini model: \`groat models\` lists them`)
  }
  return `/${segments.map(encodeURIComponent).join('/')}`
}

/** A model's name on the wire. */
export function toModelName(model: string): string {
  return model.includes('/') ? model : `models/${model}`
}

/** Where the service is and what every request to it carries. @throws AIError `config_invalid` */
export function toAddress(
  options: GeminiOptions,
  env: Readonly<Record<string, string | undefined>>,
): Address {
  const url = parseBaseUrl(options.baseUrl ?? BASE_URL)
  // A key from the environment is meant for Google and goes nowhere else.
  const key = pasted(options.apiKey) ?? (isGoogle(url.hostname) ? keyFrom(env) : undefined)
  const credentials = { header: 'x-goog-api-key', value: key }
  return addressOf({ url, credentials, secrets: [key], deadlines: DEADLINES }, options)
}

/** At which tier a request was served is only in a header of some answers, and in none of others. */
export function toFacts(
  headers: Readonly<Record<string, string>>,
  { serviceTier }: Pick<ChatRequest, 'serviceTier'>,
): Readonly<Record<string, unknown>> | undefined {
  const servedTier = headers['x-gemini-service-tier'] ?? toWireTier(serviceTier)
  return servedTier === undefined ? undefined : { servedTier: servedTier.toLowerCase() }
}

/** A tier as Gemini calls it: what others call `default` is `standard`, and `auto` is nothing that it knows. */
export function toWireTier(tier: string | undefined): string | undefined {
  const name = tier?.toLowerCase()
  if (name === 'auto') return undefined
  return name === 'default' ? 'standard' : name
}

function keyFrom(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return pasted(env['GEMINI_API_KEY']) ?? pasted(env['GOOGLE_API_KEY'])
}

/** Whether a host is Google's own. */
export function isGoogle(hostname: string): boolean {
  return hostname.replace(/\.$/, '') === HOST
}

function parseBaseUrl(text: string): URL {
  const url = URL.parse(text.trim())
  const wrong = !url || !/^https?:$/.test(url.protocol) || url.search !== '' || url.username !== ''
  if (wrong) {
    throw new AIError({
      code: 'config_invalid',
      message: `baseUrl of a Gemini provider is an address with its version and without a key in it, as in ${BASE_URL}`,
      details: { key: 'baseUrl' },
    })
  }
  // Its own documentation writes the version; without it every path is unknown there.
  if (isGoogle(url.hostname) && url.pathname === '/') url.pathname = '/v1beta'
  return url
}

/** Settings of `generationConfig` that only Gemini has, by the names of its API. */
const GENERATION_SETTINGS: Readonly<Record<string, Kind>> = {
  presencePenalty: 'number',
  frequencyPenalty: 'number',
  responseLogprobs: 'boolean',
  logprobs: 'whole',
  responseModalities: 'list',
  imageConfig: 'object',
  speechConfig: 'object',
  mediaResolution: 'text',
}

/** Settings beside it. */
const REQUEST_SETTINGS: Readonly<Record<string, Kind>> = {
  safetySettings: 'list',
  cachedContent: 'text',
  continuationToken: 'text',
  store: 'boolean',
}

/** Google's own tools: `true`, or what they take. */
const BUILT_IN_TOOLS: Readonly<Record<string, Kind>> = {
  googleSearch: 'toggle',
  urlContext: 'toggle',
  codeExecution: 'toggle',
  googleMaps: 'toggle',
  fileSearch: 'object',
  computerUse: 'object',
}

/** Settings that decide about what groat sends itself. */
const OWN_SETTINGS: Readonly<Record<string, Kind>> = {
  thinkingLevel: 'text',
  thinkingBudget: 'whole',
  includeThoughts: 'boolean',
  functionCallingMode: 'text',
  retrievalConfig: 'object',
}

/** Settings of a request to embed. */
const EMBED_SETTINGS: Readonly<Record<string, Kind>> = { taskType: 'text', title: 'text' }

/** `providerOptions.gemini`, checked and sorted. */
export interface Settings {
  readonly generation: Readonly<Record<string, unknown>>
  readonly request: Readonly<Record<string, unknown>>
  /** Each as the object that the API takes. */
  readonly builtIn: Readonly<Record<string, unknown>>
  readonly own: {
    readonly thinkingLevel?: string
    readonly thinkingBudget?: number
    readonly includeThoughts?: boolean
    readonly functionCallingMode?: string
    readonly retrievalConfig?: Readonly<Record<string, unknown>>
  }
}

/** Checks `providerOptions.gemini` of a chat. @throws AIError `request_invalid` */
export function toSettings(given: Readonly<Record<string, unknown>>): Settings {
  const tables = [GENERATION_SETTINGS, REQUEST_SETTINGS, BUILT_IN_TOOLS, OWN_SETTINGS]
  const [generation = {}, request = {}, builtIn = {}, own = {}] = sorted(given, tables)
  const tools = Object.entries(builtIn).flatMap(([name, value]) =>
    value === false ? [] : [[name, value === true ? {} : value] as const],
  )
  return { generation, request, builtIn: Object.fromEntries(tools), own }
}

/** Checks `providerOptions.gemini` of a request to embed. @throws AIError `request_invalid` */
export function toEmbedSettings(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return sorted(given, [EMBED_SETTINGS])[0] ?? {}
}

function sorted(
  given: Readonly<Record<string, unknown>>,
  tables: readonly Readonly<Record<string, Kind>>[],
): Record<string, unknown>[] {
  const owner: SettingsOwner = { ...OWNER, names: tables.flatMap(Object.keys) }
  const found: Record<string, unknown>[] = tables.map(() => ({}))
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue
    const at = tables.findIndex((table) => Object.hasOwn(table, name))
    const kind = tables[at]?.[name]
    const target = found[at]
    if (kind === undefined || target === undefined) throw unknownSetting(owner, name)
    target[name] = checked(owner, name, value, kind)
  }
  return found
}

/** Options that every provider has, and Gemini's own names for them. */
const CALL_OPTIONS: Readonly<Record<string, string>> = {
  maxOutputTokens: 'maxOutputTokens',
  temperature: 'temperature',
  topP: 'topP',
  topK: 'topK',
  seed: 'seed',
  stopSequences: 'stop',
  serviceTier: 'serviceTier',
  responseSchema: 'output',
  responseJsonSchema: 'output',
  systemInstruction: 'system',
  outputDimensionality: 'dimensions',
}

const OWNER = { driver: 'gemini', vendor: 'Gemini', callOptions: CALL_OPTIONS } as const
