import assert from 'node:assert/strict'
import { TIMES } from './budget-contract-times.ts'
import { ENDS } from './budget-contract-ends.ts'
import {
  all,
  assertClean,
  budget,
  dollars,
  ended,
  hold,
  holdOf,
  refusal,
  settle,
  spend,
  standing,
  standings,
  type BudgetCase,
} from './budget-case.ts'
import { assertError, failure } from './contract-case.ts'

const SETTING: readonly BudgetCase[] = [
  {
    name: 'gives budgets back as they were set, in order of scope, id and period',
    async run({ open }) {
      const { budgets } = await open()
      assert.deepStrictEqual(await budgets.list(), [])
      const set = [
        budget({ scope: 'user', id: '*', period: 'total', limit: null, unpriced: 'allow', mode: 'observe' }),
        budget({ scope: 'user', id: '😀 "x" \\', period: 'call', limit: '0', onLimit: 'fit' }),
        budget({
          scope: 'project',
          id: 'a',
          period: 'day',
          limit: '9000000',
          timeZone: 'Asia/Kathmandu',
          thresholds: [0.000001, 0.5, 1],
        }),
        budget({ scope: 'project', id: 'a', period: 'week', onLimit: { fallback: 'ollama/llama3.2' } }),
        budget({ scope: 'key', id: 'k', period: 'hour', limit: '0.000000000001', thresholds: [] }),
      ]
      for (const one of set.toReversed()) await budgets.set(one)
      assert.deepStrictEqual(await budgets.list(), set)
    },
  },
  {
    name: 'has one budget for a scope, id and period: a second one changes it',
    async run({ open }) {
      const { budgets } = await open()
      await budgets.set(budget({ limit: '1' }))
      const changed = budget({ limit: '2', mode: 'observe', timeZone: 'Europe/Berlin' })
      await budgets.set(changed)
      assert.deepStrictEqual(await budgets.list(), [changed])
    },
  },
  {
    name: 'removes a budget once, and lets everything pass without one',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '0' }))
      await refusal(ledger, 'a', '0.01')
      assert.equal(await ledger.budgets.remove({ scope: 'user', id: 'bob', period: 'day' }), false)
      assert.equal(await ledger.budgets.remove({ scope: 'user', id: 'ada', period: 'day' }), true)
      assert.equal(await ledger.budgets.remove({ scope: 'user', id: 'ada', period: 'day' }), false)
      assert.deepStrictEqual(await ledger.budgets.list(), [])
      assert.deepStrictEqual(await ledger.budgets.reserve(holdOf('a', '0.01')), { status: 'unlimited' })
    },
  },
  {
    name: 'counts again what was spent before, where a removed budget is set again',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      await spend(ledger, 'a', '0.75')
      await ledger.budgets.remove(budget())
      assert.deepStrictEqual(await ledger.budgets.windows(), [])
      await ledger.budgets.set(budget({ limit: '2' }))
      assert.deepStrictEqual(await standings(ledger), ['0.75 + 0.00 of 2.00'])
      await assertClean(ledger, 0)
    },
  },
  {
    name: 'finds the budgets that concern ids: their own, or those of *, by scope and period',
    async run({ open }) {
      const { budgets } = await open()
      const [everyDay, everyHour, adaDay, project] = [
        budget({ id: '*', period: 'day', limit: '1' }),
        budget({ id: '*', period: 'hour', limit: '2' }),
        budget({ id: 'ada', period: 'day', limit: '3' }),
        budget({ scope: 'project', id: 'p', period: 'total', limit: '4' }),
      ]
      for (const one of [everyDay, everyHour, adaDay, project]) await budgets.set(one)
      assert.deepStrictEqual(await budgets.applicable({ user: 'ada' }), [everyHour, adaDay])
      assert.deepStrictEqual(await budgets.applicable({ user: 'Ada' }), [everyHour, everyDay])
      assert.deepStrictEqual(await budgets.applicable({ user: undefined, project: 'p' }), [project])
      assert.deepStrictEqual(await budgets.applicable({ user: 'ada', project: 'p', key: 'k' }), [
        everyHour,
        adaDay,
        project,
      ])
      assert.deepStrictEqual(await budgets.applicable({}), [])
    },
  },
  {
    name: 'changes the limit of the current window, and keeps what was spent',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      await spend(ledger, 'a', '0.5')
      await hold(ledger, 'b', '0.25')
      await ledger.budgets.set(budget({ limit: '0.6' }))
      assert.deepStrictEqual(await standings(ledger), ['0.50 + 0.25 of 0.60 (+ 0.15)'])
      await refusal(ledger, 'c', '0.01')
      await ledger.budgets.set(budget({ limit: '0.8' }))
      await hold(ledger, 'c', '0.05')
      await refusal(ledger, 'd', '0.01')
      await ledger.budgets.set(budget({ limit: null }))
      await hold(ledger, 'd', '5')
      const [window] = await ledger.budgets.windows()
      assert.equal(window?.limit, null)
      await ledger.budgets.set(budget({ limit: '1' }))
      await refusal(ledger, 'e', '0.01')
      assert.deepStrictEqual(await standings(ledger), ['0.50 + 5.30 of 1.00 (+ 4.80)'])
      await assertClean(ledger, 3)
    },
  },
]

