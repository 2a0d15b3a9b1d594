import { AIError } from '../../core/errors.ts'
import { systemRuntime, type Runtime } from '../../runtime.ts'
import type { BudgetLedger } from '../budget-store.ts'
import { keepEntry } from '../entry.ts'
import type { Dimension, LedgerEntry, LedgerFilter, LedgerTotal } from '../ledger.ts'
import { checkDimensions, checkFilter, sortTotals } from '../query.ts'
import { SqliteBudgets } from './budgets.ts'
import { storeFailed } from './errors.ts'
import { openFile, type LedgerFile, type Synchronous } from './file.ts'
import { GroupCommit } from './group-commit.ts'
import { whenFree } from './locks.ts'
import { createQueries, type Queries } from './queries.ts'
import {
  forgetRollup,
  isRolledUp,
  ROLLUP_ENTRIES_MIN,
  rollUp,
  rollupProgress,
  rollupTotals,
} from './rollup.ts'
import { decodeEntry, encodeEntry, INSERT_ENTRY } from './rows.ts'
import { Statements } from './statements.ts'

/** How long a write waits for another process's lock by default, in milliseconds. */
export const LOCK_WAIT_MS = 30_000
/** Entries that are read at once. */
const PAGE_ENTRIES = 512

export interface SqliteLedgerOptions {
  /** The file; it and its folder are made where they are missing. */
  readonly path: string
  /**
   * `FULL` flushes to the disk before an append resolves. `NORMAL` survives a crash of the process, but the last
   * entries may be lost when the power fails. @default 'FULL'
   */
  readonly synchronous?: Synchronous | undefined
  /** How long to wait for another process that holds the file, in milliseconds. @default 30,000 */
  readonly lockWaitMs?: number | undefined
  /** Entries from which on totals come from sums by hour that are kept beside them. @default 10,000 */
  readonly rollupEntriesMin?: number | undefined
}

/**
 * Opens a ledger in a SQLite file, for one or several processes on one machine.
 *
 * @throws AIError `store_failed` for a file that cannot be used, with what to do; `config_invalid` for the options
 */
export async function openSqliteLedger(
  options: SqliteLedgerOptions,
  runtime: Runtime = systemRuntime,
): Promise<BudgetLedger> {
  const {
    path,
    synchronous = 'FULL',
    lockWaitMs = LOCK_WAIT_MS,
    rollupEntriesMin = ROLLUP_ENTRIES_MIN,
  } = options
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw misconfigured('path', "a file's path")
  }
  if (synchronous !== 'FULL' && synchronous !== 'NORMAL') {
    throw misconfigured('synchronous', "'FULL' or 'NORMAL'")
  }
  if (!Number.isFinite(lockWaitMs) || lockWaitMs < 0) {
    throw misconfigured('lockWaitMs', 'a number of milliseconds, zero or more')
  }
  if (!(rollupEntriesMin >= 0)) {
    throw misconfigured('rollupEntriesMin', 'a number of entries, zero or more')
  }
  const file = await openFile({ path, synchronous, lockWaitMs }, runtime)
  const ledger = new SqliteLedger(file, { lockWaitMs, rollupEntriesMin }, runtime)
  try {
    await ledger.budgets.sweep()
    return ledger
  } catch (error) {
    await ledger.close()
    throw error
  }
}

/** Whether an index leads to the entries of a filter; by provider, model and tag there is none, for they tell too few apart. */
function isIndexed({ provider: _provider, model: _model, tag: _tag, ...others }: LedgerFilter): boolean {
  return Object.keys(others).length > 0
}

function misconfigured(name: string, what: string): AIError {
  return new AIError({ code: 'config_invalid', message: `The SQLite ledger's '${name}' is ${what}` })
}

class SqliteLedger implements BudgetLedger {
  readonly budgets: SqliteBudgets
  readonly #file: LedgerFile
  readonly #lockWaitMs: number
  readonly #rollupEntriesMin: number
  readonly #runtime: Runtime
  readonly #commits: GroupCommit
  readonly #statements: Statements
  #queries: Promise<Queries> | undefined
  #closing: Promise<void> | undefined

