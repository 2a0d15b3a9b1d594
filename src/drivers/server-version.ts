import type { Clock } from '../runtime.ts'

/** How long a server's version is believed, in milliseconds: servers are updated while programs run. */
const VERSION_TTL_MS = 300_000

/** The version of a server, asked for when it is needed and then known for a while. */
export class ServerVersion {
  readonly #clock: Clock
  #value: string | undefined
  #expiresMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The version; undefined where the server does not say it, which is not remembered. */
  async get(ask: () => Promise<string | undefined>): Promise<string | undefined> {
    if (this.#value !== undefined && this.#expiresMs > this.#clock.elapsed()) return this.#value
    this.#value = await ask()
    this.#expiresMs = this.#clock.elapsed() + VERSION_TTL_MS
    return this.#value
  }
}

/**
 * Whether a version is older than another. What is no version, and `0.0.0` of a build from source, is the newest.
 */
export function isBefore(version: string | undefined, other: string): boolean {
  const own = numbersOf(version)
  const wanted = numbersOf(other)
  if (own.every((number) => number === 0)) return false
  for (const [index, number] of wanted.entries()) {
    const mine = own[index] ?? 0
    if (mine !== number) return mine < number
  }
  return false
}

function numbersOf(version: string | undefined): number[] {
  const found = /^v?(\d+)\.(\d+)(?:\.(\d+))?/.exec(version ?? '')
  return found ? found.slice(1).map((part) => Number(part ?? 0)) : []
}
