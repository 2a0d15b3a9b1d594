import { calcPrice, waitForUpdate } from '@pydantic/genai-prices'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LineKind, UsageLine } from '../../src/core/cost.ts'
import { toUsage } from '../../src/core/usage.ts'
import { formatDecimal } from '../../src/money/decimal.ts'
import { costOf } from '../../src/pricing/cost-of.ts'
import { isLeftOut, VENDOR_OF, type GivenProvider } from '../../src/pricing/from-providers.ts'
import { createPriceList } from '../../src/pricing/price-list.ts'
import type { PriceRow } from '../../src/pricing/price-rows.ts'
import { readPublished } from '../../src/pricing/published.ts'
import { systemRuntime } from '../../src/runtime.ts'

const prices = await createPriceList([], systemRuntime.sha256)
const { vendors } = readPublished()
const providers = ((await waitForUpdate()) ?? []) as unknown as GivenProvider[]
const PROVIDER_OF = Object.fromEntries(Object.entries(VENDOR_OF).map(([theirs, ours]) => [ours, theirs]))

/** Where we differ on purpose, and why. */
const DIFFERENCES: Readonly<Record<string, string>> = {
  'xai/grok-4-0709': 'they have no price above 128k tokens',
  'xai/grok-4-fast-reasoning': 'they have no price above 128k tokens',
  'xai/grok-4-fast-non-reasoning': 'they have no price above 128k tokens',
  'xai/grok-4-1-fast-reasoning': 'they have no price above 128k tokens',
  'xai/grok-4-1-fast-non-reasoning': 'they have no price above 128k tokens',
  'xai/grok-4.20-multi-agent': 'docs.x.ai has it at the price of grok-4.20',
  'openai/gpt-4o-audio-preview': 'they bill sound as text',
  'openai/gpt-4o-mini-audio-preview': 'they bill sound as text',
}

/** Models of theirs that we do not take over, and why. */
const LEFT_OUT: Readonly<Record<string, RegExp>> = {
  'another maker': /^claude-/,
  'another seller':
    /^(gpt-5-image|gpt-5-image-mini|gpt-5\.4-image-2|gpt-chat-latest|gpt-oss-.*|gpt-4o:extended|gemma-2-27b-it)$/,
  'a price that its authors could not find': /^(gemini-1\.0-pro-vision-001|gemini-pro)$/,
  'no name, but the beginning of one': /^(ft:.*|gpt-4o-mini-2024-07-18\.ft-)$/,
  'no price by the token': /^(moderation|whisper-1|gpt-transcribe|grok-voice-.*|gemma-3|gemma-3n)$/,
}

interface Counts {
  readonly input: number
  readonly cacheRead: number
  readonly cacheWrite: number
  readonly audio: number
  readonly output: number
  readonly searches: number
}

function ours(vendor: string, model: string, counts: Counts, at: number): string {
  const { input, cacheRead, cacheWrite, audio, output, searches } = counts
  const line = (kind: LineKind, quantity: number): UsageLine => ({ kind, quantity, unit: 'token' })
  const lines: UsageLine[] = [
    line('input', input - cacheRead - cacheWrite - audio),
    line('cache-read', cacheRead),
    line('cache-write', cacheWrite),
    line('input-audio', audio),
    line('output', output),
    { kind: 'tool-call', name: 'web-search', quantity: searches, unit: 'call' },
  ]
  const usage = toUsage({ inputTokens: input, outputTokens: output })
  const cost = costOf({ locality: 'remote', vendor, model, lines }, usage, { provider: vendor, at }, prices)
  return cost.status === 'unknown' ? cost.reason : formatDecimal(cost.amount.picos)
}

function theirs(vendor: string, model: string, counts: Counts, at: number): number {
  const found = calcPrice(
    {
      input_tokens: counts.input,
      output_tokens: counts.output,
      ...(counts.cacheRead > 0 && { cache_read_tokens: counts.cacheRead }),
      ...(counts.cacheWrite > 0 && { cache_write_tokens: counts.cacheWrite }),
      ...(counts.audio > 0 && { input_audio_tokens: counts.audio, cache_audio_read_tokens: 0 }),
      ...(counts.searches > 0 && { web_searches: counts.searches }),
    },
    model,
    { providerId: PROVIDER_OF[vendor] ?? '', timestamp: new Date(at) },
  )
  return found ? found.total_price : Number.NaN
}

