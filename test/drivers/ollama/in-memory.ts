import type { DriverEvent } from '../../../src/core/stream.ts'
import { isAIError } from '../../../src/core/errors.ts'
import { OllamaDriver } from '../../../src/drivers/ollama/index.ts'
import { systemRuntime } from '../../../src/runtime.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import type { Exchange, Transport } from '../../../src/transport/transport.ts'

/** What came out of the driver for one answer. */
export interface Read {
  readonly events: readonly DriverEvent[]
  /** Code and message of the error at the end. */
  readonly error: string | undefined
}

/**
 * Reads an answer that arrives in these pieces, by way of the driver's own decoder and reducer, without a socket:
 * tens of thousands of cuts take seconds.
 */
export async function readPieces(pieces: readonly Uint8Array[], stream: boolean = true): Promise<Read> {
  arriving = pieces
  const events: DriverEvent[] = []
  const request = {
    model: 'oak',
    messages: [{ role: 'user', content: 'Hi' } as const],
    stream,
    providerOptions: {},
  }
  let error: string | undefined
  try {
    await DRIVER.attempt(request, {
      signal: undefined,
      timeLeftMs: undefined,
      write: (batch) => void events.push(...batch),
    })
  } catch (thrown) {
    if (!isAIError(thrown)) throw thrown
    error = `${thrown.code}: ${thrown.message}`
  }
  return { events, error }
}

/** Bytes cut at the given offsets. */
export function cutAt(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const edges = [0, ...offsets, bytes.length]
  return edges.slice(1).map((to, index) => bytes.subarray(edges[index] ?? 0, to))
}

/** What the next answer consists of; answers are read one after the other. */
let arriving: readonly Uint8Array[] = []

const TRANSPORT: Transport = {
  send: async ({ url }) => (url.endsWith('/api/show') ? exchangeOf(404, []) : exchangeOf(200, arriving)),
  close: async () => {},
}

const RUNTIME = { ...systemRuntime, clock: new FakeClock(), env: {} }
const DRIVER = new OllamaDriver({}, { provider: 'ollama', runtime: RUNTIME, transport: TRANSPORT })

function exchangeOf(status: number, pieces: readonly Uint8Array[]): Exchange {
  return {
    status,
    headers: {},
    consume: async (take) => {
      for (const piece of pieces) {
        const busy = take(piece)
        if (busy) await busy
      }
    },
    abort: () => {},
  }
}
