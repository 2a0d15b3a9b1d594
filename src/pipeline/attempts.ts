import type { Call } from '../core/call.ts'
import type { Driver } from '../core/driver.ts'
import type { AIResponse } from '../core/response.ts'
import { retryDelayMs, wait } from '../transport/retry.ts'
import { callFacts } from './call-facts.ts'
import { meter, type Metered } from './meter.ts'
import type { PipelineParts } from './pipeline.ts'
import { toResponse } from './response.ts'

/**
 * Tries a call until it is answered or a further try makes no sense. An attempt is priced and booked before the next
 * one begins; there is no next one after anything has reached the caller.
 */
export async function runAttempts(
  parts: PipelineParts,
  call: Call,
  driver: Driver,
  beforeSending: () => void,
): Promise<AIResponse> {
  const { clock } = parts.runtime
  const startedMs = clock.elapsed()
  const done: Metered[] = []
  for (;;) {
    const metered = await meter(
      parts,
      call,
      driver,
      done.length + 1,
      done.length === 0 ? beforeSending : nothing,
    )
    done.push(metered)
    const { error, firstEventAtMs } = metered.outcome
    if (!error) return toResponse(call, done, startedMs, clock.elapsed())
    const reached = call.sink !== undefined && firstEventAtMs !== undefined
    const delayMs = reached
      ? undefined
      : retryDelayMs({
          error,
          retriesDone: done.length - 1,
          retriesMax: call.retries,
          random: parts.runtime.random,
        })
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
