import type { Clock } from '../runtime.ts'

interface Timer {
  readonly dueMs: number
  readonly callback: () => void
}

export interface FakeClockOptions {
  /** What `now()` says at the start, in milliseconds since the Unix epoch. @default 2026-01-01T00:00:00Z */
  readonly startMs?: number
}

/** A clock that stands still until `advance` moves it: for tests that would otherwise sleep. */
export class FakeClock implements Clock {
  readonly #startMs: number
  #elapsedMs = 0
  readonly #timers = new Set<Timer>()

  constructor(options: FakeClockOptions = {}) {
    this.#startMs = options.startMs ?? Date.UTC(2026, 0, 1)
  }

  now(): number {
    return this.#startMs + this.#elapsedMs
  }

  elapsed(): number {
    return this.#elapsedMs
  }

  after(ms: number, callback: () => void): () => void {
    const timer: Timer = { dueMs: this.#elapsedMs + Math.max(0, ms), callback }
    this.#timers.add(timer)
    return () => {
      this.#timers.delete(timer)
    }
  }

  /** How many timers are pending. */
  get timers(): number {
    return this.#timers.size
  }

  /**
   * Moves time on by `ms`: fires every timer that falls due, in order of time, also those set on the way, and lets
   * promises (and input that has arrived) settle before, between and after them.
   */
  async advance(ms: number): Promise<void> {
    const endMs = this.#elapsedMs + ms
    await settle()
    for (let timer = this.#next(endMs); timer !== undefined; timer = this.#next(endMs)) {
      this.#timers.delete(timer)
      this.#elapsedMs = timer.dueMs
      timer.callback()
      await settle()
    }
    this.#elapsedMs = endMs
    await settle()
  }

  /** The earliest timer that is due by `endMs`; of two at one time the one that was set first. */
  #next(endMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs <= endMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer
    }
    return next
  }
}

/** One turn of the event loop: every chain of promises, however long, has run when it is over. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
