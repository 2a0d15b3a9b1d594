import type { BaseCall, Call, EmbedCall } from '../core/call.ts'
import type { Driver } from '../core/driver.ts'
import { isAIError, type AIError } from '../core/errors.ts'
import type { Attempt } from '../core/response.ts'
import type { Warning } from '../core/warning.ts'
import { factsOf } from '../budget/facts.ts'
import type { Hold } from '../budget/guard.ts'
import type { Settlement } from '../ledger/budget-store.ts'
import type { LedgerEntry, Savings } from '../ledger/ledger.ts'
import { Amount } from '../money/amount.ts'
import { driftOf } from '../pricing/drift.ts'
import type { Outcome } from './attempt.ts'
import { costOfOutcome } from './bill.ts'
import { callFacts } from './call-facts.ts'
import type { PipelineParts } from './pipeline.ts'

/** An attempt that may be sent, and the money that is held for it. */
export interface Admitted<C extends Call | EmbedCall> {
  /** The call as the caller made it. */
  readonly asked: C
  /** The call as it is sent: with a budget's limits, on the provider that a budget chose. */
  readonly call: C
  readonly driver: Driver
  readonly attemptId: string
  readonly hold: Hold | undefined
  /** Makes the budgets count an attempt that passed as free, and was not. */
  readonly countLater?: (() => Promise<Hold | undefined>) | undefined
  readonly warnings: readonly Warning[]
  /** What went wrong before anything could be sent. */
  readonly before: AIError | undefined
}

/** An attempt that was priced and booked. */
export interface Metered<Result> {
  readonly attempt: Attempt
  readonly outcome: Outcome<Result>
  readonly warnings: readonly Warning[]
  readonly savings: Savings | undefined
}

/** Waits between tries to book what was already paid for, in milliseconds. */
const BOOKING_WAITS_MS = [50, 250, 1_000] as const

/**
 * The innermost stage, once per attempt, which no call can leave out: nothing is sent around it and nothing leaves it
 * unpriced or unbooked. The hold is settled and the entry written in one transaction, durable before this resolves,
 * unless the user chose `durability: 'after'`.
 */
export async function meter<C extends Call | EmbedCall, Result>(
  parts: PipelineParts,
  admitted: Admitted<C>,
  progress: { readonly round: number; readonly afterwards: (() => void)[] },
  send: (admitted: Admitted<C>) => Promise<Outcome<Result>>,
): Promise<Metered<Result>> {
  const { call, driver, attemptId, hold, warnings } = admitted
  const outcome = await send(admitted)
  const { error, usage } = outcome
  // Both are there after the first call, and then nothing is waited for.
  const found = parts.prices()
  const prices = found instanceof Promise ? await found : found
  const { cost, serviceTier, savings } = costOfOutcome(parts, { call, driver, hold, outcome }, prices)
  const attempt: Attempt = {
    id: attemptId,
    round: progress.round,
    provider: driver.provider,
    model: outcome.model || call.request.model,
    outcome: error === undefined ? 'ok' : error.code === 'aborted' ? 'aborted' : 'error',
    durationMs: outcome.durationMs,
    usage,
    cost,
    ...(serviceTier === undefined ? {} : { serviceTier }),
    ...(error === undefined ? {} : { error: error.code }),
  }
  const entry = toEntry(parts, admitted.asked, attempt, savings)
  try {
    const { countLater } = admitted
    const counted = hold ?? (cost.status === 'free' || !countLater ? undefined : await countLater())
    await book(parts, call, entry, counted, progress.afterwards)
  } catch (thrown) {
    // The answer was paid for: it goes to the caller with the error, and is not asked for again.
    throw isAIError(thrown) ? thrown.with({ partial: outcome.partial() }) : thrown
  }
  const drift = driftOf(cost, `${attempt.provider}/${attempt.model}`)
  return { attempt, outcome, warnings: drift ? [...warnings, drift] : warnings, savings }
}

