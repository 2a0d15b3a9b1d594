import { AIError } from '../core/errors.ts'
import { hasBudgets, type Verification } from '../ledger/budget-store.ts'
import type { ExportOptions } from '../ledger/export.ts'
import type { Dimension, Ledger, LedgerEntry, LedgerFilter, LedgerTotal } from '../ledger/ledger.ts'
import type { SeriesPoint, SeriesQuery } from '../ledger/series.ts'

/** What was spent, on what and by whom: `ai.ledger`. */
export class Books {
  readonly #ledger: () => Promise<Ledger>

  constructor(ledger: () => Promise<Ledger>) {
    this.#ledger = ledger
  }

  /** Entries in order of writing. */
  async *entries(filter?: LedgerFilter): AsyncIterable<LedgerEntry> {
    yield* (await this.#ledger()).entries(filter)
  }

  /** Exact sums by any dimensions: `totals({ by: ['provider', 'model'], user: 'ada' })`. */
  async totals(
    query?: LedgerFilter & { readonly by?: readonly Dimension[] },
  ): Promise<readonly LedgerTotal[]> {
    return (await this.#ledger()).totals(query)
  }

  /** Exact sums over time: `series({ step: 'day', by: ['model'] })`. */
  async series(query: SeriesQuery): Promise<readonly SeriesPoint[]> {
    const { seriesOf } = await import('../ledger/series.ts')
    return seriesOf(await this.#ledger(), query)
  }

  /** Works out every budget's window again from holds and entries, and says what does not add up. */
  async verify(): Promise<Verification> {
    const ledger = await this.#ledger()
    if (hasBudgets(ledger)) return ledger.budgets.verify()
    const message =
      "Only a ledger that can hold budgets can be verified: 'memory:', 'sqlite:PATH' or 'postgres://…'"
    throw new AIError({ code: 'config_invalid', message, details: { key: 'ledger' } })
  }

  /** Makes the sums that are kept beside the entries anew from them; false where this ledger keeps none. */
  async rebuild(): Promise<boolean> {
    const ledger = await this.#ledger()
    if (!hasBudgets(ledger) || !ledger.rebuild) return false
    await ledger.rebuild()
    return true
  }

  /** The entries as CSV or JSON, piece by piece: `for await (const text of ai.ledger.export({ format: 'csv' }))`. */
  async *export(options: ExportOptions): AsyncIterable<string> {
    const { exportEntries } = await import('../ledger/export.ts')
    yield* exportEntries(await this.#ledger(), options)
  }
}
