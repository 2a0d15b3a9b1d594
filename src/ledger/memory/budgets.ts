import type { Budget } from '../../core/budget.ts'
import type { Picos } from '../../money/picos.ts'
import { BudgetEngine } from '../budget-engine.ts'
import type {
  BudgetFilter,
  BudgetStore,
  BudgetWindow,
  Discrepancy,
  HoldRequest,
  Reservation,
  Scopes,
  Settlement,
  Verification,
} from '../budget-store.ts'
import { assumptionId } from '../assumption.ts'
import { keepEntry } from '../entry.ts'
import type { LedgerEntry } from '../ledger.ts'
import { DISCREPANCIES_MAX, holdDiscrepancy, windowDiscrepancy } from '../proof.ts'
import { SWEEP_HOLDS_MAX } from '../windows.ts'
import { MemoryRows, type MemoryBounds, type MemoryEntries } from './budget-rows.ts'

/** What a memory ledger tells its budgets about entries. */
export interface MemoryBooks extends MemoryEntries {
  checkOpen(): void
  /** What each entry that is kept costs, by id. */
  costs(): ReadonlyMap<string, Picos | undefined>
}

/** Budgets in memory: each method is done when it returns, so that nothing comes between. */
export class MemoryBudgets implements BudgetStore {
  readonly #books: MemoryBooks
  readonly #rows: MemoryRows
  readonly #engine: BudgetEngine

  constructor(now: () => number, books: MemoryBooks, bounds: MemoryBounds) {
    this.#books = books
    this.#rows = new MemoryRows(now, books, bounds)
    this.#engine = new BudgetEngine(this.#rows)
  }

  set(budget: Budget): Promise<void> {
    return this.#do((engine) => engine.set(budget))
  }

  list(): Promise<readonly Budget[]> {
    return this.#do((engine) => engine.list())
  }

  remove(budget: Pick<Budget, 'scope' | 'id' | 'period'>): Promise<boolean> {
    return this.#do((engine) => engine.remove(budget))
  }

  applicable(scopes: Scopes): Promise<readonly Budget[]> {
    return this.#do((engine) => engine.applicable(scopes))
  }

  reserve(request: HoldRequest): Promise<Reservation> {
    return this.#do((engine) => engine.reserve(request))
  }

  settle(holdId: string, entry: LedgerEntry): Promise<Settlement> {
    return this.#do((engine) => engine.settle(holdId, keepEntry(entry)))
  }

  release(holdId: string): Promise<void> {
    return this.#do((engine) => engine.release(holdId))
  }

  assume(): Promise<number> {
    return this.#do((engine) => {
      let assumed = 0
      for (let more = SWEEP_HOLDS_MAX; more === SWEEP_HOLDS_MAX; assumed += more) more = engine.assume()
      return assumed
    })
  }

  windows(filter?: BudgetFilter): Promise<readonly BudgetWindow[]> {
    return this.#do((engine) => engine.windows(filter))
  }

  verify(): Promise<Verification> {
    return this.#do(() => {
      const holds = this.#rows.holds()
      const sums = this.#rows.sums()
      const costs = this.#books.costs()
      const discrepancies = [...this.#wrongWindows(sums), ...this.#wrongHolds(costs)]
      return {
        windows: sums.length,
        holds: holds.length,
        openHolds: holds.filter(({ state }) => state === 'open').length,
        entries: costs.size,
        discrepancies: discrepancies.slice(0, DISCREPANCIES_MAX),
      }
    })
  }

  #wrongWindows(sums: ReturnType<MemoryRows['sums']>): Discrepancy[] {
    return sums.flatMap(({ row, reserved, settled }) => {
      const budget = this.#rows.budgetAt(row.budgetId)?.budget
      const { scope = '', period = '' } = budget ?? {}
      const wrong = windowDiscrepancy({
        ...row,
        scope,
        period,
        holdsSettled: settled,
        holdsReserved: reserved,
      })
      return wrong === undefined ? [] : [wrong]
    })
  }

  /** Holds whose entries are kept, and say something else. */
  #wrongHolds(costs: ReadonlyMap<string, Picos | undefined>): Discrepancy[] {
    return this.#rows.holds().flatMap(({ id, state, actual }) => {
      if (actual === null || state === 'released') return []
      const ids =
        state === 'settled' ? [id] : state === 'assumed' ? [assumptionId(id)] : [id, assumptionId(id)]
      if (!ids.every((one) => costs.has(one))) return []
      const entered = ids.reduce((sum, one) => sum + (costs.get(one) ?? 0n), 0n)
      return entered === actual ? [] : [holdDiscrepancy(id, state, actual, entered)]
    })
  }

  #do<T>(work: (engine: BudgetEngine) => T): Promise<T> {
    try {
      this.#books.checkOpen()
      return Promise.resolve(work(this.#engine))
    } catch (error) {
      return Promise.reject(error)
    }
  }
}
