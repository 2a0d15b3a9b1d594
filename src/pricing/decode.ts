import type { LineKind } from '../core/cost.ts'
import { parseDecimal } from '../money/decimal.ts'
import { picos as toPicos } from '../money/picos.ts'
import type { ModelLimits, UnitPrice } from './price-list.ts'
import {
  TEXT_OF,
  type PricePeriod,
  type PriceRow,
  type ServicePrice,
  type TokenPrices,
} from './price-rows.ts'

export const TOKENS_PER_PRICE = 1_000_000n
export const CALLS_PER_PRICE = 1_000n

/** A fraction of a price. */
export interface Factor {
  readonly numerator: bigint
  readonly denominator: bigint
}

export interface Service extends Factor {
  readonly inputMax: number | undefined
}

/** Prices of requests with more than `above` input tokens. */
export interface Tier {
  readonly above: number
  readonly tokens: Readonly<Partial<Record<LineKind, UnitPrice>>>
}

export interface Period {
  /** Milliseconds since the Unix epoch. */
  readonly from: number
  /** By length, shortest first; the first is for requests of any length. */
  readonly tiers: readonly Tier[]
  readonly request: UnitPrice | undefined
  readonly calls: ReadonlyMap<string, UnitPrice>
  readonly services: ReadonlyMap<string, Service>
}

/** A row of which the numbers are exact. */
export interface PricedModel {
  readonly limits: ModelLimits
  readonly periods: readonly Period[]
}

/** Makes exact numbers of the texts of a checked row. */
export function decodeRow(row: PriceRow): PricedModel {
  const { context, maxOutput, outputBound } = row
  return {
    limits: { contextLength: context, maxOutputTokens: maxOutput, outputBound },
    periods: row.prices.map((period) => decodePeriod(period, row)),
  }
}

function decodePeriod(
  { from, tokens, tiers = [], request, calls = {}, services = {} }: PricePeriod,
  row: PriceRow,
): Period {
  return {
    from: from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(`${from}T00:00:00Z`),
    tiers: [{ above: -1, tokens }, ...tiers].map((tier) => ({
      above: tier.above,
      tokens: decodeTokens(tier.tokens, row.asText ?? []),
    })),
    request: request === undefined ? undefined : unitPrice(request, 1n),
    calls: new Map(Object.entries(calls).map(([name, text]) => [name, unitPrice(text, CALLS_PER_PRICE)])),
    services: new Map(
      Object.entries(services).map(([name, service]) => {
        const own: ServicePrice = typeof service === 'string' ? { factor: service } : service
        // Answers and requests are asked about in lower case.
        return [name.toLowerCase(), { ...parseFactor(own.factor), inputMax: own.inputMax }]
      }),
    ),
  }
}

function decodeTokens(tokens: TokenPrices, asText: readonly LineKind[]): Tier['tokens'] {
  const prices: Partial<Record<LineKind, UnitPrice>> = {}
  for (const [kind, text] of Object.entries(tokens))
    prices[kind as LineKind] = unitPrice(text, TOKENS_PER_PRICE)
  const { input, output } = prices
  // No vendor bills thoughts apart from the answer, and those that bill no writing to a cache bill it as input.
  if (output) prices.reasoning ??= output
  if (input) prices['cache-write'] ??= input
  for (const kind of asText) {
    const text = prices[TEXT_OF[kind] ?? kind]
    if (text) prices[kind] = text
  }
  return prices
}

/** The price of one unit, from the price of `units` in dollars. @throws MoneyError */
export function unitPrice(text: string, units: bigint): UnitPrice {
  return reduced(parseDecimal(text), units)
}

const FACTOR = /^(\d{1,6})(?:\/([1-9]\d{0,5}))?$/

/** Reads `1/2` or `2`. @throws RangeError */
export function parseFactor(text: string): Factor {
  const [, numerator, denominator = '1'] = FACTOR.exec(text) ?? []
  if (numerator === undefined)
    throw new RangeError(`${JSON.stringify(text)} is not a fraction such as 1/2 or 9/5`)
  return { numerator: BigInt(numerator), denominator: BigInt(denominator) }
}

/** The same fraction in its smallest whole numbers. */
export function reduced(value: bigint, per: bigint): UnitPrice {
  let [a, b] = [value, per]
  while (b !== 0n) [a, b] = [b, a % b]
  const divisor = a < 0n ? -a : a
  return { picos: toPicos(value / divisor), per: per / divisor }
}
