import { expect, test } from 'vitest'
import { AIError, createAI, type AIConfig, type BudgetInput, type Client } from '../../src/index.ts'
import { mock, type MockOptions } from '../../src/drivers/mock/index.ts'
import type { BudgetLedger, BudgetStore } from '../../src/ledger/budget-store.ts'
import { createMemoryLedger } from '../../src/ledger/memory/index.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'

// 'Hi' with an answer of 100 tokens holds 546 x $1 and 100 x $2 per million, $0.000746, and costs $0.00021.
const PRICES = [{ provider: 'mock', model: 'mock-1', perMillionTokens: { input: '1', output: '2' } }]
const DAY: BudgetInput = { scope: 'user', id: 'ada', period: 'day', limit: '0.001', thresholds: [0.1] }
const ASK = { user: 'ada', maxOutputTokens: 100, retries: 0 } as const
const BOOKING_MS = 50 + 250 + 1_000

/** A ledger that cannot be written for so many times; beside it, what was asked of it. */
function failing(times: number, clock: FakeClock, retryable: boolean = true) {
  const ledger = createMemoryLedger({}, { clock })
  const tries = { append: 0, settle: 0, left: times }
  const fail = (what: 'append' | 'settle'): void => {
    tries[what]++
    if (tries.left-- > 0) throw new AIError({ code: 'store_failed', message: 'The disk is full', retryable })
  }
  const budgets: BudgetStore = wrapped(ledger.budgets, {
    settle: async (id, entry) => {
      fail('settle')
      return ledger.budgets.settle(id, entry)
    },
  })
  const books: BudgetLedger = wrapped(ledger, {
    budgets,
    append: async (entry) => {
      fail('append')
      return ledger.append(entry)
    },
  })
  return { ledger: books, tries }
}

function wrapped<T extends object>(whole: T, changed: Partial<T>): T {
  return new Proxy(whole, {
    get: (target, name) => {
      const value: unknown = Reflect.get(name in changed ? changed : target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

interface World {
  readonly ai: Client
  readonly clock: FakeClock
  readonly tries: { append: number; settle: number }
  readonly told: string[]
}

function world(fails: number, config: AIConfig = {}, options: MockOptions = {}, retryable?: boolean): World {
  const clock = new FakeClock()
  const { ledger, tries } = failing(fails, clock, retryable)
  const replies: MockOptions = {
    replies: () => ({ text: 'Hello', usage: { inputTokens: 10, outputTokens: 100 } }),
    ...options,
  }
  const ai = createAI({
    providers: { mock: mock(replies) },
    prices: PRICES,
    budgets: [DAY],
    ledger,
    runtime: { clock, random: () => 0 },
    ...config,
  })
  const told: string[] = []
  ai.on('costCalculated', () => void told.push('cost'))
  ai.on('budgetThresholdReached', () => void told.push('threshold'))
  ai.on('error', ({ event }) => void told.push(`error of ${event}`))
  return { ai, clock, tries, told }
}

/** Lets the time for all tries pass, once the first one was made; the call may not end before. */
async function booked<T>(call: Promise<T>, { clock, tries }: World): Promise<PromiseSettledResult<T>> {
  const settled = Promise.allSettled([call])
  await expect.poll(() => tries.settle + tries.append).toBeGreaterThan(0)
  for (let at = 0; at < BOOKING_MS; at += 10) await clock.advance(10)
  const [result] = await settled
  return result
}

async function standing(ai: Client): Promise<string[]> {
  const [status] = await ai.budgets.status({ user: 'ada' })
  return [String(status?.spent), String(status?.held)]
}

test('a ledger that fails for a moment after the answer loses nothing, with a hold and without', async () => {
  const held = world(3)
  const answer = await booked(held.ai.sendMessage('Hi', ASK), held)
  expect(answer).toMatchObject({ status: 'fulfilled', value: { text: 'Hello' } })
  expect([held.tries.settle, await standing(held.ai)]).toEqual([4, ['0.00021', '0']])
  const free = world(3)
  const other = await booked(free.ai.sendMessage('Hi'), free)
  expect(other).toMatchObject({ status: 'fulfilled', value: { text: 'Hello' } })
  expect(free.tries).toMatchObject({ append: 4, settle: 0 })
  expect(await Array.fromAsync(free.ai.ledger.entries())).toHaveLength(1)
})

test('where it stays away the answer comes with the error, what was held stays held, and counts when its time is over', async () => {
  const failed = world(4)
  const { ai, clock, tries } = failed
  const answer = await booked(ai.sendMessage('Hi', { ...ASK, timeoutMs: 10_000 }), failed)
  expect(answer).toMatchObject({
    status: 'rejected',
    reason: { code: 'store_failed', partial: { text: 'Hello' } },
  })
  expect([tries.settle, await standing(ai)]).toEqual([4, ['0', '0.000746']])
  // The call's own ten seconds, and one more minute.
  await clock.advance(70_001)
  await expect(ai.sendMessage('Hi', ASK)).rejects.toMatchObject({ code: 'budget_exceeded' })
  expect(await standing(ai)).toEqual(['0.000746', '0'])
  expect((await ai.ledger.verify()).discrepancies).toEqual([])
})

test('an error of the ledger that comes again is not waited for', async () => {
  const { ai, tries } = world(1, {}, {}, false)
  await expect(ai.sendMessage('Hi', ASK)).rejects.toMatchObject({ code: 'store_failed' })
  expect(tries.settle).toBe(1)
})

test('thresholds are told of after the cost, whether or not the answer waits for the books', async () => {
  for (const durability of ['before', 'after'] as const) {
    const { ai, told, clock } = world(0, { durability })
    await ai.sendMessage('Hi', ASK)
    await clock.advance(0)
    expect(told).toEqual(['cost', 'threshold'])
  }
})

test('an answer that does not wait for the books comes at once, and what goes wrong with them is told', async () => {
  const late = world(3, { durability: 'after' })
  expect(await late.ai.sendMessage('Hi', ASK)).toMatchObject({ text: 'Hello' })
  expect([late.told, await standing(late.ai)]).toEqual([['cost'], ['0', '0.000746']])
  for (let at = 0; at < BOOKING_MS; at += 10) await late.clock.advance(10)
  expect([late.told, await standing(late.ai)]).toEqual([
    ['cost', 'threshold'],
    ['0.00021', '0'],
  ])
  for (const user of ['ada', undefined]) {
    const { ai, clock, told } = world(4, { durability: 'after' })
    const { maxOutputTokens, retries } = ASK
    await ai.sendMessage('Hi', { maxOutputTokens, retries, ...(user !== undefined && { user }) })
    for (let at = 0; at < BOOKING_MS; at += 10) await clock.advance(10)
    expect(told).toEqual(['cost', 'error of ledger'])
  }
})
