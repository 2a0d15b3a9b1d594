import { AIError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import type { Dimension, Ledger, LedgerFilter, LedgerTotal } from './ledger.ts'

export const STEPS = ['hour', 'day', 'month'] as const

/** The length of one step of a series; steps are those of UTC. */
export type Step = (typeof STEPS)[number]

export interface SeriesQuery extends LedgerFilter {
  readonly step: Step
  /** What each step is split by. @default nothing */
  readonly by?: readonly Exclude<Dimension, Step>[]
}

/** Sums of one step. Steps in which nothing happened are left out. */
export interface SeriesPoint extends LedgerTotal {
  /** The step: `YYYY-MM-DDTHH`, `YYYY-MM-DD` or `YYYY-MM`. */
  readonly at: string
}

/** Sums over time, in the order of time. @throws AIError `request_invalid` */
export async function seriesOf(
  ledger: Pick<Ledger, 'totals'>,
  query: SeriesQuery,
): Promise<readonly SeriesPoint[]> {
  const { step, by = [], ...filter } = checkSeries(query)
  const totals = await ledger.totals({ ...filter, by: [step, ...by] })
  return totals.map((total) => {
    const { [step]: at = '', ...group } = total.group
    return { ...total, at, group }
  })
}

function checkSeries(query: SeriesQuery): SeriesQuery {
  if (typeof query !== 'object' || query === null) throw invalid("A series is asked for with { step: 'day' }")
  const { step, by = [] } = query
  if (!STEPS.includes(step)) {
    // Programs without types write what they like.
    const written: unknown = step
    const word = String(written).slice(0, 40)
    const near = nearest(word, STEPS)
    const hint = near === undefined ? `use one of ${STEPS.join(', ')}` : `did you mean '${near}'?`
    throw invalid(`Unknown step of a series '${word}': ${hint}`)
  }
  if (!Array.isArray(by)) throw invalid("A series is split 'by' a list, such as ['model']")
  if ((by as readonly unknown[]).some((name) => STEPS.some((one) => one === name))) {
    throw invalid("A series has one step: name it with 'step', and not with 'by' as well")
  }
  return query
}

function invalid(message: string): AIError {
  return new AIError({ code: 'request_invalid', message })
}
