import { expect, test } from 'vitest'
import { createAI, tool, type BudgetInput, type Client } from '../../src/index.ts'
import { mock, type MockFactory, type MockOptions } from '../../src/drivers/mock/index.ts'

// 'Hi' with an answer of 100 tokens holds 546 x $1 and 100 x $2 per million: $0.000746.
const PRICES = [{ provider: 'dear', model: 'mock-1', perMillionTokens: { input: '1', output: '2' } }]
const ASK = { user: 'ada', maxOutputTokens: 100, retries: 0 } as const

function budget(limit: string, onLimit: BudgetInput['onLimit'] = { fallback: 'free/mock-1' }): BudgetInput {
  return { scope: 'user', id: 'ada', period: 'day', limit, ...(onLimit && { onLimit }) }
}

interface World {
  readonly ai: Client
  readonly dear: MockFactory
  readonly free: MockFactory
}

function world(limit: BudgetInput, dear: MockOptions = {}, free: MockOptions = {}): World {
  const own = { dear: mock(dear), free: mock({ local: true, ...free }) }
  const ai = createAI({ providers: own, prices: PRICES, budgets: [limit] })
  return { ai, ...own }
}

const usage = { inputTokens: 100, outputTokens: 100 }
const look = tool({ name: 'look', input: { type: 'object' }, run: () => 'seen' })
const calls = { toolCalls: [{ id: 'a', name: 'look', arguments: {} }], usage }

test('a call that a later round sent to a free model stays there, and says so once', async () => {
  const { ai, dear, free } = world(budget('0.0009'), { replies: [calls] }, { replies: [calls, 'Done'] })
  const told: unknown[] = []
  ai.on('providerFallback', ({ from, to, reason }) => void told.push([from, to, reason]))
  const answer = await ai.sendMessage('Hi', { ...ASK, tools: [look] })
  expect(answer).toMatchObject({ text: 'Done', provider: 'free', requestedModel: 'mock-1' })
  expect(answer.attempts.map(({ provider, round, cost }) => [provider, round, cost.status])).toEqual([
    ['dear', 1, 'exact'],
    ['free', 2, 'free'],
    ['free', 3, 'free'],
  ])
  expect(answer.warnings.map(({ code }) => code)).toEqual(['budget-fallback'])
  expect(told).toEqual([['dear/mock-1', 'free/mock-1', 'budget']])
  expect([dear.requests.length, free.requests.length]).toEqual([1, 2])
})

test('a fallback that cannot do what the call needs is no way out, and the error says why', async () => {
  const { ai, free } = world(budget('0'), {}, { capabilities: ['chat'] })
  const call = ai.sendMessage('Hi', { ...ASK, tools: [look] })
  await expect(call).rejects.toMatchObject({
    code: 'budget_exceeded',
    message: expect.stringContaining('The fallback free/mock-1 is no way out') as string,
    details: { scope: 'user', fallback: 'free/mock-1' },
  })
  const embedding = ai.embed('Hi', { user: 'ada' })
  await expect(embedding).rejects.toMatchObject({ details: { fallback: 'free/mock-1' } })
  expect([free.requests, free.embedRequests]).toEqual([[], []])
})

test('texts to embed fall back as well', async () => {
  const { ai, dear } = world(budget('0'))
  const { provider, cost, warnings } = await ai.embed('Hi', { user: 'ada' })
  expect([provider, cost.status, warnings.map(({ code }) => code)]).toEqual([
    'free',
    'free',
    ['budget-fallback'],
  ])
  expect(dear.embedRequests).toEqual([])
})

test('a call without a known price falls back for that reason', async () => {
  const { ai } = world(budget('1'))
  const told: unknown[] = []
  ai.on('providerFallback', ({ reason }) => void told.push(reason))
  const answer = await ai.sendMessage('Hi', { ...ASK, model: 'unpriced' })
  expect(answer).toMatchObject({ provider: 'free', model: 'mock-1', requestedModel: 'unpriced' })
  expect(answer.warnings).toMatchObject([{ details: { code: 'price_unknown' } }])
  expect(told).toEqual(['price'])
})

test('the option of a call goes before that of its budget', async () => {
  const { ai, free } = world(budget('0'))
  await expect(ai.sendMessage('Hi', { ...ASK, onLimit: 'reject' })).rejects.toMatchObject({
    code: 'budget_exceeded',
    details: { alternatives: ['free/mock-1'] },
  })
  expect(free.requests).toEqual([])
})

test('a refusal names three free models at most, and none that it was asked for or that costs', async () => {
  const free = (): MockFactory => mock({ local: true, model: 'mock-1' })
  const ai = createAI({
    providers: { dear: mock(), other: mock(), a: free(), b: free(), c: free(), d: free() },
    prices: PRICES,
    budgets: [budget('0', 'reject')],
  })
  await expect(ai.sendMessage('Hi', ASK)).rejects.toMatchObject({
    details: { alternatives: ['a/mock-1', 'b/mock-1', 'c/mock-1'] },
  })
})

test("under 'observe' for everything nothing is refused, also by the call's own budget, and all is counted", async () => {
  const ai = createAI({
    providers: { dear: mock({ replies: () => ({ text: 'Hello', usage }) }) },
    prices: PRICES,
    budgets: [budget('0', 'reject')],
    middleware: [{ name: 'budget-enforcement', mode: 'observe' }],
  })
  const told: unknown[] = []
  ai.on('budgetExceeded', ({ enforced, needed }) => void told.push([enforced, String(needed)]))
  await ai.sendMessage('Hi', { ...ASK, budget: '0' })
  const [status] = await ai.budgets.status({ user: 'ada' })
  expect([told, String(status?.spent)]).toEqual([[[false, '0.000746']], '0.0003'])
})

test('a call is made to fit into the tightest of its budgets, its own included', async () => {
  const dear = mock({ replies: () => ({ text: 'Hello', usage: { inputTokens: 1, outputTokens: 1 } }) })
  const day = budget('0.000700', 'fit')
  const ai = createAI({
    providers: { dear },
    prices: PRICES,
    budgets: [day, { ...day, period: 'total', limit: '0.000650' }],
  })
  // (650 - 546) / 2, and (600 - 546) / 2.
  await ai.sendMessage('Hi', { ...ASK, maxOutputTokens: 1_000 })
  await ai.sendMessage('Hi', { ...ASK, maxOutputTokens: 1_000, budget: '0.0006', onLimit: 'fit' })
  expect(dear.requests.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([52, 27])
  // 15 tokens are too few to be worth asking: (576 - 546) / 2.
  const small = ai.sendMessage('Hi', { ...ASK, budget: '0.000577', onLimit: 'fit' })
  await expect(small).rejects.toMatchObject({ details: { scope: 'call', affordableOutputTokens: 15 } })
  expect(dear.requests).toHaveLength(2)
})
