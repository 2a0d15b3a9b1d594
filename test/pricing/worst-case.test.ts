import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LineKind, UsageLine } from '../../src/core/cost.ts'
import type { Bill, Demand } from '../../src/core/driver.ts'
import { toUsage } from '../../src/core/usage.ts'
import { parseUsd } from '../../src/money/amount.ts'
import { picos, type Picos } from '../../src/money/picos.ts'
import { costOf } from '../../src/pricing/cost-of.ts'
import { createPriceList, type ModelPrice, type PriceList } from '../../src/pricing/price-list.ts'
import { TEXT_OF, type PriceRow } from '../../src/pricing/price-rows.ts'
import { readPublished } from '../../src/pricing/published.ts'
import { affordableOutputTokens, bestCase, worstCase, type KnownCase } from '../../src/pricing/worst-case.ts'
import { systemRuntime } from '../../src/runtime.ts'

const prices = await createPriceList([], systemRuntime.sha256)
const NOW = Date.parse('2026-11-26T12:00:00Z')

const TEXT: Demand = {
  vendor: 'openai',
  inputTokens: 1_000,
  inputKinds: ['input', 'cache-write'],
  outputTokens: 100,
  outputKinds: ['output', 'reasoning'],
  outputBound: 'capped',
  toolCalls: [],
  serviceTier: 'default',
}

function ask(
  model: string,
  demand: Partial<Demand> = {},
  question: Partial<Parameters<typeof worstCase>[1]> = {},
  list: PriceList = prices,
): ReturnType<typeof worstCase> {
  const { vendor = 'openai' } = demand
  const asked = { provider: vendor, model, at: NOW, until: NOW, ...question }
  return worstCase({ ...TEXT, ...demand }, asked, list)
}

function known(worst: ReturnType<typeof worstCase>): KnownCase {
  if (worst.unknown !== undefined) throw new Error(worst.unknown)
  return worst
}

function amount(...args: Parameters<typeof ask>): string {
  const worst = ask(...args)
  return worst.unknown ?? String(worst.amount)
}

