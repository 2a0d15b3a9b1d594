import { isObject } from '../../core/error-text.ts'
import { AIError } from '../../core/errors.ts'
import type { ChatRequest } from '../../core/request.ts'
import { ignored, type Warning } from '../../core/warning.ts'
import type { Runtime } from '../../runtime.ts'
import { bearerAddress, type BearerService } from '../bearer-address.ts'
import { hostedTool, toHostedTools, toWireNames } from '../hosted-tools.ts'
import type { Address, ProviderOptions } from '../rooms.ts'
import { checked, invalid, unknownSetting, type Kind, type SettingsOwner } from '../settings.ts'
import { HOSTED_TOOLS } from './tools.ts'

export { EMBED_BATCH_MAX } from '../../dialects/openai-embeddings.ts'
export { toRateLimits } from '../../dialects/openai-rate-limits.ts'

/** Configuration of an OpenAI provider, or of a server that is compatible with it. */
export interface OpenAIOptions extends ProviderOptions {
  /** With its version. @default OPENAI_BASE_URL, else https://api.openai.com/v1 */
  readonly baseUrl?: string
  /** @default OPENAI_API_KEY, for OpenAI's own addresses and OPENAI_BASE_URL only */
  readonly apiKey?: string | undefined
  /** Which of its two APIs is spoken: compatible servers mostly know `chat` only. @default 'responses' */
  readonly dialect?: 'responses' | 'chat'
  /** Whose account it is, where a key has several. @default OPENAI_ORG_ID */
  readonly organization?: string
  /** @default OPENAI_PROJECT_ID */
  readonly project?: string
}

export const MODELS_PATH = '/models'
export const RESPONSES_PATH = '/responses'

const BASE_URL = 'https://api.openai.com/v1'

/** A model thinks for minutes without a sign; one that a server of one's own loads first has no limit. */
const PATIENCE_MS = 900_000
const DEADLINES = { connectMs: 10_000, firstByteMs: PATIENCE_MS, idleMs: PATIENCE_MS }

/** Most text in one request to embed, in UTF-16 units: 300,000 tokens are taken, and few take more than one each. */
export const EMBED_BATCH_CHARS_MAX = 300_000

/** Where chat requests go. */
export function chatPath(_request: Pick<ChatRequest, 'model' | 'stream'>, options: OpenAIOptions): string {
  return isChat(options) ? '/chat/completions' : RESPONSES_PATH
}

/** And all texts to embed. */
export function embedPath(): string {
  return '/embeddings'
}

/** Whether Chat Completions is spoken. @throws AIError `config_invalid` for a dialect that there is not */
export function isChat({ dialect = 'responses' }: OpenAIOptions): boolean {
  if (dialect === 'responses' || dialect === 'chat') return dialect === 'chat'
  const message = "dialect is 'responses' or 'chat'"
  throw new AIError({ code: 'config_invalid', message, details: { key: 'dialect' } })
}

/** Where the service is and what every request to it carries. @throws AIError `config_invalid` */
export function toAddress(options: OpenAIOptions, env: Runtime['env']): Address {
  isChat(options)
  const service: BearerService = {
    name: 'an OpenAI',
    baseUrl: BASE_URL,
    pastedPath: /\/(?:responses|chat\/completions|completions|embeddings|models)\/?$/,
    variables: { baseUrl: 'OPENAI_BASE_URL', key: 'OPENAI_API_KEY' },
    isOwn: isOpenAI,
    deadlines: { ...DEADLINES, ...(options.local === true && { firstByteMs: undefined }) },
    headers: (from) => ({
      'openai-organization': options.organization ?? from('OPENAI_ORG_ID'),
      'openai-project': options.project ?? from('OPENAI_PROJECT_ID'),
    }),
  }
  return bearerAddress(service, options, env)
}

/** Whether a host is OpenAI's own: the global one, or one of a region. */
export function isOpenAI(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '')
  return name === 'api.openai.com' || name.endsWith('.api.openai.com')
}

/** Whether a host has OpenAI's models, and its manners: its own, or Azure. */
export function hostsOpenAI(hostname: string): boolean {
  return isOpenAI(hostname) || /\.(?:openai|cognitiveservices|services\.ai)\.azure\.com$/.test(hostname)
}

/** Where a setting goes on the wire: over Responses, over Chat Completions; undefined where it has no place. */
interface Setting {
  readonly kind: Kind
  readonly responses?: string
  readonly chat?: string
}

const both = (field: string, kind: Kind): Setting => ({ kind, responses: field, chat: field })
const onlyResponses = (field: string, kind: Kind): Setting => ({ kind, responses: field })
const onlyChat = (field: string, kind: Kind): Setting => ({ kind, chat: field })

/** `providerOptions.openai` that go on the wire by a name of their own (openai.yaml). */
const FIELDS: Readonly<Record<string, Setting>> = {
  parallelToolCalls: both('parallel_tool_calls', 'boolean'),
  promptCacheKey: both('prompt_cache_key', 'text'),
  promptCacheOptions: both('prompt_cache_options', 'object'),
  safetyIdentifier: both('safety_identifier', 'text'),
  metadata: both('metadata', 'object'),
  store: both('store', 'boolean'),
  maxToolCalls: onlyResponses('max_tool_calls', 'count'),
  previousResponseId: onlyResponses('previous_response_id', 'text'),
  conversation: onlyResponses('conversation', 'text'),
  truncation: onlyResponses('truncation', 'text'),
  contextManagement: onlyResponses('context_management', 'objects'),
  moderation: onlyResponses('moderation', 'object'),
  presencePenalty: onlyChat('presence_penalty', 'number'),
  frequencyPenalty: onlyChat('frequency_penalty', 'number'),
  logitBias: onlyChat('logit_bias', 'object'),
  prediction: onlyChat('prediction', 'object'),
}

