import { expect, test } from 'vitest'
import { createAI, type AIConfig, type BudgetInput, type Client, type Ledger } from '../../src/index.ts'
import { mock, type MockFactory, type MockOptions } from '../../src/drivers/mock/index.ts'
import { openLedger } from '../../src/ledger/open.ts'
import { fakeOllama } from '../../src/testing/fake-ollama.ts'

// 'Hi' has at most 546 tokens of input: $0.000546, and each token of output $0.000002.
const PRICES = [{ provider: 'mock', model: 'mock-1', perMillionTokens: { input: '1', output: '2' } }]
const DAY: BudgetInput = { scope: 'user', id: 'ada', period: 'day', limit: '1' }

interface World {
  readonly ai: Client
  readonly mock: MockFactory
}

function world(budgets: readonly BudgetInput[], options: MockOptions = {}, config: AIConfig = {}): World {
  const usage = { inputTokens: 10, outputTokens: 100 }
  const provider = mock({ replies: () => ({ text: 'Hello', usage }), ...options })
  const ai = createAI({ providers: { mock: provider }, prices: PRICES, budgets, ...config })
  return { ai, mock: provider }
}

test('under budgets that only observe, a call is sent as it is', async () => {
  const { ai, mock: provider } = world([{ ...DAY, limit: '0', mode: 'observe' }])
  await ai.sendMessage('Hi', { user: 'ada' })
  expect(provider.requests.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([undefined])
  const enforced = world([DAY])
  await enforced.ai.sendMessage('Hi', { user: 'ada' })
  expect(enforced.mock.requests.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([8_192])
})

test('a call of which the price is not known is refused, too, where a budget that allows such calls is overspent', async () => {
  const unpriced: BudgetInput = { ...DAY, limit: '0.001', unpriced: 'allow' }
  // The answer has ten times the tokens that were asked for: $0.00201.
  const lie: MockOptions = {
    replies: () => ({ text: 'Hello', usage: { inputTokens: 10, outputTokens: 1_000 } }),
  }
  const { ai, mock: provider } = world([unpriced], lie)
  const odd = ai.model('mock/mock-2').with({ user: 'ada' })
  const answer = await odd.sendMessage('Hi')
  expect([answer.model, answer.cost.status]).toEqual(['mock-2', 'unknown'])
  await ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 100 })
  await expect(odd.sendMessage('Hi')).rejects.toMatchObject({
    code: 'budget_exceeded',
    details: { scope: 'user', affordableOutputTokens: null },
  })
  expect(provider.requests.map(({ model }) => model)).toEqual(['mock-2', 'mock-1'])
})

test("a call's own budget holds on a ledger that keeps no budgets", async () => {
  const memory = await openLedger('memory:')
  const ledger: Ledger = {
    append: (entry) => memory.append(entry),
    entries: (filter) => memory.entries(filter),
    totals: (query) => memory.totals(query),
    close: () => memory.close(),
  }
  const { ai, mock: provider } = world([], {}, { ledger })
  const answer = await ai.sendMessage('Hi', { maxOutputTokens: 100, budget: '0.000746' })
  expect(String(answer.cost.amount)).toBe('0.00021')
  const refused = ai.sendMessage('Hi', { maxOutputTokens: 100, budget: '0.000745' })
  await expect(refused).rejects.toMatchObject({ code: 'budget_exceeded', details: { scope: 'call' } })
  expect(provider.requests).toHaveLength(1)
})

test.each([
  ['the budget of user ada', {}],
  ["the call's own budget", { budget: '0.000646' }],
])('a shorter answer is said to be what %s pays for', async (whose, options) => {
  const { ai } = world([{ ...DAY, limit: '0.000746' }])
  const answer = await ai.sendMessage('Hi', {
    user: 'ada',
    maxOutputTokens: 500,
    onLimit: 'fit',
    ...options,
  })
  expect(answer.warnings[0]?.message).toContain(`that is what ${whose} still pays for`)
})

test('where a budget asks whether a model is local, the call can be stopped, and its time counts', async () => {
  await using server = await fakeOllama({ models: ['llama3.2'] })
  const never = server.gate()
  server.on('/api/show', { body: {}, headersGate: never })
  await using ai = createAI({
    providers: { ollama: { baseUrl: server.url, model: 'llama3.2' } },
    budgets: [DAY],
  })
  const stop = new AbortController()
  const stopped = ai.sendMessage('Hi', { user: 'ada', signal: stop.signal })
  await never.arrival()
  stop.abort()
  await expect(stopped).rejects.toMatchObject({ code: 'aborted' })
  const late = ai.sendMessage('Hi', { user: 'ada', timeoutMs: 20, retries: 0 })
  await expect(late).rejects.toMatchObject({ code: 'timed_out' })
  expect(server.requests.map(({ path }) => path)).not.toContain('/api/chat')
})
