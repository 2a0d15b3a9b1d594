import type { Cost } from '../core/cost.ts'
import type { Usage } from '../core/usage.ts'
import type { Amount } from '../money/amount.ts'

export const ENTRY_KINDS = ['attempt', 'assumption', 'correction', 'external'] as const

/**
 * What an entry is about: an attempt that came to its end; one of which nobody heard again, booked at all that was held
 * for it; the difference when its end was heard of later; or a cost from outside of groat.
 */
export type EntryKind = (typeof ENTRY_KINDS)[number]

/** What a free answer would have cost with a chosen paid model. */
export interface Savings {
  /** Provider and model, such as `openai/gpt-6-luna`. */
  readonly baseline: string
  readonly amount: Amount
}

/** One immutable line of the books: what one attempt used and cost. */
export interface LedgerEntry {
  /** Appending the same id twice changes nothing. That of an attempt's own entry is the attempt's. */
  readonly id: string
  readonly kind: EntryKind
  readonly callId: string
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
  /** Of a correction: the difference, which can be below zero. */
  readonly cost: Cost
  /** The tier that the provider served it at, where it says so. */
  readonly serviceTier: string | undefined
  readonly savings: Savings | undefined
  readonly outcome: 'ok' | 'error' | 'aborted'
  /** The error's code, where the attempt failed. */
  readonly error: string | undefined
  readonly durationMs: number
}

export const DIMENSIONS = [
  'user',
  'project',
  'organization',
  'key',
  'provider',
  'model',
  'tag',
  'hour',
  'day',
  'month',
] as const

/**
 * What totals can be grouped by. Hours, days and months are those of UTC: `YYYY-MM-DDTHH`, `YYYY-MM-DD`, `YYYY-MM`. By
 * `tag`, an entry counts for each of its tags.
 */
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
  /** One of the entry's tags. */
  readonly tag?: string | undefined
}

/**
 * Sums over a group of entries. Free and unknown are counted apart: unknown is never added as zero. Calls and attempts
 * count entries of attempts and assumptions; corrections and costs from outside add to the sums, and are no attempts.
 */
export interface LedgerTotal {
  /** The group's value of each dimension asked for; undefined where the entries had none. */
  readonly group: Readonly<Partial<Record<Dimension, string | undefined>>>
  readonly calls: number
  readonly attempts: number
  readonly freeAttempts: number
  /** Attempts whose cost is at most what is in `cost`. */
  readonly boundedAttempts: number
  /** Attempts whose cost is not known, and so is not in `cost`. */
  readonly unknownAttempts: number
  /** Sum of the counts that were told. */
  readonly inputTokens: number
  readonly outputTokens: number
  /** Sum of all known costs. */
  readonly cost: Amount
  /** What the free attempts would have cost with their baseline; never part of `cost`. */
  readonly savings: Amount
}

/** Where entries live. Append-only; three stores pass one contract. */
export interface Ledger {
  /**
   * Resolves when the entry is durable; rejects when it was not written, and may then be repeated. Idempotent on
   * `id`. The entry is copied: changing it afterwards changes nothing. @throws AIError `store_failed`
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
