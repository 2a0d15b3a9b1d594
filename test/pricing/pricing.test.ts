import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Cost } from '../../src/core/cost.ts'
import type { Bill, Locality } from '../../src/core/driver.ts'
import { toUsage } from '../../src/core/usage.ts'
import { tokenLines } from '../../src/drivers/token-lines.ts'
import { Amount } from '../../src/money/amount.ts'
import { addCosts, costOf, costOfRefusal } from '../../src/pricing/cost-of.ts'
import { createPriceList, type ModelPrice } from '../../src/pricing/price-list.ts'
import { systemRuntime } from '../../src/runtime.ts'

const ROW: ModelPrice = {
  provider: 'mock',
  model: 'mock-1',
  perMillionTokens: { input: '0.15', output: '0.60', cacheRead: '0.075' },
}
const prices = await createPriceList([ROW], systemRuntime.sha256)

function billOf(
  usage: Parameters<typeof toUsage>[0],
  locality: Locality = 'unknown',
  model = 'mock-1',
): Bill {
  return { locality, model, lines: tokenLines(toUsage(usage)) }
}

function price(usage: Parameters<typeof toUsage>[0], locality?: Locality, model?: string): Cost {
  return costOf(billOf(usage, locality, model), toUsage(usage), { provider: 'mock', at: 0 }, prices)
}

function find(provider: string, model: string): unknown {
  return prices.find({ provider, vendor: undefined, model, at: 0, inputTokens: 1, serviceTier: undefined })
}

