import type { Driver } from '../core/driver.ts'
import type { AIConfig, ConfiguredProvider } from '../config/config.ts'
import { resolveProviders, unknownProvider } from '../config/config.ts'
import { DRIVERS } from '../drivers/registry.ts'
import type { Emitter } from '../events/emitter.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { openLedger } from '../ledger/open.ts'
import { Pipeline } from '../pipeline/pipeline.ts'
import { createPriceList, type PriceList } from '../pricing/price-list.ts'
import { systemRuntime, type Runtime } from '../runtime.ts'
import { createTransport } from '../transport/index.ts'

/** A checked configuration and what it opens on first use: drivers, ledger, prices. */
export class Engine {
  readonly runtime: Runtime
  readonly emitter: Emitter
  readonly pipeline: Pipeline
  readonly defaultProvider: string
  readonly providers: ReadonlyMap<string, ConfiguredProvider>
  readonly #config: AIConfig
  readonly #drivers = new Map<string, Driver | Promise<Driver>>()
  #ledger: Ledger | Promise<Ledger> | undefined
  #prices: PriceList | Promise<PriceList> | undefined

  constructor(config: AIConfig, emitter: Emitter) {
    this.#config = config
    this.emitter = emitter
    this.runtime = { ...systemRuntime, ...config.runtime }
    this.providers = resolveProviders(config)
    this.defaultProvider = config.default ?? this.providers.keys().next().value ?? ''
    this.pipeline = new Pipeline({
      runtime: this.runtime,
      emitter,
      middleware: config.middleware ?? [],
      durability: config.durability ?? 'before',
      driver: (name) => this.driver(name),
      ledger: () => this.ledger(),
      prices: () => this.#priceList(),
    })
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
    const making = createPriceList(this.#config.prices ?? [], (text) => this.runtime.sha256(text))
    this.#prices = making
    making.then(
      (prices) => (this.#prices = prices),
      () => {},
    )
    return making
  }

  async #open({ name, driver, options, factory }: ConfiguredProvider): Promise<Driver> {
    const make = factory ?? (await DRIVERS[driver]?.load())?.(options)
    if (!make) throw unknownProvider(name, this.providers.keys())
    const transport = createTransport(this.runtime, options.fetch ? { fetch: options.fetch } : {})
    return make({ provider: name, runtime: this.runtime, transport })
  }
}
