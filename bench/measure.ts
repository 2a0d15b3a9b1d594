import { RECORDS } from './stand-in.ts'

/** A way to call the stand-in, with everything that it needs loaded by its first call. */
export interface Caller {
  chat(): Promise<unknown>
  /** Calls `onEvent` for each piece of text and resolves at the end. */
  stream(mode: 'burst' | 'live', onEvent: () => void): Promise<void>
  close(): Promise<void>
}

export interface Figures {
  /** Non-streaming, 32 in flight: CPU in µs per call, and calls per second. */
  readonly callCpu: number
  readonly callsPerSecond: number
  /** One call after the other: median in µs. */
  readonly sequential: number
  /** CPU in µs per event. */
  readonly liveCpu: number
  readonly burstCpu: number
  /** Until the first event of a burst: median in µs. */
  readonly firstEvent: number
  /** Making the caller and its first answer, in ms. */
  readonly firstCallMs: number
}

const IN_FLIGHT = 32

/** Measures one caller, in a process that does nothing else. V8 needs thousands of calls before its figures settle. */
export async function measure(make: () => Promise<Caller>): Promise<Figures> {
  const began = performance.now()
  const caller = await make()
  await caller.chat()
  const firstCallMs = performance.now() - began

  await inFlight(8_000, caller)
  const chatBegan = performance.now()
  const callCpu = await cpuPer(5_000, () => inFlight(5_000, caller))
  const callsPerSecond = 5_000 / ((performance.now() - chatBegan) / 1_000)

  const times: number[] = []
  for (let call = 0; call < 700; call++) times.push(await microseconds(() => caller.chat()))

  const firsts: number[] = []
  await streams(caller, 'burst', 80, [])
  const burstCpu = await cpuPer(120 * RECORDS, () => streams(caller, 'burst', 120, firsts))
  await streams(caller, 'live', 30, [])
  const liveCpu = await cpuPer(60 * RECORDS, () => streams(caller, 'live', 60, []))
  await caller.close()
  return {
    callCpu,
    callsPerSecond,
    sequential: median(times),
    liveCpu,
    burstCpu,
    firstEvent: median(firsts),
    firstCallMs,
  }
}

async function inFlight(calls: number, caller: Caller): Promise<void> {
  let left = calls
  const worker = async (): Promise<void> => {
    while (left-- > 0) await caller.chat()
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
}

async function streams(
  caller: Caller,
  mode: 'burst' | 'live',
  count: number,
  firsts: number[],
): Promise<void> {
  for (let stream = 0; stream < count; stream++) {
    const began = performance.now()
    let events = 0
    await caller.stream(mode, () => {
      if (events++ === 0) firsts.push((performance.now() - began) * 1_000)
    })
    if (events !== RECORDS) throw new Error(`${events} events in place of ${RECORDS}`)
  }
}

async function microseconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return (performance.now() - began) * 1_000
}

async function cpuPer(count: number, work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
