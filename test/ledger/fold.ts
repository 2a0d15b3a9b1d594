import type { Dimension, LedgerEntry, LedgerFilter } from '../../src/ledger/ledger.ts'

/** A total as plain data, with money as bigint. */
export interface FoldedTotal {
  readonly group: Readonly<Record<string, string | undefined>>
  readonly calls: number
  readonly attempts: number
  readonly freeAttempts: number
  readonly boundedAttempts: number
  readonly unknownAttempts: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly picos: bigint
  readonly savings: bigint
}

/** What totals are by definition: the slowest and plainest way. In no order. */
export function fold(
  entries: readonly LedgerEntry[],
  { by = [], ...filter }: LedgerFilter & { readonly by?: readonly Dimension[] },
): FoldedTotal[] {
  const groups = new Map<string, LedgerEntry[]>()
  if (by.length === 0) groups.set(JSON.stringify([]), [])
  for (const entry of entries.filter((one) => passes(one, filter))) {
    // Once for each tag where it is asked by tags, and for no tag where it has none.
    const tags = by.includes('tag') && entry.tags.length > 0 ? [...new Set(entry.tags)] : [undefined]
    for (const tag of tags) {
      const key = JSON.stringify(by.map((name) => (name === 'tag' ? tag : valueOf(entry, name)) ?? null))
      groups.set(key, [...(groups.get(key) ?? []), entry])
    }
  }
  return [...groups].map(([key, members]) => {
    const values = JSON.parse(key) as (string | null)[]
    const attempts = members.filter(({ kind }) => kind !== 'correction' && kind !== 'external')
    const withStatus = (status: string): number => attempts.filter((one) => one.cost.status === status).length
    return {
      group: Object.fromEntries(by.map((name, index) => [name, values[index] ?? undefined])),
      calls: new Set(attempts.map((one) => one.callId)).size,
      attempts: attempts.length,
      freeAttempts: withStatus('free'),
      boundedAttempts: withStatus('bounded'),
      unknownAttempts: withStatus('unknown'),
      inputTokens: members.reduce((sum, one) => sum + (one.usage.inputTokens ?? 0), 0),
      outputTokens: members.reduce((sum, one) => sum + (one.usage.outputTokens ?? 0), 0),
      picos: members.reduce((sum, one) => sum + (one.cost.amount?.picos ?? 0n), 0n),
      savings: members.reduce((sum, one) => sum + (one.savings?.amount.picos ?? 0n), 0n),
    }
  })
}

/** How many letters of `YYYY-MM-DDTHH:MM:SS` name a moment's group. */
const MOMENT_CHARS = { hour: 13, day: 10, month: 7 } as const

function valueOf(entry: LedgerEntry, name: Exclude<Dimension, 'tag'>): string | undefined {
  if (name === 'hour' || name === 'day' || name === 'month') {
    return new Date(entry.at).toISOString().slice(0, MOMENT_CHARS[name])
  }
  return entry[name]
}

function passes(entry: LedgerEntry, { from, to, callId, tag, ...texts }: LedgerFilter): boolean {
  if (from !== undefined && entry.at < from) return false
  if (to !== undefined && entry.at >= to) return false
  if (callId !== undefined && entry.callId !== callId) return false
  if (tag !== undefined && !entry.tags.includes(tag)) return false
  const names = ['user', 'project', 'organization', 'key', 'provider', 'model'] as const
  return names.every((name) => texts[name] === undefined || texts[name] === entry[name])
}
