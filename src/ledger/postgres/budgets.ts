import {
  BUDGET_SCOPES,
  type Budget,
  type BudgetPeriod,
  type BudgetScope,
  type OnLimit,
} from '../../core/budget.ts'
import { Amount } from '../../money/amount.ts'
import { picos } from '../../money/picos.ts'
import type { BudgetWindow, HoldRequest, SettledWindow, Scopes } from '../budget-store.ts'
import { compareWindows, windowOfCall } from '../windows.ts'
import type { Answer } from './batches.ts'

/** A budget as `groat.budget_json` writes it. */
export interface BudgetRow {
  readonly id: number
  readonly scope: BudgetScope
  readonly scope_id: string
  readonly period: BudgetPeriod
  readonly limit_picos: string | null
  readonly time_zone: string
  readonly unpriced: Budget['unpriced']
  readonly mode: Budget['mode']
  readonly thresholds: readonly number[]
  readonly on_limit: string
}

/** A budget as `groat.set_budget` takes it. */
export function encodeBudget(budget: Budget): Omit<BudgetRow, 'id'> {
  return {
    scope: budget.scope,
    scope_id: budget.id,
    period: budget.period,
    limit_picos: budget.limit === null ? null : budget.limit.picos.toString(),
    time_zone: budget.timeZone,
    unpriced: budget.unpriced,
    mode: budget.mode,
    thresholds: budget.thresholds,
    on_limit: JSON.stringify(budget.onLimit),
  }
}

export function decodeBudget(row: BudgetRow): Budget {
  return Object.freeze({
    scope: row.scope,
    id: row.scope_id,
    period: row.period,
    limit: row.limit_picos === null ? null : new Amount(BigInt(row.limit_picos)),
    timeZone: row.time_zone,
    unpriced: row.unpriced,
    mode: row.mode,
    thresholds: Object.freeze(row.thresholds),
    onLimit: JSON.parse(row.on_limit) as OnLimit,
  })
}

/** The scopes that are set, as JSON. */
export function encodeScopes(scopes: Scopes): string {
  const set = BUDGET_SCOPES.flatMap((scope) => {
    const id = scopes[scope]
    return id === undefined ? [] : [[scope, id] as const]
  })
  return JSON.stringify(Object.fromEntries(set))
}

/** How a window stood: its number in the batch from 1, and its counters. */
type Standing = readonly [
  number: number,
  settled: string,
  reserved: string,
  excess: string,
  crossed?: readonly number[],
  overrun?: string,
]

/** A limit per call: the number of its budget in the batch, from -1 downwards, and the id that it counts for. */
type PerCall = readonly [number: number, id: string]

type WindowRow = readonly [
  budgetId: number,
  scopeId: string,
  startsAt: number,
  endsAt: number | null,
  limit: string | null,
]

/** The windows that an answer tells of, a limit per call among them as what the call has spent so far. */
export function windowsOf(
  { batch }: Answer,
  told: readonly (Standing | PerCall)[],
  request: Pick<HoldRequest, 'callSpent'>,
): readonly BudgetWindow[] {
  const budgets = batch.budgets as readonly BudgetRow[]
  return told.map((one) => {
    if (one[0] > 0) return windowOf(batch, one as Standing)
    const [number, id] = one as PerCall
    const row = budgets[-number - 1]
    if (row === undefined) throw new TypeError('PostgreSQL told of a budget that is not in its answer')
    return windowOfCall(decodeBudget(row), id, request.callSpent)
  })
}

/** The windows of a settlement, with what it did to them. */
export function settledOf({ batch }: Answer, told: readonly Standing[]): readonly SettledWindow[] {
  const windows = told.map((one) => {
    const [, , , , crossed = [], overrun = '0'] = one
    return { window: windowOf(batch, one), crossed, overrun: picos(BigInt(overrun)) }
  })
  return windows.toSorted((a, b) => compareWindows(a.window, b.window))
}

function windowOf(batch: Answer['batch'], [number, settled, reserved, excess]: Standing): BudgetWindow {
  const row = (batch.windows as readonly WindowRow[])[number - 1]
  const budget = (batch.budgets as readonly BudgetRow[]).find(({ id }) => id === row?.[0])
  if (row === undefined || budget === undefined) {
    throw new TypeError('PostgreSQL told of a window that is not in its answer')
  }
  const [, id, startsAt, endsAt, limit] = row
  return {
    budget: decodeBudget(budget),
    id,
    startsAt,
    endsAt,
    limit: limit === null ? null : picos(BigInt(limit)),
    settled: picos(BigInt(settled)),
    reserved: picos(BigInt(reserved)),
    excess: picos(BigInt(excess)),
  }
}
