import type { Discrepancy } from '../budget-store.ts'
import type { Dimension, LedgerFilter, LedgerTotal } from '../ledger.ts'
import { dayText, hourText } from '../query.ts'
import { noSums, part, totalOf, type Sums } from '../totals.ts'
import { joinHalves } from './halves.ts'
import type { Row, Statements } from './statements.ts'

/** Entries from which on totals come from the rollup by default: fewer are added up as fast. */
export const ROLLUP_ENTRIES_MIN = 10_000
/** Entries that are rolled up in one transaction. */
export const ROLLUP_BATCH = 2_048

const HOUR_MS = 3_600_000
const LABELS = ['user', 'project', 'organization', 'key', 'provider', 'model'] as const
const SUMS = ['attempts', 'free', 'bounded', 'unknown'] as const
const HALVES = ['input', 'output', 'cost', 'savings'] as const

const IS_ATTEMPT = `kind IN ('attempt', 'assumption')`
const CELL_OF = `at / ${HOUR_MS} AS hour, json_array(${LABELS.join(', ')}) AS labels, ${LABELS.join(', ')}`

/** The sums of a cell, from its entries; as bigints in halves, since 64 bits are too few. */
const SUMS_OF = [
  `sum(${IS_ATTEMPT}) AS attempts`,
  ...['free', 'bounded', 'unknown'].map(
    (status) => `sum(${IS_ATTEMPT} AND cost_status = '${status}') AS ${status}`,
  ),
  ...Object.entries({
    input: 'input_tokens',
    output: 'output_tokens',
    cost: 'cost_picos',
    savings: 'savings_picos',
  }).flatMap(([name, column]) => [
    `coalesce(sum(${column} / 1000000), 0) AS ${name}_high`,
    `coalesce(sum(${column} % 1000000), 0) AS ${name}_low`,
  ]),
].join(', ')

const SUMMED = [...SUMS, ...HALVES.flatMap((name) => [`${name}_high`, `${name}_low`])]
const COLUMNS = ['hour', 'labels', ...LABELS, ...SUMMED].join(', ')

/** Adds up entries into a table of cells, beside what it has. */
function rollInto(table: string): string {
  return `
  INSERT INTO ${table} (${COLUMNS}, calls)
  SELECT ${CELL_OF}, ${SUMS_OF}, 0 FROM entry WHERE seq > ?1 AND seq <= ?2 GROUP BY 1, 2
  ON CONFLICT (hour, labels) DO UPDATE SET ${SUMMED.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')}`
}

const ROLL = rollInto('rollup_cell')

/** Each call of the new entries with the cells that it has part in, and its first entry in each. */
const CALLS = `
  SELECT entry.call_id, cell.id AS cell, min(entry.seq) AS first
  FROM entry JOIN rollup_cell AS cell
    ON cell.hour = entry.at / ${HOUR_MS} AND cell.labels = json_array(${LABELS.map((name) => `entry.${name}`).join(', ')})
  WHERE entry.${IS_ATTEMPT} AND entry.seq <= ?2
    AND entry.call_id IN (SELECT call_id FROM entry WHERE seq > ?1 AND seq <= ?2 AND ${IS_ATTEMPT})
  GROUP BY entry.call_id, cell.id ORDER BY entry.call_id`

const MARK = `INSERT INTO meta (key, value) VALUES ('rollup_seq', ?)
  ON CONFLICT (key) DO UPDATE SET value = excluded.value`

/** How far the rollup is, and how far the entries are, by their numbers. */
export function rollupProgress(statements: Statements): { readonly rolled: number; readonly newest: number } {
  const row = statements.get(`SELECT (SELECT value FROM meta WHERE key = 'rollup_seq') AS rolled,
    (SELECT max(seq) FROM entry) AS newest`)
  return { rolled: Number(row?.['rolled'] ?? 0), newest: Number(row?.['newest'] ?? 0) }
}

/** Rolls up the next entries; says whether there are more. */
export function rollUp(statements: Statements): boolean {
  const { rolled, newest } = rollupProgress(statements)
  const end = Math.min(newest, rolled + ROLLUP_BATCH)
  if (end <= rolled) return false
  statements.run(ROLL, rolled, end)
  countCalls(statements, statements.all(CALLS, rolled, end), rolled)
  statements.run(MARK, String(end))
  return end < newest
}

