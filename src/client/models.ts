import type {
  CreateOptions,
  Driver,
  LoadOptions,
  ModelManagement,
  Progress,
  QueryOptions,
  RunningModel,
} from '../core/driver.ts'
import { AIError } from '../core/errors.ts'
import type { ModelInfo } from '../core/model-info.ts'
import { UNKNOWN_USAGE } from '../core/usage.ts'
import type { ModelLimits } from '../pricing/price-list.ts'
import type { Clock } from '../runtime.ts'

/** A long piece of work: iterate it for its progress, or await `done`. Leaving the loop stops it. */
export interface ProgressStream extends AsyncIterable<Progress> {
  /** Resolves at the end of the work, rejects where it failed or was left; asking for it without iterating does the work. */
  readonly done: Promise<void>
}

/** What has become of a provider's models. */
export interface ModelChanges {
  /** All models that there are now. */
  readonly models: readonly ModelInfo[]
  readonly added: readonly ModelInfo[]
  /** Those that have the name of one from before and another content. */
  readonly changed: readonly ModelInfo[]
  /** Those from before that are gone, as they were. */
  readonly removed: readonly ModelInfo[]
  /** When the provider was asked; ISO 8601. */
  readonly at: string
}

/** The same for all providers: one that cannot be asked says why, and the others are not held up by it. */
export type ProviderModels =
  | ({ readonly provider: string; readonly status: 'synced' } & ModelChanges)
  | { readonly provider: string; readonly status: 'failed'; readonly error: AIError }

/** What the models of a client work with. */
export interface ModelsSource {
  readonly driver: Driver
  readonly clock: Clock
  /** What the price data knows of a model's limits. */
  limits(vendor: string | undefined, model: string, provider: string): Promise<ModelLimits | undefined>
  /** Told of each comparison. */
  synced(changes: ModelChanges): void
}

/** What each driver listed when it was last compared; a client has its drivers to itself. */
const lastSeen = new WeakMap<Driver, readonly ModelInfo[]>()

/** The models of a provider. A verb that the provider does not have is refused with `capability_unsupported`. */
export class Models {
  readonly #open: () => Promise<ModelsSource>

  constructor(open: () => Promise<ModelsSource>) {
    this.#open = open
  }

  /** All models that the provider has. A provider that is down rejects; it is never an empty list. */
  async list(options?: QueryOptions): Promise<readonly ModelInfo[]> {
    const source = await this.#open()
    const models = await source.driver.listModels(options)
    return Promise.all(models.map((model) => withLimits(source, model)))
  }

  /** One model. @throws AIError `model_not_found` */
  async get(id: string, options?: QueryOptions): Promise<ModelInfo> {
    const source = await this.#open()
    return withLimits(source, await source.driver.getModel(id, options))
  }

  /**
   * Compares the provider's models with `previous`, by id and content. @default what this client saw at its last `sync`;
   * before the first one that is nothing, and all are added
   */
  async sync(previous?: readonly ModelInfo[], options?: QueryOptions): Promise<ModelChanges> {
    const source = await this.#open()
    const { driver, clock } = source
    const at = new Date(clock.now()).toISOString()
    const models = await this.list(options)
    const before = byId(previous ?? lastSeen.get(driver) ?? [])
    lastSeen.set(driver, models)
    const now = byId(models)
    const changes: ModelChanges = {
      models,
      added: models.filter(({ id }) => !before.has(id)),
      changed: models.filter((model) => isChanged(before.get(model.id), model)),
      removed: [...before.values()].filter(({ id }) => !now.has(id)),
      at,
    }
    source.synced(changes)
    return changes
  }

  /** The models that are loaded now. */
  async running(options?: QueryOptions): Promise<readonly RunningModel[]> {
    return (await this.#management()).running(options)
  }

  /** Loads a model before it is needed; a cold one takes from seconds to minutes. */
  async load(id: string, options?: LoadOptions): Promise<void> {
    await (await this.#management()).load(id, options)
  }

  /** Frees the memory that a model takes, when the calls that use it are done. */
  async unload(id: string, options?: QueryOptions): Promise<void> {
    await (await this.#management()).unload(id, options)
  }

  /** Makes a second name for a model. */
  async copy(from: string, to: string, options?: QueryOptions): Promise<void> {
    await (await this.#management()).copy(from, to, options)
  }

  /** Deletes a model from the server's disk. */
  async remove(id: string, options?: QueryOptions): Promise<void> {
    await (await this.#management()).remove(id, options)
  }

  /** Downloads a model; what was there of it is not downloaded again. */
  pull(id: string, options?: QueryOptions): ProgressStream {
    return this.#work((management) => management.pull(id, options))
  }

  /** Uploads a model. */
  push(id: string, options?: QueryOptions): ProgressStream {
    return this.#work((management) => management.push(id, options))
  }

  /** Makes a model of another one, or of files. */
  create(id: string, options: CreateOptions): ProgressStream {
    return this.#work((management) => management.create(id, options))
  }

  async #management(): Promise<ModelManagement> {
    const { driver } = await this.#open()
    if (driver.capabilities.has('model-management') && driver.management) return driver.management
    throw new AIError({
      code: 'capability_unsupported',
      message: `The driver of ${driver.provider} cannot manage models`,
      provider: driver.provider,
      details: { capability: 'model-management' },
    })
  }

  #work(start: (management: ModelManagement) => AsyncIterable<Progress>): ProgressStream {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    // Whoever iterates is told of a failure there.
    promise.catch(() => {})
    let started = false
    const run = async function* (open: () => Promise<ModelManagement>): AsyncGenerator<Progress, void> {
      started = true
      try {
        yield* start(await open())
        resolve()
      } catch (error) {
        reject(error)
        throw error
      } finally {
        // Says nothing where the work came to an end of its own.
        reject(left())
      }
    }
    const work = run(() => this.#management())
    const finish = async (): Promise<void> => {
      for await (const progress of work) void progress
      reject(left())
    }
    return {
      [Symbol.asyncIterator]: () => work,
      get done() {
        if (!started) finish().catch(() => {})
        return promise
      },
    }
  }
}

function byId(models: readonly ModelInfo[]): ReadonlyMap<string, ModelInfo> {
  return new Map(models.map((model) => [model.id, model]))
}

/** The limits that the provider does not tell, as far as the price data knows them. */
async function withLimits(source: ModelsSource, model: ModelInfo): Promise<ModelInfo> {
  if (model.contextLength !== undefined && model.maxOutputTokens !== undefined) return model
  const { vendor } = source.driver.bill(model.id, UNKNOWN_USAGE, undefined)
  if (vendor === undefined) return model
  const known = await source.limits(vendor, model.id, source.driver.provider)
  const contextLength = model.contextLength ?? known?.contextLength
  const maxOutputTokens = model.maxOutputTokens ?? known?.maxOutputTokens
  return {
    ...model,
    ...(contextLength === undefined ? {} : { contextLength }),
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
  }
}

/** A provider that tells no digest may tell when a model was changed, or what it can. */
function isChanged(before: ModelInfo | undefined, now: ModelInfo): boolean {
  if (!before) return false
  if (before.digest !== undefined && now.digest !== undefined) return before.digest !== now.digest
  return factsOf(before) !== factsOf(now)
}

function factsOf(model: ModelInfo): string {
  const { contextLength, maxOutputTokens, capabilities, modifiedAt } = model
  return JSON.stringify([contextLength, maxOutputTokens, capabilities.toSorted(), modifiedAt])
}

function left(): AIError {
  return new AIError({ code: 'aborted', message: 'The work was left before its end' })
}
