import type { Runtime } from '../../runtime.ts'
import { bearerAddress, type BearerService } from '../bearer-address.ts'
import { hostedTool, toHostedTools } from '../hosted-tools.ts'
import type { Address, ProviderOptions } from '../rooms.ts'
import { checked, unknownSetting, type Kind, type SettingsOwner } from '../settings.ts'
import { HOSTED_TOOLS } from './tools.ts'

export { toRateLimits } from '../../dialects/openai-rate-limits.ts'

/** Configuration of an xAI provider. */
export interface XaiOptions extends ProviderOptions {
  /** With its version. @default XAI_BASE_URL, else https://api.x.ai/v1 */
  readonly baseUrl?: string
  /** @default XAI_API_KEY, for xAI's own addresses and XAI_BASE_URL only */
  readonly apiKey?: string | undefined
}

export const RESPONSES_PATH = '/responses'
export const LANGUAGE_MODELS_PATH = '/language-models'
export const API_KEY_PATH = '/api-key'

const BASE_URL = 'https://api.x.ai/v1'

/** Models think for minutes without a sign, in the middle of a stream as well as before it (docs.x.ai: 3,600 s). */
const PATIENCE_MS = 3_600_000
const DEADLINES = { connectMs: 10_000, firstByteMs: PATIENCE_MS, idleMs: PATIENCE_MS }

/** Where every chat request goes. */
export function chatPath(): string {
  return RESPONSES_PATH
}

/** Where the service is and what every request to it carries. @throws AIError `config_invalid` */
export function toAddress(options: XaiOptions, env: Runtime['env']): Address {
  const service: BearerService = {
    name: 'an xAI',
    baseUrl: BASE_URL,
    pastedPath: /\/(?:responses|chat\/completions|language-models|models)\/?$/,
    variables: { baseUrl: 'XAI_BASE_URL', key: 'XAI_API_KEY' },
    isOwn: isXai,
    deadlines: DEADLINES,
  }
  return bearerAddress(service, options, env)
}

/** Whether a host is xAI's own: the global one, or one of a region. */
export function isXai(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '')
  return name === 'api.x.ai' || name.endsWith('.api.x.ai')
}

/** `providerOptions.xai` that go on the wire as they are, by the names there. */
const FIELDS: Readonly<Record<string, readonly [field: string, kind: Kind]>> = {
  maxTurns: ['max_turns', 'count'],
  parallelToolCalls: ['parallel_tool_calls', 'boolean'],
  previousResponseId: ['previous_response_id', 'text'],
  promptCacheKey: ['prompt_cache_key', 'text'],
  logprobs: ['logprobs', 'boolean'],
  topLogprobs: ['top_logprobs', 'count'],
  minP: ['min_p', 'number'],
  user: ['user', 'text'],
  safetyIdentifier: ['safety_identifier', 'text'],
}

/** Settings that decide about what groat sends itself. */
const OWN_SETTINGS: Readonly<Record<string, Kind>> = { store: 'boolean', include: 'texts' }

/** Options that every provider has, and xAI's own names for them. */
const CALL_OPTIONS: Readonly<Record<string, string>> = {
  maxOutputTokens: 'maxOutputTokens',
  temperature: 'temperature',
  topP: 'topP',
  topK: 'topK',
  seed: 'seed',
  stop: 'stop',
  reasoningEffort: 'reasoning',
  reasoning: 'reasoning',
  serviceTier: 'serviceTier',
  instructions: 'system',
  toolChoice: 'toolChoice',
}

const OWNER: SettingsOwner = {
  driver: 'xai',
  vendor: 'xAI',
  names: [...Object.keys(FIELDS), ...Object.keys(OWN_SETTINGS), ...Object.keys(HOSTED_TOOLS)],
  callOptions: CALL_OPTIONS,
}

/** `providerOptions.xai`, checked and sorted. */
export interface Settings {
  readonly fields: Readonly<Record<string, unknown>>
  readonly hostedTools: readonly Readonly<Record<string, unknown>>[]
  /** Whether xAI keeps the answer, for 30 days. @default false */
  readonly store: boolean
  readonly include: readonly string[]
}

/** Checks `providerOptions.xai`. @throws AIError `request_invalid` */
export function toSettings(given: Readonly<Record<string, unknown>>): Settings {
  const fields: Record<string, unknown> = {}
  const hostedTools: Readonly<Record<string, unknown>>[] = []
  const ours: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue
    const [field, kindOfField] = Object.hasOwn(FIELDS, name) ? (FIELDS[name] ?? []) : []
    const own = Object.hasOwn(OWN_SETTINGS, name) ? OWN_SETTINGS[name] : undefined
    const tool = hostedTool(HOSTED_TOOLS, name)
    const kind = kindOfField ?? own ?? tool?.kind
    if (kind === undefined) throw unknownSetting(OWNER, name)
    const right = checked(OWNER, name, value, kind)
    if (own) ours[name] = right
    else if (tool) hostedTools.push(...toHostedTools(tool, right))
    else if (field !== undefined) fields[field] = right
  }
  const { store, include } = ours
  return { fields, hostedTools, store: store === true, include: Array.isArray(include) ? include : [] }
}
