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
 * How much more work sixteen times as much is, on this process's own clock, which stands still while others have
 * the machine: sixteen times where work is in proportion, 256 times where it is quadratic. The least of some rounds,
 * since the collector and memory that is used for the first time only add.
 */
export function ratioOfWork(work: (size: 1 | 16) => void): number {
  const least = { 1: Number.POSITIVE_INFINITY, 16: Number.POSITIVE_INFINITY }
  for (let round = 0; round < 6; round += 1) {
    for (const size of [1, 16] as const) {
      const before = process.cpuUsage()
      work(size)
      const { user, system } = process.cpuUsage(before)
      least[size] = Math.min(least[size], user + system)
    }
  }
  return least[16] / least[1]
}

/** Half way, by factors, between what is in proportion and what is quadratic. */
export const PROPORTIONAL_MAX = 64