describe('a price list', () => {
  it('has the same id for the same prices, in any order, and another one for others', async () => {
    const other: ModelPrice = { ...ROW, model: 'mock-2' }
    const dearer: ModelPrice = { ...ROW, perMillionTokens: { input: '0.16', output: '0.60' } }
    const id = async (...rows: ModelPrice[]): Promise<string> =>
      (await createPriceList(rows, systemRuntime.sha256)).id
    expect(await id(ROW, other)).toBe(await id(other, ROW))
    expect(await id(ROW)).not.toBe(await id(dearer))
    expect(await id(ROW)).toMatch(/^[0-9a-f]{64}$/)
  })

  it('matches ids exactly, never by their beginning', () => {
    expect(find('mock', 'mock-1')).toBeDefined()
    for (const [provider, model] of [
      ['mock', 'mock-1-ultra'],
      ['mock', 'Mock-1'],
      ['mock', 'mock'],
      ['other', 'mock-1'],
    ] as const) {
      expect(find(provider, model)).toBeUndefined()
    }
  })

  it.each<[string, Partial<ModelPrice['perMillionTokens']>, RegExp]>([
    ['negative', { input: '-1' }, /between 0 and 2000/],
    ['above what anything costs', { output: '2000.000001' }, /between 0 and 2000/],
    ['finer than a pico per token', { input: '0.0000001' }, /six decimals/],
    ['not a decimal', { cacheRead: 'free' }, /Not a decimal/],
    ['a number', { input: 0.15 as unknown as string }, /decimal string/],
  ])('refuses a price that is %s, and names the row', async (_, wrong, message) => {
    const row = { ...ROW, perMillionTokens: { ...ROW.perMillionTokens, ...wrong } }
    await expect(createPriceList([row], systemRuntime.sha256)).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(message) as string,
    })
    await expect(createPriceList([row], systemRuntime.sha256)).rejects.toThrow('mock/mock-1')
  })

  it.each<[string, unknown, string]>([
    ['nothing', null, 'Price 0: is no object'],
    ['a text', 'cheap', 'Price 0: is no object'],
    ['no provider', { ...ROW, provider: undefined }, 'Price 0: needs a provider and a model'],
    ['a model that is no text', { ...ROW, model: 5 }, 'Price 0: needs a provider and a model'],
    ['no prices', { ...ROW, perMillionTokens: undefined }, 'Price of mock/mock-1: needs perMillionTokens'],
    ['a mistyped key', { ...ROW, perThousandCall: {} }, 'did you mean perThousandCalls?'],
    ['a key that every object has', { ...ROW, constructor: {} }, 'has no key constructor'],
    ['a long request that is no list', { ...ROW, longContext: 5 }, 'has a longContext that is no list'],
    ['a long request of nothing', { ...ROW, longContext: [null] }, 'without above or perMillionTokens'],
    [
      'a long request without prices',
      { ...ROW, longContext: [{ above: 5 }] },
      'without above or perMillionTokens',
    ],
    [
      'a mistyped key of a long request',
      { ...ROW, longContext: [{ above: 5, perMillionTokens: {}, cacheRead: '1' }] },
      'has no key cacheRead',
    ],
    [
      'a price for something that every object has',
      { ...ROW, perMillionTokens: { ...ROW.perMillionTokens, toString: '1' } },
      'has no key toString',
    ],
    [
      'a mistyped key of the prices',
      { ...ROW, perMillionTokens: { ...ROW.perMillionTokens, cachedRead: '1' } },
      'has no key cachedRead; did you mean cacheRead?',
    ],
    [
      'a mistyped key of the prices of a long request',
      { ...ROW, longContext: [{ above: 5, perMillionTokens: { outptu: '1' } }] },
      'has no key outptu; did you mean output?',
    ],
  ])('refuses what is no price: %s', async (_, row, message) => {
    await expect(createPriceList([row as ModelPrice], systemRuntime.sha256)).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(message) as string,
    })
  })

  it.each([[null], ['cheap'], [{}]])('refuses %j for a list', async (rows) => {
    await expect(
      createPriceList(rows as unknown as ModelPrice[], systemRuntime.sha256),
    ).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('is a list') as string,
    })
  })

  it('has no prices of a vendor that there is not, whatever it is called', async () => {
    const published = await createPriceList([], systemRuntime.sha256)
    const asked = { provider: 'p', model: 'gpt-5', at: 0, inputTokens: 1, serviceTier: undefined }
    for (const vendor of ['acme', 'constructor', '__proto__', 'toString'])
      expect(published.find({ ...asked, vendor }), vendor).toBeUndefined()
    expect(published.find({ ...asked, vendor: 'openai' })).toBeDefined()
  })

  it('bounds a kind only where it has a price in every way in which a request can be billed', async () => {
    const model = 'grok-4-fast-reasoning'
    const published = await createPriceList([], systemRuntime.sha256)
    const asked = { provider: 'xai', vendor: 'xai', model, at: 0, until: 0, serviceTier: undefined }
    const worst = (inputTokens: number): unknown[] => {
      const rates = published.worst({ ...asked, inputTokens })
      return [rates?.of('input')?.picos, rates?.of('cache-read')?.picos]
    }
    // Above 128,000 tokens nobody says what cached ones cost.
    expect([worst(128_000), worst(128_001)]).toEqual([
      [200_000n, 50_000n],
      [400_000n, undefined],
    ])
  })

  it('bounds a tier of service only where it has a price on every day that the request can meet', async () => {
    const tokens = { input: '2' }
    const vendors = {
      v: [{ id: 'm', prices: [{ tokens }, { from: '2027-01-01', tokens, services: { flex: '1/2' } }] }],
    }
    const list = await createPriceList([], systemRuntime.sha256, { published: { sources: [], vendors } })
    const [december, january] = [Date.UTC(2026, 11, 31), Date.UTC(2027, 0, 1)]
    const worst = (at: number, until: number): unknown => {
      const asked = { provider: 'v', vendor: 'v', model: 'm', at, until, inputTokens: 1 }
      return list.worst({ ...asked, serviceTier: 'flex' })?.of('input')?.picos
    }
    expect(worst(december, january)).toBeUndefined()
    expect(worst(december, december)).toBeUndefined()
    // It can be served at the standard tier all the same.
    expect(worst(january, january)).toBe(2_000_000n)
  })

  it('refuses two prices for one model', async () => {
    await expect(createPriceList([ROW, ROW], systemRuntime.sha256)).rejects.toThrow(/two prices/)
  })
})

