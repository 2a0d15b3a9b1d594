import type { Sink } from '../core/call.ts'
import type { AIResponse } from '../core/response.ts'
import type { StreamEvent } from '../core/stream.ts'

/** Events that wait for a slow reader before the provider's connection is paused. */
const WAITING_EVENTS_MAX = 256

/** Starts a call that writes its events into `sink` and stops when `signal` fires. */
export type StartStream<Output> = (sink: Sink, signal: AbortSignal) => Promise<AIResponse<Output>>

/**
 * A streamed answer: iterate it for its events, await `response` for the whole. It starts at once. A slow reader slows
 * the provider down; leaving the loop early aborts the call, which is booked before the loop is left.
 */
export class AnswerStream<Output = unknown> implements AsyncIterable<StreamEvent> {
  readonly #controller = new AbortController()
  readonly #response: Promise<AIResponse<Output>>
  #waiting: StreamEvent[] = []
  /** Index of the next event in `#waiting`: shifting an array would move all that follow. */
  #next = 0
  #ended = false
  #failure: { readonly error: unknown } | undefined
  #unbounded = false
  #reader: ((result: IteratorResult<StreamEvent>) => void) | undefined
  #failReader: ((error: unknown) => void) | undefined
  #resume: (() => void) | undefined

  constructor(start: StartStream<Output>, signal: AbortSignal | undefined) {
    const onAbort = (): void => this.#controller.abort(signal?.reason)
    if (signal?.aborted) onAbort()
    else signal?.addEventListener('abort', onAbort, { once: true })
    this.#response = start({ write: (event) => this.#write(event) }, this.#controller.signal)
    this.#response.then(
      () => this.#end(undefined),
      (error: unknown) => this.#end({ error }),
    )
    // `finally` passes a rejection on; it is told to whoever awaits `response` or iterates.
    this.#response.finally(() => signal?.removeEventListener('abort', onAbort)).catch(() => {})
  }

  /** The complete answer, the same that `sendMessage` would have given. Awaiting it without iterating reads to the end. */
  get response(): Promise<AIResponse<Output>> {
    // Nobody may ever iterate: what waits is then kept, and nothing is paused for it.
    this.#unbounded = true
    this.#release()
    return this.#response
  }

  /** Stops the call: the connection closes at once and what was used is booked. Harmless after the end. */
  abort(reason?: unknown): void {
    this.#controller.abort(reason)
    this.#release()
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamEvent, undefined> {
    return {
      next: () => this.#read(),
      return: async () => {
        this.abort(new Error('The reader of the stream left it'))
        await this.#response.catch(() => {})
        return { done: true, value: undefined }
      },
    }
  }

  #write(event: StreamEvent): void | Promise<void> {
    const reader = this.#reader
    if (reader) {
      this.#reader = undefined
      reader({ done: false, value: event })
      return undefined
    }
    this.#waiting.push(event)
    const full = this.#waiting.length - this.#next >= WAITING_EVENTS_MAX
    if (!full || this.#unbounded || this.#controller.signal.aborted) return undefined
    return new Promise((resolve) => (this.#resume = resolve))
  }

  #read(): Promise<IteratorResult<StreamEvent, undefined>> {
    const value = this.#waiting[this.#next]
    if (value !== undefined) {
      this.#next++
      if (this.#next === this.#waiting.length) {
        this.#waiting = []
        this.#next = 0
        this.#release()
      }
      return Promise.resolve({ done: false, value })
    }
    if (this.#failure) return Promise.reject(this.#failure.error)
    if (this.#ended) return Promise.resolve({ done: true, value: undefined })
    return new Promise((resolve, reject) => {
      this.#reader = resolve as (result: IteratorResult<StreamEvent>) => void
      this.#failReader = reject
    })
  }

  #release(): void {
    this.#resume?.()
    this.#resume = undefined
  }

  #end(failure: { readonly error: unknown } | undefined): void {
    this.#ended = true
    this.#failure = failure
    const reader = this.#reader
    this.#reader = undefined
    if (!reader) return
    if (failure) this.#failReader?.(failure.error)
    else reader({ done: true, value: undefined })
  }
}
