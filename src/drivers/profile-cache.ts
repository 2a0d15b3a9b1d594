import { AIError } from '../core/errors.ts'
import type { ModelInfo } from '../core/model-info.ts'
import type { Clock } from '../runtime.ts'

/** How long a model's description is believed, in milliseconds. */
const PROFILE_TTL_MS = 300_000
/** Most models whose descriptions are kept. */
const PROFILES_MAX = 1_000

interface Entry {
  readonly promise: Promise<ModelInfo | undefined>
  readonly expiresMs: number
  value?: ModelInfo | undefined
}

/** Descriptions of models, each asked for once: calls that start together share one question. */
export class ProfileCache {
  readonly #clock: Clock
  readonly #describe: (id: string) => Promise<ModelInfo | undefined> | undefined
  readonly #entries = new Map<string, Entry>()

  constructor(clock: Clock, describe: (id: string) => Promise<ModelInfo | undefined> | undefined) {
    this.#clock = clock
    this.#describe = describe
  }

  /** The description, asked for if it is not known or too old. A failed question is not remembered. */
  get(id: string, signal: AbortSignal | undefined): Promise<ModelInfo | undefined> | ModelInfo | undefined {
    const known = this.#entries.get(id)
    if (known && known.expiresMs > this.#clock.elapsed()) {
      return 'value' in known ? known.value : unlessAborted(known.promise, signal)
    }
    const promise = this.#describe(id) ?? Promise.resolve(undefined)
    const entry: Entry = { promise, expiresMs: this.#clock.elapsed() + PROFILE_TTL_MS }
    if (this.#entries.size >= PROFILES_MAX) this.#entries.delete(this.#entries.keys().next().value ?? id)
    this.#entries.set(id, entry)
    promise.then(
      (value) => (entry.value = value),
      () => this.#entries.get(id) === entry && this.#entries.delete(id),
    )
    return unlessAborted(promise, signal)
  }

  /** The description as far as it is known now. */
  peek(id: string): ModelInfo | undefined {
    return this.#entries.get(id)?.value
  }
}

/** Stops waiting when the signal fires; the question itself goes on for the others who wait. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  const stop = (): AIError =>
    new AIError({ code: 'aborted', message: 'The call was aborted by its signal', cause: signal.reason })
  if (signal.aborted) return Promise.reject(stop())
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(stop())
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
