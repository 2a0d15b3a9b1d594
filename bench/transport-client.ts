import { RECORDS } from './transport-server.ts'

/** What is measured: a way to call the server, with everything it needs loaded on the first call. */
export interface Caller {
  chat(url: string): Promise<unknown>
  /** Calls `onRecord` for each record and resolves at the end. */
  stream(url: string, onRecord: (record: unknown) => void): Promise<void>
}

const BODY = JSON.stringify({
  model: 'stand-in',
  messages: [{ role: 'user', content: 'Hello. '.repeat(40) }],
})
const HEADERS = { 'content-type': 'application/json' }
const DEADLINES = { connectMs: 10_000, firstByteMs: 600_000, idleMs: 120_000, totalMs: 3_600_000 }

async function makeOurs(kind: string): Promise<Caller> {
  const { systemRuntime } = await import('../src/runtime.ts')
  const { readJson } = await import('../src/transport/body.ts')
  const { NdjsonDecoder } = await import('../src/transport/ndjson.ts')
  const { createTransport } = await import('../src/transport/index.ts')
  const transport = createTransport(systemRuntime, kind === 'fetch' ? { fetch: globalThis.fetch } : {})
  const send = (url: string) =>
    transport.send({ method: 'POST', url, headers: HEADERS, body: BODY, deadlines: DEADLINES })
  return {
    chat: async (url) => readJson(await send(url)),
    stream: async (url, onRecord) => {
      const exchange = await send(url)
      const decoder = new NdjsonDecoder()
      await exchange.consume((piece) => {
        for (const record of decoder.push(piece)) onRecord(record)
      })
      for (const record of decoder.end()) onRecord(record)
    },
  }
}

const bareFetch: Caller = {
  chat: async (url) => {
    const response = await fetch(url, { method: 'POST', headers: HEADERS, body: BODY })
    return JSON.parse(await response.text())
  },
  stream: async (url, onRecord) => {
    const response = await fetch(url, { method: 'POST', headers: HEADERS, body: BODY })
    const decoder = new TextDecoder()
    let rest = ''
    if (response.body === null) return
    for await (const piece of response.body) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) onRecord(JSON.parse(line))
    }
  },
}

/** The ways that are compared: a bare `fetch`, and both of ours. */
export const KINDS: readonly string[] = ['bare', 'undici', 'fetch']

/** Makes a caller; everything it needs is loaded by its first call. */
export async function makeCaller(kind: string): Promise<Caller> {
  return kind === 'bare' ? bareFetch : makeOurs(kind)
}

/** One suite: what one slice of it does, and how often. */
interface Suite {
  readonly name: string
  readonly slices: number
  /** Returns the figure of one slice. */
  readonly run: (caller: Caller) => Promise<number>
}

/** Figures by suite and kind: one for each slice. */
export type Figures = Record<string, Record<string, number[]>>

/**
 * Measures all callers in small slices, one caller after the other within each slice: what the neighbours on the
 * machine do then hits all of them alike, and the ratios hold where the figures themselves do not.
 */
export async function measure(origin: string): Promise<Figures> {
  const callers = new Map<string, Caller>()
  for (const kind of KINDS) callers.set(kind, await makeCaller(kind))
  const figures: Figures = {}
  for (const { name, slices, run } of suites(origin)) {
    // The negative ones warm up.
    for (let slice = -Math.ceil(slices / 2); slice < slices; slice += 1) {
      for (const kind of slice % 2 === 0 ? KINDS : KINDS.toReversed()) {
        const caller = callers.get(kind)
        if (caller === undefined) continue
        const figure = await run(caller)
        const ofSuite = (figures[name] ??= {})
        if (slice >= 0) (ofSuite[kind] ??= []).push(figure)
      }
    }
  }
  return figures
}

function suites(origin: string): readonly Suite[] {
  const chat = (caller: Caller) => () => caller.chat(`${origin}/chat`)
  const streams = async (caller: Caller, path: string, count: number): Promise<number[]> => {
    const firsts: number[] = []
    for (let stream = 0; stream < count; stream += 1) {
      const at = performance.now()
      let records = 0
      await caller.stream(origin + path, () => {
        if (records === 0) firsts.push((performance.now() - at) * 1_000)
        records += 1
      })
      if (records !== RECORDS) throw new Error(`${records} records instead of ${RECORDS}`)
    }
    return firsts
  }
  return [
    {
      name: 'call, 32 in flight: CPU µs',
      slices: 10,
      run: (caller) => cpuPer(600, () => inFlight(32, 600, chat(caller))),
    },
    {
      name: 'call, 32 in flight: wall µs',
      slices: 10,
      run: async (caller) => {
        const at = performance.now()
        await inFlight(32, 600, chat(caller))
        return ((performance.now() - at) * 1_000) / 600
      },
    },
    {
      name: 'call after call: wall µs, median',
      slices: 8,
      run: async (caller) => {
        const times: number[] = []
        for (let call = 0; call < 150; call += 1) {
          const at = performance.now()
          await caller.chat(`${origin}/chat`)
          times.push((performance.now() - at) * 1_000)
        }
        return median(times)
      },
    },
    {
      name: 'record, 500 in one burst: CPU µs',
      slices: 14,
      run: (caller) => cpuPer(20 * RECORDS, () => streams(caller, '/burst', 20)),
    },
    {
      name: 'record, one write each: CPU µs',
      slices: 14,
      run: (caller) => cpuPer(15 * RECORDS, () => streams(caller, '/live', 15)),
    },
    {
      name: 'first record: wall µs, median',
      slices: 8,
      run: async (caller) => median(await streams(caller, '/burst', 15)),
    },
  ]
}

async function inFlight(width: number, calls: number, call: () => Promise<unknown>): Promise<void> {
  let left = calls
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1
      await call()
    }
  }
  await Promise.all(Array.from({ length: width }, worker))
}

async function cpuPer(count: number, work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const used = process.cpuUsage(before)
  return (used.user + used.system) / count
}

/** The middle of some values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
