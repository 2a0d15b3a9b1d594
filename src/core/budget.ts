import type { Amount } from '../money/amount.ts'

export const BUDGET_SCOPES = ['user', 'project', 'organization', 'key'] as const

/** Whose money a budget limits. */
export type BudgetScope = (typeof BUDGET_SCOPES)[number]

export const BUDGET_PERIODS = ['call', 'hour', 'day', 'week', 'month', 'total'] as const

/** For how long a limit counts: calendar periods in the budget's time zone, weeks from Monday; `call` is one call. */
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number]

/**
 * What happens to a call whose most possible cost does not fit: `'reject'` refuses it; `'fit'` sends it with the
 * output limit that is paid for; a fallback finishes it on a model that is proven local, such as `'ollama/llama3.2'`.
 */
export type OnLimit = 'reject' | 'fit' | { readonly fallback: string }

/** A limit as users write it. `limit` is an Amount or dollars as a decimal string, never a number. */
export interface BudgetInput {
  readonly scope: BudgetScope
  /** The user, project, …; `'*'` makes a budget of its own for each id that has none. */
  readonly id: string
  readonly period: BudgetPeriod
  /** `null` is no limit; `usd('0')` allows only free calls. At most $9,000,000. */
  readonly limit: Amount | string | null
  /** IANA name. @default 'UTC' */
  readonly timeZone?: string
  /** Whether a call of which the price is not known may be made. @default 'deny' */
  readonly unpriced?: 'deny' | 'allow'
  /** `observe` counts and tells, and refuses nothing. @default 'enforce' */
  readonly mode?: 'enforce' | 'observe'
  /** Shares of the limit at which `budgetThresholdReached` is emitted, once per window. @default [0.8, 0.95] */
  readonly thresholds?: readonly number[]
  /** @default 'reject' */
  readonly onLimit?: OnLimit
}

/** A budget as it is kept: checked and complete. */
export interface Budget {
  readonly scope: BudgetScope
  readonly id: string
  readonly period: BudgetPeriod
  readonly limit: Amount | null
  readonly timeZone: string
  readonly unpriced: 'deny' | 'allow'
  readonly mode: 'enforce' | 'observe'
  readonly thresholds: readonly number[]
  readonly onLimit: OnLimit
}

/** How a budget stands for one id in its current window. */
export interface BudgetStatus {
  readonly budget: Budget
  /** The id that it counts for: that of the budget, or one of many where the budget's id is `'*'`. */
  readonly id: string
  readonly spent: Amount
  /** Held for calls that are under way. */
  readonly held: Amount
  /** Zero where the limit is used up; null where there is none. */
  readonly remaining: Amount | null
  /** ISO 8601; null where it never does. */
  readonly resetsAt: string | null
}

/** Which budget an event or a refusal is about, and how its window stands. */
export interface BudgetFacts {
  readonly scope: BudgetScope | 'call'
  /** The id that is counted; that of the call for a call's own limit. */
  readonly id: string
  readonly period: BudgetPeriod
  readonly limit: Amount
  readonly spent: Amount
  readonly held: Amount
  /** ISO 8601; null where it never resets. */
  readonly resetsAt: string | null
}

/** What a refusal says of itself: `error.details` of `budget_exceeded`. */
export interface BudgetRefusal extends BudgetFacts {
  /** The most that the call could cost. */
  readonly needed: Amount
  /** The output limit with which it would fit; null where not even its input does. */
  readonly affordableOutputTokens: number | null
  /** Models that would answer for nothing, as `provider/model`. */
  readonly alternatives: readonly string[]
}
