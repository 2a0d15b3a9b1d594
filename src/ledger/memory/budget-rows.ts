import type { Budget, BudgetScope } from '../../core/budget.ts'
import { AIError } from '../../core/errors.ts'
import { add, picos, ZERO, type Picos } from '../../money/picos.ts'
import type { BudgetRow, BudgetRows, ClosedHold, HoldRow, HoldState, WindowRow } from '../budget-rows.ts'
import type { KeptEntry } from '../entry.ts'
import { fits } from '../windows.ts'

/** Most windows that a memory ledger keeps by default: those that are over make room first. */
export const MEMORY_WINDOWS_MAX = 50_000
/** Most holds that a memory ledger keeps by default: those that are closed make room first, oldest first. */
export const MEMORY_HOLDS_MAX = 50_000

/** Where the entries of a memory ledger are. */
export interface MemoryEntries {
  /** False where its id was written before. */
  add(entry: KeptEntry): boolean
  costOf(id: string): Picos | undefined
}

/** How much is kept. */
export interface MemoryBounds {
  readonly windowsMax: number
  readonly holdsMax: number
}

/** A window, and what of its settled money came from holds that are no longer kept. */
interface KeptWindow {
  row: WindowRow
  dropped: Picos
}

/** Budgets, windows and holds in maps, bounded. */
export class MemoryRows implements BudgetRows {
  readonly #now: () => number
  readonly #entries: MemoryEntries
  readonly #bounds: MemoryBounds
  readonly #budgets: BudgetRow[] = []
  /** Places in `#budgets`, by scope and id. */
  readonly #byId = new Map<string, number[]>()
  readonly #windows = new Map<number, KeptWindow>()
  readonly #newest = new Map<string, number>()
  readonly #open = new Map<string, HoldRow>()
  readonly #closed = new Map<string, HoldRow>()
  #nextWindow = 1
  #latest = 0

  constructor(now: () => number, entries: MemoryEntries, bounds: MemoryBounds) {
    this.#now = now
    this.#entries = entries
    this.#bounds = bounds
  }

  now(): number {
    this.#latest = Math.max(this.#latest, Math.floor(this.#now()))
    return this.#latest
  }

