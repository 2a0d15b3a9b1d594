import { AIError } from '../core/errors.ts'
import type { LineKind } from '../core/cost.ts'
import { decodeRow, type PricedModel } from './decode.ts'
import { assertPrice, keyOfKind, toRow, type ModelPrice } from './own-prices.ts'
import type { ModelLimits, PriceList, PriceQuestion, RangeQuestion, Rates } from './price-list.ts'
import { undated, type PriceData, type PriceRow } from './price-rows.ts'
import { bestRates, ratesFor, worstRates } from './rates.ts'

/** Most rows in one price list. */
export const PRICE_ROWS_MAX = 100_000

/** What a price list is made of beside a user's own prices. */
export interface PriceListParts {
  /**
   * Published prices in place of those that come with groat, checked by who read them; `'none'` where no vendor's model
   * is ever asked for.
   * @default those that come with groat
   */
  readonly published?: PriceData | 'none'
}

/**
 * Builds a price list: a user's own prices, and behind them the published ones. Every number is a decimal string and
 * becomes an exact fraction of picos.
 *
 * @throws AIError `config_invalid` naming the row: a key that there is not, twice the same model, a price that is negative,
 * above $2,000 per million, finer than a pico per token, or that makes no sense beside the others of its row.
 */
export async function createPriceList(
  rows: readonly ModelPrice[],
  sha256: (text: string) => Promise<string>,
  { published }: PriceListParts = {},
): Promise<PriceList> {
  if (!Array.isArray(rows))
    throw invalid('prices is a list of prices, each with provider, model and perMillionTokens')
  if (rows.length > PRICE_ROWS_MAX) throw invalid(`A price list has at most ${PRICE_ROWS_MAX} rows`)
  const own = new Map<string, { readonly row: PriceRow; readonly model: PricedModel }>()
  const { checkRow } = rows.length === 0 ? NO_CHECKS : await import('./check-rows.ts')
  for (const [index, price] of rows.entries()) {
    assertPrice(price, index)
    const key = keyOf(price.provider, price.model)
    if (own.has(key)) throw invalid(`There are two prices for ${price.provider}/${price.model}`)
    const row = toRow(price)
    own.set(key, { row, model: checkRow(row, `${price.provider}/${price.model}`) })
  }
  const { data, hash } = await behind(published, sha256)
  const content = [...own]
    .map(([key, { row }]) => [key, row])
    .toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1))
  const id = await sha256(JSON.stringify([content, hash]))
  return new LookUp(id, new Map([...own].map(([key, { model }]) => [key, model])), data)
}

const NO_CHECKS = { checkRow: decodeRow }
const NOTHING: PriceData = { sources: [], vendors: {} }

/** Published prices and their hash. */
async function behind(
  published: PriceListParts['published'],
  sha256: (text: string) => Promise<string>,
): Promise<{ readonly data: PriceData; readonly hash: string }> {
  if (published === 'none') return { data: NOTHING, hash: '' }
  if (published) return { data: published, hash: await sha256(JSON.stringify(published)) }
  const shipped = await import('./published.ts')
  return { data: shipped.readPublished(), hash: shipped.PUBLISHED_ID }
}

/** Looks prices up: a user's own, then published ones, each by exact names and dated forms of ids. */
class LookUp implements PriceList {
  readonly id: string
  readonly #own: ReadonlyMap<string, PricedModel>
  readonly #data: PriceData
  /** Rows by vendor and every name; made when a vendor is first asked for. */
  readonly #rows = new Map<string, ReadonlyMap<string, PriceRow>>()
  readonly #models = new Map<PriceRow, PricedModel>()

  constructor(id: string, own: ReadonlyMap<string, PricedModel>, data: PriceData) {
    this.id = id
    this.#own = own
    this.#data = data
  }

  find(question: PriceQuestion): Rates | undefined {
    const model = this.#modelOf(question)
    return model && ratesFor(model, question)
  }

