import type { Picos } from '../money/picos.ts'
import type { Discrepancy } from './budget-store.ts'

/** Most discrepancies that one proof tells of. */
export const DISCREPANCIES_MAX = 1_000

/** A window's counters, and the sums that they stand for. */
export interface WindowProof {
  readonly scope: string
  readonly id: string
  readonly period: string
  readonly startsAt: number
  readonly limit: Picos | bigint | null
  readonly settled: bigint
  readonly reserved: bigint
  readonly excess: bigint
  /** What its closed and its open holds make. */
  readonly holdsSettled: bigint
  readonly holdsReserved: bigint
}

/** What is wrong with a window; undefined where it adds up. */
export function windowDiscrepancy(proof: WindowProof): Discrepancy | undefined {
  const { limit, settled, reserved, excess, holdsSettled, holdsReserved } = proof
  const adds = settled === holdsSettled && reserved === holdsReserved
  const bounded = limit === null || settled + reserved <= limit + excess
  if (adds && bounded && settled >= 0n && reserved >= 0n) return undefined
  const { scope, id, period, startsAt } = proof
  const where = `The ${period} of ${scope} ${JSON.stringify(id)} from ${new Date(startsAt).toISOString()}`
  const message = adds
    ? `${where} has ${settled + reserved} picos settled and reserved, above its limit and excess`
    : `${where} says ${settled} picos settled and ${reserved} reserved; its holds make ${holdsSettled} and ${holdsReserved}`
  const details = {
    scope,
    id,
    period,
    startsAt,
    limit,
    settled,
    reserved,
    excess,
    holdsSettled,
    holdsReserved,
  }
  return {
    message,
    details: Object.fromEntries(Object.entries(details).map(([name, value]) => [name, String(value)])),
  }
}

/** What is wrong with a closed hold: its cost is not that of its entries. */
export function holdDiscrepancy(
  id: string,
  state: string,
  actual: bigint,
  entered: bigint | null,
): Discrepancy {
  const found = entered === null ? 'it has no entry' : `its entries say ${entered}`
  return {
    message: `The hold ${JSON.stringify(id)} is ${state} at ${actual} picos, and ${found}`,
    details: { hold: id, state, actual: String(actual), entered: String(entered) },
  }
}
