import type { SQLInputValue } from 'node:sqlite'
import type { Cost, CostLine } from '../../core/cost.ts'
import type { Usage } from '../../core/usage.ts'
import { Amount } from '../../money/amount.ts'
import { SHARED_COLUMNS } from '../columns.ts'
import { ownSumOf, restoreEntry, type KeptEntry } from '../entry.ts'
import type { EntryKind, LedgerEntry } from '../ledger.ts'

/** A row of the table `entry` as it is read: whole numbers are bigints, for picos do not fit into a number. */
export interface EntryTable {
  seq: bigint
  id: string
  kind: EntryKind
  call_id: string
  attempt_id: string
  at: bigint
  provider: string
  model: string
  requested_model: string
  user: string | null
  project: string | null
  organization: string | null
  key: string | null
  tags: string
  input_tokens: bigint | null
  cache_read_tokens: bigint | null
  cache_write_tokens: bigint | null
  output_tokens: bigint | null
  reasoning_tokens: bigint | null
  input_audio_tokens: bigint | null
  output_audio_tokens: bigint | null
  input_image_tokens: bigint | null
  output_image_tokens: bigint | null
  usage_raw: string | null
  cost_status: Cost['status']
  cost_picos: bigint | null
  cost_source: string | null
  cost_reason: string | null
  cost_price_list: string | null
  cost_reported_picos: bigint | null
  cost_estimate_picos: bigint | null
  cost_lines: string
  service_tier: string | null
  savings_baseline: string | null
  savings_picos: bigint | null
  outcome: LedgerEntry['outcome']
  error: string | null
  duration_ms: number
}

/** The columns that are written, in the order of `encodeEntry`. */
const COLUMNS = [
  'id',
  'kind',
  'call_id',
  'attempt_id',
  'at',
  'provider',
  'model',
  'requested_model',
  'user',
  'project',
  'organization',
  'key',
  ...SHARED_COLUMNS,
] as const satisfies readonly (keyof EntryTable)[]

/** Writes one entry; an id that is there already is left as it is. Text of our own, so that it needs no builder. */
export const INSERT_ENTRY: string =
  `INSERT INTO entry (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')}) ` +
  `ON CONFLICT (id) DO NOTHING`

/** The parameters of `INSERT_ENTRY`. */
export function encodeEntry({ entry, raw }: KeptEntry): SQLInputValue[] {
  const { usage, cost } = entry
  return [
    entry.id,
    entry.kind,
    entry.callId,
    entry.attemptId,
    entry.at,
    entry.provider,
    entry.model,
    entry.requestedModel,
    entry.user ?? null,
    entry.project ?? null,
    entry.organization ?? null,
    entry.key ?? null,
    entry.tags.length === 0 ? '[]' : JSON.stringify(entry.tags),
    usage.inputTokens ?? null,
    usage.cacheReadTokens ?? null,
    usage.cacheWriteTokens ?? null,
    usage.outputTokens ?? null,
    usage.reasoningTokens ?? null,
    usage.inputAudioTokens ?? null,
    usage.outputAudioTokens ?? null,
    usage.inputImageTokens ?? null,
    usage.outputImageTokens ?? null,
    raw ?? null,
    cost.status,
    cost.amount?.picos ?? null,
    'source' in cost ? cost.source : null,
    'reason' in cost ? cost.reason : null,
    'priceList' in cost ? cost.priceList : null,
    ('reported' in cost ? cost.reported?.picos : undefined) ?? null,
    ownSumOf(cost)?.picos ?? null,
    encodeLines(cost.lines),
    entry.serviceTier ?? null,
    entry.savings?.baseline ?? null,
    entry.savings?.amount.picos ?? null,
    entry.outcome,
    entry.error ?? null,
    entry.durationMs,
  ]
}

/** A line as it is stored: half the size of an object with names. Fields may be added at the end. */
type StoredLine = [
  CostLine['kind'],
  number,
  CostLine['unit'],
  unitPrice: string,
  picos: string,
  name?: string,
]