function toEntry(
  parts: PipelineParts,
  call: BaseCall,
  attempt: Attempt,
  savings: Savings | undefined,
): LedgerEntry {
  const { user, project, organization, key, tags = [] } = call.attribution
  return {
    id: attempt.id,
    kind: 'attempt',
    callId: call.id,
    attemptId: attempt.id,
    at: Math.floor(parts.runtime.clock.now()),
    provider: attempt.provider,
    model: attempt.model,
    requestedModel: call.request.model,
    user,
    project,
    organization,
    key,
    tags,
    usage: attempt.usage,
    cost: attempt.cost,
    serviceTier: attempt.serviceTier,
    savings,
    outcome: attempt.outcome,
    error: attempt.error,
    durationMs: attempt.durationMs,
  }
}

async function book(
  parts: PipelineParts,
  call: BaseCall,
  entry: LedgerEntry,
  hold: Hold | undefined,
  afterwards: (() => void)[],
): Promise<void> {
  const open = parts.ledger()
  const ledger = open instanceof Promise ? await open : open
  const write = (): Promise<Settlement | void> =>
    hold?.store ? hold.store.settle(hold.id, entry) : ledger.append(entry)
  if (parts.durability === 'after') {
    tellWhenBooked(parts, call, untilBooked(parts, write), afterwards)
    return
  }
  let settlement: Settlement | void
  try {
    settlement = await write()
  } catch (error) {
    settlement = await untilBooked(parts, write, error)
  }
  if (settlement) afterwards.push(...tellings(parts, call, settlement))
}

/** Tells of a settlement that nobody waits for once it is there, and not before the call's cost is told. */
function tellWhenBooked(
  parts: PipelineParts,
  call: BaseCall,
  booked: Promise<Settlement | void>,
  afterwards: (() => void)[],
): void {
  let costIsTold = false
  const early: (() => void)[] = []
  afterwards.push(() => {
    costIsTold = true
    for (const tell of early.splice(0)) tell()
  })
  const tell = (settlement: Settlement | void): void => {
    const all = settlement ? tellings(parts, call, settlement) : []
    if (costIsTold) for (const one of all) one()
    else early.push(...all)
  }
  booked.then(tell, (error: unknown) => parts.emitter.emit('error', () => ({ event: 'ledger', error })))
}

/**
 * Books an attempt, which does nothing where it is booked already: a store that fails for a moment, as it may have just
 * done with `failure`, is asked again. Where it stays away, what was held counts as spent.
 */
async function untilBooked<T>(
  { runtime: { clock } }: PipelineParts,
  work: () => Promise<T>,
  failure?: unknown,
): Promise<T> {
  let failed = failure
  for (const waitMs of BOOKING_WAITS_MS) {
    try {
      if (failed === undefined) return await work()
    } catch (error) {
      failed = error
    }
    if (!isAIError(failed) || !failed.retryable) throw failed
    failed = undefined
    await new Promise<void>((resolve) => {
      clock.after(waitMs, resolve)
    })
  }
  return work()
}

/** What a settlement has to tell, in order: thresholds that were crossed, then by how much a limit was overrun. */
function tellings(parts: PipelineParts, call: BaseCall, { windows }: Settlement): (() => void)[] {
  const { emitter, runtime } = parts
  return windows.flatMap(({ window, crossed, overrun }) => {
    const facts = (): ReturnType<typeof factsOf> & ReturnType<typeof callFacts> => ({
      ...callFacts(call, runtime.clock),
      ...factsOf(window),
    })
    const reached = crossed.map((threshold) => () => {
      emitter.emit('budgetThresholdReached', () => ({ ...facts(), threshold }))
    })
    if (overrun <= 0n) return reached
    const tell = (): void => {
      emitter.emit('budgetOverrun', () => ({ ...facts(), overrun: new Amount(overrun) }))
    }
    return [...reached, tell]
  })
}
