import { expect, test } from 'vitest'
import { createAI } from '../../src/index.ts'
import { mock } from '../../src/drivers/mock/index.ts'

test('prices are found by exact id, at their time, length and tier of service', async () => {
  await using ai = createAI({
    providers: { openai: { apiKey: 'k' }, gemini: { apiKey: 'k' }, mock: mock() },
    prices: [{ provider: 'mock', model: 'mock-1', perMillionTokens: { input: '1', output: '2' } }],
  })
  const luna = await ai.prices.find('openai/gpt-6-luna')
  expect(luna).toMatchObject({
    unitPrices: { input: '0.0000001', output: '0.0000005' },
    maxOutputTokens: 128_000,
  })
  const long = await ai.prices.find('openai/gpt-6-luna', { inputTokens: 300_000 })
  expect(long?.unitPrices.input).toBe('0.0000002')
  const flex = await ai.prices.find('openai/gpt-6-luna', { serviceTier: 'flex' })
  expect(flex?.unitPrices.output).toBe('0.00000025')
  const before = Date.UTC(2026, 11, 31)
  const flash = async (at: number): Promise<unknown> =>
    (await ai.prices.find('gemini/gemini-3.8-flash', { at }))?.unitPrices.input
  expect([await flash(before), await flash(before + 86_400_000)]).toEqual(['0.00000075', '0.0000015'])
  expect((await ai.prices.find('mock/mock-1'))?.unitPrices.input).toBe('0.000001')
  expect(await ai.prices.find('openai/gpt-6-lunar')).toBeUndefined()
  expect(await ai.prices.id()).toBe(luna?.priceList)
})
