import { LIMIT_PICOS_MAX } from '../budget/check-budget.ts'
import { BUDGET_PERIODS, BUDGET_SCOPES, type Budget } from '../core/budget.ts'
import { AIError } from '../core/errors.ts'
import { TAGS_MAX } from '../core/limits.ts'
import type { Attribution } from '../core/request.ts'
import { ZERO, type Picos } from '../money/picos.ts'
import type { BudgetWindow, HoldRequest, Scopes } from './budget-store.ts'
import { FIELD_CHARS_MAX, wellFormed } from './entry.ts'

/** Longest id of a hold, in characters: the ids of its entries are made of it. */
export const HOLD_ID_CHARS_MAX = 512
/** Longest time that a hold can be open, in milliseconds: one week. */
export const HOLD_MS_MAX = 604_800_000
/** How often expired holds are looked for while others are reserved, in milliseconds. */
export const SWEEP_MS = 30_000
/** Most expired holds that one transaction counts as spent. */
export const SWEEP_HOLDS_MAX = 1_000
/** Most budgets of one store, removed ones included. */
export const BUDGETS_MAX = 100_000

/** Whole shares of a limit: thresholds have six decimals. */
const SHARES = 1_000_000n

type Counters = Pick<BudgetWindow, 'limit' | 'settled' | 'reserved' | 'excess'>

/** Whether an amount can be held without going above the limit. */
export function fits({ limit, settled, reserved }: Omit<Counters, 'excess'>, amount: Picos): boolean {
  return limit === null || settled + reserved + amount <= limit
}

/** The excess with which `settled + reserved <= limit + excess` holds, never less than it was. */
export function excessFor({ limit, settled, reserved, excess }: Counters, more: Picos = ZERO): Picos {
  if (limit === null) return excess
  const above = settled + reserved + more - limit
  return (above > excess ? above : excess) as Picos
}

/** A threshold as whole millionths of a limit: how stores remember it. */
export function toShare(threshold: number): number {
  return Math.round(threshold * 1_000_000)
}

/** The highest of the thresholds that is reached, as a share; zero where none is. */
export function levelOf(settled: bigint, limit: bigint | null, thresholds: readonly number[]): number {
  if (limit === null || limit === 0n) return 0
  let level = 0
  for (const threshold of thresholds) {
    const share = toShare(threshold)
    if (settled * SHARES >= limit * BigInt(share)) level = share
  }
  return level
}

/** The thresholds between what was reached before and now, in rising order. */
export function crossedBetween(fired: number, level: number, thresholds: readonly number[]): number[] {
  return thresholds.filter((threshold) => toShare(threshold) > fired && toShare(threshold) <= level)
}

/**
 * The budgets that concern ids, out of all those of the ids and of `'*'`: an id's own stands in for that of `'*'`.
 * Ordered by scope and period, which is the order in which windows are told of and refuse.
 */
export function chooseBudgets<B>(found: readonly B[], budgetOf: (one: B) => Budget): B[] {
  const chosen = new Map<string, B>()
  for (const one of found) {
    const { scope, id, period } = budgetOf(one)
    const place = `${scope}/${period}`
    if (id !== '*' || !chosen.has(place)) chosen.set(place, one)
  }
  return [...chosen.values()].toSorted((a, b) => placeOf(budgetOf(a)) - placeOf(budgetOf(b)))
}

function placeOf({ scope, period }: Budget): number {
  return BUDGET_SCOPES.indexOf(scope) * BUDGET_PERIODS.length + BUDGET_PERIODS.indexOf(period)
}

/** Orders budgets by scope, id and period. */
export function compareBudgets(a: Budget, b: Budget): number {
  const scopes = BUDGET_SCOPES.indexOf(a.scope) - BUDGET_SCOPES.indexOf(b.scope)
  if (scopes !== 0) return scopes
  if (a.id !== b.id) return a.id < b.id ? -1 : 1
  return BUDGET_PERIODS.indexOf(a.period) - BUDGET_PERIODS.indexOf(b.period)
}

