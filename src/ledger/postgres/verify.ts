import type { Discrepancy, Verification } from '../budget-store.ts'
import { DISCREPANCIES_MAX, holdDiscrepancy, windowDiscrepancy } from '../proof.ts'
import type { Ask, Row } from './connection.ts'

const COUNTS = `
  SELECT (SELECT count(*) FROM groat.budget_window) AS windows, (SELECT count(*) FROM groat.hold) AS holds,
    (SELECT count(*) FROM groat.hold WHERE state = 'open') AS open_holds,
    (SELECT count(*) FROM groat.entry) AS entries`

/** Windows whose counters are not the sums of their holds, or stand above limit and excess. */
const WINDOWS = `
  SELECT b.scope, w.scope_id, b.period, w.starts_at, w.limit_picos, w.settled_picos, w.reserved_picos, w.excess_picos,
    coalesce(s.settled, 0) AS holds_settled, coalesce(s.reserved, 0) AS holds_reserved
  FROM groat.budget_window AS w JOIN groat.budget AS b ON b.id = w.budget_id
  LEFT JOIN (
    SELECT window_id, sum(h.amount_picos) FILTER (WHERE h.state = 'open') AS reserved,
      sum(h.actual_picos) FILTER (WHERE h.state <> 'open') AS settled
    FROM groat.hold AS h CROSS JOIN LATERAL unnest(h.windows) AS window_id GROUP BY window_id
  ) AS s ON s.window_id = w.id
  WHERE w.settled_picos <> coalesce(s.settled, 0) OR w.reserved_picos <> coalesce(s.reserved, 0)
    OR w.settled_picos < 0 OR w.settled_picos + w.reserved_picos > w.limit_picos + w.excess_picos
  ORDER BY w.id LIMIT ${DISCREPANCIES_MAX}`

/** Closed holds whose cost is not that of their entries. */
const HOLDS = `
  SELECT h.id, h.state, coalesce(h.actual_picos, -1) AS actual, e.picos AS entered
  FROM groat.hold AS h
  LEFT JOIN (
    SELECT attempt_id, coalesce(sum(cost_picos), 0) AS picos FROM groat.entry
    WHERE kind <> 'external' GROUP BY attempt_id
  ) AS e ON e.attempt_id = h.id
  WHERE h.state NOT IN ('open', 'released') AND h.actual_picos IS DISTINCT FROM e.picos
  ORDER BY h.id LIMIT ${DISCREPANCIES_MAX}`

/** Works out every window from holds and entries, on one state of the database. */
export async function verifyBooks(ask: Ask): Promise<Verification> {
  await ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    const [counts] = await ask(COUNTS)
    const wrong = [...(await ask(WINDOWS)).flatMap(wrongWindow), ...(await ask(HOLDS)).map(wrongHold)]
    const count = (name: string): number => Number(counts?.[name])
    return {
      windows: count('windows'),
      holds: count('holds'),
      openHolds: count('open_holds'),
      entries: count('entries'),
      discrepancies: wrong.slice(0, DISCREPANCIES_MAX),
    }
  } finally {
    await ask('ROLLBACK').catch(() => undefined)
  }
}

function wrongWindow(row: Row): Discrepancy[] {
  const count = (name: string): bigint => BigInt(row[name] ?? '0')
  const limit = row['limit_picos'] ?? null
  const found = windowDiscrepancy({
    scope: row['scope'] ?? '',
    id: row['scope_id'] ?? '',
    period: row['period'] ?? '',
    startsAt: Number(row['starts_at']),
    limit: limit === null ? null : BigInt(limit),
    settled: count('settled_picos'),
    reserved: count('reserved_picos'),
    excess: count('excess_picos'),
    holdsSettled: count('holds_settled'),
    holdsReserved: count('holds_reserved'),
  })
  return found === undefined ? [] : [found]
}

function wrongHold(row: Row): Discrepancy {
  const entered = row['entered'] ?? null
  return holdDiscrepancy(
    row['id'] ?? '',
    row['state'] ?? '',
    BigInt(row['actual'] ?? '0'),
    entered === null ? null : BigInt(entered),
  )
}
