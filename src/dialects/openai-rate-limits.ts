import type { RateLimit, RateLimits } from '../core/rate-limits.ts'

type Headers = Readonly<Record<string, string>>

/** The `x-ratelimit-*` headers of OpenAI and of those that follow it; undefined where there are none. */
export function toRateLimits(headers: Headers): RateLimits | undefined {
  const requests = limitOf(headers, 'requests')
  const tokens = limitOf(headers, 'tokens')
  if (!requests && !tokens) return undefined
  return { ...(requests && { requests }), ...(tokens && { tokens }) }
}

/** Written out: a name that is put together is looked up anew each time. */
const HEADERS = {
  requests: {
    limit: 'x-ratelimit-limit-requests',
    remaining: 'x-ratelimit-remaining-requests',
    reset: 'x-ratelimit-reset-requests',
  },
  tokens: {
    limit: 'x-ratelimit-limit-tokens',
    remaining: 'x-ratelimit-remaining-tokens',
    reset: 'x-ratelimit-reset-tokens',
  },
} as const

function limitOf(headers: Headers, what: keyof typeof HEADERS): RateLimit | undefined {
  const names = HEADERS[what]
  const limit = countOf(headers[names.limit])
  const remaining = countOf(headers[names.remaining])
  const resetMs = durationMs(headers[names.reset])
  if (limit === undefined && remaining === undefined && resetMs === undefined) return undefined
  return {
    ...(limit !== undefined && { limit }),
    ...(remaining !== undefined && { remaining }),
    ...(resetMs !== undefined && { resetMs }),
  }
}

function countOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,15}$/.test(text.trim())) return undefined
  return Number(text)
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** A duration as Go prints it (`1h2m3.5s`, `20ms`), or plain seconds, in whole milliseconds; undefined for anything else. */
export function durationMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const trimmed = text.trim()
  if (/^\d{1,9}(?:\.\d{1,9})?$/.test(trimmed)) return Math.ceil(Number(trimmed) * 1_000)
  const parts = [...trimmed.matchAll(/(\d{1,9}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h|d)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== trimmed) return undefined
  const ms = parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNITS_MS[unit] ?? 0), 0)
  return Math.ceil(ms)
}

/** How long until a limit that is used up is whole again, in milliseconds; undefined where none is. */
export function exhaustedMs(headers: Headers): number | undefined {
  const { requests, tokens } = toRateLimits(headers) ?? {}
  const waits = [requests, tokens].flatMap((one) =>
    one?.remaining === 0 && one.resetMs !== undefined ? [one.resetMs] : [],
  )
  return waits.length === 0 ? undefined : Math.max(...waits)
}
