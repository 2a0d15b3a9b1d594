import { resolve } from 'node:path'
import type { AIConfig, ModelPrice } from '../../index.ts'
import { nearest } from '../../core/nearest.ts'
import { diffPrices as differencesOf, factsOf, type ModelChange } from '../../pricing/diff-prices.ts'
import { toRow } from '../../pricing/own-prices.ts'
import { undated, type PriceData, type PricePeriod, type PriceRow } from '../../pricing/price-rows.ts'
import { EXIT, UsageError } from '../failure.ts'
import { countText, printable, showTable } from '../format.ts'
import { givenPrices, pricesInUse, writePrices } from '../price-sources.ts'
import { configOf, type GlobalOptions } from '../session.ts'
import type { Screen } from '../terminal.ts'

export interface PriceOptions extends GlobalOptions {
  readonly from?: string
  readonly url?: string
  readonly out?: string
  readonly yes?: boolean
  readonly force?: boolean
}

/** A price with whose it is: a vendor's, or the user's own for a configured provider. */
interface Priced {
  readonly provider: string
  readonly own: boolean
  readonly row: PriceRow
}

/** `groat prices list`: what costs what, now. */
export async function listPrices(screen: Screen, options: PriceOptions): Promise<number> {
  const { all } = await everything(screen, options)
  const { provider, model } = options
  const named = model === undefined ? all : namedSo(all, model)
  const wanted = named.filter((one) => provider === undefined || one.provider === provider)
  if (screen.json)
    await screen.value(wanted.map((one) => ({ ...one.row, provider: one.provider, own: one.own })))
  else if (wanted.length === 0) await screen.line('no prices: see all with `groat prices list`')
  else await showList(screen, wanted)
  return EXIT.ok
}

async function showList(screen: Screen, wanted: readonly Priced[]): Promise<void> {
  const now = screen.terminal.runtime.clock.now()
  const columns = [
    { head: 'MODEL' },
    ...['INPUT', 'CACHED', 'OUTPUT', 'LONG', 'CONTEXT'].map((head) => ({ head, right: true })),
    { head: 'CHANGES' },
  ]
  const rows = wanted.map(({ provider, own, row }) => {
    const { tokens, tiers: [long] = [] } = periodAt(row, now)
    const next = row.prices.find((period) => timeOf(period) > now)
    return [
      `${provider}/${row.id}${own ? ' (own)' : ''}`,
      tokens.input ?? '',
      tokens['cache-read'] ?? '',
      tokens.output ?? '',
      long === undefined ? '' : `${long.tokens.input ?? '?'} / ${long.tokens.output ?? '?'}`,
      row.context === undefined ? '' : countText(row.context),
      next?.from ?? '',
    ]
  })
  await showTable(screen, columns, rows)
  screen.note('dollars per million tokens; LONG is input / output of long requests')
}

/** `groat prices show`: all about one price. */
export async function showPrice(screen: Screen, model: string, options: PriceOptions): Promise<number> {
  const { all, data } = await everything(screen, options)
  const found = namedSo(all, model)
  if (found.length === 0) throw unknownModel(model, all)
  const told = found.map(({ provider, own, row }) => ({
    provider,
    own,
    ...row,
    sources: (row.sources ?? []).map((place) => data.sources[place]),
  }))
  if (screen.json) {
    await screen.value(told)
    return EXIT.ok
  }
  for (const { provider, own, row } of found) {
    await screen.line(screen.style.bold(printable(`${provider}/${row.id}${own ? ' (own price)' : ''}`)))
    for (const [fact, value] of factsOf(row))
      await screen.line(`  ${printable(`${fact.padEnd(36)} ${value}`)}`)
    for (const place of row.sources ?? []) {
      const from = data.sources[place]
      if (from)
        await screen.line(
          screen.style.dim(printable(`  from ${from.source}, ${from.url}, ${from.checkedAt}`)),
        )
    }
  }
  screen.note('dollars per million tokens, and per thousand calls of a tool; tiers of service are factors')
  return EXIT.ok
}

/** `groat prices diff`: what newer prices would change. */
export async function diffPrices(screen: Screen, options: PriceOptions): Promise<number> {
  const { changes } = await compare(screen, options)
  if (screen.json) await screen.value(changes)
  else await showChanges(screen, changes)
  return EXIT.ok
}

