import type { LineKind } from '../core/cost.ts'
import { AIError } from '../core/errors.ts'
import type { PricePeriod, PriceRow, TokenPrices } from './price-rows.ts'

/** What is read of the data of `@pydantic/genai-prices`: as in its package, and as in its feed. */
export interface GivenProvider {
  readonly id: string
  readonly models: readonly GivenModel[]
}

interface GivenModel {
  readonly id: string
  readonly match: GivenMatch
  readonly context_window?: number
  readonly price_comments?: string
  readonly prices:
    | GivenPrices
    | readonly { readonly constraint?: GivenConstraint; readonly prices: GivenPrices }[]
}

interface GivenMatch {
  readonly equals?: string
  readonly or?: readonly GivenMatch[]
}

interface GivenConstraint {
  readonly start_date?: string
}

type GivenPrice =
  | number
  | { readonly base: number; readonly tiers: readonly { start: number; price: number }[] }
type GivenPrices = Readonly<Record<string, GivenPrice | undefined>>

/** Their names of the vendors whose prices are taken over. */
export const VENDOR_OF: Readonly<Record<string, string>> = {
  openai: 'openai',
  'x-ai': 'xai',
  google: 'gemini',
}

const KIND_OF: Readonly<Record<string, LineKind>> = {
  input_mtok: 'input',
  cache_read_mtok: 'cache-read',
  cache_write_mtok: 'cache-write',
  input_audio_mtok: 'input-audio',
  cache_audio_read_mtok: 'cache-read-audio',
  input_image_mtok: 'input-image',
  cache_image_read_mtok: 'cache-read-image',
  input_video_mtok: 'input-video',
  output_mtok: 'output',
  output_audio_mtok: 'output-audio',
  output_image_mtok: 'output-image',
}

const TOOL_OF: Readonly<Record<string, string>> = {
  web_searches_kcount: 'web-search',
  storage_searches_kcount: 'file-search',
}

/** Models of other makers that Google sells, beginnings of names, and names of resellers. */
const LEFT_OUT = /^(claude-|ft:)|\.ft-$|:extended$/
/** Prices that are another seller's, or that the authors of the data say they could not find. */
const UNSURE = /^(Imported from|Seen on) OpenRouter|can't find anything/

/**
 * The rows of one vendor. Only names that are spelled out are taken: rules such as "begins with" would give a price to
 * models that nobody has priced. Models without a price by the token are left out.
 *
 * @throws AIError `config_invalid` for data of another shape
 */
export function fromProvider({ id, models }: GivenProvider): readonly PriceRow[] {
  if (!Array.isArray(models)) throw unreadable(`${id} has no list of models`)
  return models.filter((model) => !isLeftOut(model)).flatMap(toRow)
}

/** Whether a model's price is not taken over. */
export function isLeftOut({ id, price_comments: comments = '' }: GivenModel): boolean {
  return LEFT_OUT.test(id) || UNSURE.test(comments)
}

function toRow(model: GivenModel): readonly PriceRow[] {
  const given = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices as GivenPrices }]
  if (given.some(({ prices }) => prices['input_mtok'] === undefined)) return []
  const names = namesOf(model.match).filter((name) => name !== model.id && !name.includes('/'))
  const prices = given.map(({ constraint, prices: own }) => toPeriod(own, constraint, model.id))
  return [
    {
      id: model.id,
      ...(names.length > 0 && { names: [...new Set(names)].toSorted() }),
      ...(model.context_window !== undefined && { context: model.context_window }),
      prices,
    },
  ]
}

function namesOf({ equals, or = [] }: GivenMatch): readonly string[] {
  return equals === undefined ? or.flatMap(namesOf) : [equals]
}

function toPeriod(given: GivenPrices, constraint: GivenConstraint | undefined, model: string): PricePeriod {
  if (constraint && constraint.start_date === undefined)
    throw unreadable(`${model} has a price by something else than days`)
  const calls = Object.entries(TOOL_OF).flatMap(([key, tool]) => {
    const price = given[key]
    return typeof price === 'number' ? [[tool, String(price)] as const] : []
  })
  const starts = new Set(
    Object.entries(given).flatMap(([key, price]) =>
      typeof price === 'object' && KIND_OF[key] ? price.tiers.map(({ start }) => start) : [],
    ),
  )
  const tiers = [...starts]
    .toSorted((a, b) => a - b)
    .map((above) => ({ above, tokens: tokensAt(given, above) }))
  return {
    ...(constraint && { from: constraint.start_date ?? '' }),
    tokens: tokensAt(given, -1),
    ...(tiers.length > 0 && { tiers }),
    ...(calls.length > 0 && { calls: Object.fromEntries(calls) }),
  }
}

/** The prices of a request that is longer than `above`: a number's shortest decimal is what its author wrote. */
function tokensAt(given: GivenPrices, above: number): TokenPrices {
  const tokens: Partial<Record<LineKind, string>> = {}
  for (const [key, kind] of Object.entries(KIND_OF)) {
    const price = given[key]
    if (price === undefined) continue
    const own =
      typeof price === 'object'
        ? (price.tiers.findLast(({ start }) => start <= above)?.price ?? price.base)
        : price
    tokens[kind] = String(own)
  }
  return tokens
}

function unreadable(what: string): AIError {
  return new AIError({ code: 'config_invalid', message: `The price data cannot be read: ${what}` })
}
