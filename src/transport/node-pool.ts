import type * as Http from 'node:http'
import type * as Https from 'node:https'
import type { Socket } from 'node:net'
import type { Clock } from '../runtime.ts'

/**
 * Longest time that an unused connection is kept. Shorter than what servers keep theirs (5 s is the shortest in
 * use, that of Node), because a request that crosses the server's goodbye fails.
 */
const IDLE_CONNECTION_MS_MAX = 4_000
/** How much earlier than the server says a connection is given up: its clock started before ours. */
const IDLE_MARGIN_MS = 1_000
/** Most unused connections kept for one host; those in use are not limited, so no call ever queues here. */
const IDLE_CONNECTIONS_MAX = 256
/** From when on the system asks a silent far end whether it is still there. */
const TCP_KEEP_ALIVE_MS = 1_000

interface Connection {
  readonly key: string
  readonly socket: Socket
  /** Since when nobody uses it; undefined while somebody does. */
  idleSinceMs: number | undefined
  idleMsMax: number
}

/**
 * The connections of one transport. It takes the place of the pool in `http.Agent`, which costs about as much CPU
 * as everything else in a call together (docs/decisions/0001); the agent still opens the connections, so TLS sessions
 * are resumed.
 */
export class NodePool {
  readonly agent: Http.Agent
  readonly #clock: Clock
  readonly #open = new Map<Socket, Connection>()
  readonly #idle = new Map<string, Connection[]>()

  constructor(module: typeof Http | typeof Https, clock: Clock) {
    this.#clock = clock
    // `addRequest` is all that a request wants of its agent.
    this.agent = Object.assign(new module.Agent({ keepAlive: true }), {
      addRequest: (request: Http.ClientRequest, options: Http.ClientRequestArgs): void =>
        this.#attach(request, options),
    })
  }

  /** Heeds what a server says about the time for which it keeps this connection. */
  note(socket: Socket, headers: Http.IncomingHttpHeaders): void {
    const connection = this.#open.get(socket)
    const seconds = /\btimeout=(\d+)/.exec(String(headers['keep-alive']))?.[1]
    if (connection === undefined || seconds === undefined) return
    connection.idleMsMax = Math.min(IDLE_CONNECTION_MS_MAX, Number(seconds) * 1_000 - IDLE_MARGIN_MS)
  }

  /** Closes the unused connections to one host. */
  dropIdle(host: string, port: number): void {
    for (const { socket } of this.#idle.get(`${host}:${port}`) ?? []) socket.destroy()
    this.#idle.delete(`${host}:${port}`)
  }

  /** Closes every connection. */
  destroy(): void {
    for (const socket of this.#open.keys()) socket.destroy()
    this.#idle.clear()
    this.agent.destroy()
  }

  #attach(request: Http.ClientRequest, options: Http.ClientRequestArgs): void {
    const key = `${options.host}:${options.port}`
    const kept = this.#takeIdle(key)
    if (kept === undefined) {
      request.onSocket(this.#connect(key, options))
      return
    }
    kept.idleSinceMs = undefined
    kept.socket.ref()
    request.reusedSocket = true
    request.onSocket(kept.socket)
  }

  /** The connection used last: the others grow old and are closed, so that a peak does not last. */
  #takeIdle(key: string): Connection | undefined {
    const idle = this.#idle.get(key)
    for (let kept = idle?.pop(); kept !== undefined; kept = idle?.pop()) {
      const { socket, idleSinceMs = 0, idleMsMax } = kept
      // Where the event loop was blocked the timers are late: so the age is looked at here, too.
      if (socket.writable && !socket.destroyed && this.#clock.elapsed() - idleSinceMs < idleMsMax) return kept
      socket.destroy()
    }
    return undefined
  }

  #connect(key: string, options: Http.ClientRequestArgs): Socket {
    const host = options.host ?? 'localhost'
    const wanted: TlsConnectArgs = {
      host,
      port: options.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_MS,
      // TLS forbids an address as a server name.
      servername: /^[\d.]+$|:/.test(host) ? '' : host,
      _agentKey: key,
    }
    const stream = this.agent.createConnection(wanted)
    if (!isSocket(stream)) throw new Error('The agent opened no socket.')
    const connection = { key, socket: stream, idleSinceMs: undefined, idleMsMax: IDLE_CONNECTION_MS_MAX }
    this.#open.set(stream, connection)
    this.#listen(connection)
    return stream
  }

  #listen(connection: Connection): void {
    const { socket } = connection
    // Listeners for the whole life of a connection: to change them with each call would cost more than they do.
    socket.on('free', () => this.#onFree(connection))
    socket.on('close', () => this.#forget(connection))
    // While it is used the request hears of errors as well; while it is not, nobody else would, and the process end.
    socket.on('error', () => {})
    socket.on('timeout', () => {
      if (connection.idleSinceMs !== undefined) socket.destroy()
    })
    socket.on('data', () => {
      // An answer that nobody asked for would be taken for the next one's.
      if (connection.idleSinceMs !== undefined) socket.destroy()
    })
  }

  #onFree(connection: Connection): void {
    const { key, socket, idleMsMax } = connection
    const idle = this.#idle.get(key) ?? []
    const keep = socket.writable && !socket.connecting && socket.readableLength === 0 && idleMsMax > 0
    if (!keep || idle.length >= IDLE_CONNECTIONS_MAX) {
      socket.destroy()
      return
    }
    connection.idleSinceMs = this.#clock.elapsed()
    idle.push(connection)
    this.#idle.set(key, idle)
    socket.setTimeout(idleMsMax)
    if (socket.isPaused()) socket.resume()
    // A connection that waits for work does not keep the process alive.
    socket.unref()
  }

  #forget(connection: Connection): void {
    this.#open.delete(connection.socket)
    const idle = this.#idle.get(connection.key)
    const index = idle?.indexOf(connection) ?? -1
    if (index !== -1) idle?.splice(index, 1)
    if (idle?.length === 0) this.#idle.delete(connection.key)
  }
}

/** What the connections of `https` take besides: the name of the server, and that of the session to resume. */
interface TlsConnectArgs extends Http.ClientRequestArgs {
  readonly noDelay: boolean
  readonly keepAlive: boolean
  readonly keepAliveInitialDelay: number
  readonly servername: string
  readonly _agentKey: string
}

function isSocket(stream: unknown): stream is Socket {
  return typeof stream === 'object' && stream !== null && 'unref' in stream && 'setTimeout' in stream
}
