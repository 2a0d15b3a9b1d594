import type { DatabaseSync, SQLInputValue } from 'node:sqlite'
import type { Expression, ExpressionBuilder, Kysely, RawBuilder, Sql, SqlBool, SqliteDatabase } from 'kysely'
import type { Dimension, LedgerFilter, LedgerTotal } from '../ledger.ts'
import { DAY_MS, dayText, hourText } from '../query.ts'
import { totalOf } from '../totals.ts'
import { HALF, joinHalves } from './halves.ts'
import type { EntryTable } from './rows.ts'

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
        .where((eb) => conditions(eb, sql, filter))
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
        .where((eb) => conditions(eb, sql, filter))
        .orderBy('seq')
        .limit(limit)
        .execute()
    },

    totals: (by, filter) => totalsOf(db, sql, by, filter),
  }
}

const HOUR_MS = 3_600_000

/** Names a moment's group where it is not a column: the number of the hour or day, or the month as text. */
function groupBy(sql: Sql, name: Dimension): RawBuilder<bigint | string | null> {
  if (name === 'hour') return sql`entry.at / ${sql.lit(HOUR_MS)}`
  if (name === 'day') return sql`entry.at / ${sql.lit(DAY_MS)}`
  if (name === 'month') return sql`strftime('%Y-%m', entry.at / 1000, 'unixepoch')`
  return name === 'tag' ? sql`tag.value` : sql`${sql.ref(`entry.${name}`)}`
}

/** The group's value as it is told. */
function groupText(name: Dimension, value: bigint | string | null | undefined): string | undefined {
  if (typeof value !== 'bigint') return value ?? undefined
  return name === 'hour' ? hourText(Number(value) * HOUR_MS) : dayText(Number(value))
}

async function totalsOf(
  db: Kysely<Tables>,
  sql: Sql,
  by: readonly Dimension[],
  filter: LedgerFilter,
): Promise<LedgerTotal[]> {
  const sumOf = (column: SummedColumn): { high: RawBuilder<bigint>; low: RawBuilder<bigint> } => ({
    high: sql<bigint>`coalesce(sum(${sql.ref(`entry.${column}`)} / ${HALF}), 0)`,
    low: sql<bigint>`coalesce(sum(${sql.ref(`entry.${column}`)} % ${HALF}), 0)`,
  })
  const [cost, savings] = [sumOf('cost_picos'), sumOf('savings_picos')]
  const [input, output] = [sumOf('input_tokens'), sumOf('output_tokens')]
  const isAttempt = sql`entry.kind IN ('attempt', 'assumption')`
  const attempts = (status: string): RawBuilder<bigint> =>
    sql<bigint>`coalesce(sum(${isAttempt} AND entry.cost_status = ${sql.lit(status)}), 0)`
  const groups = by.map((name) => groupBy(sql, name))
  let query = db
    .selectFrom('entry')
    .select([
      sql<bigint>`count(DISTINCT CASE WHEN ${isAttempt} THEN entry.call_id END)`.as('calls'),
      sql<bigint>`coalesce(sum(${isAttempt}), 0)`.as('attempts'),
      attempts('free').as('free'),
      attempts('bounded').as('bounded'),
      attempts('unknown').as('unknown'),
      cost.high.as('costHigh'),
      cost.low.as('costLow'),
      savings.high.as('savingsHigh'),
      savings.low.as('savingsLow'),
      input.high.as('inputHigh'),
      input.low.as('inputLow'),
      output.high.as('outputHigh'),
      output.low.as('outputLow'),
      sql<bigint>`count(*)`.as('entries'),
    ])
    .select(groups.map((group, index) => group.as(`group${index}`)))
    .where((eb) => conditions(eb, sql, filter))
  if (by.includes('tag')) {
    query = query.leftJoin(sql<{ value: string }>`json_each(entry.tags)`.as('tag'), (join) => join.onTrue())
  }
  if (by.length > 0) query = query.groupBy(groups)
  const rows = await query.execute()
  return rows.map((row) =>
    totalOf(groupOf(by, row), Number(row.calls), {
      attempts: Number(row.attempts),
      free: Number(row.free),
      bounded: Number(row.bounded),
      unknown: Number(row.unknown),
      inputTokens: joinHalves(row.inputHigh, row.inputLow),
      outputTokens: joinHalves(row.outputHigh, row.outputLow),
      picos: joinHalves(row.costHigh, row.costLow),
      savings: joinHalves(row.savingsHigh, row.savingsLow),
    }),
  )
}

type SummedColumn = 'cost_picos' | 'savings_picos' | 'input_tokens' | 'output_tokens'

function groupOf(by: readonly Dimension[], row: object): LedgerTotal['group'] {
  const values = row as Readonly<Record<string, string | bigint | null>>
  return Object.fromEntries(by.map((name, index) => [name, groupText(name, values[`group${index}`])]))
}

function conditions(
  eb: ExpressionBuilder<Tables, 'entry'>,
  sql: Sql,
  filter: LedgerFilter,
): Expression<SqlBool> {
  const all: Expression<SqlBool>[] = []
  const { from, to, callId, tag } = filter
  if (from !== undefined) all.push(eb('entry.at', '>=', BigInt(from)))
  if (to !== undefined) all.push(eb('entry.at', '<', BigInt(to)))
  if (callId !== undefined) all.push(eb('entry.call_id', '=', callId))
  for (const name of ['user', 'project', 'organization', 'key', 'provider', 'model'] as const) {
    const value = filter[name]
    if (value !== undefined) all.push(eb(`entry.${name}`, '=', value))
  }
  if (tag !== undefined) {
    all.push(sql<SqlBool>`EXISTS (SELECT 1 FROM json_each(entry.tags) WHERE value = ${tag})`)
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
