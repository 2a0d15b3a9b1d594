import { AIError } from '../../core/errors.ts'
import { systemRuntime, type Runtime } from '../../runtime.ts'
import type { BudgetLedger, BudgetStore } from '../budget-store.ts'
import { keepEntry } from '../entry.ts'
import type { Dimension, LedgerEntry, LedgerFilter, LedgerTotal } from '../ledger.ts'
import { checkDimensions, checkFilter, sortTotals } from '../query.ts'
import { readAddress } from './address.ts'
import { Batches } from './batches.ts'
import { PostgresBudgets } from './budget-store.ts'
import { Database, loadPg, type Ask } from './connection.ts'
import { storeFailed } from './errors.ts'
import { migrate } from './migrations.ts'
import { newestOf, PAGE_ENTRIES, pageOf, totalsOf } from './queries.ts'
import { decodeEntry, encodeEntry } from './rows.ts'

/** How long one transaction may take by default, in milliseconds. */
export const WRITE_MS = 30_000
/** How long one question may take by default, in milliseconds. */
export const READ_MS = 300_000
/** How long is tried again by default while the server cannot be reached, in milliseconds. */
export const RETRY_MS = 30_000

export interface PostgresLedgerOptions {
  /** `postgres://user:password@host:port/database`, with `?schema=` and what else `pg` knows, such as `sslmode`. */
  readonly url: string
  /** The schema of the database that holds the ledger; it is made where it is missing. @default 'groat' */
  readonly schema?: string | undefined
  /** How long one transaction may take, in milliseconds. @default 30,000 */
  readonly writeMs?: number | undefined
  /** How long one question may take, in milliseconds. @default 300,000 */
  readonly readMs?: number | undefined
  /** How long is tried again while the server cannot be reached, in milliseconds. @default 30,000 */
  readonly retryMs?: number | undefined
}

/**
 * Opens a ledger in PostgreSQL, for any number of processes and machines.
 *
 * @throws AIError `config_invalid` for the options or where the package `pg` is missing; `store_failed` for a database
 *   that cannot be used, with what to do. Neither repeats the URL.
 */
export async function openPostgresLedger(
  options: PostgresLedgerOptions,
  runtime: Runtime = systemRuntime,
): Promise<BudgetLedger> {
  const { writeMs = WRITE_MS, readMs = READ_MS, retryMs = RETRY_MS } = options
  for (const [name, value] of Object.entries({ writeMs, readMs })) checkMs(name, value, 1)
  checkMs('retryMs', retryMs, 0)
  const address = readAddress(options.url, options.schema)
  const database = new Database(await loadPg(), address, { writeMs, readMs, retryMs }, runtime)
  try {
    await migrate(database)
  } catch (error) {
    await database.close()
    throw storeFailed(address.place, error)
  }
  return new PostgresLedger(database, retryMs, runtime)
}

function checkMs(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return
  const message = `The PostgreSQL ledger's '${name}' is a whole number of milliseconds, ${least} or more`
  throw new AIError({ code: 'config_invalid', message })
}

class PostgresLedger implements BudgetLedger {
  readonly budgets: BudgetStore
  readonly #database: Database
  readonly #batches: Batches
  #closing: Promise<void> | undefined

  constructor(database: Database, retryMs: number, runtime: Runtime) {
    this.#database = database
    this.#batches = new Batches(database, retryMs, runtime)
    this.budgets = new PostgresBudgets(database, this.#batches, () => this.#checkOpen())
  }

  async append(entry: LedgerEntry): Promise<void> {
    this.#checkOpen()
    await this.#batches.run({ kind: 'append', entry: encodeEntry(keepEntry(entry)) })
  }

  async *entries(filter?: LedgerFilter): AsyncIterable<LedgerEntry> {
    const checked = checkFilter(filter)
    const through = await this.#read(newestOf)
    let after = '0'
    for (;;) {
      // Pages and no open cursor: a reader that pauses would keep old rows of the whole database alive.
      const start = after
      const rows = await this.#read((ask) => pageOf(ask, checked, start, through))
      for (const row of rows) yield decodeEntry(row)
      if (rows.length < PAGE_ENTRIES) return
      after = rows.at(-1)?.seq ?? through
    }
  }

  async totals(
    query: LedgerFilter & { readonly by?: readonly Dimension[] } = {},
  ): Promise<readonly LedgerTotal[]> {
    const filter = checkFilter(query, ['by'])
    const by = checkDimensions(query.by)
    return sortTotals(await this.#read((ask) => totalsOf(ask, by, filter)), by)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#batches.idle()
    await this.#database.close()
  }

  async #read<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    this.#checkOpen()
    return this.#database.read(work)
  }

  #checkOpen(): void {
    if (this.#closing === undefined) return
    const message = `The ledger on PostgreSQL (${this.#database.place}) is closed. Open it again, or close it only after the last call.`
    throw new AIError({ code: 'store_failed', message, retryable: false })
  }
}
