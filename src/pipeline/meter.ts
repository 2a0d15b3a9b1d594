import type { BaseCall } from '../core/call.ts'
import type { Cost } from '../core/cost.ts'
import type { Driver } from '../core/driver.ts'
import { isAIError, type AIError } from '../core/errors.ts'
import type { Attempt } from '../core/response.ts'
import type { LedgerEntry } from '../ledger/ledger.ts'
import { costOf, costOfRefusal } from '../pricing/cost-of.ts'
import type { Outcome } from './attempt.ts'
import type { PipelineParts } from './pipeline.ts'

/** Which attempt of a call it is, counted over all rounds, and in which round it is made. */
export interface Place {
  readonly number: number
  readonly round: number
}

/** An attempt that was priced and booked. */
export interface Metered<Result> {
  readonly attempt: Attempt
  readonly outcome: Outcome<Result>
}

/**
 * The innermost stage, once per attempt, which no call can leave out: nothing is sent around it and nothing leaves it
 * unpriced or unbooked. The entry is durable before this resolves, unless the user chose `durability: 'after'`.
 */
export async function meter<Result>(
  parts: PipelineParts,
  call: BaseCall,
  driver: Driver,
  place: Place,
  send: () => Promise<Outcome<Result>>,
): Promise<Metered<Result>> {
  const outcome = await send()
  const { error, usage } = outcome
  const bill = driver.bill(call.request.model, usage, outcome.billing)
  const prices = await parts.prices()
  const cost: Cost = isRefusal(error)
    ? costOfRefusal(bill, prices)
    : costOf(bill, usage, driver.provider, prices)
  const attempt: Attempt = {
    id: `${call.id}/${place.number}`,
    round: place.round,
    provider: driver.provider,
    model: outcome.model || call.request.model,
    outcome: error === undefined ? 'ok' : error.code === 'aborted' ? 'aborted' : 'error',
    durationMs: outcome.durationMs,
    usage,
    cost,
    ...(error === undefined ? {} : { error: error.code }),
  }
  try {
    await book(parts, toEntry(parts, call, attempt))
  } catch (thrown) {
    // The answer was paid for: it goes to the caller with the error, and is not asked for again.
    throw isAIError(thrown) ? thrown.with({ partial: outcome.partial() }) : thrown
  }
  return { attempt, outcome }
}

/**
 * Whether an attempt failed before the provider did any work for it: nothing was sent, or a status refused it. What a
 * provider charges for an answer that it began and did not finish is not known, and is never taken for nothing.
 */
function isRefusal(error: AIError | undefined): boolean {
  if (!error || error.partial) return false
  const { status, code, details } = error
  // A time-out in between, or a client that was taken to have left, says nothing about the work that was done.
  if (status !== undefined) return (status < 500 && status !== 408 && status !== 499) || status === 503
  if (details['deadline'] === 'connect' || details['deadline'] === 'call') return true
  return code === 'network_failed' && NEVER_SENT.has(String(details['cause']))
}

const NEVER_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
])

function toEntry(parts: PipelineParts, call: BaseCall, attempt: Attempt): LedgerEntry {
  const { user, project, organization, key, tags = [] } = call.attribution
  return {
    id: attempt.id,
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
    outcome: attempt.outcome,
    error: attempt.error,
    durationMs: attempt.durationMs,
  }
}

async function book(parts: PipelineParts, entry: LedgerEntry): Promise<void> {
  const ledger = await parts.ledger()
  const written = ledger.append(entry)
  if (parts.durability === 'before') return written
  written.catch((error: unknown) => parts.emitter.emit('error', () => ({ event: 'ledger', error })))
}