  budgetsFor(scope: BudgetScope, id: string): readonly BudgetRow[] {
    if (this.#budgets.length === 0) return []
    const places = [...this.#placesOf(scope, id), ...(id === '*' ? [] : this.#placesOf(scope, '*'))]
    return places.flatMap((place) => this.#budgets[place] ?? []).filter(({ active }) => active)
  }

  #placesOf(scope: BudgetScope, id: string): readonly number[] {
    return this.#byId.get(`${scope}/${id}`) ?? []
  }

  budgetNamed({ scope, id, period }: Pick<Budget, 'scope' | 'id' | 'period'>): BudgetRow | undefined {
    const rows = this.#placesOf(scope, id).flatMap((place) => this.#budgets[place] ?? [])
    return rows.find(({ budget }) => budget.period === period)
  }

  budgetAt(rowId: number): BudgetRow | undefined {
    return this.#budgets[rowId]
  }

  activeBudgets(): readonly BudgetRow[] {
    return this.#budgets.filter(({ active }) => active)
  }

  budgetCount(): number {
    return this.#budgets.length
  }

  saveBudget(budget: Budget, active: boolean): BudgetRow {
    const found = this.budgetNamed(budget)
    const row = { rowId: found?.rowId ?? this.#budgets.length, budget, active }
    this.#budgets[row.rowId] = row
    if (found === undefined) {
      const key = `${budget.scope}/${budget.id}`
      this.#byId.set(key, [...(this.#byId.get(key) ?? []), row.rowId])
    }
    return row
  }

  newestWindow(budgetId: number, id: string): WindowRow | undefined {
    const rowId = this.#newest.get(`${budgetId}/${id}`)
    return rowId === undefined ? undefined : this.windowRow(rowId)
  }

  windowsOf(budgetId: number, now: number): readonly WindowRow[] {
    const rows = Array.from(this.#windows.values(), ({ row }) => row)
    return rows.filter((row) => row.budgetId === budgetId && (row.endsAt === null || row.endsAt > now))
  }

  windowRow(rowId: number): WindowRow | undefined {
    return this.#windows.get(rowId)?.row
  }

  addWindow(window: Omit<WindowRow, 'rowId'>): WindowRow {
    if (this.#windows.size >= this.#bounds.windowsMax) this.#dropWindows()
    const row = { rowId: this.#nextWindow++, ...window }
    this.#windows.set(row.rowId, { row, dropped: ZERO })
    this.#newest.set(`${row.budgetId}/${row.id}`, row.rowId)
    return row
  }

  #dropWindows(): void {
    for (const [rowId, { row }] of this.#windows) {
      if (row.endsAt === null || row.endsAt > this.#latest || row.reserved > 0n) continue
      this.#windows.delete(rowId)
      const key = `${row.budgetId}/${row.id}`
      if (this.#newest.get(key) === rowId) this.#newest.delete(key)
    }
    if (this.#windows.size >= this.#bounds.windowsMax) {
      throw tooMany(`counts ${this.#bounds.windowsMax} ids and periods at once`)
    }
  }

  reserve(rowId: number, amount: Picos, excess: Picos, forced: boolean): boolean {
    const kept = this.#windows.get(rowId)
    if (kept === undefined || (!forced && !fits(kept.row, amount))) return false
    kept.row = { ...kept.row, reserved: add(kept.row.reserved, amount), excess }
    return true
  }

  saveWindow(row: WindowRow): void {
    const kept = this.#windows.get(row.rowId)
    if (kept !== undefined) kept.row = row
  }

  hold(id: string): HoldRow | undefined {
    return this.#open.get(id) ?? this.#closed.get(id)
  }

  addHold(hold: HoldRow): void {
    if (this.#open.size >= this.#bounds.holdsMax) throw tooMany(`has ${this.#bounds.holdsMax} holds open`)
    const [oldest] = this.#closed.values()
    if (oldest !== undefined && this.#open.size + this.#closed.size >= this.#bounds.holdsMax)
      this.#dropHold(oldest)
    this.#open.set(hold.id, Object.freeze(hold))
  }

  #dropHold(hold: HoldRow): void {
    this.#closed.delete(hold.id)
    for (const rowId of hold.windows) {
      const kept = this.#windows.get(rowId)
      if (kept !== undefined) kept.dropped = add(kept.dropped, hold.actual ?? ZERO)
    }
  }

  closeHold(id: string, from: HoldState, { state, actual, told }: ClosedHold): void {
    const hold = this.hold(id)
    if (hold?.state !== from) throw new TypeError(`The hold is not ${from}`)
    this.#open.delete(id)
    this.#closed.set(id, Object.freeze({ ...hold, state, actual, told }))
  }

  expiredHolds(now: number, most: number): readonly HoldRow[] {
    const expired = [...this.#open.values()].filter((hold) => hold.expiresAt <= now)
    // In one order in all stores, also where several expire at once.
    const byId = (a: HoldRow, b: HoldRow): number => (a.id < b.id ? -1 : 1)
    return expired.toSorted((a, b) => a.expiresAt - b.expiresAt || byId(a, b)).slice(0, most)
  }

  addEntry(entry: KeptEntry): boolean {
    return this.#entries.add(entry)
  }

  entryCost(id: string): Picos | undefined {
    return this.#entries.costOf(id)
  }

  /** Every hold that is kept. */
  holds(): readonly HoldRow[] {
    return [...this.#open.values(), ...this.#closed.values()]
  }

  /** Every window that is kept, with what its holds make. */
  sums(): readonly { readonly row: WindowRow; readonly reserved: Picos; readonly settled: Picos }[] {
    const sums = new Map<number, { reserved: bigint; settled: bigint }>()
    for (const hold of this.holds()) {
      for (const rowId of hold.windows) {
        const sum = sums.get(rowId) ?? { reserved: 0n, settled: 0n }
        sums.set(rowId, sum)
        if (hold.actual === null) sum.reserved += hold.amount
        else sum.settled += hold.actual
      }
    }
    return Array.from(this.#windows.values(), ({ row, dropped }) => {
      const { reserved, settled } = sums.get(row.rowId) ?? { reserved: 0n, settled: 0n }
      return { row, reserved: picos(reserved), settled: picos(settled + dropped) }
    })
  }
}

function tooMany(what: string): AIError {
  const message = `This memory ledger ${what}, and keeps no more. Keep a ledger in a file: 'sqlite:PATH'`
  return new AIError({ code: 'store_failed', message, retryable: false })
}
