import { INPUT_KINDS, OUTPUT_KINDS, type LineKind } from '../core/cost.ts'
import { AIError } from '../core/errors.ts'
import { MoneyError, parseDecimal } from '../money/decimal.ts'
import { PICOS_PER_DOLLAR, type Picos } from '../money/picos.ts'
import { compareRates, isDecimal, scaled } from './cost-of.ts'
import {
  CALLS_PER_PRICE,
  decodeRow,
  parseFactor,
  TOKENS_PER_PRICE,
  type Factor,
  type PricedModel,
  type Tier,
} from './decode.ts'
import type { UnitPrice } from './price-list.ts'
import {
  STANDARD_TIERS,
  TEXT_OF,
  UNDECIDED_TIER,
  type PriceData,
  type PricePeriod,
  type PriceRow,
  type ServicePrice,
  type TokenPrices,
} from './price-rows.ts'

/** Dearest price that is believed, in dollars per million tokens: above it a comma is misplaced. */
const PER_MILLION_MAX = 2_000n * PICOS_PER_DOLLAR
/** Cheapest that is believed: below it, it is the price of one token. */
const PER_MILLION_MIN = PICOS_PER_DOLLAR / 1_000n
/** Dearest fee that is believed, in dollars per thousand calls. */
const PER_THOUSAND_MAX = 10_000n * PICOS_PER_DOLLAR
/** Dearest request that is believed, in dollars. */
const PER_REQUEST_MAX = 100n * PICOS_PER_DOLLAR
/** How many times a price can be that of the text that goes in: the dearest known are 133 times, for spoken answers. */
const TIMES_INPUT_MAX = 200n
/** How many times the price of input can be that of an answer: no model that writes is known to write for less than it reads. */
const TIMES_OUTPUT_MAX = 10n
/** How many times the price of input writing to a cache can be: known are 1.25 and 2. */
const TIMES_WRITE_MAX = 4n
/** How far a tier of service can be from the standard, in times. */
const TIMES_SERVICE_MAX = 10n
/** Most of anything in one row. */
const PARTS_MAX = 200
const NAME_CHARS_MAX = 200
const TOKENS_MAX = 1_000_000_000

const KINDS: ReadonlySet<string> = new Set<LineKind>([...INPUT_KINDS, ...OUTPUT_KINDS])

/** What is read from a cache, and what it was when it was written there. */
const CACHED: readonly (readonly [cached: LineKind, fresh: LineKind])[] = [
  ['cache-read', 'input'],
  ['cache-read-audio', 'input-audio'],
  ['cache-read-image', 'input-image'],
]

const CHEAPER_TIERS: ReadonlySet<string> = new Set(['flex', 'batch'])
const DEARER_TIERS: ReadonlySet<string> = new Set(['priority', 'fast', 'ultrafast'])
const DAY = /^\d{4}-\d{2}-\d{2}$/

/**
 * Checks a row and makes exact numbers of it.
 *
 * @throws AIError `config_invalid` naming the row and what is wrong with it: `details.row` and `details.reason`
 */
export function checkRow(row: PriceRow, where: string): PricedModel {
  const refuse: Refuse = (reason) => {
    throw refused(where, reason)
  }
  checkShape(row, refuse)
  checkNames(row, refuse)
  checkLimits(row, refuse)
  if (row.prices.length > PARTS_MAX) refuse(`has more than ${PARTS_MAX} prices`)
  for (const period of row.prices) checkTexts(period, refuse)
  const model = decodeRow(row)
  for (const { tiers, services } of model.periods) {
    for (const tier of tiers) checkTier(tier, refuse)
    for (const [name, factor] of services) checkService(name, factor, tiers, refuse)
  }
  checkOrder(model, refuse)
  return model
}

/** Checks published prices as a whole. @throws AIError `config_invalid` naming the first row at fault */
export function checkData({
  vendors,
  sources,
}: PriceData): ReadonlyMap<string, ReadonlyMap<string, PricedModel>> {
  const checked = new Map<string, Map<string, PricedModel>>()
  for (const [vendor, rows] of Object.entries(vendors)) {
    const names = new Set<string>()
    const models = new Map<string, PricedModel>()
    for (const row of rows) {
      const where = `${vendor}/${row.id}`
      models.set(row.id, checkRow(row, where))
      for (const name of [row.id, ...(row.names ?? [])]) {
        if (names.has(name)) throw refused(where, `has the name ${name}, which another row has too`)
        names.add(name)
      }
      if (!row.sources?.length || row.sources.some((place) => sources[place] === undefined))
        throw refused(where, 'does not say where it is from')
    }
    checked.set(vendor, models)
  }
  return checked
}