/** Forgets the rollup: it is made again from the entries when it is next asked. */
export function forgetRollup(statements: Statements): void {
  statements.run('DELETE FROM rollup_call')
  statements.run('DELETE FROM rollup_cell')
  statements.run(MARK, '0')
}

/** Where a call has part in a cell, and its first entry there. */
interface Part {
  readonly cell: bigint
  readonly first: bigint
}

/**
 * A call in one cell is one of that cell's calls; one that is in several, such as one that fell back to another model, is
 * written down with each of them, so that it counts once in whatever they are added up to.
 */
function countCalls(statements: Statements, rows: readonly Row[], rolled: number): void {
  const added = new Map<bigint, number>()
  const add = (cell: bigint, calls: number): void => void added.set(cell, (added.get(cell) ?? 0) + calls)
  for (const [callId, parts] of Map.groupBy(rows as (Row & Part)[], (row) => String(row['call_id']))) {
    const before = parts.filter(({ first }) => first <= rolled)
    const [only] = parts
    if (parts.length === 1 && only !== undefined) {
      if (before.length === 0) add(only.cell, 1)
      continue
    }
    const [alone] = before
    if (before.length === 1 && alone !== undefined) add(alone.cell, -1)
    for (const { cell } of parts) {
      statements.run(
        'INSERT INTO rollup_call (call_id, cell_id) VALUES (?, ?) ON CONFLICT DO NOTHING',
        callId,
        cell,
      )
    }
  }
  for (const [cell, calls] of added) {
    statements.run('UPDATE rollup_cell SET calls = calls + ? WHERE id = ?', calls, cell)
  }
}

/** Whether the rollup has what a question asks for: whole hours, and no tags or single calls. */
export function isRolledUp(by: readonly Dimension[], { from, to, callId, tag }: LedgerFilter): boolean {
  if (callId !== undefined || tag !== undefined || by.includes('tag')) return false
  return [from, to].every((moment) => moment === undefined || moment % HOUR_MS === 0)
}

/** Totals from the rollup, in no order. */
export function rollupTotals(
  statements: Statements,
  by: readonly Dimension[],
  filter: LedgerFilter,
): LedgerTotal[] {
  const { where, values } = conditions(filter)
  const groups = by.map((name, index) => `${groupBy(name)} AS group${index}`)
  const grouped = by.length === 0 ? '' : `GROUP BY ${by.map((_, index) => `group${index}`).join(', ')}`
  const sums = ['calls', ...SUMMED].map((name) => `coalesce(sum(cell.${name}), 0) AS ${name}`)
  const rows = statements.all(
    `SELECT ${[...groups, ...sums].join(', ')} FROM rollup_cell AS cell WHERE ${where} ${grouped}`,
    ...values,
  )
  const spread = statements.all(
    `SELECT ${[...groups, 'count(DISTINCT part.call_id) AS calls'].join(', ')}
      FROM rollup_call AS part JOIN rollup_cell AS cell ON cell.id = part.cell_id WHERE ${where} ${grouped}`,
    ...values,
  )
  const keyOf = (row: Row): string =>
    by.map((name, index) => part(groupText(name, row[`group${index}`]))).join('')
  const more = new Map(spread.map((row) => [keyOf(row), Number(row['calls'])]))
  return rows.map((row) => {
    const group = by.map((name, index) => [name, groupText(name, row[`group${index}`])] as const)
    return totalOf(Object.fromEntries(group), Number(row['calls']) + (more.get(keyOf(row)) ?? 0), sumsOf(row))
  })
}

function groupBy(name: Dimension): string {
  if (name === 'day') return 'cell.hour / 24'
  return name === 'month' ? `strftime('%Y-%m', cell.hour * 3600, 'unixepoch')` : `cell.${name}`
}

function groupText(name: Dimension, value: Row[string] | undefined): string | undefined {
  if (typeof value !== 'bigint') return value === null || value === undefined ? undefined : String(value)
  return name === 'hour' ? hourText(Number(value) * HOUR_MS) : dayText(Number(value))
}

function sumsOf(row: Row): Sums {
  const half = (name: string): bigint => BigInt(row[name] ?? 0)
  const whole = (name: (typeof HALVES)[number]): bigint =>
    joinHalves(half(`${name}_high`), half(`${name}_low`))
  const sums = noSums()
  for (const name of SUMS) sums[name] = Number(row[name])
  sums.inputTokens = whole('input')
  sums.outputTokens = whole('output')
  sums.picos = whole('cost')
  sums.savings = whole('savings')
  return sums
}

