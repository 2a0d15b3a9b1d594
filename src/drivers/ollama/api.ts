import { AIError } from '../../core/errors.ts'
import { ignored, type Warning } from '../../core/warning.ts'
import { splitUserInfo } from '../../transport/url.ts'
import { addressOf } from '../address.ts'
import type { LoadProfile } from '../model-memory.ts'
import { pasted } from '../pasted.ts'
import type { Address, ProviderOptions } from '../rooms.ts'
import { invalid, unknownSetting, type SettingsOwner } from '../settings.ts'

/** Configuration of an Ollama provider. */
export interface OllamaOptions extends ProviderOptions {
  /** Without `/api`. @default OLLAMA_HOST as Ollama itself reads it, else http://127.0.0.1:11434 */
  readonly baseUrl?: string
  /** @default OLLAMA_API_KEY, for addresses at ollama.com only */
  readonly apiKey?: string | undefined
}

export const CHAT_PATH = '/api/chat'
export const EMBED_PATH = '/api/embed'
export const SHOW_PATH = '/api/show'
export const TAGS_PATH = '/api/tags'
export const VERSION_PATH = '/api/version'

/** Every chat goes to one path. */
export function chatPath(): string {
  return CHAT_PATH
}

/** And all texts to embed to another. */
export function embedPath(): string {
  return EMBED_PATH
}

const DEFAULT_PORT = 11434

/**
 * Waiting for the first byte has no limit by default: a cold model loads for minutes without a sign, and a client that
 * leaves makes the server drop the load (ollama/ollama#8006).
 */
const DEADLINES = { connectMs: 10_000, idleMs: 300_000 }

/** Where the server is and what every request to it carries. @throws AIError `config_invalid` */
export function toAddress(
  options: OllamaOptions,
  env: Readonly<Record<string, string | undefined>>,
): Address {
  checkWindow(options.contextWindow)
  const given = parseHost(options.baseUrl ?? env['OLLAMA_HOST'] ?? '')
  const { url: address, authorization } = splitUserInfo(given)
  const url = new URL(address)
  // A key from the environment is meant for ollama.com and goes nowhere else.
  const key =
    pasted(options.apiKey) ?? (isOllamaCloud(url.hostname) ? pasted(env['OLLAMA_API_KEY']) : undefined)
  const value = key === undefined ? authorization : `Bearer ${key}`
  const credentials = { header: 'authorization', value }
  const secrets = [key, authorization?.slice('Basic '.length), given.password]
  return addressOf({ url, credentials, secrets, deadlines: DEADLINES }, options)
}

/** The window's size is checked once, for programs without types. */
function checkWindow(given: OllamaOptions['contextWindow']): void {
  const isSize = (size: unknown): boolean =>
    size === undefined || (Number.isSafeInteger(size) && Number(size) >= 1)
  const { min, max } = typeof given === 'object' ? given : { min: given, max: given }
  if (isSize(min) && isSize(max) && (min ?? 1) <= (max ?? Number.POSITIVE_INFINITY)) return
  const message =
    'contextWindow is a whole number of tokens of 1 or more, or { min, max } of them with min <= max'
  throw new AIError({ code: 'config_invalid', message, details: { key: 'contextWindow' } })
}

/** Whether a host is Ollama's own cloud. */
export function isOllamaCloud(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '')
  return name === 'ollama.com' || name.endsWith('.ollama.com')
}

/** A model's name on the wire: ollama.com knows its models without the suffix by which a local server tells them. */
export function toWireModel(model: string, { hostname }: Address): string {
  if (!isOllamaCloud(hostname)) return model
  return model.replace(/(?::|-)cloud$/i, '')
}

/** Ends of addresses that are copied from examples: groat puts the path itself. */
const PASTED_PATH =
  /\/(?:api|v1)(?:\/(?:chat(?:\/completions)?|generate|embed|embeddings|tags|version|models))?$/

/**
 * Reads an address as Ollama's own programs read OLLAMA_HOST (ollama/ollama envconfig.Host): without a scheme the port
 * is 11434, with one it is the scheme's; an address to listen on becomes one to connect to.
 *
 * @throws AIError `config_invalid` for what is no address
 */