type Refuse = (reason: string) => never

/** Whether the parts of a row from outside are lists and objects where they must be. */
function checkShape({ prices, names = [], asText = [] }: PriceRow, refuse: Refuse): void {
  const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null
  if (!Array.isArray(names) || !Array.isArray(asText)) refuse('has names or kinds that are no list')
  if (!Array.isArray(prices) || prices.length === 0) refuse('has no prices')
  for (const period of prices) {
    if (!isObject(period) || !isObject(period.tokens)) refuse('has prices without tokens')
    const { tiers = [], calls = {}, services = {} } = period
    if (!Array.isArray(tiers) || !tiers.every((tier) => isObject(tier) && isObject(tier.tokens)))
      refuse('has tiers without tokens')
    if (!isObject(calls) || !isObject(services)) refuse('has calls or services that are no object')
    if (!Object.values(services).every((one) => typeof one === 'string' || isObject(one)))
      refuse('has a tier of service that is no fraction')
  }
}

function checkNames({ id, names = [], asText = [], prices }: PriceRow, refuse: Refuse): void {
  if (names.length > PARTS_MAX) refuse(`has more than ${PARTS_MAX} names`)
  for (const name of [id, ...names]) {
    if (typeof name !== 'string' || name === '' || name.length > NAME_CHARS_MAX)
      refuse(`has a name that is not a text of 1 to ${NAME_CHARS_MAX} characters`)
  }
  for (const kind of asText) {
    if (!Object.hasOwn(TEXT_OF, kind)) refuse(`says that ${kind} is billed as text`)
    if (prices.some(({ tokens }) => tokens[kind] !== undefined))
      refuse(`has a price for ${kind} and says that it is billed as text`)
  }
}

function checkLimits({ context, maxOutput, outputBound }: PriceRow, refuse: Refuse): void {
  for (const [name, value] of Object.entries({ context, maxOutput })) {
    if (value !== undefined && !isCount(value)) refuse(`${name} is not a whole number of 1 to ${TOKENS_MAX}`)
  }
  if (context !== undefined && maxOutput !== undefined && maxOutput > context)
    refuse(`can write ${maxOutput} tokens and holds only ${context}`)
  if (outputBound !== undefined && !['capped', 'uncapped'].includes(outputBound))
    refuse("outputBound is 'capped' or 'uncapped'")
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= TOKENS_MAX
}

function checkTexts(
  { from, tokens, tiers = [], calls = {}, request, services = {} }: PricePeriod,
  refuse: Refuse,
): void {
  if (from !== undefined && !(DAY.test(from) && isDay(from)))
    refuse(`${from} is not a day such as 2026-08-21`)
  if (tiers.length > PARTS_MAX) refuse(`has more than ${PARTS_MAX} tiers`)
  for (const { above, tokens: own } of tiers) {
    if (!isCount(above)) refuse('has a tier that begins above no whole number of tokens')
    checkTokens(own, refuse)
  }
  checkTokens(tokens, refuse)
  for (const [name, text] of Object.entries(calls)) {
    const price = readPrice(text, `calls of ${name}`, refuse)
    if (price > PER_THOUSAND_MAX) refuse(`${name}: ${text} is above 10000 dollars per thousand calls`)
    if (price % CALLS_PER_PRICE !== 0n)
      refuse(`${name}: ${text} is finer than nine decimals per thousand calls`)
  }
  if (request !== undefined && readPrice(request, 'request', refuse) > PER_REQUEST_MAX)
    refuse(`${request} is above 100 dollars per request`)
  for (const [name, service] of Object.entries(services)) {
    const { factor, inputMax }: ServicePrice = typeof service === 'string' ? { factor: service } : service
    if (inputMax !== undefined && !isCount(inputMax))
      refuse(`service tier ${name} has a limit that is no number`)
    try {
      parseFactor(factor)
    } catch (error) {
      refuse(`service tier ${name}: ${error instanceof Error ? error.message : 'no fraction'}`)
    }
  }
}