/** `groat prices update`: writes newer prices where the configuration finds them; only when it is told to. */
export async function updatePrices(screen: Screen, options: PriceOptions): Promise<number> {
  const { changes, given, config } = await compare(screen, options)
  const named = options.out ?? config.pricesFile ?? 'groat.prices.json'
  const file = resolve(screen.terminal.cwd, named)
  const write = options.yes === true && changes.length > 0
  if (!screen.json) await showChanges(screen, changes)
  if (write && options.force !== true) assertNoLeap(changes)
  if (write) await writePrices(file, given)
  if (screen.json) await screen.value({ changes, file, written: write })
  if (changes.length === 0) return EXIT.ok
  if (!write) screen.note('nothing was written: look at the changes, and write them with --yes')
  else if (config.pricesFile === undefined)
    screen.note(`written to ${file}: name it in your configuration, as \`pricesFile\`, to use it`)
  else screen.note(`written to ${file}`)
  return EXIT.ok
}

/** @throws UsageError where a price changed so much that a person is to look at it first */
function assertNoLeap(changes: readonly ModelChange[]): void {
  const leaps = changes.flatMap(({ vendor, model, changes: facts }) =>
    facts.filter(({ leap }) => leap).map(({ fact }) => `${vendor}/${model} (${fact})`),
  )
  const [first, ...more] = leaps
  if (first === undefined) return
  const others = more.length === 0 ? '' : ` and of ${more.length} more`
  throw new UsageError(
    `The price of ${first}${others} more than doubled or halved, with no day from which it does: nothing was written\n` +
      '(look at the changes, and write them with --yes --force)',
  )
}

/** What a configuration says of prices. */
type PriceConfig = Pick<AIConfig, 'prices'> & { readonly pricesFile?: string }

async function compare(
  screen: Screen,
  options: PriceOptions,
): Promise<{ changes: readonly ModelChange[]; given: PriceData; config: PriceConfig }> {
  const config: PriceConfig = await configOf(screen.terminal, options)
  const before = await pricesInUse(screen.terminal, config.pricesFile)
  const given = await givenPrices(screen.terminal, options)
  return { changes: differencesOf(before, given), given, config }
}

async function showChanges(screen: Screen, changes: readonly ModelChange[]): Promise<void> {
  if (changes.length === 0) await screen.line('no differences')
  for (const { vendor, model, kind, changes: facts } of changes) {
    const { green, red, yellow } = screen.style
    const look = { added: green, removed: red, changed: yellow }[kind]
    const sign = { added: '+', removed: '-', changed: '~' }[kind]
    await screen.line(look(printable(`${sign} ${vendor}/${model}`)))
    if (kind === 'removed') continue
    for (const { fact, before, after, leap } of facts) {
      const was = before === undefined ? '' : `${before} -> `
      await screen.line(printable(`    ${fact}: ${was}${after ?? 'none'}${leap ? ' (!)' : ''}`))
    }
  }
}

/** Published prices, and before them the user's own. */
async function everything(
  screen: Screen,
  options: PriceOptions,
): Promise<{ readonly all: readonly Priced[]; readonly data: PriceData }> {
  // The provider and the model choose among prices here, and need not be configured.
  const { provider: _provider, model: _model, ...others } = options
  const config: PriceConfig = await configOf(screen.terminal, others)
  const data = await pricesInUse(screen.terminal, config.pricesFile)
  const own = (config.prices ?? []).map((price: ModelPrice) => ({
    provider: price.provider,
    own: true,
    row: toRow(price),
  }))
  const published = Object.entries(data.vendors).flatMap(([vendor, rows]) =>
    rows.map((row) => ({ provider: vendor, own: false, row })),
  )
  return { all: [...own, ...published], data }
}

/** As calls find their price: by an exact name, else by an id with a date behind it. */
function namedSo(all: readonly Priced[], name: string): readonly Priced[] {
  const isNamed = ({ provider }: Priced, one: string, as: string): boolean =>
    one === as || `${provider}/${one}` === as
  const exact = all.filter((price) =>
    [price.row.id, ...(price.row.names ?? [])].some((one) => isNamed(price, one, name)),
  )
  const base = exact.length > 0 ? undefined : undated(name)
  return base === undefined ? exact : all.filter((price) => isNamed(price, price.row.id, base))
}

function unknownModel(model: string, all: readonly Priced[]): UsageError {
  const names = all.flatMap(({ provider, row }) =>
    model.includes('/') ? [`${provider}/${row.id}`] : [row.id],
  )
  const near = nearest(model, names)
  const advice = near === undefined ? 'see all with `groat prices list`' : `did you mean ${near}?`
  return new UsageError(`There is no price for ${JSON.stringify(model)}\n(${advice})`)
}

function periodAt({ prices }: PriceRow, now: number): PricePeriod {
  return prices.findLast((period) => timeOf(period) <= now) ?? { tokens: {} }
}

function timeOf({ from }: PricePeriod): number {
  return from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(`${from}T00:00:00Z`)
}
