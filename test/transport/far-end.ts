import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { RequestListener, Server as HttpServer } from 'node:http'
import { createServer as createNetServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

/** A real server on a free port of this machine. */
export class FarEnd {
  readonly #server: Server
  /** Connections that are open now. */
  readonly open = new Set<Socket>()
  /** How many connections there have been. */
  connections = 0

  private constructor(server: Server) {
    this.#server = server
    server.on('connection', (socket) => {
      this.connections += 1
      this.open.add(socket)
      socket.on('close', () => this.open.delete(socket))
      socket.on('error', () => {})
    })
  }

  static async http(listener: RequestListener): Promise<FarEnd> {
    const server: HttpServer = createHttpServer(listener)
    // A server that hangs up on idle connections by itself would blur what is measured.
    server.keepAliveTimeout = 60_000
    return FarEnd.#listen(server)
  }

  /** A server that speaks no HTTP by itself: bytes in, bytes out. */
  static async raw(listener: (socket: Socket) => void): Promise<FarEnd> {
    return FarEnd.#listen(createNetServer(listener))
  }

  static async #listen(server: Server): Promise<FarEnd> {
    const farEnd = new FarEnd(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return farEnd
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/`
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.open) socket.destroy()
    await closed
  }
}

/** Turns the event loop until something is true; gives up after some seconds of real time. */
export async function until(isTrue: () => boolean, what = 'the condition'): Promise<void> {
  const started = performance.now()
  while (!isTrue()) {
    if (performance.now() - started > 10_000) throw new Error(`${what} did not come true`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

/** What a promise rejects with; fails where it does not reject. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('It did not fail.')
}
