import { AIError } from '../../core/errors.ts'
import type { Runtime } from '../../runtime.ts'
import type { Database } from './connection.ts'
import { isOwnFault, isPassing, storeFailed } from './errors.ts'

/** Most operations in one transaction. */
export const BATCH_MAX = 256
/** Most characters of JSON in one transaction, unless one operation alone has more. */
export const BATCH_CHARS_MAX = 4_000_000
/** Most operations that wait for a transaction: more means that the database cannot keep up. */
export const QUEUED_MAX = 65_536
/** Most expired holds that one transaction counts as spent. */
export const ASSUMED_MAX = 500

/** One thing to do in the next transaction. */
export interface Operation {
  readonly kind: 'append' | 'reserve' | 'settle' | 'release' | 'assume'
  /** The hold that it is about. */
  readonly id?: string
  readonly [field: string]: unknown
}

/** What the database says to a whole batch. */
export interface BatchAnswer {
  readonly answers: readonly unknown[]
  readonly assumed: number
  /** The windows that the answers refer to by number, from 1, and their budgets. */
  readonly windows: readonly unknown[]
  readonly budgets: readonly unknown[]
}

/** What it says to one operation. */
export interface Answer {
  readonly answer: unknown
  readonly batch: BatchAnswer
}

interface Job {
  readonly kind: Operation['kind']
  readonly id: string | undefined
  /** JSON without the brace it begins with: a number is put before it. */
  readonly json: string
  readonly sinceMs: number
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: AIError) => void
}

const WORK = 'SELECT groat.work($1::jsonb, $2::int) AS answer'

/**
 * Puts everything that is waiting into the next transaction, over one connection: a row that every call needs is then
 * locked and flushed once for all of them. All operations may be repeated, so that a cut connection is asked again.
 */
export class Batches {
  readonly #database: Database
  readonly #retryMs: number
  readonly #runtime: Pick<Runtime, 'clock'>
  #queue: Job[] = []
  #running: Promise<void> | undefined
  /** So many of the next operations go alone, to find the one that the database refuses. */
  #alone = 0

  constructor(database: Database, retryMs: number, runtime: Pick<Runtime, 'clock'>) {
    this.#database = database
    this.#retryMs = retryMs
    this.#runtime = runtime
  }

  /** Resolves when it is durable; rejects where it was not done, and may then be repeated. */
  run(operation: Operation): Promise<Answer> {
    if (this.#queue.length >= QUEUED_MAX) {
      const message =
        `The ledger on PostgreSQL (${this.#database.place}) has ${QUEUED_MAX} writes waiting. Make fewer calls at ` +
        `once, or use a faster database.`
      return Promise.reject(new AIError({ code: 'store_failed', message }))
    }
    const json = JSON.stringify(operation).slice(1)
    const sinceMs = this.#runtime.clock.elapsed()
    return new Promise((resolve, reject) => {
      this.#queue.push({ kind: operation.kind, id: operation.id, json, sinceMs, resolve, reject })
      this.#running ??= this.#drain()
    })
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running
  }

  async #drain(): Promise<void> {
    // Not a microtask: those run after each single socket event, and every answer would get its own flush.
    await new Promise((resolve) => setImmediate(resolve))
    let tries = 0
    while (this.#queue.length > 0) {
      const batch = this.#next()
      try {
        const answer = await this.#ask(batch)
        tries = 0
        this.#remove(batch.length)
        for (const [index, job] of batch.entries())
          job.resolve({ answer: answer.answers[index], batch: answer })
      } catch (error) {
        if (isPassing(error)) {
          this.#rejectOld(error)
          await this.#database.pause(tries++)
        } else if (isOwnFault(error) && batch.length > 1) {
          this.#alone = batch.length
        } else {
          this.#remove(batch.length)
          const failure = storeFailed(this.#database.place, error)
          for (const job of batch) job.reject(failure)
        }
      }
    }
    this.#running = undefined
  }

  /** What comes first, and after it what fits; never two operations on one hold, for they need each other's outcome. */
  #next(): readonly Job[] {
    if (this.#alone > 0) {
      this.#alone--
      return this.#queue.slice(0, 1)
    }
    const ids = new Set<string>()
    let chars = 0
    let count = 0
    for (const { id, json } of this.#queue) {
      chars += json.length
      if (count === BATCH_MAX || (count > 0 && chars > BATCH_CHARS_MAX)) break
      if (id !== undefined && ids.has(id)) break
      if (id !== undefined) ids.add(id)
      count++
    }
    return this.#queue.slice(0, count)
  }

  async #ask(batch: readonly Job[]): Promise<BatchAnswer> {
    const assumes = batch.some(({ kind }) => kind === 'reserve' || kind === 'assume')
    const json = `[${batch.map((job, index) => `{"n":${index},${job.json}`).join()}]`
    const [row] = await this.#database.write((ask) => ask(WORK, [json, assumes ? ASSUMED_MAX : 0]))
    return JSON.parse(row?.['answer'] ?? '') as BatchAnswer
  }

  #remove(count: number): void {
    this.#queue = this.#queue.slice(count)
  }

  /** Gives up on what has waited long enough for the database to come back. */
  #rejectOld(error: unknown): void {
    const now = this.#runtime.clock.elapsed()
    const isOld = ({ sinceMs }: Job): boolean => now - sinceMs >= this.#retryMs
    const old = this.#queue.filter(isOld)
    if (old.length === 0) return
    this.#queue = this.#queue.filter((job) => !isOld(job))
    const failure = storeFailed(this.#database.place, error)
    for (const job of old) job.reject(failure)
  }
}
