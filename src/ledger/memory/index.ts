import { AIError } from '../../core/errors.ts'
import type { Picos } from '../../money/picos.ts'
import { systemRuntime, type Runtime } from '../../runtime.ts'
import type { BudgetLedger, BudgetStore } from '../budget-store.ts'
import { keepEntry, restoreEntry, type KeptEntry } from '../entry.ts'
import type { Dimension, LedgerEntry, LedgerFilter, LedgerTotal } from '../ledger.ts'
import { checkDimensions, checkFilter, matches, sortTotals } from '../query.ts'
import { emptyTotal, foldTotals } from '../totals.ts'
import { MEMORY_HOLDS_MAX, MEMORY_WINDOWS_MAX, type MemoryBounds } from './budget-rows.ts'
import { MemoryBudgets, type MemoryBooks } from './budgets.ts'
import { Rollup } from './rollup.ts'

/** Newest entries that a memory ledger keeps by default: some 15 MB. */
export const MEMORY_ENTRIES_MAX = 10_000
/** Different combinations of labels and day that a memory ledger keeps totals of by default: some 30 MB at most. */
export const MEMORY_CELLS_MAX = 50_000

export interface MemoryLedgerOptions {
  /** Newest entries to keep. @default 10,000 */
  readonly entriesMax?: number | undefined
  /** Combinations of user, project, organization, key, provider, model and day to keep totals of. @default 50,000 */
  readonly cellsMax?: number | undefined
  /** Windows of budgets to keep; more at once are refused. @default 50,000 */
  readonly windowsMax?: number | undefined
  /** Holds to keep; more that are open at once are refused. @default 50,000 */
  readonly holdsMax?: number | undefined
}

const DONE = Promise.resolve()

/**
 * A ledger in the memory of the process, bounded. The newest entries are kept one by one; totals stay exact for ever,
 * from rollups by labels and day. Beyond `cellsMax` combinations older days are folded together, and at last labels:
 * a question that then has no exact answer is refused with `store_failed`, never answered wrongly. An entry that is
 * appended again after it was dropped counts again. Budgets are exact as long as the process lives.
 *
 * @throws AIError `config_invalid`
 */
export function createMemoryLedger(
  options: MemoryLedgerOptions = {},
  runtime: Pick<Runtime, 'clock'> = systemRuntime,
): BudgetLedger {
  const entriesMax = checkMax(options.entriesMax ?? MEMORY_ENTRIES_MAX, 'entriesMax')
  const cellsMax = checkMax(options.cellsMax ?? MEMORY_CELLS_MAX, 'cellsMax')
  const windowsMax = checkMax(options.windowsMax ?? MEMORY_WINDOWS_MAX, 'windowsMax')
  const holdsMax = checkMax(options.holdsMax ?? MEMORY_HOLDS_MAX, 'holdsMax')
  return new MemoryLedger({ entriesMax, cellsMax, windowsMax, holdsMax }, () => runtime.clock.now())
}

interface Bounds extends MemoryBounds {
  readonly entriesMax: number
  readonly cellsMax: number
}

class MemoryLedger implements BudgetLedger {
  readonly budgets: BudgetStore
  readonly #entriesMax: number
  /** A ring: the entry with number n is at n modulo the most entries. */
  readonly #ring: KeptEntry[] = []
  readonly #ids = new Set<string>()
  readonly #rollup: Rollup
  /** Number of entries ever written, and so the number of the next. */
  #written = 0
  #droppedFrom = Infinity
  #droppedTo = -Infinity
  #closed = false

  constructor(bounds: Bounds, now: () => number) {
    this.#entriesMax = bounds.entriesMax
    this.#rollup = new Rollup(bounds.cellsMax)
    const books: MemoryBooks = {
      checkOpen: () => this.#checkOpen(),
      add: (kept) => this.#add(kept),
      costOf: (id) => this.#costOf(id),
      costs: () => new Map(this.#ring.map(({ entry }) => [entry.id, entry.cost.amount?.picos])),
    }
    this.budgets = new MemoryBudgets(now, books, bounds)
  }

  append(entry: LedgerEntry): Promise<void> {
    try {
      this.#checkOpen()
      this.#add(keepEntry(entry))
      return DONE
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Writes an entry; false where its id is there already. */
  #add(kept: KeptEntry): boolean {
    const { id } = kept.entry
    if (this.#ids.has(id)) return false
    const place = this.#written % this.#entriesMax
    const dropped = this.#ring[place]
    this.#ring[place] = kept
    this.#written++
    this.#ids.add(id)
    // Before the old entry goes: both may be of one call.
    this.#rollup.add(kept.entry)
    if (dropped !== undefined) this.#drop(dropped.entry)
    return true
  }

  #costOf(id: string): Picos | undefined {
    return this.#ring.find(({ entry }) => entry.id === id)?.entry.cost.amount?.picos
  }

  #drop(entry: LedgerEntry): void {
    this.#ids.delete(entry.id)
    this.#rollup.forget(entry)
    this.#droppedFrom = Math.min(this.#droppedFrom, entry.at)
    this.#droppedTo = Math.max(this.#droppedTo, entry.at)
  }

  async *entries(filter?: LedgerFilter): AsyncIterable<LedgerEntry> {
    this.#checkOpen()
    const checked = checkFilter(filter)
    for (const kept of this.#kept()) {
      this.#checkOpen()
      if (matches(kept.entry, checked)) yield restoreEntry(kept)
    }
  }

  async totals(
    query: LedgerFilter & { readonly by?: readonly Dimension[] } = {},
  ): Promise<readonly LedgerTotal[]> {
    this.#checkOpen()
    const filter = checkFilter(query, ['by'])
    const by = checkDimensions(query.by)
    const totals = this.#rollup.totals(by, filter) ?? this.#totalsOfEntries(by, filter)
    if (totals.length === 0 && by.length === 0) return [emptyTotal()]
    return sortTotals(totals, by)
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #totalsOfEntries(by: readonly Dimension[], filter: LedgerFilter): LedgerTotal[] {
    if (!this.#hasAll(filter)) {
      const message =
        `This memory ledger keeps only its newest ${this.#entriesMax} entries and has folded older detail, so it has ` +
        `no exact answer. Ask for whole days in UTC or by fewer dimensions, or keep a ledger in a file: 'sqlite:PATH'.`
      throw new AIError({ code: 'store_failed', message, retryable: false })
    }
    const entries = [...this.#kept()].map((kept) => kept.entry)
    return foldTotals(
      entries.filter((entry) => matches(entry, filter)),
      by,
    )
  }

  /** Whether no dropped entry can pass the filter. */
  #hasAll({ from, to, callId }: LedgerFilter): boolean {
    if (callId !== undefined && this.#rollup.isWhole(callId)) return true
    return (from ?? -Infinity) > this.#droppedTo || (to ?? Infinity) <= this.#droppedFrom
  }

  /** What is kept and was written before now, in order; what is dropped meanwhile is left out. */
  *#kept(): Generator<KeptEntry> {
    const end = this.#written
    for (let number = 0; number < end; number++) {
      number = Math.max(number, this.#written - this.#entriesMax)
      const kept = number < end ? this.#ring[number % this.#entriesMax] : undefined
      if (kept !== undefined) yield kept
    }
  }

  #checkOpen(): void {
    if (!this.#closed) return
    const message = 'The ledger is closed. Open it again, or close it only after the last call.'
    throw new AIError({ code: 'store_failed', message, retryable: false })
  }
}

function checkMax(value: number, name: string): number {
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new AIError({ code: 'config_invalid', message: `'${name}' is a whole number above zero` })
}