/** Only what both have a price for is asked: a kind without one is unknown here, and text there. */
function countsFor({ prices: periods }: PriceRow): fc.Arbitrary<Counts> {
  const has = (kind: LineKind): boolean => periods.every(({ tokens }) => tokens[kind] !== undefined)
  const part = fc.integer({ min: 0, max: 50_000 })
  const input = fc.oneof(
    fc.integer({ min: 150_000, max: 1_000_000 }),
    fc.constantFrom(
      127_999,
      128_000,
      128_001,
      199_999,
      200_000,
      200_001,
      271_999,
      272_000,
      272_001,
      1_000_000,
    ),
  )
  return fc
    .record({ input, cacheRead: part, cacheWrite: part, audio: part, output: part, searches: fc.nat(3) })
    .map((counts) => ({
      input: counts.input,
      cacheRead: has('cache-read') && !has('input-audio') ? counts.cacheRead % 40_000 : 0,
      cacheWrite: has('cache-write') ? counts.cacheWrite % 40_000 : 0,
      audio: has('input-audio') ? counts.audio % 40_000 : 0,
      output: has('output') ? counts.output : 0,
      searches: periods.every(({ calls }) => calls?.['web-search']) ? counts.searches : 0,
    }))
}

/** Where the fee of a search is of our overlay. */
const OWN_FEES = /^(xai|gemini)\/|^openai\/gpt-5\.3/
const rows = Object.entries(vendors).flatMap(([vendor, all]) =>
  all.map((row) => [`${vendor}/${row.id}`, vendor, row] as const),
)
const knownToThem = new Set<string>(
  providers.flatMap(({ id, models }) =>
    VENDOR_OF[id] ? models.map((model) => `${VENDOR_OF[id]}/${model.id}`) : [],
  ),
)
const compared = rows.filter(([name]) => knownToThem.has(name) && DIFFERENCES[name] === undefined)
const at = fc.constantFrom(
  '2025-06-09',
  '2025-06-10',
  '2026-07-29',
  '2026-07-30',
  '2026-08-21',
  '2026-12-31',
  '2027-01-01',
)

describe('our arithmetic and that of genai-prices', () => {
  it('compares nearly every model', () => {
    expect(compared.length).toBeGreaterThan(115)
    expect(rows.filter(([name]) => !knownToThem.has(name)).map(([name]) => name)).toEqual([
      'openai/gpt-6.1-sol',
      'openai/gpt-6.1-terra',
      'openai/gpt-6.2-astra',
      'openai/gpt-6.2-sol',
      'xai/grok-4.20-non-reasoning',
      'xai/grok-4.7',
      'gemini/gemini-4-argon',
      'gemini/gemini-4-carbon',
      'gemini/gemini-4-hydrogen',
      'gemini/gemma-3-27b-it',
    ])
  })

  it.each(compared)('agree about %s within 1e-12', (_, vendor, row) => {
    fc.assert(
      fc.property(countsFor(row), at, fc.nat(), (counts, day, which) => {
        const names = [row.id, ...(row.names ?? [])].filter(
          (name) => name === row.id || !OWN_NAMES.test(name),
        )
        const name = names[which % names.length] ?? row.id
        const searches = OWN_FEES.test(`${vendor}/${row.id}`) ? 0 : counts.searches
        const own = ours(vendor, name, { ...counts, searches }, Date.parse(day))
        const other = theirs(vendor, name, { ...counts, searches }, Date.parse(day))
        expect(Number(own), `${name}: ${own} and ${other}`).not.toBeNaN()
        expect(Math.abs(Number(own) - other)).toBeLessThanOrEqual(1e-12 * Math.max(1e-9, other))
      }),
      { numRuns: 40 },
    )
  })

  it.each(Object.entries(DIFFERENCES))('differ about %s: %s', (name: string) => {
    const [vendor = '', model = ''] = name.split('/')
    const audio = model.includes('audio') ? 1_000 : 0
    const counts = { input: 150_000, cacheRead: 0, cacheWrite: 0, audio, output: 1, searches: 0 }
    const own = ours(vendor, model, counts, Date.parse('2026-11-26'))
    expect(Number(own)).not.toBeNaN()
    expect(Number(own)).not.toBeCloseTo(theirs(vendor, model, counts, Date.parse('2026-11-26')), 9)
  })

  it('leave nothing out without a reason', () => {
    const taken = new Set<string>(rows.map(([name]) => name))
    const out = [...knownToThem].filter((name) => !taken.has(name)).map((name) => name.split('/')[1] ?? '')
    const reasons = Object.values(LEFT_OUT)
    expect(out.filter((model) => !reasons.some((reason) => reason.test(model)))).toEqual([])
    expect(out.filter((model) => model.startsWith('claude-')).length).toBeGreaterThan(10)
    expect(isLeftOut({ id: 'gpt-4o', match: {}, prices: {} })).toBe(false)
  })
})

