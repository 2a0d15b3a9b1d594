import type { Amount } from '../money/amount.ts'
import type { CostLine } from './cost.ts'

/** What a call can cost, before it is sent: between `min` and `max`, whatever the answer is. */
export interface Quote {
  readonly provider: string
  readonly model: string
  /** `free`: the model is proven or declared local. `unknown`: nothing bounds the cost, and `reason` says why. */
  readonly basis: 'free' | 'price-list' | 'unknown'
  /** At least this; undefined where the price is not known. */
  readonly min: Amount | undefined
  /** At most this, for one attempt and one round: what a budget would hold for it. */
  readonly max: Amount | undefined
  /** What `max` is made of. */
  readonly lines: readonly CostLine[]
  /** Most tokens of input and output in `max`. */
  readonly inputTokens: number | undefined
  readonly outputTokens: number | undefined
  readonly reason?: string
}
