import type { Budget, BudgetPeriod, BudgetScope, OnLimit } from '../../core/budget.ts'
import type { Attribution } from '../../core/request.ts'
import { Amount } from '../../money/amount.ts'
import { picos, type Picos } from '../../money/picos.ts'
import type {
  BudgetRow,
  BudgetRows,
  ClosedHold,
  HoldBalance,
  HoldRow,
  HoldState,
  Told,
  WindowRow,
} from '../budget-rows.ts'
import type { KeptEntry } from '../entry.ts'
import type { Row, Statements } from './statements.ts'
import { encodeEntry, INSERT_ENTRY } from './rows.ts'

interface BudgetTable {
  readonly id: bigint
  readonly scope: BudgetScope
  readonly scope_id: string
  readonly period: BudgetPeriod
  readonly limit_picos: bigint | null
  readonly time_zone: string
  readonly unpriced: Budget['unpriced']
  readonly mode: Budget['mode']
  readonly thresholds: string
  readonly on_limit: string
  readonly active: bigint
}

interface WindowTable {
  readonly id: bigint
  readonly budget_id: bigint
  readonly counted_id: string
  readonly starts_at: bigint
  readonly ends_at: bigint | null
  readonly limit_picos: bigint | null
  readonly settled_picos: bigint
  readonly reserved_picos: bigint
  readonly excess_picos: bigint
  readonly fired: bigint
}

interface HoldTable {
  readonly id: string
  readonly call_id: string
  readonly fingerprint: string
  readonly state: HoldState
  readonly amount_picos: bigint
  readonly actual_picos: bigint | null
  readonly provider: string
  readonly model: string
  readonly attribution: string
  readonly windows: string
  readonly told: string | null
  readonly created_at: bigint
  readonly expires_at: bigint
}

/** Most ids whose budgets are kept as they were read. */
const KNOWN_MAX = 10_000

const MARKS = `SELECT (SELECT value FROM meta WHERE key = 'last_seen') AS seen, (SELECT value FROM meta WHERE key = 'budgets') AS budgets`
const MARK = `INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`

const SAVE_BUDGET = `
  INSERT INTO budget (scope, scope_id, period, limit_picos, time_zone, unpriced, mode, thresholds, on_limit, active)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (scope, scope_id, period) DO UPDATE SET limit_picos = excluded.limit_picos,
    time_zone = excluded.time_zone, unpriced = excluded.unpriced, mode = excluded.mode,
    thresholds = excluded.thresholds, on_limit = excluded.on_limit, active = excluded.active
  RETURNING *`

const ADD_WINDOW = `
  INSERT INTO budget_window (budget_id, counted_id, starts_at, ends_at, limit_picos, settled_picos, reserved_picos,
    excess_picos, fired)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`

/** The condition was checked before; it stands here as well, so that no mistake there can spend money. */
const RESERVE = `
  UPDATE budget_window SET reserved_picos = reserved_picos + ?1, excess_picos = ?2
  WHERE id = ?3 AND (?4 = 1 OR limit_picos IS NULL OR settled_picos + reserved_picos + ?1 <= limit_picos)`

const SAVE_WINDOW = `
  UPDATE budget_window SET limit_picos = ?, settled_picos = ?, reserved_picos = ?, excess_picos = ?, fired = ?
  WHERE id = ?`