describe('the worst case', () => {
  it.each<[string, Parameters<typeof ask>, string]>([
    // 1,000 × 2 + 100 × 8, per million
    ['is all input and all output', ['o3'], '0.0028'],
    // Written to the cache: 1,000 × 2.50 + 100 × 10
    ['takes the dearest kind of input', ['gpt-6-sol'], '0.0035'],
    [
      'takes the tier that can be reached',
      ['gpt-6-sol', { inputTokens: 272_001, outputTokens: 1_000 }],
      '1.375005',
    ],
    ['and not the one beyond it', ['gpt-6-sol', { inputTokens: 272_000, outputTokens: 1_000 }], '0.69'],
    // 200,000 tokens are all that fit.
    ['takes no more input than the model does', ['o3', { inputTokens: 10_000_000, outputTokens: 0 }], '0.4'],
    [
      'takes the window where the size is not known',
      ['gpt-5', { inputTokens: undefined, inputKinds: ['input', 'input-image'], outputTokens: 0 }],
      '0.5',
    ],
    [
      'takes the output limit of the model where there is none',
      ['o3', { inputTokens: 0, outputTokens: undefined }],
      '0.8',
    ],
    [
      'is dearer at a dearer tier',
      ['gpt-5', { serviceTier: 'priority', inputTokens: 1_000, outputTokens: 0 }],
      '0.0025',
    ],
    // It can be served at the standard tier.
    [
      'is not cheaper at a cheaper tier',
      ['gpt-5', { serviceTier: 'flex', inputTokens: 1_000, outputTokens: 0 }],
      '0.00125',
    ],
    [
      'takes the dearest tier where the provider decides',
      ['gpt-5', { serviceTier: 'auto', inputTokens: 1_000, outputTokens: 0 }],
      '0.0025',
    ],
    [
      'has nothing of output for embeddings',
      ['text-embedding-3-small', { inputTokens: 100_000, inputKinds: ['input'], outputKinds: [] }],
      '0.002',
    ],
    // 200,000 × 2 thrice, as two calls come back, and 2 × $0.01
    [
      'counts what tools give back, and their fees',
      ['o3', { outputTokens: 0, toolCalls: [{ name: 'web-search', max: 2 }] }],
      '1.22',
    ],
    [
      'counts no tools that are not called',
      ['o3', { outputTokens: 0, toolCalls: [{ name: 'unheard-of', max: 0 }] }],
      '0.002',
    ],
  ])('%s', (_, args, expected) => {
    expect(amount(...args)).toBe(expected)
  })

  it('takes the dearer price where one changes while the request can be under way', () => {
    const midnight = Date.parse('2027-01-01T00:00:00Z')
    const flash = (at: number, until: number): string =>
      amount('gemini-3.8-flash', { vendor: 'gemini', outputTokens: 0 }, { at, until })
    expect(flash(midnight - 2, midnight - 1)).toBe('0.00075')
    expect(flash(midnight - 2, midnight)).toBe('0.0015')
    // Prices that fell still count for who asked before.
    const o3 = Date.parse('2025-06-10T00:00:00Z')
    expect(amount('o3', { outputTokens: 0 }, { at: o3 - 1, until: o3 + 1 })).toBe('0.01')
    expect(amount('o3', { outputTokens: 0 }, { at: o3, until: o3 + 1 })).toBe('0.002')
  })

  it('holds to the window where no limit bounds the output', () => {
    const grok = { vendor: 'xai', inputTokens: 1_000, outputBound: 'uncapped' } as const
    // 1,000 × 2 + 500,000 × 6; and 100 × 6 where the interface bounds what is thought, too.
    expect(amount('grok-4.7', grok)).toBe('3.002')
    expect(amount('grok-4.7', { ...grok, outputBound: 'capped' })).toBe('0.0026')
    expect(amount('grok-4-1-fast-non-reasoning', grok)).toBe('0.00025')
    expect(amount('o3', { outputBound: 'uncapped' })).toBe('1.602')
    const worst = known(ask('grok-4.7', grok))
    expect(affordableOutputTokens(worst, parseUsd('3.001999').picos)).toBeUndefined()
    expect(affordableOutputTokens(worst, parseUsd('3.002').picos)).toBe(500_000)
  })

  it.each<[string, Parameters<typeof ask>, RegExp]>([
    [
      'a model without a price',
      ['gpt-99'],
      /^openai\/gpt-99: no price for it is known: give it one under `prices`/,
    ],
    [
      'nobody whose prices apply',
      ['gpt-5', { vendor: undefined }, { provider: 'mine' }],
      /^mine\/gpt-5: no price/,
    ],
    ['a tier without a price', ['gpt-5', { serviceTier: 'scale' }], /service tier scale/],
    [
      'a kind without a price',
      ['gpt-5', { inputKinds: ['input', 'input-audio'] }],
      /no price for input-audio .*inputAudio/,
    ],
    ['a tool without a price', ['o3', { toolCalls: [{ name: 'x-search', max: 1 }] }], /tool-call x-search/],
    [
      'calls that nothing bounds',
      ['o3', { toolCalls: [{ name: 'web-search', max: undefined }] }],
      /nothing bounds how often web-search/,
    ],
    [
      'an answer that nothing bounds',
      ['gemini-2.5-flash-image', { vendor: 'gemini', outputTokens: undefined }],
      /set `maxOutputTokens`/,
    ],
    [
      'a picture and no window',
      ['gemini-3.1-flash-live-preview', { vendor: 'gemini', inputTokens: undefined }],
      /context window/,
    ],
  ])('is unknown for %s, and says what to do', (_, args, reason) => {
    expect(ask(...args).unknown).toMatch(reason)
  })

  it('believes the provider more than the price data about its limits', () => {
    expect(amount('o3', { inputTokens: undefined, outputTokens: 0 }, { contextLength: 1_000 })).toBe('0.002')
    expect(amount('o3', { inputTokens: 0, outputTokens: undefined }, { maxOutputTokens: 1_000 })).toBe(
      '0.008',
    )
  })

  it("takes a user's own price, limits and word for it", async () => {
    const own: ModelPrice = {
      provider: 'xai',
      model: 'grok-4.7',
      perMillionTokens: { input: '1', output: '3' },
      perRequest: '0.5',
      outputBound: 'capped',
    }
    const list = await createPriceList([own], systemRuntime.sha256)
    expect(amount('grok-4.7', { vendor: 'xai', outputBound: 'uncapped' }, {}, list)).toBe('0.5013')
    // The window is that of the published data, where the user says none.
    expect(known(ask('grok-4.7', { vendor: 'xai', inputTokens: undefined }, {}, list)).inputTokens).toBe(
      500_000,
    )
  })
})

