import { INPUT_KINDS, type Cost, type CostLine, type LineKind, type UsageLine } from '../core/cost.ts'
import type { Bill } from '../core/driver.ts'
import type { Usage } from '../core/usage.ts'
import { Amount, ZERO_AMOUNT } from '../money/amount.ts'
import { DECIMAL_PLACES, formatDecimal } from '../money/decimal.ts'
import { picos, subtract, sum, ZERO } from '../money/picos.ts'
import { divideRoundingUp } from '../money/rounding.ts'
import { reduced, type Factor } from './decode.ts'
import type { PriceList, PriceQuestion, UnitPrice } from './price-list.ts'

/** What one attempt is billed as, at which price. */
export interface PricedLine {
  readonly line: UsageLine
  readonly price: UnitPrice
}

/** A tick is 1e-10 dollars. */
const PICOS_PER_TICK = 100n

/**
 * What one attempt cost: the only place in groat where a quantity meets a price.
 * Free only where the model is proven or declared local; what the provider says it charged, where it says so; unknown
 * where usage or price is not known, with the reason.
 */
export function costOf(
  bill: Bill,
  usage: Usage,
  { provider, at }: Pick<PriceQuestion, 'provider' | 'at'>,
  prices: PriceList,
): Cost {
  if (bill.locality === 'local' || bill.locality === 'declared') {
    return { status: 'free', amount: ZERO_AMOUNT, source: bill.locality, lines: bill.lines.map(freeLine) }
  }
  const own = ownCost(bill, usage, { provider, at }, prices)
  const reported = reportedAmount(bill)
  if (reported === undefined) {
    if (typeof own === 'string') return unknown(own)
    return {
      status: 'exact',
      amount: own.amount,
      source: 'price-list',
      lines: own.lines,
      priceList: prices.id,
    }
  }
  const told = {
    status: 'exact',
    amount: reported,
    source: 'provider',
    priceList: prices.id,
    reported,
  } as const
  return typeof own === 'string'
    ? { ...told, lines: [] }
    : { ...told, lines: own.lines, computed: own.amount }
}

/** The lines and their exact sum by the price list, or why there is none. */
export function ownCost(
  bill: Bill,
  usage: Usage,
  { provider, at }: Pick<PriceQuestion, 'provider' | 'at'>,
  prices: PriceList,
): { readonly lines: readonly CostLine[]; readonly amount: Amount } | string {
  const { inputTokens, outputTokens } = usage
  if (inputTokens === undefined || outputTokens === undefined) {
    return `${provider} did not tell how many tokens were used`
  }
  const wrong = bill.lines.find(({ quantity }) => !Number.isSafeInteger(quantity) || quantity < 0)
  if (wrong) return `${provider} told of a number of ${wrong.kind} that cannot be: ${wrong.quantity}`
  if (inputCount(bill.lines) > inputTokens)
    return `${provider} told of more input tokens in parts than as a whole`
  const { vendor, model, serviceTier } = bill
  const question = { provider, vendor, model, at, inputTokens, serviceTier }
  const rates = prices.find(question)
  if (!rates) return `${provider}/${model} ${whereOf(bill)} and ${prices.explain(question)}`
  const priced: PricedLine[] = []
  for (const line of bill.lines) {
    const price = rates.of(line.kind, line.name)
    if (price) priced.push({ line, price })
    // Nothing of something without a price costs nothing.
    else if (line.quantity > 0)
      return `${provider}/${model}: ${prices.explain(question, line.kind, line.name)}`
  }
  const request = rates.of('request')
  if (request) priced.push({ line: { kind: 'request', quantity: 1, unit: 'request' }, price: request })
  return priceLines(priced)
}

/**
 * Multiplies and adds: the one sum of exact fractions, rounded up once, to a whole pico. Each line shows what it adds to
 * the sum before it, so that the lines add up to the amount.
 */
export function priceLines(priced: readonly PricedLine[]): { lines: readonly CostLine[]; amount: Amount } {
  let exact = 0n
  let per = 1n
  let before = ZERO
  const lines = priced.map(({ line, price }) => {
    if (price.per !== per) {
      const common = reduced(exact, per)
      exact = common.picos * price.per
      per = common.per * price.per
      exact += BigInt(line.quantity) * price.picos * common.per
    } else {
      exact += BigInt(line.quantity) * price.picos
    }
    const after = picos(divideRoundingUp(exact, per))
    const amount = new Amount(subtract(after, before))
    before = after
    return { ...line, unitPrice: unitPriceText(price), amount }
  })
  return { lines, amount: new Amount(before) }
}

