import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { generate } from '../../scripts/generate-prices.ts'
import { checkData, checkRow } from '../../src/pricing/check-rows.ts'
import type { PriceRow } from '../../src/pricing/price-rows.ts'
import { PUBLISHED_ID, readPublished } from '../../src/pricing/published.ts'

const OVERLAY = new URL('../../prices/overlay.json', import.meta.url)
const PUBLISHED = new URL('../../src/pricing/published.ts', import.meta.url)

/** Largest file of published prices, in bytes: it is read at the first call. */
const FILE_BYTES_MAX = 80_000

describe('the published prices', () => {
  it('are what `npm run prices` makes, twice the same', async () => {
    const text = await generate()
    expect(readFileSync(PUBLISHED, 'utf8')).toBe(text)
    expect(await generate()).toBe(text)
  })

  it('have the hash that they say, and are small', () => {
    const text = readFileSync(PUBLISHED, 'utf8')
    const data = text.slice(text.indexOf('`{') + 1, text.lastIndexOf('`'))
    expect(createHash('sha256').update(data).digest('hex')).toBe(PUBLISHED_ID)
    expect(text.length).toBeLessThan(FILE_BYTES_MAX)
  })

  it('pass the check, and say of every row where it is from', () => {
    const data = readPublished()
    expect(() => checkData(data)).not.toThrow()
    for (const { source, url, checkedAt } of data.sources) {
      expect(source).not.toBe('')
      expect(url).toMatch(/^https:\/\//)
      expect(checkedAt).toMatch(/^2026-\d{2}-\d{2}$/)
    }
  })

  it('have corrections of which each says something, with keys that there are, and where it is from', () => {
    const { entries } = JSON.parse(readFileSync(OVERLAY, 'utf8')) as {
      entries: Record<string, unknown>[]
    }
    expect(entries.length).toBeGreaterThan(30)
    const about = ['vendor', 'models', 'source', 'url', 'checkedAt']
    const facts = [
      'names',
      'context',
      'maxOutput',
      'outputBound',
      'asText',
      'prices',
      'tokens',
      'calls',
      'services',
    ]
    for (const entry of entries) {
      const keys = Object.keys(entry)
      expect(keys.filter((key) => ![...about, ...facts].includes(key))).toEqual([])
      expect(about.filter((key) => !keys.includes(key))).toEqual([])
      expect(keys.some((key) => facts.includes(key))).toBe(true)
    }
  })

  it('are refused where a row says no source, or has the name of another', () => {
    const data = readPublished()
    const [first, second, ...rest] = data.vendors['xai'] ?? []
    if (!first || !second) throw new Error('no rows')
    const withRows = (rows: readonly PriceRow[]): unknown => checkData({ ...data, vendors: { xai: rows } })
    const { sources: _, ...bare } = first
    expect(() => withRows([bare, second, ...rest])).toThrow(
      `Price of xai/${first.id}: does not say where it is from`,
    )
    expect(() => withRows([{ ...first, sources: [999] }])).toThrow('does not say where it is from')
    expect(() => withRows([first, { ...second, names: [first.id] }])).toThrow(`has the name ${first.id}`)
  })
})

const GOOD: PriceRow = {
  id: 'gpt-x',
  context: 400_000,
  maxOutput: 128_000,
  prices: [
    {
      tokens: { input: '2.5', 'cache-read': '0.25', 'cache-write': '3.125', output: '15' },
      tiers: [
        {
          above: 272_000,
          tokens: { input: '5', 'cache-read': '0.5', 'cache-write': '6.25', output: '22.5' },
        },
      ],
      calls: { 'web-search': '10' },
      services: { flex: '1/2', priority: { factor: '2', inputMax: 272_000 } },
    },
    { from: '2027-01-01', tokens: { input: '3', output: '18' } },
  ],
}

/** The good row with other prices of its first period. */
function withPrices(changes: Partial<PriceRow['prices'][number]>): PriceRow {
  const [first, ...rest] = GOOD.prices
  return { ...GOOD, prices: [{ tokens: { input: '2.5' }, ...first, ...changes }, ...rest] }
}

describe('the check of a row', () => {
  it('takes a good one', () => {
    expect(() => checkRow(GOOD, 'openai/gpt-x')).not.toThrow()
    // At a tenth of input it is believed, and where nothing is written it costs nothing.
    for (const output of ['0.25', '0'])
      expect(() => checkRow(withPrices({ tokens: { input: '2.5', output }, tiers: [] }), 'm')).not.toThrow()
  })

  it.each<[string, PriceRow, RegExp]>([
    // wandb/deepseek-ai/DeepSeek-R1-0528, "output_cost_per_token": 0.54
    [
      '$540,000 per million',
      withPrices({ tokens: { input: '2.5', output: '540000' } }),
      /output: 540000 is not between 0 and 2000/,
    ],
    // gpt-5-nano: "input_cost_per_token_priority" of 50 times the standard price
    [
      'a tier of 50 times',
      withPrices({ services: { priority: '50' } }),
      /service tier priority is more than 10 times away/,
    ],
    // gemini-2.5-pro: a priority price that is the standard price
    ['a priority that is not dearer', withPrices({ services: { priority: '1' } }), /priority is not dearer/],
    [
      'a tier that is the standard one',
      withPrices({ services: { Default: '1/2' } }),
      /service tier default is what the prices are for without it/,
    ],
    ['a tier that says nothing', withPrices({ services: { auto: '1/2' } }), /service tier auto is what/],
    ['a flex that is not cheaper', withPrices({ services: { flex: '9/5' } }), /flex is not cheaper/],
    // databricks: 0.000015000020000000002 by the token
    [
      'noise of a float',
      withPrices({ tokens: { input: '15.000020000000002', output: '15' } }),
      /finer than six decimals|below one pico/,
    ],
    [
      'a third',
      withPrices({ tokens: { input: '0.08333333333333334' } }),
      /finer than six decimals|below one pico/,
    ],
    [
      'a price by the token',
      withPrices({ tokens: { input: '0.000002', output: '8' } }),
      /is it the price of one token\?/,
    ],
    ['a price with an exponent', withPrices({ tokens: { input: String(2e-7) } }), /Not a decimal/],
    ['a number that is none', withPrices({ tokens: { input: 0.15 as unknown as string } }), /decimal string/],
    ['a negative price', withPrices({ tokens: { input: '-1' } }), /between 0 and 2000/],
    [
      'cached input above input',
      withPrices({ tokens: { input: '2.5', 'cache-read': '2.6' } }),
      /cache-read is dearer than input/,
    ],
    [
      'cached sound above sound',
      withPrices({ tokens: { input: '1', 'input-audio': '2', 'cache-read-audio': '3' } }),
      /cache-read-audio is dearer/,
    ],
    [
      'writing below input',
      withPrices({ tokens: { input: '2.5', 'cache-write': '2.4' } }),
      /cache-write is cheaper than input/,
    ],
    [
      'writing far above input',
      withPrices({ tokens: { input: '2.5', 'cache-write': '25' } }),
      /more than 4 times input/,
    ],
    [
      'an answer far above input',
      withPrices({ tokens: { input: '0.1', output: '600' } }),
      /output is more than 200 times input/,
    ],
    [
      'an answer that costs next to nothing',
      withPrices({ tokens: { input: '2.5', output: '0.24' } }),
      /output is less than a tenth of input/,
    ],
    [
      'a tier cheaper than the one below',
      withPrices({ tiers: [{ above: 1_000, tokens: { input: '2.4', output: '15' } }] }),
      /input is cheaper above 1000 tokens/,
    ],
    [
      'tiers out of order',
      withPrices({
        tiers: [
          { above: 2_000, tokens: { input: '5' } },
          { above: 1_000, tokens: { input: '6' } },
        ],
      }),
      /not in the order of their lengths/,
    ],
    [
      'a tier that begins nowhere',
      withPrices({ tiers: [{ above: -5, tokens: { input: '5' } }] }),
      /no whole number of tokens/,
    ],
    ['no price for input', withPrices({ tokens: { output: '15' } }), /no price for input/],
    [
      'a kind that there is not',
      withPrices({ tokens: { input: '1', smell: '1' } as PriceRow['prices'][number]['tokens'] }),
      /a price for smell/,
    ],
    [
      'a tool for dollars',
      withPrices({ calls: { 'web-search': '10001' } }),
      /above 10000 dollars per thousand/,
    ],
    [
      'a tool for less than picos',
      withPrices({ calls: { 'web-search': '0.0000000001' } }),
      /finer than nine decimals/,
    ],
    ['a request for a fortune', withPrices({ request: '101' }), /above 100 dollars per request/],
    ['a factor that is none', withPrices({ services: { flex: '0.5' } }), /not a fraction such as 1\/2/],
    ['a factor by nothing', withPrices({ services: { flex: '1/0' } }), /not a fraction/],
    ['a factor of nothing', withPrices({ services: { flex: '0' } }), /more than 10 times away/],
    ['a factor that makes no decimal', withPrices({ services: { flex: '1/3' } }), /no finite decimal/],
    ['no prices', { ...GOOD, prices: [] }, /has no prices/],
    [
      'a day that there is not',
      { ...GOOD, prices: [...GOOD.prices.slice(0, 1), { from: '2027-02-30', tokens: { input: '1' } }] },
      /is not a day/,
    ],
    ['days out of order', { ...GOOD, prices: GOOD.prices.toReversed() }, /not in the order of their days/],
    ['more output than window', { ...GOOD, context: 1_000 }, /can write 128000 tokens and holds only 1000/],
    ['half a token', { ...GOOD, context: 0.5 }, /context is not a whole number/],
    ['too large a window', { ...GOOD, context: 1_000_000_001 }, /context is not a whole number/],
    [
      'a bound that is none',
      { ...GOOD, outputBound: 'maybe' as unknown as 'capped' },
      /outputBound is 'capped' or 'uncapped'/,
    ],
    [
      'too many names',
      { ...GOOD, names: Array.from({ length: 201 }, (_, index) => `m${index}`) },
      /more than 200 names/,
    ],
    ['too many prices', { ...GOOD, prices: Array(201).fill(GOOD.prices[0]) }, /more than 200 prices/],
    [
      'too many tiers',
      withPrices({
        tiers: Array.from({ length: 201 }, (_, above) => ({ above: above + 1, tokens: { input: '5' } })),
      }),
      /more than 200 tiers/,
    ],
    ['a name of nothing', { ...GOOD, names: [''] }, /not a text of 1 to 200/],
    [
      'a kind with a price that is billed as text',
      { ...GOOD, asText: ['input-image'], prices: [{ tokens: { input: '1', 'input-image': '2' } }] },
      /and says that it is billed as text/,
    ],
    ['a kind that is text', { ...GOOD, asText: ['input'] }, /says that input is billed as text/],
    [
      'a kind that every object has',
      { ...GOOD, asText: ['constructor'] as unknown as NonNullable<PriceRow['asText']> },
      /says that constructor is billed as text/,
    ],
  ])('refuses %s, and names the row', (_, row, reason) => {
    let thrown: unknown
    try {
      checkRow(row, 'openai/gpt-x')
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({
      code: 'config_invalid',
      message: expect.stringMatching(/^Price of openai\/gpt-x: /) as string,
      details: { row: 'openai/gpt-x', reason: expect.stringMatching(reason) as string },
    })
  })
})
