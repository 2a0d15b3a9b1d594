import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { systemClock, type Clock } from '../runtime.ts'
import type { MeteredProvider } from './metered-provider.ts'
import type {
  OverspendAsk,
  OverspendOutcome,
  OverspendSetup,
  OverspendSubject,
  OverspendWorld,
} from './overspend.ts'
import type { WorkerOrder, WorkerReport } from './overspend-worker.ts'

/** Most calls that are made to fill a budget. */
export const FILL_CALLS_MAX = 100

/** The model of asks that name none. */
export const METERED_MODEL = 'metered-1'

const ASK: OverspendAsk = { model: METERED_MODEL, prompt: 'Hello', user: 'ada', maxOutputTokens: 100 }

/** The real time, with jumps. Durations go on as they do. */
export class JumpingClock implements Clock {
  #offsetMs: number

  constructor(startsAt?: number) {
    this.#offsetMs = startsAt === undefined ? 0 : startsAt - systemClock.now()
  }

  /** Moves the date by so many milliseconds, forth or back. */
  jump(ms: number): void {
    this.#offsetMs += ms
  }

  now(): number {
    return systemClock.now() + this.#offsetMs
  }

  elapsed(): number {
    return systemClock.elapsed()
  }

  after(ms: number, callback: () => void): () => void {
    return systemClock.after(ms, callback)
  }
}

/** Changes to the usual ask: 100 tokens for `Hello`, by `ada`. `maxOutputTokens: undefined` sets no limit. */
export type OverspendAskChange = {
  readonly [Key in keyof OverspendAsk]?: OverspendAsk[Key] | undefined
}

interface StageParts {
  readonly provider: MeteredProvider
  readonly setup: OverspendSetup
  readonly subject: OverspendSubject
  readonly world: OverspendWorld
  readonly clock: JumpingClock
}

/** What a scenario plays on: a provider that bills, a set-up that is to hold, and counts of what came of the calls. */
export class OverspendStage {
  readonly provider: MeteredProvider
  readonly clock: JumpingClock
  /** Calls that the budget refused. */
  refused = 0
  /** Calls that it let in, and those of processes that were killed before they could say. */
  admitted = 0
  readonly #parts: StageParts
  readonly #workers = new Set<OverspendWorker>()

  constructor(parts: StageParts) {
    this.provider = parts.provider
    this.clock = parts.clock
    this.#parts = parts
  }

  /** Makes one call, and counts what came of it. */
  async call(change: OverspendAskChange = {}): Promise<OverspendOutcome> {
    const outcome = await this.#parts.setup.call(askOf(change))
    this.count(outcome)
    return outcome
  }

  /** Makes so many calls at once. */
  all(
    count: number,
    change: OverspendAskChange | ((index: number) => OverspendAskChange) = {},
  ): Promise<OverspendOutcome[]> {
    const changeOf = typeof change === 'function' ? change : () => change
    return Promise.all(Array.from({ length: count }, (_, index) => this.call(changeOf(index))))
  }

  /** Makes one call after the other until one is refused: the budget is as full as it gets. */
  async fillUp(change: OverspendAskChange = {}): Promise<void> {
    for (let calls = 0; calls < FILL_CALLS_MAX; calls++) {
      if ((await this.call(change)) === 'refused') return
    }
  }

  /** Waits until each of these calls is over or has a request at the provider, which had none before. */
  async underWay(calls: readonly Promise<unknown>[]): Promise<void> {
    const open = new Set(calls)
    const over = (call: Promise<unknown>) => (): boolean => open.delete(call)
    for (const call of calls) void call.then(over(call), over(call))
    for (let here = 0; here < open.size; here = this.provider.bills().length) {
      await Promise.race([this.provider.arrived(here + 1), ...open])
    }
  }

  /** Waits until so many requests have come in, or one of the calls that were to send them is over. */
  async arrived(count: number, calls: readonly Promise<unknown>[]): Promise<void> {
    await Promise.race([this.provider.arrived(count), ...calls])
  }

  count(outcome: OverspendOutcome): void {
    if (outcome === 'refused') this.refused++
    else this.admitted++
  }

  /** Starts another process with the same set-up: the same limits, and the same folder. */
  async spawn(): Promise<OverspendWorker> {
    const { subject, world } = this.#parts
    if (!subject.worker) throw new Error(`${subject.name} does not say how another process gets it`)
    const worker = new OverspendWorker((outcome) => this.count(outcome))
    this.#workers.add(worker)
    const { clock: _, ...rest } = world
    await worker.order({ type: 'open', subject: subject.worker, world: rest })
    return worker
  }

  /** Ends processes that are left. */
  async close(): Promise<void> {
    for (const worker of this.#workers) await worker.kill()
  }
}

/** The ask that a change makes of the usual one. */
export function askOf(change: OverspendAskChange): OverspendAsk {
  const ask: Record<string, unknown> = { ...ASK, ...change }
  for (const [name, value] of Object.entries(ask)) if (value === undefined) delete ask[name]
  return ask as unknown as OverspendAsk
}

/** Another process that makes calls. */
export class OverspendWorker {
  readonly #child: ChildProcess
  readonly #onOutcome: (outcome: OverspendOutcome) => void
  readonly #exited: Promise<unknown>
  /** Calls that were ordered and not told of. */
  #open = 0
  #done: PromiseWithResolvers<void> | undefined

  constructor(onOutcome: (outcome: OverspendOutcome) => void) {
    this.#onOutcome = onOutcome
    const file = `./overspend-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), { execArgv: [] })
    this.#exited = once(this.#child, 'exit')
    this.#child.on('message', (report) => this.#onReport(report as WorkerReport))
    void this.#exited.then(() => this.#done?.reject(new Error('A process of the set-up ended by itself')))
  }

  /** Makes so many calls at once; resolves when all of them are over. */
  calls(count: number, change: OverspendAskChange = {}): Promise<void> {
    this.#open += count
    return this.order({ type: 'calls', count, ask: askOf(change) })
  }

  order(order: WorkerOrder): Promise<void> {
    this.#done = Promise.withResolvers<void>()
    this.#child.send(order)
    return this.#done.promise
  }

  /** Ends it with SIGKILL, in the middle of whatever it does. */
  async kill(): Promise<void> {
    this.#done?.promise.catch(() => {})
    this.#child.kill('SIGKILL')
    await this.#exited
    // What it did with these, nobody knows.
    for (; this.#open > 0; this.#open--) this.#onOutcome('failed')
  }

  #onReport(report: WorkerReport): void {
    if (report.type === 'outcome') {
      this.#open--
      this.#onOutcome(report.outcome)
    } else if (report.type === 'failed') this.#done?.reject(new Error(report.message))
    else this.#done?.resolve()
  }
}
