import { expect, test } from 'vitest'
import {
  AIError,
  createAI,
  type AIConfig,
  type BudgetInput,
  type Client,
  type LedgerEntry,
} from '../../src/index.ts'
import { mock, type MockOptions, type MockReply } from '../../src/drivers/mock/index.ts'
import { fakeGemini } from '../../src/testing/fake-gemini.ts'
import { fakeOpenAI } from '../../src/testing/fake-openai.ts'
import { fakeXai } from '../../src/testing/fake-xai.ts'

// 'Hi' with an answer of 100 tokens: 546 x $1 and 100 x $2 per million are held, $0.000746.
const PRICES = [{ provider: 'mock', model: 'mock-1', perMillionTokens: { input: '1', output: '2' } }]
const DAY: BudgetInput = { scope: 'user', id: 'ada', period: 'day', limit: '1.00' }
const ASK = { user: 'ada', maxOutputTokens: 100, retries: 0 } as const

function world(options: MockOptions, config: AIConfig = {}): Client {
  return createAI({ providers: { mock: mock(options) }, prices: PRICES, budgets: [DAY], ...config })
}

async function booksOf(ai: Client): Promise<{ entries: LedgerEntry[]; spent: string; held: string }> {
  const entries = await Array.fromAsync(ai.ledger.entries())
  const [status] = await ai.budgets.status({ user: 'ada' })
  expect((await ai.ledger.verify()).discrepancies).toEqual([])
  return { entries, spent: String(status?.spent), held: String(status?.held) }
}

test.each([
  ['output', { inputTokens: 10, outputTokens: Number.MAX_SAFE_INTEGER }],
  ['input', { inputTokens: Number.MAX_SAFE_INTEGER, outputTokens: 10 }],
])(
  'counts of %s that no answer can have are no price: all that was held counts, and the entry is kept',
  async (_, usage) => {
    const ai = world({ replies: () => ({ text: 'Hello', usage }) })
    const answer = await ai.sendMessage('Hi', ASK)
    expect(answer.cost).toMatchObject({ status: 'bounded' })
    expect(answer.usage).toMatchObject(usage)
    const { entries, spent, held } = await booksOf(ai)
    expect(entries).toHaveLength(1)
    expect([spent, held]).toEqual(['0.000746', '0'])
    // Without a budget nothing bounds it.
    const open = world({ replies: () => ({ text: 'Hello', usage }) }, { budgets: [] })
    const unbounded = await open.sendMessage('Hi', { retries: 0 })
    expect(unbounded.cost).toMatchObject({ status: 'unknown' })
    expect(unbounded.cost.status === 'unknown' && unbounded.cost.reason).toContain('which cannot be')
    expect(await Array.fromAsync(open.ledger.entries())).toHaveLength(1)
  },
)

test('fewer tokens than a text can have are no price either: they were told before the end, or without the thoughts', async () => {
  const costs = async (reply: MockReply): Promise<unknown[]> => {
    const ai = world({ replies: () => reply })
    const { cost } = await ai.sendMessage('Hi', ASK)
    return [cost.status, (await booksOf(ai)).spent]
  }
  const text = 'x'.repeat(1_000)
  const usage = (outputTokens: number): { inputTokens: number; outputTokens: number } => ({
    inputTokens: 10,
    outputTokens,
  })
  expect(await costs({ text, usage: usage(3) })).toEqual(['bounded', '0.000746'])
  expect(await costs({ text: 'Yes', reasoning: text, usage: usage(3) })).toEqual(['bounded', '0.000746'])
  const toolCalls = [{ id: 'a', name: 'look', arguments: { text } }]
  expect(await costs({ toolCalls, usage: usage(3) })).toEqual(['bounded', '0.000746'])
  // 4 x 256 bytes are enough.
  expect(await costs({ text, usage: usage(4) })).toEqual(['exact', '0.000018'])
  expect(await costs({ toolCalls, usage: usage(5) })).toEqual(['exact', '0.00002'])
})

test('what a provider says it charged counts, where its counts cannot be', async () => {
  await using server = await fakeXai()
  await using ai = createAI({
    providers: { xai: { baseUrl: server.baseUrl, apiKey: 'key', model: 'grok-4.3', prices: 'xai' } },
    budgets: [DAY],
  })
  const usage = { input_tokens: 2 ** 53 - 1, output_tokens: 3, cost_in_usd_ticks: 1_000_000 }
  server.reply({ body: answerOf(usage) })
  const { cost } = await ai.sendMessage('Hi', ASK)
  expect(cost).toMatchObject({ status: 'exact', source: 'provider', lines: [] })
  expect(String(cost.amount)).toBe('0.0001')
  expect((await booksOf(ai)).spent).toBe('0.0001')
})

