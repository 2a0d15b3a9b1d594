import { DIMENSIONS, type Dimension, type LedgerEntry, type LedgerFilter } from '../../src/ledger/ledger.ts'

/** A total as plain data, with money as bigint. */
export interface FoldedTotal {
  readonly group: Readonly<Record<string, string | undefined>>
  readonly calls: number
  readonly attempts: number
  readonly freeAttempts: number
  readonly unknownAttempts: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly picos: bigint
}

/** What totals are by definition: the slowest and plainest way. In no order. */
export function fold(
  entries: readonly LedgerEntry[],
  { by = [], ...filter }: LedgerFilter & { readonly by?: readonly Dimension[] },
): FoldedTotal[] {
  const groups = new Map<string, LedgerEntry[]>()
  if (by.length === 0) groups.set(JSON.stringify([]), [])
  for (const entry of entries.filter((one) => passes(one, filter))) {
    const key = JSON.stringify(by.map((name) => valueOf(entry, name) ?? null))
    groups.set(key, [...(groups.get(key) ?? []), entry])
  }
  return [...groups].map(([key, members]) => {
    const values = JSON.parse(key) as (string | null)[]
    return {
      group: Object.fromEntries(by.map((name, index) => [name, values[index] ?? undefined])),
      calls: new Set(members.map((one) => one.callId)).size,
      attempts: members.length,
      freeAttempts: members.filter((one) => one.cost.status === 'free').length,
      unknownAttempts: members.filter((one) => one.cost.status === 'unknown').length,
      inputTokens: members.reduce((sum, one) => sum + (one.usage.inputTokens ?? 0), 0),
      outputTokens: members.reduce((sum, one) => sum + (one.usage.outputTokens ?? 0), 0),
      picos: members.reduce((sum, one) => sum + (one.cost.amount?.picos ?? 0n), 0n),
    }
  })
}

function valueOf(entry: LedgerEntry, name: Dimension): string | undefined {
  return name === 'day' ? new Date(entry.at).toISOString().slice(0, 10) : entry[name]
}

function passes(entry: LedgerEntry, { from, to, callId, ...texts }: LedgerFilter): boolean {
  if (from !== undefined && entry.at < from) return false
  if (to !== undefined && entry.at >= to) return false
  if (callId !== undefined && entry.callId !== callId) return false
  return DIMENSIONS.every(
    (name) => name === 'day' || texts[name] === undefined || texts[name] === entry[name],
  )
}
