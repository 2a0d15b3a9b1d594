import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { Expression, ExpressionBuilder, Kysely, Sql, SqlBool, SqliteDatabase } from 'kysely'
import { Amount } from '../../money/amount.ts'
import type { Dimension, LedgerFilter, LedgerTotal } from '../ledger.ts'
import { DAY_MS, dayText } from '../query.ts'
import type { EntryTable } from './rows.ts'

/** Sums are made of halves of this: int64 would overflow at 9.22 million dollars, and SQLite then fails. */
const HALF = 1_000_000n

interface Tables {
  entry: EntryTable
}

/** What is read from the books. */
export interface Queries {
  /** Number of the newest entry; zero where there is none. */
  newest(): Promise<bigint>
  /** Numbers of all entries up to one, in order: for filters that an index answers. */
  numbers(filter: LedgerFilter, through: bigint): Promise<Float64Array>
  /** The entries with these numbers, in order. */
  rows(numbers: Float64Array): Promise<EntryTable[]>
  /** Entries after one number and up to another, in order: for filters that no index answers. */
  page(filter: LedgerFilter, after: bigint, through: bigint, limit: number): Promise<EntryTable[]>
  /** In no order. */
  totals(by: readonly Dimension[], filter: LedgerFilter): Promise<LedgerTotal[]>
}

/** Makes the queries. The query builder takes long to load, so that it is loaded for the first question. */
export async function createQueries(database: DatabaseSync): Promise<Queries> {
  const { Kysely: Builder, SqliteDialect, sql } = await import('kysely')
  const db = new Builder<Tables>({ dialect: new SqliteDialect({ database: adapt(database) }) })

  return {
    async newest() {
      const row = await db
        .selectFrom('entry')
        .select((eb) => eb.fn.max('seq').as('seq'))
        .executeTakeFirst()
      return (row?.seq as bigint | null | undefined) ?? 0n
    },

    async numbers(filter, through) {
      const row = await db
        .selectFrom('entry')
        // One text, not a row for each of what may be millions of numbers.
        .select(sql<string>`json_group_array(seq)`.as('numbers'))
        .where('seq', '<=', through)
        .where((eb) => conditions(eb, filter))
        .executeTakeFirst()
      return Float64Array.from(JSON.parse(row?.numbers ?? '[]') as number[]).toSorted()
    },

    async rows(numbers) {
      return db
        .selectFrom('entry')
        .selectAll()
        .where('seq', 'in', Array.from(numbers, BigInt))
        .orderBy('seq')
        .execute()
    },

    async page(filter, after, through, limit) {
      return db
        .selectFrom('entry')
        .selectAll()
        .where('seq', '>', after)
        .where('seq', '<=', through)
        .where((eb) => conditions(eb, filter))
        .orderBy('seq')
        .limit(limit)
        .execute()
    },

    totals: (by, filter) => totalsOf(db, sql, by, filter),
  }
}

async function totalsOf(
  db: Kysely<Tables>,
  sql: Sql,
  by: readonly Dimension[],
  filter: LedgerFilter,
): Promise<LedgerTotal[]> {
  const sumOf = (column: 'cost_picos' | 'input_tokens' | 'output_tokens') => ({
    high: sql<bigint>`coalesce(sum(${sql.ref(column)} / ${HALF}), 0)`,
    low: sql<bigint>`coalesce(sum(${sql.ref(column)} % ${HALF}), 0)`,
  })
  const [cost, input, output] = [sumOf('cost_picos'), sumOf('input_tokens'), sumOf('output_tokens')]
  const groups = by.map((name) =>
    name === 'day'
      ? sql<bigint | string | null>`at / ${sql.lit(DAY_MS)}`
      : sql<bigint | string | null>`${sql.ref(name)}`,
  )
  let query = db
    .selectFrom('entry')
    .select((eb) => [
      eb.fn.count<bigint>('call_id').distinct().as('calls'),
      eb.fn.countAll<bigint>().as('attempts'),
      sql<bigint>`coalesce(sum(cost_status = 'free'), 0)`.as('free'),
      sql<bigint>`coalesce(sum(cost_status = 'unknown'), 0)`.as('unknown'),
      cost.high.as('costHigh'),
      cost.low.as('costLow'),
      input.high.as('inputHigh'),
      input.low.as('inputLow'),
      output.high.as('outputHigh'),
      output.low.as('outputLow'),
    ])
    .select(groups.map((group, index) => group.as(`group${index}`)))
    .where((eb) => conditions(eb, filter))
  if (by.length > 0) query = query.groupBy(groups)
  const rows = await query.execute()
  return rows.map((row) => ({
    group: groupOf(by, row),
    calls: Number(row.calls),
    attempts: Number(row.attempts),
    freeAttempts: Number(row.free),
    unknownAttempts: Number(row.unknown),
    inputTokens: Number(join(row.inputHigh, row.inputLow)),
    outputTokens: Number(join(row.outputHigh, row.outputLow)),
    cost: new Amount(join(row.costHigh, row.costLow)),
  }))
}

function join(high: bigint, low: bigint): bigint {
  return high * HALF + low
}

function groupOf(by: readonly Dimension[], row: object): LedgerTotal['group'] {
  const values = row as Readonly<Record<string, string | bigint | null>>
  const group: Partial<Record<Dimension, string | undefined>> = {}
  for (const [index, name] of by.entries()) {
    const value = values[`group${index}`] ?? undefined
    group[name] = typeof value === 'bigint' ? dayText(Number(value)) : value
  }
  return group
}

function conditions(eb: ExpressionBuilder<Tables, 'entry'>, filter: LedgerFilter): Expression<SqlBool> {
  const all: Expression<SqlBool>[] = []
  const { from, to, callId } = filter
  if (from !== undefined) all.push(eb('at', '>=', BigInt(from)))
  if (to !== undefined) all.push(eb('at', '<', BigInt(to)))
  if (callId !== undefined) all.push(eb('call_id', '=', callId))
  for (const name of ['user', 'project', 'organization', 'key', 'provider', 'model'] as const) {
    const value = filter[name]
    if (value !== undefined) all.push(eb(name, '=', value))
  }
  return eb.and(all)
}

/** `node:sqlite` in the shape that Kysely knows. The database is closed by its owner. */
function adapt(database: DatabaseSync): SqliteDatabase {
  return {
    close: () => {},
    prepare: (sql) => {
      const statement = database.prepare(sql)
      statement.setReadBigInts(true)
      const values = (parameters: readonly unknown[]): SQLInputValue[] => parameters as SQLInputValue[]
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...values(parameters)),
        run: (parameters) => statement.run(...values(parameters)),
        iterate: (parameters) => statement.iterate(...values(parameters)),
      }
    },
  }
}
