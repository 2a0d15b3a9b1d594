import { Books } from './client/books.ts'
import { Budgets } from './client/budgets.ts'
import { Engine } from './client/engine.ts'
import { Handle, type EngineSource } from './client/handle.ts'
import { Prices } from './client/prices.ts'
import type { AIConfig } from './config/config.ts'
import type { ProviderModels } from './client/models.ts'
import type { QueryOptions } from './core/driver.ts'
import { isAIError } from './core/errors.ts'
import type { ModelInfo } from './core/model-info.ts'
import type { Health } from './core/health.ts'
import { Emitter } from './events/emitter.ts'
import type { EventName, Listener } from './events/events.ts'

/** One API over all configured providers; every answer carries its cost and is booked. */
export class Client extends Handle {
  readonly #source: EngineSource
  readonly #emitter: Emitter

  constructor(source: EngineSource, emitter: Emitter) {
    super(source)
    this.#source = source
    this.#emitter = emitter
  }

  /** Calls `listener` on every such event; the returned function stops it. Listeners never change or break a call. */
  on<Name extends EventName>(name: Name, listener: Listener<Name>): () => void {
    return this.#emitter.on(name, listener)
  }

  /** The books: entries, totals, series, their proof and their export. */
  get ledger(): Books {
    return new Books(async () => (await this.#source()).ledger())
  }

  /** The prices that calls are billed by. */
  get prices(): Prices {
    return new Prices(async () => this.#source())
  }

  /** Limits of users, projects, organizations and keys, and how they stand. */
  get budgets(): Budgets {
    return new Budgets(async () => (await this.#source()).ledger())
  }

  /**
   * Compares the models of every configured provider with `previous`, by provider. @default what this client saw at its
   * last sync
   */
  async syncModels(
    previous: Readonly<Record<string, readonly ModelInfo[]>> = {},
    options?: QueryOptions,
  ): Promise<readonly ProviderModels[]> {
    const engine = await this.#source()
    return Promise.all(
      configuredIn(engine).map(async (provider): Promise<ProviderModels> => {
        try {
          const changes = await this.provider(provider).models.sync(previous[provider], options)
          return { provider, status: 'synced', ...changes }
        } catch (error) {
          if (!isAIError(error)) throw error
          return { provider, status: 'failed', error }
        }
      }),
    )
  }

  /** The health of every configured provider under `details`; `status` is that of the worst. */
  override async health(options: QueryOptions = {}): Promise<Health> {
    const engine = await this.#source()
    const all = await Promise.all(configuredIn(engine).map((name) => this.provider(name).health(options)))
    const status = (['down', 'degraded'] as const).find((one) => all.some((health) => health.status === one))
    return {
      provider: '*',
      status: status ?? 'ready',
      latencyMs: Math.max(...all.map((health) => health.latencyMs)),
      issues: all.flatMap((health) => health.issues.map((issue) => `${health.provider}: ${issue}`)),
      details: Object.fromEntries(all.map((health) => [health.provider, health])),
    }
  }

  /** Writes what was booked and closes every connection. */
  async close(): Promise<void> {
    await (await this.#source()).close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function configuredIn({ providers }: Engine): readonly string[] {
  return [...providers.values()].flatMap(({ name, configured }) => (configured ? [name] : []))
}

/** A client of its own, without global state. @throws AIError `config_invalid` at once for a wrong configuration */
export function createAI(config: AIConfig = {}): Client {
  const emitter = new Emitter()
  const engine = new Engine(config, emitter)
  return new Client(() => engine, emitter)
}

/** A ready client, configured on first use from `groat.config.*` and the environment. */
export const AI: Client = createDefaultAI()

function createDefaultAI(): Client {
  const emitter = new Emitter()
  let engine: Engine | Promise<Engine> | undefined
  const open = async (): Promise<Engine> => {
    try {
      const { loadConfig } = await import('./config/load.ts')
      const { config } = await loadConfig()
      return (engine = new Engine(config, emitter))
    } catch (error) {
      // What is wrong in the configuration can be mended before the next call.
      engine = undefined
      throw error
    }
  }
  const source: EngineSource = () => {
    engine ??= open()
    return engine
  }
  return new Client(source, emitter)
}