const RESERVING: readonly BudgetCase[] = [
  {
    name: 'holds up to the limit to the last pico, and refuses one pico more',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      const refused = await refusal(ledger, 'a', '1.000000000001')
      assert.equal(standing(refused.refused), '0.00 + 0.00 of 1.00')
      assert.deepStrictEqual(refused.windows, [refused.refused])
      const held = await hold(ledger, 'b', '0.999999999999')
      assert.deepStrictEqual(
        [held.replay, held.over, held.windows.map(standing)],
        [false, [], ['0.00 + 0.999999999999 of 1.00']],
      )
      await refusal(ledger, 'c', '0.000000000002')
      await hold(ledger, 'd', '0.000000000001')
      await refusal(ledger, 'e', '0.000000000001')
      await hold(ledger, 'f', '0')
      await assertClean(ledger, 3)
    },
  },
  {
    name: 'refuses all that costs something under a limit of zero, and counts without a limit',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '0' }))
      await refusal(ledger, 'a', '0.000000000001')
      await hold(ledger, 'b', '0')
      await ledger.budgets.set(budget({ id: 'bob', limit: null }))
      await hold(ledger, 'c', '1000000', { attribution: { user: 'bob' } })
      assert.deepStrictEqual(await standings(ledger, { user: 'bob' }), [
        '0.00 + 1,000,000.00 of no limit'.replaceAll(',', ''),
      ])
    },
  },
  {
    name: 'holds in every window that concerns the call, or in none',
    async run({ open }) {
      const ledger = await open()
      const limits = { call: '2', hour: '2', day: '3', week: '4', month: '5', total: '6' } as const
      for (const [period, limit] of Object.entries(limits)) {
        await ledger.budgets.set(budget({ period: period as keyof typeof limits, limit }))
        await ledger.budgets.set(
          budget({ scope: 'organization', id: '*', period: period as keyof typeof limits, limit: '9' }),
        )
      }
      await ledger.budgets.set(budget({ scope: 'key', id: 'k', period: 'total', limit: '1.5' }))
      const attribution = { user: 'ada', organization: 'o', key: 'k' }
      const held = await hold(ledger, 'a', '1', { attribution })
      assert.deepStrictEqual(
        held.windows.map((window) => `${window.budget.scope} ${window.id} ${window.budget.period}`),
        [
          ...Object.keys(limits).map((period) => `user ada ${period}`),
          ...Object.keys(limits).map((period) => `organization o ${period}`),
          'key k total',
        ],
      )
      const before = await ledger.budgets.windows()
      assert.equal(before.length, 11)
      const refused = await refusal(ledger, 'b', '1', { attribution })
      assert.deepStrictEqual(
        [refused.refused.budget.scope, standing(refused.refused)],
        ['key', '0.00 + 1.00 of 1.50'],
      )
      assert.equal(refused.windows.length, 13)
      assert.deepStrictEqual(await ledger.budgets.windows(), before)
      await assertClean(ledger, 1)
    },
  },
  {
    name: 'names the first window in order that has not enough',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ scope: 'key', id: 'k', period: 'hour', limit: '0.1' }))
      await ledger.budgets.set(budget({ period: 'total', limit: '0.2' }))
      await ledger.budgets.set(budget({ period: 'hour', limit: '0.3' }))
      const attribution = { user: 'ada', key: 'k' }
      const [first, second, third] = [
        await refusal(ledger, 'a', '0.4', { attribution }),
        await refusal(ledger, 'b', '0.25', { attribution }),
        await refusal(ledger, 'c', '0.15', { attribution }),
      ]
      const named = [first, second, third].map(({ refused }) => [refused.budget.scope, refused.budget.period])
      assert.deepStrictEqual(named, [
        ['user', 'hour'],
        ['user', 'total'],
        ['key', 'hour'],
      ])
    },
  },
  {
    name: 'gives each id a window of its own under *, and none of them to a budget of the id itself',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ id: '*', limit: '1' }))
      await hold(ledger, 'a', '1')
      await hold(ledger, 'b', '1', { attribution: { user: 'bob' } })
      await refusal(ledger, 'c', '0.01', { attribution: { user: 'bob' } })
      await ledger.budgets.set(budget({ id: 'bob', limit: '0.5' }))
      await hold(ledger, 'd', '0.5', { attribution: { user: 'bob' } })
      await refusal(ledger, 'e', '0.01', { attribution: { user: 'bob' } })
      assert.deepStrictEqual(
        (await ledger.budgets.windows()).map((one) => [one.budget.id, one.id, standing(one)]),
        [
          ['*', 'ada', '0.00 + 1.00 of 1.00'],
          ['*', 'bob', '0.00 + 1.00 of 1.00'],
          ['bob', 'bob', '0.00 + 0.50 of 0.50'],
        ],
      )
      assert.deepStrictEqual(
        (await ledger.budgets.windows({ user: 'bob' })).map((one) => [one.budget.id, standing(one)]),
        [['bob', '0.00 + 0.50 of 0.50']],
      )
      assert.deepStrictEqual(await standings(ledger, { user: 'eve', key: 'k' }), ['0.00 + 0.00 of 1.00'])
    },
  },
  {
    name: 'limits one call by what its earlier attempts cost, and keeps no window of it',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ period: 'call', limit: '1' }))
      const held = await hold(ledger, 'a', '0.4', { callSpent: dollars('0.6') })
      const [window] = held.windows
      assert.deepStrictEqual([window?.startsAt, window?.endsAt, window?.settled], [0, null, dollars('0.6')])
      const refused = await refusal(ledger, 'b', '0.4', { callSpent: dollars('0.600000000001') })
      assert.equal(refused.refused.settled, dollars('0.600000000001'))
      await hold(ledger, 'c', '1')
      assert.deepStrictEqual(await ledger.budgets.windows(), [])
      assert.deepStrictEqual(await settle(ledger, 'a', '0.3'), { state: 'settled', windows: [] })
      await assertClean(ledger, 1)
    },
  },
  {
    name: 'holds again under the same id without holding more, and refuses another request under it',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      const [first, second] = await Promise.all([hold(ledger, 'a', '0.6'), hold(ledger, 'a', '0.6')])
      assert.deepStrictEqual([first.replay, second.replay], [false, true])
      assert.deepStrictEqual(second.windows.map(standing), ['0.00 + 0.60 of 1.00'])
      const other = holdOf('a', '0.6', { fingerprint: 'openai/gpt-6-sol' })
      assertError(await failure(ledger.budgets.reserve(other)), 'request_invalid', false)
      await settle(ledger, 'a', '0.5')
      // Its money is spent: a second request under the same id would be paid by nobody.
      assertError(await failure(ledger.budgets.reserve(holdOf('a', '0.6'))), 'request_invalid', false)
      assert.deepStrictEqual(await standings(ledger), ['0.50 + 0.00 of 1.00'])
      await assertClean(ledger, 0)
    },
  },
  {
    name: 'observes without refusing where the budget or the call says so, and tells what is over',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1', mode: 'observe' }))
      await ledger.budgets.set(budget({ period: 'total', limit: '5' }))
      const first = await hold(ledger, 'a', '1')
      assert.deepStrictEqual(first.over, [])
      const second = await hold(ledger, 'b', '0.25')
      assert.deepStrictEqual(second.over.map(standing), ['0.00 + 1.25 of 1.00 (+ 0.25)'])
      await settle(ledger, 'b', '0.25')
      await refusal(ledger, 'c', '4')
      const third = await hold(ledger, 'c', '4', { mode: 'observe' })
      assert.deepStrictEqual(third.over.map(standing), [
        '0.25 + 5.00 of 1.00 (+ 4.25)',
        '0.25 + 5.00 of 5.00 (+ 0.25)',
      ])
      await assertClean(ledger, 2)
    },
  },
  {
    name: 'refuses nobody twice for what was refused, and all at once no more than fits',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      const ids = Array.from({ length: 400 }, (_, index) => `attempt ${index}`)
      const reserved = await Promise.all(ids.map((id) => ledger.budgets.reserve(holdOf(id, '0.003'))))
      const held = ids.filter((_, index) => reserved[index]?.status === 'held')
      assert.equal(held.length, 333)
      assert.deepStrictEqual(await standings(ledger), ['0.00 + 0.999 of 1.00'])
      await Promise.all(held.map((id) => settle(ledger, id, '0.001')))
      assert.deepStrictEqual(await standings(ledger), ['0.333 + 0.00 of 1.00'])
      assert.equal((await all(ledger)).length, 333)
      await assertClean(ledger, 0)
    },
  },
  {
    name: 'refuses a hold that cannot be kept, and holds its neighbours',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      const bad = [
        holdOf('', '0.1'),
        holdOf('x'.repeat(513), '0.1'),
        holdOf('a\0b', '0.1'),
        holdOf('a', '0.1', { amount: -1n as never }),
        holdOf('a', '0.1', { amount: 1 as never }),
        holdOf('a', '9000001'),
        holdOf('a', '0.1', { ttlMs: Number.NaN }),
        holdOf('a', '0.1', { ttlMs: -1 }),
        holdOf('a', '0.1', { ttlMs: 1e12 }),
        holdOf('a', '0.1', { callSpent: -1n as never }),
        holdOf('a', '0.1', { attribution: { user: 'x'.repeat(10_000) } }),
      ]
      const results = await Promise.allSettled(
        bad.flatMap((one, index) => [
          ledger.budgets.reserve(one),
          ledger.budgets.reserve(holdOf(`good ${index}`, '0.01')),
        ]),
      )
      for (const [index, result] of results.entries()) {
        const message = JSON.stringify([index, result], (_, value: unknown) => String(value).slice(0, 99))
        assert.equal(result.status, index % 2 === 0 ? 'rejected' : 'fulfilled', message)
        if (result.status === 'rejected') assertError(result.reason, 'request_invalid', false)
      }
      assert.deepStrictEqual(await standings(ledger), ['0.00 + 0.11 of 1.00'])
    },
  },
  {
    name: 'refuses everything after it was closed',
    async run({ open }) {
      const ledger = await open()
      const { budgets } = ledger
      await ledger.close()
      const asked = [
        budgets.set(budget()),
        budgets.list(),
        budgets.remove(budget()),
        budgets.applicable({ user: 'ada' }),
        budgets.reserve(holdOf('a', '1')),
        budgets.settle('a', ended('a', '1')),
        budgets.release('a'),
        budgets.assume(),
        budgets.windows(),
        budgets.verify(),
      ]
      for (const one of asked) assertError(await failure(one), 'store_failed', false)
    },
  },
]

/** What every store of budgets does, in memory, in a file or on a server. */
export const BUDGET_CASES: readonly BudgetCase[] = [...SETTING, ...RESERVING, ...ENDS, ...TIMES]
