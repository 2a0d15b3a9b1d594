import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BUDGET_PERIODS, type Budget } from '../../../src/core/budget.ts'
import type { Cost } from '../../../src/core/cost.ts'
import { isAIError } from '../../../src/core/errors.ts'
import type { BudgetLedger, HoldRequest } from '../../../src/ledger/budget-store.ts'
import type { LedgerEntry } from '../../../src/ledger/ledger.ts'
import { createMemoryLedger } from '../../../src/ledger/memory/index.ts'
import { Amount } from '../../../src/money/amount.ts'
import { picos } from '../../../src/money/picos.ts'
import { collect, entry, exactPicos, NOON, UNKNOWN } from '../entries.ts'
import { holdClock, type DatabaseClock } from './database-clock.ts'
import { isAvailable, START_MS, startServer, type Server } from './server.ts'

const RUNS = 100
const TIMEOUT_MS = 120_000

const SCHEMA = 'groat_same'
/** As a replica, so that the trigger which forbids it does not see it. */
const EMPTY = [
  'SET session_replication_role = replica',
  ...['entry', 'hold', 'budget_window', 'budget'].map((table) => `DELETE FROM ${SCHEMA}.${table}`),
  'RESET session_replication_role',
].join(';')

/** One thing that is done to both stores, and the same must come of it. */
type Command =
  | { readonly do: 'set'; readonly budget: Budget }
  | { readonly do: 'remove'; readonly budget: Budget }
  | { readonly do: 'reserve'; readonly requests: readonly HoldRequest[] }
  | { readonly do: 'settle'; readonly ids: readonly string[]; readonly cost: Cost }
  | { readonly do: 'release'; readonly id: string }
  | { readonly do: 'assume' }
  | { readonly do: 'wait'; readonly ms: number }

const IDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const
const HOLD_ID = fc.constantFrom(...IDS)
const AMOUNT = fc.bigInt(0n, 40n)
const LIMIT = fc.option(fc.bigInt(0n, 100n), { nil: null })
const COST = fc.oneof(AMOUNT.map(exactPicos), fc.constant(UNKNOWN), fc.bigInt(0n, 200n).map(exactPicos))

const BUDGET: fc.Arbitrary<Budget> = fc.record({
  scope: fc.constantFrom<Budget['scope']>('user', 'organization'),
  id: fc.constantFrom('*', 'ada', 'bob'),
  period: fc.constantFrom(...BUDGET_PERIODS),
  limit: LIMIT.map((limit) => (limit === null ? null : new Amount(limit))),
  timeZone: fc.constantFrom('UTC', 'Asia/Kathmandu'),
  unpriced: fc.constant<Budget['unpriced']>('deny'),
  mode: fc.constantFrom<Budget['mode']>('enforce', 'enforce', 'observe'),
  thresholds: fc.constantFrom<readonly number[]>([0.8, 0.95], [], [0.333333, 1]),
  onLimit: fc.constantFrom<Budget['onLimit']>('reject', 'fit', { fallback: 'ollama/llama3.2' }),
})

const REQUEST: fc.Arbitrary<HoldRequest> = fc.record({
  id: HOLD_ID,
  callId: fc.constantFrom('one', 'two'),
  fingerprint: fc.constantFrom('same', 'same', 'same', 'other'),
  amount: AMOUNT.map(picos),
  callSpent: fc.constantFrom(0n, 0n, 30n).map(picos),
  ttlMs: fc.constantFrom(1_000, 60_000, 7_200_000.5),
  mode: fc.constantFrom('enforce', 'enforce', 'enforce', 'observe'),
  attribution: fc.constantFrom(
    { user: 'ada' },
    { user: 'bob', organization: 'ada', tags: ['x', '\0'] },
    { user: '\0\u0001', organization: 'acme' },
    { project: 'none' },
  ),
  provider: fc.constant('openai'),
  model: fc.constant('gpt-6-luna'),
})

const COMMAND: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: BUDGET.map((budget): Command => ({ do: 'set', budget })) },
  { weight: 1, arbitrary: BUDGET.map((budget): Command => ({ do: 'remove', budget })) },
  {
    weight: 8,
    arbitrary: fc
      .uniqueArray(REQUEST, { minLength: 1, maxLength: 4, selector: ({ id }) => id })
      .map((requests): Command => ({ do: 'reserve', requests })),
  },
  {
    weight: 6,
    arbitrary: fc
      .tuple(fc.uniqueArray(fc.constantFrom(...IDS, 'never'), { minLength: 1, maxLength: 3 }), COST)
      .map(([ids, cost]): Command => ({ do: 'settle', ids, cost })),
  },
  { weight: 2, arbitrary: HOLD_ID.map((id): Command => ({ do: 'release', id })) },
  { weight: 1, arbitrary: fc.constant<Command>({ do: 'assume' }) },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(500, 2_000, 59_000, 3_600_000, 86_400_000, 3_456_000_000)
      .map((ms): Command => ({ do: 'wait', ms })),
  },
)

