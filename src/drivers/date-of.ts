/** Latest moment that a date can be, in seconds since the Unix epoch. */
const SECONDS_MAX = 8.64e12

/** When a listed model was made, in ISO 8601, from seconds since the Unix epoch. Servers that do not know say 0, or nothing. */
export function dateOf(seconds: unknown): string | undefined {
  if (typeof seconds !== 'number' || !Number.isSafeInteger(seconds)) return undefined
  return seconds > 0 && seconds <= SECONDS_MAX ? new Date(seconds * 1_000).toISOString() : undefined
}