/** Names that we add. */
const OWN_NAMES = /^grok-4\.20-|customtools$/

/** Dollars per million tokens as other sources print them: input, cached input, output. */
const SECOND_SOURCE: readonly (readonly [
  model: string,
  input: string,
  cached: string | undefined,
  output: string,
  source: string,
])[] = [
  ['openai/gpt-4o-mini', '0.15', '0.075', '0.6', 'LiteLLM, copy of 2026-08-01'],
  ['openai/gpt-4.1', '2', '0.5', '8', 'LiteLLM, copy of 2026-08-01'],
  ['openai/o3', '2', '0.5', '8', 'LiteLLM, copy of 2026-08-01'],
  ['openai/gpt-5', '1.25', '0.125', '10', 'LiteLLM, copy of 2026-08-01'],
  ['openai/gpt-5.4', '2.5', '0.25', '15', 'models.dev, 2026-07-02'],
  ['openai/gpt-5.6-sol', '4', '0.4', '20', 'ai-sdk-cost-calculator 7.1.14'],
  ['openai/gpt-6-sol', '2', '0.2', '10', 'ai-sdk-cost-calculator 7.1.14'],
  ['openai/o1-pro', '150', undefined, '600', 'LiteLLM, copy of 2026-08-01'],
  ['xai/grok-4-0709', '3', '0.75', '15', 'ai-sdk-cost-calculator 7.1.14'],
  ['xai/grok-4.3', '1.25', '0.2', '2.5', 'ai-sdk-cost-calculator 7.1.14'],
  ['xai/grok-4.5', '2', '0.3', '6', 'ai-sdk-cost-calculator 7.1.14'],
  ['xai/grok-4.7', '2', '0.5', '6', 'ai-sdk-cost-calculator 7.1.14'],
  ['xai/grok-code-fast-1', '0.2', '0.02', '1.5', 'LiteLLM, copy of 2026-08-01'],
  ['gemini/gemini-2.5-pro', '1.25', '0.125', '10', 'models.dev, 2026-07-02'],
  ['gemini/gemini-2.5-flash-lite', '0.1', '0.01', '0.4', 'models.dev, 2026-07-02'],
  ['gemini/gemini-3.1-pro-preview', '2', '0.2', '12', 'LiteLLM, copy of 2026-08-01'],
  ['gemini/gemini-3.8-flash', '0.75', '0.075', '3.75', 'ai-sdk-cost-calculator 7.1.14'],
]

describe('a second source', () => {
  it.each(SECOND_SOURCE)('agrees about %s', (name, input, cached, output) => {
    const [vendor = '', model = ''] = name.split('/')
    const none = { input: 0, cacheRead: 0, cacheWrite: 0, audio: 0, output: 0, searches: 0 }
    const millionth = (counts: Counts): string => ours(vendor, model, counts, Date.parse('2026-11-26'))
    // 100,000 tokens are short for every model: a tenth of the price of a million.
    const tenth = (text: string): string =>
      formatDecimal((BigInt(Number(text) * 1e6) * 100_000n) as Parameters<typeof formatDecimal>[0])
    expect(millionth({ ...none, input: 100_000 })).toBe(tenth(input))
    if (cached !== undefined)
      expect(millionth({ ...none, input: 100_000, cacheRead: 100_000 })).toBe(tenth(cached))
    expect(millionth({ ...none, output: 100_000 })).toBe(tenth(output))
  })
})