/** Settings that decide about what groat sends itself. */
const OWN_SETTINGS: Readonly<Record<string, Kind>> = {
  reasoningEffort: 'text',
  reasoningSummary: 'text',
  reasoningContext: 'text',
  reasoningMode: 'text',
  verbosity: 'text',
  imageDetail: 'text',
  include: 'texts',
  strict: 'boolean',
  tools: 'objects',
  body: 'object',
}

/** Those of which Chat Completions knows nothing. */
const ONLY_RESPONSES: ReadonlySet<string> = new Set([
  'reasoningSummary',
  'reasoningContext',
  'reasoningMode',
  'include',
])

/** Options that every provider has, and OpenAI's own names for them. */
const CALL_OPTIONS: Readonly<Record<string, string>> = {
  maxOutputTokens: 'maxOutputTokens',
  maxCompletionTokens: 'maxOutputTokens',
  maxTokens: 'maxOutputTokens',
  temperature: 'temperature',
  topP: 'topP',
  seed: 'seed',
  stop: 'stop',
  reasoning: 'reasoning',
  serviceTier: 'serviceTier',
  instructions: 'system',
  toolChoice: 'toolChoice',
  responseFormat: 'output',
  text: 'output',
}

const OWNER: SettingsOwner = {
  driver: 'openai',
  vendor: 'OpenAI',
  names: [...Object.keys(FIELDS), ...Object.keys(OWN_SETTINGS), ...Object.keys(HOSTED_TOOLS)],
  callOptions: CALL_OPTIONS,
}

/** `providerOptions.openai`, checked and sorted. */
export interface Settings {
  readonly fields: Readonly<Record<string, unknown>>
  readonly hostedTools: readonly Readonly<Record<string, unknown>>[]
  readonly own: {
    readonly reasoningEffort?: string
    readonly reasoningSummary?: string
    readonly reasoningContext?: string
    readonly reasoningMode?: string
    readonly verbosity?: string
    readonly imageDetail?: string
    readonly include?: readonly string[]
    readonly strict?: boolean
  }
  readonly warnings: readonly Warning[]
}

/** Fields that are groat's to send: an answer to others could not be read, bounded or billed. */
const OURS: ReadonlySet<string> = new Set([
  'model',
  'input',
  'messages',
  'instructions',
  'stream',
  'stream_options',
  'tools',
  'max_output_tokens',
  'max_completion_tokens',
  'max_tokens',
  'n',
  'background',
  'service_tier',
])

/** Checks `providerOptions.openai` for one of the dialects. @throws AIError `request_invalid` */
export function toSettings(
  given: Readonly<Record<string, unknown>>,
  dialect: 'responses' | 'chat',
): Settings {
  const fields: Record<string, unknown> = {}
  const hostedTools: Readonly<Record<string, unknown>>[] = []
  const ours: Record<string, unknown> = {}
  const warnings: Warning[] = []
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue
    const setting = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined
    const own = Object.hasOwn(OWN_SETTINGS, name) ? OWN_SETTINGS[name] : undefined
    const tool = hostedTool(HOSTED_TOOLS, name)
    const kind = setting?.kind ?? own ?? tool?.kind
    if (kind === undefined) throw unknownSetting(OWNER, name)
    const right = checked(OWNER, name, value, kind)
    const field = setting?.[dialect]
    if (own && dialect === 'chat' && ONLY_RESPONSES.has(name)) warnings.push(elsewhere(name, dialect))
    else if (own) ours[name] = right
    else if (tool) hostedTools.push(...toHostedTools(tool, right))
    else if (field === undefined) warnings.push(elsewhere(name, dialect))
    else fields[field] = NAMED_BY_CALLER.has(name) ? right : toWireNames(right)
    if (dialect === 'chat' && (name === 'tools' || hostedTools.length > 0)) throw noHostedTools(name)
  }
  const { tools, body, ...own } = ours
  if (Array.isArray(tools)) hostedTools.push(...tools.filter(isObject))
  Object.assign(fields, ownFields(body))
  refuseLongCache(fields['prompt_cache_options'])
  return { fields, hostedTools, own, warnings }
}

/** Settings in which names are the caller's own. */
const NAMED_BY_CALLER: ReadonlySet<string> = new Set(['metadata', 'logitBias'])

/** Writing into a cache for half a day costs more than the one price that is known of it: the bill would be too low. */
function refuseLongCache(options: unknown): void {
  if (!isObject(options) || options['ttl'] !== '12h') return
  throw invalid(
    "providerOptions.openai.promptCacheOptions.ttl cannot be '12h': groat does not know its price. Use '30m'",
  )
}

/** What only a compatible server knows, as it writes it. */
function ownFields(body: unknown): Readonly<Record<string, unknown>> {
  const fields = isObject(body) ? body : {}
  const taken = Object.keys(fields).find((name) => OURS.has(name))
  if (taken === undefined) return fields
  throw invalid(`providerOptions.openai.body cannot have ${taken}: that is what the call options are for`)
}

function elsewhere(name: string, dialect: string): Warning {
  return ignored(`providerOptions.openai.${name}`, `the dialect ${dialect} has no place for it`)
}

function noHostedTools(name: string): AIError {
  return invalid(
    `providerOptions.openai.${name}: OpenAI's own tools are there over Responses only; leave dialect at 'responses'`,
  )
}
