import type { Cost, CostLine } from '../core/cost.ts'
import { AIError } from '../core/errors.ts'
import { TAGS_MAX } from '../core/limits.ts'
import type { Usage } from '../core/usage.ts'
import type { Amount } from '../money/amount.ts'
import { ENTRY_KINDS, type EntryKind, type LedgerEntry, type Savings } from './ledger.ts'

/** Longest id, scope or tag of an entry, in characters; longer ones are refused, for a cut id is another id. */
export const FIELD_CHARS_MAX = 1_024
/** Longest text that the far end chose (model, reason, error), in characters; longer ones are cut. */
export const TOLD_CHARS_MAX = 1_024
/** Largest `usage.raw` that is kept, in bytes of JSON; a larger one is replaced by a marker. */
export const RAW_BYTES_MAX = 16_384
/** Most lines of one cost. */
export const LINES_MAX = 256
/** Latest moment that has a calendar day of four-digit years, in milliseconds: the end of 9999. */
export const AT_MS_MAX = 253_402_300_799_999
/** Largest amount of one entry, in picos: a signed 64-bit integer, 9.22 million dollars. */
export const ENTRY_PICOS_MAX: bigint = 2n ** 63n - 1n

const COUNTS = [
  'inputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'outputTokens',
  'reasoningTokens',
] as const
const MEDIA_COUNTS = [
  'inputAudioTokens',
  'outputAudioTokens',
  'inputImageTokens',
  'outputImageTokens',
] as const
const STATUSES: readonly string[] = ['free', 'exact', 'bounded', 'unknown']
const OUTCOMES: readonly string[] = ['ok', 'error', 'aborted']

/** An entry in the form that stores keep: checked, copied and frozen, with `usage.raw` apart as JSON. */
export interface KeptEntry {
  /** Without `usage.raw`. */
  readonly entry: LedgerEntry
  readonly raw: string | undefined
}

/**
 * Checks an entry and takes a frozen copy, so that nobody can change the books afterwards.
 *
 * @throws AIError `store_failed`, not retryable, for an entry that no store could give back unchanged.
 */
export function keepEntry(entry: LedgerEntry): KeptEntry {
  const { at, durationMs, outcome, tags } = entry
  if (!Number.isSafeInteger(at) || at < 0 || at > AT_MS_MAX) {
    throw refused('at', 'is not a whole number of milliseconds since 1970')
  }
  if (!Number.isFinite(durationMs)) throw refused('durationMs', 'is not a finite number')
  if (!OUTCOMES.includes(outcome)) throw refused('outcome', `is none of ${OUTCOMES.join(', ')}`)
  if (!Array.isArray(tags) || tags.length > TAGS_MAX) throw refused('tags', `has more than ${TAGS_MAX} tags`)
  const kept: LedgerEntry = {
    id: keepId(entry.id, 'id'),
    kind: keepKind(entry.kind),
    callId: keepId(entry.callId, 'callId'),
    attemptId: keepId(entry.attemptId, 'attemptId'),
    at,
    provider: keepTold(entry.provider, 'provider'),
    model: keepTold(entry.model, 'model'),
    requestedModel: keepTold(entry.requestedModel, 'requestedModel'),
    user: keepScope(entry.user, 'user'),
    project: keepScope(entry.project, 'project'),
    organization: keepScope(entry.organization, 'organization'),
    key: keepScope(entry.key, 'key'),
    // A set: an entry counts once for each of its tags.
    tags: Object.freeze([...new Set(tags.map((tag) => keepId(tag, 'tags')))]),
    usage: keepUsage(entry.usage),
    cost: keepCost(entry.cost),
    serviceTier: entry.serviceTier === undefined ? undefined : keepTold(entry.serviceTier, 'serviceTier'),
    savings: keepSavings(entry.savings),
    outcome,
    error: entry.error === undefined ? undefined : keepTold(entry.error, 'error'),
    durationMs,
  }
  return { entry: Object.freeze(kept), raw: rawToJson(entry.usage.raw) }
}

function keepKind(kind: EntryKind): EntryKind {
  if (!ENTRY_KINDS.includes(kind)) throw refused('kind', `is none of ${ENTRY_KINDS.join(', ')}`)
  return kind
}

function keepSavings(savings: Savings | undefined): Savings | undefined {
  if (savings === undefined) return undefined
  const baseline = keepTold(savings.baseline, 'savings.baseline')
  return Object.freeze({ baseline, amount: keepAmount(savings.amount, 'savings.amount') })
}

/** Puts `usage.raw` back into an entry. */
export function restoreEntry({ entry, raw }: KeptEntry): LedgerEntry {
  if (raw === undefined) return entry
  return { ...entry, usage: { ...entry.usage, raw: JSON.parse(raw) as unknown } }
}

/** The provider's own words as JSON, or a marker in their place where they are too large or no JSON. */
function rawToJson(raw: unknown): string | undefined {
  if (raw === undefined) return undefined
  let text: string | undefined
  try {
    text = JSON.stringify(raw)
  } catch {
    // Cycles and bigints: an entry without the raw words is better than no entry.
  }
  if (text === undefined) return JSON.stringify({ dropped: 'not JSON' })
  // Most raw usage is short: UTF-8 takes at most three bytes for a UTF-16 unit.
  if (text.length * 3 <= RAW_BYTES_MAX) return text
  const bytes = new TextEncoder().encode(text).length
  if (bytes <= RAW_BYTES_MAX) return text
  return JSON.stringify({ dropped: `more than ${RAW_BYTES_MAX} bytes`, bytes })
}

