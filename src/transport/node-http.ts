import type * as Http from 'node:http'
import type * as Https from 'node:https'
import type { Clock, Runtime } from '../runtime.ts'
import { joinBytes } from './bytes.ts'
import { abortedError, consumedError, interruptedError, networkError, unsendableError } from './failures.ts'
import { NodePool } from './node-pool.ts'
import { parseTarget } from './target.ts'
import type { Target } from './target.ts'
import type { Exchange, Transport, TransportRequest } from './transport.ts'
import { Watch } from './watch.ts'

interface Client {
  readonly request: typeof Http.request
  readonly pool: NodePool
}

/** The transport over `node:http` and `node:https`, with one keep-alive pool per instance. */
export class NodeHttpTransport implements Transport {
  readonly #runtime: Runtime
  readonly #clients = new Map<string, Client>()
  readonly #running = new Set<NodeHttpExchange>()
  #last: { readonly url: string; readonly target: Target } | undefined
  #closed = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  send(request: TransportRequest): Promise<Exchange> {
    return new Promise((resolve, reject) => {
      const { signal } = request
      if (signal?.aborted === true) throw abortedError(signal.reason)
      if (this.#closed) throw abortedError(new Error('The transport is closed.'))
      const target = this.#targetOf(request.url)
      const outcome = { resolve, reject, running: this.#running }
      const exchange = new NodeHttpExchange(
        this.#runtime.clock,
        request,
        target,
        this.#client(target),
        outcome,
      )
      this.#running.add(exchange)
      exchange.start()
    })
  }

  close(): Promise<void> {
    this.#closed = true
    for (const exchange of this.#running) exchange.abort()
    for (const { pool } of this.#clients.values()) pool.destroy()
    return Promise.resolve()
  }

  /** Most calls go where the last one went. */
  #targetOf(url: string): Target {
    if (this.#last?.url !== url) this.#last = { url, target: parseTarget(url) }
    return this.#last.target
  }

  #client({ protocol }: Target): Client {
    const known = this.#clients.get(protocol)
    if (known !== undefined) return known
    const module = this.#runtime.builtin(protocol.slice(0, -1))
    if (!isHttpModule(module)) throw unsendableError(`This runtime has no client for ${protocol} addresses.`)
    const client = { request: module.request, pool: new NodePool(module, this.#runtime.clock) }
    this.#clients.set(protocol, client)
    return client
  }
}

function isHttpModule(value: unknown): value is typeof Http | typeof Https {
  return typeof value === 'object' && value !== null && 'request' in value && 'Agent' in value
}

interface Outcome {
  readonly resolve: (exchange: Exchange) => void
  readonly reject: (error: unknown) => void
  readonly running: Set<NodeHttpExchange>
}

interface Reader {
  readonly take: (piece: Uint8Array) => void | Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** One request and its response. */
class NodeHttpExchange implements Exchange {
  readonly #clock: Clock
  readonly #request: TransportRequest
  readonly #target: Target
  readonly #client: Client
  readonly #outcome: Outcome
  #watch: Watch | undefined
  #sent: Http.ClientRequest | undefined
  #response: Http.IncomingMessage | undefined
  #headers: Readonly<Record<string, string>> | undefined
  #reader: Reader | undefined
  /** Pieces that came in this turn of the event loop and are not handed over yet. */
  #pieces: Uint8Array[] = []
  /** The reader has a piece in work. */
  #busy = false
  /** The body is complete, though the reader may not have all of it yet. */
  #ended = false
  #over = false
  /** Why the exchange failed; an object, since a reader may throw anything, also undefined. */
  #failure: { readonly error: unknown } | undefined
  #replayed = false

  constructor(clock: Clock, request: TransportRequest, target: Target, client: Client, outcome: Outcome) {
    this.#clock = clock
    this.#request = request
    this.#target = target
    this.#client = client
    this.#outcome = outcome
  }

  get status(): number {
    return this.#response?.statusCode ?? 0
  }

  get headers(): Readonly<Record<string, string>> {
    this.#headers ??= flatten(this.#response?.headers ?? {})
    return this.#headers
  }

  start(): void {
    this.#watch = new Watch(this.#clock, this.#request, this.#target.label, (error) => this.#fail(error))
    this.#dispatch()
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
      this.#watch?.reading()
      this.#response?.on('end', () => this.#finish()).on('data', (piece: Uint8Array) => this.#onPiece(piece))
    })
  }

  #dispatch(): void {
    const { method, headers, body } = this.#request
    const { hostname: host, port, path } = this.#target
    try {
      const sent = this.#client.request({ method, headers, host, port, path, agent: this.#client.pool.agent })
      this.#sent = sent
      sent
        .on('error', (error) => this.#onError(sent, error))
        .on('response', (response) => this.#onResponse(response))
      if (sent.reusedSocket) this.#watch?.connected()
      else sent.once('socket', (socket) => this.#onSocket(socket))
      sent.end(body)
    } catch (error) {
      // Node refuses bad characters before it sends; its message names the header, never the value.
      this.#fail(
        unsendableError(error instanceof Error ? `${error.message}.` : 'The request cannot be sent.'),
      )
    }
  }

  #onSocket(socket: NonNullable<Http.ClientRequest['socket']>): void {
    if (socket.connecting) {
      const event = this.#target.protocol === 'https:' ? 'secureConnect' : 'connect'
      socket.once(event, () => this.#watch?.connected())
    } else {
      this.#watch?.connected()
    }
  }

  #onResponse(response: Http.IncomingMessage): void {
    this.#response = response
    response.on('error', (error) => this.#interrupt(error))
    // A server says the same of a connection each time: so once is enough.
    if (this.#sent?.reusedSocket === false) this.#client.pool.note(response.socket, response.headers)
    this.#watch?.rest()
    this.#outcome.resolve(this)
  }

  #onError(sent: Http.ClientRequest, error: Error): void {
    if (this.#over || sent !== this.#sent) return
    if (this.#response !== undefined) {
      this.#interrupt(error)
    } else if (this.#mayReplay(sent, error)) {
      this.#replayed = true
      // Where one kept connection has gone stale the others of that host most likely have as well.
      this.#client.pool.dropIdle(this.#target.hostname, this.#target.port)
      this.#dispatch()
    } else {
      const details = sent.reusedSocket ? { reusedConnection: true } : {}
      this.#fail(networkError(error, this.#target.label, details))
    }
  }

  /**
   * A kept connection may be closed by the server just when a request goes out on it. Sending the request again is
   * safe only when the server cannot have acted on it: it changes nothing (GET, HEAD), or the kernel refused some of
   * its bytes. Any other request may have reached the model and cost money, so the caller decides.
   */
  #mayReplay(sent: Http.ClientRequest, error: Error): boolean {
    if (!sent.reusedSocket || this.#replayed) return false
    if (!('code' in error) || (error.code !== 'ECONNRESET' && error.code !== 'EPIPE')) return false
    const { method } = this.#request
    if (method === 'GET' || method === 'HEAD') return true
    return 'syscall' in error && error.syscall === 'write'
  }

  /**
   * Notes a piece. What one read of the socket brings is handed over together: a burst of small HTTP chunks then
   * costs the reader one call instead of hundreds, and a piece that comes alone waits for no more than the microtask.
   */
  #onPiece(piece: Uint8Array): void {
    if (this.#over) return
    this.#pieces.push(piece)
    if (this.#pieces.length === 1) queueMicrotask(() => this.#hand())
  }

  #hand(): void {
    const reader = this.#reader
    const [first] = this.#pieces
    if (this.#over || this.#busy || reader === undefined || first === undefined) return
    const piece = this.#pieces.length === 1 ? first : joinBytes(this.#pieces)
    this.#pieces = []
    this.#watch?.touch()
    try {
      const busy = reader.take(piece)
      if (busy === undefined) return
      this.#busy = true
      this.#response?.pause()
      this.#watch?.rest()
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
    if (this.#ended) {
      this.#finish()
    } else {
      this.#watch?.reading()
      this.#hand()
      if (!this.#busy) this.#response?.resume()
    }
  }

  #finish(): void {
    this.#ended = true
    this.#hand()
    if (this.#over || this.#busy) return
    this.#settle()
    this.#reader?.resolve()
  }

  /** The body was cut off: what came before the cut still counts. */
  #interrupt(error: Error): void {
    this.#hand()
    this.#fail(interruptedError(error, this.#target.label))
  }

  #fail(error: unknown): void {
    if (this.#over) return
    this.#failure = { error }
    this.#settle()
    // After the end of the body the socket is back in the pool and `#over` has returned above.
    this.#sent?.destroy()
    if (this.#response === undefined) this.#outcome.reject(error)
    else this.#reader?.reject(error)
  }

  #settle(): void {
    this.#over = true
    this.#watch?.stop()
    this.#outcome.running.delete(this)
  }
}

/** Node joins repeated headers itself, except cookies. */
function flatten(headers: Http.IncomingHttpHeaders): Readonly<Record<string, string>> {
  const flat: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = typeof value === 'string' ? value : value.join(', ')
  }
  return flat
}