function encodeLines(lines: readonly CostLine[]): string {
  if (lines.length === 0) return '[]'
  return JSON.stringify(
    lines.map(({ kind, quantity, unit, unitPrice, amount, name }): StoredLine => {
      const picos = amount.picos.toString()
      return name === undefined
        ? [kind, quantity, unit, unitPrice, picos]
        : [kind, quantity, unit, unitPrice, picos, name]
    }),
  )
}

/** The entry that was written as this row. */
export function decodeEntry(row: EntryTable): LedgerEntry {
  const entry: LedgerEntry = {
    id: row.id,
    kind: row.kind,
    callId: row.call_id,
    attemptId: row.attempt_id,
    at: Number(row.at),
    provider: row.provider,
    model: row.model,
    requestedModel: row.requested_model,
    user: row.user ?? undefined,
    project: row.project ?? undefined,
    organization: row.organization ?? undefined,
    key: row.key ?? undefined,
    tags: JSON.parse(row.tags) as string[],
    usage: decodeUsage(row),
    cost: decodeCost(row),
    serviceTier: row.service_tier ?? undefined,
    savings: decodeSavings(row),
    outcome: row.outcome,
    error: row.error ?? undefined,
    durationMs: row.duration_ms,
  }
  return restoreEntry({ entry, raw: row.usage_raw ?? undefined })
}

function decodeSavings(row: EntryTable): LedgerEntry['savings'] {
  if (row.savings_baseline === null || row.savings_picos === null) return undefined
  return { baseline: row.savings_baseline, amount: new Amount(row.savings_picos) }
}

function decodeUsage(row: EntryTable): Usage {
  return {
    inputTokens: count(row.input_tokens),
    cacheReadTokens: count(row.cache_read_tokens),
    cacheWriteTokens: count(row.cache_write_tokens),
    outputTokens: count(row.output_tokens),
    reasoningTokens: count(row.reasoning_tokens),
    ...(row.input_audio_tokens === null ? {} : { inputAudioTokens: Number(row.input_audio_tokens) }),
    ...(row.output_audio_tokens === null ? {} : { outputAudioTokens: Number(row.output_audio_tokens) }),
    ...(row.input_image_tokens === null ? {} : { inputImageTokens: Number(row.input_image_tokens) }),
    ...(row.output_image_tokens === null ? {} : { outputImageTokens: Number(row.output_image_tokens) }),
  }
}

function count(value: bigint | null): number | undefined {
  return value === null ? undefined : Number(value)
}

/** The sources were checked when they were written, and nothing else can write them. */
type FreeSource = Extract<Cost, { status: 'free' }>['source']
type ExactSource = Extract<Cost, { status: 'exact' }>['source']

function decodeCost(row: EntryTable): Cost {
  const lines = decodeLines(row.cost_lines)
  const reason = row.cost_reason ?? ''
  if (row.cost_status === 'unknown') return { status: 'unknown', amount: undefined, reason, lines }
  const amount = new Amount(row.cost_picos ?? 0n)
  if (row.cost_status === 'free') {
    return { status: 'free', amount, source: row.cost_source as FreeSource, lines }
  }
  if (row.cost_status === 'exact') {
    const source = row.cost_source as ExactSource
    const own = { status: 'exact', amount, source, lines, priceList: row.cost_price_list ?? '' } as const
    return {
      ...own,
      ...(row.cost_reported_picos === null ? {} : { reported: new Amount(row.cost_reported_picos) }),
      ...(row.cost_estimate_picos === null ? {} : { computed: new Amount(row.cost_estimate_picos) }),
    }
  }
  const own = { status: 'bounded', amount, lines, reason } as const
  if (row.cost_estimate_picos === null) return own
  return { ...own, estimate: new Amount(row.cost_estimate_picos) }
}

function decodeLines(json: string): CostLine[] {
  if (json === '[]') return []
  return (JSON.parse(json) as StoredLine[]).map(([kind, quantity, unit, unitPrice, picos, name]) => {
    const line = { kind, quantity, unit, unitPrice, amount: new Amount(BigInt(picos)) }
    return name === undefined ? line : { ...line, name }
  })
}
