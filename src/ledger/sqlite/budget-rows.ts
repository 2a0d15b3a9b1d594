import type { Budget, BudgetPeriod, BudgetScope, OnLimit } from '../../core/budget.ts'
import type { Attribution } from '../../core/request.ts'
import { Amount } from '../../money/amount.ts'
import { picos, type Picos } from '../../money/picos.ts'
import type { BudgetRow, BudgetRows, HoldRow, HoldState, WindowRow } from '../budget-rows.ts'
import type { KeptEntry } from '../entry.ts'
import type { Statements } from './statements.ts'
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
  readonly version: bigint
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
  readonly created_at: bigint
  readonly expires_at: bigint
}

/** Which version of which budget it is: enough to find it among those that were read before. */
type BudgetVersion = Pick<BudgetTable, 'id' | 'version'>

/** Most budgets that are kept as they were read. */
const DECODED_MAX = 10_000

const SAVE_BUDGET = `
  INSERT INTO budget (scope, scope_id, period, limit_picos, time_zone, unpriced, mode, thresholds, on_limit, active, version)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)
  ON CONFLICT (scope, scope_id, period) DO UPDATE SET limit_picos = excluded.limit_picos,
    time_zone = excluded.time_zone, unpriced = excluded.unpriced, mode = excluded.mode,
    thresholds = excluded.thresholds, on_limit = excluded.on_limit, active = excluded.active, version = version + 1
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

const EXPIRED = `SELECT * FROM hold WHERE state = 'open' AND expires_at <= ? ORDER BY expires_at LIMIT ?`

/** Budgets, windows and holds in the tables of a ledger file. */
export class SqliteRows implements BudgetRows {
  readonly #statements: Statements
  readonly #clock: () => number
  readonly #decoded = new Map<bigint, BudgetRow & { readonly version: bigint }>()
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
    if (this.#now <= seen) return
    const sql = `INSERT INTO meta (key, value) VALUES ('last_seen', ?)
      ON CONFLICT (key) DO UPDATE SET value = excluded.value`
    this.#statements.run(sql, String(this.#now))
  }

  /** Takes the time for reading; returns the latest that was written down. */
  look(): number {
    const found = this.#statements.get(`SELECT value FROM meta WHERE key = 'last_seen'`)
    const seen = Number(found?.['value'] ?? 0)
    this.#now = Math.max(seen, Math.floor(this.#clock()))
    this.#transaction = undefined
    return seen
  }

  now(): number {
    return this.#now
  }

  budgetsFor(scope: BudgetScope, id: string): readonly BudgetRow[] {
    const sql = `SELECT id, version FROM budget WHERE scope = ? AND scope_id IN (?, '*') AND active = 1`
    return this.#decode(this.#statements.all<BudgetVersion>(sql, scope, id))
  }

  budgetNamed({ scope, id, period }: Pick<Budget, 'scope' | 'id' | 'period'>): BudgetRow | undefined {
    const sql = 'SELECT id, version FROM budget WHERE scope = ? AND scope_id = ? AND period = ?'
    return this.#decode(this.#statements.all<BudgetVersion>(sql, scope, id, period))[0]
  }

  budgetAt(rowId: number): BudgetRow | undefined {
    return this.#decode(
      this.#statements.all<BudgetVersion>('SELECT id, version FROM budget WHERE id = ?', rowId),
    )[0]
  }

  activeBudgets(): readonly BudgetRow[] {
    return this.#decode(
      this.#statements.all<BudgetVersion>('SELECT id, version FROM budget WHERE active = 1'),
    )
  }

  budgetCount(): number {
    return Number(this.#statements.get('SELECT count(*) AS count FROM budget')?.['count'])
  }

  /** Most budgets were read before, and have not changed. */
  #decode(versions: readonly BudgetVersion[]): BudgetRow[] {
    return versions.flatMap(({ id, version }) => {
      const known = this.#decoded.get(id)
      if (known?.version === version) return [known]
      const row = this.#statements.get<BudgetTable>('SELECT * FROM budget WHERE id = ?', id)
      return row === undefined ? [] : [this.#remember(row)]
    })
  }

  #remember(row: BudgetTable): BudgetRow {
    const decoded = { rowId: Number(row.id), budget: decodeBudget(row), active: row.active === 1n }
    if (this.#decoded.size >= DECODED_MAX) this.#decoded.clear()
    this.#decoded.set(row.id, { ...decoded, version: row.version })
    return decoded
  }

  saveBudget(budget: Budget, active: boolean): BudgetRow {
    const { scope, id, period, limit, timeZone, unpriced, mode, thresholds, onLimit } = budget
    const row = this.#statements.get<BudgetTable>(
      SAVE_BUDGET,
      scope,
      id,
      period,
      limit?.picos ?? null,
      timeZone,
      unpriced,
      mode,
      JSON.stringify(thresholds),
      JSON.stringify(onLimit),
      active ? 1 : 0,
    )
    if (row === undefined) throw new TypeError('SQLite did not return the budget that was written')
    return this.#remember(row)
  }

  newestWindow(budgetId: number, id: string): WindowRow | undefined {
    const sql = `SELECT * FROM budget_window WHERE budget_id = ? AND counted_id = ? ORDER BY starts_at DESC LIMIT 1`
    return decodeWindow(this.#statements.get<WindowTable>(sql, budgetId, id))
  }

  windowsOf(budgetId: number, now: number): readonly WindowRow[] {
    const sql = 'SELECT * FROM budget_window WHERE budget_id = ? AND (ends_at IS NULL OR ends_at > ?)'
    const rows = this.#statements.all<WindowTable>(sql, budgetId, now)
    return rows.flatMap((row) => decodeWindow(row) ?? [])
  }

  windowRow(rowId: number): WindowRow | undefined {
    return decodeWindow(this.#statements.get<WindowTable>('SELECT * FROM budget_window WHERE id = ?', rowId))
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

  hold(id: string): HoldRow | undefined {
    const row = this.#statements.get<HoldTable>('SELECT * FROM hold WHERE id = ?', id)
    return row === undefined ? undefined : decodeHold(row)
  }

  addHold(hold: HoldRow): void {
    const { id, callId, fingerprint, state, amount, provider, model, attribution, windows } = hold
    const [told, places] = [JSON.stringify(attribution), JSON.stringify(windows)]
    const values = [id, callId, fingerprint, state, amount, provider, model, told, places]
    this.#statements.run(ADD_HOLD, ...values, hold.createdAt, hold.expiresAt)
  }

  closeHold(id: string, from: HoldState, to: HoldState, actual: Picos, now: number): void {
    const sql = `UPDATE hold SET state = ?, actual_picos = ?, closed_at = ? WHERE id = ? AND state = ?`
    if (this.#statements.run(sql, to, actual, now, id, from) !== 1) {
      throw new TypeError(`The hold is not ${from}`)
    }
  }

  expiredHolds(now: number, most: number): readonly HoldRow[] {
    return this.#statements.all<HoldTable>(EXPIRED, now, most).map(decodeHold)
  }

  addEntry(entry: KeptEntry): boolean {
    return this.#statements.run(INSERT_ENTRY, ...encodeEntry(entry)) === 1
  }

  entryCost(id: string): Picos | undefined {
    const found = this.#statements.get('SELECT cost_picos AS picos FROM entry WHERE id = ?', id)
    return typeof found?.['picos'] === 'bigint' ? picos(found['picos']) : undefined
  }
}

function decodeBudget(row: BudgetTable): Budget {
  return Object.freeze({
    scope: row.scope,
    id: row.scope_id,
    period: row.period,
    limit: row.limit_picos === null ? null : new Amount(row.limit_picos),
    timeZone: row.time_zone,
    unpriced: row.unpriced,
    mode: row.mode,
    thresholds: Object.freeze(JSON.parse(row.thresholds) as number[]),
    onLimit: Object.freeze(JSON.parse(row.on_limit) as OnLimit),
  })
}

function decodeWindow(row: WindowTable | undefined): WindowRow | undefined {
  if (row === undefined) return undefined
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

function decodeHold(row: HoldTable): HoldRow {
  return {
    id: row.id,
    callId: row.call_id,
    fingerprint: row.fingerprint,
    state: row.state,
    amount: picos(row.amount_picos),
    actual: row.actual_picos === null ? null : picos(row.actual_picos),
    provider: row.provider,
    model: row.model,
    attribution: JSON.parse(row.attribution) as Attribution,
    windows: JSON.parse(row.windows) as number[],
    createdAt: Number(row.created_at),
    expiresAt: Number(row.expires_at),
  }
}
