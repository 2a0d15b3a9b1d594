import { isAIError } from '../../../src/core/errors.ts'
import type { ChatRequest } from '../../../src/core/request.ts'
import { Fold, type DriverEvent } from '../../../src/core/stream.ts'
import { OpenAIDriver, type OpenAIOptions } from '../../../src/drivers/openai/index.ts'
import { systemRuntime } from '../../../src/runtime.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import type { Exchange, Transport } from '../../../src/transport/transport.ts'

/** What came out of the driver for one answer. */
export interface Read {
  readonly events: readonly DriverEvent[]
  readonly fold: Fold
  /** Code of the error at the end. */
  readonly error: string | undefined
}

/** A request with these messages, and nothing else that is not said. */
export function request(more: Partial<ChatRequest> = {}): ChatRequest {
  return {
    model: 'gpt-6-luna',
    messages: [{ role: 'user', content: 'Hi' }],
    stream: true,
    providerOptions: {},
    ...more,
  }
}

/** Reads an answer that arrives in these pieces, by way of the driver's own decoder and reducer, without a socket. */
export async function readPieces(pieces: readonly Uint8Array[], stream: boolean = true): Promise<Read> {
  arriving = pieces
  const fold = new Fold()
  const events: DriverEvent[] = []
  let error: string | undefined
  try {
    await DRIVER.attempt(request({ stream }), {
      signal: undefined,
      timeLeftMs: undefined,
      write: (batch) => {
        for (const event of batch) {
          events.push(event)
          fold.apply(event)
        }
      },
    })
  } catch (thrown) {
    if (!isAIError(thrown)) throw thrown
    error = thrown.code
  }
  return { events, fold, error }
}

/** Bytes cut at the given offsets. */
export function cutAt(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const edges = [0, ...offsets, bytes.length]
  return edges.slice(1).map((to, index) => bytes.subarray(edges[index] ?? 0, to))
}

/** What the next answer consists of; answers are read one after the other. */
let arriving: readonly Uint8Array[] = []

const TRANSPORT: Transport = {
  send: async () => exchangeOf(arriving),
  close: async () => {},
}

const RUNTIME = { ...systemRuntime, clock: new FakeClock(), env: {} }
const DRIVER = driver()

/** A driver without a network. */
export function driver(options: OpenAIOptions = {}): OpenAIDriver {
  return new OpenAIDriver(options, { provider: 'openai', runtime: RUNTIME, transport: TRANSPORT })
}

function exchangeOf(pieces: readonly Uint8Array[]): Exchange {
  return {
    status: 200,
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
