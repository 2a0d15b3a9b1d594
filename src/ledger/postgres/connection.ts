import type * as Pg from 'pg'
import { AIError } from '../../core/errors.ts'
import type { Runtime } from '../../runtime.ts'
import type { Address } from './address.ts'
import { isCut, isPassing, storeFailed } from './errors.ts'

/** Connections that questions share; writes have one of their own. */
const READERS_MAX = 4
/** Most questions that wait for a connection. */
export const WAITING_MAX = 1_024
/** How long a connection may take to be made, in milliseconds. */
const CONNECT_MS = 10_000
/** How long an idle connection for questions is kept, in milliseconds. */
const IDLE_MS = 10_000
/** How long after the server's own limit a connection counts as dead, in milliseconds. */
const SILENCE_MS = 5_000
/** Pauses between tries, in milliseconds: the first one, and the longest. */
const PAUSE_MS_MIN = 25
const PAUSE_MS_MAX = 1_000

/** How long one statement may take, in milliseconds, by what it is for. */
export interface Patience {
  readonly writeMs: number
  readonly readMs: number
  /** How long something is tried again while the server cannot be reached. */
  readonly retryMs: number
}

/** A row as PostgreSQL writes it: every value is text or null, and nothing of `pg` reads numbers out of it. */
export type Row = Readonly<Record<string, string | null>>

/** Asks something on one connection. */
export type Ask = (sql: string, values?: readonly unknown[]) => Promise<readonly Row[]>

/** What is used of the package. */
export type PgModule = Pick<typeof Pg, 'Pool'>

/** Connections to one database. */
export class Database {
  readonly place: string
  readonly schema: string
  readonly #writer: Pg.Pool
  readonly #readers: Pg.Pool
  readonly #patience: Patience
  readonly #runtime: Pick<Runtime, 'clock' | 'random'>

  constructor(
    pg: PgModule,
    address: Address,
    patience: Patience,
    runtime: Pick<Runtime, 'clock' | 'random'>,
  ) {
    this.place = address.place
    this.schema = address.schema
    this.#patience = patience
    this.#runtime = runtime
    const pool = (max: number, statementMs: number, idleMs: number): Pg.Pool =>
      new pg.Pool({
        connectionString: address.url,
        max,
        idleTimeoutMillis: idleMs,
        connectionTimeoutMillis: CONNECT_MS,
        statement_timeout: statementMs,
        query_timeout: statementMs + SILENCE_MS,
        // A process may end while a ledger is open, as with a file.
        allowExitOnIdle: true,
        keepAlive: true,
        application_name: 'groat',
        types: { getTypeParser: () => (value: unknown) => value },
      })
    this.#writer = pool(1, patience.writeMs, 0)
    this.#readers = pool(READERS_MAX, patience.readMs, IDLE_MS)
    // A connection that is cut while it is idle is replaced when it is needed.
    for (const one of [this.#writer, this.#readers]) {
      one.on('error', () => undefined)
      // What a server says last, to a connection that is being given up, would end the process.
      one.on('connect', (client) => client.on('error', () => undefined))
    }
  }

  /** Does something on the one connection for writes. No retries: the caller knows what may be repeated. */
  async write<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return withClient(this.#writer, this.schema, work)
  }

  /** Repeats what may be repeated until it went well, or for so long that the caller should know. @throws AIError */
  async persist<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    return this.#again(() => this.write(work))
  }

  /** Asks a question, again where the connection was cut. @throws AIError `store_failed` */
  async read<T>(work: (ask: Ask) => Promise<T>): Promise<T> {
    if (this.#readers.waitingCount >= WAITING_MAX) {
      const message = `The ledger on PostgreSQL (${this.place}) has ${WAITING_MAX} questions waiting. Ask fewer at once.`
      throw new AIError({ code: 'store_failed', message })
    }
    return this.#again(() => withClient(this.#readers, this.schema, work))
  }

  /** Waits before a try: longer each time, and by chance, so that processes do not come back all at once. */
  pause(tries: number): Promise<void> {
    const longest = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(tries, 10))
    return new Promise((resolve) => {
      this.#runtime.clock.after(longest * (0.5 + this.#runtime.random() / 2), resolve)
    })
  }

  async close(): Promise<void> {
    await Promise.all([this.#writer.end(), this.#readers.end()])
  }

  async #again<T>(work: () => Promise<T>): Promise<T> {
    const { clock } = this.#runtime
    const started = clock.elapsed()
    for (let tries = 0; ; tries++) {
      try {
        return await work()
      } catch (error) {
        if (!isPassing(error) || clock.elapsed() - started >= this.#patience.retryMs) {
          throw storeFailed(this.place, error)
        }
      }
      await this.pause(tries)
    }
  }
}

async function withClient<T>(pool: Pg.Pool, schema: string, work: (ask: Ask) => Promise<T>): Promise<T> {
  const client = await pool.connect()
  let cut = false
  // Told by the socket while nobody asks: the next question would say it, too late.
  const onError = (): void => {
    cut = true
  }
  client.on('error', onError)
  try {
    return await work(async (sql, values = []) => {
      const { rows } = await client.query<Row>(inSchema(sql, schema), [...values])
      return rows
    })
  } catch (error) {
    cut ||= isCut(error)
    throw error
  } finally {
    client.off('error', onError)
    client.release(cut)
  }
}

/** SQL with the schema's own name in place of `groat`. */
export function inSchema(sql: string, schema: string): string {
  return sql.replaceAll(/\bgroat\./g, `"${schema}".`)
}

/**
 * Loads `pg`, which only those install who use PostgreSQL.
 *
 * @throws AIError `config_invalid` where it is missing
 */
export async function loadPg(): Promise<PgModule> {
  try {
    const { default: pg } = await import('pg')
    return pg
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    const message = `A ledger on PostgreSQL needs the package 'pg', which is not installed. Run: npm install pg`
    throw new AIError({ code: 'config_invalid', message, cause: error })
  }
}
