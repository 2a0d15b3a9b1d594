import { parseDecimal } from '../money/decimal.ts'
import type { PriceData, PriceRow, ServicePrice, TokenPrices } from './price-rows.ts'

/** One fact of a model that changed: what it was, and what it is. */
export interface PriceChange {
  readonly fact: string
  readonly before: string | undefined
  readonly after: string | undefined
  /** A price that more than doubled or halved with no day from which it does: a slip rather than news. */
  readonly leap?: true
}

/** What happened to one model between two sets of prices. */
export interface ModelChange {
  readonly vendor: string
  readonly model: string
  readonly kind: 'added' | 'removed' | 'changed'
  readonly changes: readonly PriceChange[]
}

/** What differs between two sets of published prices, by vendor and model; where they are from is not compared. */
export function diffPrices(before: PriceData, after: PriceData): readonly ModelChange[] {
  const vendors = new Set([...Object.keys(before.vendors), ...Object.keys(after.vendors)])
  return [...vendors].toSorted().flatMap((vendor) => {
    const old = byId(before.vendors[vendor])
    const now = byId(after.vendors[vendor])
    const models = [...new Set([...old.keys(), ...now.keys()])].toSorted()
    return models.flatMap((model) => changesOf(vendor, model, old.get(model), now.get(model)))
  })
}

const CONTEXT = 'context window'
const OUTPUT_LIMIT = 'output limit'

/** The facts of a row as lines: `input` is `2.5`, `from 2027-01-01: above 272000: output` is `22.5`. */
export function factsOf(row: PriceRow): ReadonlyMap<string, string> {
  const facts = new Map<string, string>()
  for (const { from, tokens, tiers = [], request, calls = {}, services = {} } of row.prices) {
    const when = from === undefined ? '' : `from ${from}: `
    putTokens(facts, when, tokens)
    for (const tier of tiers) putTokens(facts, `${when}above ${tier.above}: `, tier.tokens)
    if (request !== undefined) facts.set(`${when}request`, request)
    for (const [name, price] of Object.entries(calls)) facts.set(`${when}1000 calls of ${name}`, price)
    for (const [name, service] of Object.entries(services)) {
      const { factor, inputMax }: ServicePrice = typeof service === 'string' ? { factor: service } : service
      facts.set(`${when}tier ${name}`, inputMax === undefined ? factor : `${factor} up to ${inputMax} tokens`)
    }
  }
  const { names, context, maxOutput, outputBound, asText } = row
  if (names) facts.set('also called', names.join(' '))
  if (context !== undefined) facts.set(CONTEXT, `${context}`)
  if (maxOutput !== undefined) facts.set(OUTPUT_LIMIT, `${maxOutput}`)
  if (outputBound) facts.set('output bound', outputBound)
  if (asText) facts.set('billed as text', asText.join(' '))
  return facts
}

function putTokens(facts: Map<string, string>, before: string, tokens: TokenPrices): void {
  for (const [kind, price] of Object.entries(tokens)) facts.set(`${before}${kind}`, price)
}

function byId(rows: readonly PriceRow[] = []): ReadonlyMap<string, PriceRow> {
  return new Map(rows.map((row) => [row.id, row]))
}

function changesOf(
  vendor: string,
  model: string,
  before: PriceRow | undefined,
  after: PriceRow | undefined,
): readonly ModelChange[] {
  const [old, now] = [before ? factsOf(before) : NO_FACTS, after ? factsOf(after) : NO_FACTS]
  const facts = [...new Set([...old.keys(), ...now.keys()])]
  const changes = facts
    .map((fact): PriceChange => {
      const [was, is] = [old.get(fact), now.get(fact)]
      return { fact, before: was, after: is, ...(isLeap(fact, was, is) && { leap: true }) }
    })
    .filter((change) => change.before !== change.after)
  if (changes.length === 0) return []
  const kind = before ? (after ? 'changed' : 'removed') : 'added'
  return [{ vendor, model, kind, changes }]
}

const DECIMAL = /^\d+(?:\.\d+)?$/

/** A price that is to change on a day is a fact of its own, with that day: then the one before it stays as it is. */
function isLeap(fact: string, before: string = '', after: string = ''): boolean {
  if (fact === CONTEXT || fact === OUTPUT_LIMIT || !DECIMAL.test(before) || !DECIMAL.test(after)) return false
  const [was, is] = [parseDecimal(before), parseDecimal(after)]
  return is > was + was || was > is + is
}

const NO_FACTS: ReadonlyMap<string, string> = new Map()
