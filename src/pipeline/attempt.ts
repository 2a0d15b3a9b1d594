import type { BaseCall, Call, EmbedCall } from '../core/call.ts'
import type { AttemptContext, Driver, Embedded } from '../core/driver.ts'
import { AIError, isAIError, type PartialAnswer } from '../core/errors.ts'
import { Fold, type DriverEvent } from '../core/stream.ts'
import { UNKNOWN_USAGE, type Usage } from '../core/usage.ts'
import type { Clock } from '../runtime.ts'

/** What came of one HTTP try: everything that was told, and what ended it if that was an error. */
export interface Outcome<Result> {
  /** What arrived, as far as it came. */
  readonly result: Result
  readonly usage: Usage
  /** The model that answered, as the provider named it. */
  readonly model: string | undefined
  /** Facts for the driver's billing room. */
  readonly billing: Readonly<Record<string, unknown>> | undefined
  readonly error: AIError | undefined
  /** What arrived of an answer, for an error to carry. */
  partial(): PartialAnswer | undefined
  readonly durationMs: number
  /** When the first event came, on the monotonic clock. */
  readonly firstEventAtMs: number | undefined
}

type Limits = Omit<AttemptContext, 'write'>

/** Runs one try of a call. Never throws: a failed try has an outcome too, and is billed like any other. */
export async function tryChat(
  driver: Driver,
  call: Call,
  clock: Clock,
  before?: AIError,
): Promise<Outcome<Fold>> {
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

  let error: AIError | undefined
  try {
    const { signal, timeLeftMs } = limitsOf(call, startedMs)
    if (before) throw before
    await driver.attempt(call.request, { signal, timeLeftMs, write })
    if (!fold.end) throw endless(driver.provider)
  } catch (thrown) {
    error = toAIError(thrown, driver.provider)
  }
  const partial = (): PartialAnswer | undefined => partialOf(fold)
  return {
    result: fold,
    usage: fold.end?.usage ?? UNKNOWN_USAGE,
    model: fold.model,
    billing: fold.end?.billing,
    error: error && withPartial(error, partial()),
    partial,
    durationMs: clock.elapsed() - startedMs,
    firstEventAtMs,
  }
}

/** Runs one try of an embedding call. Never throws. */
export async function tryEmbed(
  driver: Driver,
  call: EmbedCall,
  clock: Clock,
  before?: AIError,
): Promise<Outcome<Embedded | undefined>> {
  const startedMs = clock.elapsed()
  let result: Embedded | undefined
  let error: AIError | undefined
  try {
    const limits = limitsOf(call, startedMs)
    if (before) throw before
    result = await driver.embed?.(call.request, limits)
  } catch (thrown) {
    error = toAIError(thrown, driver.provider)
  }
  return {
    result,
    usage: result?.usage ?? UNKNOWN_USAGE,
    model: result?.model,
    billing: result?.billing,
    error,
    partial: () => undefined,
    durationMs: clock.elapsed() - startedMs,
    firstEventAtMs: undefined,
  }
}

/** What a try may use of the call's time. @throws AIError where there is none left, or the caller wants none */
function limitsOf({ signal, deadlineMs }: BaseCall, startedMs: number): Limits {
  const timeLeftMs = deadlineMs === undefined ? undefined : deadlineMs - startedMs
  if (signal?.aborted) throw aborted(signal)
  if (timeLeftMs !== undefined && timeLeftMs <= 0) throw outOfTime()
  return { signal, timeLeftMs }
}

function withPartial(error: AIError, partial: PartialAnswer | undefined): AIError {
  return partial ? error.with({ partial }) : error
}

function partialOf(fold: Fold): PartialAnswer | undefined {
  const parts = fold.snapshot()
  if (parts.length === 0) return undefined
  return { text: fold.text, parts, ...(fold.end ? { usage: fold.end.usage } : {}) }
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
  const message = 'The call was aborted by its signal before it was sent'
  return new AIError({ code: 'aborted', message, cause: signal.reason, details: { sent: false } })
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
