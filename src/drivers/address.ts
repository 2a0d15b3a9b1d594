import { Secret } from '../transport/redact.ts'
import { assertKeyMayTravel } from '../transport/url.ts'
import type { Address, ProviderOptions, Timeouts } from './rooms.ts'

/** Shortest header value that is taken for a secret: hiding every `1` or `true` would hide what an error says. */
const SECRET_CHARS_MIN = 8

/** What an address is made of, beside the options of the user. */
export interface AddressParts {
  /** Without user info, query and fragment. */
  readonly url: URL
  /** The header that lets one in; its value is undefined where there is no key. */
  readonly credentials: { readonly header: string; readonly value: string | undefined }
  /** Headers of the service's own, which those of the user replace. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** What must never be shown. */
  readonly secrets: readonly (string | undefined)[]
  readonly deadlines: Timeouts
}

/** Where a provider is, and what every request to it carries. @throws AIError `config_invalid` for a key over plain http */
export function addressOf(parts: AddressParts, { headers = {}, timeouts }: ProviderOptions): Address {
  const { url, credentials, secrets, deadlines } = parts
  assertKeyMayTravel(url, credentials.value !== undefined)
  const hidden = Object.values(headers).filter((value) => value.length >= SECRET_CHARS_MIN)
  // Two spellings of one header would both be sent.
  const lowered = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  const all = [
    ['content-type', 'application/json'],
    ...Object.entries(parts.headers ?? {}),
    ...lowered,
    [credentials.header, credentials.value],
  ] as const
  return {
    baseUrl: url.origin + url.pathname.replace(/\/+$/, ''),
    hostname: url.hostname,
    headers: Object.fromEntries(
      all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
    ),
    secrets: [...secrets, ...hidden].flatMap((text) =>
      text === undefined || text === '' ? [] : [new Secret(text)],
    ),
    deadlines: { ...deadlines, ...timeouts },
  }
}
