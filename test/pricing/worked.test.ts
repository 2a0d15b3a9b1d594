import { describe, expect, it } from 'vitest'
import type { Cost, UsageLine } from '../../src/core/cost.ts'
import { toUsage } from '../../src/core/usage.ts'
import { addCosts, costOf } from '../../src/pricing/cost-of.ts'
import { createPriceList } from '../../src/pricing/price-list.ts'
import { formatDecimal } from '../../src/money/decimal.ts'
import { add, ZERO } from '../../src/money/picos.ts'
import { systemRuntime } from '../../src/runtime.ts'

const prices = await createPriceList([], systemRuntime.sha256)

interface Given {
  readonly model: string
  readonly at?: string
  readonly serviceTier?: string
  readonly ticks?: number
  readonly counts: Partial<Record<UsageLine['kind'], number>>
  readonly tools?: Readonly<Record<string, number>>
}

/** A bill as a driver makes it: parts that do not overlap. */
function costOfGiven({ model, at = '2026-11-26', serviceTier, ticks, counts, tools = {} }: Given): Cost {
  const [vendor = '', id = ''] = model.split('/')
  const kinds = Object.entries(counts) as [UsageLine['kind'], number][]
  const countOf = (output: boolean): number =>
    kinds.reduce((sum, [kind, count]) => sum + (kind.startsWith('output') === output ? count : 0), 0)
  const lines: UsageLine[] = [
    ...kinds.map(([kind, quantity]) => ({ kind, quantity, unit: 'token' }) as const),
    ...Object.entries(tools).map(
      ([name, quantity]) => ({ kind: 'tool-call', name, quantity, unit: 'call' }) as const,
    ),
  ]
  const usage = toUsage({ inputTokens: countOf(false), outputTokens: countOf(true) })
  const reported = ticks === undefined ? undefined : ({ quantity: ticks, unit: 'usd-tick' } as const)
  const bill = { locality: 'remote', vendor, model: id, lines, serviceTier, reported } as const
  return costOf(bill, usage, { provider: vendor, at: Date.parse(`${at}T12:00:00Z`) }, prices)
}

function dollars(given: Given): string {
  const cost = costOfGiven(given)
  if (cost.status !== 'exact') return cost.status === 'unknown' ? cost.reason : cost.status
  const sum = cost.lines.reduce((total, line) => add(total, line.amount.picos), ZERO)
  expect(formatDecimal(sum)).toBe(String(cost.source === 'provider' ? cost.computed : cost.amount))
  return String(cost.amount)
}

