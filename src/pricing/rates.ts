import type { LineKind } from '../core/cost.ts'
import { compareRates, scaled } from './cost-of.ts'
import type { Factor, Period, PricedModel, Service, Tier } from './decode.ts'
import type { PriceQuestion, RangeQuestion, Rates, UnitPrice } from './price-list.ts'
import { STANDARD_TIERS, UNDECIDED_TIER } from './price-rows.ts'

type Asked = Pick<PriceQuestion, 'at' | 'inputTokens' | 'serviceTier'>

const STANDARD: Service = { numerator: 1n, denominator: 1n, inputMax: undefined }

/** The prices of a model for one request; undefined where its tier of service has none. */
export function ratesFor(model: PricedModel, { at, inputTokens, serviceTier }: Asked): Rates | undefined {
  const period = model.periods.findLast(({ from }) => from <= at)
  const tier = period?.tiers.findLast(({ above }) => inputTokens > above)
  if (!period || !tier) return undefined
  const service = serviceOf(period, serviceTier, inputTokens)
  return service && { of: (kind, name) => priceOf({ period, tier, service }, kind, name) }
}

/**
 * The tier of service of an answer. One that says `auto` does not say at which it was served: where one of them is
 * dearer than the standard, its price is not known.
 */
function serviceOf(period: Period, name: string | undefined, inputTokens: number): Service | undefined {
  const asked = name?.toLowerCase()
  if (asked === undefined || STANDARD_TIERS.has(asked)) return STANDARD
  if (asked === UNDECIDED_TIER) {
    return [...period.services.values()].some(isDearer) ? undefined : STANDARD
  }
  const service = period.services.get(asked)
  if (service?.inputMax !== undefined && inputTokens > service.inputMax) return undefined
  return service
}

/** One way in which a request can be billed. */
interface Way {
  readonly period: Period
  readonly tier: Tier
  readonly service: Factor
}

/** Of each kind the dearest price of all ways in which a request can be billed; a kind needs a price in each. */
export function worstRates(
  model: PricedModel,
  asked: Omit<RangeQuestion, 'provider' | 'vendor' | 'model'>,
): Rates | undefined {
  const ways = waysOf(model, asked, ({ above }) => asked.inputTokens > above)
  if (!ways) return undefined
  return {
    of: (kind, name) => {
      const prices = ways.map((way) => priceOf(way, kind, name))
      return prices.reduce(
        (worst, price) => worst && price && (compareRates(price, worst) > 0 ? price : worst),
      )
    },
  }
}

/** Of each kind the cheapest price of all ways in which a request of any length can be billed. */
export function bestRates(
  model: PricedModel,
  asked: Omit<RangeQuestion, 'provider' | 'vendor' | 'model'>,
): Rates | undefined {
  const ways = waysOf(model, asked, () => true)
  if (!ways) return undefined
  return {
    of: (kind, name) => {
      const prices = ways.map((way) => priceOf(way, kind, name))
      return prices.reduce((best, price) =>
        price && (!best || compareRates(price, best) < 0) ? price : best,
      )
    },
  }
}

/**
 * A provider can serve a request at another tier than was asked for, so that the standard one always counts; and what
 * it takes for `auto` can be the dearest.
 */
function waysOf(
  model: PricedModel,
  { at, until, serviceTier }: Pick<RangeQuestion, 'at' | 'until' | 'serviceTier'>,
  reachable: (tier: Tier) => boolean,
): readonly Way[] | undefined {
  const first = model.periods.findLastIndex(({ from }) => from <= at)
  const periods = model.periods.filter(
    ({ from }, index) => index >= first && (index === first || from <= until),
  )
  const asked = serviceTier?.toLowerCase()
  const ways: Way[] = []
  for (const period of periods) {
    const services: Factor[] = [STANDARD]
    if (asked === UNDECIDED_TIER) services.push(...undecided(period))
    else if (asked !== undefined && !STANDARD_TIERS.has(asked)) {
      const service = period.services.get(asked)
      if (!service) return undefined
      services.push(service)
    }
    for (const tier of period.tiers.filter(reachable)) {
      for (const service of services) ways.push({ period, tier, service })
    }
  }
  return ways.length === 0 ? undefined : ways
}

/** A project's own settings choose among the standard tier and `priority`. */
function undecided({ services }: Period): Factor[] {
  const priority = services.get('priority')
  return priority ? [priority] : []
}

/** Fees for tools and requests are the same at every tier of service. */
function priceOf(
  { period, tier, service }: Way,
  kind: LineKind,
  name: string | undefined,
): UnitPrice | undefined {
  if (kind === 'tool-call') return name === undefined ? undefined : period.calls.get(name)
  if (kind === 'request') return period.request
  const price = tier.tokens[kind]
  return price && scaled(price, service)
}

function isDearer({ numerator, denominator }: Factor): boolean {
  return numerator > denominator
}
