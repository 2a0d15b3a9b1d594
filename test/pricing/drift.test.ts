import { describe, expect, it } from 'vitest'
import { createAI, type AIResponse, type Client } from '../../src/index.ts'
import type { Cost } from '../../src/core/cost.ts'
import { Amount } from '../../src/money/amount.ts'
import { driftOf } from '../../src/pricing/drift.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { fakeXai, type FakeXai } from '../../src/testing/fake-xai.ts'

const told = (reported: bigint, computed?: bigint): Cost => ({
  status: 'exact',
  source: 'provider',
  amount: new Amount(reported),
  lines: [],
  priceList: 'p',
  reported: new Amount(reported),
  ...(computed === undefined ? {} : { computed: new Amount(computed) }),
})

describe('what a provider says it charged', () => {
  it.each<[string, Cost, string | undefined]>([
    ['is what the price list makes', told(10_000n, 10_000n), undefined],
    ['is one percent more', told(10_000n, 9_900n), undefined],
    ['is one percent less', told(10_000n, 10_100n), undefined],
    ['is a pico above one percent more', told(10_000n, 9_899n), 'more'],
    ['is a pico above one percent less', told(10_000n, 10_101n), 'less'],
    ['is twice as much', told(20_000n, 10_000n), 'more'],
    ['is something where the list makes nothing', told(1n, 0n), 'more'],
    ['is more than a float can hold apart', told(10n ** 20n, 99n * 10n ** 18n - 1n), 'more'],
    ['stands alone', told(10_000n), undefined],
  ])('that %s', (_, cost, side) => {
    const drift = driftOf(cost, 'xai/grok')
    expect(drift?.message.match(/^xai\/grok charged (more|less) than/)?.[1]).toBe(side)
    if (!drift) return
    expect(drift.code).toBe('cost-drift')
    expect(drift.details).toEqual('reported' in cost && { reported: cost.reported, computed: cost.computed })
  })

  it('is compared with nothing where the provider says nothing', () => {
    const { reported: _, ...own } = told(10_000n, 5n) as Extract<Cost, { status: 'exact' }>
    expect(driftOf(own, 'm')).toBeUndefined()
    const free: Cost = { status: 'free', amount: new Amount(0n), source: 'local', lines: [] }
    expect(driftOf(free, 'm')).toBeUndefined()
  })
})

describe('an answer of which the provider charged something else than the price list makes', () => {
  interface World extends AsyncDisposable {
    readonly ai: Client
    readonly server: FakeXai
  }

  async function open(): Promise<World> {
    const server = await fakeXai({ models: ['grok-4.3'] })
    const ai = createAI({
      providers: {
        xai: { baseUrl: server.baseUrl, apiKey: 'xai-test', prices: 'xai', model: 'grok-4.3' },
      },
      runtime: { clock: new FakeClock({ startMs: Date.UTC(2026, 10, 26) }), env: {} },
    })
    const close = async (): Promise<void> => {
      await ai.close()
      await server.close()
    }
    return { ai, server, [Symbol.asyncDispose]: close }
  }

  // 1,000 × $1.25 and 100 × $2.50 for a million are $0.0015, or 15,000,000 ticks.
  const usage = (ticks: number): object => ({
    text: 'Fine.',
    usage: { input_tokens: 1_000, output_tokens: 100, total_tokens: 1_100, cost_in_usd_ticks: ticks },
  })
  const drifts = ({ warnings }: Pick<AIResponse, 'warnings'>): unknown =>
    JSON.parse(JSON.stringify(warnings.filter(({ code }) => code === 'cost-drift').map((one) => one.details)))

  it('says so, streamed or not, with both amounts, and books both', async () => {
    await using world = await open()
    world.server.reply(usage(20_000_000), usage(20_000_000))
    const whole = await world.ai.sendMessage('Hi')
    expect(String(whole.cost.amount)).toBe('0.002')
    expect(drifts(whole)).toEqual([{ reported: '0.002', computed: '0.0015' }])
    const events: string[] = []
    const stream = world.ai.streamMessage('Hi')
    for await (const event of stream) events.push(event.type === 'warning' ? event.warning.code : event.type)
    expect(events.slice(-2)).toEqual(['cost-drift', 'finish'])
    expect(drifts(await stream.response)).toEqual([{ reported: '0.002', computed: '0.0015' }])
    for await (const { cost } of world.ai.ledger.entries())
      expect(cost.status === 'exact' && [String(cost.reported), String(cost.computed)]).toEqual([
        '0.002',
        '0.0015',
      ])
  })

  it('is told from one where they are the same, or nearly', async () => {
    await using world = await open()
    for (const ticks of [15_000_000, 15_100_000, 0]) {
      world.server.reply(usage(ticks))
      expect(drifts(await world.ai.sendMessage('Hi')), String(ticks)).toEqual([])
    }
  })
})
