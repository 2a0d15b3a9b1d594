import type { LineKind } from '../core/cost.ts'
import type { Picos } from '../money/picos.ts'

export type { ModelPrice } from './own-prices.ts'
export { createPriceList } from './create-price-list.ts'

/** A price as an exact fraction: so many picos for so many units. */
export interface UnitPrice {
  readonly picos: Picos
  readonly per: bigint
}

/** The prices of one model for one request: at its time, its tier of service and its length. */
export interface Rates {
  /** Undefined where this kind has no price of its own and none that is known to apply. */
  of(kind: LineKind, name?: string): UnitPrice | undefined
}

/** All that decides which price applies. */
export interface PriceQuestion {
  /** The configured provider's name: the user's own prices are by it. */
  readonly provider: string
  /** Whose published prices apply; undefined where nobody's do. */
  readonly vendor: string | undefined
  readonly model: string
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  /** All input tokens, cached ones included: long requests can have another price. */
  readonly inputTokens: number
  /** @default the vendor's default tier */
  readonly serviceTier: string | undefined
}

/** A question about all moments until `until`, and about at most those input tokens. */
export interface RangeQuestion extends PriceQuestion {
  readonly until: number
}

/** What the price data says of a model beside prices. */
export interface ModelLimits {
  readonly contextLength: number | undefined
  readonly maxOutputTokens: number | undefined
  /** Whether the limit that is sent bounds everything that is billed as output; undefined where that is not known. */
  readonly outputBound: 'capped' | 'uncapped' | undefined
}

/** A named, unchanging set of prices. */
export interface PriceList {
  /** Content hash: the same prices have the same id everywhere. */
  readonly id: string
  /** By exact id, a declared alias or a dated form of the id, never by prefix; undefined where no price is known. */
  find(question: PriceQuestion): Rates | undefined
  /** For each kind the dearest that a request of at most these input tokens can meet until a moment. */
  worst(question: RangeQuestion): Rates | undefined
  /** For each kind the cheapest that a request of any length can meet until a moment. */
  best(question: RangeQuestion): Rates | undefined
  /** What the user's own price for the model says comes before what is published. */
  limits(vendor: string | undefined, model: string, provider?: string): ModelLimits | undefined
  /** Why `find` found nothing, or rates without this kind, and what to do about it. */
  explain(question: PriceQuestion, kind?: LineKind, name?: string): string
}
