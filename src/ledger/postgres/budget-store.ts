import type { Budget } from '../../core/budget.ts'
import { AIError } from '../../core/errors.ts'
import { picos, ZERO, type Picos } from '../../money/picos.ts'
import type {
  BudgetFilter,
  BudgetStore,
  BudgetWindow,
  HoldRequest,
  Reservation,
  Scopes,
  Settlement,
  Verification,
} from '../budget-store.ts'
import { keepEntry, wellFormed } from '../entry.ts'
import type { LedgerEntry } from '../ledger.ts'
import {
  BUDGETS_MAX,
  checkHold,
  checkScopes,
  chooseBudgets,
  compareBudgets,
  compareWindows,
  fits,
  holdTaken,
  invalid,
} from '../windows.ts'
import { ASSUMED_MAX, type Answer, type Batches } from './batches.ts'
import { decodeBudget, encodeBudget, encodeScopes, settledOf, windowsOf, type BudgetRow } from './budgets.ts'
import type { Ask, Database, Row } from './connection.ts'
import { isOwnFault } from './errors.ts'
import { encodeEntry } from './rows.ts'
import { verifyBooks } from './verify.ts'

type Told = Parameters<typeof windowsOf>[1]

interface ReserveAnswer {
  readonly status: 'unlimited' | 'held' | 'replay' | 'refused' | 'other' | 'closed'
  readonly windows?: Told
  /** Numbers in `windows`, from 0. */
  readonly refused?: number | null
  readonly over?: readonly number[]
}

interface SettleAnswer {
  readonly state: Settlement['state']
  readonly windows: Parameters<typeof settledOf>[1]
}

/** Budgets in PostgreSQL. Every change goes through the batches, so that the order of changes is that of the calls. */
export class PostgresBudgets implements BudgetStore {
  readonly #database: Database
  readonly #batches: Batches
  readonly #checkOpen: () => void

  constructor(database: Database, batches: Batches, checkOpen: () => void) {
    this.#database = database
    this.#batches = batches
    this.#checkOpen = checkOpen
  }

  async set(budget: Budget): Promise<void> {
    this.#checkOpen()
    const values = [JSON.stringify(encodeBudget(budget)), BUDGETS_MAX]
    const [row] = await this.#database
      .persist((ask) => ask('SELECT groat.set_budget($1::jsonb, $2::int) AS done', values))
      .catch((error: AIError) => {
        // A time zone that this PostgreSQL does not know.
        if (!isOwnFault(error.cause)) throw error
        throw invalid(`PostgreSQL does not take this budget: ${(error.cause as Error).message}`)
      })
    if (row?.['done'] === 't') return
    const message = `This ledger has ${BUDGETS_MAX} budgets. Use one for '*' in place of many alike`
    throw new AIError({ code: 'store_failed', message, retryable: false })
  }

