import assert from 'node:assert/strict'
import { checkBudget } from '../../src/budget/check-budget.ts'
import type { Budget, BudgetInput } from '../../src/core/budget.ts'
import type { Cost } from '../../src/core/cost.ts'
import type {
  BudgetFilter,
  BudgetLedger,
  BudgetWindow,
  HoldRequest,
  Reservation,
  Settlement,
} from '../../src/ledger/budget-store.ts'
import type { LedgerEntry } from '../../src/ledger/ledger.ts'
import { formatUsd, Amount, parseUsd } from '../../src/money/amount.ts'
import { ZERO, type Picos } from '../../src/money/picos.ts'
import { entry, exact, NOON } from './entries.ts'

/** A kind of ledger with budgets, and its clock. */
export interface BudgetPlace {
  /** Gives a new, empty ledger each time. */
  readonly open: () => Promise<BudgetLedger>
  /** Sets what time it is for all of its ledgers, in milliseconds since 1970. It is noon of 2026-11-22 UTC at first. */
  readonly setNow: (ms: number) => Promise<void> | void
}

/** One thing that every store with budgets must do, as data: run over each store. */
export interface BudgetCase {
  readonly name: string
  readonly run: (place: BudgetPlace) => Promise<void>
}

export const HOUR = 3_600_000
export const MINUTE = 60_000

/** A budget of ada, one dollar a day, unless told otherwise. */
export function budget(more: Partial<BudgetInput> = {}): Budget {
  return checkBudget({ scope: 'user', id: 'ada', period: 'day', limit: '1', ...more }, 'request_invalid')
}

export function dollars(text: string): Picos {
  return parseUsd(text).picos
}

/** A request to hold dollars for an attempt of ada, open for ten minutes, unless told otherwise. */
export function holdOf(id: string, amount: string, more: Partial<HoldRequest> = {}): HoldRequest {
  return {
    id,
    callId: `call of ${id}`,
    fingerprint: 'openai/gpt-6-luna',
    amount: dollars(amount),
    callSpent: ZERO,
    ttlMs: 10 * MINUTE,
    mode: 'enforce',
    attribution: { user: 'ada' },
    provider: 'openai',
    model: 'gpt-6-luna',
    ...more,
  }
}

/** The entry with which an attempt of ada ended. */
export function ended(attemptId: string, cost: Cost | string, more: Partial<LedgerEntry> = {}): LedgerEntry {
  return entry({
    attemptId,
    callId: `call of ${attemptId}`,
    user: 'ada',
    at: NOON,
    cost: typeof cost === 'string' ? exact(cost) : cost,
    ...more,
  })
}

/** Holds dollars, and demands that it is held. */
export async function hold(
  { budgets }: BudgetLedger,
  id: string,
  amount: string,
  more: Partial<HoldRequest> = {},
): Promise<Extract<Reservation, { status: 'held' }>> {
  const reserved = await budgets.reserve(holdOf(id, amount, more))
  assert.ok(reserved.status === 'held', `${id}: ${reserved.status}`)
  return reserved
}

/** Holds dollars, and demands that it is refused. */
export async function refusal(
  { budgets }: BudgetLedger,
  id: string,
  amount: string,
  more: Partial<HoldRequest> = {},
): Promise<Extract<Reservation, { status: 'refused' }>> {
  const reserved = await budgets.reserve(holdOf(id, amount, more))
  assert.ok(reserved.status === 'refused', `${id}: ${reserved.status}`)
  return reserved
}

export function settle({ budgets }: BudgetLedger, id: string, cost: Cost | string): Promise<Settlement> {
  return budgets.settle(id, ended(id, cost))
}

/** Holds and settles at once. */
export async function spend(ledger: BudgetLedger, id: string, cost: string): Promise<Settlement> {
  await hold(ledger, id, cost)
  return settle(ledger, id, cost)
}

/** A window in one line: `settled + reserved of limit (+ excess)`. */
export function standing({ limit, settled, reserved, excess }: BudgetWindow): string {
  const usd = (value: bigint): string => formatUsd(new Amount(value)).slice(1)
  const more = excess === 0n ? '' : ` (+ ${usd(excess)})`
  return `${usd(settled)} + ${usd(reserved)} of ${limit === null ? 'no limit' : usd(limit)}${more}`
}

/** The current windows, each in one line. */
export async function standings({ budgets }: BudgetLedger, filter?: BudgetFilter): Promise<string[]> {
  return (await budgets.windows(filter)).map(standing)
}

/** Demands that the books add up. */
export async function assertClean({ budgets }: BudgetLedger, openHolds?: number): Promise<void> {
  const proof = await budgets.verify()
  assert.deepStrictEqual(proof.discrepancies, [])
  if (openHolds !== undefined) assert.equal(proof.openHolds, openHolds)
}

export async function all(ledger: BudgetLedger): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = []
  for await (const one of ledger.entries()) entries.push(one)
  return entries
}
