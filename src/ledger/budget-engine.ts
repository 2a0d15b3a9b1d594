import { LIMIT_PICOS_MAX } from '../budget/check-budget.ts'
import { windowAt } from '../budget/periods.ts'
import { BUDGET_SCOPES, type Budget } from '../core/budget.ts'
import { AIError } from '../core/errors.ts'
import { add, subtract, ZERO, type Picos } from '../money/picos.ts'
import { assumptionOf, correctionOf } from './assumption.ts'
import type { BudgetRow, BudgetRows, HoldBalance, HoldState, Told, WindowRow } from './budget-rows.ts'
import type {
  BudgetFilter,
  BudgetWindow,
  HoldRequest,
  Reservation,
  Scopes,
  SettledWindow,
  Settlement,
} from './budget-store.ts'
import type { KeptEntry } from './entry.ts'
import {
  BUDGETS_MAX,
  checkHold,
  checkScopes,
  chooseBudgets,
  compareBudgets,
  compareWindows,
  crossedBetween,
  excessFor,
  fits,
  holdTaken,
  invalid,
  levelOf,
  SWEEP_HOLDS_MAX,
  SWEEP_MS,
  windowOfCall,
  type CheckedHold,
} from './windows.ts'

/** One window that a call is counted in: there already, to be opened, or the call itself. */
interface Place {
  readonly budget: Budget
  /** Undefined for a budget per call. */
  row: WindowRow | NewWindow | undefined
  /** Only for a budget per call. */
  readonly call: BudgetWindow | undefined
  /** Whether it counts and does not refuse. */
  readonly observed: boolean
  readonly fits: boolean
}

type NewWindow = Omit<WindowRow, 'rowId'>

/**
 * The rules of budgets (`budget-store.ts` says them) over any store that answers at once. Each method is one
 * transaction: it decides before it writes, and what it throws leaves nothing behind where the store undoes it.
 */
export class BudgetEngine {
  readonly #rows: BudgetRows
  #sweptAt = -Infinity

  constructor(rows: BudgetRows) {
    this.#rows = rows
  }

  set(budget: Budget): void {
    const rows = this.#rows
    const found = rows.budgetNamed(budget)
    if (found === undefined && rows.budgetCount() >= BUDGETS_MAX) {
      const message = `This ledger has ${BUDGETS_MAX} budgets. Use one for '*' in place of many alike`
      throw new AIError({ code: 'store_failed', message, retryable: false })
    }
    const { rowId } = rows.saveBudget(budget, true)
    if (found === undefined) return
    const limit = budget.limit?.picos ?? null
    for (const window of rows.windowsOf(rowId, rows.now())) {
      const level = levelOf(window.settled, limit, budget.thresholds)
      // Above a raised limit the thresholds are new ones, and are told of again.
      const fired = window.limit === limit ? window.fired : Math.min(window.fired, level)
      rows.saveWindow({ ...window, limit, excess: excessFor({ ...window, limit }), fired })
    }
  }

  list(): Budget[] {
    return this.#rows
      .activeBudgets()
      .map(({ budget }) => budget)
      .toSorted(compareBudgets)
  }

  remove(name: Pick<Budget, 'scope' | 'id' | 'period'>): boolean {
    const found = this.#rows.budgetNamed(name)
    if (found?.active !== true) return false
    this.#rows.saveBudget(found.budget, false)
    return true
  }

  applicable(scopes: Scopes): Budget[] {
    return this.#applicable(checkScopes(scopes)).map(({ budget }) => budget)
  }

