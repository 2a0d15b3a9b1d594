import type { Clock } from '../runtime.ts'
import type { Gate, RecordedRequest } from './far-end.ts'
import type { Meter } from './metered-provider-bills.ts'

/** How it behaves with one request. */
export interface MeteredReply {
  /** Tokens that the model would write if nothing stopped it. @default 100 */
  readonly outputTokens?: number
  /** Writes them all, and bills them, whatever limit was sent. @default false */
  readonly ignoresLimit?: boolean
  /** Asks for a tool, until so many results of tools are in the conversation. @default 0 */
  readonly toolRounds?: number
  /** Answers with this status, and an error. */
  readonly status?: number
  /** Whether an error comes after all of the work, which is billed. @default false: before it, for nothing */
  readonly billsError?: boolean
  /** What it says of its counts: that they are all zero, or nothing. @default 'counts' */
  readonly tells?: 'counts' | 'zeros' | 'nothing'
  /** The model that it says has answered. @default the one that was asked for */
  readonly names?: string
  /** Ends a whole answer in its middle, as if that were all, and a stream with an error of this status after its tokens. */
  readonly spoils?: number
  /** How long it takes to write a token, in milliseconds. @default 0 */
  readonly tokenMs?: number
  /** Breaks the line after so many tokens of a stream. */
  readonly cutAfter?: number
  /** Holds the answer back: a stream after `holdAfter` tokens, a whole answer altogether. */
  readonly gate?: Gate
  /** @default 0 */
  readonly holdAfter?: number
  /** Tokens that it goes on to write, and bills, when the client has left or the line broke. @default all of them */
  readonly goesOn?: number
}

/** The writing of one answer: gates that let it out at its pace, and count. */
export class Work {
  readonly #clock: Clock
  readonly #meter: Meter
  readonly #reply: MeteredReply
  readonly #tokens: number
  #written = 0
  /** Give up waiting for the test's gate, and for the next token. */
  #cancelGate = (): void => {}
  #cancelTimer = (): void => {}

  constructor(clock: Clock, meter: Meter, request: RecordedRequest, reply: MeteredReply, tokens: number) {
    this.#clock = clock
    this.#meter = meter
    this.#reply = reply
    this.#tokens = tokens
    // A client that leaves while nothing waits for it is noticed by its line.
    void request.closed.then(() => this.#leave())
  }

  /** For an answer that is sent whole: it is held back until everything is written. */
  whole(): Gate {
    const { tokenMs = 0, status } = this.#reply
    const startedMs = this.#clock.elapsed()
    return gateOf((resume) => {
      const end = (): void => {
        this.#meter.stop(status === undefined ? 'answered' : 'failed', this.#tokens)
        resume()
      }
      this.#held(() => this.#after(tokenMs * this.#tokens, end))
      return () => {
        if (tokenMs > 0) this.#written = Math.floor((this.#clock.elapsed() - startedMs) / tokenMs)
        this.#leave()
      }
    })
  }

  /** For a stream: its first record says who speaks, and each one after it is a token, up to the end. */
  byToken(): Gate {
    const { tokenMs = 0, holdAfter = 0, cutAfter } = this.#reply
    let records = 0
    return gateOf((resume) => {
      const written = Math.min(records++, this.#tokens)
      const next = (): void => {
        this.#written = written
        this.#meter.wrote(written)
        if (written === this.#tokens) this.#meter.stop('answered', written)
        else if (written === cutAfter) this.#leave()
        resume()
      }
      if (written > holdAfter) this.#held(() => this.#after(tokenMs, next))
      else this.#after(written === 0 ? 0 : tokenMs, next)
      return () => this.#leave()
    })
  }

  #held(next: () => void): void {
    const { gate } = this.#reply
    if (gate) this.#cancelGate = gate.enter(next)
    else next()
  }

  #after(ms: number, next: () => void): void {
    if (ms > 0) this.#cancelTimer = this.#clock.after(ms, next)
    else next()
  }

  /** Nobody listens any more: the model may not have noticed. */
  #leave(): void {
    this.#cancelGate()
    this.#cancelTimer()
    const { goesOn = Number.POSITIVE_INFINITY } = this.#reply
    this.#meter.stop('left', Math.min(this.#tokens, this.#written + goesOn))
  }
}

function gateOf(enter: Gate['enter']): Gate {
  const nothing = (): void => {}
  return { waiting: 0, open: nothing, pass: nothing, arrival: () => Promise.resolve(), enter }
}
