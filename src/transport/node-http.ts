import type * as Http from 'node:http'
import type * as Https from 'node:https'
import type { Runtime } from '../runtime.ts'
import { abortedError, consumedError, interruptedError, networkError, unsendableError } from './failures.ts'
import { parseTarget } from './target.ts'
import type { Target } from './target.ts'
import type { Exchange, Transport, TransportRequest } from './transport.ts'
import { Watch } from './watch.ts'

/**
 * Longest time that an unused connection is kept. Shorter than what servers keep theirs (5 s is the shortest in
 * use, that of Node), because a request that crosses the server's goodbye fails.
 */
const IDLE_CONNECTION_MS_MAX = 4_000
/** Most unused connections kept for one host; those in use are not limited, so no call ever queues here. */
const IDLE_CONNECTIONS_MAX = 256

interface Pool {
  readonly request: typeof Http.request
  readonly agent: Http.Agent
}

/** The transport over `node:http` and `node:https`, with one keep-alive pool per instance. */
export class NodeHttpTransport implements Transport {
  readonly #runtime: Runtime
  readonly #pools = new Map<string, Pool>()
  readonly #running = new Set<NodeHttpExchange>()
  #closed = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  send(request: TransportRequest): Promise<Exchange> {
    return new Promise((resolve, reject) => {
      const { signal } = request
      if (signal?.aborted === true) throw abortedError(signal.reason)
      if (this.#closed) throw abortedError(new Error('The transport is closed.'))
      const target = parseTarget(request.url)
      const pool = this.#pool(target)
      const exchange = new NodeHttpExchange(this.#runtime, request, target, pool, {
        resolve,
        reject,
        over: (done) => this.#running.delete(done),
      })
      this.#running.add(exchange)
      exchange.start()
    })
  }

  close(): Promise<void> {
    this.#closed = true
    for (const exchange of this.#running) exchange.abort()
    for (const { agent } of this.#pools.values()) agent.destroy()
    return Promise.resolve()
  }

  #pool(target: Target): Pool {
    const { protocol } = target
    let pool = this.#pools.get(protocol)
    if (pool === undefined) {
      const module = this.#runtime.builtin(protocol.slice(0, -1))
      if (!isHttpModule(module)) {
        throw unsendableError(`This runtime has no client for ${protocol} addresses.`)
      }
      const options = {
        keepAlive: true,
        timeout: IDLE_CONNECTION_MS_MAX,
        maxFreeSockets: IDLE_CONNECTIONS_MAX,
      }
      pool = { request: module.request, agent: new module.Agent(options) }
      this.#pools.set(protocol, pool)
    }
    return pool
  }
}

function isHttpModule(value: unknown): value is typeof Http | typeof Https {
  return typeof value === 'object' && value !== null && 'request' in value && 'Agent' in value
}

interface Outcome {
  readonly resolve: (exchange: Exchange) => void
  readonly reject: (error: unknown) => void
  readonly over: (exchange: NodeHttpExchange) => void
}

interface Reader {
  readonly take: (piece: Uint8Array) => void | Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** One request and its response. */
class NodeHttpExchange implements Exchange {
  readonly #runtime: Runtime
  readonly #request: TransportRequest
  readonly #target: Target
  readonly #pool: Pool
  readonly #outcome: Outcome
  #watch: Watch | undefined
  #sent: Http.ClientRequest | undefined
  #response: Http.IncomingMessage | undefined
  #headers: Readonly<Record<string, string>> | undefined
  #reader: Reader | undefined
  #over = false
  /** Why the exchange failed; an object, since a reader may throw anything, also undefined. */
  #failure: { readonly error: unknown } | undefined
  #replayed = false

  constructor(runtime: Runtime, request: TransportRequest, target: Target, pool: Pool, outcome: Outcome) {
    this.#runtime = runtime
    this.#request = request
    this.#target = target
    this.#pool = pool
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
    const { clock } = this.#runtime
    this.#watch = new Watch(clock, this.#request, this.#target.label, (error) => this.#fail(error))
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
      const sent = this.#pool.request({ method, headers, host, port, path, agent: this.#pool.agent })
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
    response.on('error', (error) => this.#fail(interruptedError(error, this.#target.label)))
    this.#watch?.rest()
    this.#outcome.resolve(this)
  }

  #onError(sent: Http.ClientRequest, error: Error): void {
    if (this.#over || sent !== this.#sent) return
    if (this.#response !== undefined) {
      this.#fail(interruptedError(error, this.#target.label))
    } else if (this.#mayReplay(sent, error)) {
      this.#replayed = true
      this.#dropIdleConnections()
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

  /** Where one kept connection has gone stale the others of that host most likely have as well. */
  #dropIdleConnections(): void {
    const { agent } = this.#pool
    const name = agent.getName({ host: this.#target.hostname, port: this.#target.port })
    for (const [key, sockets] of Object.entries(agent.freeSockets)) {
      if (key.startsWith(name)) for (const socket of sockets ?? []) socket.destroy()
    }
  }

  #onPiece(piece: Uint8Array): void {
    const reader = this.#reader
    const response = this.#response
    if (this.#over || reader === undefined || response === undefined) return
    this.#watch?.touch()
    try {
      const busy = reader.take(piece)
      if (busy === undefined) return
      response.pause()
      this.#watch?.rest()
      busy.then(
        () => this.#resume(response),
        (error: unknown) => this.#fail(error),
      )
    } catch (error) {
      this.#fail(error)
    }
  }

  #resume(response: Http.IncomingMessage): void {
    if (this.#over) return
    this.#watch?.reading()
    response.resume()
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
    // After the end of the body the socket is back in the pool and `#over` has returned above.
    this.#sent?.destroy()
    if (this.#response === undefined) this.#outcome.reject(error)
    else this.#reader?.reject(error)
  }

  #settle(): void {
    this.#over = true
    this.#watch?.stop()
    this.#outcome.over(this)
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
