import { AIError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import type { Warning } from '../../core/warning.ts'
import type { Runtime } from '../../runtime.ts'
import { bearerAddress, type BearerService } from '../bearer-address.ts'
import type { Address, ProviderOptions } from '../rooms.ts'
import { HOSTED_TOOL_NAMES, hostedTool, toHostedTools } from './tools.ts'

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

/** What a setting must be. */
type Kind = 'number' | 'integer' | 'boolean' | 'text' | 'list' | 'object' | 'toggle'

/** `providerOptions.xai` that go on the wire as they are, by the names there. */
const FIELDS: Readonly<Record<string, readonly [field: string, kind: Kind]>> = {
  maxTurns: ['max_turns', 'integer'],
  parallelToolCalls: ['parallel_tool_calls', 'boolean'],
  previousResponseId: ['previous_response_id', 'text'],
  promptCacheKey: ['prompt_cache_key', 'text'],
  logprobs: ['logprobs', 'boolean'],
  topLogprobs: ['top_logprobs', 'integer'],
  minP: ['min_p', 'number'],
  user: ['user', 'text'],
  safetyIdentifier: ['safety_identifier', 'text'],
}

/** Settings that decide about what groat sends itself. */
const OWN_SETTINGS: Readonly<Record<string, Kind>> = { store: 'boolean', include: 'list' }

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
  const own: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null) continue
    const [field, kind] = Object.hasOwn(FIELDS, name) ? (FIELDS[name] ?? []) : []
    const tool = hostedTool(name)
    if (field !== undefined) fields[field] = checked(name, value, kind)
    else if (tool) hostedTools.push(...toHostedTools(tool, checked(name, value, tool.kind)))
    else if (Object.hasOwn(OWN_SETTINGS, name)) own[name] = checked(name, value, OWN_SETTINGS[name])
    else throw unknownSetting(name)
  }
  const include = Array.isArray(own['include']) ? own['include'].map(String) : []
  return { fields, hostedTools, store: own['store'] === true, include }
}

const WORDS: Readonly<Record<Kind, string>> = {
  number: 'a number',
  integer: 'a whole number of 1 or more',
  boolean: 'true or false',
  text: 'a text',
  list: 'a list of texts',
  object: 'an object, as the API of xAI takes it',
  toggle: 'true, false or an object, as the API of xAI takes it',
}

function checked(name: string, value: unknown, kind: Kind = 'text'): unknown {
  if (fits(value, kind)) return value
  throw invalid(`providerOptions.xai.${name} is ${WORDS[kind]}`)
}

function fits(value: unknown, kind: Kind): boolean {
  if (kind === 'number') return Number.isFinite(value)
  if (kind === 'integer') return Number.isSafeInteger(value) && (value as number) >= 1
  if (kind === 'boolean') return typeof value === 'boolean'
  if (kind === 'text') return typeof value === 'string' && value !== ''
  if (kind === 'list') return Array.isArray(value) && value.every((one) => typeof one === 'string')
  const isObject = typeof value === 'object' && !Array.isArray(value)
  return isObject || (kind === 'toggle' && typeof value === 'boolean')
}

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

function unknownSetting(name: string): AIError {
  const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  const neutral = Object.hasOwn(CALL_OPTIONS, camel) ? CALL_OPTIONS[camel] : undefined
  if (neutral !== undefined) {
    return invalid(`providerOptions.xai.${name} is a call option: write ${neutral} beside providerOptions`)
  }
  const near = nearest(camel, [...Object.keys(FIELDS), ...HOSTED_TOOL_NAMES, ...Object.keys(OWN_SETTINGS)])
  return invalid(
    `There is no setting providerOptions.xai.${name}${near === undefined ? '' : `; did you mean ${near}?`}`,
  )
}

/** The warning for an option that was left out. */
export function ignored(option: string, why: string): Warning {
  return { code: 'option-ignored', message: `${option} was left out: ${why}`, details: { option } }
}

/** The error for a request that cannot be made. */
export function invalid(message: string): AIError {
  return new AIError({ code: 'request_invalid', message })
}