function isDay(text: string): boolean {
  const time = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

function checkTokens(tokens: TokenPrices, refuse: Refuse): void {
  const entries = Object.entries(tokens)
  if (tokens.input === undefined) refuse('has no price for input')
  for (const [kind, text] of entries) {
    if (!KINDS.has(kind)) refuse(`has a price for ${kind}, which there is not`)
    const price = readPrice(text, kind, refuse)
    if (price > PER_MILLION_MAX)
      refuse(`${kind}: ${text} is not between 0 and 2000 dollars per million tokens`)
    if (price % TOKENS_PER_PRICE !== 0n)
      refuse(
        `${kind}: ${text} is finer than six decimals per million tokens; is it a number that was calculated?`,
      )
    if (price > 0n && price < PER_MILLION_MIN)
      refuse(`${kind}: ${text} dollars per million tokens is less than 0.001; is it the price of one token?`)
  }
}

function readPrice(text: string, what: string, refuse: Refuse): Picos {
  let price: Picos
  try {
    price = parseDecimal(text)
  } catch (cause) {
    if (!(cause instanceof MoneyError)) throw cause
    return refuse(`${what}: ${cause.message}`)
  }
  if (price < 0n) refuse(`${what}: ${text} is not between 0 and 2000 dollars`)
  return price
}

function checkOrder({ periods }: PricedModel, refuse: Refuse): void {
  periods.forEach(({ from, tiers }, index) => {
    const before = periods[index - 1]
    if (before ? from <= before.from : from !== Number.NEGATIVE_INFINITY)
      refuse('has prices that are not in the order of their days, the first without one')
    tiers.forEach((tier, place) => {
      const below = tiers[place - 1]
      if (below) checkAbove(tier, below, refuse)
    })
  })
}

/** A longer request was never cheaper by the token: where it is, two columns were swapped. */
function checkAbove(tier: Tier, below: Tier, refuse: Refuse): void {
  if (tier.above <= below.above) refuse('has tiers that are not in the order of their lengths')
  for (const [kind, price] of Object.entries(tier.tokens)) {
    const cheaper = below.tokens[kind as LineKind]
    if (cheaper && compareRates(price, cheaper) < 0)
      refuse(`${kind} is cheaper above ${tier.above} tokens than below`)
  }
}

function checkTier({ tokens }: Tier, refuse: Refuse): void {
  for (const [cached, fresh] of CACHED) {
    const [read, full] = [tokens[cached], tokens[fresh]]
    if (read && full && compareRates(read, full) > 0) refuse(`${cached} is dearer than ${fresh}`)
  }
  const { input, output, 'cache-write': write } = tokens
  if (!input) return
  // A price of nothing is that of a model that writes nothing.
  if (output && output.picos > 0n && compareRates(times(output, TIMES_OUTPUT_MAX), input) < 0)
    refuse('output is less than a tenth of input')
  if (write && compareRates(write, input) < 0) refuse('cache-write is cheaper than input')
  if (write && compareRates(write, times(input, TIMES_WRITE_MAX)) > 0)
    refuse(`cache-write is more than ${TIMES_WRITE_MAX} times input`)
  const most = times(input, TIMES_INPUT_MAX)
  for (const [kind, price] of Object.entries(tokens)) {
    if (input.picos > 0n && compareRates(price, most) > 0)
      refuse(`${kind} is more than ${TIMES_INPUT_MAX} times input`)
  }
}

function checkService(name: string, factor: Factor, tiers: readonly Tier[], refuse: Refuse): void {
  if (STANDARD_TIERS.has(name) || name === UNDECIDED_TIER)
    refuse(`service tier ${name} is what the prices are for without it`)
  const { numerator, denominator } = factor
  if (
    numerator === 0n ||
    numerator > denominator * TIMES_SERVICE_MAX ||
    denominator > numerator * TIMES_SERVICE_MAX
  )
    refuse(`service tier ${name} is more than ${TIMES_SERVICE_MAX} times away from the standard`)
  if (CHEAPER_TIERS.has(name) && numerator >= denominator)
    refuse(`service tier ${name} is not cheaper than the standard`)
  if (DEARER_TIERS.has(name) && numerator <= denominator)
    refuse(`service tier ${name} is not dearer than the standard`)
  for (const { tokens } of tiers) {
    for (const [kind, price] of Object.entries(tokens)) {
      if (!isDecimal(scaled(price, factor))) refuse(`service tier ${name}: ${kind} is no finite decimal`)
    }
  }
}

function times(price: UnitPrice, count: bigint): UnitPrice {
  return scaled(price, { numerator: count, denominator: 1n })
}

/** The error for a row that is not believed. */
export function refused(where: string, reason: string): AIError {
  return new AIError({
    code: 'config_invalid',
    message: `Price of ${where}: ${reason}`,
    details: { row: where, reason },
  })
}