  #applicable(scopes: Scopes): BudgetRow[] {
    const found = BUDGET_SCOPES.flatMap((scope) => {
      const id = scopes[scope]
      return id === undefined ? [] : this.#rows.budgetsFor(scope, id)
    })
    return chooseBudgets(found, ({ budget }) => budget)
  }

  reserve(request: HoldRequest): Reservation {
    const rows = this.#rows
    const checked = checkHold(request)
    const now = rows.now()
    if (Math.abs(now - this.#sweptAt) >= SWEEP_MS) this.assume()
    const known = rows.hold(checked.id)
    if (known !== undefined) return this.#replay(known, checked)
    const budgets = this.#applicable(checked.scopes)
    if (budgets.length === 0) return { status: 'unlimited' }
    const places = budgets.map((row) => this.#placeOf(row, checked, now))
    const refusing = places.find((place) => !place.fits && !place.observed)
    if (refusing !== undefined) {
      const windows = places.map(windowOf)
      return { status: 'refused', refused: windows[places.indexOf(refusing)] ?? windowOf(refusing), windows }
    }
    return this.#hold(checked, places, now)
  }

  #placeOf({ rowId, budget }: BudgetRow, request: CheckedHold, now: number): Place {
    const id = request.scopes[budget.scope] ?? ''
    const observed = budget.mode === 'observe' || request.mode === 'observe'
    const { amount, callSpent } = request
    if (budget.period === 'call') {
      const call = windowOfCall(budget, id, callSpent)
      return { budget, row: undefined, call, observed, fits: fits(call, amount) }
    }
    const row = this.#windowFor(rowId, budget, id, now)
    return { budget, row, call: undefined, observed, fits: fits(row, amount) }
  }

  /** The window that an id is counted in now; one to be opened where there is none yet. */
  #windowFor(budgetId: number, budget: Budget, id: string, now: number): WindowRow | NewWindow {
    const newest = this.#rows.newestWindow(budgetId, id)
    // One that is open stays until its end: neither a clock that is put back nor another time zone opens one beside it.
    if (newest !== undefined && (newest.endsAt === null || newest.endsAt > now)) return newest
    const period = windowAt(budget.period, budget.timeZone, now)
    const startsAt = Math.max(period.startsAt, newest?.endsAt ?? 0)
    const counters = { settled: ZERO, reserved: ZERO, excess: ZERO, fired: 0 }
    return { budgetId, id, ...period, startsAt, limit: budget.limit?.picos ?? null, ...counters }
  }

  #hold(request: CheckedHold, places: Place[], now: number): Reservation {
    const rows = this.#rows
    const { id, callId, fingerprint, amount, provider, model, attribution, ttlMs } = request
    const stored: { readonly place: Place; readonly row: WindowRow }[] = []
    for (const { row, budget } of places) {
      if (row !== undefined && row.settled + row.reserved + amount > LIMIT_PICOS_MAX)
        throw countedOut(budget, row.id)
    }
    for (const place of places) {
      const { row } = place
      if (row !== undefined) stored.push({ place, row: 'rowId' in row ? row : rows.addWindow(row) })
    }
    // In ascending order, as in every path of every store: then no two can wait for each other.
    stored.sort((a, b) => a.row.rowId - b.row.rowId)
    const windows = stored.map(({ row }) => row.rowId)
    const hold = { id, callId, fingerprint, amount, provider, model, attribution, windows, createdAt: now }
    rows.addHold({ ...hold, state: 'open', actual: null, told: [], expiresAt: now + Math.ceil(ttlMs) })
    for (const { place, row } of stored) {
      const excess = excessFor(row, amount)
      if (!rows.reserve(row.rowId, amount, excess, place.observed)) throw new Error('The room was gone')
      place.row = { ...row, reserved: add(row.reserved, amount), excess }
    }
    const told = places.map(windowOf)
    const over = told.filter((_, index) => places[index]?.fits === false)
    return { status: 'held', replay: false, windows: told, over }
  }

  #replay(hold: HoldBalance, request: CheckedHold): Reservation {
    if (hold.fingerprint !== request.fingerprint) throw holdTaken(hold.id, 'other')
    // One that was counted as spent still has its money: whoever asks again may send, and settling corrects it.
    if (hold.state !== 'open' && hold.state !== 'assumed') throw holdTaken(hold.id, 'closed')
    const windows = hold.windows.flatMap((rowId) => {
      const row = this.#rows.windowRow(rowId)
      const budget = row && this.#rows.budgetAt(row.budgetId)?.budget
      return row === undefined || budget === undefined ? [] : [toWindow(row, budget)]
    })
    const over = windows.filter((window) => !fits(window, ZERO))
    return { status: 'held', replay: true, windows: windows.toSorted(compareWindows), over }
  }

  settle(holdId: string, kept: KeptEntry): Settlement {
    const rows = this.#rows
    const { entry } = kept
    if (entry.attemptId !== holdId) throw invalid('A hold is settled with the entry of its own attempt')
    const hold = rows.hold(holdId)
    if (hold === undefined) return { state: rows.addEntry(kept) ? 'settled' : 'repeated', windows: [] }
    if (hold.state !== 'open' && hold.state !== 'assumed') return this.#repeated(hold)
    const told = entry.cost.amount?.picos
    if (told !== undefined && told < 0n) throw invalid('What an attempt cost is not below zero')
    if (hold.state === 'assumed') return this.#correct(hold, kept, told ?? hold.amount)
    // The books may have the entry already: then its cost is what counts.
    const spent = (rows.addEntry(kept) ? told : rows.entryCost(entry.id)) ?? ZERO
    return { state: 'settled', windows: this.#close(hold, 'settled', spent) }
  }

  #correct(hold: HoldBalance, kept: KeptEntry, spent: Picos): Settlement {
    this.#rows.addEntry(correctionOf(kept, hold))
    return { state: 'corrected', windows: this.#close(hold, 'corrected', spent) }
  }

  /** What the first settlement told of, for its acknowledgement may have been lost. */
  #repeated({ told }: HoldBalance): Settlement {
    const windows = told.flatMap(({ window: rowId, crossed, overrun }) => {
      const row = this.#rows.windowRow(rowId)
      const budget = row && this.#rows.budgetAt(row.budgetId)?.budget
      return budget ? [{ window: toWindow(row, budget), crossed, overrun }] : []
    })
    return { state: 'repeated', windows: windows.toSorted(bySettledWindow) }
  }

  /**
   * Ends a hold: what it holds is no longer reserved, and what it comes to is settled, as far as that was not assumed
   * before. Nobody hears of one that is released or assumed: thresholds that it crosses are left to the next settlement.
   */
  #close(hold: HoldBalance, state: Exclude<HoldState, 'open'>, actual: Picos): SettledWindow[] {
    const rows = this.#rows
    const isHeard = state === 'settled' || state === 'corrected'
    const unheld = subtract(actual, hold.amount)
    const [reserved, settled] = hold.state === 'assumed' ? [ZERO, unheld] : [hold.amount, actual]
    const told: Told[] = []
    const windows = hold.windows.flatMap((rowId): SettledWindow[] => {
      const before = rows.windowRow(rowId)
      const budget = before && rows.budgetAt(before.budgetId)?.budget
      if (before === undefined || budget === undefined) return []
      const overrun = before.limit !== null && unheld > 0n ? unheld : ZERO
      const after: WindowRow = {
        ...before,
        reserved: subtract(before.reserved, reserved),
        settled: add(before.settled, settled),
        excess: add(before.excess, overrun),
      }
      const level = levelOf(after.settled, after.limit, budget.thresholds)
      const crossed = crossedBetween(after.fired, level, budget.thresholds)
      rows.saveWindow(level > after.fired && isHeard ? { ...after, fired: level } : after)
      if (isHeard && (crossed.length > 0 || overrun > 0n)) told.push({ window: rowId, crossed, overrun })
      return [{ window: toWindow(after, budget), crossed, overrun }]
    })
    rows.closeHold(hold.id, hold.state, { state, actual, told, at: rows.now() })
    return windows.toSorted(bySettledWindow)
  }

  release(holdId: string): void {
    const hold = this.#rows.hold(holdId)
    if (hold?.state === 'open') this.#close(hold, 'released', ZERO)
  }

  /** Counts up to `SWEEP_HOLDS_MAX` expired holds as spent; returns how many there were. */
  assume(): number {
    const rows = this.#rows
    const now = rows.now()
    const expired = rows.expiredHolds(now, SWEEP_HOLDS_MAX)
    // What is left over is found the next time, and not half a minute later.
    this.#sweptAt = expired.length < SWEEP_HOLDS_MAX ? now : -Infinity
    for (const hold of expired) {
      rows.addEntry(assumptionOf(hold, now))
      this.#close(hold, 'assumed', hold.amount)
    }
    return expired.length
  }

  windows(filter: BudgetFilter = {}): BudgetWindow[] {
    const rows = this.#rows
    const now = rows.now()
    const scopes = checkScopes(filter)
    const asked = BUDGET_SCOPES.filter((scope) => scopes[scope] !== undefined)
    if (asked.length === 0) {
      return rows
        .activeBudgets()
        .flatMap(({ rowId, budget }) => rows.windowsOf(rowId, now).map((row) => toWindow(row, budget)))
        .toSorted(compareWindows)
    }
    return this.#applicable(scopes)
      .filter(({ budget }) => budget.period !== 'call')
      .map(({ rowId, budget }) =>
        toWindow(this.#windowFor(rowId, budget, scopes[budget.scope] ?? '', now), budget),
      )
      .toSorted(compareWindows)
  }
}

function bySettledWindow(a: SettledWindow, b: SettledWindow): number {
  return compareWindows(a.window, b.window)
}

/** A window as it is told of. */
export function toWindow(row: NewWindow, budget: Budget): BudgetWindow {
  const { id, startsAt, endsAt, limit, settled, reserved, excess } = row
  return { budget, id, startsAt, endsAt, limit, settled, reserved, excess }
}

function windowOf({ budget, row, call }: Place): BudgetWindow {
  if (row !== undefined) return toWindow(row, budget)
  return call ?? windowOfCall(budget, '', ZERO)
}

function countedOut(budget: Budget, id: string): AIError {
  const message =
    `The ${budget.period} of ${budget.scope} ${JSON.stringify(id.slice(0, 64))} has counted nine million dollars, and ` +
    `counters end there. Use a shorter period, or a ledger in PostgreSQL`
  return new AIError({ code: 'store_failed', message, retryable: false })
}
