import type { Amount } from '../money/amount.ts'

/** What one line of a bill is for. */
export type LineKind =
  | 'input'
  | 'cache-read'
  | 'cache-write'
  | 'output'
  | 'reasoning'
  | 'input-audio'
  | 'output-audio'
  | 'input-image'
  | 'output-image'
  | 'request'
  | 'tool-call'

export type LineUnit = 'token' | 'request' | 'call'

/** A count that is billed as one line; drivers say which, and know no prices. */
export interface UsageLine {
  readonly kind: LineKind
  readonly quantity: number
  readonly unit: LineUnit
}

/** Quantity times unit price: one reason for money. `unitPrice` is dollars per unit, exact. */
export interface CostLine extends UsageLine {
  readonly unitPrice: string
  readonly amount: Amount
}

/**
 * What an answer cost. `free` is proven or declared, `exact` is to the last pico-dollar, `bounded` is at most this,
 * and `unknown` says why there is no number. Unknown is never zero.
 */
export type Cost =
  | {
      readonly status: 'free'
      readonly amount: Amount
      /** `local`: the model was shown to run on the user's own server. `declared`: the user said so. */
      readonly source: 'local' | 'declared'
      readonly lines: readonly CostLine[]
    }
  | {
      readonly status: 'exact'
      readonly amount: Amount
      /** `refused`: the provider answered with an error before doing any work. */
      readonly source: 'price-list' | 'provider' | 'refused'
      readonly lines: readonly CostLine[]
      /** Content hash of the price list that was used. */
      readonly priceList: string
      readonly reported?: Amount
    }
  | {
      readonly status: 'bounded'
      readonly amount: Amount
      readonly lines: readonly CostLine[]
      readonly reason: string
      readonly estimate?: Amount
    }
  | {
      readonly status: 'unknown'
      readonly amount: undefined
      readonly reason: string
      readonly lines: readonly CostLine[]
    }
