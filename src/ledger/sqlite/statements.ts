import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

/** A row as it is read: whole numbers are bigints, for picos do not fit into a number. */
export type Row = Readonly<Record<string, bigint | string | number | null>>

/** The statements of one connection: each is prepared on its first use, and then kept. */
export class Statements {
  readonly #database: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  get(sql: string, ...values: readonly SQLInputValue[]): Row | undefined {
    return this.#prepare(sql).get(...values) as Row | undefined
  }

  all(sql: string, ...values: readonly SQLInputValue[]): Row[] {
    return this.#prepare(sql).all(...values) as Row[]
  }

  iterate(sql: string, ...values: readonly SQLInputValue[]): IterableIterator<Row> {
    return this.#prepare(sql).iterate(...values) as IterableIterator<Row>
  }

  /** Returns how many rows it changed. */
  run(sql: string, ...values: readonly SQLInputValue[]): number {
    return Number(this.#prepare(sql).run(...values).changes)
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#prepared.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      statement.setReadBigInts(true)
      this.#prepared.set(sql, statement)
    }
    return statement
  }
}