const ADD_HOLD = `
  INSERT INTO hold (id, call_id, fingerprint, state, amount_picos, provider, model, attribution, windows, created_at,
    expires_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

const BALANCE = 'SELECT id, fingerprint, state, amount_picos, windows, told FROM hold WHERE id = ?'
const EXPIRED = `SELECT * FROM hold WHERE state = 'open' AND expires_at <= ? ORDER BY expires_at, id LIMIT ?`

/** Budgets, windows and holds in the tables of a ledger file. */
export class SqliteRows implements BudgetRows {
  readonly #statements: Statements
  readonly #clock: () => number
  /** Active budgets by scope and id, and all by row, as long as nobody changes one. */
  readonly #byScope = new Map<string, readonly BudgetRow[]>()
  readonly #byRow = new Map<number, BudgetRow>()
  /** What was written down when they were read: it changes with each change of a budget. */
  #budgetsMark: string | undefined
  #now = 0
  #transaction: number | undefined

  constructor(statements: Statements, clock: () => number) {
    this.#statements = statements
    this.#clock = clock
  }

  /** Takes the time for a transaction, and writes it down, so that no process goes back behind it. */
  begin(transaction: number): void {
    if (this.#transaction === transaction) return
    const seen = this.look()
    this.#transaction = transaction
    if (this.#now > seen) this.#statements.run(MARK, 'last_seen', String(this.#now))
  }

  /** Takes the time for reading; returns the latest that was written down. */
  look(): number {
    const marks = this.#statements.get(MARKS)
    const seen = Number(marks?.['seen'] ?? 0)
    this.#now = Math.max(seen, Math.floor(this.#clock()))
    this.#transaction = undefined
    const budgets = String(marks?.['budgets'] ?? '0')
    if (budgets !== this.#budgetsMark) this.#forget(budgets)
    return seen
  }

  #forget(mark: string | undefined): void {
    this.#byScope.clear()
    this.#byRow.clear()
    this.#budgetsMark = mark
  }

  now(): number {
    return this.#now
  }

  budgetsFor(scope: BudgetScope, id: string): readonly BudgetRow[] {
    const key = `${scope}/${id}`
    const known = this.#byScope.get(key)
    if (known !== undefined) return known
    const sql = `SELECT * FROM budget WHERE scope = ? AND scope_id IN (?, '*') AND active = 1`
    const found = this.#statements.all(sql, scope, id).map(decodeBudget)
    if (this.#byScope.size >= KNOWN_MAX) this.#byScope.clear()
    this.#byScope.set(key, found)
    return found
  }

  budgetNamed({ scope, id, period }: Pick<Budget, 'scope' | 'id' | 'period'>): BudgetRow | undefined {
    const sql = 'SELECT * FROM budget WHERE scope = ? AND scope_id = ? AND period = ?'
    return this.#statements.all(sql, scope, id, period).map(decodeBudget)[0]
  }

  budgetAt(rowId: number): BudgetRow | undefined {
    const known = this.#byRow.get(rowId)
    if (known !== undefined) return known
    const row = this.#statements.get('SELECT * FROM budget WHERE id = ?', rowId)
    if (row === undefined) return undefined
    const found = decodeBudget(row)
    if (this.#byRow.size >= KNOWN_MAX) this.#byRow.clear()
    this.#byRow.set(rowId, found)
    return found
  }

  activeBudgets(): readonly BudgetRow[] {
    return this.#statements.all('SELECT * FROM budget WHERE active = 1').map(decodeBudget)
  }

  budgetCount(): number {
    return Number(this.#statements.get('SELECT count(*) AS count FROM budget')?.['count'])
  }

  saveBudget(budget: Budget, active: boolean): BudgetRow {
    const { scope, id, period, limit, timeZone, unpriced, mode, thresholds, onLimit } = budget
    const [shares, answer] = [JSON.stringify(thresholds), JSON.stringify(onLimit)]
    const values = [scope, id, period, limit?.picos ?? null, timeZone, unpriced, mode, shares, answer]
    const row = this.#statements.get(SAVE_BUDGET, ...values, active ? 1 : 0)
    if (row === undefined) throw new TypeError('SQLite did not return the budget that was written')
    const mark = Number(this.#statements.get(MARKS)?.['budgets'] ?? 0)
    this.#statements.run(MARK, 'budgets', String(mark + 1))
    // Not the new mark: if this transaction is undone, another process may give it to another change.
    this.#forget(undefined)
    return decodeBudget(row)
  }

  newestWindow(budgetId: number, id: string): WindowRow | undefined {
    const sql = `SELECT * FROM budget_window WHERE budget_id = ? AND counted_id = ? ORDER BY starts_at DESC LIMIT 1`
    return decodeWindow(this.#statements.get(sql, budgetId, id))
  }

  windowsOf(budgetId: number, now: number): readonly WindowRow[] {
    const sql = 'SELECT * FROM budget_window WHERE budget_id = ? AND (ends_at IS NULL OR ends_at > ?)'
    const rows = this.#statements.all(sql, budgetId, now)
    return rows.flatMap((row) => decodeWindow(row) ?? [])
  }

  windowRow(rowId: number): WindowRow | undefined {
    return decodeWindow(this.#statements.get('SELECT * FROM budget_window WHERE id = ?', rowId))
  }

  addWindow(window: Omit<WindowRow, 'rowId'>): WindowRow {
    const { budgetId, id, startsAt, endsAt, limit, settled, reserved, excess, fired } = window
    const values = [budgetId, id, startsAt, endsAt, limit, settled, reserved, excess, fired]
    const row = this.#statements.get(ADD_WINDOW, ...values)
    return { rowId: Number(row?.['id']), ...window }
  }

  reserve(rowId: number, amount: Picos, excess: Picos, forced: boolean): boolean {
    return this.#statements.run(RESERVE, amount, excess, rowId, forced ? 1 : 0) === 1
  }

  saveWindow({ rowId, limit, settled, reserved, excess, fired }: WindowRow): void {
    this.#statements.run(SAVE_WINDOW, limit, settled, reserved, excess, fired, rowId)
  }

  hold(id: string): HoldBalance | undefined {
    const row = this.#statements.get(BALANCE, id)
    return row === undefined ? undefined : decodeBalance(row)
  }

  addHold(hold: HoldRow): void {
    const { id, callId, fingerprint, state, amount, provider, model, attribution, windows } = hold
    const [told, places] = [JSON.stringify(attribution), JSON.stringify(windows)]
    const values = [id, callId, fingerprint, state, amount, provider, model, told, places]
    this.#statements.run(ADD_HOLD, ...values, hold.createdAt, hold.expiresAt)
  }

  closeHold(id: string, from: HoldState, { state, actual, told, at }: ClosedHold): void {
    const sql = `UPDATE hold SET state = ?, actual_picos = ?, told = ?, closed_at = ? WHERE id = ? AND state = ?`
    if (this.#statements.run(sql, state, actual, encodeTold(told), at, id, from) !== 1) {
      throw new TypeError(`The hold is not ${from}`)
    }
  }

  expiredHolds(now: number, most: number): readonly HoldRow[] {
    return this.#statements.all(EXPIRED, now, most).map(decodeHold)
  }

  addEntry(entry: KeptEntry): boolean {
    return this.#statements.run(INSERT_ENTRY, ...encodeEntry(entry)) === 1
  }

  entryCost(id: string): Picos | undefined {
    const found = this.#statements.get('SELECT cost_picos AS picos FROM entry WHERE id = ?', id)
    return typeof found?.['picos'] === 'bigint' ? picos(found['picos']) : undefined
  }
}

function decodeBudget(found: Row): BudgetRow {
  const row = found as BudgetTable & Row
  const budget: Budget = {
    scope: row.scope,
    id: row.scope_id,
    period: row.period,
    limit: row.limit_picos === null ? null : new Amount(row.limit_picos),
    timeZone: row.time_zone,
    unpriced: row.unpriced,
    mode: row.mode,
    thresholds: Object.freeze(JSON.parse(row.thresholds) as number[]),
    onLimit: Object.freeze(JSON.parse(row.on_limit) as OnLimit),
  }
  return { rowId: Number(row.id), budget: Object.freeze(budget), active: row.active === 1n }
}

function decodeWindow(found: Row | undefined): WindowRow | undefined {
  if (found === undefined) return undefined
  const row = found as WindowTable & Row
  return {
    rowId: Number(row.id),
    budgetId: Number(row.budget_id),
    id: row.counted_id,
    startsAt: Number(row.starts_at),
    endsAt: row.ends_at === null ? null : Number(row.ends_at),
    limit: row.limit_picos === null ? null : picos(row.limit_picos),
    settled: picos(row.settled_picos),
    reserved: picos(row.reserved_picos),
    excess: picos(row.excess_picos),
    fired: Number(row.fired),
  }
}

function decodeBalance(found: Row): HoldBalance {
  const { id, fingerprint, state, amount_picos: amount, windows, told } = found as HoldTable & Row
  const places = JSON.parse(windows) as number[]
  return { id, fingerprint, state, amount: picos(amount), windows: places, told: decodeTold(told) }
}

/** What a settlement told of a window, as it is stored. */
type StoredTold = readonly [window: number, crossed: readonly number[], overrun: string]

function encodeTold(told: readonly Told[]): string | null {
  if (told.length === 0) return null
  return JSON.stringify(
    told.map(({ window, crossed, overrun }): StoredTold => [window, crossed, overrun.toString()]),
  )
}

function decodeTold(json: string | null): readonly Told[] {
  if (json === null) return []
  return (JSON.parse(json) as StoredTold[]).map(([window, crossed, overrun]) => {
    return { window, crossed, overrun: picos(BigInt(overrun)) }
  })
}

function decodeHold(found: Row): HoldRow {
  const row = found as HoldTable & Row
  return {
    ...decodeBalance(found),
    callId: row.call_id,
    actual: row.actual_picos === null ? null : picos(row.actual_picos),
    provider: row.provider,
    model: row.model,
    attribution: JSON.parse(row.attribution) as Attribution,
    createdAt: Number(row.created_at),
    expiresAt: Number(row.expires_at),
  }
}
