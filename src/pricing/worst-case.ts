import type { CostLine, LineKind } from '../core/cost.ts'
import type { Demand } from '../core/driver.ts'
import type { Amount } from '../money/amount.ts'
import { compare, type Picos } from '../money/picos.ts'
import { compareRates, priceLines, type PricedLine } from './cost-of.ts'
import type { ModelLimits, PriceList, RangeQuestion, Rates, UnitPrice } from './price-list.ts'

/** Whose model, and between which moments it is sent. */
export interface CaseQuestion {
  /** The configured provider's name. */
  readonly provider: string
  readonly model: string
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  /** Until when it can be served: where a price changes before then, the dearer one counts. */
  readonly until: number
  /** What the provider itself says of the model; it outweighs the price data. */
  readonly contextLength?: number | undefined
  readonly maxOutputTokens?: number | undefined
}

/** The most that one attempt can cost. */
export interface KnownCase {
  readonly unknown?: undefined
  readonly amount: Amount
  readonly lines: readonly CostLine[]
  /** What is held for: bounds, not estimates. */
  readonly inputTokens: number
  readonly outputTokens: number
  readonly limits: ModelLimits
  /** The most that it costs with another output limit; the same for all of them where no limit bounds the output. */
  amountFor(outputTokens: number): Picos
}

/** Why there is no bound, and what to do about it. */
export interface UnknownCase {
  readonly unknown: string
}

export type WorstCase = KnownCase | UnknownCase

/** The least that an answer can cost. */
export type BestCase = Pick<KnownCase, 'unknown' | 'amount' | 'lines'> | UnknownCase

/**
 * The most that one attempt can be billed for: all input and all output that can be, each at the dearest price that it
 * can meet until `until`, and every call of a tool that may be made. No usage within the demand costs more.
 */
export function worstCase(demand: Demand, question: CaseQuestion, prices: PriceList): WorstCase {
  const { vendor, serviceTier } = demand
  const { provider, model, at, until } = question
  const known = prices.limits(vendor, model, provider)
  const limits: ModelLimits = {
    contextLength: question.contextLength ?? known?.contextLength,
    maxOutputTokens: question.maxOutputTokens ?? known?.maxOutputTokens,
    // What is known of the model outweighs what is known of the interface.
    outputBound: known?.outputBound ?? demand.outputBound,
  }
  const fail = (reason: string): UnknownCase => ({ unknown: `${provider}/${model}: ${reason}` })
  if (demand.unbounded !== undefined) return fail(demand.unbounded)
  const turns = turnsOf(demand)
  if (typeof turns === 'string') return fail(turns)
  const inputTokens = inputBound(demand, limits, turns)
  if (typeof inputTokens === 'string') return fail(inputTokens)
  const outputTokens = outputBound(demand, limits, turns)
  if (typeof outputTokens === 'string') return fail(outputTokens)
  const asked: RangeQuestion = { provider, vendor, model, at, until, inputTokens, serviceTier }
  const rates = prices.worst(asked)
  if (!rates) return fail(prices.explain(asked))
  const linesFor = (tokens: number): readonly PricedLine[] | Gap =>
    allLines(demand, inputTokens, tokens, rates)
  const priced = linesFor(outputTokens)
  if (!isLines(priced)) return fail(prices.explain(asked, priced.kind, priced.name))
  const amountFor = (tokens: number): Picos => {
    const lines = linesFor(limits.outputBound === 'uncapped' ? outputTokens : tokens)
    return priceLines(isLines(lines) ? lines : priced).amount.picos
  }
  return { ...priceLines(priced), inputTokens, outputTokens, limits, amountFor }
}

/**
 * The most output tokens for which the worst case is no more than `available`; 0 where only the input fits, undefined
 * where not even that does, or where no limit bounds the output.
 */
export function affordableOutputTokens(worst: KnownCase, available: Picos): number | undefined {
  const fits = (tokens: number): boolean => compare(worst.amountFor(tokens), available) <= 0
  if (!fits(0)) return undefined
  if (fits(worst.outputTokens)) return worst.outputTokens
  let [most, tooMany] = [0, worst.outputTokens]
  while (tooMany - most > 1) {
    const span = tooMany - most
    const middle = most + (span - (span % 2)) / 2
    if (fits(middle)) most = middle
    else tooMany = middle
  }
  return most
}

/**
 * The least that an answer can cost: one token of input at the cheapest price that it can meet, what a request costs by
 * itself, and no output. A token can stand for a long text, so that nothing larger is certain from the text alone.
 */
