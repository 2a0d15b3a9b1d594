import assert from 'node:assert/strict'
import type { Cost } from '../../src/core/cost.ts'
import type { Settlement } from '../../src/ledger/budget-store.ts'
import { parseUsd } from '../../src/money/amount.ts'
import {
  all,
  assertClean,
  budget,
  dollars,
  ended,
  hold,
  holdOf,
  MINUTE,
  refusal,
  settle,
  spend,
  standing,
  standings,
  type BudgetCase,
} from './budget-case.ts'
import { assertError, failure } from './contract-case.ts'
import { NOON, FREE, UNKNOWN } from './entries.ts'

/** How holds end. */
export const ENDS: readonly BudgetCase[] = [
  {
    name: 'counts what an attempt cost, gives the rest back, and writes its entry',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      await ledger.budgets.set(budget({ scope: 'project', id: 'p', period: 'total', limit: '10' }))
      await hold(ledger, 'a', '0.9', { attribution: { user: 'ada', project: 'p' } })
      await refusal(ledger, 'b', '0.2')
      const one = ended('a', '0.0105')
      const settled = await ledger.budgets.settle('a', one)
      assert.equal(settled.state, 'settled')
      assert.deepStrictEqual(
        settled.windows.map(({ window, crossed, overrun }) => [
          window.budget.scope,
          standing(window),
          crossed,
          overrun,
        ]),
        [
          ['user', '0.0105 + 0.00 of 1.00', [], 0n],
          ['project', '0.0105 + 0.00 of 10.00', [], 0n],
        ],
      )
      assert.deepStrictEqual(await all(ledger), [one])
      await hold(ledger, 'b', '0.9895')
      await refusal(ledger, 'c', '0.000000000001')
      await assertClean(ledger, 1)
    },
  },
  {
    name: 'settles once, however often it is asked to, and whatever it is told then',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      await hold(ledger, 'a', '0.5')
      const all3 = await Promise.all([
        settle(ledger, 'a', '0.2'),
        settle(ledger, 'a', '0.2'),
        settle(ledger, 'a', '0.5'),
      ])
      assert.deepStrictEqual(
        all3.map(({ state }) => state),
        ['settled', 'repeated', 'repeated'],
      )
      assert.deepStrictEqual(all3[2], { state: 'repeated', windows: [] })
      await ledger.budgets.release('a')
      assert.deepStrictEqual(await standings(ledger), ['0.20 + 0.00 of 1.00'])
      assert.equal((await all(ledger)).length, 1)
      await assertClean(ledger, 0)
    },
  },
  {
    name: 'tells again what a settlement told of, where it is repeated since its acknowledgement was lost',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      await ledger.budgets.set(budget({ period: 'total', limit: '100' }))
      await hold(ledger, 'a', '0.9')
      await hold(ledger, 'b', '0.1')
      const told = ({ state, windows }: Settlement): unknown[] => [
        state,
        ...windows.map(({ window, crossed, overrun }) => [standing(window), crossed, overrun]),
      ]
      const crossed = [0.8, 0.95]
      assert.deepStrictEqual(told(await settle(ledger, 'a', '1.2')), [
        'settled',
        ['1.20 + 0.10 of 1.00 (+ 0.30)', crossed, dollars('0.3')],
        ['1.20 + 0.10 of 100.00 (+ 0.30)', [], dollars('0.3')],
      ])
      // What crosses nothing tells nothing.
      const again = ['repeated', ['1.20 + 0.10 of 1.00 (+ 0.30)', crossed, dollars('0.3')]]
      const overrun = ['1.20 + 0.10 of 100.00 (+ 0.30)', [], dollars('0.3')]
      for (let times = 0; times < 2; times++) {
        assert.deepStrictEqual(told(await settle(ledger, 'a', '1.2')), [...again, overrun])
      }
      await settle(ledger, 'b', '0.1')
      assert.deepStrictEqual(told(await settle(ledger, 'b', '0.1')), ['repeated'])
      assert.deepStrictEqual(told(await settle(ledger, 'a', '1.2'))[1], [
        '1.30 + 0.00 of 1.00 (+ 0.30)',
        crossed,
        dollars('0.3'),
      ])
      assert.equal((await all(ledger)).length, 2)
      await assertClean(ledger, 0)
    },
  },
  {
    name: 'counts nothing for what is free, and for what is not known; writes both entries',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      for (const id of ['a', 'b']) await hold(ledger, id, '0.5')
      await settle(ledger, 'a', FREE)
      await settle(ledger, 'b', UNKNOWN)
      assert.deepStrictEqual(await standings(ledger), ['0.00 + 0.00 of 1.00'])
      assert.deepStrictEqual(
        (await all(ledger)).map(({ cost }) => cost.status),
        ['free', 'unknown'],
      )
      await assertClean(ledger, 0)
    },
  },
  {
    name: 'only writes the entry of an attempt without a hold',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      assert.deepStrictEqual(await settle(ledger, 'a', '0.5'), { state: 'settled', windows: [] })
      assert.deepStrictEqual(await settle(ledger, 'a', '0.5'), { state: 'repeated', windows: [] })
      assert.equal((await all(ledger)).length, 1)
      assert.deepStrictEqual(await ledger.budgets.windows(), [])
    },
  },
  {
    name: 'gives a hold back once, and lets nothing be spent from it afterwards',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      await hold(ledger, 'a', '0.75')
      await hold(ledger, 'b', '0.25')
      await Promise.all([ledger.budgets.release('a'), ledger.budgets.release('a')])
      await ledger.budgets.release('nobody')
      await ledger.budgets.release('no\0body')
      assert.deepStrictEqual(await standings(ledger), ['0.00 + 0.25 of 1.00'])
      assert.deepStrictEqual(await settle(ledger, 'a', '0.5'), { state: 'repeated', windows: [] })
      assert.deepStrictEqual(await all(ledger), [])
      assertError(await failure(ledger.budgets.reserve(holdOf('a', '0.75'))), 'request_invalid', false)
      await assertClean(ledger, 1)
    },
  },
  {
    name: 'books a bill above the hold in full, says by how much, and refuses more',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1', thresholds: [] }))
      await ledger.budgets.set(budget({ period: 'total', limit: null }))
      await hold(ledger, 'a', '0.5')
      const settled = await settle(ledger, 'a', '1.25')
      assert.deepStrictEqual(
        settled.windows.map(({ window, overrun }) => [standing(window), overrun]),
        [
          ['1.25 + 0.00 of 1.00 (+ 0.75)', dollars('0.75')],
          ['1.25 + 0.00 of no limit', 0n],
        ],
      )
      const refused = await refusal(ledger, 'b', '0.000000000001')
      assert.equal(standing(refused.refused), '1.25 + 0.00 of 1.00 (+ 0.75)')
      assert.equal((await ledger.totals())[0]?.cost.picos, dollars('1.25'))
      await assertClean(ledger, 0)
    },
  },
  {
    name: 'tells of each threshold once, in order, also when one settlement jumps over both',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      await ledger.budgets.set(budget({ id: 'bob', limit: '1' }))
      const costs = ['0.799999999999', '0.000000000001', '0.1', '0.05', '0.04']
      const crossed: (readonly number[])[] = []
      for (const [index, cost] of costs.entries()) {
        crossed.push((await spend(ledger, `a${index}`, cost)).windows[0]?.crossed ?? [])
      }
      assert.deepStrictEqual(crossed, [[], [0.8], [], [0.95], []])
      await hold(ledger, 'b', '1', { attribution: { user: 'bob' } })
      const jump = await settle(ledger, 'b', '1')
      assert.deepStrictEqual(jump.windows[0]?.crossed, [0.8, 0.95])
    },
  },
  {
    name: 'tells of a threshold once where settlements come at once',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1', thresholds: [0.5, 1] }))
      const ids = Array.from({ length: 100 }, (_, index) => `a${index}`)
      await Promise.all(ids.map((id) => hold(ledger, id, '0.01')))
      const settled = await Promise.all(ids.map((id) => settle(ledger, id, '0.01')))
      const crossed = settled.flatMap(({ windows }) => windows.flatMap((one) => one.crossed))
      assert.deepStrictEqual(crossed, [0.5, 1])
    },
  },
  {
    name: 'tells of thresholds again above a raised limit, and not again for one that is set as it was',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      assert.deepStrictEqual((await spend(ledger, 'a', '0.9')).windows[0]?.crossed, [0.8])
      await ledger.budgets.set(budget({ limit: '1' }))
      assert.deepStrictEqual((await spend(ledger, 'b', '0.01')).windows[0]?.crossed, [])
      await ledger.budgets.set(budget({ limit: '10' }))
      assert.deepStrictEqual((await spend(ledger, 'c', '7')).windows[0]?.crossed, [])
      assert.deepStrictEqual((await spend(ledger, 'd', '0.1')).windows[0]?.crossed, [0.8])
    },
  },
  {
    name: 'tells of a threshold once, and of one that an expired hold crossed with the next settlement',
    async run({ open, setNow }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ period: 'total', limit: '1' }))
      await hold(ledger, 'a', '0.9', { ttlMs: MINUTE })
      await setNow(NOON + MINUTE)
      await ledger.budgets.assume()
      assert.deepStrictEqual((await settle(ledger, 'a', '0.1')).windows[0]?.crossed, [])
      await ledger.budgets.set(budget({ period: 'total', limit: '1' }))
      assert.deepStrictEqual((await spend(ledger, 'b', '0.8')).windows[0]?.crossed, [0.8])
      await hold(ledger, 'c', '0.06', { ttlMs: MINUTE })
      await setNow(NOON + MINUTE * 2)
      await ledger.budgets.assume()
      // Nobody heard of the 96 % when the hold expired: the next settlement tells of it, once.
      assert.deepStrictEqual((await spend(ledger, 'd', '0.01')).windows[0]?.crossed, [0.95])
      assert.deepStrictEqual((await spend(ledger, 'e', '0.01')).windows[0]?.crossed, [])
    },
  },
  {
    name: 'counts what the books have, where the entry was written before its hold is settled',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      await hold(ledger, 'a', '0.5')
      await ledger.append(ended('a', '0.25'))
      assert.equal((await settle(ledger, 'a', '0.375')).state, 'settled')
      assert.deepStrictEqual(await standings(ledger), ['0.25 + 0.00 of 1.00'])
      assert.equal((await all(ledger)).length, 1)
      await assertClean(ledger, 0)
    },
  },
  {
    name: 'counts a hold that nobody heard of in full, and never gives it back by itself',
    async run({ open, setNow }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ period: 'total', limit: '1' }))
      const attribution = { user: 'ada', project: 'p', tags: ['t', 'u'] }
      await hold(ledger, 'a', '0.75', { ttlMs: MINUTE, attribution })
      await setNow(NOON + MINUTE - 1)
      assert.equal(await ledger.budgets.assume(), 0)
      await setNow(NOON + MINUTE)
      await refusal(ledger, 'b', '0.5')
      assert.equal((await ledger.budgets.assume()) <= 1, true)
      assert.equal(await ledger.budgets.assume(), 0)
      assert.deepStrictEqual(await standings(ledger), ['0.75 + 0.00 of 1.00'])
      const [assumed, ...others] = await all(ledger)
      assert.deepStrictEqual(others, [])
      assert.deepStrictEqual(
        [assumed?.kind, assumed?.attemptId, assumed?.callId, assumed?.at, assumed?.outcome],
        ['assumption', 'a', 'call of a', NOON + MINUTE, 'error'],
      )
      assert.deepStrictEqual(
        [assumed?.user, assumed?.project, assumed?.tags, assumed?.provider, assumed?.model],
        ['ada', 'p', ['t', 'u'], 'openai', 'gpt-6-luna'],
      )
      assert.ok(assumed?.cost.status === 'bounded' && assumed.cost.amount.picos === dollars('0.75'))
      await assertClean(ledger, 0)
    },
  },
  {
    name: 'corrects an assumption when the attempt is heard of after all, downwards and upwards',
    async run({ open, setNow }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ period: 'total', limit: '2' }))
      for (const id of ['a', 'b', 'c']) await hold(ledger, id, '0.5', { ttlMs: MINUTE })
      await setNow(NOON + 2 * MINUTE)
      assert.equal(await ledger.budgets.assume(), 3)
      const less = await settle(ledger, 'a', '0.125')
      assert.deepStrictEqual(
        [less.state, less.windows.map(({ window, overrun }) => [standing(window), overrun])],
        ['corrected', [['1.125 + 0.00 of 2.00', 0n]]],
      )
      const more = await settle(ledger, 'b', '0.75')
      assert.deepStrictEqual(
        [more.state, more.windows.map(({ window, overrun }) => [standing(window), overrun])],
        ['corrected', [['1.375 + 0.00 of 2.00 (+ 0.25)', dollars('0.25')]]],
      )
      // What is not known leaves what was assumed.
      assert.equal((await settle(ledger, 'c', UNKNOWN)).state, 'corrected')
      assert.deepStrictEqual(await settle(ledger, 'a', '0.125'), { state: 'repeated', windows: [] })
      assert.deepStrictEqual(await standings(ledger), ['1.375 + 0.00 of 2.00 (+ 0.25)'])
      const corrections = (await all(ledger)).filter(({ kind }) => kind === 'correction')
      assert.deepStrictEqual(
        corrections.map(({ id, cost }) => [id, cost.status, cost.amount?.picos]),
        [
          ['a', 'exact', dollars('-0.375')],
          ['b', 'exact', dollars('0.25')],
          ['c', 'unknown', undefined],
        ],
      )
      const [total] = await ledger.totals()
      assert.deepStrictEqual([total?.calls, total?.attempts, total?.cost], [3, 3, parseUsd('1.375')])
      await assertClean(ledger, 0)
    },
  },
  {
    name: 'counts expired holds as spent by itself when others are held',
    async run({ open, setNow }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ period: 'total', limit: '1' }))
      await hold(ledger, 'a', '0.25', { ttlMs: 0 })
      await setNow(NOON + MINUTE)
      const held = await hold(ledger, 'b', '0.25')
      assert.deepStrictEqual(held.windows.map(standing), ['0.25 + 0.25 of 1.00'])
      await assertClean(ledger, 1)
    },
  },
  {
    name: 'refuses to settle with what is no entry of the attempt, and keeps the hold',
    async run({ open }) {
      const ledger = await open()
      await ledger.budgets.set(budget({ limit: '1' }))
      await hold(ledger, 'a', '0.5')
      assertError(await failure(ledger.budgets.settle('a', ended('b', '0.1'))), 'request_invalid', false)
      const below: Cost = { ...FREE, amount: parseUsd('-0.1') } as Cost
      assertError(await failure(settle(ledger, 'a', below)), 'request_invalid', false)
      assertError(
        await failure(ledger.budgets.settle('a', ended('a', '0.1', { at: -1 }))),
        'store_failed',
        false,
      )
      assert.deepStrictEqual(await all(ledger), [])
      assert.deepStrictEqual(await standings(ledger), ['0.00 + 0.50 of 1.00'])
      await settle(ledger, 'a', '0.1')
      await assertClean(ledger, 0)
    },
  },
]
