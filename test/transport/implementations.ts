import type { Clock } from '../../src/runtime.ts'
import { systemRuntime } from '../../src/runtime.ts'
import { createTransport } from '../../src/transport/index.ts'
import type { Transport } from '../../src/transport/transport.ts'

export interface Implementation {
  readonly name: string
  readonly make: (clock: Clock) => Transport
  /** Whether the connection is ours to watch: its deadline, its reuse, and its end with the transport. */
  readonly ownsConnections: boolean
  /** Whether the connection of an aborted call ends at once; the `fetch` of Node 22 lets some stand for seconds. */
  readonly closesAtOnce: boolean
}

/** Every way to the network: one contract holds for all of them. */
export const IMPLEMENTATIONS: readonly Implementation[] = [
  {
    name: 'undici',
    make: (clock) => createTransport({ ...systemRuntime, clock }),
    ownsConnections: true,
    closesAtOnce: true,
  },
  {
    name: 'fetch',
    make: (clock) => createTransport({ ...systemRuntime, clock }, { fetch: globalThis.fetch }),
    ownsConnections: false,
    closesAtOnce: !process.version.startsWith('v22.'),
  },
]