export function parseHost(text: string): URL {
  const trimmed = text
    .trim()
    .replace(/^["']+|["']+$/g, '')
    .trim()
  if (trimmed === 'ollama.com') return new URL('https://ollama.com')
  const scheme = /^[a-z][a-z0-9+.-]*(?=:\/\/)/i.exec(trimmed)?.[0]
  const protocol = scheme?.toLowerCase() ?? 'http'
  const rest = scheme === undefined ? trimmed : trimmed.slice(scheme.length + '://'.length)
  const slash = rest.indexOf('/')
  const authority = slash < 0 ? rest : rest.slice(0, slash)
  const path = (slash < 0 ? '' : rest.slice(slash)).replace(/\/+$/, '').replace(PASTED_PATH, '')
  // The URL parser would make something of these: a query of a host, a path of a password with a slash in it.
  const odd = /[\s\\?#]/.test(rest) || /^\/\/|@|:\/\//.test(path) || /^https?:\/(?!\/)/i.test(trimmed)
  if ((protocol !== 'http' && protocol !== 'https') || odd) throw notAnAddress(text)
  const at = authority.lastIndexOf('@') + 1
  const { host, port } = splitPort(authority.slice(at))
  const schemePort = protocol === 'https' ? 443 : 80
  const fallback = trimmed.includes('://') ? schemePort : DEFAULT_PORT
  const userInfo = authority.slice(0, at).replace(/@(?=.*@)/g, '%40')
  const url = URL.parse(`${protocol}://${userInfo}${host || '127.0.0.1'}:${portOf(port) ?? fallback}${path}`)
  if (!url) throw notAnAddress(text)
  // Addresses to listen on all interfaces are reached on loopback.
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1'
  if (url.hostname === '[::]') url.hostname = '[::1]'
  return url
}

function splitPort(authority: string): { host: string; port: string } {
  // A bare IPv6 address has colons and no port.
  if (!authority.startsWith('[') && authority.split(':').length > 2)
    return { host: `[${authority}]`, port: '' }
  const colon = authority.indexOf(':', authority.startsWith('[') ? authority.indexOf(']') : 0)
  if (colon < 0) return { host: authority, port: '' }
  return { host: authority.slice(0, colon), port: authority.slice(colon + 1) }
}

function portOf(port: string): number | undefined {
  const value = /^\d{1,5}$/.test(port) ? Number(port) : Number.NaN
  return value <= 65_535 ? value : undefined
}

/** Longest part of a bad address that is shown, in characters. */
const SHOWN_CHARS_MAX = 80

function notAnAddress(text: string): AIError {
  // Up to the last @ it may be a user and a password, with or without a scheme before them.
  const shown = JSON.stringify(text.replace(/^.*@/s, '…@').slice(0, SHOWN_CHARS_MAX))
  return new AIError({
    code: 'config_invalid',
    message: `${shown} is not an address of an Ollama server: write it as http://127.0.0.1:11434 or host:port`,
  })
}

/** The type that the server insists on. */
type Setting = 'integer' | 'number' | 'boolean'

/** `providerOptions.ollama`, from Ollama's api/types.go: settings that only Ollama has. */
const SETTINGS: Readonly<Record<string, Setting>> = {
  numKeep: 'integer',
  minP: 'number',
  typicalP: 'number',
  repeatLastN: 'integer',
  repeatPenalty: 'number',
  presencePenalty: 'number',
  frequencyPenalty: 'number',
  numCtx: 'integer',
  numBatch: 'integer',
  numGpu: 'integer',
  mainGpu: 'integer',
  useMmap: 'boolean',
  numThread: 'integer',
  draftNumPredict: 'integer',
}

/** Those of them that a model is loaded with (ollama/ollama server/sched.go, needsReload), beside the window. */
const LOAD_SETTINGS: ReadonlySet<string> = new Set([
  'numBatch',
  'numGpu',
  'mainGpu',
  'useMmap',
  'numThread',
  'draftNumPredict',
])

/** Settings that Ollama once had and now ignores without a word. */
const DEAD_SETTINGS: ReadonlySet<string> = new Set([
  'mirostat',
  'mirostatTau',
  'mirostatEta',
  'tfsZ',
  'penalizeNewline',
  'numa',
  'lowVram',
  'f16Kv',
  'useMlock',
  'logitsAll',
  'vocabOnly',
  'embeddingOnly',
  'numGqa',
])

/** What of `providerOptions.ollama` goes where on the wire: settings of a model that is loaded go by themselves. */
export interface Settings {
  readonly options: Record<string, unknown>
  readonly load: LoadProfile
  readonly warnings: Warning[]
}

/** What a setting is called in `options` on the wire, and in a Modelfile. */
export function toWireName(setting: string): string {
  return setting.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Checks `providerOptions.ollama`, but for `keepAlive`. @throws AIError `request_invalid` */
export function toSettings(settings: Readonly<Record<string, unknown>>): Settings {
  const options: Record<string, unknown> = {}
  const others: Record<string, unknown> = {}
  let window: number | undefined
  const warnings: Warning[] = []
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined || value === null) continue
    const type = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined
    if (type) {
      const right = checked(name, value, type)
      if (name === 'numCtx') window = Number(right)
      else if (LOAD_SETTINGS.has(name)) others[name] = right
      else options[toWireName(name)] = right
    } else if (DEAD_SETTINGS.has(name)) {
      warnings.push(ignored(name, 'Ollama no longer knows it'))
    } else {
      throw unknownSetting(OWNER, name)
    }
  }
  return { options, load: { window, others }, warnings }
}

function checked(name: string, value: unknown, type: Setting): unknown {
  const fits = type === 'boolean' ? typeof value === 'boolean' : Number.isFinite(value)
  if (!fits || (type === 'integer' && !Number.isSafeInteger(value))) {
    throw invalid(`providerOptions.ollama.${name} is ${type === 'integer' ? 'a whole number' : `a ${type}`}`)
  }
  // The server takes 0 for a window of 4 tokens, not for its default.
  if (name === 'numCtx' && (value as number) < 1) throw invalid('providerOptions.ollama.numCtx is 1 or more')
  return value
}

/** Seconds, or a Go duration such as `'5m'`: a number inside a text is an error 400 on the server. */
export function toKeepAlive(value: unknown): number | string {
  if (typeof value === 'number' && !Number.isNaN(value)) return Number.isFinite(value) ? value : -1
  if (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) return Number(value)
  if (typeof value === 'string' && /^-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(value)) return value
  throw invalid("providerOptions.ollama.keepAlive is seconds or a duration such as '5m'")
}

/** Options that every provider has, and Ollama's own names for them. */
const CALL_OPTIONS: Readonly<Record<string, string>> = {
  numPredict: 'maxOutputTokens',
  temperature: 'temperature',
  topP: 'topP',
  topK: 'topK',
  seed: 'seed',
  stop: 'stop',
  think: 'reasoning',
  format: 'output',
}

const OWNER: SettingsOwner = {
  driver: 'ollama',
  vendor: 'Ollama',
  names: [...Object.keys(SETTINGS), 'keepAlive'],
  callOptions: CALL_OPTIONS,
}
