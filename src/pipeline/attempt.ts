import type { Call } from '../core/call.ts'
import type { Driver } from '../core/driver.ts'
import { AIError, isAIError } from '../core/errors.ts'
import { Fold, type DriverEvent } from '../core/stream.ts'
import type { Clock } from '../runtime.ts'

/** What came of one HTTP try: everything that arrived, and what ended it if that was an error. */
export interface Outcome {
  readonly fold: Fold
  readonly error: AIError | undefined
  readonly durationMs: number
  /** When the first event came, on the monotonic clock. */
  readonly firstEventAtMs: number | undefined
}

/** Runs one try of a call. Never throws: a failed try has an outcome too, and is billed like any other. */
export async function runAttempt(driver: Driver, call: Call, clock: Clock): Promise<Outcome> {
  const startedMs = clock.elapsed()
  const fold = new Fold()
  let firstEventAtMs: number | undefined
  const { sink } = call

  const write = (events: readonly DriverEvent[]): void | Promise<void> => {
    firstEventAtMs ??= clock.elapsed()
    return deliver(events, 0)
  }
  // One promise for a batch that fits, none for each event: a promise is waited for only where the sink is full.
  const deliver = (events: readonly DriverEvent[], from: number): void | Promise<void> => {
    for (let index = from; index < events.length; index++) {
      const event = events[index]
      if (event === undefined) continue
      fold.apply(event)
      // The end is not told before the answer is priced and booked.
      const full = event.type === 'end' ? undefined : sink?.write(event)
      if (full) return full.then(() => deliver(events, index + 1))
    }
    return undefined
  }

  const timeLeftMs = call.deadlineMs === undefined ? undefined : call.deadlineMs - startedMs
  let error: AIError | undefined
  try {
    if (call.signal?.aborted) throw aborted(call.signal)
    if (timeLeftMs !== undefined && timeLeftMs <= 0) throw outOfTime()
    await driver.attempt(call.request, { signal: call.signal, timeLeftMs, write })
    if (!fold.end) throw endless(driver.provider)
  } catch (thrown) {
    error = toAIError(thrown, driver.provider)
  }
  return {
    fold,
    error: error && withPartial(error, fold),
    durationMs: clock.elapsed() - startedMs,
    firstEventAtMs,
  }
}

function withPartial(error: AIError, fold: Fold): AIError {
  const parts = fold.snapshot()
  if (parts.length === 0) return error
  return error.with({ partial: { text: fold.text, parts, ...(fold.end ? { usage: fold.end.usage } : {}) } })
}

/** What a driver or a listener throws that is no AIError is a fault of ours, and is said to be one. */
function toAIError(thrown: unknown, provider: string): AIError {
  if (isAIError(thrown)) return thrown
  return new AIError({
    code: 'response_invalid',
    message: `The driver of ${provider} could not make sense of the answer`,
    provider,
    cause: thrown,
  })
}

function aborted(signal: AbortSignal): AIError {
  return new AIError({ code: 'aborted', message: 'The call was aborted by its signal', cause: signal.reason })
}

function outOfTime(): AIError {
  return new AIError({
    code: 'timed_out',
    message: 'The time for this call (timeoutMs) was over before it could be sent',
    retryable: false,
    details: { deadline: 'call' },
  })
}

function endless(provider: string): AIError {
  return new AIError({
    code: 'response_invalid',
    message: `The driver of ${provider} ended without an end event`,
  })
}
