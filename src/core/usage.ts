/**
 * Counts of one attempt or one call, as the provider told them. `undefined` is "not told", `0` is zero.
 * Cached tokens are inside `inputTokens`; reasoning tokens are inside `outputTokens`.
 */
export interface Usage {
  readonly inputTokens: number | undefined
  readonly cacheReadTokens: number | undefined
  readonly cacheWriteTokens: number | undefined
  readonly outputTokens: number | undefined
  readonly reasoningTokens: number | undefined
  readonly inputAudioTokens?: number | undefined
  readonly outputAudioTokens?: number | undefined
  readonly inputImageTokens?: number | undefined
  readonly outputImageTokens?: number | undefined
  /** The provider's own words, for disputes about a bill. */
  readonly raw?: unknown
}

const COUNTS = [
  'inputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'outputTokens',
  'reasoningTokens',
  'inputAudioTokens',
  'outputAudioTokens',
  'inputImageTokens',
  'outputImageTokens',
] as const

type Count = (typeof COUNTS)[number]

const PARTS_OF: readonly (readonly [Count, Count])[] = [
  ['cacheReadTokens', 'inputTokens'],
  ['cacheWriteTokens', 'inputTokens'],
  ['inputAudioTokens', 'inputTokens'],
  ['inputImageTokens', 'inputTokens'],
  ['reasoningTokens', 'outputTokens'],
  ['outputAudioTokens', 'outputTokens'],
  ['outputImageTokens', 'outputTokens'],
]

/** Nothing was told. */
export const UNKNOWN_USAGE: Usage = Object.freeze({
  inputTokens: undefined,
  cacheReadTokens: undefined,
  cacheWriteTokens: undefined,
  outputTokens: undefined,
  reasoningTokens: undefined,
})

/**
 * Makes a Usage of what a provider sent: a count is a whole number of zero or more, everything else is "not told",
 * and a part never exceeds its whole. Doing it twice changes nothing.
 */
export function toUsage(told: { readonly [K in Count]?: unknown } & { readonly raw?: unknown }): Usage {
  const usage: { -readonly [K in keyof Usage]: Usage[K] } = { ...UNKNOWN_USAGE }
  for (const count of COUNTS) {
    const value = told[count]
    if (Number.isSafeInteger(value) && (value as number) >= 0) usage[count] = value as number
  }
  for (const [part, whole] of PARTS_OF) {
    const limit = usage[whole]
    const value = usage[part]
    if (limit !== undefined && value !== undefined && value > limit) usage[part] = limit
  }
  if (told.raw !== undefined) usage.raw = told.raw
  return usage
}

/** Sums the usage of several attempts or rounds: a count that one of them did not tell is not told by the sum. */
export function addUsage(all: readonly Usage[]): Usage {
  const [first, ...rest] = all
  if (first === undefined) return UNKNOWN_USAGE
  if (rest.length === 0) return first
  const total: { -readonly [K in Count]?: number } = {}
  for (const count of COUNTS) {
    let value: number | undefined = 0
    for (const usage of all) {
      const one = usage[count]
      value = one === undefined || value === undefined ? undefined : value + one
    }
    if (value !== undefined) total[count] = value
  }
  return { ...UNKNOWN_USAGE, ...total, raw: all.map((usage) => usage.raw) }
}