/** A price at a tier of service. */
export function scaled(price: UnitPrice, { numerator, denominator }: Factor): UnitPrice {
  if (numerator === denominator) return price
  return reduced(price.picos * numerator, price.per * denominator)
}

/** Negative, zero or positive as the first is less than, equal to or greater than the second. */
export function compareRates(a: UnitPrice, b: UnitPrice): -1 | 0 | 1 {
  const [left, right] = [a.picos * b.per, b.picos * a.per]
  return left === right ? 0 : left < right ? -1 : 1
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
  const amount = total(costs, (cost) => cost.amount)
  const bounded = costs.find((cost) => cost.status === 'bounded')
  if (bounded) return { status: 'bounded', amount, lines, reason: bounded.reason }
  const exact = costs.filter((cost) => cost.status === 'exact')
  const told = exact.some(({ source }) => source === 'provider')
  const billed = exact.find(({ source }) => source === 'provider') ?? exact.find(isBilled) ?? exact[0]
  if (!billed) return { ...(first as Extract<Cost, { status: 'free' }>), amount, lines }
  const { status, source, priceList } = billed
  if (!told) return { status, amount, source, lines, priceList }
  const known = exact.every((cost) => cost.source !== 'provider' || cost.computed !== undefined)
  const computed = known && {
    computed: total(costs, (cost) => ('computed' in cost ? cost.computed : cost.amount)),
  }
  return { status, amount, source, lines, priceList, reported: amount, ...computed }
}

function isBilled({ source }: Extract<Cost, { status: 'exact' }>): boolean {
  return source !== 'refused'
}

function total(costs: readonly Cost[], amountOf: (cost: Cost) => Amount | undefined): Amount {
  return new Amount(sum(costs.map((cost) => amountOf(cost)?.picos ?? ZERO)))
}

/** What the provider says it charged; nothing is what it says where it does not say. */
function reportedAmount({ reported }: Bill): Amount | undefined {
  if (!reported || !Number.isSafeInteger(reported.quantity) || reported.quantity <= 0) return undefined
  return new Amount(BigInt(reported.quantity) * PICOS_PER_TICK)
}

const INPUT: ReadonlySet<LineKind> = new Set(INPUT_KINDS)

function inputCount(lines: readonly UsageLine[]): number {
  let count = 0
  for (const { kind, quantity } of lines) if (INPUT.has(kind)) count += quantity
  return count
}

/** Dollars per unit, exactly: as many decimals as it takes, and a fraction where no number of them does. */
export function unitPriceText(price: UnitPrice): string {
  const decimal = decimalOf(price)
  if (!decimal) return `${formatDecimal(price.picos)}/${price.per}`
  const text = decimal.digits.toString().padStart(decimal.places + 1, '0')
  const fraction = text.slice(-decimal.places).replace(/0+$/, '')
  return `${text.slice(0, -decimal.places)}${fraction === '' ? '' : `.${fraction}`}`
}

/** Whether a price can be written as a decimal; the others are refused when they are read. */
export function isDecimal(price: UnitPrice): boolean {
  return decimalOf(price) !== undefined
}

function decimalOf({ picos: value, per }: UnitPrice): { digits: bigint; places: number } | undefined {
  let digits: bigint = value
  for (let places = DECIMAL_PLACES; places <= PRICE_PLACES_MAX; places++) {
    if (digits % per === 0n) return { digits: digits / per, places }
    digits *= 10n
  }
  return undefined
}

/** Most decimals of a price: one of a pico, as a tier of a millionth, has 18. */
const PRICE_PLACES_MAX = 30

function freeLine(line: UsageLine): CostLine {
  return { ...line, unitPrice: '0', amount: ZERO_AMOUNT }
}

function unknown(reason: string): Cost {
  return { status: 'unknown', amount: undefined, reason, lines: [] }
}

function whereOf({ locality }: Bill): string {
  return locality === 'remote' ? 'runs in the cloud' : 'was not proven to be local'
}
