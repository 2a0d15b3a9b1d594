import type { Dimension, LedgerFilter, LedgerTotal } from '../../index.ts'
import { DIMENSIONS } from '../../ledger/ledger.ts'
import { nearest } from '../../core/nearest.ts'
import { EXIT, UsageError } from '../failure.ts'
import { countText, tableLines, totalCostText } from '../format.ts'
import { withSession, type GlobalOptions } from '../session.ts'
import type { Screen } from '../terminal.ts'
import { parseTime } from '../times.ts'

export interface UsageOptions extends GlobalOptions {
  readonly by: readonly string[]
  readonly since?: string
  readonly until?: string
  readonly user?: string
  readonly project?: string
  readonly organization?: string
  readonly key?: string
}

/** `groat usage`: what the ledger sums up to. */
export async function usage(screen: Screen, options: UsageOptions): Promise<number> {
  const by = options.by.map(toDimension)
  const { provider, model, user, project, organization, key } = options
  const nowMs = screen.terminal.runtime.clock.now()
  const filter: LedgerFilter = {
    provider,
    model,
    user,
    project,
    organization,
    key,
    from: options.since === undefined ? undefined : parseTime(options.since, '--since', nowMs),
    to: options.until === undefined ? undefined : parseTime(options.until, '--until', nowMs),
  }
  // Providers that are no longer configured are in the books all the same: here their names only choose.
  const { provider: _provider, model: _model, ...others } = options
  return withSession(screen, others, async ({ ai }) => {
    const totals = await ai.ledger.totals({ ...filter, by })
    const [sum] = by.length === 0 ? totals : await ai.ledger.totals(filter)
    if (screen.json) await screen.value({ by, totals, sum })
    else if (sum === undefined || sum.attempts === 0) await screen.line('nothing booked yet')
    else await show(screen, by, totals, sum)
    return EXIT.ok
  })
}

function toDimension(text: string): Dimension {
  const found = DIMENSIONS.find((dimension) => dimension === text)
  if (found !== undefined) return found
  const near = nearest(text, DIMENSIONS)
  const advice = near === undefined ? `there are ${DIMENSIONS.join(', ')}` : `did you mean ${near}?`
  throw new UsageError(`--by has no column ${JSON.stringify(text)}\n(${advice})`)
}

async function show(
  screen: Screen,
  by: readonly Dimension[],
  totals: readonly LedgerTotal[],
  sum: LedgerTotal,
): Promise<void> {
  const columns = [
    ...by.map((dimension) => ({ head: dimension.toUpperCase() })),
    ...['CALLS', 'TOKENS IN', 'TOKENS OUT', 'COST', 'FREE', 'UNKNOWN'].map((head) => ({ head, right: true })),
  ]
  const rowOf = (total: LedgerTotal, names: readonly string[]): string[] => [
    ...names,
    countText(total.calls),
    countText(total.inputTokens),
    countText(total.outputTokens),
    totalCostText(total),
    countText(total.freeAttempts),
    countText(total.unknownAttempts),
  ]
  const rows = totals.map((total) =>
    rowOf(
      total,
      by.map((dimension) => total.group[dimension] ?? '-'),
    ),
  )
  const all = rowOf(
    sum,
    by.map((_, index) => (index === 0 ? 'total' : '')),
  )
  const [head = '', ...lines] = tableLines(columns, [...rows, all])
  const last = lines.pop() ?? ''
  await screen.line(screen.style.bold(head))
  for (const line of lines) await screen.line(line)
  if (by.length > 0 || lines.length === 0) await screen.line(screen.style.bold(last))
  if (sum.unknownAttempts > 0) {
    screen.note(
      `${countText(sum.unknownAttempts)} of ${countText(sum.attempts)} have an unknown cost (?), which is in no sum`,
    )
  }
}
