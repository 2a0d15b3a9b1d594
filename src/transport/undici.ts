import type { Dispatcher } from 'undici'
import { AIError } from '../core/errors.ts'
import type { Clock } from '../runtime.ts'
import { joinBytes } from './bytes.ts'
import { abortedError, consumedError, interruptedError, networkError, unsendableError } from './failures.ts'
import { parseTarget } from './target.ts'
import type { Target } from './target.ts'
import type { Exchange, Transport, TransportRequest } from './transport.ts'
import { ConnectionPool, loadUndici } from './undici-pool.ts'
import type { Connection } from './undici-pool.ts'
import { Watch } from './watch.ts'

/** Most pieces of a body that are kept for a reader who has not come yet: then the connection rests. */
const UNREAD_PIECES_MAX = 8

/** Exchanges under way from which on those that are answered in one turn of the event loop go on together. */
const TOGETHER_MIN = 8

/** The transport on Node: over undici's client, without the `fetch` on top of it. */
export class UndiciTransport implements Transport {
  readonly #clock: Clock
  readonly #running = new Running()
  #loading: Promise<ConnectionPool> | undefined
  #pool: ConnectionPool | undefined
  #last: { readonly url: string; readonly target: Target } | undefined
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  send(request: TransportRequest): Promise<Exchange> {
    const pool = this.#pool
    if (pool !== undefined) return this.#start(request, pool)
    this.#loading ??= this.#load()
    return this.#loading.then((loaded) => this.#start(request, loaded))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#running.abortAll()
    this.#pool?.close()
  }

  async #load(): Promise<ConnectionPool> {
    try {
      this.#pool = new ConnectionPool(await loadUndici())
      return this.#pool
    } catch (error) {
      this.#loading = undefined
      throw new AIError({
        code: 'config_invalid',
        message:
          'The HTTP client cannot be loaded: `undici` is not installed, or a bundler could not take it in. Install it, ' +
          'leave it out of the bundle (`external`), or pass a `fetch` of your own.',
        cause: error,
      })
    }
  }

  #start(request: TransportRequest, pool: ConnectionPool): Promise<Exchange> {
    return new Promise((resolve, reject) => {
      const { signal } = request
      if (signal?.aborted === true) throw abortedError(signal.reason)
      if (this.#closed) throw abortedError(new Error('The transport is closed.'))
      const target = this.#targetOf(request.url)
      const outcome = { resolve, reject, running: this.#running }
      this.#running.start(new UndiciExchange(this.#clock, request, target, pool, outcome))
    })
  }

  /** Most calls go where the last one went. */
  #targetOf(url: string): Target {
    if (this.#last?.url !== url) this.#last = { url, target: parseTarget(url) }
    return this.#last.target
  }
}

interface Outcome {
  readonly resolve: (exchange: Exchange) => void
  readonly reject: (error: unknown) => void
  readonly running: Running
}

/**
 * The exchanges that are under way; each knows its place. A `Set` that is always added to and taken from is made anew
 * again and again, and each old table holds the next one and what is in it: a tenth of all calls outlived the collection
 * of young objects by that, and half of its time went into them.
 */
class Running {
  readonly #all: UndiciExchange[] = []
  /** Those whose response has begun, and whose callers do not know it yet. */
  #answered: UndiciExchange[] = []

  start(exchange: UndiciExchange): void {
    exchange.place = this.#all.push(exchange) - 1
    exchange.start()
  }

  /** The last one takes the place of the one that is over. */
  end({ place }: UndiciExchange): void {
    const last = this.#all.pop()
    if (last === undefined || last.place === place) return
    last.place = place
    this.#all[place] = last
  }

