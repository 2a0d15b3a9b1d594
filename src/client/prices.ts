import { INPUT_KINDS, OUTPUT_KINDS, type LineKind } from '../core/cost.ts'
import { UNKNOWN_USAGE } from '../core/usage.ts'
import type { PriceList } from '../pricing/price-list.ts'
import { targetOf } from './build-call.ts'
import type { Engine } from './engine.ts'

/** Which price is asked for: that of a request now, short, at the standard tier, where nothing else is said. */
export interface PriceOptions {
  /** Milliseconds since the Unix epoch. @default now */
  readonly at?: number
  /** All input tokens: long requests can have another price. @default 0 */
  readonly inputTokens?: number
  readonly serviceTier?: string
}

/** The prices of one model. */
export interface ModelPrices {
  readonly provider: string
  readonly model: string
  /** Dollars for one unit of each kind that has a price, as exact decimals: `{ input: '0.0000001', … }`. */
  readonly unitPrices: Readonly<Partial<Record<LineKind, string>>>
  readonly contextLength: number | undefined
  readonly maxOutputTokens: number | undefined
  /** Content hash of the price list. */
  readonly priceList: string
}

const KINDS: readonly LineKind[] = [...INPUT_KINDS, ...OUTPUT_KINDS, 'request']

/** The prices that calls are billed by: `ai.prices`. */
export class Prices {
  readonly #engine: () => Promise<Engine>

  constructor(engine: () => Promise<Engine>) {
    this.#engine = engine
  }

  /** Content hash of all prices in use, which each ledger entry names. */
  async id(): Promise<string> {
    return (await this.#list()).id
  }

  /** The prices of a model such as `openai/gpt-6-luna`, by its exact id; undefined where none is known. */
  async find(name: string, options: PriceOptions = {}): Promise<ModelPrices | undefined> {
    const engine = await this.#engine()
    const { provider, model } = targetOf(engine, { options: {} }, name)
    const { vendor } = (await engine.driver(provider)).bill(model, UNKNOWN_USAGE, undefined)
    const { at = engine.runtime.clock.now(), inputTokens = 0, serviceTier } = options
    const prices = await engine.prices()
    const rates = prices.find({ provider, vendor, model, at, inputTokens, serviceTier })
    if (!rates) return undefined
    const { unitPriceText } = await import('../pricing/cost-of.ts')
    const unitPrices: Partial<Record<LineKind, string>> = {}
    for (const kind of KINDS) {
      const price = rates.of(kind)
      if (price) unitPrices[kind] = unitPriceText(price)
    }
    const limits = prices.limits(vendor, model, provider)
    const { contextLength, maxOutputTokens } = limits ?? {
      contextLength: undefined,
      maxOutputTokens: undefined,
    }
    return { provider, model, unitPrices, contextLength, maxOutputTokens, priceList: prices.id }
  }

  async #list(): Promise<PriceList> {
    return (await this.#engine()).prices()
  }
}
