import assert from 'node:assert/strict'
import type { Cost } from '../../src/core/cost.ts'
import type { Dimension, Ledger, LedgerEntry, LedgerFilter, LedgerTotal } from '../../src/ledger/ledger.ts'
import { parseUsd, ZERO_AMOUNT } from '../../src/money/amount.ts'
import { assertError, failure, type LedgerCase } from './contract-case.ts'
import {
  collect,
  DAY,
  entry,
  exact,
  exactPicos,
  FREE,
  INT64_MAX,
  line,
  NOON,
  UNKNOWN,
  usage,
} from './entries.ts'

/** What entries are found by. */
export const FILTERING: readonly LedgerCase[] = [
  {
    name: 'filters by each field, by several, and by time from (at or after) and to (before)',
    async run({ open }) {
      const ledger = await open()
      const a = entry({ at: NOON, user: 'ada', project: 'p', organization: 'o', key: 'k' })
      const b = entry({ at: NOON + 1, user: 'ada', provider: 'ollama', model: 'llama3.2', tags: ['w', 'x'] })
      const c = entry({ at: NOON + 2, user: 'bob', callId: a.callId, tags: ['x'] })
      for (const one of [a, b, c]) await ledger.append(one)
      const expected: readonly (readonly [LedgerFilter, readonly LedgerEntry[]])[] = [
        [{}, [a, b, c]],
        [{ user: undefined, from: undefined }, [a, b, c]],
        [{ user: 'ada' }, [a, b]],
        [{ project: 'p' }, [a]],
        [{ organization: 'o' }, [a]],
        [{ key: 'k' }, [a]],
        [{ provider: 'ollama' }, [b]],
        [{ model: 'llama3.2' }, [b]],
        [{ callId: a.callId }, [a, c]],
        [{ tag: 'x' }, [b, c]],
        [{ tag: 'x', user: 'bob' }, [c]],
        [{ tag: 'X' }, []],
        [{ user: 'ada', provider: 'openai' }, [a]],
        [{ user: 'Ada' }, []],
        [{ from: NOON + 1 }, [b, c]],
        [{ to: NOON + 1 }, [a]],
        [{ from: NOON + 1, to: NOON + 2 }, [b]],
        [{ from: NOON + 0.5, to: NOON + 1.5 }, [b]],
        [{ from: NOON + 1, to: NOON + 1 }, []],
        [{ from: -1e300, to: 1e300 }, [a, b, c]],
        [{ from: 1e300 }, []],
      ]
      for (const [filter, entries] of expected) {
        assert.deepStrictEqual(await collect(ledger, filter), entries, JSON.stringify(filter))
        const [total] = await ledger.totals(filter)
        assert.equal(total?.attempts, entries.length, JSON.stringify(filter))
      }
    },
  },
  {
    name: 'gives what was written before the question, also when more is written while reading',
    async run({ open }) {
      const ledger = await open()
      const first = Array.from({ length: 700 }, () => entry({ user: 'ada' }))
      await Promise.all(first.map((one) => ledger.append(one)))
      const read: string[] = []
      for await (const one of ledger.entries()) {
        if (read.length % 100 === 0) await ledger.append(entry({ user: 'ada' }))
        read.push(one.attemptId)
      }
      assert.deepStrictEqual(
        read,
        first.map((one) => one.attemptId),
      )
      assert.equal((await collect(ledger)).length, 707)
      let count = 0
      for await (const one of ledger.entries({ user: 'ada' })) {
        assert.equal(one.user, 'ada')
        if (count++ % 100 === 0) await ledger.append(entry({ user: 'ada' }))
      }
      assert.equal(count, 707)
    },
  },
  {
    name: 'refuses questions that make no sense, and names the nearest word',
    async run({ open }) {
      const ledger = await open()
      const bad: readonly (readonly [Record<string, unknown>, RegExp])[] = [
        [{ by: ['usr'] }, /'user'/],
        [{ by: ['day', 'minutes'] }, /user, project/],
        [{ by: 'user' }, /list/],
        [{ modl: 'x' }, /'model'/],
        [{ from: 2, to: 1 }, /exchange/],
        [{ from: Number.NaN }, /finite/],
        [{ to: Infinity }, /finite/],
        [{ from: '2026-01-01' }, /finite/],
        [{ user: 7 }, /string/],
        [{ user: null }, /string/],
      ]
      for (const [query, says] of bad) {
        const error = await failure(ledger.totals(query))
        assertError(error, 'request_invalid', false)
        assert.match(error.message, says)
        if ('by' in query) continue
        assertError(await failure(collect(ledger, query)), 'request_invalid', false)
      }
      assertError(await failure(collect(ledger, { by: ['user'] } as LedgerFilter)), 'request_invalid', false)
    },
  },
]

