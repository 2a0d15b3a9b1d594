import type { DatabaseSync } from 'node:sqlite'
import type { Budget } from '../../core/budget.ts'
import type { Clock } from '../../runtime.ts'
import { BudgetEngine } from '../budget-engine.ts'
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
import { keepEntry } from '../entry.ts'
import type { LedgerEntry } from '../ledger.ts'
import { SWEEP_HOLDS_MAX } from '../windows.ts'
import { SqliteRows } from './budget-rows.ts'
import type { GroupCommit } from './group-commit.ts'
import { proveBooks } from './proof.ts'
import type { Statements } from './statements.ts'

/** What the ledger of the file lends to its budgets. */
export interface SqliteBooks {
  readonly statements: Statements
  readonly commits: GroupCommit
  readonly clock: Clock
  /** Reads, and waits where another process is in the way. @throws AIError `store_failed` */
  read<T>(question: () => T | Promise<T>): Promise<T>
  /** Makes a connection that only reads. */
  connect(): DatabaseSync
  /** @throws AIError `store_failed` after the ledger was closed */
  checkOpen(): void
}

/** Budgets in a ledger file: each change is all or nothing within a transaction that it shares with its neighbours. */
export class SqliteBudgets implements BudgetStore {
  readonly #books: SqliteBooks
  readonly #rows: SqliteRows
  readonly #engine: BudgetEngine

  constructor(books: SqliteBooks) {
    this.#books = books
    this.#rows = new SqliteRows(books.statements, () => books.clock.now())
    this.#engine = new BudgetEngine(this.#rows)
  }

  set(budget: Budget): Promise<void> {
    return this.#write((engine) => engine.set(budget))
  }

  list(): Promise<readonly Budget[]> {
    return this.#read((engine) => engine.list())
  }

  remove(budget: Pick<Budget, 'scope' | 'id' | 'period'>): Promise<boolean> {
    return this.#write((engine) => engine.remove(budget))
  }

  applicable(scopes: Scopes): Promise<readonly Budget[]> {
    return this.#read((engine) => engine.applicable(scopes))
  }

  reserve(request: HoldRequest): Promise<Reservation> {
    return this.#write((engine) => engine.reserve(request))
  }

  settle(holdId: string, entry: LedgerEntry): Promise<Settlement> {
    try {
      this.#books.checkOpen()
      // Copied now: what is done to the entry while it waits changes nothing.
      const kept = keepEntry(entry)
      return this.#write((engine) => engine.settle(holdId, kept))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  release(holdId: string): Promise<void> {
    return this.#write((engine) => engine.release(holdId))
  }

  async assume(): Promise<number> {
    for (let assumed = 0; ;) {
      const more = await this.#write((engine) => engine.assume())
      assumed += more
      if (more < SWEEP_HOLDS_MAX) return assumed
    }
  }

  /** Counts what expired while nobody had the file open; writes nothing where nothing did. */
  async sweep(): Promise<void> {
    const isDue = await this.#read(() => this.#rows.expiredHolds(this.#rows.now(), 1).length > 0)
    if (isDue) await this.assume()
  }

  windows(filter?: BudgetFilter): Promise<readonly BudgetWindow[]> {
    return this.#read((engine) => engine.windows(filter))
  }

  verify(): Promise<Verification> {
    return this.#books.read(async () => {
      const database = this.#books.connect()
      try {
        return await proveBooks(database)
      } finally {
        database.close()
      }
    })
  }

  #write<T>(work: (engine: BudgetEngine) => T): Promise<T> {
    const { commits } = this.#books
    try {
      this.#books.checkOpen()
    } catch (error) {
      return Promise.reject(error)
    }
    return commits.run(() => {
      this.#rows.begin(commits.transaction)
      return work(this.#engine)
    }, 'several')
  }

  #read<T>(work: (engine: BudgetEngine) => T): Promise<T> {
    return this.#books.read(() => {
      this.#rows.look()
      return work(this.#engine)
    })
  }
}