  constructor(
    file: LedgerFile,
    { lockWaitMs, rollupEntriesMin }: { readonly lockWaitMs: number; readonly rollupEntriesMin: number },
    runtime: Runtime,
  ) {
    this.#file = file
    this.#lockWaitMs = lockWaitMs
    this.#rollupEntriesMin = rollupEntriesMin
    this.#runtime = runtime
    this.#commits = new GroupCommit(file, lockWaitMs, runtime)
    this.#statements = new Statements(file.database)
    this.budgets = new SqliteBudgets({
      statements: this.#statements,
      commits: this.#commits,
      clock: runtime.clock,
      read: (question) => this.#whenFree(question),
      connect: () => {
        file.checkPlace()
        return file.connect()
      },
      checkOpen: () => this.#checkOpen(),
    })
  }

  append(entry: LedgerEntry): Promise<void> {
    try {
      this.#checkOpen()
      const values = encodeEntry(keepEntry(entry))
      return this.#commits.run(() => {
        this.#statements.run(INSERT_ENTRY, ...values)
      })
    } catch (error) {
      return Promise.reject(storeFailed(this.#file.path, error))
    }
  }

  async *entries(filter?: LedgerFilter): AsyncIterable<LedgerEntry> {
    const checked = checkFilter(filter)
    const through = await this.#ask((queries) => queries.newest())
    if (isIndexed(checked)) {
      // Indices are in the order of time, and entries come in that of writing.
      const numbers = await this.#ask((queries) => queries.numbers(checked, through))
      for (let start = 0; start < numbers.length; start += PAGE_ENTRIES) {
        const page = numbers.slice(start, start + PAGE_ENTRIES)
        for (const row of await this.#ask((queries) => queries.rows(page))) yield decodeEntry(row)
      }
      return
    }
    let after = 0n
    while (after < through) {
      // Pages and no open cursor: a reader that pauses would keep the write-ahead log from ever being emptied.
      const start = after
      const rows = await this.#ask((queries) => queries.page(checked, start, through, PAGE_ENTRIES))
      for (const row of rows) yield decodeEntry(row)
      after = rows.length < PAGE_ENTRIES ? through : (rows.at(-1)?.seq ?? through)
    }
  }

  async totals(
    query: LedgerFilter & { readonly by?: readonly Dimension[] } = {},
  ): Promise<readonly LedgerTotal[]> {
    const filter = checkFilter(query, ['by'])
    const by = checkDimensions(query.by)
    if (isRolledUp(by, filter) && (await this.#rollUp())) {
      return sortTotals(await this.#whenFree(() => rollupTotals(this.#statements, by, filter)), by)
    }
    return sortTotals(await this.#ask((queries) => queries.totals(by, filter)), by)
  }

  /** Brings the rollup up to date; false where it is not worth it, or cannot be written. */
  async #rollUp(): Promise<boolean> {
    const { rolled, newest } = await this.#whenFree(() => rollupProgress(this.#statements))
    if (newest < this.#rollupEntriesMin) return false
    try {
      // In small steps, so that calls can be booked in between.
      for (let more = rolled < newest; more;) {
        more = await this.#commits.run(() => rollUp(this.#statements), 'several')
      }
      return true
    } catch {
      // A full disk, or a file that may only be read: the entries themselves have the answer.
      return false
    }
  }

  async rebuild(): Promise<void> {
    this.#checkOpen()
    await this.#commits.run(() => forgetRollup(this.#statements), 'several')
    await this.#rollUp()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#commits.idle()
    try {
      this.#file.database.close()
    } catch (error) {
      throw storeFailed(this.#file.path, error)
    }
  }

  #ask<T>(question: (queries: Queries) => Promise<T>): Promise<T> {
    return this.#whenFree(async () => {
      this.#queries ??= createQueries(this.#file.database)
      const queries = await this.#queries
      this.#checkOpen()
      return question(queries)
    })
  }

  async #whenFree<T>(question: () => T | Promise<T>): Promise<T> {
    this.#checkOpen()
    try {
      const ask = (): T | Promise<T> => {
        this.#checkOpen()
        return question()
      }
      return await whenFree(ask, this.#lockWaitMs, this.#runtime)
    } catch (error) {
      throw storeFailed(this.#file.path, error)
    }
  }

  #checkOpen(): void {
    if (this.#closing === undefined) return
    const message = `The ledger ${this.#file.path} is closed. Open it again, or close it only after the last call.`
    throw new AIError({ code: 'store_failed', message, retryable: false })
  }
}
