import type { Runtime } from '../runtime.ts'
import { FetchTransport } from './fetch.ts'
import type { Transport } from './transport.ts'
import { UndiciTransport } from './undici.ts'

export interface TransportOptions {
  /** Sends every request through this function instead of the runtime's own HTTP client. */
  readonly fetch?: typeof globalThis.fetch
}

/**
 * The transport that suits the runtime: undici's client on Node, `fetch` elsewhere or where one is passed in. Loads no
 * HTTP client before the first call.
 */
export function createTransport(runtime: Runtime, options: TransportOptions = {}): Transport {
  if (options.fetch !== undefined) return new FetchTransport(runtime.clock, options.fetch)
  return isNode(runtime)
    ? new UndiciTransport(runtime.clock)
    : new FetchTransport(runtime.clock, runtime.fetch)
}

/** Bun and Deno imitate Node's sockets on top of their own: there their own `fetch` serves better. */
function isNode(runtime: Runtime): boolean {
  const process = runtime.builtin('process')
  if (typeof process !== 'object' || process === null || !('versions' in process)) return false
  const { versions } = process
  if (typeof versions !== 'object' || versions === null) return false
  return 'node' in versions && !('bun' in versions) && !('deno' in versions)
}
