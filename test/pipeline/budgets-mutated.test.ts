import { expect, test } from 'vitest'
import { createAI, type BudgetLedger, type CallOptions, type Message } from '../../src/index.ts'
import { mock } from '../../src/drivers/mock/index.ts'
import { createMemoryLedger } from '../../src/ledger/memory/index.ts'

const PRICES = [{ provider: 'mock', model: 'mock-1', perMillionTokens: { input: '1', output: '2' } }]
const LONG = 'word '.repeat(10_000)

/** A memory ledger that does something while money is being held. */
function ledgerThat(meanwhile: () => void): BudgetLedger {
  const ledger = createMemoryLedger()
  const { budgets } = ledger
  const reserve = budgets.reserve.bind(budgets)
  budgets.reserve = (request) => {
    meanwhile()
    return reserve(request)
  }
  return ledger
}

test('what a caller writes into the conversation while its money is being held is not sent', async () => {
  const part = { type: 'text' as const, text: 'Hi' }
  const messages: Message[] = [{ role: 'user', content: [part] }]
  const provider = mock()
  const ledger = ledgerThat(() => {
    part.text = LONG
    messages.push({ role: 'user', content: LONG })
  })
  const budgets = [{ scope: 'user', id: 'ada', period: 'day', limit: '1' }] as const
  await using ai = createAI({ providers: { mock: provider }, prices: PRICES, ledger, budgets })
  const options: CallOptions = { user: 'ada', maxOutputTokens: 100 }
  await ai.sendMessage(messages, options)
  expect(provider.requests).toMatchObject([{ messages: [{ content: [{ text: 'Hi' }] }] }])
  expect(provider.requests[0]?.messages).toHaveLength(1)
  // The next call is one of what there is by then: 100,000 bytes, which five cents do not cover.
  await expect(ai.sendMessage(messages, { ...options, budget: '0.05' })).rejects.toMatchObject({
    code: 'budget_exceeded',
  })
  expect(provider.requests).toHaveLength(1)
})

test('nor what is written into the texts to embed', async () => {
  const values = ['Hi']
  const provider = mock()
  const ledger = ledgerThat(() => values.push(LONG))
  const budgets = [{ scope: 'user', id: 'ada', period: 'day', limit: '1' }] as const
  await using ai = createAI({ providers: { mock: provider }, prices: PRICES, ledger, budgets })
  await ai.embed(values, { user: 'ada' })
  expect(provider.embedRequests).toMatchObject([{ values: ['Hi'] }])
})
