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

/** A long piece of work: iterate it for its progress, or await `done`. Leaving the loop stops it. */
export interface ProgressStream extends AsyncIterable<Progress> {
  /** Resolves at the end of the work; asking for it without iterating does the work. */
  readonly done: Promise<void>
}

/** The models of a provider. A verb that the provider does not have is refused with `capability_unsupported`. */
export class Models {
  readonly #open: () => Promise<Driver>

  constructor(open: () => Promise<Driver>) {
    this.#open = open
  }

  /** All models that the provider has. A provider that is down rejects; it is never an empty list. */
  async list(options?: QueryOptions): Promise<readonly ModelInfo[]> {
    return (await this.#open()).listModels(options)
  }

  /** One model. @throws AIError `model_not_found` */
  async get(id: string, options?: QueryOptions): Promise<ModelInfo> {
    return (await this.#open()).getModel(id, options)
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
    const driver = await this.#open()
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
      }
    }
    const work = run(() => this.#management())
    const finish = async (): Promise<void> => {
      for await (const progress of work) void progress
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
