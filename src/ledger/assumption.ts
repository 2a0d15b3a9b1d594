import type { Cost } from '../core/cost.ts'
import { UNKNOWN_USAGE } from '../core/usage.ts'
import { Amount } from '../money/amount.ts'
import { subtract } from '../money/picos.ts'
import type { HoldBalance, HoldRow } from './budget-rows.ts'
import { keepEntry, type KeptEntry } from './entry.ts'

/** The id of the entry that counts a hold as spent. */
export function assumptionId(holdId: string): string {
  return `${holdId}/assumed`
}

/** The entry of an attempt of which nobody heard again: all that was held for it. */
export function assumptionOf(hold: HoldRow, now: number): KeptEntry {
  const { user, project, organization, key, tags = [] } = hold.attribution
  const reason = 'nobody heard how the attempt ended while its hold was open'
  return keepEntry({
    id: assumptionId(hold.id),
    kind: 'assumption',
    callId: hold.callId,
    attemptId: hold.id,
    at: now,
    provider: hold.provider,
    model: hold.model,
    requestedModel: hold.model,
    user,
    project,
    organization,
    key,
    tags,
    usage: UNKNOWN_USAGE,
    cost: { status: 'bounded', amount: new Amount(hold.amount), reason, lines: [] },
    serviceTier: undefined,
    savings: undefined,
    outcome: 'error',
    error: undefined,
    durationMs: now - hold.createdAt,
  })
}

/**
 * The entry of an attempt that was heard of after all: by how much it cost more or less than was assumed; nothing where
 * that is not known. It keeps its id, so that the attempt is booked once.
 */
export function correctionOf({ entry, raw }: KeptEntry, { amount }: HoldBalance): KeptEntry {
  const { cost } = entry
  const difference: Cost =
    cost.status === 'unknown' ? cost : { ...cost, amount: new Amount(subtract(cost.amount.picos, amount)) }
  return { entry: Object.freeze({ ...entry, kind: 'correction', cost: Object.freeze(difference) }), raw }
}
