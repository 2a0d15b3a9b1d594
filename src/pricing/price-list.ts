import type { LineKind } from '../core/cost.ts'
import { AIError } from '../core/errors.ts'
import { MoneyError, parseDecimal } from '../money/decimal.ts'
import { PICOS_PER_DOLLAR, type Picos } from '../money/picos.ts'

/** Prices of one model, in dollars per million tokens, as decimal strings. */
export interface ModelPrice {
  /** The configured provider's name. */
  readonly provider: string
  /** The model's exact id; there is no matching by prefix. */
  readonly model: string
  readonly perMillionTokens: {
    readonly input: string
    readonly output: string
    /** @default the price of input */
    readonly cacheRead?: string
    /** @default the price of input */
    readonly cacheWrite?: string
  }
}

/** Picos for one unit of each line of one model. */
export type UnitPrices = Readonly<Partial<Record<LineKind, Picos>>>

/** A named, unchanging set of prices. */
export interface PriceList {
  /** Content hash: the same prices have the same id everywhere. */
  readonly id: string
  find(provider: string, model: string): UnitPrices | undefined
}

/** Dearest price that is believed, in dollars per million tokens: above it a comma is misplaced. */
const PER_MILLION_MAX = 2_000n * PICOS_PER_DOLLAR
const MILLION = 1_000_000n
/** Most rows in one price list. */
export const PRICE_ROWS_MAX = 100_000

/**
 * Builds a price list of a user's own prices. Every number is a decimal string per million tokens and becomes an
 * exact number of picos per token.
 *
 * @throws AIError `config_invalid` naming the row: twice the same model, a price that is negative, above $2,000 per
 * million, or finer than a pico per token.
 */
export async function createPriceList(
  rows: readonly ModelPrice[],
  sha256: (text: string) => Promise<string>,
): Promise<PriceList> {
  if (rows.length > PRICE_ROWS_MAX) throw invalid(`A price list has at most ${PRICE_ROWS_MAX} rows`)
  const prices = new Map<string, UnitPrices>()
  for (const row of rows) {
    const key = keyOf(row.provider, row.model)
    if (prices.has(key)) throw invalid(`There are two prices for ${row.provider}/${row.model}`)
    prices.set(key, unitPrices(row))
  }
  const content = [...prices].toSorted(([a], [b]) => (a < b ? -1 : 1))
  const id = await sha256(
    JSON.stringify(content, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)),
  )
  return { id, find: (provider, model) => prices.get(keyOf(provider, model)) }
}

function unitPrices(row: ModelPrice): UnitPrices {
  const { input, output, cacheRead = input, cacheWrite = input } = row.perMillionTokens
  const perToken = (text: string, what: string): Picos =>
    perTokenPicos(text, `${row.provider}/${row.model}, ${what}`)
  return Object.freeze({
    input: perToken(input, 'input'),
    output: perToken(output, 'output'),
    'cache-read': perToken(cacheRead, 'cacheRead'),
    'cache-write': perToken(cacheWrite, 'cacheWrite'),
  })
}

function perTokenPicos(text: string, where: string): Picos {
  let perMillion: Picos
  try {
    perMillion = parseDecimal(text)
  } catch (cause) {
    if (!(cause instanceof MoneyError)) throw cause
    throw invalid(`Price of ${where}: ${cause.message}`)
  }
  if (perMillion < 0n || perMillion > PER_MILLION_MAX) {
    throw invalid(`Price of ${where}: ${text} is not between 0 and 2000 dollars per million tokens`)
  }
  if (perMillion % MILLION !== 0n) {
    throw invalid(`Price of ${where}: ${text} is finer than six decimals per million tokens`)
  }
  return (perMillion / MILLION) as Picos
}

function keyOf(provider: string, model: string): string {
  return `${provider}\n${model}`
}

function invalid(message: string): AIError {
  return new AIError({ code: 'config_invalid', message })
}
