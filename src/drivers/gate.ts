import { AIError } from '../core/errors.ts'
import type { Clock } from '../runtime.ts'

/** Most calls that wait for their turn at one provider; one more is refused at once. */
export const GATE_WAITING_MAX = 1_000
/** Most calls at once that can be set with `maxConcurrency`. */
export const CONCURRENCY_MAX = 1_000

/** How long a call waits for its turn. */
export interface GatePatience {
  readonly signal: AbortSignal | undefined
  readonly timeLeftMs: number | undefined
}

interface Waiting {
  enter(): void
}

/** Lets so many calls in at once; the others wait in the order in which they came. */
export class Gate {
  readonly #clock: Clock
  readonly #provider: string
  readonly #max: number
  readonly #waiting = new Set<Waiting>()
  #inside = 0

  /** @throws AIError `config_invalid` for a number that is none of calls */
  constructor(max: number, provider: string, clock: Clock) {
    if (!Number.isSafeInteger(max) || max < 1 || max > CONCURRENCY_MAX) {
      const message = `maxConcurrency of ${provider} is a whole number from 1 to ${CONCURRENCY_MAX}`
      throw new AIError({ code: 'config_invalid', message, details: { key: 'maxConcurrency' } })
    }
    this.#max = max
    this.#provider = provider
    this.#clock = clock
  }

  /**
   * Waits for a turn; whoever got one gives it back with `leave`.
   *
   * @throws AIError `limit_exceeded` where too many wait already, `aborted`, `timed_out`; then there is no turn
   */
  enter(patience: GatePatience): Promise<void> | undefined {
    if (this.#inside < this.#max) {
      this.#inside++
      return undefined
    }
    if (this.#waiting.size >= GATE_WAITING_MAX) throw this.#full()
    return this.#wait(patience)
  }

  /** Gives a turn back: the call that has waited longest has it at once. */
  leave(): void {
    const [next] = this.#waiting
    if (next) next.enter()
    else this.#inside--
  }

  #wait({ signal, timeLeftMs }: GatePatience): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting.delete(turn)
        signal?.removeEventListener('abort', onAbort)
        cancel?.()
      }
      const turn = {
        enter: (): void => {
          stop()
          resolve()
        },
      }
      const leave = (error: AIError): void => {
        stop()
        reject(error)
      }
      const onAbort = (): void => leave(aborted(signal))
      if (signal?.aborted) {
        reject(aborted(signal))
        return
      }
      this.#waiting.add(turn)
      signal?.addEventListener('abort', onAbort, { once: true })
      const cancel =
        timeLeftMs === undefined
          ? undefined
          : this.#clock.after(timeLeftMs, () => leave(this.#outOfTime(timeLeftMs)))
    })
  }

  #full(): AIError {
    return new AIError({
      code: 'limit_exceeded',
      message:
        `${GATE_WAITING_MAX} calls wait for their turn at ${this.#provider} already (maxConcurrency is ${this.#max}): ` +
        'send fewer at once, or raise maxConcurrency',
      provider: this.#provider,
      details: { maxConcurrency: this.#max, waiting: this.#waiting.size },
    })
  }

  #outOfTime(afterMs: number): AIError {
    return new AIError({
      code: 'timed_out',
      message:
        `The time for this call (timeoutMs) was over before it had its turn at ${this.#provider}: raise it, or raise ` +
        `maxConcurrency (${this.#max})`,
      provider: this.#provider,
      retryable: false,
      // Nothing was sent: the call costs nothing.
      details: { deadline: 'call', afterMs },
    })
  }
}

function aborted(signal: AbortSignal | undefined): AIError {
  const message = 'The call was aborted by its signal'
  // It waited for its turn: nothing was sent.
  return new AIError({ code: 'aborted', message, cause: signal?.reason, details: { sent: false } })
}
