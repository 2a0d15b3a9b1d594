import { unsendableError } from './failures.ts'

/** Where a request goes. */
export interface Target {
  readonly protocol: 'http:' | 'https:'
  /** Without the brackets of an IPv6 address. */
  readonly hostname: string
  readonly port: number
  readonly path: string
  readonly origin: string
  /** `host:port`, for messages: an address may carry a key in its query, so no more of it is shown. */
  readonly label: string
}

/** Takes an absolute http or https address apart. Throws `config_invalid`. */
export function parseTarget(address: string): Target {
  // The platform's error would carry the whole address, and with it a key in its query.
  const url = URL.parse(address)
  if (url === null) throw unsendableError('The address of the provider is not a valid URL.')
  const { protocol } = url
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw unsendableError(`The address of the provider begins with ${protocol} where http: or https: is due.`)
  }
  const port = url.port === '' ? (protocol === 'https:' ? 443 : 80) : Number(url.port)
  const hostname = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
  return {
    protocol,
    hostname,
    port,
    path: `${url.pathname}${url.search}`,
    origin: url.origin,
    label: `${url.hostname}:${port}`,
  }
}
