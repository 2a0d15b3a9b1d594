import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contains, isTimeZone, windowAt, ZONES_MAX, type Period } from '../../src/budget/periods.ts'
import { BUDGET_PERIODS, type BudgetPeriod } from '../../src/core/budget.ts'

const HOUR = 3_600_000

function told(period: BudgetPeriod, zone: string, now: string): string {
  const { startsAt, endsAt } = windowAt(period, zone, Date.parse(now))
  const text = (ms: number): string => new Date(ms).toISOString().replace(':00.000Z', 'Z')
  return `${text(startsAt)} to ${endsAt === null ? 'never' : text(endsAt)}`
}

describe('windowAt', () => {
  test.each<readonly [BudgetPeriod, string, string, string]>([
    ['total', 'UTC', '2026-11-22T12:00Z', '1970-01-01T00:00Z to never'],
    ['call', 'Europe/Berlin', '2026-11-22T12:00Z', '1970-01-01T00:00Z to never'],
    ['hour', 'UTC', '2026-11-22T12:59:59.999Z', '2026-11-22T12:00Z to 2026-11-22T13:00Z'],
    ['hour', 'Asia/Kathmandu', '2026-11-22T12:00Z', '2026-11-22T11:15Z to 2026-11-22T12:15Z'],
    ['day', 'Asia/Kathmandu', '2026-11-22T18:14:59.999Z', '2026-11-21T18:15Z to 2026-11-22T18:15Z'],
    ['day', 'Asia/Kathmandu', '2026-11-22T18:15Z', '2026-11-22T18:15Z to 2026-11-23T18:15Z'],
    // 23 hours, 25 hours, and the hour that is there twice.
    ['day', 'Europe/Berlin', '2026-03-29T01:00Z', '2026-03-28T23:00Z to 2026-03-29T22:00Z'],
    ['day', 'Europe/Berlin', '2026-10-25T01:00Z', '2026-10-24T22:00Z to 2026-10-25T23:00Z'],
    ['hour', 'Europe/Berlin', '2026-10-25T00:59Z', '2026-10-25T00:00Z to 2026-10-25T01:00Z'],
    ['hour', 'Europe/Berlin', '2026-10-25T01:00Z', '2026-10-25T01:00Z to 2026-10-25T02:00Z'],
    ['day', 'America/New_York', '2026-03-08T12:00Z', '2026-03-08T05:00Z to 2026-03-09T04:00Z'],
    ['day', 'America/New_York', '2026-11-01T12:00Z', '2026-11-01T04:00Z to 2026-11-02T05:00Z'],
    ['day', 'Australia/Lord_Howe', '2026-04-04T20:00Z', '2026-04-04T13:00Z to 2026-04-05T13:30Z'],
    ['hour', 'Australia/Lord_Howe', '2026-04-04T14:59Z', '2026-04-04T14:00Z to 2026-04-04T15:00Z'],
    ['hour', 'Australia/Lord_Howe', '2026-04-04T15:10Z', '2026-04-04T15:00Z to 2026-04-04T15:30Z'],
    ['hour', 'Australia/Lord_Howe', '2026-04-04T15:30Z', '2026-04-04T15:30Z to 2026-04-04T16:30Z'],
    // No midnight, two midnights, a day that was not there, and clocks put back over midnight.
    ['day', 'America/Sao_Paulo', '2018-11-04T12:00Z', '2018-11-04T03:00Z to 2018-11-05T02:00Z'],
    ['day', 'America/Havana', '2026-11-01T05:30Z', '2026-11-01T04:00Z to 2026-11-02T05:00Z'],
    ['day', 'Pacific/Apia', '2011-12-30T09:59Z', '2011-12-29T10:00Z to 2011-12-30T10:00Z'],
    ['day', 'Pacific/Apia', '2011-12-30T10:00Z', '2011-12-30T10:00Z to 2011-12-31T10:00Z'],
    ['day', 'America/St_Johns', '2010-11-07T02:45Z', '2010-11-07T02:30Z to 2010-11-08T03:30Z'],
    ['day', 'America/St_Johns', '2010-11-07T02:30Z', '2010-11-07T02:30Z to 2010-11-08T03:30Z'],
    ['hour', 'America/St_Johns', '2010-11-07T02:30:30Z', '2010-11-07T02:30Z to 2010-11-07T02:31Z'],
    ['hour', 'America/St_Johns', '2010-11-07T02:31Z', '2010-11-07T02:31Z to 2010-11-07T03:30Z'],
    // Weeks begin on Monday, also over the year's end; the leap day is there every four years.
    ['week', 'UTC', '2026-11-22T23:59Z', '2026-11-16T00:00Z to 2026-11-23T00:00Z'],
    ['week', 'UTC', '2026-11-23T00:00Z', '2026-11-23T00:00Z to 2026-11-30T00:00Z'],
    ['week', 'Europe/Berlin', '2027-01-01T12:00Z', '2026-12-27T23:00Z to 2027-01-03T23:00Z'],
    ['week', 'America/New_York', '2026-11-01T12:00Z', '2026-10-26T04:00Z to 2026-11-02T05:00Z'],
    ['day', 'UTC', '2028-02-29T12:00Z', '2028-02-29T00:00Z to 2028-03-01T00:00Z'],
    ['month', 'UTC', '2028-02-29T12:00Z', '2028-02-01T00:00Z to 2028-03-01T00:00Z'],
    ['month', 'UTC', '2027-02-28T12:00Z', '2027-02-01T00:00Z to 2027-03-01T00:00Z'],
    ['month', 'Pacific/Kiritimati', '2026-12-31T10:00Z', '2026-12-31T10:00Z to 2027-01-31T10:00Z'],
    ['month', 'Europe/Berlin', '2026-10-31T22:59Z', '2026-09-30T22:00Z to 2026-10-31T23:00Z'],
  ])('gives the %s in %s at %s', (period, zone, now, wanted) => {
    expect(told(period, zone, now)).toBe(wanted)
  })

  test('follows on without a gap and without an overlap, in every zone, through changes of the clock', () => {
    const zones = [
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'Asia/Kathmandu',
      'Africa/Casablanca',
    ]
    const moment = fc.integer({ min: Date.UTC(2009, 0), max: Date.UTC(2032, 0) })
    fc.assert(
      fc.property(
        fc.constantFrom(...zones, 'America/St_Johns', 'Pacific/Apia', 'America/Sao_Paulo', 'UTC'),
        fc.constantFrom(...BUDGET_PERIODS.filter((period) => period !== 'call' && period !== 'total')),
        moment,
        (zone, period, now) => {
          const here = windowAt(period, zone, now)
          expect(contains(here, now)).toBe(true)
          const end = here.endsAt ?? 0
          const next = windowAt(period, zone, end)
          expect(next.startsAt).toBe(end)
          expect(windowAt(period, zone, end - 1)).toEqual(here)
          expect(windowAt(period, zone, here.startsAt)).toEqual(here)
          expect(windowAt(period, zone, here.startsAt - 1).endsAt).toBe(here.startsAt)
          const longest = { hour: 1, day: 25, week: 169, month: 745 }[period as 'hour']
          expect(end - here.startsAt).toBeLessThanOrEqual(longest * HOUR)
        },
      ),
      { numRuns: 1_500 },
    )
  })

  test('gives the same whatever was asked before: in any order, and with more zones than are kept', () => {
    const zones = Intl.supportedValuesOf('timeZone').slice(0, ZONES_MAX + 20)
    const now = Date.UTC(2026, 2, 29, 0, 30)
    const all = (): Period[] => zones.map((zone) => windowAt('day', zone, now))
    const first = all()
    for (const zone of zones) windowAt('day', zone, now + 40 * 24 * HOUR)
    expect(all()).toEqual(first)
    expect(new Set(first.map(({ startsAt }) => startsAt)).size).toBeGreaterThan(5)
  })

  test('knows zones by their names, and refuses others', () => {
    expect(['Europe/Berlin', 'UTC', 'Asia/Kathmandu', 'Asia/Katmandu'].map(isTimeZone)).not.toContain(false)
    expect(['Mars/Olympus', '', '+05:30', 'Berlin'].map(isTimeZone)).not.toContain(true)
    expect(() => windowAt('day', 'Mars/Olympus', 0)).toThrow(RangeError)
  })
})
