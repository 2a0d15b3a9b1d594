import type { Budget, BudgetScope } from '../core/budget.ts'
import type { Attribution } from '../core/request.ts'
import type { Picos } from '../money/picos.ts'
import type { KeptEntry } from './entry.ts'

/** A budget as a store keeps it; a removed one is no longer active. */
export interface BudgetRow {
  readonly rowId: number
  readonly budget: Budget
  readonly active: boolean
}

/** A window as a store keeps it. */
export interface WindowRow {
  readonly rowId: number
  readonly budgetId: number
  /** The id that is counted. */
  readonly id: string
  readonly startsAt: number
  readonly endsAt: number | null
  readonly limit: Picos | null
  readonly settled: Picos
  readonly reserved: Picos
  readonly excess: Picos
  /** The highest threshold that was told of, in millionths of the limit. */
  readonly fired: number
}

/** `settled`, `corrected` and `released` are the end; `assumed` was counted as spent and can still be corrected. */
export type HoldState = 'open' | 'settled' | 'released' | 'assumed' | 'corrected'

/** What a settlement told of one window: thresholds that it crossed, and by how much it was overrun. */
export interface Told {
  readonly window: number
  readonly crossed: readonly number[]
  readonly overrun: Picos
}

/** What a hold holds, and where. */
export interface HoldBalance {
  readonly id: string
  readonly fingerprint: string
  readonly state: HoldState
  readonly amount: Picos
  /** The windows that hold the amount, by their row ids, ascending. */
  readonly windows: readonly number[]
  /** What its settlement told of, for one that is repeated since its acknowledgement was lost; mostly nothing. */
  readonly told: readonly Told[]
}

/** How a hold ended. */
export interface ClosedHold {
  readonly state: HoldState
  /** What counts as spent. */
  readonly actual: Picos
  readonly told: readonly Told[]
  /** When, in milliseconds since the Unix epoch. */
  readonly at: number
}

/** A hold as a store keeps it. */
export interface HoldRow extends HoldBalance {
  readonly callId: string
  /** What counts as spent; null as long as it is open. */
  readonly actual: Picos | null
  readonly provider: string
  readonly model: string
  readonly attribution: Attribution
  readonly createdAt: number
  readonly expiresAt: number
}

/**
 * What the engine of budgets needs of a store that answers at once: memory and SQLite. What the engine does in one of its
 * methods is one transaction of the store.
 */
export interface BudgetRows {
  /** The time, which never goes back, in whole milliseconds since the Unix epoch. */
  now(): number
  /** Active budgets of an id, and those of `'*'`. */
  budgetsFor(scope: BudgetScope, id: string): readonly BudgetRow[]
  /** The budget with this name, also a removed one. */
  budgetNamed(name: Pick<Budget, 'scope' | 'id' | 'period'>): BudgetRow | undefined
  budgetAt(rowId: number): BudgetRow | undefined
  activeBudgets(): readonly BudgetRow[]
  /** How many there are, removed ones included. */
  budgetCount(): number
  saveBudget(budget: Budget, active: boolean): BudgetRow

  /** The window of an id that began last, over or not. */
  newestWindow(budgetId: number, id: string): WindowRow | undefined
  /** All windows of a budget that have not ended. */
  windowsOf(budgetId: number, now: number): readonly WindowRow[]
  /** Undefined for one that is no longer kept. */
  windowRow(rowId: number): WindowRow | undefined
  addWindow(window: Omit<WindowRow, 'rowId'>): WindowRow
  /**
   * Adds to what is reserved, and sets the excess, where the window has the room or is `forced`; says whether it did.
   */
  reserve(rowId: number, amount: Picos, excess: Picos, forced: boolean): boolean
  /** Writes limit, counters and what was told of a window. */
  saveWindow(window: WindowRow): void

  hold(id: string): HoldBalance | undefined
  addHold(hold: HoldRow): void
  /** Takes a hold from one state to another; it must be in the first. */
  closeHold(id: string, from: HoldState, closed: ClosedHold): void
  /** Open holds whose time is over, oldest first. */
  expiredHolds(now: number, most: number): readonly HoldRow[]

  /** Writes an entry; false where its id was written before. */
  addEntry(entry: KeptEntry): boolean
  /** What the entry with this id costs; undefined where it is not known. */
  entryCost(id: string): Picos | undefined
}