/** Orders windows by their budgets, the id that is counted, and the beginning. */
export function compareWindows(a: BudgetWindow, b: BudgetWindow): number {
  const budgets = compareBudgets(a.budget, b.budget)
  if (budgets !== 0) return budgets
  if (a.id !== b.id) return a.id < b.id ? -1 : 1
  return a.startsAt - b.startsAt
}

/** A call's own money as a window of a budget per call: it begins and ends with the call. */
export function windowOfCall(budget: Budget, id: string, spent: Picos): BudgetWindow {
  const limit = budget.limit?.picos ?? null
  return { budget, id, startsAt: 0, endsAt: null, limit, settled: spent, reserved: ZERO, excess: ZERO }
}

/** A request for a hold whose values a store can keep. */
export interface CheckedHold extends HoldRequest {
  readonly scopes: Scopes
}

/** Checks a request for a hold. @throws AIError `request_invalid` */
export function checkHold(request: HoldRequest): CheckedHold {
  const { id, callId, fingerprint, amount, callSpent, ttlMs, mode, provider, model, attribution } = request
  if (typeof id !== 'string' || id === '' || id.length > HOLD_ID_CHARS_MAX || id !== wellFormed(id)) {
    throw invalid(`The id of a hold has 1 to ${HOLD_ID_CHARS_MAX} whole characters`)
  }
  if (!isText(callId) || !isText(fingerprint) || !isText(provider) || !isText(model)) {
    throw invalid('The callId, fingerprint, provider and model of a hold are texts')
  }
  if (callId.length > FIELD_CHARS_MAX) throw invalid(`The callId of a hold is longer than ${FIELD_CHARS_MAX}`)
  if (!isMoney(amount) || !isMoney(callSpent)) throw invalid('A hold is of zero picos or more')
  if (amount > LIMIT_PICOS_MAX) throw invalid('A hold is of at most nine million dollars')
  if (!Number.isFinite(ttlMs) || ttlMs < 0 || ttlMs > HOLD_MS_MAX) {
    throw invalid(`A hold is open for 0 to ${HOLD_MS_MAX} ms`)
  }
  checkTags(attribution.tags)
  return {
    id,
    callId: wellFormed(callId),
    fingerprint: cut(fingerprint),
    amount,
    callSpent,
    ttlMs,
    mode,
    attribution,
    provider: cut(provider),
    model: cut(model),
    scopes: checkScopes(attribution),
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string'
}

function isMoney(value: unknown): boolean {
  return typeof value === 'bigint' && value >= 0n
}

/** The entry of an attempt that nobody hears of again is made of the hold, and has to be one that can be kept. */
function checkTags(tags: readonly string[] | undefined): void {
  if (tags === undefined) return
  const isTag = (tag: unknown): boolean => typeof tag === 'string' && tag.length <= FIELD_CHARS_MAX
  if (Array.isArray(tags) && tags.length <= TAGS_MAX && tags.every(isTag)) return
  throw invalid(`The tags of a hold are up to ${TAGS_MAX} texts of at most ${FIELD_CHARS_MAX} characters`)
}

/** Brings the ids of scopes into the form that is stored. @throws AIError `request_invalid` */
export function checkScopes(scopes: Scopes | Attribution): Scopes {
  const checked: Partial<Record<keyof Scopes, string>> = {}
  for (const scope of BUDGET_SCOPES) {
    const id = scopes[scope]
    if (id === undefined) continue
    if (typeof id !== 'string' || id.length > FIELD_CHARS_MAX) {
      throw invalid(
        `The ${scope} that a budget counts for is a text of at most ${FIELD_CHARS_MAX} characters`,
      )
    }
    checked[scope] = wellFormed(id)
  }
  return checked
}

function cut(text: string): string {
  return wellFormed(text.length > FIELD_CHARS_MAX ? text.slice(0, FIELD_CHARS_MAX) : text)
}

/** The error of a hold that is asked for again although it is for something else, or over. */
export function holdTaken(id: string, why: 'other' | 'closed'): AIError {
  const says = why === 'other' ? 'was made for another request' : 'is closed: its attempt came to an end'
  return invalid(`The hold ${JSON.stringify(id.slice(0, 64))} ${says}. Give each attempt an id of its own`)
}

export function invalid(message: string): AIError {
  return new AIError({ code: 'request_invalid', message })
}
