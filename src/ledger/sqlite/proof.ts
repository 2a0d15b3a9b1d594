import type { Discrepancy, Verification } from '../budget-store.ts'
import { DISCREPANCIES_MAX, holdDiscrepancy, windowDiscrepancy } from '../proof.ts'
import { joinHalves } from './halves.ts'
import { rollupDiscrepancies } from './rollup.ts'
import type { Row, Statements } from './statements.ts'

const COUNTS = `
  SELECT (SELECT count(*) FROM budget_window) AS windows, (SELECT count(*) FROM hold) AS holds,
    (SELECT count(*) FROM hold WHERE state = 'open') AS open, (SELECT count(*) FROM entry) AS entries`

/** Each window beside what its holds make, in halves: sums of more than 64 bits would fail. */
const WINDOWS = `
  SELECT w.*, b.scope, b.period,
    coalesce(sum(h.actual_picos / 1000000), 0) AS settled_high, coalesce(sum(h.actual_picos % 1000000), 0) AS settled_low,
    coalesce(sum(iif(h.state = 'open', h.amount_picos / 1000000, 0)), 0) AS reserved_high,
    coalesce(sum(iif(h.state = 'open', h.amount_picos % 1000000, 0)), 0) AS reserved_low
  FROM budget_window AS w JOIN budget AS b ON b.id = w.budget_id
  LEFT JOIN (
    SELECT place.value AS window_id, hold.state, hold.amount_picos, hold.actual_picos
    FROM hold, json_each(hold.windows) AS place
  ) AS h ON h.window_id = w.id
  GROUP BY w.id`

/** Closed holds whose cost is not that of their entries: one of the attempt, one of an assumption, or both. */
const HOLDS = `
  SELECT h.id, h.state, h.actual_picos AS actual, coalesce(own.id, assumed.id) AS entry,
    coalesce(own.cost_picos, 0) + coalesce(assumed.cost_picos, 0) AS entered
  FROM hold AS h
  LEFT JOIN entry AS own ON own.id = h.id
  LEFT JOIN entry AS assumed ON assumed.id = h.id || '/assumed'
  WHERE h.state IN ('settled', 'assumed', 'corrected')
    AND (entry IS NULL OR entered <> h.actual_picos OR (h.state <> 'settled') <> (assumed.id IS NOT NULL))
  LIMIT ?`

interface WindowSums {
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

/** Works out all windows and holds of a file; within one transaction, so that it is of one moment. */
export function proveBooks(statements: Statements): Verification {
  const counts = statements.get(COUNTS)
  const discrepancies: Discrepancy[] = []
  for (const row of statements.iterate(WINDOWS) as Iterable<WindowSums & Row>) {
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
    if (wrong !== undefined && discrepancies.length < DISCREPANCIES_MAX) discrepancies.push(wrong)
  }
  const wrong = statements.all(HOLDS, DISCREPANCIES_MAX) as (HoldSums & Row)[]
  for (const { id, state, actual, entry, entered } of wrong) {
    discrepancies.push(holdDiscrepancy(id, state, actual, entry === null ? null : entered))
  }
  discrepancies.push(...rollupDiscrepancies(statements))
  const count = (name: string): number => Number(counts?.[name])
  const [windows, holds, openHolds, entries] = [
    count('windows'),
    count('holds'),
    count('open'),
    count('entries'),
  ]
  return { windows, holds, openHolds, entries, discrepancies }
}