describe('the output that is affordable', () => {
  it('is the most that fits, to the token', () => {
    // 1,000 × 2 + n × 8
    const worst = known(ask('o3', { outputTokens: 10_000 }))
    const affordable = (dollars: string): number | undefined =>
      affordableOutputTokens(worst, parseUsd(dollars).picos)
    expect(affordable('0.001999999999')).toBeUndefined()
    expect(affordable('0.002')).toBe(0)
    expect(affordable('0.002008')).toBe(1)
    expect(affordable('0.002015999999')).toBe(1)
    expect(affordable('0.002016')).toBe(2)
    expect(affordable('0.082')).toBe(10_000)
    expect(affordable('9000000')).toBe(10_000)
  })

  it('is monotone, fits, and one token more does not', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 12n }), fc.nat(1_000_000), (available, outputTokens) => {
        const worst = known(ask('gpt-5.4', { outputTokens }))
        const most = affordableOutputTokens(worst, picos(available))
        if (most === undefined) {
          expect(worst.amountFor(0)).toBeGreaterThan(available)
          return
        }
        expect(worst.amountFor(most)).toBeLessThanOrEqual(available)
        if (most < outputTokens) expect(worst.amountFor(most + 1)).toBeGreaterThan(available)
        expect(affordableOutputTokens(worst, picos(available + 1n))).toBeGreaterThanOrEqual(most)
      }),
    )
  })
})

const { vendors } = readPublished()
const rows = Object.entries(vendors).flatMap(([vendor, all]) =>
  all.map((row) => [`${vendor}/${row.id}`, vendor, row] as const),
)

/** Counts around every boundary of a row, and far from them. */
function lengths({ prices: periods, context = 1_000_000 }: PriceRow): fc.Arbitrary<number> {
  const edges = periods.flatMap(({ tiers = [] }) => tiers.map(({ above }) => above))
  const near = [0, 1, context, ...edges.flatMap((edge) => [edge - 1, edge, edge + 1])]
  return fc.oneof(fc.constantFrom(...near), fc.nat(context))
}

/** A moment near each change of a price, or any. */
function moments({ prices: periods }: PriceRow): fc.Arbitrary<number> {
  const days = periods.flatMap(({ from }) => (from === undefined ? [] : [Date.parse(`${from}T00:00:00Z`)]))
  return fc.constantFrom(NOW, ...days.flatMap((day) => [day - 1_000, day, day + 1_000]))
}

const CACHED: Partial<Record<LineKind, LineKind>> = {
  input: 'cache-read',
  'input-audio': 'cache-read-audio',
  'input-image': 'cache-read-image',
}

/** Splits a count in two by a share in thousandths. */
function parts(count: number, share: number): [number, number] {
  const first = Math.floor((count * share) / 1_000)
  return [first, count - first]
}

