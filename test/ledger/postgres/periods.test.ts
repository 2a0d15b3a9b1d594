import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { windowAt } from '../../../src/budget/periods.ts'
import { BUDGET_PERIODS } from '../../../src/core/budget.ts'
import { isAvailable, START_MS, startServer, type Server } from './server.ts'

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kathmandu',
  'Australia/Lord_Howe',
  'America/Santiago',
  'America/Havana',
  'Pacific/Apia',
] as const
const HOUR = 3_600_000

/** Moments around everything that is odd, and a comb over two years. */
function moments(): number[] {
  const odd = [
    '2026-03-29T00:59:59.999Z',
    '2026-03-29T01:00:00Z',
    '2026-10-25T00:30:00Z',
    '2026-10-25T01:30:00Z',
    '2028-02-29T12:00:00Z',
    '2026-12-31T23:59:59.999Z',
    '2011-12-30T10:00:00Z',
    '1970-01-01T00:00:00Z',
    '9999-01-01T00:00:00Z',
    '2026-04-04T14:59:00Z',
    '2026-04-04T15:20:00Z',
    '2026-10-03T15:45:00Z',
  ].map((text) => Date.parse(text))
  const comb = Array.from(
    { length: 400 },
    (_, index) => Date.UTC(2026, 0, 1) + index * 43 * HOUR + index * 7_001,
  )
  const changes = [Date.UTC(2026, 2, 8, 4), Date.UTC(2026, 9, 31, 22), Date.UTC(2026, 8, 6, 2)]
  const around = changes.flatMap((at) => Array.from({ length: 60 }, (_, index) => at + (index * HOUR) / 4))
  return [...odd, ...comb, ...around]
}

describe.skipIf(!isAvailable())('periods in PostgreSQL', () => {
  let server: Server

  beforeAll(async () => {
    server = await startServer()
    await (await server.open({ schema: 'groat_periods' })).close()
  }, START_MS)

  afterAll(() => server.stop())

  test.each(ZONES)('are those of the other stores, in %s', async (zone) => {
    const all = moments()
    for (const period of BUDGET_PERIODS.filter((one) => one !== 'call')) {
      const rows = await server.ask(
        `SELECT p.starts_at, p.ends_at FROM unnest($1::bigint[]) WITH ORDINALITY AS m(ms, n)
          CROSS JOIN LATERAL groat_periods.period_at($2, $3, m.ms) AS p ORDER BY m.n`,
        [all, period, zone],
      )
      const found = rows.map((row, index) => ({
        at: new Date(all[index] ?? 0).toISOString(),
        startsAt: Number(row['starts_at']),
        endsAt: row['ends_at'] === null ? null : Number(row['ends_at']),
      }))
      const expected = all.map((at) => ({ at: new Date(at).toISOString(), ...windowAt(period, zone, at) }))
      expect(found, period).toEqual(expected)
    }
  })
})
