import type { Agent, Dispatcher } from 'undici'
import type { Clock } from '../runtime.ts'
import { joinBytes } from './bytes.ts'
import { abortedError, consumedError, interruptedError, networkError } from './failures.ts'
import { parseTarget } from './target.ts'
import type { Target } from './target.ts'
import type { Exchange, Transport, TransportRequest } from './transport.ts'
import { Watch } from './watch.ts'

const IDLE_CONNECTION_MS_MAX = 4_000

/** The transport over the dispatcher of `undici`. */
export class UndiciTransport implements Transport {
  readonly #clock: Clock
  readonly #running = new Set<UndiciExchange>()
  #agent: Agent | undefined
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  async send(request: TransportRequest): Promise<Exchange> {
    const { signal } = request
    if (signal?.aborted === true) throw abortedError(signal.reason)
    if (this.#closed) throw abortedError(new Error('The transport is closed.'))
    const target = parseTarget(request.url)
    if (this.#agent === undefined) {
      const { Agent } = await import('undici')
      this.#agent ??= new Agent({
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: IDLE_CONNECTION_MS_MAX,
        allowH2: false,
        connect: { timeout: 0 },
      })
    }
    const agent = this.#agent
    return new Promise((resolve, reject) => {
      const exchange = new UndiciExchange(this.#clock, request, target, {
        resolve,
        reject,
        over: (done) => this.#running.delete(done),
      })
      this.#running.add(exchange)
      exchange.start(agent)
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const exchange of this.#running) exchange.abort()
    await this.#agent?.destroy()
  }
}

interface Outcome {
  readonly resolve: (exchange: Exchange) => void
  readonly reject: (error: unknown) => void
  readonly over: (exchange: UndiciExchange) => void
}

interface Reader {
  readonly take: (piece: Uint8Array) => void | Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** One request and its response: itself the handler of the dispatcher. */
class UndiciExchange implements Exchange, Dispatcher.DispatchHandler {
  status = 0
  #raw: Record<string, string | string[] | undefined> = {}
  #flat: Readonly<Record<string, string>> | undefined
  readonly #request: TransportRequest
  readonly #target: Target
  readonly #outcome: Outcome
  readonly #watch: Watch
  #controller: Dispatcher.DispatchController | undefined
  #reader: Reader | undefined
  #answered = false
  #waiting: Uint8Array[] = []
  #busy = false
  #ended = false
  #over = false
  #failure: { readonly error: unknown } | undefined

  constructor(clock: Clock, request: TransportRequest, target: Target, outcome: Outcome) {
    this.#request = request
    this.#target = target
    this.#outcome = outcome
    this.#watch = new Watch(clock, request, target.label, (error) => this.#fail(error))
  }

  get headers(): Readonly<Record<string, string>> {
    this.#flat ??= flatten(this.#raw)
    return this.#flat
  }

  start(agent: Agent): void {
    const { method, headers, body, url } = this.#request
    const origin = url.slice(0, url.length - this.#target.path.length)
    const { path } = this.#target
    agent.dispatch({ origin, path, method, headers: { ...headers }, body: body ?? null }, this)
  }

  abort(): void {
    this.#fail(abortedError())
  }

  consume(take: (piece: Uint8Array) => void | Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#reader !== undefined) throw consumedError()
      this.#reader = { take, resolve, reject }
      if (this.#failure !== undefined) {
        reject(this.#failure.error)
        return
      }
      this.#watch.reading()
      this.#drain(true)
    })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) controller.abort(new Error('aborted'))
    else this.#watch.connected()
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return
    this.status = status
    this.#raw = headers
    this.#answered = true
    this.#watch.rest()
    this.#outcome.resolve(this)
  }

  onResponseData(controller: Dispatcher.DispatchController, piece: Uint8Array): void {
    // A pause in the middle of a chunk gives an empty piece, and a pause for that another one, for ever.
    if (this.#over || piece.length === 0) return
    this.#waiting.push(piece)
    if (this.#reader === undefined || this.#busy) controller.pause()
    else if (this.#waiting.length === 1) queueMicrotask(() => this.#drain(false))
  }

  onResponseEnd(): void {
    this.#ended = true
    if (this.#reader !== undefined) this.#drain(false)
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#answered) this.#fail(interruptedError(error, this.#target.label))
    else this.#fail(networkError(error, this.#target.label))
  }

  #hand(): void {
    const reader = this.#reader
    const [first] = this.#waiting
    if (this.#over || this.#busy || reader === undefined || first === undefined) return
    const piece = this.#waiting.length === 1 ? first : joinBytes(this.#waiting)
    this.#waiting = []
    this.#watch.touch()
    try {
      const busy = reader.take(piece)
      if (busy === undefined) return
      this.#busy = true
      this.#controller?.pause()
      this.#watch.rest()
      busy.then(
        () => this.#resume(),
        (error: unknown) => this.#fail(error),
      )
    } catch (error) {
      this.#fail(error)
    }
  }

  #resume(): void {
    this.#busy = false
    if (this.#over) return
    this.#watch.reading()
    this.#drain(true)
  }

  #drain(resume: boolean): void {
    this.#hand()
    if (this.#busy || this.#over) return
    if (this.#ended) this.#finish()
    else if (resume) this.#controller?.resume()
  }

  #finish(): void {
    if (this.#over) return
    this.#settle()
    this.#reader?.resolve()
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#failure = { error }
    this.#settle()
    this.#controller?.abort(new Error('aborted'))
    if (this.#answered) this.#reader?.reject(error)
    else this.#outcome.reject(error)
  }

  #settle(): void {
    this.#over = true
    this.#watch.stop()
    this.#outcome.over(this)
  }
}

function flatten(headers: Record<string, string | string[] | undefined>): Readonly<Record<string, string>> {
  const flat: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return flat
}
