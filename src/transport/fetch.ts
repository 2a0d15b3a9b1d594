import type { Clock } from '../runtime.ts'
import { abortedError, consumedError, interruptedError, networkError } from './failures.ts'
import { parseTarget } from './target.ts'
import type { Target } from './target.ts'
import type { Exchange, Transport, TransportRequest } from './transport.ts'
import { Watch } from './watch.ts'

type Fetch = typeof globalThis.fetch

/**
 * The transport over a `fetch`: for runtimes other than Node, and for whoever passes their own.
 *
 * `fetch` does not tell when the connection stands. So `connectMs` and `firstByteMs` make one deadline together
 * here, and where only `connectMs` is given nothing is watched until the headers are there.
 */
export class FetchTransport implements Transport {
  readonly #clock: Clock
  readonly #fetch: Fetch
  readonly #running = new Set<FetchExchange>()
  #closed = false

  constructor(clock: Clock, fetch: Fetch) {
    this.#clock = clock
    this.#fetch = fetch
  }

  async send(request: TransportRequest): Promise<Exchange> {
    const { signal } = request
    if (signal?.aborted === true) throw abortedError(signal.reason)
    if (this.#closed) throw abortedError(new Error('The transport is closed.'))
    const target = parseTarget(request.url)
    const exchange = new FetchExchange(this.#clock, request, target, () => this.#running.delete(exchange))
    this.#running.add(exchange)
    return exchange.start(this.#fetch)
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const exchange of this.#running) exchange.abort()
  }
}

/** One request and its response. */
class FetchExchange implements Exchange {
  readonly #target: Target
  readonly #request: TransportRequest
  readonly #onOver: () => void
  readonly #watch: Watch
  readonly #controller = new AbortController()
  /** Rejects with what ended the exchange before its time, without waiting for `fetch` to notice. */
  readonly #failed: Promise<never>
  #reject: (error: unknown) => void = () => {}
  #response: Response | undefined
  #headers: Readonly<Record<string, string>> | undefined
  #consumed = false
  #over = false

  constructor(clock: Clock, request: TransportRequest, target: Target, onOver: () => void) {
    this.#request = request
    this.#target = target
    this.#onOver = onOver
    this.#failed = new Promise((_resolve, reject) => {
      this.#reject = reject
    })
    // Whoever waits for the exchange sees the rejection; where nobody waits it must not end the process.
    this.#failed.catch(() => {})
    const { connectMs, firstByteMs } = request.deadlines ?? {}
    const headersMs = firstByteMs === undefined ? undefined : firstByteMs + (connectMs ?? 0)
    const watched = {
      ...request,
      deadlines: { ...request.deadlines, connectMs: undefined, firstByteMs: headersMs },
    }
    this.#watch = new Watch(clock, watched, target.label, (error) => this.#fail(error))
    this.#watch.connected()
  }

  get status(): number {
    return this.#response?.status ?? 0
  }

  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= Object.fromEntries(this.#response?.headers ?? [])
    return this.#headers
  }

  async start(fetch: Fetch): Promise<Exchange> {
    const { method, url, headers, body } = this.#request
    try {
      const { signal } = this.#controller
      const init = { method, headers: { ...headers }, redirect: 'manual', signal } as const
      const sent = fetch(url, body === undefined ? init : { ...init, body: bodyOf(body) })
      this.#response = await Promise.race([sent, this.#failed])
    } catch (error) {
      if (!this.#over) this.#fail(networkError(error, this.#target.label))
      return this.#failed
    }
    this.#watch.rest()
    return this
  }

  abort(): void {
    this.#fail(abortedError())
  }

  async consume(take: (piece: Uint8Array) => void | Promise<void>): Promise<void> {
    if (this.#consumed) throw consumedError()
    this.#consumed = true
    if (this.#over) return this.#failed
    await Promise.race([this.#read(take), this.#failed])
    this.#settle()
  }

  async #read(take: (piece: Uint8Array) => void | Promise<void>): Promise<void> {
    const reader = this.#response?.body?.getReader()
    if (reader === undefined) return
    for (;;) {
      this.#watch.reading()
      const piece = await this.#next(reader)
      if (piece === undefined || this.#over) return
      this.#watch.rest()
      try {
        const busy = take(piece)
        if (busy !== undefined) await busy
      } catch (error) {
        this.#fail(error)
        return
      }
    }
  }

  async #next(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | undefined> {
    try {
      const { value } = await reader.read()
      return value
    } catch (error) {
      this.#fail(interruptedError(error, this.#target.label))
      return undefined
    }
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#settle()
    this.#reject(error)
    this.#controller.abort()
  }

  #settle(): void {
    this.#over = true
    this.#watch.stop()
    this.#onOver()
  }
}

/** `fetch` takes bytes only over memory that is not shared. */
function bodyOf(body: string | Uint8Array): string | Uint8Array<ArrayBuffer> {
  return typeof body === 'string' ? body : new Uint8Array(body)
}
