import type { Call } from '../core/call.ts'
import type { Driver } from '../core/driver.ts'
import { retryDelayMs, wait } from '../transport/retry.ts'
import { callFacts } from './call-facts.ts'
import { meter, type Metered } from './meter.ts'
import type { PipelineParts } from './pipeline.ts'

/** What was done for a call so far, and which round it is in. */
export interface Progress {
  readonly done: Metered[]
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
export async function runAttempts(
  parts: PipelineParts,
  call: Call,
  driver: Driver,
  progress: Progress,
): Promise<Metered> {
  const { clock } = parts.runtime
  const { done, round } = progress
  for (let retriesDone = 0; ; retriesDone++) {
    const first = done.length === 0 ? progress.beforeSending : nothing
    const metered = await meter(parts, call, driver, { number: done.length + 1, round }, first)
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

function nothing(): void {}
