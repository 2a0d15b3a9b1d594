import { describe, expect, it } from 'vitest'
import {
  AIError,
  createAI,
  type AIConfig,
  type Client,
  type Ledger,
  type LedgerEntry,
  type Middleware,
} from '../../src/index.ts'
import { FakeClock, mock, type MockReply } from '../../src/testing/index.ts'

const PRICES = [{ provider: 'mock', model: 'mock-1', perMillionTokens: { input: '1.00', output: '2.00' } }]

function world(
  replies: readonly MockReply[],
  config: Partial<AIConfig> = {},
): { ai: Client; asked: () => number } {
  const scripted = mock({ replies })
  const ai = createAI({
    providers: { mock: scripted },
    prices: PRICES,
    runtime: { random: () => 0 },
    ...config,
  })
  return { ai, asked: () => scripted.requests.length }
}

/** Everything that a client tells, in order. */
function log(ai: Client): string[] {
  const told: string[] = []
  for (const name of [
    'messageSent',
    'providerRetried',
    'responseGenerated',
    'costCalculated',
    'messageFailed',
  ] as const) {
    ai.on(name, () => void told.push(name))
  }
  return told
}

async function entriesOf(ai: Client): Promise<LedgerEntry[]> {
  return Array.fromAsync(ai.ledger.entries())
}

describe('one call', () => {
  it('has its effects in order: sent, answered, booked, generated, cost, finish', async () => {
    const order: string[] = []
    const { ai } = world(['Hello'], { ledger: ledgerWith(async () => void order.push('booked')) })
    for (const name of ['messageSent', 'responseGenerated', 'costCalculated'] as const) {
      ai.on(name, () => void order.push(name))
    }
    for await (const event of ai.streamMessage('Hi')) {
      if (event.type === 'finish') order.push('finish')
    }
    expect(order).toEqual(['messageSent', 'booked', 'responseGenerated', 'costCalculated', 'finish'])
  })

  it('carries the same cost in the answer, the event, the finish and the ledger', async () => {
    const { ai } = world([{ text: 'Hello', usage: { inputTokens: 3, outputTokens: 5 } }])
    const costs: unknown[] = []
    ai.on('costCalculated', ({ cost }) => void costs.push(cost))
    const stream = ai.streamMessage('Hi')
    for await (const event of stream) if (event.type === 'finish') costs.push(event.cost)
    const answer = await stream.response
    costs.push(...(await entriesOf(ai)).map((entry) => entry.cost))
    expect(String(answer.cost.amount)).toBe('0.000013')
    expect(costs).toEqual([answer.cost, answer.cost, answer.cost])
  })

  it('gives an answer that is frozen and safe for JSON', async () => {
    const { ai } = world([{ text: 'Hello', usage: { inputTokens: 3, outputTokens: 5 } }])
    const answer = await ai.sendMessage('Hi')
    expect(Object.isFrozen(answer) && Object.isFrozen(answer.parts) && Object.isFrozen(answer.cost)).toBe(
      true,
    )
    expect(JSON.parse(JSON.stringify(answer))).toMatchObject({
      text: 'Hello',
      cost: { status: 'exact', amount: '0.000013' },
    })
  })

  it('books who paid and by which words', async () => {
    const { ai } = world(['Hello'])
    await ai
      .with({ project: 'p', tags: ['a'] })
      .sendMessage('Hi', { user: 'ada', organization: 'o', key: 'k', tags: ['b'] })
    const [entry] = await entriesOf(ai)
    expect(entry).toMatchObject({
      user: 'ada',
      project: 'p',
      organization: 'o',
      key: 'k',
      tags: ['b'],
      outcome: 'ok',
    })
  })
})

