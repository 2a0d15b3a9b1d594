import type { Cost, CostLine } from '../../core/cost.ts'
import type { Usage } from '../../core/usage.ts'
import { Amount } from '../../money/amount.ts'
import { SHARED_COLUMNS } from '../columns.ts'
import { ownSumOf, restoreEntry, type KeptEntry } from '../entry.ts'
import type { EntryKind, LedgerEntry } from '../ledger.ts'

const OWN_COLUMNS = [
  'id',
  'kind',
  'call_id',
  'attempt_id',
  'at',
  'provider',
  'model',
  'requested_model',
  'user_id',
  'project_id',
  'organization_id',
  'key_id',
] as const

type Column = (typeof OWN_COLUMNS | typeof SHARED_COLUMNS)[number]

/** The columns of the table `entry` that are written. */
export const COLUMNS: readonly Column[] = [...OWN_COLUMNS, ...SHARED_COLUMNS]

/** A row as it is sent: JSON that PostgreSQL takes apart. What is absent is null. Picos are text: JSON has no bigint. */
export type SentRow = Partial<Record<Column, string | number | readonly string[] | undefined>>

/** What the rows of an entry are read with: tags as JSON, everything else as the text that PostgreSQL writes. */
export const READ_COLUMNS: string = [
  'seq',
  ...COLUMNS.filter((name) => name !== 'tags'),
  'to_jsonb(tags) AS tags',
].join(', ')

/** A row as it is read: texts, for picos do not fit into a number. */
export type ReadRow = Readonly<Record<Column, string | null>> & { readonly seq: string }

/** The row of an entry. */
export function encodeEntry({ entry, raw }: KeptEntry): SentRow {
  const { usage, cost, savings } = entry
  return {
    id: entry.id,
    kind: entry.kind,
    call_id: entry.callId,
    attempt_id: entry.attemptId,
    at: entry.at,
    provider: entry.provider,
    model: entry.model,
    requested_model: entry.requestedModel,
    user_id: entry.user,
    project_id: entry.project,
    organization_id: entry.organization,
    key_id: entry.key,
    tags: entry.tags,
    input_tokens: usage.inputTokens,
    cache_read_tokens: usage.cacheReadTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    output_tokens: usage.outputTokens,
    reasoning_tokens: usage.reasoningTokens,
    input_audio_tokens: usage.inputAudioTokens,
    output_audio_tokens: usage.outputAudioTokens,
    input_image_tokens: usage.inputImageTokens,
    output_image_tokens: usage.outputImageTokens,
    usage_raw: raw,
    cost_status: cost.status,
    cost_picos: cost.amount?.picos.toString(),
    cost_source: 'source' in cost ? cost.source : undefined,
    cost_reason: 'reason' in cost ? cost.reason : undefined,
    cost_price_list: 'priceList' in cost ? cost.priceList : undefined,
    cost_reported_picos: 'reported' in cost ? cost.reported?.picos.toString() : undefined,
    cost_estimate_picos: ownSumOf(cost)?.picos.toString(),
    cost_lines: encodeLines(cost.lines),
    service_tier: entry.serviceTier,
    savings_baseline: savings?.baseline,
    savings_picos: savings?.amount.picos.toString(),
    outcome: entry.outcome,
    error: entry.error,
    duration_ms: entry.durationMs,
  }
}

/** A line as it is stored: half the size of an object with names. Fields may be added at the end. */
type StoredLine = [
  kind: CostLine['kind'],
  quantity: number,
  unit: CostLine['unit'],
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
export function decodeEntry(row: ReadRow): LedgerEntry {
  const entry: LedgerEntry = {
    id: row.id ?? '',
    // The words were checked when they were written, and nothing else can write them.
    kind: row.kind as EntryKind,
    callId: row.call_id ?? '',
    attemptId: row.attempt_id ?? '',
    at: Number(row.at),
    provider: row.provider ?? '',
    model: row.model ?? '',
    requestedModel: row.requested_model ?? '',
    user: text(row.user_id),
    project: text(row.project_id),
    organization: text(row.organization_id),
    key: text(row.key_id),
    tags: JSON.parse(row.tags ?? '[]') as string[],
    usage: decodeUsage(row),
    cost: decodeCost(row),
    serviceTier: text(row.service_tier),
    savings:
      row.savings_picos === null
        ? undefined
        : { baseline: row.savings_baseline ?? '', amount: amountOf(row.savings_picos) },
    outcome: row.outcome as LedgerEntry['outcome'],
    error: text(row.error),
    durationMs: Number(row.duration_ms),
  }
  return restoreEntry({ entry, raw: row.usage_raw ?? undefined })
}

function text(value: string | null): string | undefined {
  return value ?? undefined
}

function amountOf(picos: string): Amount {
  return new Amount(BigInt(picos))
}

function decodeUsage(row: ReadRow): Usage {
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

function count(value: string | null): number | undefined {
  return value === null ? undefined : Number(value)
}

type FreeSource = Extract<Cost, { status: 'free' }>['source']
type ExactSource = Extract<Cost, { status: 'exact' }>['source']

function decodeCost(row: ReadRow): Cost {
  const lines = decodeLines(row.cost_lines ?? '[]')
  const reason = row.cost_reason ?? ''
  if (row.cost_status === 'unknown') return { status: 'unknown', amount: undefined, reason, lines }
  const amount = amountOf(row.cost_picos ?? '0')
  if (row.cost_status === 'free') {
    return { status: 'free', amount, source: row.cost_source as FreeSource, lines }
  }
  if (row.cost_status === 'exact') {
    const source = row.cost_source as ExactSource
    const own = {
      status: 'exact',
      amount,
      source,
      lines,
      priceList: row.cost_price_list ?? '',
    } as const
    return {
      ...own,
      ...(row.cost_reported_picos === null ? {} : { reported: amountOf(row.cost_reported_picos) }),
      ...(row.cost_estimate_picos === null ? {} : { computed: amountOf(row.cost_estimate_picos) }),
    }
  }
  const own = { status: 'bounded', amount, lines, reason } as const
  if (row.cost_estimate_picos === null) return own
  return { ...own, estimate: amountOf(row.cost_estimate_picos) }
}

function decodeLines(json: string): CostLine[] {
  if (json === '[]') return []
  return (JSON.parse(json) as StoredLine[]).map(([kind, quantity, unit, unitPrice, picos, name]) => {
    const line = { kind, quantity, unit, unitPrice, amount: amountOf(picos) }
    return name === undefined ? line : { ...line, name }
  })
}