function answerOf(usage: object): object {
  const content = [{ type: 'output_text', text: 'Hello', annotations: [] }]
  const item = { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content }
  return { id: 'resp_1', object: 'response', model: 'grok-4.3', status: 'completed', output: [item], usage }
}

test("what nobody heard the end of counts in full in the call's own limit, with a budget beside it and without", async () => {
  for (const budgets of [[DAY], []]) {
    for (const reply of [
      { text: 'Hel', cutAfter: 0 },
      { error: { code: 'provider_unavailable', status: 500 } },
    ] as const) {
      const provider = mock({ replies: () => reply })
      const ai = createAI({ providers: { mock: provider }, prices: PRICES, budgets })
      // Two attempts may cost $0.000746 each, and a third would not fit.
      const call = ai.sendMessage('Hi', { ...ASK, retries: 9, budget: '0.002' })
      await expect(call).rejects.toBeInstanceOf(AIError)
      expect(provider.requests).toHaveLength(2)
      const costs = (await Array.fromAsync(ai.ledger.entries())).map(({ cost }) => [
        cost.status,
        String(cost.amount),
      ])
      expect(costs).toEqual([
        ['bounded', '0.000746'],
        ['bounded', '0.000746'],
      ])
    }
  }
})

test('an output limit without measure is refused or made to fit like any other', async () => {
  const ai = world({ replies: () => ({ text: 'Hello', usage: { inputTokens: 1, outputTokens: 1 } }) })
  const asked = { ...ASK, maxOutputTokens: Number.MAX_SAFE_INTEGER }
  await expect(ai.sendMessage('Hi', asked)).rejects.toMatchObject({
    code: 'budget_exceeded',
    // ($1.00 - 546 x $1 per million) / $2 per million
    details: { affordableOutputTokens: 499_727 },
  })
  const answer = await ai.sendMessage('Hi', { ...asked, onLimit: 'fit' })
  expect(answer.warnings).toMatchObject([{ details: { maxOutputTokens: 499_727 } }])
})

test('what fails before anything is sent costs nothing: a request that cannot be made', async () => {
  await using server = await fakeGemini()
  await using ai = createAI({
    providers: {
      gemini: { baseUrl: server.baseUrl, apiKey: 'key', model: 'gemini-3.8-flash', prices: 'gemini' },
    },
    budgets: [DAY],
  })
  const system = ai.sendMessage({ role: 'system', content: 'Be brief' }, ASK)
  await expect(system).rejects.toMatchObject({ code: 'request_invalid', details: { sent: false } })
  const stops = ai.sendMessage('Hi', { ...ASK, stop: ['1', '2', '3', '4', '5', '6'] })
  await expect(stops).rejects.toMatchObject({ code: 'request_invalid' })
  const { entries, spent, held } = await booksOf(ai)
  expect(entries.map(({ cost }) => [cost.status, String(cost.amount)])).toEqual([
    ['exact', '0'],
    ['exact', '0'],
  ])
  expect([spent, held, server.requests.length]).toEqual(['0', '0', 0])
  // The same with an answer that breaks off after it was sent.
  server.reply({ text: 'Hello', cutAfter: 1 })
  const cut = ai.streamMessage('Hi', ASK)
  await expect(cut.response).rejects.toMatchObject({ code: 'stream_interrupted' })
  expect((await booksOf(ai)).spent).not.toBe('0')
})

test('what fails before anything is sent costs nothing: settings, media and texts that are not taken', async () => {
  await using server = await fakeOpenAI()
  const options = { baseUrl: server.baseUrl, apiKey: 'key', prices: 'openai' }
  await using ai = createAI({
    providers: {
      openai: { ...options, model: 'gpt-6-luna' },
      embedding: { ...options, driver: 'openai', model: 'text-embedding-3-small' },
    },
    budgets: [DAY],
  })
  const wrong = { providerOptions: { openai: { nonsense: 1 } } }
  const away: { type: 'image'; url: string } = { type: 'image', url: 'http://127.0.0.1:9/cat.png' }
  const calls = [
    () => ai.sendMessage('Hi', { ...ASK, ...wrong }),
    () => ai.sendMessage({ role: 'user', content: [away] }, ASK),
    () => ai.provider('embedding').embed('Hi', { user: 'ada', retries: 0, ...wrong }),
  ]
  for (const call of calls) await expect(call()).rejects.toMatchObject({ details: { sent: false } })
  const { entries, spent, held } = await booksOf(ai)
  expect(entries.map(({ cost }) => [cost.status, String(cost.amount)])).toEqual(
    calls.map(() => ['exact', '0']),
  )
  expect([spent, held, server.requests.length]).toEqual(['0', '0', 0])
})

