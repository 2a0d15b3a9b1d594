import { expect, test } from 'vitest'
import {
  createAI,
  usd,
  type BudgetInput,
  type CallOptions,
  type Client,
  type Cost,
  type ModelPrice,
} from '../../src/index.ts'
import { fakeOpenAI } from '../../src/testing/fake-openai.ts'

const DAY: BudgetInput = { scope: 'user', id: 'ada', period: 'day', limit: '1.00' }
const ASK = { user: 'ada', maxOutputTokens: 100, retries: 0 } as const
const PRICES = [{ provider: 'proxy', model: 'm', perMillionTokens: { input: '1', output: '2' } }]

/** Options with a field that only a server knows: it writes five answers, and gives the best. */
function with5(more: CallOptions = {}): CallOptions {
  return { ...ASK, providerOptions: { openai: { body: { best_of: 5 } } }, ...more }
}

async function ask(
  run: (client: (budgets: readonly BudgetInput[], local?: boolean) => Client) => Promise<void>,
): Promise<number> {
  await using server = await fakeOpenAI({ dialect: 'chat', models: ['m'], keyless: true })
  const client = (budgets: readonly BudgetInput[], local = false): Client =>
    createAI({
      providers: {
        proxy: {
          driver: 'openai',
          dialect: 'chat',
          baseUrl: server.baseUrl,
          model: 'm',
          ...(local && { local }),
        },
      },
      prices: PRICES,
      budgets,
      runtime: { env: {} },
    })
  await run(client)
  return server.requests.length
}

test('a field of which nobody knows what it costs is refused under a budget, before anything is sent', async () => {
  const refused = {
    code: 'price_unknown',
    message: expect.stringContaining('body.best_of can raise') as string,
  }
  const sent = await ask(async (client) => {
    for (const budget of [DAY, { ...DAY, period: 'call' }] as const) {
      const ai = client([budget])
      await expect(ai.sendMessage('Hi', with5())).rejects.toMatchObject(refused)
      await expect(ai.streamMessage('Hi', with5()).response).rejects.toMatchObject(refused)
      expect(await Array.fromAsync(ai.ledger.entries())).toEqual([])
    }
    await expect(client([]).sendMessage('Hi', with5({ budget: usd('1') }))).rejects.toMatchObject(refused)
  })
  expect(sent).toBe(0)
})

test('it passes without a budget, under one that only observes or lets such calls pass, and to a local model', async () => {
  const sent = await ask(async (client) => {
    await client([]).sendMessage('Hi', with5())
    await client([DAY]).sendMessage('Hi', with5({ user: 'grace' }))
    await client([{ ...DAY, mode: 'observe' }]).sendMessage('Hi', with5())
    await client([{ ...DAY, unpriced: 'allow' }]).sendMessage('Hi', with5())
    await client([{ ...DAY, limit: '0' }], true).sendMessage('Hi', with5())
    const harmless = { providerOptions: { openai: { body: { min_p: 0.1, enable_thinking: false } } } }
    await client([DAY]).sendMessage('Hi', { ...ASK, ...harmless })
  })
  expect(sent).toBe(6)
})

test('a model that searches the web for each answer has a price only where its searches have one', async () => {
  const model = 'gpt-4o-search-preview'
  await using server = await fakeOpenAI({ dialect: 'chat', models: [model, 'gpt-4o-mini'], keyless: true })
  server.default({ text: 'Hello', usage: { prompt_tokens: 10, completion_tokens: 100, total_tokens: 110 } })
  const { baseUrl } = server
  const proxy = { driver: 'openai', dialect: 'chat', baseUrl, model, prices: 'openai' } as const
  const own = {
    provider: 'proxy',
    model,
    perMillionTokens: { input: '2.5', output: '10' },
    perThousandCalls: { 'web-search': '25' },
  }
  const ask = async (
    budgets: readonly BudgetInput[],
    prices: readonly ModelPrice[],
    other?: string,
  ): Promise<Cost> => {
    const ai = createAI({ providers: { proxy }, prices, budgets, runtime: { env: {} } })
    return (await ai.sendMessage('Hi', { ...ASK, ...(other !== undefined && { model: other }) })).cost
  }
  const refused = {
    code: 'price_unknown',
    message: expect.stringContaining('how often web-search is called') as string,
  }
  for (const prices of [[], [own]]) await expect(ask([DAY], prices)).rejects.toMatchObject(refused)
  expect(server.requests).toHaveLength(0)
  expect(await ask([], [])).toMatchObject({
    status: 'unknown',
    reason: expect.stringContaining('web-search') as string,
  })
  // 10 x $2.50 and 100 x $10 per million, and $0.025 for the search.
  expect(String((await ask([], [own])).amount)).toBe('0.026025')
  expect(await ask([DAY], [], 'gpt-4o-mini')).toMatchObject({ status: 'exact' })
})
