import type { OnLimit } from '../core/budget.ts'
import type { Call, EmbedCall, Sink } from '../core/call.ts'
import type { Driver } from '../core/driver.ts'
import { isAIError, type AIError } from '../core/errors.ts'
import type { Warning } from '../core/warning.ts'
import { admit, isLimitable, type Admission } from '../budget/guard.ts'
import { ZERO_AMOUNT } from '../money/amount.ts'
import { sum, ZERO } from '../money/picos.ts'
import { retryDelayMs, wait } from '../transport/retry.ts'
import type { Outcome } from './attempt.ts'
import { callFacts } from './call-facts.ts'
import { fallBack, refusalOf, type Switched } from './fallback.ts'
import { meter, type Admitted, type Metered } from './meter.ts'
import type { PipelineParts } from './pipeline.ts'

/** What was done for a call so far, which round it is in, and what later rounds go on with. */
export interface Progress<Result> {
  readonly done: Metered<Result>[]
  round: number
  /** Where a budget sent the call: later attempts go there at once. */
  switched?: Switched | undefined
  /** What is told once the call's cost is: thresholds that its settlements crossed. */
  readonly afterwards: (() => void)[]
  /** Called once, before the first attempt of the call leaves. */
  beforeSending(): void
}

type AnyCall = (Call | EmbedCall) & { readonly sink?: Sink | undefined }

/** Sends a call that was let in; an error that came before is its outcome. Never throws. */
export type Send<C extends AnyCall, Result> = (
  call: C,
  driver: Driver,
  before: AIError | undefined,
) => Promise<Outcome<Result>>

/**
 * Tries one round of a call until it is answered or a further try makes no sense. Money is held for an attempt before it
 * is sent, and it is priced, settled and booked before the next one begins; there is no next one after anything of the
 * round has reached the caller.
 *
 * @throws AIError of the last attempt, or of the budget that does not cover the next one
 */
export async function runAttempts<C extends AnyCall, Result>(
  parts: PipelineParts,
  call: C,
  driver: Driver,
  progress: Progress<Result>,
  send: Send<C, Result>,
): Promise<Metered<Result>> {
  const { clock } = parts.runtime
  const { done } = progress
  for (let retriesDone = 0; ; retriesDone++) {
    const admitted =
      isLimitable(call) || progress.switched
        ? await letIn(parts, call, driver, progress)
        : admittedAtOnce(call, driver, done.length)
    if (done.length === 0) progress.beforeSending()
    const metered = await meter(parts, admitted, progress, (one) => send(one.call, one.driver, one.before))
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

/** An attempt of a call that no budget can concern: nothing is asked, and nothing is waited for. */
function admittedAtOnce<C extends AnyCall>(call: C, driver: Driver, attempts: number): Admitted<C> {
  const attemptId = `${call.id}/${attempts + 1}`
  return { asked: call, call, driver, attemptId, hold: undefined, warnings: NONE, before: undefined }
}

const NONE: readonly Warning[] = []

/** Holds the money for the next attempt, on the provider that was asked for or on the one that is free. */
async function letIn<C extends AnyCall, Result>(
  parts: PipelineParts,
  asked: C,
  first: Driver,
  progress: Progress<Result>,
): Promise<Admitted<C>> {
  const { done, switched } = progress
  const target = switched ? await switched.apply(asked) : { call: asked, driver: first }
  const { call, driver } = target
  const attemptId = `${call.id}/${done.length + 1}`
  const spent = sum(done.map(({ attempt }) => attempt.cost.amount?.picos ?? ZERO))
  const sentBefore = done.length > 0
  const admission = await askGuard(parts, { call, driver, attemptId, spent, sentBefore })
  if ('before' in admission)
    return { asked, call, driver, attemptId, hold: undefined, warnings: [], ...admission }
  if (admission.status === 'admitted') {
    for (const facts of admission.over) {
      const needed = admission.hold?.worst?.amount ?? ZERO_AMOUNT
      parts.emitter.emit('budgetExceeded', () => {
        return { ...callFacts(call, parts.runtime.clock), ...facts, needed, enforced: false }
      })
    }
    const warnings: readonly Warning[] = [...(switched?.warnings ?? []), ...admission.warnings]
    return {
      asked,
      call: admission.call,
      driver,
      attemptId,
      hold: admission.hold,
      countLater: admission.countLater,
      warnings,
      before: undefined,
    }
  }
  const { onLimit } = admission
  const refusal = await refusalOf(parts, { call, driver, sentBefore }, admission)
  // What earlier rounds of the call brought is paid for, and goes to the caller.
  const error = refusal.with({ partial: done.at(-1)?.outcome.partial() })
  if (switched || !isFallback(onLimit)) throw error
  progress.switched = await fallBack(parts, asked, onLimit.fallback, error)
  return letIn(parts, asked, first, progress)
}

/** What the guard says; a server that cannot be asked where its model runs makes the attempt fail like any other. */
async function askGuard<C extends AnyCall>(
  parts: PipelineParts,
  asking: Parameters<typeof admit<C>>[1],
): Promise<Admission<C> | { readonly before: AIError }> {
  try {
    return await admit(parts.guard, asking)
  } catch (error) {
    if (!isAIError(error) || error.code === 'store_failed') throw error
    return { before: error.with({ details: { ...error.details, sent: false } }) }
  }
}

function isFallback(onLimit: OnLimit): onLimit is Extract<OnLimit, object> {
  return typeof onLimit === 'object'
}
