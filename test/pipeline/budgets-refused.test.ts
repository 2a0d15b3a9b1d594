import { expect, test } from 'vitest'
import { createAI } from '../../src/index.ts'
import { mock } from '../../src/drivers/mock/index.ts'

const PRICES = [{ provider: 'mock', model: 'mock-1', perMillionTokens: { input: '1', output: '2' } }]
const usage = { inputTokens: 0, outputTokens: 0 }

test.each([
  [300, 'exact', '0'],
  [400, 'exact', '0'],
  [408, 'bounded', '0.000746'],
  [429, 'exact', '0'],
  [499, 'bounded', '0.000746'],
  [500, 'bounded', '0.000746'],
  [502, 'bounded', '0.000746'],
  [503, 'exact', '0'],
  [504, 'bounded', '0.000746'],
])('status %i is booked as %s %s', async (status, said, amount) => {
  const ai = createAI({
    providers: { mock: mock({ replies: [{ error: { code: 'provider_unavailable', status } }] }) },
    prices: PRICES,
    budgets: [{ scope: 'user', id: 'ada', period: 'day', limit: '1' }],
  })
  const call = ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 100, retries: 0 })
  await expect(call).rejects.toMatchObject({ code: 'provider_unavailable' })
  const [entry] = await Array.fromAsync(ai.ledger.entries())
  expect([entry?.cost.status, String(entry?.cost.amount)]).toEqual([said, amount])
})

test.each([
  ['text', { text: 'Hello', usage }],
  ['a call', { toolCalls: [{ id: 'a', name: 'look', arguments: {} }], usage }],
  ['no word', { text: '', usage: { inputTokens: 0, outputTokens: 5 } }],
])('counts of zero beside %s are no price', async (_, reply) => {
  const ai = createAI({ providers: { mock: mock({ replies: [reply] }) }, prices: PRICES })
  const { cost } = await ai.sendMessage('Hi', { tools: [{ name: 'look', input: { type: 'object' } }] })
  expect(cost.status).toBe('bounded')
})
