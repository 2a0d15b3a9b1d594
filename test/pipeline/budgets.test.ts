import { expect, test } from 'vitest'
import {
  createAI,
  tool,
  usd,
  type AIConfig,
  type BudgetInput,
  type Client,
  type LedgerEntry,
} from '../../src/index.ts'
import { mock, type MockFactory, type MockOptions } from '../../src/drivers/mock/index.ts'
import { fakeOllama } from '../../src/testing/fake-ollama.ts'

// A call of 'Hi' with an answer of 100 tokens at $1.00 and $2.00 per million tokens. The bound of its input is
// 2 bytes + 32 for the message + 512 for the request = 546 tokens.
const PRICES = [{ provider: 'mock', model: 'mock-1', perMillionTokens: { input: '1', output: '2' } }]
const INPUT_BOUND = 546

interface World {
  readonly ai: Client
  readonly mock: MockFactory
}

function world(budgets: readonly BudgetInput[], options: MockOptions = {}, config: AIConfig = {}): World {
  const provider = mock({
    replies: () => ({ text: 'Hello', usage: { inputTokens: 10, outputTokens: 100 } }),
    ...options,
  })
  const ai = createAI({
    providers: { mock: provider },
    prices: PRICES,
    budgets,
    runtime: { random: () => 0 },
    ...config,
  })
  return { ai, mock: provider }
}

async function entriesOf(ai: Client): Promise<LedgerEntry[]> {
  return Array.fromAsync(ai.ledger.entries())
}

const DAY: BudgetInput = { scope: 'user', id: 'ada', period: 'day', limit: '1.00' }

test('what a call cost is spent, and nothing stays held', async () => {
  const { ai } = world([DAY])
  const answer = await ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 100 })
  expect(String(answer.cost.amount)).toBe('0.00021')
  const [status] = await ai.budgets.status({ user: 'ada' })
  expect(status).toMatchObject({ id: 'ada', budget: { scope: 'user', period: 'day' } })
  expect([status?.spent, status?.held, status?.remaining].map(String)).toEqual(['0.00021', '0', '0.99979'])
  expect((await ai.ledger.verify()).discrepancies).toEqual([])
})

test('a call without the id that a budget is for is not held for it', async () => {
  const { ai } = world([{ ...DAY, limit: '0' }])
  await ai.sendMessage('Hi', { user: 'grace' })
  await ai.sendMessage('Hi')
  await expect(ai.sendMessage('Hi', { user: 'ada' })).rejects.toMatchObject({ code: 'budget_exceeded' })
})

test('what is held is the most that the call can cost: one pico less refuses it, before anything is sent', async () => {
  // 546 x $1 and 100 x $2 per million.
  const needed = '0.000746'
  const { ai, mock: exact } = world([{ ...DAY, limit: needed }])
  await ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 100 })
  expect(exact.requests).toHaveLength(1)
  const { ai: short, mock: unasked } = world([{ ...DAY, limit: '0.000745999999' }])
  const refusal = short.sendMessage('Hi', { user: 'ada', maxOutputTokens: 100 })
  await expect(refusal).rejects.toMatchObject({
    code: 'budget_exceeded',
    retryable: false,
    details: { scope: 'user', id: 'ada', period: 'day', affordableOutputTokens: 99 },
  })
  const { details } = (await refusal.catch((error: unknown) => error)) as { details: Record<string, unknown> }
  expect(['limit', 'spent', 'held', 'needed'].map((name) => String(details[name]))).toEqual([
    '0.000745999999',
    '0',
    '0',
    needed,
  ])
  expect(details['resetsAt']).toMatch(/T00:00:00\.000Z$/)
  expect(unasked.requests).toHaveLength(0)
  expect(await entriesOf(short)).toEqual([])
})

test("a budget for '*' is one for each id, and an id's own goes before it", async () => {
  const each: BudgetInput = { scope: 'user', id: '*', period: 'day', limit: '0.001' }
  const { ai } = world([each, { ...DAY, limit: '0' }])
  const send = (user: string): Promise<unknown> => ai.sendMessage('Hi', { user, maxOutputTokens: 100 })
  await send('grace')
  await send('alan')
  await expect(send('ada')).rejects.toMatchObject({ code: 'budget_exceeded' })
  await send('grace')
  await expect(send('grace')).rejects.toMatchObject({ details: { id: 'grace' } })
  await send('alan')
})

test('under a budget an output limit is always sent, and the service tier is said', async () => {
  const bodies: unknown[] = []
  const spy: MockOptions = {
    replies: (request) => {
      bodies.push(request)
      return { text: 'Hello', usage: { inputTokens: 1, outputTokens: 1 } }
    },
  }
  const { ai } = world([DAY], spy)
  await ai.sendMessage('Hi', { user: 'ada' })
  await ai.sendMessage('Hi')
  const limits = bodies.map((body) => (body as { maxOutputTokens?: number }).maxOutputTokens)
  expect(limits).toEqual([8192, undefined])
})

