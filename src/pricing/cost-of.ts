import type { Cost, CostLine, UsageLine } from '../core/cost.ts'
import type { Bill } from '../core/driver.ts'
import type { Usage } from '../core/usage.ts'
import { Amount, ZERO_AMOUNT } from '../money/amount.ts'
import { formatDecimal } from '../money/decimal.ts'
import { add, picos, sum, ZERO, type Picos } from '../money/picos.ts'
import type { PriceList } from './price-list.ts'

/**
 * What one attempt cost: the only place in groat where a quantity meets a price.
 * Free only where the model is proven or declared local; unknown where usage or price is not known, with the reason.
 */
export function costOf(bill: Bill, usage: Usage, provider: string, prices: PriceList): Cost {
  if (bill.locality === 'local' || bill.locality === 'declared') {
    return { status: 'free', amount: ZERO_AMOUNT, source: bill.locality, lines: bill.lines.map(freeLine) }
  }
  if (usage.inputTokens === undefined || usage.outputTokens === undefined) {
    return unknown(`${provider} did not tell how many tokens were used`)
  }
  const unitPrices = prices.find(provider, bill.model)
  if (!unitPrices) return unknown(reasonWithoutPrice(bill, provider))
  const lines: CostLine[] = []
  let total = ZERO
  for (const line of bill.lines) {
    const unitPrice = unitPrices[line.kind]
    if (unitPrice === undefined) return unknown(`${provider}/${bill.model} has no price for ${line.kind}`)
    const priced = priceLine(line, unitPrice)
    lines.push(priced)
    total = add(total, priced.amount.picos)
  }
  return { status: 'exact', amount: new Amount(total), source: 'price-list', lines, priceList: prices.id }
}

/** The cost of an attempt that the provider refused before doing any work: nothing, exactly. */
export function costOfRefusal(bill: Bill, prices: PriceList): Cost {
  if (bill.locality === 'local' || bill.locality === 'declared') {
    return { status: 'free', amount: ZERO_AMOUNT, source: bill.locality, lines: [] }
  }
  return { status: 'exact', amount: ZERO_AMOUNT, source: 'refused', lines: [], priceList: prices.id }
}

/** The cost of a call is the sum of its attempts: as uncertain as the least certain of them. */
export function addCosts(costs: readonly Cost[]): Cost {
  const [first, ...rest] = costs
  if (first === undefined) return unknown('nothing was sent')
  if (rest.length === 0) return first
  const lines = costs.flatMap((cost) => cost.lines)
  const open = costs.find((cost) => cost.status === 'unknown')
  if (open) return { ...open, lines }
  const amount = new Amount(sum(costs.map((cost) => cost.amount?.picos ?? ZERO)))
  const bounded = costs.find((cost) => cost.status === 'bounded')
  if (bounded) return { status: 'bounded', amount, lines, reason: bounded.reason }
  const exact = costs.filter((cost) => cost.status === 'exact')
  const billed = exact.find((cost) => cost.source !== 'refused') ?? exact[0]
  if (billed) return { ...billed, amount, lines }
  return { ...(first as Extract<Cost, { status: 'free' }>), amount, lines }
}

function priceLine(line: UsageLine, unitPrice: Picos): CostLine {
  const amount = new Amount(picos(BigInt(line.quantity) * unitPrice))
  return { ...line, unitPrice: formatDecimal(unitPrice), amount }
}

function freeLine(line: UsageLine): CostLine {
  return { ...line, unitPrice: '0', amount: ZERO_AMOUNT }
}

function unknown(reason: string): Cost {
  return { status: 'unknown', amount: undefined, reason, lines: [] }
}

function reasonWithoutPrice(bill: Bill, provider: string): string {
  if (bill.locality === 'remote')
    return `${provider}/${bill.model} runs in the cloud and no price for it is known`
  return `${provider}/${bill.model} was not proven to be local and no price for it is known`
}
