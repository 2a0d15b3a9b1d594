import { AIError } from '../core/errors.ts'

/** Whether a host name of a URL is this machine: 127.0.0.0/8, ::1, `localhost` and the names below it. */
export function isLoopback(hostname: string): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, '')
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  const address = name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name
  if (address === '::1' || address === '0:0:0:0:0:0:0:1') return true
  // The URL parser writes an IPv4 address inside an IPv6 one in hexadecimal: ::ffff:7f00:1.
  if (/^::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}$/.test(address)) return true
  const parts = /^(?:::ffff:)?127\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address)
  return parts !== null && parts.slice(1).every((part) => Number(part) <= 255)
}

/** Refuses to send a key in the clear: throws `config_invalid` for plain http to a host that is not loopback. */
export function assertKeyMayTravel(url: string | URL, hasKey: boolean): void {
  if (!hasKey) return
  const target = toUrl(url)
  if (target.protocol === 'https:') return
  if (target.protocol === 'http:' && isLoopback(target.hostname)) return
  throw new AIError({
    code: 'config_invalid',
    message:
      `A key would travel unencrypted to ${target.host}. ` +
      'Use https, or take the key out of the configuration of this provider.',
    details: { protocol: target.protocol, host: target.host },
  })
}

/** An address without user info, and the header that the user info stands for. */
export interface SplitUrl {
  readonly url: string
  readonly authorization: string | undefined
}

/** Takes `user:pass@` out of an address and makes a Basic authorization header of it. Throws `config_invalid`. */
export function splitUserInfo(url: string | URL): SplitUrl {
  const target = toUrl(url)
  if (target.username === '' && target.password === '') return { url: target.href, authorization: undefined }
  const bytes = new TextEncoder().encode(`${unescaped(target.username)}:${unescaped(target.password)}`)
  target.username = ''
  target.password = ''
  return { url: target.href, authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` }
}

/** The text that a percent-encoded user or password stands for; as it is where the encoding is broken. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function toUrl(url: string | URL): URL {
  // The platform's error would carry the whole address, and with it a password.
  const target = URL.parse(String(url))
  if (target !== null) return target
  throw new AIError({
    code: 'config_invalid',
    message:
      'The base URL of the provider is not a valid URL: it needs a scheme and a host, as in http://127.0.0.1:11434.',
  })
}
