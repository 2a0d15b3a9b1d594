import type { buildConnector, Client } from 'undici'

/**
 * How long an unused connection is kept where the server does not say, in milliseconds. Shorter than what servers
 * keep theirs (5 s is the shortest in use, that of Node), because a request that crosses the server's goodbye fails.
 */
const IDLE_CONNECTION_MS = 4_000
/** The same where the server says more, in milliseconds: what lies between may forget a connection earlier. */
const IDLE_CONNECTION_MS_MAX = 60_000
/** How much earlier than the server says a connection is given up: its clock started before ours. */
const IDLE_MARGIN_MS = 1_000
/** Most unused connections kept for one host; those in use are not limited, so no call ever queues here. */
const IDLE_CONNECTIONS_MAX = 128
/** From when on the system asks a silent far end whether it is still there, in milliseconds. */
const TCP_KEEP_ALIVE_MS = 15_000

/** What of undici is used. */
export interface Undici {
  readonly Client: typeof Client
  readonly connect: buildConnector.connector
}

/** Loads the HTTP client: 40 ms, so not before the first call. */
export async function loadUndici(): Promise<Undici> {
  const [{ default: Client }, { default: buildConnector }] = await Promise.all([
    import('undici/lib/dispatcher/client.js'),
    import('undici/lib/core/connect.js'),
  ])
  // How long a connection may take is for the deadlines of the request to say.
  const connect = buildConnector({ allowH2: false, timeout: 0, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS })
  return { Client, connect }
}

/** One connection and the client on it; it carries one request at a time. */
export class Connection {
  readonly client: Client
  readonly origin: string
  /** Whether it has carried a request before. */
  reused = false
  #socket: { destroy(error: Error): unknown } | undefined

  constructor(undici: Undici, origin: string) {
    this.origin = origin
    this.client = new undici.Client(origin, {
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: IDLE_CONNECTION_MS,
      keepAliveMaxTimeout: IDLE_CONNECTION_MS_MAX,
      keepAliveTimeoutThreshold: IDLE_MARGIN_MS,
      allowH2: false,
      connect: (options, callback) => {
        this.reused = false
        const socket: unknown = undici.connect(options, callback)
        if (isDestroyable(socket)) this.#socket = socket
      },
    })
  }

  /** Closes it at once, also while it is being made: a client by itself waits for that. */
  close(): void {
    const reason = new Error('The connection was closed.')
    this.client.destroy(reason).catch(() => {})
    this.#socket?.destroy(reason)
  }
}

function isDestroyable(value: unknown): value is { destroy(error: Error): unknown } {
  return typeof value === 'object' && value !== null && 'destroy' in value
}

/**
 * The connections of one transport. It takes the place of the pool of undici, which opens a second connection when
 * one call follows another at once, since the first one counts as busy for a moment longer than its response.
 */
export class ConnectionPool {
  readonly #undici: Undici
  readonly #open = new Set<Connection>()
  readonly #idle = new Map<string, Connection[]>()

  constructor(undici: Undici) {
    this.#undici = undici
  }

  /** The connection used last, or a new one: the others grow old and are closed, so that a peak does not last. */
  take(origin: string): Connection {
    const kept = this.#idle.get(origin)?.pop()
    if (kept !== undefined) return kept
    const connection = new Connection(this.#undici, origin)
    this.#open.add(connection)
    connection.client.on('disconnect', () => this.#onDisconnect(connection))
    return connection
  }

  /** Keeps a connection whose response has come to its end. */
  release(connection: Connection): void {
    const idle = this.#idle.get(connection.origin) ?? []
    if (idle.length >= IDLE_CONNECTIONS_MAX) {
      this.discard(connection)
      return
    }
    connection.reused = true
    idle.push(connection)
    this.#idle.set(connection.origin, idle)
  }

  /** Closes a connection at once. */
  discard(connection: Connection): void {
    this.#open.delete(connection)
    connection.close()
  }

  /** Closes all unused connections to one host. */
  dropIdle(origin: string): void {
    for (const connection of this.#idle.get(origin) ?? []) this.discard(connection)
    this.#idle.delete(origin)
  }

  /** Closes all connections. */
  close(): void {
    this.#idle.clear()
    for (const connection of this.#open) this.discard(connection)
  }

  #onDisconnect(connection: Connection): void {
    const idle = this.#idle.get(connection.origin)
    const index = idle?.indexOf(connection) ?? -1
    if (index === -1) return
    idle?.splice(index, 1)
    if (idle?.length === 0) this.#idle.delete(connection.origin)
    this.discard(connection)
  }
}