test.each(['read', 'write', 'connect'])(
  'a way to the host that is lost in %s is told from one that there never was',
  async (syscall) => {
    const lost = Object.assign(new Error('lost'), { code: 'EHOSTUNREACH', syscall })
    const fetch = (): Promise<Response> => Promise.reject(new TypeError('fetch failed', { cause: lost }))
    const ai = createAI({
      providers: {
        openai: {
          baseUrl: 'http://127.0.0.1:9/v1',
          apiKey: 'key',
          model: 'gpt-6-luna',
          prices: 'openai',
          fetch,
        },
      },
      budgets: [DAY],
    })
    await expect(ai.sendMessage('Hi', ASK)).rejects.toMatchObject({ code: 'network_failed' })
    const { entries, spent, held } = await booksOf(ai)
    expect(held).toBe('0')
    const isFree = syscall === 'connect'
    expect(entries.map(({ cost }) => cost.status)).toEqual([isFree ? 'exact' : 'bounded'])
    // 546 tokens at $0.125 (writing into the cache) and 100 at $0.50 per million.
    expect(spent).toBe(isFree ? '0' : '0.00011825')
  },
)

test('under a budget the usual tier of service is said where OpenAI bills, and not to a server that may have none', async () => {
  await using server = await fakeOpenAI({ dialect: 'chat' })
  const own = { driver: 'openai', baseUrl: server.baseUrl, apiKey: 'key', model: 'gpt-6-luna' } as const
  await using ai = createAI({
    providers: {
      server: { ...own, dialect: 'chat' },
      proxy: { ...own, dialect: 'chat', prices: 'openai' },
      responses: { ...own, prices: 'openai' },
    },
    prices: [{ provider: 'server', model: 'gpt-6-luna', perMillionTokens: { input: '1', output: '2' } }],
    budgets: [DAY],
  })
  for (const provider of ['server', 'proxy', 'responses']) await ai.provider(provider).sendMessage('Hi', ASK)
  await ai.provider('server').sendMessage('Hi', { user: 'grace', serviceTier: 'flex' })
  const tiers = server.requests.map(({ body }) => (body as { service_tier?: string }).service_tier)
  expect(tiers).toEqual([undefined, 'default', 'default', 'flex'])
})

test('a call goes on its own money and is booked on its own, whatever id middleware gives it', async () => {
  const provider = mock({
    replies: () => ({ text: 'Hello', usage: { inputTokens: 546, outputTokens: 100 } }),
  })
  const ai = createAI({
    providers: { mock: provider },
    prices: PRICES,
    budgets: [{ ...DAY, limit: '0.0015' }],
    middleware: [(call, next) => next({ ...call, id: 'same' })],
  })
  const results = await Promise.allSettled([1, 2, 3].map(() => ai.sendMessage('Hi', ASK)))
  expect(results.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'fulfilled', 'rejected'])
  expect(provider.requests).toHaveLength(2)
  const { entries, spent } = await booksOf(ai)
  expect([new Set(entries.map(({ callId }) => callId)).size, spent]).toEqual([2, '0.001492'])
})

test('an answer that could not be priced is not bought', async () => {
  const provider = mock()
  const wrong = [{ provider: 'mock', model: 'mock-1', perMillionTokens: { input: '-1', output: '2' } }]
  const ai = createAI({ providers: { mock: provider }, prices: wrong })
  await expect(ai.sendMessage('Hi')).rejects.toMatchObject({ code: 'config_invalid' })
  await expect(ai.embed('Hi')).rejects.toMatchObject({ code: 'config_invalid' })
  const away = createAI({ providers: { mock: provider }, pricesFile: '/nowhere/prices.json' })
  await expect(away.sendMessage('Hi')).rejects.toMatchObject({ code: 'config_invalid' })
  expect([provider.requests, provider.embedRequests]).toEqual([[], []])
})

test('what JSON cannot say is refused with words, under a budget and without', async () => {
  const within: Record<string, unknown> = {}
  within['itself'] = within
  const parts = [
    { type: 'text', text: 'x', providerData: { count: 1n } },
    { type: 'tool-call', id: 'a', name: 'look', arguments: within },
  ] as const
  const ai = world({})
  for (const part of parts) {
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: [part] },
    ] as const
    await expect(ai.sendMessage(messages, ASK)).rejects.toMatchObject({ code: 'request_invalid' })
  }
  expect((await booksOf(ai)).spent).toBe('0')
})
