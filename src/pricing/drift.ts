import type { Cost } from '../core/cost.ts'
import type { Warning } from '../core/warning.ts'
import { compare, picos, subtract } from '../money/picos.ts'

/** The part of what was reported by which the price list may miss it: a hundredth, which no rounding comes near. */
const TOLERATED_PART = 100n

/**
 * The warning that what the provider says it charged is not what the price list makes of the same counts: by more than
 * one percent, the price list is out of date, or something was billed that was not counted.
 */
export function driftOf(cost: Cost, model: string): Warning | undefined {
  if (cost.status !== 'exact' || !cost.reported || !cost.computed) return undefined
  const { reported, computed } = cost
  const isMore = compare(reported.picos, computed.picos) > 0
  const apart = isMore ? subtract(reported.picos, computed.picos) : subtract(computed.picos, reported.picos)
  if (compare(apart, picos(reported.picos / TOLERATED_PART)) <= 0) return undefined
  return {
    code: 'cost-drift',
    message:
      `${model} charged ${isMore ? 'more' : 'less'} than the price list makes of the same counts. The cost is what was ` +
      'charged, with the other beside it as cost.computed. `groat prices diff` knows newer prices; one of your own may be wrong',
    details: { reported, computed },
  }
}
