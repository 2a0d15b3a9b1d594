import { AIError } from '../../core/errors.ts'
import { nearest } from '../../core/nearest.ts'
import { addressOf } from '../address.ts'
import type { Address, ProviderOptions } from '../rooms.ts'

/** Configuration of an Acme provider. */
export interface AcmeOptions extends ProviderOptions {
  /** With the version. @default https://api.acme.example/v1 */
  readonly baseUrl?: string
  /** @default ACME_API_KEY, for Acme's own address only */
  readonly apiKey?: string | undefined
}

export const MODELS_PATH = '/models'
const HOST = 'api.acme.example'
const BASE_URL = `https://${HOST}/v1`

/** Until the connection stands, and between two pieces of an answer. */
const DEADLINES = { connectMs: 10_000, idleMs: 300_000 }

/** Where a chat request goes. */
export function chatPath(): string {
  return '/chat'
}

/** Where texts to embed go. */
export function embedPath(): string {
  return '/embed'
}

/** Where the service is and what every request to it carries. @throws AIError `config_invalid` */
export function toAddress(options: AcmeOptions, env: Readonly<Record<string, string | undefined>>): Address {
  const url = parseBaseUrl(options.baseUrl ?? BASE_URL)
  // A key from the environment is meant for Acme and goes nowhere else.
  const key = options.apiKey ?? (isAcme(url.hostname) ? env['ACME_API_KEY'] : undefined)
  const credentials = { header: 'authorization', value: key === undefined ? undefined : `Bearer ${key}` }
  return addressOf({ url, credentials, secrets: [key], deadlines: DEADLINES }, options)
}

/** Whether a host is Acme's own: only there do its published prices apply. */
export function isAcme(hostname: string): boolean {
  return hostname === HOST
}

function parseBaseUrl(text: string): URL {
  const url = URL.parse(text.trim())
  if (url && /^https?:$/.test(url.protocol)) return url
  throw new AIError({
    code: 'config_invalid',
    message: `baseUrl of an Acme provider is an address, as in ${BASE_URL}`,
    details: { key: 'baseUrl' },
  })
}

/** `providerOptions.acme`: settings that only Acme has, by the names of its API. */
const SETTINGS: readonly string[] = ['cacheKey']

/** Checks `providerOptions.acme`. @throws AIError `request_invalid`, with the nearest name for one that does not exist */
export function toSettings(given: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  for (const name of Object.keys(given)) {
    if (SETTINGS.includes(name)) continue
    const near = nearest(name, SETTINGS)
    throw new AIError({
      code: 'request_invalid',
      message: `There is no setting providerOptions.acme.${name}${near === undefined ? '' : `; did you mean ${near}?`}`,
    })
  }
  return given
}
