import type { Bill } from '../core/driver.ts'
import type { Usage } from '../core/usage.ts'
import type { Amount } from '../money/amount.ts'
import { ownCost } from './cost-of.ts'
import type { PriceList } from './price-list.ts'

/** What is compared with: `vendor/model`, such as `openai/gpt-6-luna`, at a moment. */
export interface Baseline {
  readonly baseline: string
  /** Milliseconds since the Unix epoch. */
  readonly at: number
}

/** What a free attempt would have cost with a paid model; undefined where that is not known. */
export function savingsOf(
  bill: Pick<Bill, 'lines'>,
  usage: Usage,
  { baseline, at }: Baseline,
  prices: PriceList,
): { readonly baseline: string; readonly amount: Amount } | undefined {
  const [vendor = '', ...rest] = baseline.split('/')
  const paid: Bill = { locality: 'remote', vendor, model: rest.join('/'), lines: bill.lines }
  const own = ownCost(paid, usage, { provider: vendor, at }, prices)
  return typeof own === 'string' ? undefined : { baseline, amount: own.amount }
}
