import type { Budget, BudgetScope } from '../core/budget.ts'
import type { Attribution } from '../core/request.ts'
import type { Picos } from '../money/picos.ts'
import type { Ledger, LedgerEntry } from './ledger.ts'

/**
 * What holds, in every store:
 * - A window is one budget's counters for one id. The last one opened stays until its end, also when the clock is put
 *   back or the budget's time zone is changed; the next one begins where it ended. A refusal opens none.
 * - `settled + reserved <= limit + excess`, where `reserved` is the sum of the open holds and `settled` that of what the
 *   closed ones count. Reserving looks at the limit alone: excess lets nothing in.
 * - A hold ends once: settled with its attempt's entry, released, or assumed when its time is over; an assumed one can
 *   still be corrected. Whatever is asked of a hold that has ended changes nothing.
 * - An assumption's entry has the id `HOLD/assumed`, a correction's that of the attempt.
 * - Thresholds are told of once per window, and again above a raised limit.
 */

/** The ids that a call is counted for. */
export type Scopes = Readonly<Partial<Record<BudgetScope, string | undefined>>>

/** One budget's counters for one id and one period of time. `settled + reserved <= limit + excess`, always. */
export interface BudgetWindow {
  readonly budget: Budget
  /** The id that is counted: never `'*'`. */
  readonly id: string
  /** Milliseconds since the Unix epoch. */
  readonly startsAt: number
  /** Null where it never ends. */
  readonly endsAt: number | null
  /** Null where there is no limit. */
  readonly limit: Picos | null
  readonly settled: Picos
  /** The sum of the holds that are open. */
  readonly reserved: Picos
  /** By how much more than the limit was let in: by a provider that bills more than a request's most, or by a cut limit. */
  readonly excess: Picos
}

/** Money to be held for one attempt before it is sent. */
export interface HoldRequest {
  /** The attempt's id: reserving it again with the same fingerprint changes nothing. */
  readonly id: string
  readonly callId: string
  readonly fingerprint: string
  readonly amount: Picos
  /** What the call's earlier attempts count, for limits per call. */
  readonly callSpent: Picos
  /** After this the hold counts as spent, in milliseconds. */
  readonly ttlMs: number
  /** `observe`: it is held and counted, and nothing refuses it. */
  readonly mode: 'enforce' | 'observe'
  readonly attribution: Attribution
  /** For the entry that is written if nobody hears of the attempt again. */
  readonly provider: string
  readonly model: string
}

export type Reservation =
  /** No budget concerns the call: nothing was written. */
  | { readonly status: 'unlimited' }
  /** Every window has the amount; `replay` where it had it before. `over` are observed windows that are above their limit. */
  | {
      readonly status: 'held'
      readonly replay: boolean
      readonly windows: readonly BudgetWindow[]
      readonly over: readonly BudgetWindow[]
    }
  /** Nothing was held. `refused` is the first window in order that has not enough, `windows` are all that were asked. */
  | {
      readonly status: 'refused'
      readonly refused: BudgetWindow
      readonly windows: readonly BudgetWindow[]
    }

/** One window as a settlement left it. */
export interface SettledWindow {
  readonly window: BudgetWindow
  /** Thresholds that this settlement crossed and no earlier one had, in rising order. */
  readonly crossed: readonly number[]
  /** By how much this settlement raised the excess. */
  readonly overrun: Picos
}

export interface Settlement {
  /**
   * `corrected`: the hold had been counted as spent. `repeated`: it was closed before, and nothing was changed; then the
   * windows are those that it told something of, as they stand now.
   */
  readonly state: 'settled' | 'corrected' | 'repeated'
  readonly windows: readonly SettledWindow[]
}

/** A window or hold whose books do not add up. */
export interface Discrepancy {
  /** What is wrong, for people. */
  readonly message: string
  readonly details: Readonly<Record<string, string>>
}

/** What a proof of the books found. */
export interface Verification {
  readonly windows: number
  readonly holds: number
  readonly openHolds: number
  readonly entries: number
  /** Empty where everything adds up. */
  readonly discrepancies: readonly Discrepancy[]
}

/** Who is asked about: budgets and windows with these scopes and ids, all of them where it is empty. */
export type BudgetFilter = Scopes

/**
 * Budgets, and the money that is held against them: in the same database as the entries, so that a settlement and its
 * entry are one transaction. Three stores pass one contract. Every method that changes something is durable when it
 * resolves, and may be repeated when it rejects with `store_failed`.
 */
export interface BudgetStore {
  /**
   * Sets a budget, or changes the one with the same scope, id and period: the current windows get the new limit, and
   * what they have spent stays.
   */
  set(budget: Budget): Promise<void>
  /** Every budget, ordered by scope, id and period. */
  list(): Promise<readonly Budget[]>
  /** Whether there was one. What was spent is kept, and counts again if the budget is set again. */
  remove(budget: Pick<Budget, 'scope' | 'id' | 'period'>): Promise<boolean>
  /** The budgets that concern a call: for each scope and period its id's own, or else that of `'*'`. */
  applicable(scopes: Scopes): Promise<readonly Budget[]>
  /**
   * Holds an amount in every window that concerns the call, or in none. Holds that expired are assumed first, where
   * that was not done for half a minute. @throws AIError `request_invalid` for the id of a hold that was made for
   * something else, or was settled or released.
   */
  reserve(request: HoldRequest): Promise<Reservation>
  /**
   * Closes a hold with the attempt's entry, in one transaction: its cost counts as spent in the windows that held it, an
   * unknown cost as nothing. A hold that was assumed is corrected; there an unknown cost leaves what was assumed. Without
   * such a hold only the entry is written. @throws AIError `request_invalid` for the entry of another attempt
   */
  settle(holdId: string, entry: LedgerEntry): Promise<Settlement>
  /** Gives an open hold back, for an attempt of which it is certain that nothing was sent. */
  release(holdId: string): Promise<void>
  /** Counts holds whose time is over as spent in full; returns how many. Happens by itself with `reserve`. */
  assume(): Promise<number>
  /**
   * The current windows of the budgets that concern these ids, also of those that were never used (all zero; budgets per
   * call have none). Without ids: every current window that was used.
   */
  windows(filter?: BudgetFilter): Promise<readonly BudgetWindow[]>
  /** Works out every window from holds and entries, and says what does not add up. */
  verify(): Promise<Verification>
}

/** A ledger that can hold budgets: all three of groat's own can. */
export interface BudgetLedger extends Ledger {
  readonly budgets: BudgetStore
  /** Makes anew what is derived from the entries, where anything is: `budgets.verify` says whether that is needed. */
  rebuild?(): Promise<void>
}

export function hasBudgets(ledger: Ledger): ledger is BudgetLedger {
  return typeof (ledger as Partial<BudgetLedger>).budgets?.reserve === 'function'
}
