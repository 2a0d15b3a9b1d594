import { describe, expect, it } from 'vitest'
import type { Bill } from '../../src/core/driver.ts'
import { toUsage, type Usage } from '../../src/core/usage.ts'
import { tokenLines } from '../../src/drivers/token-lines.ts'
import { costOf, costOfRefusal } from '../../src/pricing/cost-of.ts'
import { createPriceList, type ModelPrice, type PriceList } from '../../src/pricing/price-list.ts'
import { savingsOf } from '../../src/pricing/savings.ts'
import { worstCase } from '../../src/pricing/worst-case.ts'
import { systemRuntime } from '../../src/runtime.ts'

const published = await createPriceList([], systemRuntime.sha256)
const NOW = Date.parse('2026-11-26T12:00:00Z')

function price(
  model: string,
  told: Parameters<typeof toUsage>[0],
  { list = published, ...bill }: Partial<Bill> & { readonly list?: PriceList } = {},
): ReturnType<typeof costOf> {
  const [vendor = '', id = ''] = model.split('/')
  const usage = toUsage(told)
  return costOf(
    { locality: 'remote', vendor, model: id, lines: tokenLines(usage), ...bill },
    usage,
    { provider: vendor, at: NOW },
    list,
  )
}

async function listOf(...rows: readonly ModelPrice[]): Promise<PriceList> {
  return createPriceList(rows, systemRuntime.sha256)
}

