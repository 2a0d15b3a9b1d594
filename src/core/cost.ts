import type { Amount } from '../money/amount.ts'

/** What tokens that go in are billed as. */
export const INPUT_KINDS = [
  'input',
  'cache-read',
  'cache-write',
  'input-audio',
  'cache-read-audio',
  'input-image',
  'cache-read-image',
  'input-video',
] as const

/** And those that come out. */
export const OUTPUT_KINDS = ['output', 'reasoning', 'output-audio', 'output-image'] as const

/** What one line of a bill is for. */
export type LineKind = (typeof INPUT_KINDS)[number] | (typeof OUTPUT_KINDS)[number] | 'request' | 'tool-call'

export type LineUnit = 'token' | 'request' | 'call'

/** A count that is billed as one line; drivers say which, and know no prices. */
export interface UsageLine {
  readonly kind: LineKind
  readonly quantity: number
  readonly unit: LineUnit
  /** Which of the provider's own tools was called, in groat's words: `web-search`, `x-search`, `code-execution`, … */
  readonly name?: string
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
      /** What the provider says it charged, where it says so: then it is the amount. */
      readonly reported?: Amount
      /** What the price list makes of it, where the amount is the provider's; the lines add up to this. */
      readonly computed?: Amount
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
