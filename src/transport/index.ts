import type { Runtime } from '../runtime.ts'
import { FetchTransport } from './fetch.ts'
import { NodeHttpTransport } from './node-http.ts'
import type { Transport } from './transport.ts'

export interface TransportOptions {
  /** Sends every request through this function instead of the runtime's own HTTP client. */
  readonly fetch?: typeof globalThis.fetch
}

/**
 * The transport that suits the runtime: `node:http` on Node, `fetch` elsewhere or where one is passed in. Loads no
 * HTTP client before the first call.
 */
export function createTransport(runtime: Runtime, options: TransportOptions = {}): Transport {
  if (options.fetch !== undefined) return new FetchTransport(runtime.clock, options.fetch)
  return isNode(runtime) ? new NodeHttpTransport(runtime) : new FetchTransport(runtime.clock, runtime.fetch)
}

/** Bun and Deno imitate `node:http` on top of their own `fetch`: there the original serves better. */
function isNode(runtime: Runtime): boolean {
  const process = runtime.builtin('process')
  if (typeof process !== 'object' || process === null || !('versions' in process)) return false
  const { versions } = process
  if (typeof versions !== 'object' || versions === null) return false
  return 'node' in versions && !('bun' in versions) && !('deno' in versions)
}