/** What others were reported to get wrong, each with the report. */
describe('wrong costs in the wild', () => {
  it('counts cached tokens once (BerriAI/litellm#14849, #9812; maximhq/bifrost#904)', () => {
    // 10,000 of which 9,000 are cached: 1,000 × 1.25 + 9,000 × 0.125
    const cost = price('openai/gpt-5', { inputTokens: 10_000, cacheReadTokens: 9_000, outputTokens: 0 })
    expect(String(cost.amount)).toBe('0.002375')
    // A driver that left the cached tokens in the input as well is found out.
    const usage = toUsage({ inputTokens: 10_000, cacheReadTokens: 9_000, outputTokens: 0 })
    const twice: Bill['lines'] = [
      { kind: 'input', quantity: 10_000, unit: 'token' },
      { kind: 'cache-read', quantity: 9_000, unit: 'token' },
    ]
    expect(price('openai/gpt-5', usage, { lines: twice })).toMatchObject({
      status: 'unknown',
      reason: 'openai told of more input tokens in parts than as a whole',
    })
  })

  it('takes no price by the token for one by the million (maximhq/bifrost#3559)', async () => {
    const row = {
      provider: 'openai',
      model: 'gpt-5',
      perMillionTokens: { input: '0.00000125', output: '0.00001' },
    }
    await expect(listOf(row)).rejects.toThrow(/finer than six decimals/)
    await expect(
      listOf({ ...row, perMillionTokens: { input: '0.00001', output: '0.00001' } }),
    ).rejects.toThrow(/is it the price of one token/)
    await expect(listOf({ ...row, perMillionTokens: { input: '1250000', output: '1' } })).rejects.toThrow(
      /2000/,
    )
  })

  it('knows no cost where a stream told no usage (BerriAI/litellm#37923; zeroclaw-labs/zeroclaw#9816)', () => {
    expect(price('openai/gpt-5', {})).toMatchObject({ status: 'unknown', amount: undefined })
    expect(price('openai/gpt-5', { inputTokens: 5 })).toMatchObject({ status: 'unknown' })
  })

  it('takes no unknown price for zero (SocialGouv/iterion#473; BerriAI/litellm#35524)', () => {
    expect(price('openai/gpt-99', { inputTokens: 5, outputTokens: 5 })).toMatchObject({ status: 'unknown' })
  })

  it('costs zero for a usage of zero, and no estimate (BerriAI/litellm#37992)', () => {
    const cost = price('openai/gpt-5', { inputTokens: 0, outputTokens: 0 })
    expect(cost).toMatchObject({ status: 'exact', source: 'price-list', amount: { picos: 0n } })
  })

  it('takes a price of 0 as a price (BerriAI/litellm#37294)', async () => {
    const list = await listOf({
      provider: 'openai',
      model: 'gpt-5',
      perMillionTokens: { input: '0', output: '0' },
    })
    const cost = price('openai/gpt-5', { inputTokens: 5, outputTokens: 5 }, { list })
    expect(cost).toMatchObject({ status: 'exact', source: 'price-list', amount: { picos: 0n } })
  })

  it('takes the own price of a cloud model of Ollama, and leaves local ones free (BerriAI/litellm#10155, #15135)', async () => {
    const perMillionTokens = { input: '1', output: '1' }
    const list = await listOf({ provider: 'ollama', model: 'gpt-oss:120b-cloud', perMillionTokens })
    const told = { inputTokens: 1, outputTokens: 1 }
    const bill = { vendor: undefined, list } as const
    const cost = (locality: Bill['locality']): unknown =>
      price('ollama/gpt-oss:120b-cloud', told, { ...bill, locality })
    expect(cost('remote')).toMatchObject({ status: 'exact', amount: { picos: 2_000_000n } })
    expect(cost('local')).toMatchObject({ status: 'free', amount: { picos: 0n } })
  })

  it('takes the own price also for the dated name of the answer, and not for another model', async () => {
    const perMillionTokens = { input: '1', output: '1' }
    const list = await listOf({ provider: 'openai', model: 'gpt-4o', perMillionTokens })
    const amount = (model: string): string =>
      String(price(`openai/${model}`, { inputTokens: 1_000_000, outputTokens: 0 }, { list }).amount)
    expect(amount('gpt-4o')).toBe('1')
    expect(amount('gpt-4o-2024-11-20')).toBe('1')
    expect(amount('gpt-4o-2099-01-01')).toBe('1')
    // It has a price of its own at OpenAI.
    expect(amount('gpt-4o-2024-05-13')).toBe('5')
    expect(amount('gpt-4o-mini')).toBe('0.15')
  })

  it('believes what xAI charged (BerriAI/litellm#19772, #37407)', () => {
    const told = { inputTokens: 12, cacheReadTokens: 2, outputTokens: 229 }
    const reported = { quantity: 1_176_500, unit: 'usd-tick' } as const
    expect(price('xai/grok-3-mini', told, { reported })).toMatchObject({
      source: 'provider',
      amount: { picos: 117_650_000n },
    })
    // Also where no usage was told.
    expect(price('xai/grok-3-mini', {}, { reported })).toMatchObject({ status: 'exact', source: 'provider' })
  })

  it('holds for the dearer tier that a long request reaches (BerriAI/litellm#40002)', () => {
    const demand = {
      vendor: 'openai',
      inputTokens: 300_000,
      inputKinds: ['input'],
      outputTokens: 1_000,
      outputKinds: ['output'],
      outputBound: 'capped',
      toolCalls: [],
      serviceTier: undefined,
    } as const
    const worst = worstCase(
      demand,
      { provider: 'openai', model: 'gpt-6-sol', at: NOW, until: NOW },
      published,
    )
    expect(worst.unknown ?? String(worst.amount)).toBe('1.215')
  })

  it('bills no stream by a placeholder (BerriAI/litellm#39893; openai/openai-agents-js#995)', () => {
    // A count that was not told is not a count of zero.
    const usage: Usage = toUsage({ inputTokens: 5, outputTokens: undefined })
    expect(price('openai/gpt-5', usage)).toMatchObject({ status: 'unknown' })
  })

  it('gives no model the price of another by the beginning of its name', () => {
    for (const model of [
      'gemini/gemini-2.5-pro-ultra',
      'openai/gpt-5-nano-next',
      'openai/gpt',
      'xai/grok-4.3-20260101',
    ])
      expect(price(model, { inputTokens: 1, outputTokens: 1 }), model).toMatchObject({ status: 'unknown' })
  })

  it("gives no compatible server's model the vendor's price", () => {
    const cost = price('openai/gpt-5', { inputTokens: 1, outputTokens: 1 }, { vendor: undefined })
    expect(cost).toMatchObject({ status: 'unknown' })
  })

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60])(
    'makes no money of a count of %s',
    (quantity) => {
      const lines: Bill['lines'] = [{ kind: 'output', quantity, unit: 'token' }]
      expect(price('openai/gpt-5', { inputTokens: 1, outputTokens: 1 }, { lines })).toMatchObject({
        status: 'unknown',
      })
    },
  )

  it('costs nothing where it was refused', () => {
    const bill: Bill = { locality: 'remote', vendor: 'openai', model: 'gpt-5', lines: [] }
    expect(costOfRefusal(bill, published)).toMatchObject({
      status: 'exact',
      source: 'refused',
      amount: { picos: 0n },
    })
  })
})

describe('what a free answer saves', () => {
  const usage = toUsage({ inputTokens: 1_000, outputTokens: 100 })
  const bill = { lines: tokenLines(usage) }

  it('is what the baseline would have cost', () => {
    // 1,000 × 0.10 + 100 × 0.50
    const saved = savingsOf(bill, usage, { baseline: 'openai/gpt-6-luna', at: NOW }, published)
    expect(saved).toMatchObject({ baseline: 'openai/gpt-6-luna', amount: { picos: 150_000_000n } })
  })

  it('is not known without a price or a count', () => {
    for (const baseline of ['openai/gpt-99', 'nothing', ''])
      expect(savingsOf(bill, usage, { baseline, at: NOW }, published)).toBeUndefined()
    expect(
      savingsOf(bill, toUsage({}), { baseline: 'openai/gpt-6-luna', at: NOW }, published),
    ).toBeUndefined()
  })
})