test('the limit of the call itself holds over all of its attempts', async () => {
  const { ai, mock: provider } = world([], {
    replies: [
      { error: { code: 'provider_unavailable', status: 500 } },
      { text: 'Hello', usage: { inputTokens: 10, outputTokens: 100 } },
    ],
  })
  // A 500 may have been billed: it counts in full, and leaves no room for a second attempt.
  const call = ai.sendMessage('Hi', { maxOutputTokens: 100, budget: usd('0.001') })
  await expect(call).rejects.toMatchObject({ code: 'budget_exceeded', details: { scope: 'call' } })
  expect(provider.requests).toHaveLength(1)
})

test('fit sends a call with the output limit that is paid for, and says so', async () => {
  const { ai, mock: provider } = world([{ ...DAY, limit: '0.000745999999', onLimit: 'fit' }])
  const answer = await ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 500 })
  expect(provider.requests).toMatchObject([{ maxOutputTokens: 99 }])
  expect(answer.warnings).toMatchObject([{ code: 'output-limit-lowered', details: { maxOutputTokens: 99 } }])
  const none = world([{ ...DAY, limit: '0.000546', onLimit: 'fit' }])
  await expect(none.ai.sendMessage('Hi', { user: 'ada' })).rejects.toMatchObject({
    details: { affordableOutputTokens: 0 },
  })
  expect(none.mock.requests).toHaveLength(0)
})

test('a fallback finishes on a model that is proven local, and on no other', async () => {
  await using server = await fakeOllama({ models: ['llama3.2'] })
  const provider = mock()
  await using ai = createAI({
    providers: {
      mock: provider,
      ollama: { baseUrl: server.url },
      cloud: { driver: 'ollama', baseUrl: server.url },
    },
    prices: PRICES,
    budgets: [{ ...DAY, limit: '0', onLimit: { fallback: 'ollama/llama3.2' } }],
  })
  const told: unknown[] = []
  ai.on('providerFallback', ({ from, to, reason }) => void told.push({ from, to, reason }))
  const answer = await ai.provider('mock').sendMessage('Hi', { user: 'ada' })
  expect(answer).toMatchObject({ provider: 'ollama', cost: { status: 'free' }, requestedModel: 'mock-1' })
  expect(answer.warnings).toMatchObject([{ code: 'budget-fallback' }])
  expect(told).toEqual([{ from: 'mock/mock-1', to: 'ollama/llama3.2', reason: 'budget' }])
  expect(provider.requests).toHaveLength(0)
  const away = ai
    .provider('mock')
    .sendMessage('Hi', { user: 'ada', onLimit: { fallback: 'cloud/gpt-oss:120b-cloud' } })
  await expect(away).rejects.toMatchObject({
    code: 'budget_exceeded',
    details: { fallback: 'cloud/gpt-oss:120b-cloud' },
  })
})

test('what passed as local and was answered by a cloud is booked, counted and told of', async () => {
  await using server = await fakeOllama({ models: ['llama3.2'] })
  server.reply({
    text: 'Hi',
    promptTokens: 10,
    outputTokens: 1,
    remoteModel: 'x',
    remoteHost: 'https://ollama.com:443',
  })
  await using ai = createAI({
    providers: { ollama: { baseUrl: server.url } },
    prices: [{ provider: 'ollama', model: 'llama3.2', perMillionTokens: { input: '1', output: '2' } }],
    budgets: [{ ...DAY, limit: '0' }],
  })
  const told: string[] = []
  ai.on('budgetOverrun', ({ overrun }) => void told.push(String(overrun)))
  const answer = await ai.sendMessage('Hi', { user: 'ada' })
  expect([answer.cost.status, String(answer.cost.amount)]).toEqual(['exact', '0.000012'])
  const [status] = await ai.budgets.status({ user: 'ada' })
  expect([String(status?.spent), String(status?.held)]).toEqual(['0.000012', '0'])
  expect(told).toEqual(['0.000012'])
  expect((await ai.ledger.verify()).discrepancies).toEqual([])
})

test('free calls pass a budget of zero; a priced one is refused before any request', async () => {
  await using server = await fakeOllama({ models: ['llama3.2'] })
  const provider = mock()
  await using ai = createAI({
    providers: { ollama: { baseUrl: server.url }, mock: provider },
    prices: PRICES,
    budgets: [{ ...DAY, limit: usd('0') }],
  })
  const answer = await ai.sendMessage('Hi', { user: 'ada' })
  expect(answer.cost).toMatchObject({ status: 'free', source: 'local' })
  const refused = ai.provider('mock').sendMessage('Hi', { user: 'ada' })
  await expect(refused).rejects.toMatchObject({
    code: 'budget_exceeded',
    details: { alternatives: ['ollama/llama3.2'] },
  })
  expect(provider.requests).toHaveLength(0)
})