function keepUsage(usage: Usage): Usage {
  const kept: { -readonly [K in keyof Usage]: Usage[K] } = {
    inputTokens: usage.inputTokens,
    cacheReadTokens: usage.cacheReadTokens,
    cacheWriteTokens: usage.cacheWriteTokens,
    outputTokens: usage.outputTokens,
    reasoningTokens: usage.reasoningTokens,
  }
  for (const count of COUNTS) checkCount(kept[count], count)
  for (const count of MEDIA_COUNTS) {
    const value = usage[count]
    if (value === undefined) continue
    checkCount(value, count)
    kept[count] = value
  }
  return Object.freeze(kept)
}

function checkCount(value: number | undefined, name: string): void {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return
  throw refused(`usage.${name}`, 'is neither undefined nor a whole number of zero or more')
}

function keepCost(cost: Cost): Cost {
  if (!STATUSES.includes(cost.status)) throw refused('cost.status', `is none of ${STATUSES.join(', ')}`)
  const lines = keepLines(cost.lines)
  if (cost.status === 'unknown') {
    if (cost.amount !== undefined) throw refused('cost.amount', 'is a number although the cost is unknown')
    const { status, amount } = cost
    return Object.freeze({ status, amount, reason: keepTold(cost.reason, 'cost.reason'), lines })
  }
  const amount = keepAmount(cost.amount, 'cost.amount')
  if (cost.status === 'free') {
    const { status, source } = cost
    return Object.freeze({ status, amount, source: keepSource(source, FREE_SOURCES), lines })
  }
  if (cost.status === 'exact') {
    const { status, source, reported, computed } = cost
    const priceList = keepTold(cost.priceList, 'cost.priceList')
    const own = { status, amount, source: keepSource(source, EXACT_SOURCES), lines, priceList }
    return Object.freeze({
      ...own,
      ...(reported === undefined ? {} : { reported: keepAmount(reported, 'cost.reported') }),
      ...(computed === undefined ? {} : { computed: keepAmount(computed, 'cost.computed') }),
    })
  }
  const { status, estimate } = cost
  const own = { status, amount, lines, reason: keepTold(cost.reason, 'cost.reason') }
  if (estimate === undefined) return Object.freeze(own)
  return Object.freeze({ ...own, estimate: keepAmount(estimate, 'cost.estimate') })
}

/** What groat itself worked out beside the amount: stores keep both of these in one column. */
export function ownSumOf(cost: Cost): Amount | undefined {
  if (cost.status === 'bounded') return cost.estimate
  return cost.status === 'exact' ? cost.computed : undefined
}

const FREE_SOURCES = ['local', 'declared'] as const
const EXACT_SOURCES = ['price-list', 'provider', 'refused'] as const

function keepSource<S extends string>(source: S, known: readonly S[]): S {
  if (!known.includes(source)) throw refused('cost.source', `is none of ${known.join(', ')}`)
  return source
}

function keepLines(lines: readonly CostLine[]): readonly CostLine[] {
  if (lines.length > LINES_MAX) throw refused('cost.lines', `has more than ${LINES_MAX} lines`)
  return Object.freeze(lines.map(keepLine))
}

function keepLine({ kind, quantity, unit, unitPrice, amount, name }: CostLine): CostLine {
  if (!Number.isFinite(quantity)) throw refused('cost.lines', 'has a quantity that is not a finite number')
  const line = { kind, quantity, unit, unitPrice, amount: keepAmount(amount, 'cost.lines') }
  return Object.freeze(name === undefined ? line : { ...line, name: keepTold(name, 'cost.lines') })
}

function keepAmount(amount: Amount, name: string): Amount {
  const picos: unknown = amount.picos
  if (typeof picos !== 'bigint') throw refused(name, 'is not an Amount')
  if (picos > ENTRY_PICOS_MAX || picos < -ENTRY_PICOS_MAX)
    throw refused(name, 'is above 9.22 million dollars')
  return amount
}

function keepId(text: string, name: string): string {
  if (typeof text !== 'string') throw refused(name, 'is not a string')
  if (text.length > FIELD_CHARS_MAX) throw refused(name, `is longer than ${FIELD_CHARS_MAX} characters`)
  return wellFormed(text)
}

function keepScope(text: string | undefined, name: string): string | undefined {
  return text === undefined ? undefined : keepId(text, name)
}

function keepTold(text: string, name: string): string {
  if (typeof text !== 'string') throw refused(name, 'is not a string')
  return wellFormed(text.length > TOLD_CHARS_MAX ? `${text.slice(0, TOLD_CHARS_MAX - 1)}…` : text)
}

/**
 * Databases hold UTF-8, which has no lone surrogates; PostgreSQL holds no NUL, and Node 22 cuts at one what it reads
 * of SQLite. All stores keep the same replacement for them, so that no text becomes another one's beginning.
 */
export function wellFormed(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed()
  return whole.includes('\0') ? whole.replaceAll('\0', '\ufffd') : whole
}

function refused(name: string, why: string): AIError {
  const message = `The ledger cannot keep this entry: \`${name}\` ${why}. Correct it and append again.`
  return new AIError({ code: 'store_failed', message, retryable: false, details: { field: name } })
}
