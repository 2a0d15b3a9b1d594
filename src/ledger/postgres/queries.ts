import type { Dimension, LedgerFilter, LedgerTotal } from '../ledger.ts'
import { totalOf } from '../totals.ts'
import type { Ask, Row } from './connection.ts'
import { READ_COLUMNS, type ReadRow } from './rows.ts'

/** Entries that are read at once. */
export const PAGE_ENTRIES = 512

const TEXT_COLUMNS = {
  user: 'user_id',
  project: 'project_id',
  organization: 'organization_id',
  key: 'key_id',
  provider: 'provider',
  model: 'model',
  callId: 'call_id',
} as const

const utc = (format: string): string => `to_char(to_timestamp(at / 1000) AT TIME ZONE 'UTC', '${format}')`

/** What totals are grouped by, as SQL. */
const GROUPS: Readonly<Record<Dimension, string>> = {
  user: 'user_id',
  project: 'project_id',
  organization: 'organization_id',
  key: 'key_id',
  provider: 'provider',
  model: 'model',
  tag: 'tag',
  hour: utc('YYYY-MM-DD"T"HH24'),
  day: utc('YYYY-MM-DD'),
  month: utc('YYYY-MM'),
}

/** An entry stands for an attempt; the other kinds change its cost, or are not groat's own. */
const ATTEMPT = `kind IN ('attempt', 'assumption')`

const SUMS = `
  count(DISTINCT call_id) FILTER (WHERE ${ATTEMPT}) AS calls,
  count(*) FILTER (WHERE ${ATTEMPT}) AS attempts,
  count(*) FILTER (WHERE ${ATTEMPT} AND cost_status = 'free') AS free,
  count(*) FILTER (WHERE ${ATTEMPT} AND cost_status = 'bounded') AS bounded,
  count(*) FILTER (WHERE ${ATTEMPT} AND cost_status = 'unknown') AS unknown,
  coalesce(sum(input_tokens), 0) AS input,
  coalesce(sum(output_tokens), 0) AS output,
  coalesce(sum(cost_picos), 0) AS cost,
  coalesce(sum(savings_picos), 0) AS savings`

/** Number of the newest entry; '0' where there is none. */
export async function newestOf(ask: Ask): Promise<string> {
  const [row] = await ask('SELECT coalesce(max(seq), 0) AS seq FROM groat.entry')
  return row?.['seq'] ?? '0'
}

/** Entries after one number and up to another, in order. */
export async function pageOf(
  ask: Ask,
  filter: LedgerFilter,
  after: string,
  through: string,
): Promise<readonly ReadRow[]> {
  const { where, values } = conditions(filter, [after, through, PAGE_ENTRIES])
  const sql = `SELECT ${READ_COLUMNS} FROM groat.entry WHERE seq > $1 AND seq <= $2${where} ORDER BY seq LIMIT $3`
  return (await ask(sql, values)) as readonly ReadRow[]
}

/** In no order. */
export async function totalsOf(
  ask: Ask,
  by: readonly Dimension[],
  filter: LedgerFilter,
): Promise<readonly LedgerTotal[]> {
  const { where, values } = conditions(filter, [])
  const groups = by.map((name, index) => `${GROUPS[name]} AS group${index}, `).join('')
  const tags = by.includes('tag')
    ? 'LEFT JOIN LATERAL (SELECT DISTINCT unnest(tags) AS tag) AS each_tag ON true'
    : ''
  const grouped = by.length === 0 ? '' : `GROUP BY ${by.map((_, index) => index + 1).join(', ')}`
  const sql = `SELECT ${groups}${SUMS} FROM groat.entry ${tags} WHERE true${where} ${grouped}`
  return (await ask(sql, values)).map((row) => toTotal(by, row))
}

function toTotal(by: readonly Dimension[], row: Row): LedgerTotal {
  const group: Partial<Record<Dimension, string | undefined>> = {}
  for (const [index, name] of by.entries()) {
    group[name] = row[`group${index}`] ?? undefined
  }
  const count = (name: string): number => Number(row[name])
  const sum = (name: string): bigint => BigInt(row[name] ?? '0')
  return totalOf(group, count('calls'), {
    attempts: count('attempts'),
    free: count('free'),
    bounded: count('bounded'),
    unknown: count('unknown'),
    inputTokens: sum('input'),
    outputTokens: sum('output'),
    picos: sum('cost'),
    savings: sum('savings'),
  })
}

function conditions(
  filter: LedgerFilter,
  first: readonly unknown[],
): { readonly where: string; readonly values: readonly unknown[] } {
  const values = [...first]
  let where = ''
  const add = (condition: (parameter: string) => string, value: unknown): void => {
    if (value === undefined) return
    values.push(value)
    where += ` AND ${condition(`$${values.length}`)}`
  }
  add((to) => `at >= ${to}`, filter.from)
  add((to) => `at < ${to}`, filter.to)
  for (const name of Object.keys(TEXT_COLUMNS) as (keyof typeof TEXT_COLUMNS)[]) {
    add((to) => `${TEXT_COLUMNS[name]} = ${to}`, filter[name])
  }
  // The index on tags holds only entries that have some.
  add((to) => `tags @> ARRAY[${to}::text] AND tags <> '{}'`, filter.tag)
  return { where, values }
}
