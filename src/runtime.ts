/** Time, as it comes in by the door. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Milliseconds on a clock that never jumps: for durations. */
  elapsed(): number
  /** Calls back once after `ms`; the returned function cancels it. */
  after(ms: number, callback: () => void): () => void
}

/** Everything that groat takes from outside: the clock, chance, the environment and the network. */
export interface Runtime {
  readonly clock: Clock
  /** A number from 0 (included) to 1 (excluded). */
  readonly random: () => number
  /** A new id, unique and sortable by time (UUID version 7). */
  id(): string
  /** Lower-case hex SHA-256 of a text. */
  readonly sha256: (text: string) => Promise<string>
  readonly env: Readonly<Record<string, string | undefined>>
  /** A Node built-in such as `http`, without the cost of `import()`; undefined outside Node. */
  builtin(name: string): unknown
  readonly fetch: typeof globalThis.fetch
}

/** Longest delay that JavaScript timers hold: above it they fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(ms, TIMER_MS_MAX))
    return () => clearTimeout(timer)
  },
}

/** The real world. */
export const systemRuntime: Runtime = {
  clock: systemClock,
  random: () => Math.random(),
  id: () => uuidV7(Date.now(), randomBytes()),
  sha256: async (text) => {
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
    return Array.from(new Uint8Array(digest), (byte) => HEX[byte]).join('')
  },
  env: typeof process === 'undefined' ? {} : process.env,
  builtin: (name) => (typeof process === 'undefined' ? undefined : process.getBuiltinModule?.(name)),
  fetch: (input, init) => globalThis.fetch(input, init),
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** A UUID version 7 (RFC 9562): 48 bits of milliseconds, then 74 random bits. `random` has at least 10 bytes. */
export function uuidV7(nowMs: number, random: Uint8Array): string {
  const time = Math.floor(nowMs).toString(16).padStart(12, '0')
  const hex = (index: number): string => HEX[random[index] ?? 0] ?? '00'
  const version = ((random[0] ?? 0) & 0x0f) | 0x70
  const variant = ((random[2] ?? 0) & 0x3f) | 0x80
  return (
    `${time.slice(0, 8)}-${time.slice(8)}-${HEX[version]}${hex(1)}-${HEX[variant]}${hex(3)}-` +
    `${hex(4)}${hex(5)}${hex(6)}${hex(7)}${hex(8)}${hex(9)}`
  )
}

const ID_BYTES = 10
const POOL = new Uint8Array(ID_BYTES * 128)
let poolOffset = POOL.length

/** Ten random bytes from a pool: one system call for 128 ids. */
function randomBytes(): Uint8Array {
  if (poolOffset >= POOL.length) {
    crypto.getRandomValues(POOL)
    poolOffset = 0
  }
  poolOffset += ID_BYTES
  return POOL.subarray(poolOffset - ID_BYTES, poolOffset)
}
