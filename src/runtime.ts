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
  /** Lower-case hex SHA-256 of bytes, or of a text as UTF-8. */
  readonly sha256: (data: string | Uint8Array) => Promise<string>
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
  id: () => uuidV7(Date.now(), crypto.randomUUID()),
  sha256: async (data) => {
    const digest = await crypto.subtle.digest('SHA-256', unshared(data))
    return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
  },
  env: typeof process === 'undefined' ? {} : process.env,
  builtin: (name) => (typeof process === 'undefined' ? undefined : process.getBuiltinModule?.(name)),
  fetch: (input, init) => globalThis.fetch(input, init),
}

/** A UUID of version 7 (RFC 9562): 48 bits of milliseconds, and the random bits of a UUID of version 4. */
export function uuidV7(nowMs: number, uuidV4: string): string {
  const time = Math.floor(nowMs).toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${uuidV4.slice(15)}`
}

/** Memory that is shared with other threads could change under the hash: only that is copied. */
function unshared(data: string | Uint8Array): Uint8Array<ArrayBuffer> {
  if (typeof data === 'string') return new TextEncoder().encode(data)
  const { buffer, byteOffset, byteLength } = data
  return buffer instanceof ArrayBuffer ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(data)
}
