import type { AIError } from '../core/errors.ts'
import type { Clock } from '../runtime.ts'
import { abortedError, timedOutError } from './failures.ts'
import type { DeadlineName } from './failures.ts'
import type { TransportRequest } from './transport.ts'

const NEVER_MS = Number.POSITIVE_INFINITY

/**
 * Watches one exchange: its four deadlines and its signal. Calls `fail` at most once, and never after `stop`.
 *
 * There is one timer however many deadlines there are, and a byte that arrives only notes the time: when the timer
 * fires too early for what is due by then, it is set again. So a stream of a thousand pieces costs no timer at all.
 */
export class Watch {
  readonly #clock: Clock
  readonly #request: TransportRequest
  readonly #host: string
  readonly #fail: (error: AIError) => void
  readonly #totalDueMs: number
  #phase: DeadlineName = 'connect'
  #phaseMs = NEVER_MS
  #sinceMs = 0
  #armedForMs = NEVER_MS
  #cancel: (() => void) | undefined
  #onAbort: (() => void) | undefined

  constructor(clock: Clock, request: TransportRequest, host: string, fail: (error: AIError) => void) {
    this.#clock = clock
    this.#request = request
    this.#host = host
    this.#fail = fail
    const totalMs = request.deadlines?.totalMs
    this.#totalDueMs = totalMs === undefined ? NEVER_MS : clock.elapsed() + totalMs
    const { signal } = request
    if (signal !== undefined) {
      this.#onAbort = () => this.#end(abortedError(signal.reason))
      signal.addEventListener('abort', this.#onAbort)
    }
    this.#enter('connect', request.deadlines?.connectMs)
  }

  /** The connection stands: from now on the response is waited for. */
  connected(): void {
    if (this.#phase === 'connect') this.#enter('firstByte', this.#request.deadlines?.firstByteMs)
  }

  /** The headers are there, or the reader is busy: the far end owes nothing now; only the total goes on. */
  rest(): void {
    this.#phase = 'idle'
    this.#phaseMs = NEVER_MS
  }

  /** The body is being read: the next piece is waited for. */
  reading(): void {
    this.#enter('idle', this.#request.deadlines?.idleMs)
  }

  /** A piece has come. */
  touch(): void {
    if (this.#phaseMs !== NEVER_MS) this.#sinceMs = this.#clock.elapsed()
  }

  /** The exchange is over: no timer and no listener is left. */
  stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    if (this.#onAbort !== undefined) this.#request.signal?.removeEventListener('abort', this.#onAbort)
    this.#onAbort = undefined
    this.#phaseMs = NEVER_MS
    this.#armedForMs = NEVER_MS
  }

  #end(error: AIError): void {
    this.stop()
    this.#fail(error)
  }

  #enter(phase: DeadlineName, limitMs: number | undefined): void {
    this.#phase = phase
    this.#phaseMs = limitMs ?? NEVER_MS
    if (limitMs !== undefined) this.#sinceMs = this.#clock.elapsed()
    this.#arm()
  }

  #arm(): void {
    const dueMs = Math.min(this.#sinceMs + this.#phaseMs, this.#totalDueMs)
    // A timer that fires before `dueMs` is left alone: it arms itself again then.
    if (dueMs === NEVER_MS || this.#armedForMs <= dueMs) return
    this.#cancel?.()
    this.#armedForMs = dueMs
    this.#cancel = this.#clock.after(dueMs - this.#clock.elapsed(), () => this.#onTimer())
  }

  #onTimer(): void {
    this.#cancel = undefined
    this.#armedForMs = NEVER_MS
    const nowMs = this.#clock.elapsed()
    if (nowMs >= this.#sinceMs + this.#phaseMs) {
      this.#end(timedOutError(this.#phase, this.#phaseMs, this.#host))
    } else if (nowMs >= this.#totalDueMs) {
      this.#end(timedOutError('total', this.#request.deadlines?.totalMs ?? 0, this.#host))
    } else {
      this.#arm()
    }
  }
}
