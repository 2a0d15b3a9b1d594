import { describe, expect, it } from 'vitest'
import { createAI, type AIConfig, type Cost } from '../../src/index.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { fakeOllama, fakeOpenAI, mock, type MockReply } from '../../src/testing/index.ts'

const PRICES = [{ provider: 'mock', model: 'mock-1', perMillionTokens: { input: '10', output: '20' } }]

type Opened = ReturnType<typeof createAI>

function open(reply: MockReply, config: AIConfig = {}): Opened {
  const runtime = { clock: new FakeClock({ startMs: Date.UTC(2026, 10, 26) }), env: {} }
  return createAI({ providers: { mock: mock({ replies: [reply] }) }, prices: PRICES, ...config, runtime })
}

async function booked({ ledger }: Opened): Promise<readonly Cost[]> {
  const costs: Cost[] = []
  for await (const { cost } of ledger.entries()) costs.push(cost)
  return costs
}

/** What others were reported to get wrong on the way from the provider to the books, each with the report. */
describe('wrong costs in the wild, of a whole call', () => {
  it('has the cost in the stream that the caller sees (BerriAI/litellm#13264)', async () => {
    await using ai = open({ text: 'a b c', usage: { inputTokens: 1_000, outputTokens: 3 } })
    const stream = ai.streamMessage('Hi')
    const seen: string[] = []
    for await (const event of stream) if (event.type === 'finish') seen.push(String(event.cost.amount))
    const { cost } = await stream.response
    expect([seen, String(cost.amount), (await booked(ai)).map(({ amount }) => String(amount))]).toEqual([
      ['0.01006'],
      '0.01006',
      ['0.01006'],
    ])
  })

  it('books no stream without counts at nothing (BerriAI/litellm#37923; zeroclaw-labs/zeroclaw#9816)', async () => {
    await using ai = open({ text: 'a b c', usage: null })
    const { cost, usage } = await ai.streamMessage('Hi', { maxOutputTokens: 100 }).response
    expect([usage.inputTokens, usage.outputTokens]).toEqual([undefined, undefined])
    expect(cost.status).toBe('bounded')
    // Five bytes came, at $20 for a million; what was sent has a bound of its own.
    expect(cost.amount?.picos).toBeGreaterThan(5n * 20_000_000n)
    expect((await ai.ledger.totals())[0]).toMatchObject({ boundedAttempts: 1, cost: cost.amount })
  })

  it('lets no call without a known price through a budget (voidmind-io/voidllm#181; SocialGouv/iterion#473)', async () => {
    const budgets = [{ scope: 'user', id: 'ada', period: 'day', limit: '5' }] as const
    await using ai = open('Hi', { budgets, prices: [] })
    await expect(ai.sendMessage('Hi', { user: 'ada' })).rejects.toMatchObject({ code: 'price_unknown' })
    expect(await booked(ai)).toEqual([])
    // The control: where no budget concerns the call, its cost is not known, and is counted apart.
    expect((await ai.sendMessage('Hi')).cost.status).toBe('unknown')
    expect((await ai.ledger.totals())[0]).toMatchObject({ unknownAttempts: 1, cost: { picos: 0n } })
  })

  it('bills the prompt and what came of an answer that is left (bitrouter/bitrouter#537; BerriAI/litellm#39893)', async () => {
    await using ai = open({ pieces: ['one ', 'two ', 'three'] })
    for await (const event of ai.streamMessage('Count to three', { maxOutputTokens: 100 }))
      if (event.type === 'text-delta') break
    const [cost] = await booked(ai)
    expect(cost?.status).toBe('bounded')
    const lines = cost?.lines.map(({ kind, quantity }) => [kind, quantity])
    // All bytes that were sent, and the four that came: neither nothing nor one token.
    expect(lines?.find(([kind]) => kind === 'output')).toEqual(['output', 4])
    expect(Number(lines?.find(([kind]) => kind === 'input')?.[1])).toBeGreaterThanOrEqual(14)
  })

  it('tells no usage of zero for a call that was aborted (openai/openai-agents-js#995; PostHog/posthog-js#4664)', async () => {
    await using ai = open({ pieces: ['one ', 'two'] })
    const stream = ai.streamMessage('Count')
    const read = async (): Promise<void> => {
      for await (const event of stream) if (event.type === 'text-delta') stream.abort()
    }
    await expect(read()).rejects.toMatchObject({ code: 'aborted', partial: { text: 'one ' } })
    for await (const { outcome, usage } of ai.ledger.entries())
      expect([outcome, usage.inputTokens, usage.outputTokens]).toEqual(['aborted', undefined, undefined])
    expect(await booked(ai)).toHaveLength(1)
  })

  it.each([true, false])(
    'bills an answer that is incomplete, streamed: %s (QuantumNous/new-api#7241)',
    async (stream) => {
      await using server = await fakeOpenAI()
      await using ai = createAI({
        providers: {
          openai: { baseUrl: server.baseUrl, apiKey: 'sk-test', model: 'gpt-6-luna', prices: 'openai' },
        },
        runtime: { clock: new FakeClock({ startMs: Date.UTC(2026, 10, 26) }), env: {} },
      })
      server.reply({
        text: 'a b',
        incomplete: 'max_output_tokens',
        usage: { input_tokens: 1_000, output_tokens: 200, total_tokens: 1_200 },
      })
      const answer = await (stream ? ai.streamMessage('Hi').response : ai.sendMessage('Hi'))
      expect([answer.finishReason.unified, answer.cost.status]).toEqual(['length', 'exact'])
      // 1,000 × $0.10 and 200 × $0.50 for a million.
      expect(String(answer.cost.amount)).toBe('0.0002')
      expect((await booked(ai)).map(({ amount }) => String(amount))).toEqual(['0.0002'])
    },
  )

  it('counts tokens of Ollama as the server does, and no characters (firebase/genkit, js/plugins/ollama)', async () => {
    await using server = await fakeOllama()
    await using ai = createAI({ providers: { ollama: { baseUrl: server.url, model: 'llama3.2' } } })
    server.reply({ text: 'characters', promptTokens: 26, outputTokens: 3 })
    const { usage } = await ai.sendMessage('How many characters are there?')
    expect([usage.inputTokens, usage.outputTokens]).toEqual([26, 3])
    server.reply({ text: 'characters', last: { prompt_eval_count: undefined, eval_count: undefined } })
    const untold = await ai.sendMessage('How many characters are there?')
    expect([untold.usage.inputTokens, untold.usage.outputTokens]).toEqual([undefined, undefined])
  })
})