export function bestCase(demand: Demand, question: CaseQuestion, prices: PriceList): BestCase {
  const { vendor, serviceTier, inputKinds, inputTokens } = demand
  const { provider, model, at, until } = question
  const asked: RangeQuestion = { provider, vendor, model, at, until, inputTokens: 1, serviceTier }
  const rates = prices.best(asked)
  if (!rates) return { unknown: `${provider}/${model}: ${prices.explain(asked)}` }
  const kinds = new Set([...inputKinds, ...inputKinds.flatMap((kind) => CACHED_KINDS[kind] ?? [])])
  const lines: PricedLine[] = []
  const input = inputTokens === 0 ? undefined : extreme([...kinds], rates, -1)
  if (input) lines.push({ line: { kind: input.kind, quantity: 1, unit: 'token' }, price: input.price })
  lines.push(...requestLines(rates))
  return priceLines(lines)
}

/** As what a kind is billed that was read from a cache. */
const CACHED_KINDS: Readonly<Partial<Record<LineKind, LineKind>>> = {
  input: 'cache-read',
  'input-audio': 'cache-read-audio',
  'input-image': 'cache-read-image',
}

/** What has no price. */
interface Gap {
  readonly kind: LineKind
  readonly name?: string
}

function allLines(
  demand: Demand,
  inputTokens: number,
  outputTokens: number,
  rates: Rates,
): readonly PricedLine[] | Gap {
  const lines: PricedLine[] = []
  const sides = [
    { kinds: demand.inputKinds, quantity: inputTokens },
    { kinds: demand.outputKinds, quantity: outputTokens },
  ]
  for (const { kinds, quantity } of sides) {
    if (quantity === 0) continue
    const gap = kinds.find((kind) => !rates.of(kind))
    if (gap) return { kind: gap }
    const dearest = extreme(kinds, rates, 1)
    if (dearest) lines.push({ line: { kind: dearest.kind, quantity, unit: 'token' }, price: dearest.price })
  }
  for (const { name, max = 0 } of demand.toolCalls) {
    if (max === 0) continue
    const price = rates.of('tool-call', name)
    if (!price) return { kind: 'tool-call', name }
    lines.push({ line: { kind: 'tool-call', name, quantity: max, unit: 'call' }, price })
  }
  return [...lines, ...requestLines(rates)]
}

function isLines(found: readonly PricedLine[] | Gap): found is readonly PricedLine[] {
  return !('kind' in found)
}

function requestLines(rates: Rates): readonly PricedLine[] {
  const price = rates.of('request')
  return price ? [{ line: { kind: 'request', quantity: 1, unit: 'request' }, price }] : []
}

/** The dearest (1) or cheapest (-1) of some kinds; the first of equals. */
function extreme(
  kinds: readonly LineKind[],
  rates: Rates,
  sign: 1 | -1,
): { readonly kind: LineKind; readonly price: UnitPrice } | undefined {
  let found: { readonly kind: LineKind; readonly price: UnitPrice } | undefined
  for (const kind of kinds) {
    const price = rates.of(kind)
    if (price && (!found || compareRates(price, found.price) === sign)) found = { kind, price }
  }
  return found
}

/** How often the model can be asked in one attempt: once, and once more with the result of each tool of the provider. */
function turnsOf({ toolCalls }: Demand): number | string {
  let turns = 1
  for (const { name, max } of toolCalls) {
    if (max === undefined) {
      return `nothing bounds how often ${name} is called: set a limit to its calls, or leave the tool out`
    }
    turns += max
  }
  return turns
}

/**
 * The context window bounds what one request can hold; what comes back from a tool is input as well, of which nothing
 * else bounds the size. Texts to embed are many, each with a window of its own.
 */
function inputBound(
  { inputTokens, outputKinds }: Demand,
  { contextLength }: ModelLimits,
  turns: number,
): number | string {
  if (inputTokens !== undefined && outputKinds.length === 0) return inputTokens
  const known = turns === 1 ? inputTokens : undefined
  if (contextLength === undefined) {
    if (known !== undefined) return known
    const what =
      turns === 1 ? 'the size in tokens of a picture, sound or file is' : 'how much tools give back is'
    return `${what} not known, and neither is the context window: say \`contextLength\` with its price under \`prices\``
  }
  const most = contextLength * turns
  return known === undefined || most < known ? most : known
}

function outputBound(
  { outputTokens, outputKinds }: Demand,
  { outputBound: bound, contextLength, maxOutputTokens }: ModelLimits,
  turns: number,
): number | string {
  if (outputKinds.length === 0) return 0
  if (bound === 'capped')
    return outputTokens ?? maxOutputTokens ?? 'nothing bounds the answer: set `maxOutputTokens`'
  const window = contextLength ?? maxOutputTokens
  if (window !== undefined) return window * turns
  return (
    'no limit bounds what the model thinks, and its context window is not known: say `contextLength` with its price ' +
    'under `prices`, or `outputBound: "capped"` to accept the risk'
  )
}
