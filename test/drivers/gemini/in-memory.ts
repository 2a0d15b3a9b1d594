import { isAIError } from '../../../src/core/errors.ts'
import type { ChatRequest } from '../../../src/core/request.ts'
import { Fold, type DriverEvent } from '../../../src/core/stream.ts'
import { GeminiDriver, type GeminiOptions } from '../../../src/drivers/gemini/index.ts'
import { systemRuntime } from '../../../src/runtime.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import type { Exchange, Transport } from '../../../src/transport/transport.ts'

/** What came out of the driver for one answer. */
export interface Read {
  readonly events: readonly DriverEvent[]
  readonly fold: Fold
  /** Code and message of the error at the end. */
  readonly error: string | undefined
}

/** A request with these messages, and nothing else that is not said. */
export function request(more: Partial<ChatRequest> = {}): ChatRequest {
  return {
    model: 'gemini-3.8-flash',
    messages: [{ role: 'user', content: 'Hi' }],
    stream: true,
    providerOptions: {},
    ...more,
  }
}

/** Reads an answer that arrives in these pieces, by way of the driver's own decoder and reducer, without a socket. */
export async function readPieces(
  pieces: readonly Uint8Array[],
  stream: boolean = true,
  status: number = 200,
): Promise<Read> {
  arriving = { pieces, status }
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
    error = `${thrown.code}: ${thrown.message}`
  }
  return { events, fold, error }
}

/** The same for records, as server-sent events or as one whole answer. */
export function readRecords(records: readonly unknown[], stream: boolean = true): Promise<Read> {
  const text = stream
    ? records.map((record) => `data: ${JSON.stringify(record)}\r\n\r\n`).join('')
    : JSON.stringify(records[0])
  return readPieces([new TextEncoder().encode(text)], stream)
}

/** What the next answer consists of; answers are read one after the other. */
let arriving: { readonly pieces: readonly Uint8Array[]; readonly status: number } = {
  pieces: [],
  status: 200,
}

const TRANSPORT: Transport = {
  send: async () => exchangeOf(arriving),
  close: async () => {},
}

const RUNTIME = { ...systemRuntime, clock: new FakeClock(), env: {} }
const DRIVER = driver()

/** A driver without a network. */
export function driver(options: GeminiOptions = {}): GeminiDriver {
  return new GeminiDriver(options, { provider: 'gemini', runtime: RUNTIME, transport: TRANSPORT })
}

function exchangeOf({ pieces, status }: typeof arriving): Exchange {
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
