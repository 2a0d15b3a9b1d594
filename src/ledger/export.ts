import { AIError } from '../core/errors.ts'
import type { Amount } from '../money/amount.ts'
import type { Ledger, LedgerEntry, LedgerFilter } from './ledger.ts'

export const EXPORT_FORMATS = ['csv', 'json'] as const

export interface ExportOptions extends LedgerFilter {
  readonly format: (typeof EXPORT_FORMATS)[number]
}

/**
 * Writes entries as text, piece by piece: `json` is one array, `csv` has a header and one row for each entry (RFC 4180).
 * Amounts are exact decimals. A text that a spreadsheet would take for a formula gets an apostrophe in front.
 *
 * @throws AIError `request_invalid`
 */
export async function* exportEntries(
  ledger: Pick<Ledger, 'entries'>,
  options: ExportOptions,
): AsyncIterable<string> {
  const { format, ...filter } = options ?? {}
  if (!EXPORT_FORMATS.includes(format)) {
    const formats = EXPORT_FORMATS.map((name) => `'${name}'`).join(' or ')
    throw new AIError({ code: 'request_invalid', message: `A ledger is exported in the format ${formats}` })
  }
  if (format === 'csv') {
    yield row(Object.keys(COLUMNS))
    for await (const entry of ledger.entries(filter))
      yield row(Object.values(COLUMNS).map((cell) => cell(entry)))
    return
  }
  let before = '['
  for await (const entry of ledger.entries(filter)) {
    yield `${before}\n${JSON.stringify(entry)}`
    before = ','
  }
  yield before === '[' ? '[]\n' : '\n]\n'
}

type Cell = string | number | undefined

/** The columns of a CSV file by name. */
const COLUMNS: Readonly<Record<string, (entry: LedgerEntry) => Cell>> = {
  id: ({ id }) => text(id),
  kind: ({ kind }) => kind,
  call_id: ({ callId }) => text(callId),
  attempt_id: ({ attemptId }) => text(attemptId),
  at: ({ at }) => new Date(at).toISOString(),
  provider: ({ provider }) => text(provider),
  model: ({ model }) => text(model),
  requested_model: ({ requestedModel }) => text(requestedModel),
  user: ({ user }) => text(user),
  project: ({ project }) => text(project),
  organization: ({ organization }) => text(organization),
  key: ({ key }) => text(key),
  tags: ({ tags }) => (tags.length === 0 ? undefined : JSON.stringify(tags)),
  input_tokens: ({ usage }) => usage.inputTokens,
  cache_read_tokens: ({ usage }) => usage.cacheReadTokens,
  cache_write_tokens: ({ usage }) => usage.cacheWriteTokens,
  output_tokens: ({ usage }) => usage.outputTokens,
  reasoning_tokens: ({ usage }) => usage.reasoningTokens,
  cost_status: ({ cost }) => cost.status,
  cost_usd: ({ cost }) => usd(cost.amount),
  cost_estimate_usd: ({ cost }) => usd('estimate' in cost ? cost.estimate : undefined),
  cost_reported_usd: ({ cost }) => usd('reported' in cost ? cost.reported : undefined),
  cost_computed_usd: ({ cost }) => usd('computed' in cost ? cost.computed : undefined),
  cost_source: ({ cost }) => ('source' in cost ? cost.source : undefined),
  cost_reason: ({ cost }) => ('reason' in cost ? text(cost.reason) : undefined),
  cost_lines: ({ cost }) => (cost.lines.length === 0 ? undefined : JSON.stringify(cost.lines)),
  price_list: ({ cost }) => ('priceList' in cost ? cost.priceList : undefined),
  service_tier: ({ serviceTier }) => text(serviceTier),
  savings_usd: ({ savings }) => usd(savings?.amount),
  savings_baseline: ({ savings }) => text(savings?.baseline),
  outcome: ({ outcome }) => outcome,
  error: ({ error }) => text(error),
  duration_ms: ({ durationMs }) => durationMs,
}

/** What spreadsheets take for the beginning of a formula, in full width too (OWASP, CSV injection). */
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/

/** What people and providers chose: a spreadsheet must not run it. */
function text(value: string | undefined): string | undefined {
  return value !== undefined && FORMULA.test(value) ? `'${value}` : value
}

/** The exact decimal: a number would have to be rounded. */
function usd(amount: Amount | undefined): string | undefined {
  return amount === undefined ? undefined : String(amount)
}

function row(cells: readonly Cell[]): string {
  return `${cells.map(quoted).join(',')}\r\n`
}

function quoted(cell: Cell): string {
  if (cell === undefined) return ''
  const written = String(cell)
  return /[",\r\n]/.test(written) ? `"${written.replaceAll('"', '""')}"` : written
}
