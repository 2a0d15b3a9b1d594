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
  const { systemRuntime, systemClock } = await import('../src/runtime.ts')
  const { readJson } = await import('../src/transport/body.ts')
  const { NdjsonDecoder } = await import('../src/transport/ndjson.ts')
  const transport =
    kind === 'undici'
      ? new (await import('../src/transport/undici.ts')).UndiciTransport(systemClock)
      : kind === 'node'
        ? new (await import('../src/transport/node-http.ts')).NodeHttpTransport(systemRuntime)
        : new (await import('../src/transport/fetch.ts')).FetchTransport(systemClock, globalThis.fetch)
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

export interface Figures {
  /** Making the caller and its first answer, in ms. */
  readonly firstCallMs: number
  /** Non-streaming, 32 in flight: CPU in µs, and calls per second. */
  readonly callCpu: number
  readonly callsPerSecond: number
  /** One call after the other: median in µs. */
  readonly sequential: number
  /** Per record: CPU in µs. */
  readonly burstCpu: number
  readonly liveCpu: number
  /** Until the first record of a burst: median in µs. */
  readonly firstRecord: number
}

/** Measures one caller; the process should do nothing else. */
export async function measure(kind: string, origin: string): Promise<Figures> {
  const began = performance.now()
  const caller = kind === 'bare' ? bareFetch : await makeOurs(kind)
  await caller.chat(`${origin}/chat`)
  const firstCallMs = performance.now() - began

  await inFlight(32, 5_000, () => caller.chat(`${origin}/chat`))
  const chatBegan = performance.now()
  const callCpu = await cpuPer(3_000, () => inFlight(32, 3_000, () => caller.chat(`${origin}/chat`)))
  const callsPerSecond = 3_000 / ((performance.now() - chatBegan) / 1_000)

  const times: number[] = []
  for (let call = 0; call < 600; call += 1) {
    const at = performance.now()
    await caller.chat(`${origin}/chat`)
    times.push((performance.now() - at) * 1_000)
  }

  const firsts: number[] = []
  const streams = async (path: string, count: number): Promise<void> => {
    for (let stream = 0; stream < count; stream += 1) {
      const at = performance.now()
      let records = 0
      await caller.stream(origin + path, () => {
        if (records === 0) firsts.push((performance.now() - at) * 1_000)
        records += 1
      })
      if (records !== RECORDS) throw new Error(`${records} records instead of ${RECORDS}`)
    }
  }
  await streams('/burst', 80)
  firsts.length = 0
  const burstCpu = await cpuPer(120 * RECORDS, () => streams('/burst', 120))
  const firstRecord = median(firsts)
  await streams('/live', 30)
  const liveCpu = await cpuPer(60 * RECORDS, () => streams('/live', 60))
  return { firstCallMs, callCpu, callsPerSecond, sequential: median(times), burstCpu, liveCpu, firstRecord }
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

async function cpuPer(count: number, work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const used = process.cpuUsage(before)
  return (used.user + used.system) / count
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
