/** Cuts bytes at the given places (taken modulo the length), also into empty pieces. */
export function pieces(all: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = cuts.map((cut) => cut % (all.length + 1)).toSorted((a, b) => a - b)
  const out: Uint8Array[] = []
  let start = 0
  for (const place of [...places, all.length]) {
    out.push(all.subarray(start, place))
    start = place
  }
  return out
}

/**
 * How much longer ten mebibytes take than one: the best of some rounds, since noise only adds. Ten times is right,
 * a hundred is quadratic; what lies between is memory that the system hands out for the first time.
 */
export function ratioOfTimes(work: (mebibytes: number) => void): number {
  const best = { 1: Number.POSITIVE_INFINITY, 10: Number.POSITIVE_INFINITY }
  for (let round = 0; round < 6; round += 1) {
    for (const mebibytes of [1, 10] as const) {
      const began = performance.now()
      work(mebibytes)
      best[mebibytes] = Math.min(best[mebibytes], performance.now() - began)
    }
  }
  return best[10] / best[1]
}
