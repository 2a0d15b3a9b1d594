import type { Driver } from '../core/driver.ts'
import type { AIConfig, ConfiguredProvider } from '../config/config.ts'
import { resolveProviders, unknownProvider } from '../config/config.ts'
import { DRIVERS } from '../drivers/registry.ts'
import type { Emitter } from '../events/emitter.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { openLedger } from '../ledger/open.ts'
import type { Pipeline } from '../pipeline/pipeline.ts'
import type { PriceList } from '../pricing/price-list.ts'
import { systemRuntime, type Runtime } from '../runtime.ts'

/**
 * A checked configuration and what it opens on first use: pipeline, drivers, ledger, prices. Importing groat loads none
 * of them.
 */
export class Engine {
  readonly runtime: Runtime
  readonly emitter: Emitter
  readonly defaultProvider: string
  readonly providers: ReadonlyMap<string, ConfiguredProvider>
  readonly #config: AIConfig
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
    const opening = openLedger(this.#config.ledger ?? 'memory:', this.runtime)
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

  #priceList(): PriceList | Promise<PriceList> {
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
    const { middleware = [], durability = 'before' } = this.#config
    return new Pipeline({
      runtime: this.runtime,
      emitter: this.emitter,
      middleware,
      durability,
      driver: (name) => this.driver(name),
      ledger: () => this.ledger(),
      prices: () => this.#priceList(),
    })
  }

  async #makePriceList(): Promise<PriceList> {
    const { createPriceList } = await import('../pricing/price-list.ts')
    return createPriceList(this.#config.prices ?? [], (text) => this.runtime.sha256(text))
  }

  async #open({ name, driver, options, factory }: ConfiguredProvider): Promise<Driver> {
    const make = factory ?? (await DRIVERS[driver]?.load())?.(options)
    if (!make) throw unknownProvider(name, this.providers.keys())
    const { createTransport } = await import('../transport/index.ts')
    const transport = createTransport(this.runtime, options.fetch ? { fetch: options.fetch } : {})
    return make({ provider: name, runtime: this.runtime, transport })
  }
}