describe("a user's own price", () => {
  const row: ModelPrice = {
    provider: 'mine',
    model: 'm',
    perMillionTokens: { input: '1', output: '4', cacheRead: '0.5', inputAudio: '10' },
    longContext: [{ above: 1_000, perMillionTokens: { input: '2', output: '6' } }],
    perThousandCalls: { 'web-search': '5' },
    perRequest: '0.001',
    serviceTiers: { Flex: '1/2' },
  }

  it.each<[string, Partial<Bill>, Parameters<typeof toUsage>[0], string]>([
    ['its tokens and its request', {}, { inputTokens: 100, outputTokens: 10 }, '0.00114'],
    ['a long request', {}, { inputTokens: 1_001, outputTokens: 1 }, '0.003008'],
    [
      'a cached long request',
      {},
      { inputTokens: 1_001, cacheReadTokens: 1_001, outputTokens: 0 },
      '0.0015005',
    ],
    [
      'what is written to a cache',
      {},
      { inputTokens: 1_001, cacheWriteTokens: 1_001, outputTokens: 0 },
      '0.003002',
    ],
    ['half a tier', { serviceTier: 'flex' }, { inputTokens: 100, outputTokens: 0 }, '0.00105'],
    ['it in capitals', { serviceTier: 'FLEX' }, { inputTokens: 100, outputTokens: 0 }, '0.00105'],
    [
      'tools and sound',
      {
        lines: [
          { kind: 'input-audio', quantity: 1, unit: 'token' },
          { kind: 'tool-call', name: 'web-search', quantity: 2, unit: 'call' },
        ],
      },
      { inputTokens: 1, outputTokens: 0 },
      '0.01101',
    ],
  ])('prices %s', async (_, bill, told, amount) => {
    const list = await listOf(row)
    expect(String(price('mine/m', told, { vendor: undefined, list, ...bill }).amount)).toBe(amount)
  })

  it('is of halves of a pico where a tier makes them so: they are added first and rounded up once', async () => {
    const half: ModelPrice = {
      provider: 'mine',
      model: 'm',
      perMillionTokens: { input: '0.001001', output: '0.001001' },
      serviceTiers: { flex: '1/2' },
    }
    const bill = { vendor: undefined, list: await listOf(half), serviceTier: 'flex' } as const
    // 500.5 picos for each of the two.
    const cost = price('mine/m', { inputTokens: 1, outputTokens: 1 }, bill)
    expect(cost.amount?.picos).toBe(1_001n)
    expect(cost.lines.map(({ amount, unitPrice }) => [amount.picos, unitPrice])).toEqual([
      [501n, '0.0000000005005'],
      [500n, '0.0000000005005'],
    ])
    expect(price('mine/m', { inputTokens: 1, outputTokens: 0 }, bill).amount?.picos).toBe(501n)
  })

  it('counts for every name of its model', async () => {
    const perMillionTokens = { input: '1', output: '1' }
    const list = await listOf({ provider: 'openai', model: 'gpt-5.6-sol', perMillionTokens })
    const told = { inputTokens: 1_000_000, outputTokens: 0 }
    expect(String(price('openai/gpt-5.6', { ...told, inputTokens: 100_000 }, { list }).amount)).toBe('0.1')
    expect(String(price('openai/gpt-5.6-luna', { ...told, inputTokens: 100_000 }, { list }).amount)).toBe(
      '0.02',
    )
  })

  it('knows of its model what is published where it does not say it itself', async () => {
    const own = { provider: 'xai', model: 'grok-4.20-non-reasoning' }
    const perMillionTokens = { input: '1', output: '1' }
    const limitsOf = async (more: Partial<ModelPrice>): Promise<unknown> =>
      (await listOf({ ...own, perMillionTokens, ...more })).limits('xai', own.model, 'xai')
    const known = { contextLength: 1_000_000, maxOutputTokens: undefined, outputBound: 'capped' }
    expect(published.limits('xai', own.model)).toEqual(known)
    expect(await limitsOf({})).toEqual(known)
    const said = { contextLength: 1_000, maxOutputTokens: 100, outputBound: 'uncapped' } as const
    expect(await limitsOf(said)).toEqual(said)
  })

  it('is refused with a key that there is not', async () => {
    const perMillionTokens = { input: '1', output: '1', cachedInput: '1' }
    await expect(listOf({ provider: 'p', model: 'm', perMillionTokens })).rejects.toThrow(
      'Price of p/m: has no key cachedInput',
    )
  })
})