describe('retries', () => {
  const busy: MockReply = { error: { code: 'provider_unavailable', status: 503 } }

  it('wait longer each time on the clock that came in by the door, and bill each attempt', async () => {
    const clock = new FakeClock()
    const { ai, asked } = world([busy, busy, { text: 'Hello', usage: { inputTokens: 1, outputTokens: 1 } }], {
      runtime: { clock, random: () => 0.999999 },
    })
    const delays: number[] = []
    ai.on('providerRetried', ({ delayMs }) => void delays.push(Math.round(delayMs)))
    const answering = ai.sendMessage('Hi')
    await waiting(clock)
    await clock.advance(499)
    expect(asked()).toBe(1)
    await clock.advance(1)
    expect(asked()).toBe(2)
    await waiting(clock)
    await clock.advance(1_000)
    const answer = await answering
    expect(delays).toEqual([500, 1_000])
    expect(answer.attempts.map((attempt) => [attempt.outcome, String(attempt.cost.amount)])).toEqual([
      ['error', '0'],
      ['error', '0'],
      ['ok', '0.000003'],
    ])
    expect(String(answer.cost.amount)).toBe('0.000003')
    expect((await entriesOf(ai)).map((entry) => entry.attemptId)).toEqual(
      [1, 2, 3].map((n) => `${answer.id}/${n}`),
    )
    expect(clock.timers).toBe(0)
  })

  it('wait as long as the provider asks, and not at all where it asks for too long', async () => {
    const clock = new FakeClock()
    const after = (retryAfterMs: number): MockReply => ({
      error: { code: 'rate_limited', status: 429, retryAfterMs },
    })
    const patient = world([after(30_000), 'Hello'], { runtime: { clock } })
    const answering = patient.ai.sendMessage('Hi')
    await waiting(clock)
    await clock.advance(29_999)
    expect(patient.asked()).toBe(1)
    await clock.advance(1)
    expect((await answering).text).toBe('Hello')
    const impatient = world([after(61_000), 'Hello'], { runtime: { clock } })
    await expect(impatient.ai.sendMessage('Hi')).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfterMs: 61_000,
    })
    expect(impatient.asked()).toBe(1)
  })

  it('stop when the time for the call would be over', async () => {
    const clock = new FakeClock()
    const { ai, asked } = world([busy, 'Hello'], { runtime: { clock, random: () => 0 } })
    await expect(ai.sendMessage('Hi', { timeoutMs: 250 })).rejects.toMatchObject({
      code: 'provider_unavailable',
    })
    expect(asked()).toBe(1)
  })

  it('do not happen once something reached a streaming caller, and do where nothing did', async () => {
    const cut: MockReply = { pieces: ['Hel', 'lo'], cutAfter: 1 }
    const streamed = world([cut, 'Hello'])
    await expect(Array.fromAsync(streamed.ai.streamMessage('Hi'))).rejects.toMatchObject({
      code: 'stream_interrupted',
    })
    expect(streamed.asked()).toBe(1)
    const clock = new FakeClock()
    const whole = world([cut, 'Hello'], { runtime: { clock } })
    const answering = whole.ai.sendMessage('Hi')
    await waiting(clock)
    await clock.advance(500)
    expect((await answering).text).toBe('Hello')
    expect(whole.asked()).toBe(2)
  })

  it('never happen for what the caller asked wrongly, or for an abort', async () => {
    for (const code of ['authentication_failed', 'model_not_found', 'request_invalid', 'aborted'] as const) {
      const { ai, asked } = world([{ error: { code, status: 400 } }, 'Hello'])
      await expect(ai.sendMessage('Hi')).rejects.toMatchObject({ code })
      expect(asked()).toBe(1)
    }
  })
})

describe('a failed call', () => {
  it('is told of once and booked once, and nothing is told to have been generated', async () => {
    const { ai } = world([{ error: { code: 'authentication_failed', status: 401 } }])
    const told = log(ai)
    await expect(ai.sendMessage('Hi', { user: 'ada' })).rejects.toMatchObject({
      code: 'authentication_failed',
    })
    expect(told).toEqual(['messageSent', 'messageFailed'])
    expect(await entriesOf(ai)).toMatchObject([
      { outcome: 'error', error: 'authentication_failed', user: 'ada' },
    ])
  })

  it('costs what is not known, never nothing, when it broke off in the middle', async () => {
    const { ai } = world([{ pieces: ['Hel', 'lo'], cutAfter: 1 }])
    await expect(Array.fromAsync(ai.streamMessage('Hi'))).rejects.toMatchObject({ partial: { text: 'Hel' } })
    const [entry] = await entriesOf(ai)
    // Two bytes and 544 tokens around them at $1 per million, and three bytes of 'Hel' at $2.
    expect(entry?.cost).toMatchObject({ status: 'bounded' })
    expect(String(entry?.cost.amount)).toBe('0.000552')
  })

  it('is not sent where its answer could not be booked', async () => {
    const { ai, asked } = world(['Hello'], { ledger: 'sqlite:/proc/nowhere/ledger.db' })
    await expect(ai.sendMessage('Hi')).rejects.toMatchObject({ code: 'store_failed' })
    expect(asked()).toBe(0)
  })

  it('gives the answer with the error where booking failed afterwards, and asks once', async () => {
    const { ai, asked } = world(['Hello'], { ledger: failingLedger() })
    await expect(ai.sendMessage('Hi')).rejects.toMatchObject({
      code: 'store_failed',
      partial: { text: 'Hello' },
    })
    expect(asked()).toBe(1)
  })

  it('does not wait for a slow ledger where the user chose not to, and tells of its errors', async () => {
    const { ai } = world(['Hello'], { ledger: failingLedger(), durability: 'after' })
    const errors: string[] = []
    ai.on('error', ({ event }) => void errors.push(event))
    expect((await ai.sendMessage('Hi')).text).toBe('Hello')
    // After all tries.
    await expect.poll(() => errors).toEqual(['ledger'])
  })
})