  worst(question: RangeQuestion): Rates | undefined {
    const model = this.#modelOf(question)
    return model && worstRates(model, question)
  }

  best(question: RangeQuestion): Rates | undefined {
    const model = this.#modelOf(question)
    return model && bestRates(model, question)
  }

  limits(vendor: string | undefined, model: string, provider = ''): ModelLimits | undefined {
    const row = this.#publishedRow(vendor, model)
    const behind = row && this.#decoded(row).limits
    const own = this.#ownModel({ provider, vendor, model })?.limits
    if (!own || !behind) return own ?? behind
    return {
      contextLength: own.contextLength ?? behind.contextLength,
      maxOutputTokens: own.maxOutputTokens ?? behind.maxOutputTokens,
      outputBound: own.outputBound ?? behind.outputBound,
    }
  }

  explain(question: PriceQuestion, kind?: LineKind, name?: string): string {
    const { serviceTier, inputTokens } = question
    const advice = 'give it one under `prices` in your configuration'
    const model = this.#modelOf(question)
    if (!model) return `no price for it is known: ${advice}`
    if (kind === undefined) {
      const of = serviceTier === undefined ? '' : ` of service tier ${serviceTier}`
      return `no price${of} for ${inputTokens} input tokens is known: ask for another tier, or ${advice}`
    }
    const what = name === undefined ? kind : `${kind} ${name}`
    const key = kind === 'tool-call' ? 'perThousandCalls' : (keyOfKind(kind) ?? 'perRequest')
    return `no price for ${what} is known: ${advice} (\`${key}\`)`
  }

  #modelOf(question: Pick<PriceQuestion, 'provider' | 'vendor' | 'model'>): PricedModel | undefined {
    const own = this.#ownModel(question)
    if (own) return own
    const row = this.#publishedRow(question.vendor, question.model)
    return row && this.#decoded(row)
  }

  /**
   * A user's price is for the model of that name, and for what a vendor says is the same model. A dated form of the name
   * counts where the vendor does not sell it as another one.
   */
  #ownModel({
    provider,
    vendor,
    model,
  }: Pick<PriceQuestion, 'provider' | 'vendor' | 'model'>): PricedModel | undefined {
    if (this.#own.size === 0) return undefined
    const exact = this.#own.get(keyOf(provider, model))
    if (exact) return exact
    const row = this.#publishedRow(vendor, model)
    const base = undated(model)
    if (base !== undefined && this.#publishedRow(vendor, base) === row) {
      const dated = this.#own.get(keyOf(provider, base))
      if (dated) return dated
    }
    return row && this.#own.get(keyOf(provider, row.id))
  }

  #publishedRow(vendor: string | undefined, model: string): PriceRow | undefined {
    if (vendor === undefined) return undefined
    let rows = this.#rows.get(vendor)
    if (!rows) {
      const { vendors } = this.#data
      // A name out of the configuration may be one that every object has.
      rows = byName(Object.hasOwn(vendors, vendor) ? (vendors[vendor] ?? []) : [])
      this.#rows.set(vendor, rows)
    }
    const exact = rows.get(model)
    if (exact) return exact
    const base = undated(model)
    const row = base === undefined ? undefined : rows.get(base)
    // A date belongs to an id, and not to other names for it.
    return row?.id === base ? row : undefined
  }

  #decoded(row: PriceRow): PricedModel {
    let model = this.#models.get(row)
    if (!model) this.#models.set(row, (model = decodeRow(row)))
    return model
  }
}

function byName(rows: readonly PriceRow[]): ReadonlyMap<string, PriceRow> {
  return new Map(rows.flatMap((row) => [row.id, ...(row.names ?? [])].map((name) => [name, row] as const)))
}

function keyOf(provider: string, model: string): string {
  return `${provider}\n${model}`
}

function invalid(message: string): AIError {
  return new AIError({ code: 'config_invalid', message })
}
