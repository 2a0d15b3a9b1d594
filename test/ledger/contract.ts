import assert from 'node:assert/strict'
import type { Cost, CostLine } from '../../src/core/cost.ts'
import type { LedgerEntry } from '../../src/ledger/ledger.ts'
import { parseUsd, ZERO_AMOUNT, type Amount } from '../../src/money/amount.ts'
import { assertError, failure, type LedgerCase } from './contract-case.ts'
import { FILTERING, TOTALS } from './contract-questions.ts'
import {
  attemptsIn,
  collect,
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

const COSTS: readonly Cost[] = [
  FREE,
  { status: 'free', source: 'declared', amount: ZERO_AMOUNT, lines: [line(ZERO_AMOUNT)] },
  exact('0.000000000001'),
  { ...exact('12.5'), reported: parseUsd('12.4999') } as Cost,
  { ...exact('12.5'), reported: parseUsd('12.5'), computed: parseUsd('12.4999') } as Cost,
  { status: 'exact', source: 'refused', priceList: '', amount: ZERO_AMOUNT, lines: [] },
  exactPicos(INT64_MAX),
  exactPicos(-5n),
  { status: 'bounded', amount: parseUsd('1'), reason: 'the stream was cut', lines: [line(parseUsd('1'))] },
  { status: 'bounded', amount: parseUsd('1'), reason: 'cut', estimate: parseUsd('0.5'), lines: [] },
  UNKNOWN,
  { status: 'unknown', amount: undefined, reason: '', lines: [line(parseUsd('0.25'))] },
]

function told(text: string): Partial<LedgerEntry> {
  const scopes = { user: text, project: text, organization: text, key: text }
  return { ...scopes, provider: text, model: text, requestedModel: text, tags: [text], error: text }
}

/** Texts that break what is glued together, escaped, or counted in the wrong unit. */
const HOSTILE: readonly string[] = [
  `'; DROP TABLE entry; --`,
  '"quoted" `ticks` \\back\\',
  'before\u0001after',
  '\u00010',
  '',
  'x'.repeat(250),
  '𝕌𝕟𝕚𝕔𝕠𝕕𝕖 ✓ ñ ش 👩‍👩‍👧',
  '*',
  '%_?',
  '1:a-',
  'null',
  'undefined',
  '__proto__',
  '-',
]

const WRITING: readonly LedgerCase[] = [
  {
    name: 'gives an entry back as it was, for every kind of cost',
    async run({ open }) {
      const ledger = await open()
      const written = COSTS.map((cost) => entry({ cost }))
      for (const one of written) await ledger.append(one)
      assert.deepStrictEqual(await collect(ledger), written)
    },
  },
  {
    name: 'gives an entry back as it was, with every field set',
    async run({ open }) {
      const ledger = await open()
      const counts = { cacheReadTokens: 3, cacheWriteTokens: 0, reasoningTokens: 2 }
      const media = {
        inputAudioTokens: 1,
        outputAudioTokens: 0,
        inputImageTokens: 2 ** 53 - 1,
        outputImageTokens: 4,
      }
      const raw = { told: [1, null, 'x', { deep: true }], n: 0.1 }
      const scopes = { user: 'ada', project: 'p', organization: 'o', key: 'k', tags: ['a', 'b'] }
      const failure = { outcome: 'error', error: 'rate_limited', durationMs: 0 } as const
      const told = {
        kind: 'correction',
        id: 'of its own',
        serviceTier: 'flex',
        savings: { baseline: 'openai/gpt-6-luna', amount: parseUsd('-0.000000000001') },
      } as const
      const search: CostLine = { ...line(parseUsd('1')), kind: 'tool-call', unit: 'call', name: 'web-search' }
      const cost: Cost = { ...exact('2'), lines: [line(parseUsd('1')), search] }
      const written = [
        entry({ usage: { ...usage(7, 8), ...counts, ...media, raw }, ...scopes, ...failure, ...told, cost }),
        entry({ usage: { ...usage(undefined, 0), raw: null }, outcome: 'aborted', at: 0, durationMs: 1e9 }),
      ]
      for (const one of written) await ledger.append(one)
      assert.deepStrictEqual(await collect(ledger), written)
    },
  },
  {
    name: 'keeps entries in order of writing, not of time, also when written at once',
    async run({ open }) {
      const ledger = await open()
      const written = Array.from({ length: 1_300 }, (_, index) =>
        entry({ at: NOON - index, user: index % 3 === 0 ? 'ada' : 'bob' }),
      )
      await Promise.all(written.map((one) => ledger.append(one)))
      assert.deepStrictEqual(
        await attemptsIn(ledger, { user: 'bob' }),
        written.filter((one) => one.user === 'bob').map((one) => one.attemptId),
      )
      assert.deepStrictEqual(
        await attemptsIn(ledger),
        written.map((one) => one.attemptId),
      )
    },
  },
  {
    name: 'writes an id once, however often it is appended',
    async run({ open }) {
      const ledger = await open()
      const one = entry()
      const other = entry({ id: one.id, cost: exact('5') })
      await ledger.append(one)
      await ledger.append(other)
      const twice = entry()
      await Promise.all([ledger.append(twice), ledger.append(twice), ledger.append({ ...twice })])
      assert.deepStrictEqual(await collect(ledger), [one, twice])
      assert.equal((await ledger.totals())[0]?.attempts, 2)
    },
  },
  {
    name: 'is not changed by what is done to an entry after it was handed over',
    async run({ open }) {
      const ledger = await open()
      const tags = ['before']
      const raw = { count: 1 }
      const lines = [line(parseUsd('1'))]
      const cost: Cost = { status: 'bounded', amount: parseUsd('1'), reason: 'r', lines }
      const one = entry({ tags, cost, usage: { ...usage(1, 1), raw } })
      const appended = ledger.append(one)
      tags.push('after')
      raw.count = 2
      lines.length = 0
      Object.assign(one, { user: 'mallory' })
      await appended
      const [kept] = await collect(ledger)
      assert.deepStrictEqual(kept?.tags, ['before'])
      assert.deepStrictEqual(kept.usage.raw, { count: 1 })
      assert.equal(kept.cost.lines.length, 1)
      assert.equal(kept.user, undefined)
    },
  },
  {
    name: 'replaces raw usage that is too large or no JSON by a marker, and keeps the entry',
    async run({ open }) {
      const ledger = await open()
      const circle: Record<string, unknown> = {}
      circle['self'] = circle
      const raws = ['x'.repeat(16_382), 'x'.repeat(16_383), 'é'.repeat(10_000), circle, 1n, () => 1]
      for (const raw of raws) await ledger.append(entry({ usage: { ...usage(1, 1), raw } }))
      const kept = (await collect(ledger)).map((one) => one.usage.raw)
      assert.deepStrictEqual(kept, [
        raws[0],
        { dropped: 'more than 16384 bytes', bytes: 16_385 },
        { dropped: 'more than 16384 bytes', bytes: 20_002 },
        { dropped: 'not JSON' },
        { dropped: 'not JSON' },
        { dropped: 'not JSON' },
      ])
    },
  },
  {
    name: 'refuses an entry that cannot be kept, and writes its neighbours',
    async run({ open }) {
      const ledger = await open()
      const bad: Partial<LedgerEntry>[] = [
        { at: 1.5 },
        { at: -1 },
        { at: Number.NaN },
        { at: 8.64e15 },
        { durationMs: Infinity },
        { user: 'x'.repeat(1_025) },
        { attemptId: 'x'.repeat(1_025) },
        { cost: exactPicos(INT64_MAX + 1n) },
        { usage: usage(-1, 0) },
        { usage: usage(0.5, 0) },
        { outcome: 'lost' as 'ok' },
        { cost: { ...FREE, source: 'guessed' } as unknown as Cost },
        { cost: { ...UNKNOWN, amount: ZERO_AMOUNT } as unknown as Cost },
        { callId: 7 as unknown as string },
        { tags: Array.from({ length: 33 }, String) },
        { kind: 'guess' as 'attempt' },
        { savings: { baseline: 'a/b', amount: 1 as unknown as Amount } },
        { serviceTier: 7 as unknown as string },
      ]
      const good = bad.map(() => entry())
      const results = await Promise.allSettled(
        bad.flatMap((more, index) => [ledger.append(entry(more)), ledger.append(good[index] ?? entry())]),
      )
      for (const [index, result] of results.entries()) {
        assert.equal(
          result.status,
          index % 2 === 0 ? 'rejected' : 'fulfilled',
          JSON.stringify(bad[index / 2]),
        )
        if (result.status === 'rejected') assertError(result.reason, 'store_failed', false)
      }
      assert.deepStrictEqual(await collect(ledger), good)
    },
  },
  {
    name: 'keeps hostile texts apart and whole, in every field',
    async run({ open }) {
      const ledger = await open()
      const written = HOSTILE.map((text, index) =>
        entry({
          id: `${index}${text}`,
          callId: `${index}${text}`,
          attemptId: `${index}${text}`,
          ...told(text),
          cost: { status: 'bounded', amount: parseUsd('1'), reason: text, lines: [] },
        }),
      )
      for (const one of written) await ledger.append(one)
      assert.deepStrictEqual(await collect(ledger), written)
      for (const [index, user] of HOSTILE.entries()) {
        assert.deepStrictEqual(await collect(ledger, { user, model: user }), [written[index]])
      }
      const totals = await ledger.totals({ by: ['user', 'key'] })
      assert.deepStrictEqual(
        totals.map((total) => total.group.user),
        HOSTILE.toSorted((a, b) => (a < b ? -1 : 1)),
      )
    },
  },
  {
    name: 'replaces lone surrogates, which no UTF-8 can hold, and NUL, at which texts are cut, the same everywhere',
    async run({ open }) {
      const ledger = await open()
      const bad = ['\ud800a\udfff', '\0a\0']
      for (const text of bad) {
        await ledger.append(entry({ ...told(text), cost: { ...UNKNOWN, reason: text } as Cost }))
      }
      for (const text of bad) {
        const kept = await collect(ledger, { user: text, model: text, tag: text })
        const texts = kept.map(({ user, model, tags, cost }) => [
          user,
          model,
          ...tags,
          'reason' in cost && cost.reason,
        ])
        assert.deepStrictEqual(texts, Array(2).fill(Array(4).fill('\ufffda\ufffd')))
      }
      assert.deepStrictEqual(await collect(ledger, { user: '' }), [])
    },
  },
  {
    name: 'cuts long texts that the far end chose, and keeps the entry',
    async run({ open }) {
      const ledger = await open()
      const long = 'm'.repeat(100_000)
      await ledger.append(entry({ model: long, error: long, cost: { ...UNKNOWN, reason: long } as Cost }))
      const [kept] = await collect(ledger)
      const cut = `${'m'.repeat(1_023)}…`
      assert.ok(kept?.cost.status === 'unknown')
      assert.deepStrictEqual([kept.model, kept.error, kept.cost.reason], [cut, cut, cut])
    },
  },
]

const CLOSING: readonly LedgerCase[] = [
  {
    name: 'writes what was appended before it closes, and closes twice without harm',
    async run({ open }) {
      const ledger = await open()
      const appended = [ledger.append(entry()), ledger.append(entry())]
      const closed = [ledger.close(), ledger.close()]
      await Promise.all([...appended, ...closed])
    },
  },
  {
    name: 'refuses everything after it was closed',
    async run({ open }) {
      const ledger = await open()
      await ledger.append(entry())
      const closed = ledger.close()
      assertError(await failure(ledger.append(entry())), 'store_failed', false)
      await closed
      assertError(await failure(ledger.append(entry())), 'store_failed', false)
      assertError(await failure(collect(ledger)), 'store_failed', false)
      assertError(await failure(ledger.totals()), 'store_failed', false)
    },
  },
  {
    name: 'does not mix two ledgers',
    async run({ open }) {
      const [one, other] = [await open(), await open()]
      await one.append(entry())
      assert.equal((await collect(other)).length, 0)
    },
  },
]

/** What every ledger does, in memory or in a file. */
export const LEDGER_CASES: readonly LedgerCase[] = [...WRITING, ...FILTERING, ...TOTALS, ...CLOSING]
