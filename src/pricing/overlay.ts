import { AIError } from '../core/errors.ts'
import { fromProvider, VENDOR_OF, type GivenProvider } from './from-providers.ts'
import type { PriceData, PricePeriod, PriceRow, PriceSource, TokenPrices } from './price-rows.ts'

/** A correction of ours: what it says is put over each of its models, one entry after the other. */
export interface OverlayEntry extends PriceSource {
  readonly vendor: string
  readonly models: readonly string[]
  /** Names that a model has beside those that are known. */
  readonly names?: readonly string[]
  readonly context?: number
  readonly maxOutput?: number
  readonly outputBound?: 'capped' | 'uncapped'
  readonly asText?: PriceRow['asText']
  /** In place of all prices that are known. */
  readonly prices?: readonly PricePeriod[]
  /** Prices of kinds, beside those that are known. */
  readonly tokens?: TokenPrices
  readonly calls?: PricePeriod['calls']
  readonly services?: PricePeriod['services']
}

export interface Overlay {
  readonly entries: readonly OverlayEntry[]
}

/**
 * Joins the data of providers and our corrections to one set of prices; the same input gives the same output. What
 * corrects a model that the data does not have is refused, or skipped.
 */
export function joinPrices(
  providers: readonly GivenProvider[],
  source: PriceSource,
  { entries }: Overlay,
  missing: 'refuse' | 'skip' = 'refuse',
): PriceData {
  const sources: PriceSource[] = [source]
  const vendors: Record<string, PriceRow[]> = {}
  for (const [theirs, vendor] of Object.entries(VENDOR_OF)) {
    const provider = providers.find(({ id }) => id === theirs)
    if (!provider) throw invalid(`The price data has no provider ${theirs}`)
    const rows = new Map(fromProvider(provider).map((row) => [row.id, { ...row, sources: [0] }]))
    for (const entry of entries) {
      if (entry.vendor !== vendor) continue
      const models = entry.models.filter((id) => missing === 'refuse' || entry.prices || rows.has(id))
      if (models.length > 0) put(rows, { ...entry, models }, placeOf(entry, sources))
    }
    vendors[vendor] = [...rows.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
  }
  return { sources, vendors }
}

function placeOf({ source, url, checkedAt }: OverlayEntry, sources: PriceSource[]): number {
  const known = sources.findIndex(
    (one) => one.source === source && one.url === url && one.checkedAt === checkedAt,
  )
  return known < 0 ? sources.push({ source, url, checkedAt }) - 1 : known
}

function put(rows: Map<string, PriceRow & { sources: number[] }>, entry: OverlayEntry, place: number): void {
  const { vendor, models, names, context, maxOutput, outputBound, asText, tokens, calls, services } = entry
  for (const id of models) {
    const before = rows.get(id)
    const prices = entry.prices ?? before?.prices
    if (!prices) throw invalid(`There is no price for ${vendor}/${id}, to which the overlay adds something`)
    rows.set(id, {
      ...before,
      id,
      ...(names && { names: [...new Set([...(before?.names ?? []), ...names])].toSorted() }),
      ...(context !== undefined && { context }),
      ...(maxOutput !== undefined && { maxOutput }),
      ...(outputBound && { outputBound }),
      ...(asText && { asText: [...new Set([...(before?.asText ?? []), ...asText])] }),
      prices: prices.map((period) => ({
        ...period,
        tokens: { ...period.tokens, ...tokens },
        ...((period.calls ?? calls) && { calls: { ...period.calls, ...calls } }),
        ...((period.services ?? services) && { services: { ...period.services, ...services } }),
      })),
      sources: entry.prices ? [place] : [...new Set([...(before?.sources ?? []), place])],
    })
  }
}

function invalid(message: string): AIError {
  return new AIError({ code: 'config_invalid', message })
}
