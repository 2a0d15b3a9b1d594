import { isAIError } from '../../src/core/errors.ts'
import type { Driver } from '../../src/core/driver.ts'
import type { ChatRequest } from '../../src/core/request.ts'
import { Fold, type DriverEvent } from '../../src/core/stream.ts'
import type { DriverFactory } from '../../src/drivers/rooms.ts'
import { systemRuntime } from '../../src/runtime.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import type { Exchange } from '../../src/transport/transport.ts'

/** What came out of a driver for one answer. */
export interface Read {
  readonly events: readonly DriverEvent[]
  readonly fold: Fold
  /** Code and message of the error at the end. */
  readonly error: string | undefined
  readonly message: string | undefined
}

/** How an answer comes, where that is not a stream under 200 without headers. */
export interface Arriving {
  readonly stream?: boolean
  readonly status?: number
  readonly headers?: Exchange['headers']
}

/** A driver without a network: thousands of cuts take seconds. */
export interface InMemory<Options> {
  /** A request with these messages, and nothing else that is not said. */
  readonly request: (more?: Partial<ChatRequest>) => ChatRequest
  /** Reads an answer that arrives in these pieces, by way of the driver's own decoder and reducer. */
  readonly readPieces: (pieces: readonly Uint8Array[], arriving?: Arriving) => Promise<Read>
  /** The same for records, as server-sent events or as one whole answer. */
  readonly readRecords: (records: readonly unknown[], arriving?: Arriving) => Promise<Read>
  readonly driver: (options?: Options) => Driver
}

/** Drivers that a factory makes, under its own name. */
export function inMemory<Options>(
  factory: (options?: Options) => DriverFactory,
  model: string,
): InMemory<Options> {
  const make = (exchange: () => Exchange, options?: Options): Driver => {
    const made = factory(options)
    const transport = { send: async () => exchange(), close: async () => {} }
    return made({ provider: made.driver ?? 'provider', runtime: RUNTIME, transport })
  }
  const request = (more: Partial<ChatRequest> = {}): ChatRequest => ({
    model,
    messages: [{ role: 'user', content: 'Hi' }],
    stream: true,
    providerOptions: {},
    ...more,
  })
  const readPieces = (pieces: readonly Uint8Array[], arriving: Arriving = {}): Promise<Read> => {
    const driver = make(() => exchangeOf(pieces, arriving))
    return read(driver, request({ stream: arriving.stream ?? true }))
  }
  return {
    request,
    readPieces,
    readRecords: (records, arriving = {}) => {
      const text =
        (arriving.stream ?? true)
          ? records.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('')
          : JSON.stringify(records[0] ?? null)
      return readPieces([new TextEncoder().encode(text)], arriving)
    },
    driver: (options) => make(() => exchangeOf([], {}), options),
  }
}

/** Bytes cut at the given offsets. */
export function cutAt(bytes: Uint8Array, offsets: readonly number[]): Uint8Array[] {
  const edges = [0, ...offsets, bytes.length]
  return edges.slice(1).map((to, index) => bytes.subarray(edges[index] ?? 0, to))
}

const RUNTIME = { ...systemRuntime, clock: new FakeClock(), env: {} }

async function read(driver: Driver, request: ChatRequest): Promise<Read> {
  const fold = new Fold()
  const events: DriverEvent[] = []
  const write = (batch: readonly DriverEvent[]): void => {
    for (const event of batch) {
      events.push(event)
      fold.apply(event)
    }
  }
  try {
    await driver.attempt(request, { signal: undefined, timeLeftMs: undefined, write })
  } catch (thrown) {
    if (!isAIError(thrown)) throw thrown
    return { events, fold, error: thrown.code, message: thrown.message }
  }
  return { events, fold, error: undefined, message: undefined }
}

function exchangeOf(pieces: readonly Uint8Array[], { status = 200, headers = {} }: Arriving): Exchange {
  return {
    status,
    headers,
    consume: async (take) => {
      for (const piece of pieces) {
        const busy = take(piece)
        if (busy) await busy
      }
    },
    abort: () => {},
  }
}
