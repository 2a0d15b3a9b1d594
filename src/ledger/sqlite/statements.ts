import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'

/** A row as it is read: whole numbers are bigints, for picos do not fit into a number. */
export type Row = Readonly<Record<string, bigint | string | number | null>>

interface Prepared {
  readonly statement: StatementSync
  /** Which value each mark of the statement stands for. */
  readonly places: readonly number[] | undefined
}

/**
 * The statements of one connection: each is prepared on its first use, and then kept. A value that stands in a
 * statement more than once has a numbered mark, `?1`: these are written out here, for Node 22.19 cannot bind them.
 */
export class Statements {
  readonly #database: DatabaseSync
  readonly #prepared = new Map<string, Prepared>()

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  get(sql: string, ...values: readonly SQLInputValue[]): Row | undefined {
    const { statement, places } = this.#prepare(sql)
    return statement.get(...inPlace(values, places)) as Row | undefined
  }

  all(sql: string, ...values: readonly SQLInputValue[]): Row[] {
    const { statement, places } = this.#prepare(sql)
    return statement.all(...inPlace(values, places)) as Row[]
  }

  /** Returns how many rows it changed. */
  run(sql: string, ...values: readonly SQLInputValue[]): number {
    const { statement, places } = this.#prepare(sql)
    return Number(statement.run(...inPlace(values, places)).changes)
  }

  #prepare(sql: string): Prepared {
    let prepared = this.#prepared.get(sql)
    if (prepared === undefined) {
      const places = Array.from(sql.matchAll(NUMBERED), ([, number]) => Number(number) - 1)
      const statement = this.#database.prepare(sql.replaceAll(NUMBERED, '?'))
      statement.setReadBigInts(true)
      prepared = { statement, places: places.length > 0 ? places : undefined }
      this.#prepared.set(sql, prepared)
    }
    return prepared
  }
}

const NUMBERED = /\?(\d+)/g

function inPlace(
  values: readonly SQLInputValue[],
  places: readonly number[] | undefined,
): readonly SQLInputValue[] {
  return places === undefined ? values : places.map((place) => values[place] ?? null)
}
