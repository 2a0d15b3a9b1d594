import { Amount } from '../money/amount.ts'
import type { Dimension, LedgerEntry, LedgerTotal } from './ledger.ts'
import { dayOf, dayText, hourText, isAttempt } from './query.ts'

type Group = LedgerTotal['group']

/** What adds up. */
export interface Sums {
  attempts: number
  free: number
  bounded: number
  unknown: number
  /** Bigints like the picos: all stores tell the same number, also where no number holds the sum exactly. */
  inputTokens: bigint
  outputTokens: bigint
  picos: bigint
  savings: bigint
}

export function noSums(): Sums {
  const counts = { attempts: 0, free: 0, bounded: 0, unknown: 0 }
  return { ...counts, inputTokens: 0n, outputTokens: 0n, picos: 0n, savings: 0n }
}

/** Adds one entry. */
export function addEntry(sums: Sums, entry: LedgerEntry): void {
  const { usage, cost, savings } = entry
  sums.inputTokens += BigInt(usage.inputTokens ?? 0)
  sums.outputTokens += BigInt(usage.outputTokens ?? 0)
  if (cost.amount !== undefined) sums.picos += cost.amount.picos
  if (savings !== undefined) sums.savings += savings.amount.picos
  if (!isAttempt(entry)) return
  sums.attempts++
  if (cost.status === 'free') sums.free++
  if (cost.status === 'bounded') sums.bounded++
  if (cost.status === 'unknown') sums.unknown++
}

/** Adds other sums. */
export function addSums(sums: Sums, more: Sums): void {
  sums.attempts += more.attempts
  sums.free += more.free
  sums.bounded += more.bounded
  sums.unknown += more.unknown
  sums.inputTokens += more.inputTokens
  sums.outputTokens += more.outputTokens
  sums.picos += more.picos
  sums.savings += more.savings
}

export function totalOf(group: Group, calls: number, sums: Sums): LedgerTotal {
  return {
    group,
    calls,
    attempts: sums.attempts,
    freeAttempts: sums.free,
    boundedAttempts: sums.bounded,
    unknownAttempts: sums.unknown,
    inputTokens: Number(sums.inputTokens),
    outputTokens: Number(sums.outputTokens),
    cost: new Amount(sums.picos),
    savings: new Amount(sums.savings),
  }
}

/** The one total of nothing. */
export function emptyTotal(): LedgerTotal {
  return totalOf({}, 0, noSums())
}

/** Totals of entries one by one, for questions that no rollup answers. In no order. */
export function foldTotals(entries: Iterable<LedgerEntry>, by: readonly Dimension[]): LedgerTotal[] {
  const groups = new Map<string, { group: Group; sums: Sums; calls: Set<string> }>()
  for (const entry of entries) {
    for (const values of valuesOf(entry, by)) {
      const key = values.map(part).join('')
      let found = groups.get(key)
      if (found === undefined) {
        const group = Object.fromEntries(by.map((name, index) => [name, values[index]]))
        found = { group, sums: noSums(), calls: new Set() }
        groups.set(key, found)
      }
      addEntry(found.sums, entry)
      if (isAttempt(entry)) found.calls.add(entry.callId)
    }
  }
  return [...groups.values()].map(({ group, sums, calls }) => totalOf(group, calls.size, sums))
}

/** The groups that an entry belongs to: one, or one for each of its tags. */
function valuesOf(entry: LedgerEntry, by: readonly Dimension[]): (string | undefined)[][] {
  const values = by.map((name) => (name === 'tag' ? undefined : valueOf(entry, name)))
  const place = by.indexOf('tag')
  const tags = new Set(entry.tags)
  if (place < 0 || tags.size === 0) return [values]
  return Array.from(tags, (tag) => values.with(place, tag))
}

function valueOf(entry: LedgerEntry, name: Exclude<Dimension, 'tag'>): string | undefined {
  if (name === 'hour') return hourText(entry.at)
  if (name === 'day') return dayText(dayOf(entry.at))
  if (name === 'month') return dayText(dayOf(entry.at)).slice(0, 7)
  return entry[name]
}

/** Length first: no text can pretend to be the end of another. */
export function part(text: string | undefined): string {
  return text === undefined ? '-' : `${text.length}:${text}`
}
