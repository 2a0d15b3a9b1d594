import type { AIError } from '../core/errors.ts'
import type { Clock } from '../runtime.ts'
import { abortedError } from './failures.ts'

/** Wait before the first retry, in milliseconds; it doubles with each further one. */
const RETRY_DELAY_MS = 500
/** Longest wait of our own choice, in milliseconds. */
const RETRY_DELAY_MS_MAX = 8_000
/** Longest wait that a provider may ask for, in milliseconds: above it the caller sees the error at once. */
export const RETRY_AFTER_MS_MAX = 60_000

export interface RetryQuestion {
  readonly error: AIError
  /** How many retries there have been. */
  readonly retriesDone: number
  /** How many there may be. */
  readonly retriesMax: number
  /** From 0 (included) to 1 (excluded). */
  readonly random: () => number
}

/**
 * How long to wait before the next try, in milliseconds; undefined where another try is not allowed or makes no
 * sense. The wait lies between half and whole of 500 ms, 1 s, 2 s … 8 s, and is never shorter than what the provider
 * asked for.
 */
export function retryDelayMs(question: RetryQuestion): number | undefined {
  const { error, retriesDone, retriesMax, random } = question
  if (!error.retryable || error.code === 'aborted') return undefined
  if (retriesDone >= Math.min(retriesMax, error.retriesMax ?? retriesMax)) return undefined
  const askedMs = error.retryAfterMs ?? 0
  if (askedMs > RETRY_AFTER_MS_MAX) return undefined
  const wholeMs = Math.min(RETRY_DELAY_MS * 2 ** retriesDone, RETRY_DELAY_MS_MAX)
  // Spread, so that clients which failed together do not come back together: also above what was asked for.
  const spread = 0.5 + random() / 2
  return askedMs === 0 ? wholeMs * spread : Math.max(askedMs, wholeMs * spread)
}

/**
 * The wait that a `retry-after` header asks for, in milliseconds: seconds (also with decimals) or an HTTP date.
 * Undefined where there is none or it makes no sense; never negative. `nowMs` is the time since the Unix epoch.
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | undefined {
  const text = value?.trim()
  if (text === undefined || text === '') return undefined
  if (/^\d+(?:\.\d+)?$/.test(text)) return finite(Math.ceil(Number(text) * 1_000))
  // An HTTP date begins with the name of a day; `Date.parse` alone takes nearly everything for a date.
  if (!/^(?:mon|tue|wed|thu|fri|sat|sun)/i.test(text)) return undefined
  return finite(Math.max(0, Date.parse(text) - nowMs))
}

/** The same for a response's headers: `retry-after-ms` is finer and goes first. */
export function retryAfterMs(headers: Readonly<Record<string, string>>, nowMs: number): number | undefined {
  const fine = headers['retry-after-ms']?.trim()
  if (fine !== undefined && /^\d+(?:\.\d+)?$/.test(fine)) return finite(Math.ceil(Number(fine)))
  return parseRetryAfter(headers['retry-after'], nowMs)
}

function finite(ms: number): number | undefined {
  return Number.isFinite(ms) ? ms : undefined
}

/** Waits `ms` milliseconds. Rejects with `aborted` as soon as the signal fires; leaves neither timer nor listener. */
export function wait(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) throw abortedError(signal.reason)
    const onAbort = (): void => {
      cancel()
      reject(abortedError(signal?.reason))
    }
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