describe('middleware', () => {
  it('wraps a call in both modes: the configured ones outermost, then the call’s', async () => {
    const order: string[] = []
    const named =
      (name: string): Middleware =>
      async (call, next) => {
        order.push(`${name}>`)
        const answer = await next(call)
        order.push(`<${name}`)
        return answer
      }
    const { ai } = world(['Hello', 'Hello'], { middleware: [named('g1'), named('g2')] })
    ai.on('messageSent', () => void order.push('provider'))
    const expected = ['g1>', 'g2>', 'r1>', 'provider', '<r1', '<g2', '<g1']
    await ai.sendMessage('Hi', { middleware: [named('r1')] })
    expect(order.splice(0)).toEqual(expected)
    await ai.streamMessage('Hi', { middleware: [named('r1')] }).response
    expect(order).toEqual(expected)
  })

  it('may call next once: a second call is refused and nothing is sent twice', async () => {
    const twice: Middleware = async (call, next) => {
      await next(call)
      return next(call)
    }
    const { ai, asked } = world(['Hello', 'Hello'])
    await expect(ai.sendMessage('Hi', { middleware: [twice] })).rejects.toThrow(/next\(\) twice/)
    expect(asked()).toBe(1)
  })

  it('may change a call on its way, without touching the caller’s', async () => {
    const louder: Middleware = (call, next) =>
      next({ ...call, request: { ...call.request, messages: [{ role: 'user', content: 'HI' }] } })
    const scripted = mock({ replies: ['Hello'] })
    const ai = createAI({ providers: { mock: scripted } })
    await ai.sendMessage('Hi', { middleware: [louder] })
    expect(scripted.requests[0]?.messages).toEqual([{ role: 'user', content: 'HI' }])
  })

  it('sees errors and passes them on as they are', async () => {
    const seen: unknown[] = []
    const watching: Middleware = async (call, next) => {
      try {
        return await next(call)
      } catch (error) {
        seen.push((error as { code: string }).code)
        throw error
      }
    }
    const { ai } = world([{ error: { code: 'content_filtered', status: 400 } }])
    await expect(ai.sendMessage('Hi', { middleware: [watching] })).rejects.toMatchObject({
      code: 'content_filtered',
    })
    expect(seen).toEqual(['content_filtered'])
  })

  it('that throws before next costs nothing: nothing is sent or booked', async () => {
    const { ai, asked } = world(['Hello'])
    const told = log(ai)
    const refusing: Middleware = async () => Promise.reject(new Error('not today'))
    await expect(ai.sendMessage('Hi', { middleware: [refusing] })).rejects.toThrow('not today')
    expect([asked(), await entriesOf(ai), told]).toEqual([0, [], ['messageFailed']])
  })
})

describe('a listener', () => {
  it('that fails or is slow changes nothing, and nothing is sent again', async () => {
    const { ai, asked } = world(['Hello'])
    const errors: unknown[] = []
    ai.on('error', ({ error }) => void errors.push(error))
    ai.on('messageSent', () => {
      throw new Error('listener')
    })
    ai.on('responseGenerated', () => new Promise<void>(() => {}))
    expect((await ai.sendMessage('Hi')).text).toBe('Hello')
    expect([asked(), errors.length]).toEqual([1, 1])
  })
})

/** Resolves once the call waits for its next try: the drivers and the ledger are loaded in real time. */
async function waiting(clock: FakeClock): Promise<void> {
  await expect.poll(() => clock.timers).toBe(1)
}

function ledgerWith(append: Ledger['append']): Ledger {
  return { append, entries: async function* () {}, totals: async () => [], close: async () => {} }
}

function failingLedger(): Ledger {
  return ledgerWith(() => Promise.reject(new AIError({ code: 'store_failed', message: 'the disk is full' })))
}