  async list(): Promise<readonly Budget[]> {
    const rows = await this.#read((ask) =>
      ask('SELECT groat.budget_json(b) AS budget FROM groat.budget AS b WHERE active'),
    )
    return budgetsIn(rows).toSorted(compareBudgets)
  }

  async remove({ scope, id, period }: Pick<Budget, 'scope' | 'id' | 'period'>): Promise<boolean> {
    this.#checkOpen()
    const sql = `UPDATE groat.budget SET active = false
      WHERE active AND scope = $1 AND scope_id = $2 AND period = $3 RETURNING id`
    const rows = await this.#database.persist((ask) => ask(sql, [scope, id, period]))
    return rows.length > 0
  }

  async applicable(scopes: Scopes): Promise<readonly Budget[]> {
    const sql = `SELECT groat.budget_json(b) AS budget
      FROM jsonb_each_text($1::jsonb) AS a CROSS JOIN LATERAL groat.budgets_of(a.key, a.value) AS b`
    const rows = await this.#read((ask) => ask(sql, [encodeScopes(checkScopes(scopes))]))
    return chooseBudgets(budgetsIn(rows), (budget) => budget)
  }

  async reserve(request: HoldRequest): Promise<Reservation> {
    this.#checkOpen()
    const checked = checkHold(request)
    const { scopes, attribution } = checked
    const answer = await this.#batches.run({
      kind: 'reserve',
      id: checked.id,
      call_id: checked.callId,
      fingerprint: checked.fingerprint,
      amount: checked.amount.toString(),
      call_spent: checked.callSpent.toString(),
      ttl_ms: checked.ttlMs,
      enforce: checked.mode === 'enforce',
      user_id: scopes.user,
      project_id: scopes.project,
      organization_id: scopes.organization,
      key_id: scopes.key,
      tags: (attribution.tags ?? []).map(wellFormed),
      provider: checked.provider,
      model: checked.model,
    })
    return reservationOf(answer, request)
  }

  async settle(holdId: string, entry: LedgerEntry): Promise<Settlement> {
    this.#checkOpen()
    const kept = keepEntry(entry)
    const { attemptId, cost } = kept.entry
    if (attemptId !== holdId) throw invalid('A hold is settled with the entry of its own attempt')
    if (cost.amount !== undefined && cost.amount.picos < ZERO) {
      throw invalid('What an attempt cost is not below zero')
    }
    const answer = await this.#batches.run({ kind: 'settle', id: holdId, entry: encodeEntry(kept) })
    const { state, windows } = answer.answer as SettleAnswer
    return { state, windows: settledOf(answer, windows) }
  }

  async release(holdId: string): Promise<void> {
    this.#checkOpen()
    await this.#batches.run({ kind: 'release', id: wellFormed(holdId) })
  }

  async assume(): Promise<number> {
    this.#checkOpen()
    let all = 0
    for (;;) {
      const { batch } = await this.#batches.run({ kind: 'assume' })
      all += batch.assumed
      if (batch.assumed < ASSUMED_MAX) return all
    }
  }

  async windows(filter: BudgetFilter = {}): Promise<readonly BudgetWindow[]> {
    const ids = encodeScopes(checkScopes(filter))
    const rows = await this.#read((ask) => ask('SELECT * FROM groat.windows_of($1::jsonb)', [ids]))
    return rows.map(windowIn).toSorted(compareWindows)
  }

  verify(): Promise<Verification> {
    return this.#read(verifyBooks)
  }

  async #read<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    this.#checkOpen()
    return this.#database.read(work)
  }
}

function budgetsIn(rows: readonly Row[]): Budget[] {
  return rows.map((row) => decodeBudget(JSON.parse(row['budget'] ?? '') as BudgetRow))
}

function windowIn(row: Row): BudgetWindow {
  const { ends_at: ends = null, limit_picos: limit = null } = row
  const count = (name: string): Picos => picos(BigInt(row[name] ?? '0'))
  return {
    budget: decodeBudget(JSON.parse(row['budget'] ?? '') as BudgetRow),
    id: row['scope_id'] ?? '',
    startsAt: Number(row['starts_at']),
    endsAt: ends === null ? null : Number(ends),
    limit: limit === null ? null : picos(BigInt(limit)),
    settled: count('settled'),
    reserved: count('reserved'),
    excess: count('excess'),
  }
}

function reservationOf(answer: Answer, request: HoldRequest): Reservation {
  const { status, windows: told = [], refused, over = [] } = answer.answer as ReserveAnswer
  if (status === 'unlimited') return { status }
  if (status === 'other' || status === 'closed') throw holdTaken(request.id, status)
  const windows = windowsOf(answer, told, request)
  if (status === 'replay') {
    const sorted = windows.toSorted(compareWindows)
    const above = sorted.filter((window) => !fits(window, ZERO))
    return { status: 'held', replay: true, windows: sorted, over: above }
  }
  const at = (number: number): BudgetWindow => {
    const window = windows[number]
    if (window === undefined) throw new TypeError('PostgreSQL told of a window that is not in its answer')
    return window
  }
  if (status === 'refused') return { status, refused: at(refused ?? 0), windows }
  return { status, replay: false, windows, over: over.map(at) }
}
