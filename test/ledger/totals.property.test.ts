import fc from 'fast-check'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cost } from '../../src/core/cost.ts'
import { isAIError } from '../../src/core/errors.ts'
import {
  DIMENSIONS,
  ENTRY_KINDS,
  type Dimension,
  type Ledger,
  type LedgerEntry,
  type LedgerFilter,
} from '../../src/ledger/ledger.ts'
import type { BudgetLedger } from '../../src/ledger/budget-store.ts'
import { createMemoryLedger } from '../../src/ledger/memory/index.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { Amount, parseUsd } from '../../src/money/amount.ts'
import { DAY, entry, exactPicos, FREE, INT64_MAX, NOON, UNKNOWN, usage } from './entries.ts'
import { fold, type FoldedTotal } from './fold.ts'

type Query = LedgerFilter & { readonly by: readonly Dimension[] }

let folder = ''
let files = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'groat-totals-'))
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const LABEL = fc.constantFrom('a', '', '1:a')
const SCOPE = fc.option(LABEL, { nil: undefined })
const COUNT = fc.option(fc.nat(1_000_000), { nil: undefined })
const BOUNDED: Cost = { status: 'bounded', amount: parseUsd('1'), reason: 'cut', lines: [] }
const COST = fc.oneof(
  fc.constantFrom(FREE, UNKNOWN, BOUNDED),
  fc.bigInt(-INT64_MAX, INT64_MAX).map(exactPicos),
  fc.bigInt(0n, 1_000n).map(exactPicos),
)
/** Hours over four days, with the moments beside midnight among them. */
const MOMENT = fc.oneof(
  fc.integer({ min: -48, max: 48 }).map((hours) => NOON + hours * 3_600_000),
  fc.integer({ min: -2, max: 2 }).map((days) => NOON - DAY / 2 + days * DAY),
  fc
    .integer({ min: -2, max: 2 })
    .chain((days) => fc.integer({ min: -1, max: 1 }).map((ms) => NOON - DAY / 2 + days * DAY + ms)),
)

const ENTRY = fc
  .record({
    at: MOMENT,
    provider: LABEL,
    model: LABEL,
    user: SCOPE,
    project: SCOPE,
    organization: SCOPE,
    key: SCOPE,
    cost: COST,
    input: COUNT,
    output: COUNT,
    tags: fc.subarray(['a', '', '1:a', 'b']),
    // Most are attempts: what else there is only adds to sums.
    kind: fc.constantFrom(...Array.from({ length: 6 }, () => 'attempt' as const), ...ENTRY_KINDS),
    savings: fc.option(
      fc.bigInt(-INT64_MAX, INT64_MAX).map((picos) => ({ baseline: 'a/b', amount: new Amount(picos) })),
      { nil: undefined },
    ),
  })
  .map(({ input, output, ...more }) => entry({ ...more, usage: usage(input, output) }))

/** Entries of two users only: their cells outlive the folding of days, where others are folded altogether. */
const PLAIN_ENTRY = fc
  .record({ at: MOMENT, user: fc.constantFrom('a', ''), cost: COST })
  .map((more) => entry({ ...more, provider: 'a', model: 'a' }))

/** Up to four attempts of a call follow each other: what a kept window can still tell apart. */
const CALLS = [ENTRY, PLAIN_ENTRY].map((one) =>
  fc.array(fc.array(one, { minLength: 1, maxLength: 4 }), { maxLength: 20, size: 'max' }),
)
const BOOKS = fc.oneof(...CALLS).map((calls) =>
  calls.flatMap((attempts, call) =>
    attempts.map((one, index): LedgerEntry => ({
      ...one,
      callId: `c${call}`,
      id: `c${call}/${index}`,
      attemptId: `c${call}/${index}`,
    })),
  ),
)

