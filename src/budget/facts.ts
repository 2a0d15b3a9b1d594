import { AIError, type ErrorDetails } from '../core/errors.ts'
import type { BudgetFacts, BudgetRefusal } from '../core/budget.ts'
import type { BaseCall } from '../core/call.ts'
import type { BudgetWindow } from '../ledger/budget-store.ts'
import { Amount, formatUsd, ZERO_AMOUNT } from '../money/amount.ts'
import { add, ZERO, type Picos } from '../money/picos.ts'

/** What a limit leaves; undefined where there is no limit. */
export function roomIn({ limit, settled, reserved }: Standing): Picos | undefined {
  if (limit === null) return undefined
  const used = add(settled, reserved)
  return used < limit ? ((limit - used) as Picos) : ZERO
}

type Standing = Pick<BudgetWindow, 'limit' | 'settled' | 'reserved'>

/** A window as events and refusals tell of it. */
export function factsOf(window: BudgetWindow): BudgetFacts {
  const { budget, id, endsAt, limit, settled, reserved } = window
  return {
    scope: budget.scope,
    id,
    period: budget.period,
    limit: new Amount(limit ?? ZERO),
    spent: new Amount(settled),
    held: new Amount(reserved),
    resetsAt: endsAt === null ? null : new Date(endsAt).toISOString(),
  }
}

/** The same for a call's own limit, which has no window: it ends with the call. */
export function factsOfCall(call: BaseCall, limit: Amount, spent: Picos): BudgetFacts {
  return {
    scope: 'call',
    id: call.id,
    period: 'call',
    limit,
    spent: new Amount(spent),
    held: ZERO_AMOUNT,
    resetsAt: null,
  }
}

/** What was refused. */
export interface Refused {
  readonly provider: string
  readonly model: string
  /** Whether earlier attempts of the call were sent. */
  readonly sentBefore: boolean
}

/** The one error of a call that a limit does not cover: it says why, and what to do. */
export function budgetExceeded(refusal: BudgetRefusal, { provider, model, sentBefore }: Refused): AIError {
  const { scope, id, period, limit, spent, held, needed, affordableOutputTokens, resetsAt, alternatives } =
    refusal
  const whose =
    scope === 'call' ? "The call's own budget" : `The budget of ${scope} ${quoted(id)}, ${perWords(period)},`
  const ways = [
    ...(affordableOutputTokens === null || affordableOutputTokens === 0
      ? []
      : [`send it with maxOutputTokens ${affordableOutputTokens} or less (onLimit: 'fit' does)`]),
    ...(held.picos > 0n && add(spent.picos, needed.picos) <= limit.picos
      ? ['send it again when calls that are under way have ended']
      : []),
    ...(alternatives[0] === undefined ? [] : [`use ${alternatives[0]}, which is free`]),
    ...(resetsAt === null ? [] : [`wait until ${resetsAt}`]),
    'raise the limit',
  ]
  return new AIError({
    code: 'budget_exceeded',
    message:
      `${whose} does not cover this call: of ${formatUsd(limit)}, ${formatUsd(spent)} is spent and ` +
      `${formatUsd(held)} held, and it may cost up to ${formatUsd(needed)}. ${whatWasSent(sentBefore)} You can ` +
      ways.join(', or '),
    provider,
    model,
    details: { ...refusal } satisfies ErrorDetails['budget_exceeded'],
  })
}

/** The error of a call under a budget of which nobody knows what it can cost. */
export function priceUnknown(
  reason: string,
  { provider, model, sentBefore }: Refused,
  ids: readonly string[],
): AIError {
  const way =
    ids.length > 0
      ? "or let the budget pass such calls with unpriced: 'allow'"
      : 'or send it without a budget of its own'
  return new AIError({
    code: 'price_unknown',
    message: `There is a budget, and what the call can cost is not known. ${whatWasSent(sentBefore)} ${reason}; ${way}`,
    provider,
    model,
    details: { reason, budgets: ids } satisfies ErrorDetails['price_unknown'],
  })
}

function whatWasSent(sentBefore: boolean): string {
  return sentBefore ? 'What was sent before is paid for, and nothing more was sent.' : 'Nothing was sent.'
}

function quoted(id: string): string {
  return JSON.stringify(id.length > 64 ? `${id.slice(0, 64)}…` : id)
}

function perWords(period: BudgetFacts['period']): string {
  return period === 'total' ? 'in total' : `per ${period}`
}