describe('the cost of an attempt', () => {
  it('is exact, line by line, with cached tokens taken out of the input', () => {
    const cost = price({ inputTokens: 1_000, cacheReadTokens: 400, outputTokens: 7 })
    // 600 × $0.15 + 400 × $0.075 + 7 × $0.60, per million
    expect(cost).toMatchObject({ status: 'exact', source: 'price-list', priceList: prices.id })
    expect(String(cost.amount)).toBe('0.0001242')
    expect(cost.lines.map((line) => [line.kind, line.quantity, line.unitPrice, String(line.amount)])).toEqual(
      [
        ['input', 600, '0.00000015', '0.00009'],
        ['cache-read', 400, '0.000000075', '0.00003'],
        ['output', 7, '0.0000006', '0.0000042'],
      ],
    )
  })

  it('is the sum of its lines and grows by the same for each token, up to counts that a float cannot hold', () => {
    const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER - 1 })
    fc.assert(
      fc.property(count, count, (inputTokens, outputTokens) => {
        const cost = price({ inputTokens, outputTokens })
        const total = cost.lines.reduce((sum, line) => sum + line.amount.picos, 0n)
        expect(cost.amount?.picos).toBe(total)
        const more = price({ inputTokens: inputTokens + 1, outputTokens })
        expect((more.amount?.picos ?? 0n) - total).toBe(150_000n)
      }),
    )
  })

  it('is free where the model is proven or declared local, whatever was told', () => {
    for (const locality of ['local', 'declared'] as const) {
      const cost = price({ inputTokens: 5 }, locality)
      expect(cost).toMatchObject({ status: 'free', source: locality, amount: { picos: 0n } })
      expect(cost.lines).toMatchObject([{ kind: 'input', quantity: 5, unitPrice: '0' }])
      expect(price({}, locality).status).toBe('free')
    }
  })

  it.each<[string, Parameters<typeof toUsage>[0], Locality, string, RegExp]>([
    [
      'a model without a price',
      { inputTokens: 1, outputTokens: 1 },
      'unknown',
      'mock-2',
      /not proven to be local/,
    ],
    [
      'a cloud model without a price',
      { inputTokens: 1, outputTokens: 1 },
      'remote',
      'x:cloud',
      /runs in the cloud/,
    ],
    ['no output count', { inputTokens: 1 }, 'unknown', 'mock-1', /did not tell/],
    ['no count at all', {}, 'remote', 'mock-1', /did not tell/],
  ])('is unknown, and never zero, for %s', (_, usage, locality, model, reason) => {
    const cost = price(usage, locality, model)
    expect(cost).toMatchObject({
      status: 'unknown',
      amount: undefined,
      reason: expect.stringMatching(reason) as string,
    })
  })

  it('is unknown for a line that has no price', () => {
    const usage = toUsage({ inputTokens: 1, outputTokens: 1 })
    const lines = [...tokenLines(usage), { kind: 'tool-call', quantity: 1, unit: 'call' } as const]
    expect(
      costOf({ locality: 'remote', model: 'mock-1', lines }, usage, { provider: 'mock', at: 0 }, prices),
    ).toMatchObject({
      status: 'unknown',
      reason:
        'mock/mock-1: no price for tool-call is known: give it one under `prices` in your configuration (`perThousandCalls`)',
    })
  })

  it('is exactly nothing where the provider refused it', () => {
    expect(costOfRefusal(billOf({}), prices)).toMatchObject({
      status: 'exact',
      source: 'refused',
      amount: { picos: 0n },
    })
    expect(costOfRefusal(billOf({}, 'local'), prices)).toMatchObject({
      status: 'free',
      amount: { picos: 0n },
    })
  })
})

describe('the cost of a call', () => {
  const exact = price({ inputTokens: 1_000, outputTokens: 0 })
  const free = price({ inputTokens: 1_000, outputTokens: 0 }, 'local')
  const open = price({})
  const refused = costOfRefusal(billOf({}), prices)
  const bounded: Cost = { status: 'bounded', amount: new Amount(5n), lines: [], reason: 'cut' }

  it.each<[string, Cost[], Cost['status'], string]>([
    ['two exact ones', [exact, exact], 'exact', '0.0003'],
    ['a refusal and an exact one', [refused, exact], 'exact', '0.00015'],
    ['a refusal and a free one', [refused, free], 'exact', '0'],
    ['two free ones', [free, free], 'free', '0'],
    ['an exact and a bounded one', [exact, bounded], 'bounded', '0.000150000005'],
    ['anything and an unknown one', [exact, bounded, open], 'unknown', 'undefined'],
    ['nothing', [], 'unknown', 'undefined'],
  ])('of %s is their sum, as uncertain as the least certain', (_, costs, status, amount) => {
    const cost = addCosts(costs)
    expect([cost.status, String(cost.amount)]).toEqual([status, amount])
    expect(cost.lines).toHaveLength(costs.reduce((sum, one) => sum + one.lines.length, 0))
  })

  it('names the price list of what was billed, not of what was refused', () => {
    expect(addCosts([refused, exact])).toMatchObject({ source: 'price-list' })
  })
})
