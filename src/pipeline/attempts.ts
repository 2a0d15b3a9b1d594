import type { BaseCall, Sink } from '../core/call.ts'
import type { Driver } from '../core/driver.ts'
import { retryDelayMs, wait } from '../transport/retry.ts'
import type { Outcome } from './attempt.ts'
import { callFacts } from './call-facts.ts'
import { meter, type Metered } from './meter.ts'
import type { PipelineParts } from './pipeline.ts'

/** What was done for a call so far, and which round it is in. */
export interface Progress<Result> {
  readonly done: Metered<Result>[]
  readonly round: number
  /** Called once, before the first attempt of the call leaves. */
  beforeSending(): void
}

/**
 * Tries one round of a call until it is answered or a further try makes no sense. An attempt is priced and booked
 * before the next one begins; there is no next one after anything of the round has reached the caller.
 *
 * @throws AIError of the last attempt
 */
export async function runAttempts<Result>(
  parts: PipelineParts,
  call: BaseCall & { readonly sink?: Sink | undefined },
  driver: Driver,
  progress: Progress<Result>,
  send: () => Promise<Outcome<Result>>,
): Promise<Metered<Result>> {
  const { clock } = parts.runtime
  const { done, round } = progress
  for (let retriesDone = 0; ; retriesDone++) {
    if (done.length === 0) progress.beforeSending()
    const metered = await meter(parts, call, driver, { number: done.length + 1, round }, send)
    done.push(metered)
    const { error, firstEventAtMs } = metered.outcome
    if (!error) return metered
    const reached = call.sink !== undefined && firstEventAtMs !== undefined
    const question = { error, retriesDone, retriesMax: call.retries, random: parts.runtime.random }
    const delayMs = reached ? undefined : retryDelayMs(question)
    const late =
      delayMs !== undefined && call.deadlineMs !== undefined && clock.elapsed() + delayMs >= call.deadlineMs
    if (delayMs === undefined || late) throw error
    parts.emitter.emit('providerRetried', () => {
      return { ...callFacts(call, clock), error, attempt: done.length, delayMs }
    })
    await wait(clock, delayMs, call.signal)
  }
}
