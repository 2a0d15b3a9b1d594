import type { LineKind } from '../core/cost.ts'

/** Dollars per million tokens of each kind, as decimal texts. */
export type TokenPrices = Readonly<Partial<Record<LineKind, string>>>

/** What a tier of service costs: a fraction of the standard prices, such as `1/2` or `9/5`. */
export interface ServicePrice {
  readonly factor: string
  /** Most input tokens of a request at this tier, where the vendor sets a limit. */
  readonly inputMax?: number
}

/** Prices from one day on. */
export interface PricePeriod {
  /** First day, `YYYY-MM-DD`, from midnight UTC; absent in the first period. */
  readonly from?: string
  readonly tokens: TokenPrices
  /** Prices of a whole request with more input tokens than `above`. What is not named here is not known there. */
  readonly tiers?: readonly { readonly above: number; readonly tokens: TokenPrices }[]
  /** Dollars per request. */
  readonly request?: string
  /** Dollars per thousand calls of the vendor's own tools, by groat's names for them. */
  readonly calls?: Readonly<Record<string, string>>
  /** Tiers of service beside the standard one. */
  readonly services?: Readonly<Record<string, string | ServicePrice>>
}

/** All that is published of one model, as it is kept in files. */
export interface PriceRow {
  readonly id: string
  /** Other exact names of it. */
  readonly names?: readonly string[]
  readonly context?: number
  readonly maxOutput?: number
  /** Whether a limit on the answer bounds also what the model thinks, where that is known. */
  readonly outputBound?: 'capped' | 'uncapped'
  /** Kinds that are billed as text is. */
  readonly asText?: readonly LineKind[]
  readonly prices: readonly PricePeriod[]
  /** Where it is from: places in the list of sources. */
  readonly sources?: readonly number[]
}

/** Where a number was found, and when somebody looked. */
export interface PriceSource {
  readonly source: string
  readonly url: string
  /** `YYYY-MM-DD` */
  readonly checkedAt: string
}

/** A set of published prices, by vendor. */
export interface PriceData {
  readonly sources: readonly PriceSource[]
  readonly vendors: Readonly<Record<string, readonly PriceRow[]>>
}

/** The text kind as which a kind is billed where a row says so. */
export const TEXT_OF: Readonly<Partial<Record<LineKind, LineKind>>> = {
  'input-audio': 'input',
  'input-image': 'input',
  'input-video': 'input',
  'cache-read-audio': 'cache-read',
  'cache-read-image': 'cache-read',
  'output-audio': 'output',
  'output-image': 'output',
}

/** Names of the tier that is meant where none is named. */
export const STANDARD_TIERS: ReadonlySet<string> = new Set(['default', 'standard'])

/** The tier of which the provider's own settings decide what it is. */
export const UNDECIDED_TIER = 'auto'

const DATED = /^(.+)-\d{4}-\d{2}-\d{2}$/

/** A model's id without the date of its release; undefined where it has none. */
export function undated(model: string): string | undefined {
  return DATED.exec(model)?.[1]
}
