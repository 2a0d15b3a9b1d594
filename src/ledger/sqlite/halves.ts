/** Sums are made in halves of this: int64 would overflow at 9.22 million dollars, and SQLite then fails. */
export const HALF = 1_000_000n

export function joinHalves(high: bigint, low: bigint): bigint {
  return high * HALF + low
}
