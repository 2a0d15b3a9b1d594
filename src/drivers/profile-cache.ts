import { AIError } from '../core/errors.ts'
import type { ModelInfo } from '../core/model-info.ts'
import type { Clock } from '../runtime.ts'

/** How long a model's description is believed, in milliseconds. */
const PROFILE_TTL_MS = 300_000
/** How long it is believed that nothing can be known of a model, in milliseconds: the server may just be busy. */
const UNTOLD_TTL_MS = 10_000
/** Most models whose descriptions are kept. */
const PROFILES_MAX = 1_000

/** Asks for a model's description; undefined where there is nothing to ask. */
export type Describe = (id: string, signal: AbortSignal) => Promise<ModelInfo | undefined> | undefined

/** How long a call waits for a description. */
export interface Patience {
  readonly signal: AbortSignal | undefined
  readonly timeLeftMs: number | undefined
}

interface Entry {
  readonly promise: Promise<ModelInfo | undefined>
  readonly question: AbortController
  /** Calls that wait for the answer: when the last one has left, the question is dropped. */
  waiting: number
  expiresMs: number
  value?: ModelInfo | undefined
  /** What it says may no longer be true. */
  isStale?: boolean
  /** What was known before it was asked again: calls that began with it are billed by it. */
  readonly before: ModelInfo | undefined
}

/** Descriptions of models, each asked for once: calls that start together share one question. */
export class ProfileCache {
  readonly #clock: Clock
  readonly #describe: Describe
  readonly #entries = new Map<string, Entry>()

  constructor(clock: Clock, describe: Describe) {
    this.#clock = clock
    this.#describe = describe
  }

  /** The description, asked for if it is not known or too old. A failed question is not remembered. */
  get(id: string, patience: Patience): Promise<ModelInfo | undefined> | ModelInfo | undefined {
    const known = this.#entries.get(id)
    if (known && !known.isStale && known.expiresMs > this.#clock.elapsed()) {
      return 'value' in known ? known.value : this.#wait(id, known, patience)
    }
    return this.#wait(id, this.#ask(id), patience)
  }

  /** The description as far as it is known now. */
  peek(id: string): ModelInfo | undefined {
    const entry = this.#entries.get(id)
    return entry && 'value' in entry ? entry.value : entry?.before
  }

  /** Has models described anew before their next call; calls that are under way are billed by what was known. */
  forget(isSame: (id: string) => boolean): void {
    for (const [id, entry] of this.#entries) if (isSame(id)) entry.isStale = true
  }

  #ask(id: string): Entry {
    const question = new AbortController()
    const promise = this.#describe(id, question.signal) ?? Promise.resolve(undefined)
    const expiresMs = this.#clock.elapsed() + PROFILE_TTL_MS
    const entry: Entry = { promise, question, waiting: 0, expiresMs, before: this.peek(id) }
    if (this.#entries.size >= PROFILES_MAX) this.#entries.delete(this.#entries.keys().next().value ?? id)
    this.#entries.set(id, entry)
    promise.then(
      (value) => this.#keep(entry, value),
      () => this.#drop(id, entry),
    )
    return entry
  }

  #keep(entry: Entry, value: ModelInfo | undefined): void {
    entry.value = value
    if (value === undefined) entry.expiresMs = this.#clock.elapsed() + UNTOLD_TTL_MS
  }

  #drop(id: string, entry: Entry): void {
    if (this.#entries.get(id) === entry) this.#entries.delete(id)
  }

  /** Stops waiting when the signal fires or the time is over; the question itself goes on for others who wait. */
  #wait(id: string, entry: Entry, { signal, timeLeftMs }: Patience): Promise<ModelInfo | undefined> {
    if (signal?.aborted) return Promise.reject(aborted(signal))
    entry.waiting++
    return new Promise((resolve, reject) => {
      let waits = true
      const stop = (): void => {
        if (!waits) return
        waits = false
        entry.waiting--
        signal?.removeEventListener('abort', onAbort)
        cancel?.()
      }
      const leave = (error: AIError): void => {
        stop()
        reject(error)
        if (entry.waiting > 0) return
        this.#drop(id, entry)
        entry.question.abort(error)
      }
      const onAbort = (): void => leave(aborted(signal))
      signal?.addEventListener('abort', onAbort, { once: true })
      const cancel =
        timeLeftMs === undefined
          ? undefined
          : this.#clock.after(timeLeftMs, () => leave(outOfTime(timeLeftMs)))
      entry.promise.finally(stop).then(resolve, reject)
    })
  }
}

function aborted(signal: AbortSignal | undefined): AIError {
  return new AIError({
    code: 'aborted',
    message: 'The call was aborted by its signal',
    cause: signal?.reason,
    // The model was only being asked about.
    details: { sent: false },
  })
}

function outOfTime(afterMs: number): AIError {
  return new AIError({
    code: 'timed_out',
    message:
      'The time for this call (timeoutMs) was over before the model was described: raise it, or try again',
    details: { deadline: 'total', afterMs, sent: false },
  })
}