const QUERY: fc.Arbitrary<Query> = fc
  .record({
    by: fc.shuffledSubarray([...DIMENSIONS], { maxLength: 3 }),
    // Few filters at once: with many, nearly all answers are empty.
    filter: fc
      .dictionary(
        fc.constantFrom('user', 'project', 'organization', 'key', 'provider', 'model', 'tag'),
        LABEL,
        {
          maxKeys: 2,
        },
      )
      .map((filter): LedgerFilter => filter),
    callId: fc.option(fc.constantFrom('c0', 'c1', 'c5', 'c19'), { nil: undefined, freq: 5 }),
    moments: fc.tuple(MOMENT, MOMENT),
    bounds: fc.constantFrom('none', 'from', 'to', 'both'),
  })
  .map(({ by, filter, callId, moments, bounds }) => {
    const [from, to] = moments.toSorted((a, b) => a - b)
    return {
      by,
      ...filter,
      callId,
      from: bounds === 'from' || bounds === 'both' ? from : undefined,
      to: bounds === 'to' || bounds === 'both' ? to : undefined,
    }
  })

const QUERIES = fc.array(QUERY, { minLength: 1, maxLength: 12 })

async function totalsOf(ledger: Ledger, query: Query): Promise<FoldedTotal[]> {
  const totals = await ledger.totals(query)
  return totals.map(({ cost, savings, ...rest }) => ({ ...rest, picos: cost.picos, savings: savings.picos }))
}

/** In one order, whatever it is: the contract looks at the order itself. */
function inOrder(totals: readonly FoldedTotal[]): FoldedTotal[] {
  const keyOf = ({ group }: FoldedTotal): string =>
    JSON.stringify(Object.values(group).map((value) => value ?? null))
  return totals.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
}

test('totals of memory are those of SQLite, of its rollup, and those of a plain fold', async () => {
  await fc.assert(
    fc.asyncProperty(BOOKS, QUERIES, async (books, queries) => {
      const memory = createMemoryLedger()
      const open = (rollupEntriesMin: number): Promise<BudgetLedger> =>
        openSqliteLedger({ path: join(folder, `${++files}.db`), synchronous: 'NORMAL', rollupEntriesMin })
      const [sqlite, rolled] = [await open(Infinity), await open(0)]
      try {
        await Promise.all(books.flatMap((one) => [memory.append(one), sqlite.append(one)]))
        // In three steps, so that calls come to cells that are there already.
        for (const third of [0, 1, 2]) {
          await Promise.all(books.filter((_, index) => index % 3 === third).map((one) => rolled.append(one)))
          await rolled.totals()
        }
        for (const query of queries) {
          const expected = inOrder(fold(books, query))
          const inMemory = await totalsOf(memory, query)
          expect(inOrder(inMemory)).toEqual(expected)
          expect(await totalsOf(sqlite, query)).toEqual(inMemory)
          expect(await totalsOf(rolled, query)).toEqual(inMemory)
        }
        expect((await rolled.budgets.verify()).discrepancies).toEqual([])
      } finally {
        await sqlite.close()
        await rolled.close()
      }
    }),
    { numRuns: 60 },
  )
})

test('a memory ledger that dropped entries and folded cells gives exact totals or none', async () => {
  let exact = 0
  let refused = 0
  const limits = fc.record({
    entriesMax: fc.integer({ min: 4, max: 12 }),
    cellsMax: fc.integer({ min: 1, max: 60 }),
  })
  await fc.assert(
    fc.asyncProperty(BOOKS, QUERIES, limits, async (books, queries, options) => {
      const memory = createMemoryLedger(options)
      for (const one of books) await memory.append(one)
      // The sum of everything is never refused.
      expect(await totalsOf(memory, { by: [] })).toEqual(fold(books, {}))
      for (const query of queries) {
        try {
          const totals = await totalsOf(memory, query)
          expect(inOrder(totals)).toEqual(inOrder(fold(books, query)))
          exact++
        } catch (error) {
          if (!isAIError(error)) throw error
          expect(error).toMatchObject({ code: 'store_failed', retryable: false })
          refused++
        }
      }
    }),
    { numRuns: 1_000 },
  )
  // Both happen, or the property says nothing.
  expect(exact).toBeGreaterThan(500)
  expect(refused).toBeGreaterThan(500)
})