/** What came of a promise, in a form that can be compared. */
async function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    const outcome = await promise
    // In no order.
    if (Array.isArray((outcome as { over?: unknown } | undefined)?.over)) {
      const { over, ...rest } = outcome as { readonly over: readonly unknown[] }
      return { ...rest, over: new Set(over) }
    }
    return outcome
  } catch (error) {
    if (!isAIError(error)) throw error
    return { code: error.code, message: error.message }
  }
}

async function run(ledger: BudgetLedger, command: Command, bookOf: (id: string, cost: Cost) => LedgerEntry) {
  const { budgets } = ledger
  switch (command.do) {
    case 'set':
      return budgets.set(command.budget)
    case 'remove':
      return budgets.remove(command.budget)
    case 'reserve':
      return Promise.all(command.requests.map((request) => outcomeOf(budgets.reserve(request))))
    case 'settle':
      return Promise.all(command.ids.map((id) => outcomeOf(budgets.settle(id, bookOf(id, command.cost)))))
    case 'release':
      return budgets.release(command.id)
    case 'assume':
      return budgets.assume()
    case 'wait':
      return undefined
  }
}

/** Everything that can be asked. */
async function stateOf(ledger: BudgetLedger): Promise<unknown> {
  const { budgets } = ledger
  return {
    list: await budgets.list(),
    all: (await budgets.windows()).filter(
      ({ budget, settled, reserved }) => budget.id === '*' || settled + reserved > 0n,
    ),
    ada: await budgets.windows({ user: 'ada', organization: 'acme' }),
    users: await budgets.windows({ user: '*' }),
    applicable: await budgets.applicable({ user: 'bob', organization: 'ada' }),
    books: await budgets.verify(),
    entries: await collect(ledger),
  }
}

describe.skipIf(!isAvailable())('budgets in PostgreSQL', () => {
  let server: Server
  let postgres: BudgetLedger
  let databaseClock: DatabaseClock

  beforeAll(async () => {
    server = await startServer()
    postgres = await server.open({ schema: SCHEMA })
    databaseClock = await holdClock(server, SCHEMA, NOON)
  }, START_MS)

  afterAll(async () => {
    await postgres.close()
    await server.stop()
  })

  test(
    'do the same as those in memory, whatever is done to them',
    async () => {
      const commands = fc.array(COMMAND, { minLength: 5, maxLength: 50, size: 'max' })
      await fc.assert(
        fc.asyncProperty(commands, async (all) => {
          await server.ask(EMPTY)
          await databaseClock.set(NOON)
          let now = NOON
          const clock = { now: () => now, elapsed: () => now, after: () => () => undefined }
          const memory = createMemoryLedger({}, { clock })
          // An attempt is settled that was held, or one that never asked.
          const settleable = new Set(['never'])
          for (const drawn of all) {
            const command =
              drawn.do === 'settle' ? { ...drawn, ids: drawn.ids.filter((id) => settleable.has(id)) } : drawn
            if (command.do === 'wait') {
              now += command.ms
              await databaseClock.set(now)
            }
            // Expired holds are found at different times, and in the end by both.
            await Promise.all([memory.budgets.assume(), postgres.budgets.assume()])
            const bookOf = (id: string, cost: Cost): LedgerEntry => ({
              ...entry({ cost, at: now, callId: 'call' }),
              id,
              attemptId: id,
            })
            const expected = await run(memory, command, bookOf)
            if (command.do === 'reserve') {
              const outcomes = expected as readonly { readonly status?: string }[]
              for (const [index, { id }] of command.requests.entries()) {
                if (outcomes[index]?.status === 'held') settleable.add(id)
              }
            }
            expect(await run(postgres, command, bookOf), JSON.stringify(command, replaceBigints)).toEqual(
              expected,
            )
          }
          expect(await stateOf(postgres)).toEqual(await stateOf(memory))
          expect((await postgres.budgets.verify()).discrepancies).toEqual([])
        }),
        { numRuns: RUNS },
      )
    },
    TIMEOUT_MS,
  )
})

function replaceBigints(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value
}