/** One total, written short: group, calls, attempts, free, unknown, input, output, dollars. */
type Row = readonly [LedgerTotal['group'], number, number, number, number, number, number, string]

async function assertTotals(
  ledger: Ledger,
  query: LedgerFilter & { readonly by?: readonly Dimension[] },
  rows: readonly Row[],
): Promise<void> {
  const expected = rows.map(([group, calls, attempts, free, unknown, input, output, dollars]) => ({
    group,
    calls,
    attempts,
    freeAttempts: free,
    boundedAttempts: 0,
    unknownAttempts: unknown,
    inputTokens: input,
    outputTokens: output,
    cost: parseUsd(dollars),
    savings: ZERO_AMOUNT,
  }))
  assert.deepStrictEqual(await ledger.totals(query), expected, JSON.stringify(query))
}

/** How entries add up. */
export const TOTALS: readonly LedgerCase[] = [
  {
    name: 'totals nothing as one total of zero, and as no groups',
    async run({ open }) {
      const ledger = await open()
      await assertTotals(ledger, {}, [[{}, 0, 0, 0, 0, 0, 0, '0']])
      assert.deepStrictEqual(await ledger.totals({ by: ['user'] }), [])
      await ledger.append(entry({ user: 'ada' }))
      await assertTotals(ledger, { user: 'bob' }, [[{}, 0, 0, 0, 0, 0, 0, '0']])
    },
  },
  {
    name: 'counts a free call as one call with its tokens and no money, and an unknown one apart from the money',
    async run({ open }) {
      const ledger = await open()
      await ledger.append(entry({ user: 'ada', cost: exact('0.5') }))
      await assertTotals(ledger, { by: ['user'] }, [[{ user: 'ada' }, 1, 1, 0, 0, 10, 5, '0.5']])
      await ledger.append(entry({ user: 'ada', cost: FREE, usage: usage(100, 200) }))
      await assertTotals(ledger, { by: ['user'] }, [[{ user: 'ada' }, 2, 2, 1, 0, 110, 205, '0.5']])
      const cost: Cost = { ...UNKNOWN, lines: [line(parseUsd('9'))] }
      await ledger.append(entry({ user: 'ada', cost, usage: usage(undefined, 1) }))
      await assertTotals(ledger, { by: ['user'] }, [[{ user: 'ada' }, 3, 3, 1, 1, 110, 206, '0.5']])
      await ledger.append(entry({ user: 'eve', cost }))
      await assertTotals(ledger, { user: 'eve' }, [[{}, 1, 1, 0, 1, 10, 5, '0']])
    },
  },
  {
    name: 'counts a call with several attempts, models and days once in each group that it has part in',
    async run({ open }) {
      const ledger = await open()
      const call = { callId: 'one', user: 'ada' }
      await ledger.append(entry({ ...call, cost: exact('1'), outcome: 'error', error: 'timed_out' }))
      await ledger.append(entry({ ...call, cost: exact('2') }))
      await ledger.append(
        entry({ ...call, cost: FREE, provider: 'ollama', model: 'llama3.2', at: NOON + DAY }),
      )
      await ledger.append(entry({ callId: 'two', user: 'ada', cost: exact('4'), at: NOON + DAY }))
      await assertTotals(ledger, {}, [[{}, 2, 4, 1, 0, 40, 20, '7']])
      await assertTotals(ledger, { by: ['user'] }, [[{ user: 'ada' }, 2, 4, 1, 0, 40, 20, '7']])
      await assertTotals(ledger, { by: ['provider'] }, [
        [{ provider: 'ollama' }, 1, 1, 1, 0, 10, 5, '0'],
        [{ provider: 'openai' }, 2, 3, 0, 0, 30, 15, '7'],
      ])
      await assertTotals(ledger, { by: ['day', 'provider'] }, [
        [{ day: '2026-11-22', provider: 'openai' }, 1, 2, 0, 0, 20, 10, '3'],
        [{ day: '2026-11-23', provider: 'ollama' }, 1, 1, 1, 0, 10, 5, '0'],
        [{ day: '2026-11-23', provider: 'openai' }, 1, 1, 0, 0, 10, 5, '4'],
      ])
      await assertTotals(ledger, { callId: 'one', by: ['model'] }, [
        [{ model: 'gpt-6-luna-2026-08-01' }, 1, 2, 0, 0, 20, 10, '3'],
        [{ model: 'llama3.2' }, 1, 1, 1, 0, 10, 5, '0'],
      ])
    },
  },
  {
    name: 'groups by each dimension, in order, with those without a value first',
    async run({ open }) {
      const ledger = await open()
      const dimensions = ['user', 'project', 'organization', 'key', 'provider', 'model'] as const
      for (const name of dimensions) {
        for (const value of ['b', 'ab', 'B', '10', '9']) {
          await ledger.append(entry({ provider: 'b', model: 'b', [name]: value, cost: exact('1') }))
        }
      }
      for (const name of dimensions) {
        const needed = name === 'provider' || name === 'model'
        const rest = needed ? 25 : 26
        const groups = (await ledger.totals({ by: [name] })).map(({ group, cost }) => [
          group[name],
          String(cost),
        ])
        const told = ['10', '9', 'B', 'ab', 'b'].map((value) => [value, needed && value === 'b' ? '26' : '1'])
        assert.deepStrictEqual(groups, needed ? told : [[undefined, String(rest - 1)], ...told])
      }
      const twice = await ledger.totals({ by: ['user', 'user'] })
      assert.deepStrictEqual(twice, await ledger.totals({ by: ['user'] }))
    },
  },
  {
    name: 'puts midnight UTC into the day that begins',
    async run({ open }) {
      const ledger = await open()
      const midnight = Date.UTC(2028, 1, 29)
      for (const at of [midnight - 1, midnight, midnight + DAY - 1, midnight + DAY, 0]) {
        await ledger.append(entry({ at, cost: FREE }))
      }
      const days = (await ledger.totals({ by: ['day'] })).map(({ group, attempts }) => [group.day, attempts])
      assert.deepStrictEqual(days, [
        ['1970-01-01', 1],
        ['2028-02-28', 1],
        ['2028-02-29', 2],
        ['2028-03-01', 1],
      ])
      const [day] = await ledger.totals({ from: midnight, to: midnight + DAY })
      assert.equal(day?.attempts, 2)
    },
  },
  {
    name: 'groups by hours, days and months of UTC, and counts an entry for each of its tags',
    async run({ open }) {
      const ledger = await open()
      const end = Date.UTC(2028, 1, 29, 23, 59, 59, 999)
      await ledger.append(entry({ at: end, tags: ['a', 'b'], cost: exact('1') }))
      await ledger.append(entry({ at: end + 1, tags: ['b'], cost: exact('2') }))
      await ledger.append(entry({ at: end + 1 + 3_600_000, cost: exact('4') }))
      const sums = async (by: readonly Dimension[]): Promise<unknown[]> =>
        (await ledger.totals({ by })).map(({ group, attempts, cost }) => [
          ...Object.values(group),
          attempts,
          String(cost),
        ])
      assert.deepStrictEqual(await sums(['hour']), [
        ['2028-02-29T23', 1, '1'],
        ['2028-03-01T00', 1, '2'],
        ['2028-03-01T01', 1, '4'],
      ])
      assert.deepStrictEqual(await sums(['month']), [
        ['2028-02', 1, '1'],
        ['2028-03', 2, '6'],
      ])
      assert.deepStrictEqual(await sums(['tag']), [
        [undefined, 1, '4'],
        ['a', 1, '1'],
        ['b', 2, '3'],
      ])
      assert.deepStrictEqual(await sums(['tag', 'month']), [
        [undefined, '2028-03', 1, '4'],
        ['a', '2028-02', 1, '1'],
        ['b', '2028-02', 1, '1'],
        ['b', '2028-03', 1, '2'],
      ])
      assert.deepStrictEqual(
        (await ledger.totals({ tag: 'b', by: ['tag'] })).map(({ group, attempts }) => [group.tag, attempts]),
        [
          ['a', 1],
          ['b', 2],
        ],
      )
    },
  },
  {
    name: 'adds corrections and costs from outside to the sums, and counts neither as attempts; savings apart',
    async run({ open }) {
      const ledger = await open()
      const bounded: Cost = { status: 'bounded', amount: parseUsd('3'), reason: 'not heard of', lines: [] }
      const savings = { baseline: 'openai/gpt-6-luna', amount: parseUsd('0.25') }
      const call = { callId: 'one', attemptId: 'one/1' }
      await ledger.append(entry({ ...call, id: 'one/1/assumed', kind: 'assumption', cost: bounded }))
      await ledger.append(entry({ ...call, id: 'one/1/corrected', kind: 'correction', cost: exact('-2') }))
      await ledger.append(entry({ id: 'x', kind: 'external', cost: exact('0.5') }))
      await ledger.append(entry({ cost: FREE, savings }))
      await ledger.append(entry({ cost: FREE, savings }))
      const [total] = await ledger.totals()
      assert.deepStrictEqual(total, {
        group: {},
        calls: 3,
        attempts: 3,
        freeAttempts: 2,
        boundedAttempts: 1,
        unknownAttempts: 0,
        inputTokens: 50,
        outputTokens: 25,
        cost: parseUsd('1.5'),
        savings: parseUsd('0.5'),
      })
    },
  },
  {
    name: 'sums beyond 64 bits, and to the last pico',
    async run({ open }) {
      const ledger = await open()
      for (let index = 0; index < 5; index++) await ledger.append(entry({ cost: exactPicos(INT64_MAX) }))
      await ledger.append(entry({ cost: exactPicos(-7n) }))
      await ledger.append(entry({ cost: exactPicos(1n), usage: usage(2 ** 53 - 1, 0) }))
      const [total] = await ledger.totals()
      assert.equal(total?.cost.picos, INT64_MAX * 5n - 6n)
    },
  },
  {
    name: 'sums counts of tokens beyond 64 bits, and tells the nearest number',
    async run({ open }) {
      const ledger = await open()
      const most = 2 ** 53 - 1
      const answers = Array.from({ length: 1_100 }, () => entry({ user: 'ada', usage: usage(most, most) }))
      await Promise.all(answers.map((one) => ledger.append(one)))
      // Each of these is less than what two neighbouring numbers differ by up there.
      for (let small = 0; small < 10; small++)
        await ledger.append(entry({ user: 'ada', usage: usage(1_000, 0) }))
      for (const by of [[], ['user'], ['hour']] as const) {
        const [total] = await ledger.totals({ by })
        assert.equal(total?.inputTokens, Number(1_100n * BigInt(most) + 10_000n))
        assert.equal(total?.outputTokens, Number(1_100n * BigInt(most)))
      }
      assert.equal((await ledger.totals({ by: ['user'] }))[0]?.attempts, 1_110)
    },
  },
]
