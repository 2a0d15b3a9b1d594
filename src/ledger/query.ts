import { AIError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import { AT_MS_MAX, wellFormed } from './entry.ts'
import {
  DIMENSIONS,
  type Dimension,
  type LedgerEntry,
  type LedgerFilter,
  type LedgerTotal,
} from './ledger.ts'

/** Milliseconds of a day in UTC, which has no summer time. */
export const DAY_MS = 86_400_000

/** The fields of a filter that hold a text. */
export const TEXT_FILTERS = [
  'user',
  'project',
  'organization',
  'key',
  'provider',
  'model',
  'callId',
  'tag',
] as const

type Group = LedgerTotal['group']

/**
 * Checks a filter and brings it into one form: whole milliseconds within what entries can have, well-formed texts.
 *
 * @throws AIError `request_invalid`
 */
export function checkFilter(filter: LedgerFilter | undefined, others: readonly string[] = []): LedgerFilter {
  if (filter === undefined) return {}
  if (typeof filter !== 'object' || filter === null) throw invalid('A ledger filter is an object')
  const known = ['from', 'to', ...TEXT_FILTERS, ...others]
  for (const name of Object.keys(filter)) {
    if (!known.includes(name)) throw invalid(unknownWord('ledger filter', name, known))
  }
  const checked: { -readonly [K in keyof LedgerFilter]: LedgerFilter[K] } = {}
  for (const name of TEXT_FILTERS) {
    const value = filter[name]
    if (value === undefined) continue
    if (typeof value !== 'string') throw invalid(`The ledger filter '${name}' is a string`)
    checked[name] = wellFormed(value)
  }
  const { from, to } = filter
  if (from !== undefined) checked.from = checkMoment(from, 'from')
  if (to !== undefined) checked.to = checkMoment(to, 'to')
  if (from !== undefined && to !== undefined && from > to) {
    throw invalid(`The ledger filter has from ${from} after to ${to}; exchange them`)
  }
  return checked
}

/** Checks what totals are asked by; a dimension that is named twice counts once. @throws AIError `request_invalid` */
export function checkDimensions(by: readonly Dimension[] | undefined): readonly Dimension[] {
  if (by === undefined) return []
  if (!Array.isArray(by)) throw invalid(`Totals are asked 'by' a list of ${DIMENSIONS.join(', ')}`)
  for (const name of by as readonly unknown[]) {
    if (!DIMENSIONS.some((known) => known === name)) {
      throw invalid(unknownWord('dimension of totals', String(name), DIMENSIONS))
    }
  }
  return [...new Set(by)]
}

function checkMoment(value: number, name: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw invalid(`The ledger filter '${name}' is a finite number of milliseconds since 1970`)
  }
  // Entries have whole milliseconds, so rounding up keeps both "at or after" and "before".
  return Math.min(Math.max(0, Math.ceil(value)), AT_MS_MAX + 1)
}

/** Whether an entry passes a checked filter. */
export function matches(entry: LedgerEntry, filter: LedgerFilter): boolean {
  if (filter.from !== undefined && entry.at < filter.from) return false
  if (filter.to !== undefined && entry.at >= filter.to) return false
  if (filter.tag !== undefined && !entry.tags.includes(filter.tag)) return false
  for (const name of TEXT_FILTERS) {
    if (name !== 'tag' && filter[name] !== undefined && entry[name] !== filter[name]) return false
  }
  return true
}

/** Whether an entry stands for an attempt; the others change its cost, or are not groat's own. */
export function isAttempt({ kind }: Pick<LedgerEntry, 'kind'>): boolean {
  return kind === 'attempt' || kind === 'assumption'
}

/** The number of the UTC day since 1970 that a moment falls into. */
export function dayOf(at: number): number {
  return Math.floor(at / DAY_MS)
}

/** Writes the number of a day as `YYYY-MM-DD`. */
export function dayText(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10)
}

/** Writes the UTC hour of a moment as `YYYY-MM-DDTHH`. */
export function hourText(at: number): string {
  return new Date(at).toISOString().slice(0, 13)
}

/** Orders totals by the dimensions asked for, in that order: those without a value first, then by code units. */
export function sortTotals(totals: readonly LedgerTotal[], by: readonly Dimension[]): readonly LedgerTotal[] {
  return totals.toSorted((a, b) => compareGroups(a.group, b.group, by))
}

function compareGroups(a: Group, b: Group, by: readonly Dimension[]): number {
  for (const name of by) {
    const left = a[name]
    const right = b[name]
    if (left === right) continue
    if (left === undefined) return -1
    if (right === undefined) return 1
    return left < right ? -1 : 1
  }
  return 0
}

function unknownWord(what: string, word: string, known: readonly string[]): string {
  const meant = nearest(word, known)
  const hint = meant === undefined ? `use one of ${known.join(', ')}` : `did you mean '${meant}'?`
  return `Unknown ${what} '${word.slice(0, 40)}': ${hint}`
}

function invalid(message: string): AIError {
  return new AIError({ code: 'request_invalid', message })
}
