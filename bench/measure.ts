import { CALLERS, type Caller } from './callers.ts'
import { protocolOf, RECORDS } from './protocols.ts'

/** One suite: what one slice of it does, and how many slices there are. */
interface Suite {
  readonly slices: number
  /** Slices before those that count. @default as many */
  readonly warmUp?: number
  /** Gives the figure of one slice. */
  readonly run: (caller: Caller) => Promise<number>
}

/** Figures by suite and caller: one for each slice. */
export type Figures = Record<string, Record<string, number[]>>

const IN_FLIGHT = 32

const SUITES = {
  // 12,000 calls: before that the compiler still takes a fifth of the CPU of a call, in threads of its own.
  callCpu: { slices: 12, warmUp: 20, run: (caller) => cpuPer(600, () => inFlight(600, caller)) },
  callWall: { slices: 12, run: (caller) => wallPer(600, () => inFlight(600, caller)) },
  sequential: {
    slices: 8,
    run: async (caller) => {
      const times: number[] = []
      for (let call = 0; call < 150; call++) times.push(await wallPer(1, () => caller.chat()))
      return median(times)
    },
  },
  liveCpu: { slices: 12, run: (caller) => cpuPer(15 * RECORDS, () => streams(caller, 'live', 15)) },
  burstCpu: { slices: 12, run: (caller) => cpuPer(20 * RECORDS, () => streams(caller, 'burst', 20)) },
  firstEvent: { slices: 8, run: async (caller) => median(await streams(caller, 'burst', 15)) },
} as const satisfies Readonly<Record<string, Suite>>

export type SuiteName = keyof typeof SUITES

/**
 * Measures all callers in small slices, one caller after the other within each slice: what the neighbours on the
 * machine do then hits all of them alike, and the ratios hold where the figures themselves do not. All in µs.
 */
export async function measure(origin: string, protocol: string): Promise<Figures> {
  const callers = new Map<string, Caller>()
  for (const [name, make] of Object.entries(CALLERS))
    callers.set(name, await make(`${origin}/as-${protocol}`, protocolOf(protocol)))
  const names = [...callers.keys()]
  const figures: Figures = {}
  for (const [suite, { slices, warmUp = slices, run }] of Object.entries<Suite>(SUITES)) {
    // The negative ones warm up: V8 needs thousands of calls before its figures settle.
    for (let slice = -warmUp; slice < slices; slice++) {
      for (const name of slice % 2 === 0 ? names : names.toReversed()) {
        const caller = callers.get(name)
        if (!caller) continue
        const figure = await run(caller)
        if (slice >= 0) ((figures[suite] ??= {})[name] ??= []).push(figure)
      }
    }
  }
  for (const caller of callers.values()) await caller.close()
  return figures
}

async function inFlight(calls: number, caller: Caller): Promise<void> {
  let left = calls
  const worker = async (): Promise<void> => {
    while (left-- > 0) await caller.chat()
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
}

/** Reads some streams and gives for each how long its first event took. */
async function streams(caller: Caller, mode: 'burst' | 'live', count: number): Promise<number[]> {
  const firsts: number[] = []
  for (let stream = 0; stream < count; stream++) {
    const began = performance.now()
    let events = 0
    await caller.stream(mode, () => {
      if (events++ === 0) firsts.push((performance.now() - began) * 1_000)
    })
    if (events !== RECORDS) throw new Error(`${events} events in place of ${RECORDS}`)
  }
  return firsts
}

async function wallPer(count: number, work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return ((performance.now() - began) * 1_000) / count
}

async function cpuPer(count: number, work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