test('a model without a price is refused under a budget, unless the budget lets it pass', async () => {
  const { ai, mock: provider } = world([DAY], {}, { prices: [] })
  await expect(ai.sendMessage('Hi', { user: 'ada' })).rejects.toMatchObject({
    code: 'price_unknown',
    message: expect.stringContaining("unpriced: 'allow'") as string,
    details: { budgets: ['user/ada/day'] },
  })
  expect(provider.requests).toHaveLength(0)
  const open = world([{ ...DAY, unpriced: 'allow' }], {}, { prices: [] })
  const answer = await open.ai.sendMessage('Hi', { user: 'ada' })
  expect(answer.cost).toMatchObject({ status: 'unknown', amount: undefined })
  const own = open.ai.sendMessage('Hi', { user: 'ada', budget: '1.00' })
  await expect(own).rejects.toMatchObject({
    code: 'price_unknown',
    message: expect.stringContaining('or send it without a budget of its own') as string,
    details: { budgets: [] },
  })
})

test('an answer that breaks off settles at all that was held, with an estimate beside it', async () => {
  const broken: MockOptions = { replies: [{ pieces: ['Hello', ' you'], cutAfter: 1 }] }
  const { ai } = world([DAY], broken)
  const stream = ai.streamMessage('Hi', { user: 'ada', maxOutputTokens: 100, retries: 0 })
  await expect(stream.response).rejects.toMatchObject({ code: 'stream_interrupted' })
  const [entry] = await entriesOf(ai)
  // Estimated: 546 tokens of input, and the 5 bytes of 'Hello'.
  expect(entry?.cost).toMatchObject({ status: 'bounded' })
  expect(String(entry?.cost.amount)).toBe('0.000746')
  expect(entry?.cost.status === 'bounded' && String(entry.cost.estimate)).toBe('0.000556')
  const [status] = await ai.budgets.status({ user: 'ada' })
  expect(String(status?.spent)).toBe('0.000746')
  // Without a budget, at the estimate.
  const free = world([], broken)
  await expect(free.ai.sendMessage('Hi', { retries: 0 })).rejects.toMatchObject({
    code: 'stream_interrupted',
  })
  const [booked] = await entriesOf(free.ai)
  expect(booked?.cost).toMatchObject({ status: 'bounded' })
  expect(String(booked?.cost.amount)).toBe('0.000556')
})

test('a provider that bills more than the most is booked in full, told of, and stops further calls', async () => {
  const dear: MockOptions = {
    replies: () => ({ text: 'Hello', usage: { inputTokens: 10, outputTokens: 1_000 } }),
  }
  const { ai } = world([{ ...DAY, limit: '0.001' }], dear)
  const told: string[] = []
  ai.on('budgetThresholdReached', ({ threshold }) => void told.push(`reached ${threshold}`))
  ai.on('budgetOverrun', ({ overrun }) => void told.push(`overrun ${String(overrun)}`))
  ai.on('budgetExceeded', ({ enforced }) => void told.push(`exceeded ${enforced}`))
  ai.on('costCalculated', ({ cost }) => void told.push(`cost ${String(cost.amount)}`))
  await ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 100 })
  const call = ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 16 })
  await expect(call).rejects.toMatchObject({ code: 'budget_exceeded' })
  // $0.00201 where at most $0.000746 was asked for.
  expect(told).toEqual(['cost 0.00201', 'reached 0.8', 'reached 0.95', 'overrun 0.001264', 'exceeded true'])
})

test('a refused attempt gives its hold back, and each attempt holds on its own', async () => {
  const flaky: MockOptions = {
    replies: [
      { error: { code: 'rate_limited', status: 429 } },
      { text: 'Hello', usage: { inputTokens: 10, outputTokens: 100 } },
    ],
  }
  const { ai } = world([{ ...DAY, limit: '0.000746' }], flaky)
  const answer = await ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 100 })
  expect(answer.attempts.map(({ cost }) => String(cost.amount))).toEqual(['0', '0.00021'])
  const [status] = await ai.budgets.status({ user: 'ada' })
  expect([status?.spent, status?.held].map(String)).toEqual(['0.00021', '0'])
})

test('a call that is aborted before it is sent costs nothing, and holds nothing', async () => {
  const { ai, mock: provider } = world([DAY])
  const signal = AbortSignal.abort()
  await expect(ai.sendMessage('Hi', { user: 'ada', signal })).rejects.toMatchObject({ code: 'aborted' })
  expect(provider.requests).toHaveLength(0)
  const [status] = await ai.budgets.status({ user: 'ada' })
  expect([status?.spent, status?.held].map(String)).toEqual(['0', '0'])
})

