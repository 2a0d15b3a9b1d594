import type { DatabaseSync } from 'node:sqlite'
import type { Discrepancy, Verification } from '../budget-store.ts'
import { DISCREPANCIES_MAX, holdDiscrepancy, windowDiscrepancy } from '../proof.ts'
import { joinHalves } from './halves.ts'
import { rollupDiscrepancies } from './rollup.ts'
import { Statements, type Row } from './statements.ts'

/** Rows that are looked at before other work of the process goes on: some milliseconds. */
const PAGE_ROWS = 1_024

const ENTRIES = `
  SELECT count(*) AS count, max(seq) AS last FROM (SELECT seq FROM entry WHERE seq > ?1 ORDER BY seq LIMIT ?2)`
const HOLDS = `
  SELECT count(*) AS count, max(id) AS last, coalesce(sum(state = 'open'), 0) AS open
  FROM (SELECT id, state FROM hold WHERE id > ?1 ORDER BY id LIMIT ?2)`

/** What the holds of each window make, in halves: sums of more than 64 bits would fail. */
const MADE = `
  CREATE TEMP TABLE made (window_id INTEGER PRIMARY KEY, settled_high, settled_low, reserved_high, reserved_low)`
const ADD_HOLDS = `
  INSERT INTO made
  SELECT place.value, coalesce(sum(actual_picos / 1000000), 0), coalesce(sum(actual_picos % 1000000), 0),
    sum(iif(state = 'open', amount_picos / 1000000, 0)), sum(iif(state = 'open', amount_picos % 1000000, 0))
  FROM hold, json_each(hold.windows) AS place WHERE hold.id > ?1 AND hold.id <= ?2 GROUP BY 1
  ON CONFLICT (window_id) DO UPDATE SET
    settled_high = settled_high + excluded.settled_high, settled_low = settled_low + excluded.settled_low,
    reserved_high = reserved_high + excluded.reserved_high, reserved_low = reserved_low + excluded.reserved_low`

const WINDOWS = `
  SELECT w.*, b.scope, b.period,
    coalesce(made.settled_high, 0) AS settled_high, coalesce(made.settled_low, 0) AS settled_low,
    coalesce(made.reserved_high, 0) AS reserved_high, coalesce(made.reserved_low, 0) AS reserved_low
  FROM budget_window AS w JOIN budget AS b ON b.id = w.budget_id LEFT JOIN made ON made.window_id = w.id
  WHERE w.id > ?1 ORDER BY w.id LIMIT ?2`

/** Closed holds whose cost is not that of their entries: one of the attempt, one of an assumption, or both. */
const WRONG_HOLDS = `
  SELECT h.id, h.state, h.actual_picos AS actual, coalesce(own.id, assumed.id) AS entry,
    coalesce(own.cost_picos, 0) + coalesce(assumed.cost_picos, 0) AS entered
  FROM hold AS h
  LEFT JOIN entry AS own ON own.id = h.id
  LEFT JOIN entry AS assumed ON assumed.id = h.id || '/assumed'
  WHERE h.id > ?1 AND h.id <= ?2 AND h.state IN ('settled', 'assumed', 'corrected')
    AND (entry IS NULL OR entered <> h.actual_picos OR (h.state <> 'settled') <> (assumed.id IS NOT NULL))`

interface WindowSums {
  readonly id: bigint
  readonly scope: string
  readonly period: string
  readonly counted_id: string
  readonly starts_at: bigint
  readonly limit_picos: bigint | null
  readonly settled_picos: bigint
  readonly reserved_picos: bigint
  readonly excess_picos: bigint
  readonly settled_high: bigint
  readonly settled_low: bigint
  readonly reserved_high: bigint
  readonly reserved_low: bigint
}

interface HoldSums {
  readonly id: string
  readonly state: string
  readonly actual: bigint
  readonly entry: string | null
  readonly entered: bigint
}

/**
 * Works out all windows and holds of a file as they were at one moment, page by page: calls are booked in between, by this
 * process and by others. The connection is for the proof alone, and only reads.
 */
export async function proveBooks(database: DatabaseSync): Promise<Verification> {
  const statements = new Statements(database)
  // All that follows is read as it was at the first question.
  database.exec('BEGIN')
  statements.run(MADE)
  let entries = 0
  for (let after = 0n, last: unknown; ; after = last) {
    const page = statements.get(ENTRIES, after, PAGE_ROWS)
    last = page?.['last']
    if (typeof last !== 'bigint') break
    entries += Number(page?.['count'])
    await rest()
  }
  const wrongHolds: Discrepancy[] = []
  let holds = 0
  let openHolds = 0
  for (let after = '', last: unknown; ; after = last) {
    const page = statements.get(HOLDS, after, PAGE_ROWS)
    last = page?.['last']
    if (typeof last !== 'string') break
    holds += Number(page?.['count'])
    openHolds += Number(page?.['open'])
    statements.run(ADD_HOLDS, after, last)
    for (const row of statements.all(WRONG_HOLDS, after, last))
      wrongHolds.push(wrongHold(row as HoldSums & Row))
    wrongHolds.length = Math.min(wrongHolds.length, DISCREPANCIES_MAX)
    await rest()
  }
  const wrongWindows: Discrepancy[] = []
  let windows = 0
  for (let after = 0n, last: unknown; ; after = last) {
    const page = statements.all(WINDOWS, after, PAGE_ROWS) as (WindowSums & Row)[]
    last = page.at(-1)?.id
    if (typeof last !== 'bigint') break
    windows += page.length
    wrongWindows.push(...page.flatMap(wrongWindow))
    wrongWindows.length = Math.min(wrongWindows.length, DISCREPANCIES_MAX)
    await rest()
  }
  const discrepancies = [...wrongWindows, ...wrongHolds, ...(await rollupDiscrepancies(statements, rest))]
  return { windows, holds, openHolds, entries, discrepancies }
}

/** Lets other work of the process go on. */
function rest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function wrongWindow(row: WindowSums): Discrepancy[] {
  const wrong = windowDiscrepancy({
    scope: row.scope,
    id: row.counted_id,
    period: row.period,
    startsAt: Number(row.starts_at),
    limit: row.limit_picos,
    settled: row.settled_picos,
    reserved: row.reserved_picos,
    excess: row.excess_picos,
    holdsSettled: joinHalves(row.settled_high, row.settled_low),
    holdsReserved: joinHalves(row.reserved_high, row.reserved_low),
  })
  return wrong === undefined ? [] : [wrong]
}

function wrongHold({ id, state, actual, entry, entered }: HoldSums): Discrepancy {
  return holdDiscrepancy(id, state, actual, entry === null ? null : entered)
}
