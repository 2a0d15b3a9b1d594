import type * as FileSystem from 'node:fs'
import { checkBudget } from '../budget/check-budget.ts'
import type { Budget } from '../core/budget.ts'
import type { Driver } from '../core/driver.ts'
import { AIError } from '../core/errors.ts'
import type { AIConfig, ConfiguredProvider } from '../config/config.ts'
import { resolveProviders, splitMiddleware, unknownProvider } from '../config/config.ts'
import { DRIVERS } from '../drivers/registry.ts'
import type { Emitter } from '../events/emitter.ts'
import { hasBudgets } from '../ledger/budget-store.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { openLedger } from '../ledger/open.ts'
import type { Pipeline, PipelineParts } from '../pipeline/pipeline.ts'
import type { PriceList } from '../pricing/price-list.ts'
import type { PriceData } from '../pricing/price-rows.ts'
import { systemRuntime, type Runtime } from '../runtime.ts'
import { ownOptions, targetOf } from './build-call.ts'

/**
 * A checked configuration and what it opens on first use: pipeline, drivers, ledger, prices. Importing groat loads none
 * of them.
 */
export class Engine {
  readonly runtime: Runtime
  readonly emitter: Emitter
  readonly defaultProvider: string
  readonly providers: ReadonlyMap<string, ConfiguredProvider>
  /** What the pipeline works with. */
  readonly parts: PipelineParts
  readonly #config: AIConfig
  readonly #budgets: readonly Budget[]
  readonly #drivers = new Map<string, Driver | Promise<Driver>>()
  #pipeline: Pipeline | Promise<Pipeline> | undefined
  #ledger: Ledger | Promise<Ledger> | undefined
  #prices: PriceList | Promise<PriceList> | undefined

  constructor(config: AIConfig, emitter: Emitter) {
    this.#config = config
    this.emitter = emitter
    this.runtime = { ...systemRuntime, ...config.runtime }
    this.providers = resolveProviders(config)
    this.defaultProvider = config.default ?? this.providers.keys().next().value ?? ''
    this.#budgets = (config.budgets ?? []).map((budget) => checkBudget(budget, 'config_invalid'))
    this.parts = this.#partsOf(config)
  }

  #partsOf(config: AIConfig): PipelineParts {
    const { middleware, modes } = splitMiddleware(config.middleware)
    const ledger = (): Ledger | Promise<Ledger> => this.ledger()
    const prices = (): PriceList | Promise<PriceList> => this.prices()
    return {
      runtime: this.runtime,
      emitter: this.emitter,
      middleware,
      durability: modes.costs === 'observe' ? 'after' : (config.durability ?? 'before'),
      driver: (name) => this.driver(name),
      ledger,
      prices,
      guard: { clock: this.runtime.clock, enforcement: modes.budgets, ledger, prices },
      baseline: config.baseline,
      target: (name) => targetOf(this, { options: {} }, name),
      targets: () =>
        [...this.providers.values()].flatMap(({ name, model }) =>
          model === undefined ? [] : [{ provider: name, model }],
        ),
      optionsFor: (provider, all) =>
        ownOptions(this, provider, all === undefined ? {} : { providerOptions: all }),
    }
  }

  /** The one way through which everything is sent. */
  pipeline(): Pipeline | Promise<Pipeline> {
    if (this.#pipeline) return this.#pipeline
    const loading = this.#loadPipeline().then((pipeline) => (this.#pipeline = pipeline))
    this.#pipeline = loading
    return loading
  }

  /** The configured provider of that name. @throws AIError `config_invalid` */
  provider(name: string): ConfiguredProvider {
    const provider = this.providers.get(name)
    if (!provider) throw unknownProvider(name, this.providers.keys())
    return provider
  }

  driver(name: string): Driver | Promise<Driver> {
    const known = this.#drivers.get(name)
    if (known) return known
    const opening = this.#open(this.provider(name)).then((driver) => {
      // The next call does not wait for a promise.
      this.#drivers.set(name, driver)
      return driver
    })
    this.#drivers.set(name, opening)
    opening.catch(() => this.#drivers.delete(name))
    return opening
  }

  ledger(): Ledger | Promise<Ledger> {
    if (this.#ledger) return this.#ledger
    const opening = this.#openLedger()
    this.#ledger = opening
    opening.then(
      (ledger) => (this.#ledger = ledger),
      // A file that can be written later is opened later.
      () => (this.#ledger = undefined),
    )
    return opening
  }

  /** Writes what was booked and closes every connection. */
  async close(): Promise<void> {
    const drivers = [...this.#drivers.values()]
    this.#drivers.clear()
    await Promise.all(drivers.map(async (driver) => (await driver).close()))
    await (await this.#ledger)?.close()
  }

  /** The prices that calls are billed by. */
  prices(): PriceList | Promise<PriceList> {
    if (this.#prices) return this.#prices
    const making = this.#makePriceList()
    this.#prices = making
    making.then(
      (prices) => (this.#prices = prices),
      () => {},
    )
    return making
  }

  async #loadPipeline(): Promise<Pipeline> {
    const { Pipeline } = await import('../pipeline/pipeline.ts')
    return new Pipeline(this.parts)
  }

  async #openLedger(): Promise<Ledger> {
    const ledger = await openLedger(this.#config.ledger ?? 'memory:', this.runtime)
    if (this.#budgets.length === 0) return ledger
    if (!hasBudgets(ledger)) {
      const message = "This ledger cannot hold budgets: use 'memory:', 'sqlite:PATH' or 'postgres://…'"
      throw new AIError({ code: 'config_invalid', message, details: { key: 'budgets' } })
    }
    for (const budget of this.#budgets) await ledger.budgets.set(budget)
    return ledger
  }

  async #makePriceList(): Promise<PriceList> {
    const { createPriceList } = await import('../pricing/price-list.ts')
    const { prices = [], pricesFile } = this.#config
    const parts = pricesFile === undefined ? {} : { published: await this.#readPrices(pricesFile) }
    return createPriceList(prices, (text) => this.runtime.sha256(text), parts)
  }

  async #readPrices(path: string): Promise<PriceData> {
    const fs = this.runtime.builtin('node:fs') as typeof FileSystem | undefined
    const { parsePriceFile } = await import('../pricing/price-file.ts')
    let text: string
    try {
      if (!fs) throw new Error('there are no files here')
      text = await fs.promises.readFile(path, 'utf8')
    } catch (cause) {
      const message = `The prices in ${path} cannot be read: name a file that \`groat prices update\` has written`
      throw new AIError({ code: 'config_invalid', message, details: { key: 'pricesFile' }, cause })
    }
    return parsePriceFile(text, path)
  }

  async #open({ name, driver, options, factory }: ConfiguredProvider): Promise<Driver> {
    const make = factory ?? (await DRIVERS[driver]?.load())?.(options)
    if (!make) throw unknownProvider(name, this.providers.keys())
    const { createTransport } = await import('../transport/index.ts')
    const transport = createTransport(this.runtime, options.fetch ? { fetch: options.fetch } : {})
    return make({ provider: name, runtime: this.runtime, transport })
  }
}