test('many calls at once fill a budget and do not overspend it', async () => {
  const { ai, mock: provider } = world([{ ...DAY, limit: '0.01' }])
  const calls = Array.from({ length: 200 }, () => ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 100 }))
  const done = await Promise.allSettled(calls)
  const answered = done.filter(({ status }) => status === 'fulfilled').length
  expect(answered).toBe(provider.requests.length)
  const [status] = await ai.budgets.status({ user: 'ada' })
  expect(status?.held.picos).toBe(0n)
  expect(status?.spent.picos).toBe(BigInt(answered) * usd('0.00021').picos)
  expect(status?.spent.picos).toBeLessThanOrEqual(usd('0.01').picos)
})

test('observed budgets count and tell, and refuse nothing', async () => {
  const observed = world([{ ...DAY, limit: '0', mode: 'observe' }])
  const global = world(
    [{ ...DAY, limit: '0' }],
    {},
    { middleware: [{ name: 'budget-enforcement', mode: 'observe' }] },
  )
  for (const { ai } of [observed, global]) {
    const told: boolean[] = []
    ai.on('budgetExceeded', ({ enforced }) => void told.push(enforced))
    await ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 100 })
    expect(told).toEqual([false])
    const [status] = await ai.budgets.status({ user: 'ada' })
    expect(String(status?.spent)).toBe('0.00021')
  }
})

test('what a call did cost counts where nobody knew what it could cost, if it was let pass', async () => {
  // The price is known, and what bounds the output is not: nothing is held for it.
  const { ai } = world([{ ...DAY, limit: '0.0005', mode: 'observe' }])
  await ai.sendMessage('Hi', { user: 'ada' })
  const [status] = await ai.budgets.status({ user: 'ada' })
  expect([status?.spent, status?.held].map(String)).toEqual(['0.00021', '0'])
  expect((await ai.ledger.verify()).discrepancies).toEqual([])
})

test('a refusal in a later round says what was sent before, and brings it along', async () => {
  const { ai } = world([{ ...DAY, limit: '0.0009' }], {
    replies: () => ({
      toolCalls: [{ id: 'a', name: 'now', arguments: {} }],
      usage: { inputTokens: 10, outputTokens: 100 },
    }),
  })
  const now = tool({
    name: 'now',
    description: 'The time',
    input: { type: 'object' },
    run: async () => 'noon',
  })
  const refusal = ai.sendMessage('Hi', { user: 'ada', maxOutputTokens: 50, tools: [now] })
  await expect(refusal).rejects.toMatchObject({
    code: 'budget_exceeded',
    message: expect.stringContaining('What was sent before is paid for') as string,
    partial: { parts: [{ type: 'tool-call', name: 'now' }] },
  })
})

test.each(['user', 'project', 'organization', 'key'])("nobody's own %s is '*'", async (scope) => {
  const { ai } = world([])
  await expect(ai.sendMessage('Hi', { [scope]: '*' })).rejects.toMatchObject({ code: 'request_invalid' })
})

test('a call cannot leave out or change what is built in', async () => {
  const { ai } = world([{ ...DAY, limit: '0' }])
  const middleware = [{ name: 'budget-enforcement', mode: 'observe' }] as never
  await expect(ai.sendMessage('Hi', { user: 'ada', middleware })).rejects.toMatchObject({
    code: 'request_invalid',
  })
  expect(() => createAI({ middleware: [{ name: 'budget-enforcment' as never }] })).toThrow(
    /did you mean budget-enforcement/,
  )
})

test('a quote is what would be held, and asks for nothing', async () => {
  const { ai, mock: provider } = world([])
  const quote = await ai.quote('Hi', { maxOutputTokens: 100 })
  expect(quote).toMatchObject({ basis: 'price-list', inputTokens: INPUT_BOUND, outputTokens: 100 })
  expect(String(quote.max)).toBe('0.000746')
  expect((quote.min?.picos ?? 0n) > 0n && (quote.min?.picos ?? 0n) < usd('0.00021').picos).toBe(true)
  expect(provider.requests).toHaveLength(0)
  const unknown = await world([], {}, { prices: [] }).ai.quote('Hi')
  expect(unknown).toMatchObject({ basis: 'unknown', min: undefined, max: undefined })
})

test.each([
  [{ limit: '-1' }, /below zero/],
  [{ limit: '0.0000000000001' }, /pico/],
  [{ limit: '9000000.01' }, /9,000,000/],
  [{ timeZone: 'Europe/Berln' }, /Europe\/Berlin/],
  [{ id: 'x'.repeat(10_000) }, /characters/],
  [{ limit: 5 as never }, /text/],
])('a wrong budget is refused at once: %o', (wrong, says) => {
  expect(() => createAI({ budgets: [{ ...DAY, ...wrong }] })).toThrow(says)
})