describe('no usage within the demand costs more than the worst case', () => {
  it.each(rows)('%s', (_, vendor, row) => {
    const priced = (kind: LineKind): boolean =>
      row.prices.every(({ tokens, tiers = [] }) =>
        [{ tokens }, ...tiers].every((tier) => tier.tokens[kind] !== undefined),
      )
    const has = (kind: LineKind): boolean =>
      (row.asText ?? []).includes(kind) ? priced(TEXT_OF[kind] ?? kind) : priced(kind)
    const chat = has('output')
    const inputKinds = (['input', 'input-audio', 'input-image', 'input-video'] as const).filter(
      (kind) => kind === 'input' || has(kind),
    )
    const services = ['default', ...new Set(row.prices.flatMap(({ services: all = {} }) => Object.keys(all)))]
    const tools = Object.keys(row.prices[0]?.calls ?? {})
    const share = fc.nat(1_000)
    const arbitrary = fc.record({
      at: moments(row),
      openMs: fc.nat(3_000),
      laterMs: fc.nat(3_000),
      limit: lengths(row),
      used: share,
      kind: fc.constantFrom(...inputKinds),
      cached: share,
      written: share,
      outputLimit: fc.nat(128_000),
      answered: share,
      asked: fc.constantFrom(...services),
      lowered: fc.boolean(),
      calls: fc.nat(tools.length > 0 && row.context !== undefined ? 2 : 0),
    })
    let compared = 0
    fc.assert(
      fc.property(arbitrary, (given) => {
        const { at, limit, kind, asked, calls, outputLimit } = given
        const until = at + given.openMs
        const demand: Demand = {
          vendor,
          inputTokens: limit,
          inputKinds: ['input', 'cache-write', ...(kind === 'input' ? [] : [kind])],
          outputTokens: outputLimit,
          outputKinds: chat ? ['output', 'reasoning'] : [],
          outputBound: 'capped',
          toolCalls: calls === 0 ? [] : [{ name: tools[0] ?? '', max: calls }],
          serviceTier: asked,
        }
        const worst = worstCase(demand, { provider: vendor, model: row.id, at, until }, prices)
        if (worst.unknown !== undefined) throw new Error(worst.unknown)
        const [inputTokens] = parts(worst.inputTokens, given.used)
        const [outputTokens] = parts(worst.outputTokens, given.answered)
        const [, text] = parts(inputTokens, given.cached)
        const cached = CACHED[kind]
        const reads = cached !== undefined && has(cached) ? inputTokens - text : 0
        const [written, plain] = parts(inputTokens - reads, kind === 'input' ? given.written : 0)
        const lines: UsageLine[] = [
          { kind, quantity: plain, unit: 'token' },
          { kind: 'cache-write', quantity: written, unit: 'token' },
          { kind: cached ?? 'cache-read', quantity: reads, unit: 'token' },
          ...(chat ? ([{ kind: 'output', quantity: outputTokens, unit: 'token' }] as const) : []),
          ...(calls === 0
            ? []
            : ([{ kind: 'tool-call', name: tools[0] ?? '', quantity: calls, unit: 'call' }] as const)),
        ]
        const served = given.lowered ? 'default' : asked
        const bill: Bill = { locality: 'remote', vendor, model: row.id, lines, serviceTier: served }
        const usage = toUsage({ inputTokens, outputTokens: chat ? outputTokens : 0 })
        const cost = costOf(
          bill,
          usage,
          { provider: vendor, at: Math.min(until, at + given.laterMs) },
          prices,
        )
        if (cost.status === 'unknown') {
          // Only where the vendor sells no such tier for a request of that length.
          expect(cost.reason).toMatch(/service tier (priority|fast)/)
          return
        }
        compared++
        expect(cost.amount.picos).toBeLessThanOrEqual(worst.amount.picos)
        const best = bestCase(demand, { provider: vendor, model: row.id, at, until }, prices)
        if (best.unknown !== undefined) throw new Error(best.unknown)
        if (inputTokens > 0) expect(best.amount.picos).toBeLessThanOrEqual(cost.amount.picos)
      }),
      { numRuns: 150 },
    )
    expect(compared).toBeGreaterThan(50)
  })
})

describe('the worst case grows with everything that it is made of', () => {
  it.each(
    rows.filter(([, , { prices: periods }]) => periods.every(({ tokens }) => tokens.output !== undefined)),
  )('%s', (_, vendor, row) => {
    const at = NOW
    const worst = (inputTokens: number, outputTokens: number, until: number): Picos =>
      known(
        worstCase(
          { ...TEXT, vendor, inputTokens, outputTokens, inputKinds: ['input', 'cache-write'] },
          { provider: vendor, model: row.id, at, until },
          prices,
        ),
      ).amount.picos
    fc.assert(
      fc.property(lengths(row), fc.nat(100_000), fc.nat(40), fc.nat(1_000), (input, output, days, more) => {
        const until = at + days * 86_400_000
        const base = worst(input, output, until)
        expect(worst(input + more, output, until)).toBeGreaterThanOrEqual(base)
        expect(worst(input, output + more, until)).toBeGreaterThanOrEqual(base)
        expect(worst(input, output, until + more * 86_400_000)).toBeGreaterThanOrEqual(base)
      }),
      { numRuns: 30 },
    )
  })
})

describe('the best case', () => {
  it('is one token at the cheapest price, and what a request costs by itself', async () => {
    const list = await createPriceList(
      [
        {
          provider: 'p',
          model: 'm',
          perMillionTokens: { input: '2', output: '8', cacheRead: '0.5' },
          perRequest: '0.01',
        },
      ],
      systemRuntime.sha256,
    )
    const best = bestCase(
      { ...TEXT, vendor: undefined },
      { provider: 'p', model: 'm', at: NOW, until: NOW },
      list,
    )
    expect(best.unknown ?? String(best.amount)).toBe('0.0100005')
    const none = bestCase(TEXT, { provider: 'p', model: 'other', at: NOW, until: NOW }, list)
    expect(none.unknown).toMatch(/^p\/other: no price/)
  })
})