describe('real prices, worked out by hand', () => {
  it.each<[string, Given, string]>([
    // 600 × 0.15 + 400 × 0.075 + 7 × 0.60, per million
    [
      'cached input',
      { model: 'openai/gpt-4o-mini', counts: { input: 600, 'cache-read': 400, output: 7 } },
      '0.0001242',
    ],
    ['a dated id', { model: 'openai/gpt-4o-mini-2024-07-18', counts: { input: 1, output: 0 } }, '0.00000015'],
    // A snapshot with a price of its own: 5 and 15.
    [
      'a dated id with its own price',
      { model: 'openai/gpt-4o-2024-05-13', counts: { input: 1, output: 1 } },
      '0.00002',
    ],
    // 2000 × 2 + 6000 × 0.10 + 2000 × 2.50 + 500 × 10
    [
      'a cache that is written',
      {
        model: 'openai/gpt-6.2-sol',
        counts: { input: 2000, 'cache-read': 6000, 'cache-write': 2000, output: 500 },
      },
      '0.0146',
    ],
    // 300000 × 4 + 1000 × 15
    ['a long request', { model: 'openai/gpt-6-sol', counts: { input: 300_000, output: 1_000 } }, '1.215'],
    [
      'up to the boundary of >272k',
      { model: 'openai/gpt-6-sol', counts: { input: 272_000, output: 0 } },
      '0.544',
    ],
    ['one token beyond it', { model: 'openai/gpt-6-sol', counts: { input: 272_001, output: 0 } }, '1.088004'],
    [
      'below the boundary of >=272k',
      { model: 'openai/gpt-5.4', counts: { input: 271_999, output: 0 } },
      '0.6799975',
    ],
    ['at it', { model: 'openai/gpt-5.4', counts: { input: 272_000, output: 0 } }, '1.36'],
    // The boundary is of all input: 200000 cached and 72000 not, 72000 × 5 + 200000 × 0.50
    [
      'cached tokens count for the boundary',
      { model: 'openai/gpt-5.4', counts: { input: 72_000, 'cache-read': 200_000, output: 0 } },
      '0.46',
    ],
    ['199,999 tokens at xAI', { model: 'xai/grok-4.3', counts: { input: 199_999, output: 0 } }, '0.24999875'],
    ['200,000 tokens at xAI', { model: 'xai/grok-4.3', counts: { input: 200_000, output: 0 } }, '0.5'],
    ['128,000 tokens of grok-4', { model: 'xai/grok-4', counts: { input: 128_000, output: 1 } }, '0.384015'],
    ['128,001 tokens of grok-4', { model: 'xai/grok-4', counts: { input: 128_001, output: 1 } }, '0.768036'],
    ['grok-4.7', { model: 'xai/grok-4.7', counts: { input: 1_000_000, output: 1_000_000 } }, '16'],
    [
      '200,000 tokens at Google',
      { model: 'gemini/gemini-3.1-pro-preview', counts: { input: 200_000, output: 0 } },
      '0.4',
    ],
    [
      '200,001 tokens at Google',
      { model: 'gemini/gemini-3.1-pro-preview', counts: { input: 200_001, output: 0 } },
      '0.800004',
    ],
    // 1104 × 0.75 + 4096 × 0.075 + 500 × 3.75
    [
      'before a price rises',
      {
        model: 'gemini/gemini-3.8-flash',
        at: '2026-12-31',
        counts: { input: 1104, 'cache-read': 4096, output: 500 },
      },
      '0.0030102',
    ],
    [
      'after it',
      {
        model: 'gemini/gemini-3.8-flash',
        at: '2027-01-01',
        counts: { input: 1104, 'cache-read': 4096, output: 500 },
      },
      '0.0060204',
    ],
    [
      'o3 before 2025-06-10',
      { model: 'openai/o3', at: '2025-06-09', counts: { input: 1_000, output: 500 } },
      '0.03',
    ],
    [
      'o3 from that day',
      { model: 'openai/o3', at: '2025-06-10', counts: { input: 1_000, output: 500 } },
      '0.006',
    ],
    [
      'gemini-4-argon rises',
      { model: 'gemini/gemini-4-argon', at: '2026-12-01', counts: { input: 1, output: 1 } },
      '0.000024',
    ],
    // Half of 2 × 1000 + 8 × 1000
    ['flex', { model: 'openai/o3', serviceTier: 'flex', counts: { input: 1_000, output: 1_000 } }, '0.005'],
    [
      'priority',
      { model: 'openai/gpt-5', serviceTier: 'priority', counts: { input: 1_000, output: 0 } },
      '0.0025',
    ],
    // 1.1 × 20/11 = 2 and 0.275 × 20/11 = 0.5
    [
      'a tier that is no round factor',
      {
        model: 'openai/o4-mini',
        serviceTier: 'priority',
        counts: { input: 1_000, 'cache-read': 1_000, output: 0 },
      },
      '0.0025',
    ],
    [
      'priority at Google',
      { model: 'gemini/gemini-3.8-flash', serviceTier: 'PRIORITY', counts: { input: 1_000, output: 0 } },
      '0.00135',
    ],
    [
      'a request that was lowered from priority',
      { model: 'openai/gpt-5', serviceTier: 'default', counts: { input: 1_000, output: 0 } },
      '0.00125',
    ],
    [
      'ultrafast in February',
      {
        model: 'openai/gpt-6.2-sol',
        at: '2027-02-28',
        serviceTier: 'ultrafast',
        counts: { input: 1_000, output: 0 },
      },
      '0.006',
    ],
    [
      'ultrafast in March',
      {
        model: 'openai/gpt-6.2-sol',
        at: '2027-03-01',
        serviceTier: 'ultrafast',
        counts: { input: 1_000, output: 0 },
      },
      '0.012',
    ],
    // Thoughts are inside of the output: 12 − 2, 2, 1 + 228
    [
      'thoughts',
      { model: 'xai/grok-3-mini', counts: { input: 10, 'cache-read': 2, output: 229 } },
      '0.00011765',
    ],
    // 100 × 0.30 + 1000 × 1.00 + 10 × 2.50
    [
      'sound',
      { model: 'gemini/gemini-2.5-flash', counts: { input: 100, 'input-audio': 1_000, output: 10 } },
      '0.001055',
    ],
    [
      'sound with its own price',
      {
        model: 'openai/gpt-4o-audio-preview',
        counts: { input: 0, 'input-audio': 10, output: 0, 'output-audio': 10 },
      },
      '0.0012',
    ],
    [
      'sound at the price of text',
      { model: 'gemini/gemini-2.5-pro', counts: { 'input-audio': 1_000, output: 0 } },
      '0.00125',
    ],
    [
      'a picture at the price of text',
      { model: 'openai/gpt-5', counts: { 'input-image': 1_000, output: 0 } },
      '0.00125',
    ],
    [
      'a picture that is drawn',
      { model: 'gemini/gemini-2.5-flash-image', counts: { input: 0, output: 0, 'output-image': 1_290 } },
      '0.0387',
    ],
    [
      'tools beside the tokens',
      {
        model: 'xai/grok-4.6',
        counts: { input: 0, output: 0 },
        tools: { 'web-search': 3, 'code-execution': 1 },
      },
      '0.02',
    ],
    // The fee of a tool is the same at every tier: 0.00125 × 2 + 0.01
    [
      'a tool at a dearer tier',
      {
        model: 'openai/gpt-5',
        serviceTier: 'priority',
        counts: { input: 1_000, output: 0 },
        tools: { 'web-search': 1 },
      },
      '0.0125',
    ],
    [
      'embeddings',
      { model: 'openai/text-embedding-3-small', counts: { input: 1_000_000, output: 0 } },
      '0.02',
    ],
    [
      'a model that is free of charge',
      { model: 'gemini/gemma-4-31b-it', counts: { input: 1_000, output: 1_000 } },
      '0',
    ],
    // The dearest of all: 200,000 × $150 + 100,000 × $600
    ['o1-pro', { model: 'openai/o1-pro', counts: { input: 200_000, output: 100_000 } }, '90'],
    [
      'the cheapest token at half price',
      { model: 'openai/gpt-5-nano', serviceTier: 'flex', counts: { 'cache-read': 1, output: 0 } },
      '0.0000000025',
    ],
  ])('%s', (_, given, amount) => {
    expect(dollars(given)).toBe(amount)
  })

  it.each<[string, Given, RegExp]>([
    [
      'a model of a similar name',
      { model: 'gemini/gemini-2.5-pro-ultra', counts: { input: 1, output: 1 } },
      /no price for it is known/,
    ],
    [
      'a fine-tuned model',
      { model: 'openai/ft:gpt-4o-2024-08-06:me::1', counts: { input: 1, output: 1 } },
      /no price for it is known/,
    ],
    [
      'a model of another vendor',
      { model: 'xai/gpt-5', counts: { input: 1, output: 1 } },
      /no price for it is known/,
    ],
    [
      'an alias with a date',
      { model: 'openai/gpt-5.6-2026-01-01', counts: { input: 1, output: 1 } },
      /no price for it is known/,
    ],
    [
      'sound without a price',
      { model: 'openai/gpt-5', counts: { 'input-audio': 1, output: 0 } },
      /no price for input-audio .*inputAudio/,
    ],
    [
      'a tool without a price',
      { model: 'openai/gpt-5', counts: { input: 1, output: 1 }, tools: { 'x-search': 1 } },
      /no price for tool-call x-search/,
    ],
    [
      'a tier without a price',
      { model: 'xai/grok-4.6', serviceTier: 'priority', counts: { input: 1, output: 1 } },
      /service tier priority/,
    ],
    [
      'priority of a request that is too long for it',
      { model: 'openai/gpt-5.4', serviceTier: 'priority', counts: { input: 272_000, output: 0 } },
      /service tier priority/,
    ],
    [
      'an answer that does not tell its tier',
      { model: 'openai/gpt-5', serviceTier: 'auto', counts: { input: 1, output: 1 } },
      /service tier auto/,
    ],
  ])('%s is unknown, never zero', (_, given, reason) => {
    expect(costOfGiven(given)).toMatchObject({ status: 'unknown', amount: undefined })
    expect(dollars(given)).toMatch(reason)
  })

  it('costs nothing for a count of nothing, also where nothing has a price', () => {
    expect(dollars({ model: 'openai/gpt-5', counts: { 'input-audio': 0, output: 0 } })).toBe('0')
  })

  it('is what the provider charged, with our own sum beside it', () => {
    const given = { model: 'xai/grok-3-mini', counts: { input: 10, 'cache-read': 2, output: 229 } } as const
    const cost = costOfGiven({ ...given, ticks: 1_176_500 })
    expect(cost).toMatchObject({ status: 'exact', source: 'provider' })
    expect(cost).toEqual(
      expect.objectContaining({ amount: costOfGiven(given).amount, computed: costOfGiven(given).amount }),
    )
    const drifted = costOfGiven({ ...given, ticks: 1_176_501 })
    expect([String(drifted.amount), 'computed' in drifted && String(drifted.computed)]).toEqual([
      '0.0001176501',
      '0.00011765',
    ])
    const unpriced = costOfGiven({ ...given, model: 'xai/grok-99', ticks: 5 })
    expect(unpriced).toMatchObject({ status: 'exact', source: 'provider', lines: [] })
    expect(unpriced).not.toHaveProperty('computed')
    expect(String(unpriced.amount)).toBe('0.0000000005')
    // Ticks of zero say nothing.
    expect(costOfGiven({ ...given, ticks: 0 })).toMatchObject({ source: 'price-list' })
    expect(costOfGiven({ ...given, ticks: -1 })).toMatchObject({ source: 'price-list' })
  })

  it('adds what the provider told to what it did not', () => {
    const given = { model: 'xai/grok-3-mini', counts: { input: 10, 'cache-read': 2, output: 229 } } as const
    const own = costOfGiven(given)
    const sum = addCosts([costOfGiven({ ...given, ticks: 1_176_501 }), own])
    expect(sum).toMatchObject({ status: 'exact', source: 'provider' })
    expect([String(sum.amount), 'computed' in sum && String(sum.computed)]).toEqual([
      '0.0002353001',
      '0.0002353',
    ])
    const halfKnown = addCosts([costOfGiven({ ...given, model: 'xai/grok-99', ticks: 5 }), own])
    expect(halfKnown).not.toHaveProperty('computed')
    expect(String(halfKnown.amount)).toBe('0.0001176505')
  })

  it('adds 10 million calls of one token at $0.15 per million to exactly $1.50', () => {
    let total = ZERO
    let float = 0
    for (let thousand = 0; thousand < 10_000; thousand++) {
      const cost = costOfGiven({ model: 'openai/gpt-4o-mini', counts: { input: 1, output: 0 } })
      for (let call = 0; call < 1_000; call++) {
        total = add(total, cost.amount?.picos ?? ZERO)
        float += 0.15 / 1e6
      }
    }
    expect(formatDecimal(total)).toBe('1.5')
    // The control: with floats it is not.
    expect(float).not.toBe(1.5)
  })
})
