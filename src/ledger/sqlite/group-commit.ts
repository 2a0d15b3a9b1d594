import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { AIError, isAIError } from '../../core/errors.ts'
import type { Runtime } from '../../runtime.ts'
import { isBusy, storeFailed } from './errors.ts'
import { isOwnFault, type LedgerFile } from './file.ts'
import { pauseMs } from './locks.ts'

/** Most writes in one transaction: some 20 ms in which nothing else of the process runs. */
export const BATCH_MAX = 1_024
/** Most writes that wait for a transaction: more means that the disk cannot keep up. */
export const QUEUED_MAX = 65_536

/** Writes that wait, and who waits for them. */
interface Job {
  /** Does the work, and remembers what it gave. */
  readonly work: () => void
  readonly statements: 'one' | 'several'
  /** Tells it, once it is durable. */
  readonly resolve: () => void
  readonly reject: (error: AIError) => void
}

/** Puts the writes of one turn of the event loop into one transaction: durability costs one flush for all of them. */
export class GroupCommit {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #checkPlace: () => void
  readonly #lockWaitMs: number
  readonly #runtime: Runtime
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  /** Number of the transaction that is open, or was last: what is read in one holds until its end. */
  #transaction = 0
  #queue: Job[] = []
  #scheduled = false
  /** When the wait for another process's lock began, and how often it was tried. */
  #waiting: { readonly since: number; tries: number } | undefined
  #onIdle: (() => void)[] = []

  constructor(
    file: Pick<LedgerFile, 'database' | 'path' | 'checkPlace'>,
    lockWaitMs: number,
    runtime: Runtime,
  ) {
    this.#database = file.database
    this.#path = file.path
    this.#checkPlace = () => file.checkPlace()
    this.#lockWaitMs = lockWaitMs
    this.#runtime = runtime
    this.#begin = file.database.prepare('BEGIN IMMEDIATE')
    this.#commit = file.database.prepare('COMMIT')
  }

  get transaction(): number {
    return this.#transaction
  }

  /**
   * Does `work` in the next transaction; resolves with what it gave when that is durable, and rejects if it was not
   * written. Work of several statements says so: it may be done again, in the place of what was undone.
   */
  run<T>(work: () => T, statements: 'one' | 'several' = 'one'): Promise<T> {
    if (this.#queue.length >= QUEUED_MAX) {
      const message = `The ledger ${this.#path} has ${QUEUED_MAX} writes waiting. Make fewer calls at once, or use a faster disk.`
      return Promise.reject(new AIError({ code: 'store_failed', message }))
    }
    return new Promise((resolve, reject) => {
      let result: T
      this.#queue.push({
        work: () => {
          result = work()
        },
        statements,
        resolve: () => resolve(result),
        reject,
      })
      this.#schedule()
    })
  }

  /** Resolves when nothing waits. */
  idle(): Promise<void> {
    if (this.#queue.length === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onIdle.push(resolve)
    })
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // Not a microtask: those run after each single socket event, and every answer would get its own flush.
    setImmediate(() => this.#drain())
  }

  #drain(): void {
    this.#scheduled = false
    const batch = this.#queue.length <= BATCH_MAX ? this.#queue : this.#queue.slice(0, BATCH_MAX)
    try {
      const failed = this.#transact(batch)
      this.#remove(batch)
      for (const job of batch) {
        const error = failed?.get(job)
        if (error === undefined) job.resolve()
        else job.reject(storeFailed(this.#path, error))
      }
    } catch (error) {
      if (isBusy(error) && this.#waitForLock()) return
      this.#remove(batch)
      const failure = storeFailed(this.#path, error)
      for (const job of batch) job.reject(failure)
    }
    this.#waiting = undefined
    if (this.#queue.length > 0) this.#schedule()
    else for (const resolve of this.#onIdle.splice(0)) resolve()
  }

  #remove(batch: readonly Job[]): void {
    this.#queue = batch === this.#queue ? [] : this.#queue.slice(batch.length)
  }

  /** Writes a batch in one transaction. Returns the jobs whose own fault it was that they were not written. */
  #transact(batch: readonly Job[], apart = false): Map<Job, unknown> | undefined {
    let failed: Map<Job, unknown> | undefined
    this.#begin.run()
    this.#transaction++
    try {
      this.#checkPlace()
      for (const job of batch) {
        try {
          if (apart && job.statements === 'several') this.#atomically(job.work)
          else job.work()
        } catch (error) {
          // The statement is undone, and the transaction of its neighbours still stands.
          if (!isOwnFault(error) || !this.#database.isTransaction) throw error
          // What failed half-way left something behind. That is rare, so that savepoints, which are slow, come then only.
          if (!apart && job.statements === 'several' && !isAIError(error)) {
            this.#database.exec('ROLLBACK')
            return this.#transact(batch, true)
          }
          failed ??= new Map()
          failed.set(job, error)
        }
      }
      this.#commit.run()
      return failed
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  /** Does all of `work` or nothing of it. */
  #atomically(work: () => void): void {
    this.#database.exec('SAVEPOINT job')
    try {
      work()
    } catch (error) {
      // Some errors, such as a full disk, undo the whole transaction.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK TO job; RELEASE job')
      throw error
    }
    this.#database.exec('RELEASE job')
  }

  /** Tries again later, leaving the process free; false when it has waited long enough. */
  #waitForLock(): boolean {
    const { clock } = this.#runtime
    this.#waiting ??= { since: clock.elapsed(), tries: 0 }
    if (clock.elapsed() - this.#waiting.since >= this.#lockWaitMs) return false
    this.#scheduled = true
    clock.after(pauseMs(this.#waiting.tries++, this.#runtime), () => this.#drain())
    return true
  }
}
