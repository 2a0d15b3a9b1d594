import assert from 'node:assert/strict'
import type { BudgetPeriod } from '../../src/core/budget.ts'
import {
  budget,
  hold,
  HOUR,
  MINUTE,
  refusal,
  assertClean,
  settle,
  spend,
  standings,
  type BudgetCase,
} from './budget-case.ts'
import { DAY, NOON } from './entries.ts'

/** Where a window begins and ends, in UTC. */
type Bounds = readonly [
  period: BudgetPeriod,
  timeZone: string,
  now: string,
  startsAt: string,
  endsAt: string | null,
]

const BOUNDS: readonly Bounds[] = [
  ['hour', 'UTC', '2026-11-22T12:00:00Z', '2026-11-22T12:00:00Z', '2026-11-22T13:00:00Z'],
  ['hour', 'Asia/Kathmandu', '2026-11-22T12:14:59Z', '2026-11-22T11:15:00Z', '2026-11-22T12:15:00Z'],
  // The hour from two to three is there twice in Berlin.
  ['hour', 'Europe/Berlin', '2026-10-25T00:30:00Z', '2026-10-25T00:00:00Z', '2026-10-25T01:00:00Z'],
  ['hour', 'Europe/Berlin', '2026-10-25T01:30:00Z', '2026-10-25T01:00:00Z', '2026-10-25T02:00:00Z'],
  // Lord Howe puts its clocks back by half an hour.
  ['hour', 'Australia/Lord_Howe', '2026-04-04T15:10:00Z', '2026-04-04T15:00:00Z', '2026-04-04T15:30:00Z'],
  ['day', 'UTC', '2028-02-29T23:59:59.999Z', '2028-02-29T00:00:00Z', '2028-03-01T00:00:00Z'],
  ['day', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-28T23:00:00Z', '2026-03-29T22:00:00Z'],
  ['day', 'Europe/Berlin', '2026-10-25T12:00:00Z', '2026-10-24T22:00:00Z', '2026-10-25T23:00:00Z'],
  ['day', 'America/New_York', '2026-11-01T12:00:00Z', '2026-11-01T04:00:00Z', '2026-11-02T05:00:00Z'],
  ['day', 'Asia/Kathmandu', '2026-11-22T18:15:00Z', '2026-11-22T18:15:00Z', '2026-11-23T18:15:00Z'],
  // There was no midnight in Sao Paulo: the day began at one.
  ['day', 'America/Sao_Paulo', '2018-11-04T12:00:00Z', '2018-11-04T03:00:00Z', '2018-11-05T02:00:00Z'],
  ['week', 'UTC', '2026-11-22T12:00:00Z', '2026-11-16T00:00:00Z', '2026-11-23T00:00:00Z'],
  ['week', 'America/New_York', '2026-11-23T04:59:59Z', '2026-11-16T05:00:00Z', '2026-11-23T05:00:00Z'],
  ['month', 'UTC', '2028-02-29T12:00:00Z', '2028-02-01T00:00:00Z', '2028-03-01T00:00:00Z'],
  ['month', 'Europe/Berlin', '2026-12-31T22:59:59Z', '2026-11-30T23:00:00Z', '2026-12-31T23:00:00Z'],
  ['total', 'Europe/Berlin', '2026-11-22T12:00:00Z', '1970-01-01T00:00:00Z', null],
]

/** How windows follow time. */
export const TIMES: readonly BudgetCase[] = [
  {
    name: 'begins and ends windows with the calendar of their zone',
    async run({ open, setNow }) {
      for (const [period, timeZone, now, startsAt, endsAt] of BOUNDS) {
        await setNow(Date.parse(now))
        const ledger = await open()
        await ledger.budgets.set(budget({ period, timeZone }))
        const [window] = (await hold(ledger, 'a', '0.5')).windows
        const told = [window?.startsAt, window?.endsAt]
        const wanted = [Date.parse(startsAt), endsAt === null ? null : Date.parse(endsAt)]
        assert.deepStrictEqual(told, wanted, `${period} ${timeZone} ${now}`)
      }
    },
  },
  {
    name: 'opens a new window at the end of the last, which keeps what was spent in it',
    async run({ open, setNow }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      await setNow(NOON + 12 * HOUR - 1)
      await spend(ledger, 'a', '1')
      await refusal(ledger, 'b', '0.01')
      await setNow(NOON + 12 * HOUR)
      const held = await hold(ledger, 'b', '1')
      assert.deepStrictEqual(held.windows[0]?.startsAt, NOON + 12 * HOUR)
      await refusal(ledger, 'c', '0.01')
      assert.deepStrictEqual(await standings(ledger), ['0.00 + 1.00 of 1.00'])
      const { windows } = await ledger.budgets.verify()
      assert.equal(windows, 2)
      await assertClean(ledger, 1)
    },
  },
  {
    name: 'settles in the window that held, also after midnight',
    async run({ open, setNow }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      await setNow(NOON + 12 * HOUR - 1)
      await hold(ledger, 'a', '0.75')
      await setNow(NOON + 12 * HOUR + 1)
      const settled = await settle(ledger, 'a', '0.5')
      assert.deepStrictEqual(
        settled.windows.map(({ window }) => [window.endsAt, window.settled > 0n]),
        [[NOON + 12 * HOUR, true]],
      )
      await hold(ledger, 'b', '1')
      assert.deepStrictEqual(await standings(ledger), ['0.00 + 1.00 of 1.00'])
      await assertClean(ledger, 1)
    },
  },
  {
    name: 'reopens no old window when the clock is put back by 40 days, and goes on when it is right again',
    async run({ open, setNow }) {
      await setNow(NOON - 40 * DAY)
      const ledger = await open()
      for (const period of ['hour', 'day', 'month', 'total'] as const)
        await ledger.budgets.set(budget({ period, limit: '1' }))
      await spend(ledger, 'a', '0.5')
      await setNow(NOON)
      await spend(ledger, 'b', '0.5')
      // The total is spent; without it there would be half a dollar left in October.
      await ledger.budgets.remove(budget({ period: 'total' }))
      await hold(ledger, 'c', '0.5')
      await setNow(NOON - 40 * DAY)
      const { refused } = await refusal(ledger, 'd', '0.01')
      assert.equal(refused.startsAt, NOON)
      await setNow(NOON + HOUR)
      await refusal(ledger, 'd', '0.01')
      await setNow(NOON + 40 * DAY)
      await hold(ledger, 'd', '1')
      await assertClean(ledger)
    },
  },
  {
    name: 'does not let a total begin anew, wherever the clock jumps',
    async run({ open, setNow }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ period: 'total', limit: '1' }))
      await spend(ledger, 'a', '1')
      for (const days of [40, -40, 4_000, 0]) {
        await setNow(NOON + days * DAY)
        await refusal(ledger, `at ${days}`, '0.000000000001')
      }
    },
  },
  {
    name: 'keeps the open window to its end where the time zone is changed, and follows the new zone then',
    async run({ open, setNow }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      await spend(ledger, 'a', '1')
      await ledger.budgets.set(budget({ limit: '1', timeZone: 'Asia/Kathmandu' }))
      await refusal(ledger, 'b', '0.01')
      await setNow(NOON + 12 * HOUR - 1)
      await refusal(ledger, 'b', '0.01')
      await setNow(NOON + 12 * HOUR)
      const [window] = (await hold(ledger, 'b', '1')).windows
      // The day of Kathmandu began at 18:15 UTC, within the window before.
      assert.deepStrictEqual(
        [window?.startsAt, window?.endsAt],
        [NOON + 12 * HOUR, NOON + 30 * HOUR + 15 * MINUTE],
      )
    },
  },
  {
    name: 'changes the limit of the current windows only',
    async run({ open, setNow }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ id: '*', limit: '1' }))
      await spend(ledger, 'a', '1')
      await setNow(NOON + DAY)
      await spend(ledger, 'b', '0.5')
      await ledger.budgets.set(budget({ id: '*', limit: '0.75' }))
      assert.deepStrictEqual(await standings(ledger), ['0.50 + 0.00 of 0.75'])
      await refusal(ledger, 'c', '0.5')
      await assertClean(ledger, 0)
    },
  },
]
