import { expect, test } from 'vitest'
import { createAI, type AIConfig, type BudgetInput, type Client } from '../../src/index.ts'
import { mock, type MockFactory } from '../../src/drivers/mock/index.ts'

// 'Hi' has at most 546 tokens of input: $0.000546, and each token of output $0.000002.
const PRICES = [{ provider: 'mock', model: 'mock-1', perMillionTokens: { input: '1', output: '2' } }]
const DAY: BudgetInput = { scope: 'user', id: 'ada', period: 'day', limit: '1' }
const OBSERVING: AIConfig = { middleware: [{ name: 'budget-enforcement', mode: 'observe' }] }

function world(
  budgets: readonly BudgetInput[],
  config: AIConfig = {},
): { readonly ai: Client; readonly mock: MockFactory } {
  const provider = mock({ replies: () => ({ text: 'Hello', usage: { inputTokens: 10, outputTokens: 100 } }) })
  return {
    ai: createAI({ providers: { mock: provider }, prices: PRICES, budgets, ...config }),
    mock: provider,
  }
}

test('where everything is only observed, a call has no limit of its own either, and is sent as it is', async () => {
  const { ai, mock: provider } = world([], OBSERVING)
  await ai.sendMessage('Hi', { budget: '0' })
  expect(provider.requests.map(({ maxOutputTokens }) => maxOutputTokens)).toEqual([undefined])
  const enforced = world([])
  const refused = enforced.ai.sendMessage('Hi', { budget: '0' })
  await expect(refused).rejects.toMatchObject({ code: 'budget_exceeded', details: { scope: 'call' } })
})

test('an observed budget beside an enforced one neither refuses nor makes the answer shorter', async () => {
  const tight: BudgetInput = { ...DAY, period: 'month', limit: '0', mode: 'observe' }
  const { ai, mock: provider } = world([{ ...DAY, limit: '0.000746' }, tight])
  await ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 500, onLimit: 'fit' })
  expect(provider.requests).toMatchObject([{ maxOutputTokens: 100 }])
})

test('an observed budget says nothing against a model without a price, an enforced one names itself', async () => {
  const { ai } = world([{ ...DAY, mode: 'observe' }], { prices: [] })
  expect((await ai.sendMessage('Hi', { user: 'ada' })).cost.status).toBe('unknown')
  const both = world([DAY, { ...DAY, period: 'week', unpriced: 'allow' }], { prices: [] })
  await expect(both.ai.sendMessage('Hi', { user: 'ada' })).rejects.toMatchObject({
    code: 'price_unknown',
    provider: 'mock',
    model: 'mock-1',
    details: { budgets: ['user/ada/day'] },
  })
})

test.each([
  ['the budget, where that has less', '0.000746', '0.01', 100],
  ["the call's own, where that has less", '0.01', '0.000646', 50],
])('a call is made to fit into the tightest: %s', async (_, limit, budget, expected) => {
  const { ai, mock: provider } = world([{ ...DAY, limit }])
  const answer = await ai.sendMessage('Hi', { user: 'ada', budget, maxOutputTokens: 500, onLimit: 'fit' })
  expect(provider.requests).toMatchObject([{ maxOutputTokens: expected }])
  expect(answer.warnings.map(({ code }) => code)).toEqual(['output-limit-lowered'])
})

test.each([
  [16, '0.000578', 'answered'],
  [15, '0.000577999999', 'refused'],
])('a call that could have %i tokens is %s', async (tokens, limit, expected) => {
  const { ai } = world([{ ...DAY, limit, onLimit: 'fit' }])
  const call = ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 500 })
  const outcome = await call.then(
    () => 'answered',
    (error: { details: { affordableOutputTokens: number } }) =>
      `refused at ${error.details.affordableOutputTokens}`,
  )
  expect(outcome).toBe(expected === 'answered' ? 'answered' : `refused at ${tokens}`)
})

test('a limit that was passed while it was observed lets nothing pass once it is enforced', async () => {
  const { ai } = world([{ ...DAY, limit: '0.0001', unpriced: 'allow', mode: 'observe' }])
  await ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 100 })
  await ai.budgets.set({ ...DAY, limit: '0.0001', unpriced: 'allow' })
  await expect(ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 100 })).rejects.toMatchObject({
    code: 'budget_exceeded',
    details: { affordableOutputTokens: null },
  })
})
