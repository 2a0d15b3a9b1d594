import { AIError } from '../core/errors.ts'
import { splitUserInfo } from '../transport/url.ts'
import { addressOf } from './address.ts'
import { pasted } from './pasted.ts'
import type { Address, ProviderOptions, Timeouts } from './rooms.ts'

type Env = Readonly<Record<string, string | undefined>>

/** What differs between services that take a key as a bearer, under a version of their API. */
export interface BearerService {
  /** As messages call it, with its article: `an OpenAI`. */
  readonly name: string
  readonly baseUrl: string
  /** Ends of addresses that are copied from examples: groat puts the path itself. */
  readonly pastedPath: RegExp
  /** Variables of the environment that name another address, and the key. */
  readonly variables: { readonly baseUrl: string; readonly key: string }
  /** Whether a host is the service's own. */
  isOwn(hostname: string): boolean
  readonly deadlines: Timeouts
  /** Headers of its own; `from` reads a variable that is meant for this address, and no other. */
  headers?(from: (variable: string) => string | undefined): Readonly<Record<string, string | undefined>>
}

/** Where such a service is and what every request to it carries. @throws AIError `config_invalid` */
export function bearerAddress(service: BearerService, options: ProviderOptions, env: Env): Address {
  const { variables, deadlines } = service
  const fromEnv = options.baseUrl === undefined ? pasted(env[variables.baseUrl]) : undefined
  const { url: address, authorization } = splitUserInfo(
    parseBaseUrl(service, options.baseUrl ?? fromEnv ?? service.baseUrl),
  )
  const url = new URL(address)
  // What the environment says is meant for the service, or for the address beside it, and goes nowhere else.
  const own = service.isOwn(url.hostname) || fromEnv !== undefined
  const from = (variable: string): string | undefined => (own ? pasted(env[variable]) : undefined)
  const key = pasted(options.apiKey) ?? from(variables.key)
  const value = key === undefined ? authorization : `Bearer ${key}`
  const credentials = { header: 'authorization', value }
  const headers = service.headers?.(from) ?? {}
  const secrets = [key, authorization?.slice('Basic '.length)]
  return addressOf({ url, credentials, headers, secrets, deadlines }, options)
}

function parseBaseUrl({ name, baseUrl, pastedPath }: BearerService, text: string): URL {
  const url = URL.parse(text.trim())
  if (!url || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new AIError({
      code: 'config_invalid',
      message: `baseUrl of ${name} provider is an address with its version and without a query, as in ${baseUrl}`,
      details: { key: 'baseUrl' },
    })
  }
  url.pathname = url.pathname.replace(pastedPath, '')
  // These services, and all that stand in front of them, have their API under a version.
  if (url.pathname === '/' || url.pathname === '') url.pathname = '/v1'
  return url
}
