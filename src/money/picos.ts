/** A whole number of pico-dollars (1e-12 USD): the only unit in which groat counts money. */
export type Picos = bigint & { readonly [brand]: 'Picos' }
declare const brand: unique symbol

/** One US dollar in picos. */
export const PICOS_PER_DOLLAR = 1_000_000_000_000n

/** Says that a bigint is a number of picos. */
export function picos(value: bigint): Picos {
  return value as Picos
}

export const ZERO: Picos = picos(0n)

export function add(a: Picos, b: Picos): Picos {
  return picos(a + b)
}

export function subtract(a: Picos, b: Picos): Picos {
  return picos(a - b)
}

/** Adds up any number of amounts; the sum of none is zero. */
export function sum(values: Iterable<Picos>): Picos {
  let total = 0n
  for (const value of values) total += value
  return picos(total)
}

/** Negative, zero or positive as `a` is less than, equal to or greater than `b`. */
export function compare(a: Picos, b: Picos): -1 | 0 | 1 {
  if (a === b) return 0
  return a < b ? -1 : 1
}
