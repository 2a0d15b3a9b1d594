import { AIError } from '../../core/errors.ts'
import { Secret } from '../../transport/redact.ts'
import { assertKeyMayTravel, splitUserInfo } from '../../transport/url.ts'
import type { Address, ProviderOptions } from '../rooms.ts'

/** Configuration of an Ollama provider. */
export interface OllamaOptions extends ProviderOptions {
  /** Without `/api`. @default OLLAMA_HOST as Ollama itself reads it, else http://127.0.0.1:11434 */
  readonly baseUrl?: string
  /** @default OLLAMA_API_KEY, for addresses at ollama.com only */
  readonly apiKey?: string
}

export const CHAT_PATH = '/api/chat'
export const SHOW_PATH = '/api/show'
export const TAGS_PATH = '/api/tags'
export const VERSION_PATH = '/api/version'

const DEFAULT_PORT = 11434

/** Shortest header value that is taken for a secret: hiding every `1` or `true` would hide what an error says. */
const SECRET_CHARS_MIN = 8

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
  const given = parseHost(options.baseUrl ?? env['OLLAMA_HOST'] ?? '')
  const { url: address, authorization } = splitUserInfo(given)
  const url = new URL(address)
  // A key from the environment is meant for ollama.com and goes nowhere else.
  const key = options.apiKey ?? (isOllamaCloud(url.hostname) ? env['OLLAMA_API_KEY'] : undefined)
  const credentials = key === undefined ? authorization : `Bearer ${key}`
  assertKeyMayTravel(url, credentials !== undefined)
  return {
    baseUrl: url.origin + url.pathname.replace(/\/+$/, ''),
    headers: {
      'content-type': 'application/json',
      ...withLowerCaseNames(options.headers ?? {}),
      ...(credentials === undefined ? {} : { authorization: credentials }),
    },
    secrets: secretsOf(
      key,
      authorization?.slice('Basic '.length),
      given.password,
      ...Object.values(options.headers ?? {}).filter((value) => value.length >= SECRET_CHARS_MIN),
    ),
    deadlines: { ...DEADLINES, ...options.timeouts },
  }
}

/** Two spellings of one header would both be sent. */
function withLowerCaseNames(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function secretsOf(...texts: readonly (string | undefined)[]): Secret[] {
  return texts.flatMap((text) => (text === undefined || text === '' ? [] : [new Secret(text)]))
}

/** Whether a host is Ollama's own cloud. */
export function isOllamaCloud(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '')
  return name === 'ollama.com' || name.endsWith('.ollama.com')
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
  const [, scheme = 'http', rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(trimmed) ?? []
  const protocol = scheme.toLowerCase()
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
  const [, host = '', port = ''] = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s.exec(authority) ?? []
  return { host, port }
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
