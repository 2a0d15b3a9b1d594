import type { Cost } from '../core/cost.ts'
import type { Usage } from '../core/usage.ts'
import type { Amount } from '../money/amount.ts'

/** One immutable line of the books: what one attempt used and cost. */
export interface LedgerEntry {
  readonly id: string
  readonly callId: string
  /** Appending the same attempt twice changes nothing. */
  readonly attemptId: string
  /** Milliseconds since the Unix epoch, when the attempt ended. */
  readonly at: number
  readonly provider: string
  /** The model that answered. */
  readonly model: string
  readonly requestedModel: string
  readonly user: string | undefined
  readonly project: string | undefined
  readonly organization: string | undefined
  readonly key: string | undefined
  readonly tags: readonly string[]
  readonly usage: Usage
  readonly cost: Cost
  readonly outcome: 'ok' | 'error' | 'aborted'
  /** The error's code, where the attempt failed. */
  readonly error: string | undefined
  readonly durationMs: number
}

export const DIMENSIONS = ['user', 'project', 'organization', 'key', 'provider', 'model', 'day'] as const

/** What totals can be grouped by; `day` is the calendar day in UTC, `YYYY-MM-DD`. */
export type Dimension = (typeof DIMENSIONS)[number]

/** Which entries to look at; an absent field matches all. */
export interface LedgerFilter {
  /** At or after, milliseconds since the Unix epoch. */
  readonly from?: number | undefined
  /** Before. */
  readonly to?: number | undefined
  readonly user?: string | undefined
  readonly project?: string | undefined
  readonly organization?: string | undefined
  readonly key?: string | undefined
  readonly provider?: string | undefined
  readonly model?: string | undefined
  readonly callId?: string | undefined
}

/** Sums over a group of entries. Free and unknown are counted apart: unknown is never added as zero. */
export interface LedgerTotal {
  /** The group's value of each dimension asked for; undefined where the entries had none. */
  readonly group: Readonly<Partial<Record<Dimension, string | undefined>>>
  readonly calls: number
  readonly attempts: number
  readonly freeAttempts: number
  /** Attempts whose cost is not known, and so is not in `cost`. */
  readonly unknownAttempts: number
  /** Sum of the counts that were told. */
  readonly inputTokens: number
  readonly outputTokens: number
  /** Sum of all known costs. */
  readonly cost: Amount
}

/** Where entries live. Append-only; three stores pass one contract. */
export interface Ledger {
  /**
   * Resolves when the entry is durable; rejects when it was not written, and may then be repeated. Idempotent on
   * `attemptId`. The entry is copied: changing it afterwards changes nothing. @throws AIError `store_failed`
   */
  append(entry: LedgerEntry): Promise<void>
  /**
   * Entries in order of writing, up to the newest one at the time of asking. A bounded ledger gives those that it
   * still has. @throws AIError `request_invalid` for a filter that makes no sense, `store_failed`
   */
  entries(filter?: LedgerFilter): AsyncIterable<LedgerEntry>
  /**
   * Sums by any dimensions, ordered by them, those without a value first; with none, one total (also of nothing).
   * A bounded ledger that no longer has the detail refuses; sums are exact or none. @throws AIError `request_invalid`
   * for a question that makes no sense, `store_failed`
   */
  totals(query?: LedgerFilter & { readonly by?: readonly Dimension[] }): Promise<readonly LedgerTotal[]>
  /** Flushes what was appended and closes. Appending afterwards rejects with `store_failed`. */
  close(): Promise<void>
}
