import { DECIMAL_PLACES, MoneyError } from './decimal.ts'
import { picos, type Picos } from './picos.ts'

/** Quotient rounded towards positive infinity; `divisor` is positive. */
export function divideRoundingUp(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor
  return dividend % divisor > 0n ? quotient + 1n : quotient
}

/** Rounds to `decimals` places towards positive infinity: for limits that must never be understated. */
export function roundUp(value: Picos, decimals: number): Picos {
  const step = stepOf(decimals)
  return picos(divideRoundingUp(value, step) * step)
}

/** Rounds to `decimals` places towards negative infinity. */
export function roundDown(value: Picos, decimals: number): Picos {
  return picos(-roundUp(picos(-value), decimals))
}

/** Rounds to `decimals` places, ties to the even neighbour: for display, where a bias would show in sums. */
export function roundHalfEven(value: Picos, decimals: number): Picos {
  const step = stepOf(decimals)
  const below = roundDown(value, decimals)
  const twiceRest = (value - below) * 2n
  if (twiceRest < step) return below
  if (twiceRest > step) return picos(below + step)
  return (below / step) % 2n === 0n ? below : picos(below + step)
}

/**
 * Splits an amount into shares by whole weights so that the shares add up to it exactly and each is less than a pico
 * from what it would be undivided: picos that do not divide go to the shares that lost most to rounding.
 */
export function split(value: Picos, weights: readonly bigint[]): Picos[] {
  const whole = weights.reduce((total, weight) => total + weight, 0n)
  if (whole <= 0n || weights.some((weight) => weight < 0n)) {
    throw new MoneyError('Shares need weights of zero or more, with at least one above zero')
  }
  const sign = value < 0n ? -1n : 1n
  const amount = value * sign
  const shares = weights.map((weight) => (amount * weight) / whole)
  const lost = weights.map((weight, index) => ({ index, rest: (amount * weight) % whole }))
  // Equals stay in their order.
  lost.sort((a, b) => (a.rest === b.rest ? 0 : a.rest > b.rest ? -1 : 1))
  let left = amount - shares.reduce((total, share) => total + share, 0n)
  for (const { index } of lost) {
    if (left === 0n) break
    shares[index] = (shares[index] ?? 0n) + 1n
    left -= 1n
  }
  return shares.map((share) => picos(share * sign))
}

function stepOf(decimals: number): bigint {
  if (!Number.isInteger(decimals) || decimals < 0 || decimals > DECIMAL_PLACES) {
    throw new MoneyError(`Decimal places are a whole number from 0 to ${DECIMAL_PLACES}`)
  }
  return 10n ** BigInt(DECIMAL_PLACES - decimals)
}