  /**
   * Tells that a response has begun: at once where few are under way, else together with the others of this turn of the
   * event loop. All of them go on with the same code: where the system comes in between each time, it is cold again, and
   * a call takes nearly twice the CPU.
   */
  answered(exchange: UndiciExchange): void {
    if (this.#all.length < TOGETHER_MIN) exchange.tell()
    else if (this.#answered.push(exchange) === 1) setImmediate(() => this.#tellAll())
  }

  #tellAll(): void {
    const answered = this.#answered
    this.#answered = []
    for (const exchange of answered) exchange.tell()
  }

  abortAll(): void {
    for (const exchange of this.#all.toReversed()) exchange.abort()
  }
}

/** For the next microtask: `queueMicrotask` makes a resource for async hooks each time, a promise does not. */
const SOON = Promise.resolve()

interface Reader {
  readonly take: (piece: Uint8Array) => void | Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

type RawHeaders = Readonly<Record<string, string | string[] | undefined>>

/** One request and its response, and what the client calls back for them. */
class UndiciExchange implements Exchange, Dispatcher.DispatchHandler {
  status = 0
  /** Where it stands among those that are under way. */
  place = 0
  readonly #request: TransportRequest
  readonly #target: Target
  readonly #pool: ConnectionPool
  readonly #outcome: Outcome
  readonly #watch: Watch
  #connection: Connection | undefined
  #controller: Dispatcher.DispatchController | undefined
  #rawHeaders: RawHeaders | undefined
  #headers: Readonly<Record<string, string>> | undefined
  #reader: Reader | undefined
  /** Pieces that came in this turn of the event loop, or while the reader was busy. */
  #pieces: Uint8Array[] = []
  /** The reader has a piece in work. */
  #busy = false
  /** The body is complete, though the reader may not have all of it yet. */
  #ended = false
  #over = false
  /** Why the exchange failed; an object, since a reader may throw anything, also undefined. */
  #failure: { readonly error: unknown } | undefined

  constructor(
    clock: Clock,
    request: TransportRequest,
    target: Target,
    pool: ConnectionPool,
    outcome: Outcome,
  ) {
    this.#request = request
    this.#target = target
    this.#pool = pool
    this.#outcome = outcome
    this.#watch = new Watch(clock, request, target.label, (error) => this.#fail(error))
  }

  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= flatten(this.#rawHeaders ?? {})
    return this.#headers
  }

  start(): void {
    const { method, headers, body = null } = this.#request
    const { origin, path } = this.#target
    this.#connection = this.#pool.take(origin)
    this.#connection.client.dispatch({ origin, path, method, headers, body }, this)
  }

  abort(): void {
    this.#fail(abortedError())
  }

  consume(take: (piece: Uint8Array) => void | Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#reader !== undefined) throw consumedError()
      this.#reader = { take, resolve, reject }
      if (this.#failure === undefined) this.#resume()
      else reject(this.#failure.error)
    })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#watch.connected()
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: RawHeaders): void {
    // What comes before the response proper (103 Early Hints and the like) is of no use here.
    if (status < 200 || this.#over) return
    this.status = status
    this.#rawHeaders = headers
    this.#watch.rest()
    this.#outcome.running.answered(this)
  }

  /** Hands the exchange to its caller; what has become of it meanwhile is found when the body is read. */
  tell(): void {
    this.#outcome.resolve(this)
  }

  /**
   * Notes a piece. What one read of the socket brings is handed over together: a burst of small HTTP chunks then
   * costs the reader one call instead of hundreds, and a piece that comes alone waits for no more than the microtask.
   */
  onResponseData(controller: Dispatcher.DispatchController, piece: Uint8Array): void {
    // What is resumed gives an empty piece first: nothing to hand on, and to pause for it again would never end.
    if (this.#over || piece.length === 0) return
    this.#pieces.push(piece)
    if (this.#reader === undefined) {
      // The whole body of most answers comes with their headers, before anybody can ask for it; of a burst as much as its
      // reader looks at first.
      if (this.#pieces.length >= UNREAD_PIECES_MAX) controller.pause()
    } else if (this.#busy) controller.pause()
    else if (this.#pieces.length === 1) void SOON.then(() => this.#hand())
  }

  onResponseEnd(): void {
    if (this.#over) return
    this.#ended = true
    const connection = this.#connection
    this.#connection = undefined
    if (connection !== undefined) this.#pool.release(connection)
    if (this.#reader !== undefined) this.#finish()
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#over) return
    const connection = this.#connection
    if (this.#rawHeaders !== undefined) {
      this.#fail(interruptedError(error, this.#target.label))
    } else if ('code' in error && error.code === 'UND_ERR_INVALID_ARG') {
      // Bad characters are refused before anything is sent; the message names the header, never the value.
      this.#fail(unsendableError(`The request cannot be sent: ${error.message}.`))
    } else if (connection?.reused === true && this.#mayReplay(error)) {
      this.#pool.discard(connection)
      // Where one kept connection has gone stale the others of that host most likely have as well. The next one is
      // new, so a request is repeated once at most.
      this.#pool.dropIdle(this.#target.origin)
      this.start()
    } else {
      const details = connection?.reused === true ? { reusedConnection: true } : {}
      this.#fail(networkError(error, this.#target.label, details))
    }
  }

  /**
   * A kept connection may be closed by the server just when a request goes out on it. The client looks whether it
   * was before it sends; what is left is a goodbye on its way. Sending the request again is safe only when the server
   * cannot have acted on it: it changes nothing (GET, HEAD), or the system refused some of its bytes. Any other
   * request may have reached the model and cost money, so the caller decides.
   */
  #mayReplay(error: Error): boolean {
    if (!('code' in error)) return false
    const { code } = error
    if (code !== 'UND_ERR_SOCKET' && code !== 'ECONNRESET' && code !== 'EPIPE') return false
    const { method } = this.#request
    if (method === 'GET' || method === 'HEAD') return true
    return 'syscall' in error && error.syscall === 'write'
  }

  #hand(): void {
    const reader = this.#reader
    if (this.#over || this.#busy || reader === undefined || this.#pieces.length === 0) return
    const piece = joinBytes(this.#pieces)
    this.#pieces = []
    this.#watch.touch()
    try {
      const busy = reader.take(piece)
      if (busy === undefined) return
      // The next piece that comes pauses the connection.
      this.#busy = true
      this.#watch.rest()
      busy.then(
        () => this.#resume(),
        (error: unknown) => this.#fail(error),
      )
    } catch (error) {
      this.#fail(error)
    }
  }

  /** The reader is ready for more. */
  #resume(): void {
    this.#busy = false
    if (this.#over) return
    if (this.#ended) {
      this.#finish()
      return
    }
    this.#watch.reading()
    this.#hand()
    if (!this.#busy && !this.#over) this.#controller?.resume()
  }

  #finish(): void {
    this.#hand()
    if (this.#busy || this.#over) return
    this.#settle()
    this.#reader?.resolve()
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#failure = { error }
    this.#settle()
    this.#pieces = []
    if (this.#connection !== undefined) this.#pool.discard(this.#connection)
    if (this.#rawHeaders === undefined) this.#outcome.reject(error)
    else this.#reader?.reject(error)
  }

  #settle(): void {
    this.#over = true
    this.#watch.stop()
    this.#outcome.running.end(this)
  }
}

function flatten(headers: RawHeaders): Readonly<Record<string, string>> {
  const flat: Record<string, string> = {}
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) flat[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return flat
}
