import type { LineKind } from '../core/cost.ts'
import { isObject } from '../core/error-text.ts'
import { AIError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import type { PricePeriod, PriceRow, TokenPrices } from './price-rows.ts'

/** Prices of tokens, in dollars per million, as decimal texts. A kind without a price has an unknown cost. */
export interface ModelTokenPrices {
  readonly input: string
  readonly output: string
  /** @default the price of input */
  readonly cacheRead?: string
  /** @default the price of input */
  readonly cacheWrite?: string
  /** @default the price of output */
  readonly reasoning?: string
  readonly inputAudio?: string
  readonly cacheReadAudio?: string
  readonly inputImage?: string
  readonly cacheReadImage?: string
  readonly inputVideo?: string
  readonly outputAudio?: string
  readonly outputImage?: string
}

/** Prices of one model, in dollars, as decimal strings. */
export interface ModelPrice {
  /** The configured provider's name. */
  readonly provider: string
  /** The model's exact id; there is no matching by prefix. */
  readonly model: string
  readonly perMillionTokens: ModelTokenPrices
  /** Prices of a whole request with more input tokens than `above`; what is not named stays as it is. */
  readonly longContext?: readonly {
    readonly above: number
    readonly perMillionTokens: Partial<ModelTokenPrices>
  }[]
  /** Dollars per thousand calls of the provider's own tools, by name: `{ 'web-search': '10' }`. */
  readonly perThousandCalls?: Readonly<Record<string, string>>
  /** Dollars per request, beside its tokens. */
  readonly perRequest?: string
  /** Tiers of service as fractions of these prices: `{ flex: '1/2', priority: '9/5' }`. */
  readonly serviceTiers?: Readonly<Record<string, string>>
  /** Tokens that the model can take in and put out together. */
  readonly contextLength?: number
  readonly maxOutputTokens?: number
  /** `'capped'`: an output limit bounds also what the model thinks. @default what is known of the model */
  readonly outputBound?: 'capped' | 'uncapped'
}

const KIND_OF: Readonly<Record<keyof ModelTokenPrices, LineKind>> = {
  input: 'input',
  output: 'output',
  cacheRead: 'cache-read',
  cacheWrite: 'cache-write',
  reasoning: 'reasoning',
  inputAudio: 'input-audio',
  cacheReadAudio: 'cache-read-audio',
  inputImage: 'input-image',
  cacheReadImage: 'cache-read-image',
  inputVideo: 'input-video',
  outputAudio: 'output-audio',
  outputImage: 'output-image',
}

/** The key of `perMillionTokens` that gives a kind its price. */
export function keyOfKind(kind: LineKind): string | undefined {
  return Object.entries(KIND_OF).find(([, one]) => one === kind)?.[0]
}

const KEYS: Readonly<Record<keyof ModelPrice, true>> = {
  provider: true,
  model: true,
  perMillionTokens: true,
  longContext: true,
  perThousandCalls: true,
  perRequest: true,
  serviceTiers: true,
  contextLength: true,
  maxOutputTokens: true,
  outputBound: true,
}
const TIER_KEYS = { above: true, perMillionTokens: true }

/**
 * Checks that what a program without types gives as its own price is one; the numbers are checked with its row.
 *
 * @throws AIError `config_invalid` naming the price, and the key that is wrong or that there is not
 */
export function assertPrice(price: unknown, index: number): asserts price is ModelPrice {
  if (!isObject(price)) throw refused(`${index}`, 'is no object with provider, model and perMillionTokens')
  const { provider, model, perMillionTokens, longContext = [] } = price
  if (typeof provider !== 'string' || provider === '' || typeof model !== 'string' || model === '')
    throw refused(`${index}`, 'needs a provider and a model, as texts')
  const where = `of ${provider}/${model}`
  assertKeys(price, KEYS, where)
  if (!isObject(perMillionTokens)) throw refused(where, 'needs perMillionTokens, with input and output')
  assertKeys(perMillionTokens, KIND_OF, where)
  if (!Array.isArray(longContext)) throw refused(where, 'has a longContext that is no list')
  for (const tier of longContext as readonly unknown[]) {
    if (!isObject(tier) || !isObject(tier['perMillionTokens']))
      throw refused(where, 'has a longContext without above or perMillionTokens')
    assertKeys(tier, TIER_KEYS, where)
    assertKeys(tier['perMillionTokens'], KIND_OF, where)
  }
}

function assertKeys(given: object, known: object, where: string): void {
  const odd = Object.keys(given).find((key) => !Object.hasOwn(known, key))
  if (odd === undefined) return
  const near = nearest(odd, Object.keys(known))
  throw refused(where, `has no key ${odd}${near === undefined ? '' : `; did you mean ${near}?`}`)
}

function refused(where: string, reason: string): AIError {
  return new AIError({
    code: 'config_invalid',
    message: `Price ${where}: ${reason}`,
    details: { key: 'prices' },
  })
}

/** A user's own price in the shape of published ones. */
export function toRow(price: ModelPrice): PriceRow {
  const { perMillionTokens, longContext, perThousandCalls, perRequest, serviceTiers } = price
  const tokens = toTokens(perMillionTokens)
  const tiers = longContext?.map(({ above, perMillionTokens: long }) => ({
    above,
    tokens: {
      ...tokens,
      ...(long.input !== undefined && cacheOf(long.input, perMillionTokens)),
      ...toKinds(long),
    },
  }))
  const period: PricePeriod = {
    tokens,
    ...(tiers && { tiers }),
    ...(perThousandCalls && { calls: perThousandCalls }),
    ...(perRequest !== undefined && { request: perRequest }),
    ...(serviceTiers && { services: serviceTiers }),
  }
  return {
    id: price.model,
    prices: [period],
    ...(price.contextLength !== undefined && { context: price.contextLength }),
    ...(price.maxOutputTokens !== undefined && { maxOutput: price.maxOutputTokens }),
    ...(price.outputBound && { outputBound: price.outputBound }),
  }
}

function toTokens(prices: ModelTokenPrices): TokenPrices {
  return { ...cacheOf(prices.input, {}), ...toKinds(prices) }
}

/** Where no price of the cache is told, what goes through it is input. */
function cacheOf(input: string, own: Partial<ModelTokenPrices>): TokenPrices {
  return {
    ...(own.cacheRead === undefined && { 'cache-read': input }),
    ...(own.cacheWrite === undefined && { 'cache-write': input }),
  }
}

function toKinds(prices: Partial<ModelTokenPrices>): TokenPrices {
  const tokens: Partial<Record<LineKind, string>> = {}
  for (const [key, text] of Object.entries(prices)) {
    // A key that does not exist stays what it is, and the check refuses it by its name.
    const kind = Object.hasOwn(KIND_OF, key) ? KIND_OF[key as keyof ModelTokenPrices] : (key as LineKind)
    if (text !== undefined) tokens[kind] = text
  }
  return tokens
}