function conditions(filter: LedgerFilter): { readonly where: string; readonly values: (string | number)[] } {
  const all: (readonly [string, string | number])[] = []
  if (filter.from !== undefined) all.push(['cell.hour >= ?', filter.from / HOUR_MS])
  if (filter.to !== undefined) all.push(['cell.hour < ?', filter.to / HOUR_MS])
  for (const name of LABELS) {
    const value = filter[name]
    if (value !== undefined) all.push([`cell.${name} = ?`, value])
  }
  return { where: ['TRUE', ...all.map(([one]) => one)].join(' AND '), values: all.map(([, value]) => value) }
}

/** Cells that a proof makes anew, on a connection of its own. */
const MADE_ANEW = `
  CREATE TEMP TABLE made_cell (${COLUMNS}, calls, UNIQUE (hour, labels))`
const ROLL_ANEW = rollInto('made_cell')

/** Cells that differ, of the hours after one and up to another. */
const DIFFERENT = `
  SELECT count(*) AS cells FROM (
    SELECT * FROM (SELECT ${COLUMNS} FROM made_cell WHERE hour > ?1 AND hour <= ?2
      EXCEPT SELECT ${COLUMNS} FROM rollup_cell WHERE hour > ?1 AND hour <= ?2)
    UNION ALL SELECT * FROM (SELECT ${COLUMNS} FROM rollup_cell WHERE hour > ?1 AND hour <= ?2
      EXCEPT SELECT ${COLUMNS} FROM made_cell WHERE hour > ?1 AND hour <= ?2))`
const NEXT_HOUR = `
  SELECT max(hour) AS last FROM (
    SELECT hour FROM (SELECT hour FROM made_cell WHERE hour > ?1 UNION ALL SELECT hour FROM rollup_cell WHERE hour > ?1)
    ORDER BY hour LIMIT ?2)`

const ROLLED_CALLS = `
  SELECT (SELECT coalesce(sum(calls), 0) FROM rollup_cell) + (SELECT count(DISTINCT call_id) FROM rollup_call) AS calls`
const NEXT_CALL = `
  SELECT max(call_id) AS last FROM (SELECT call_id FROM entry WHERE call_id > ?1 ORDER BY call_id LIMIT ?2)`
const ENTERED_CALLS = `
  SELECT count(DISTINCT call_id) AS calls FROM entry
  WHERE call_id > ?1 AND call_id <= ?2 AND seq <= ?3 AND ${IS_ATTEMPT}`

/** What is wrong with the rollup, beside what the entries say; `rest` lets other work go on after each page. */
export async function rollupDiscrepancies(
  statements: Statements,
  rest: () => Promise<void>,
): Promise<Discrepancy[]> {
  const { rolled } = rollupProgress(statements)
  statements.run(MADE_ANEW)
  for (let seq = 0; seq < rolled; seq += ROLLUP_BATCH) {
    statements.run(ROLL_ANEW, seq, Math.min(rolled, seq + ROLLUP_BATCH))
    await rest()
  }
  let cells = 0
  for (let after = -1n, last: unknown; ; after = last) {
    last = statements.get(NEXT_HOUR, after, ROLLUP_BATCH)?.['last']
    if (typeof last !== 'bigint') break
    cells += Number(statements.get(DIFFERENT, after, last)?.['cells'])
    await rest()
  }
  const found: Discrepancy[] = []
  const advice = 'The entries are right: have the rollup made again'
  if (cells > 0) {
    found.push({
      message: `${cells} sums of the rollup are not those of the entries. ${advice}`,
      details: { cells: `${cells}` },
    })
  }
  let calls = 0
  for (let after = '', last: unknown; ; after = last) {
    last = statements.get(NEXT_CALL, after, ROLLUP_BATCH)?.['last']
    if (typeof last !== 'string') break
    calls += Number(statements.get(ENTERED_CALLS, after, last, rolled)?.['calls'])
    await rest()
  }
  const rolledCalls = Number(statements.get(ROLLED_CALLS)?.['calls'])
  if (rolledCalls !== calls) {
    found.push({
      message: `The rollup counts ${rolledCalls} calls, and the entries ${calls}. ${advice}`,
      details: { rolled: `${rolledCalls}`, calls: `${calls}` },
    })
  }
  return found
}
