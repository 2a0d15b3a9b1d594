import type { Dimension, LedgerTotal } from '../../index.ts'
import { formatUsd } from '../../index.ts'
import { DIMENSIONS } from '../../ledger/ledger.ts'
import { nearest } from '../../core/nearest.ts'
import { EXIT, UsageError } from '../failure.ts'
import { filterOf, type FilterFlags } from '../filter.ts'
import { countText, showTable, totalCostText } from '../format.ts'
import { withSession } from '../session.ts'
import type { Screen } from '../terminal.ts'

export interface UsageOptions extends FilterFlags {
  readonly by: readonly string[]
}

/** `groat usage`: what the ledger sums up to. */
export async function usage(screen: Screen, options: UsageOptions): Promise<number> {
  const by = options.by.map(toDimension)
  const filter = filterOf(screen, options)
  // Providers that are no longer configured are in the books all the same: here their names only choose.
  const { provider: _provider, model: _model, ...others } = options
  return withSession(screen, others, async ({ ai }) => {
    const totals = await ai.ledger.totals({ ...filter, by })
    const [sum] = await ai.ledger.totals(filter)
    if (screen.json) await screen.value({ by, totals, sum })
    else if (sum === undefined || totals.length === 0) await screen.line('nothing booked yet')
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

/** What is said of each group; left out where it is nothing in all of them. */
interface Told {
  readonly head: string
  readonly text: (total: LedgerTotal) => string
  readonly isNothing?: (sum: LedgerTotal) => boolean
}

const TOLD: readonly Told[] = [
  { head: 'CALLS', text: ({ calls }) => countText(calls) },
  { head: 'INPUT', text: ({ inputTokens }) => countText(inputTokens) },
  { head: 'OUTPUT', text: ({ outputTokens }) => countText(outputTokens) },
  { head: 'COST', text: totalCostText },
  {
    head: 'FREE',
    text: ({ freeAttempts }) => countText(freeAttempts),
    isNothing: ({ freeAttempts }) => freeAttempts === 0,
  },
  {
    head: 'SAVED',
    text: ({ savings }) => formatUsd(savings),
    isNothing: ({ savings }) => savings.picos === 0n,
  },
  {
    head: 'BOUNDED',
    text: ({ boundedAttempts }) => countText(boundedAttempts),
    isNothing: ({ boundedAttempts }) => boundedAttempts === 0,
  },
  {
    head: 'UNKNOWN',
    text: ({ unknownAttempts }) => countText(unknownAttempts),
    isNothing: ({ unknownAttempts }) => unknownAttempts === 0,
  },
]

async function show(
  screen: Screen,
  by: readonly Dimension[],
  totals: readonly LedgerTotal[],
  sum: LedgerTotal,
): Promise<void> {
  const told = TOLD.filter(({ isNothing }) => isNothing?.(sum) !== true)
  const columns = [
    ...by.map((dimension) => ({ head: dimension.toUpperCase() })),
    ...told.map(({ head }) => ({ head, right: true })),
  ]
  const rowOf = (total: LedgerTotal, names: readonly string[]): string[] => [
    ...names,
    ...told.map(({ text }) => text(total)),
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
  const { bold } = screen.style
  await showTable(screen, columns, [...rows, all], (line, index) =>
    index === rows.length ? bold(line) : line,
  )
  for (const remark of remarksOn(by, sum)) screen.note(remark)
}

/** What a reader of the sums must know. */
function remarksOn(by: readonly Dimension[], sum: LedgerTotal): string[] {
  const { attempts, boundedAttempts, unknownAttempts } = sum
  const of = countText(attempts)
  return [
    ...(unknownAttempts > 0
      ? [`${countText(unknownAttempts)} of ${of} have an unknown cost (?), which is in no sum`]
      : []),
    ...(boundedAttempts > 0
      ? [`${countText(boundedAttempts)} of ${of} cost at most what is in the sum (BOUNDED)`]
      : []),
    ...(by.includes('tag') ? ['an attempt counts for each of its tags, and once in the total'] : []),
  ]
}
