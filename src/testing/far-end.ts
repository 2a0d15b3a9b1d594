import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { systemClock, type Clock } from '../runtime.ts'
import { Delivering, newGate, type Answer, type Gate } from './far-end-delivery.ts'

export { delivered, type Answer, type Delivery, type Gate } from './far-end-delivery.ts'

/** Most requests that a stand-in remembers by default; the oldest are forgotten first. */
export const RECORDS_MAX = 1_000
/** Largest request body that a stand-in reads, in bytes; above it the answer is 413. */
export const BODY_BYTES_MAX: number = 64 * 1024 * 1024

/** One request as the far end got it. All times are milliseconds on the clock's `elapsed()`. */
export interface RecordedRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** With its `?`; empty where there was none. */
  readonly query: string
  /** By lower-case name; repeated ones are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  readonly bodyText: string
  /** As it came, for bodies that are no text. */
  readonly bodyBytes: Uint8Array
  /** The body as JSON; undefined where it is empty or something else. */
  readonly body: unknown
  /** When the request had come in whole. */
  readonly at: number
  /** The connection that it came on: 1 is the first since the start. */
  readonly connection: number
  /** When that connection was closed, by whichever side; undefined while it is open. */
  readonly socketClosedAt: number | undefined
  /** Resolves with `socketClosedAt`: `(await request.closed) - mark` is how long an abort took. */
  readonly closed: Promise<number>
}

/** A reply, or a function that makes one of the request. */
export type Scripted<Reply> = Reply | ((request: RecordedRequest) => Reply | Promise<Reply>)

/** What the queue or a standing answer holds for one request; `putBack` leaves it for the next one. */
export interface Taken<Reply> {
  readonly reply: Reply
  putBack(): void
}

/** One provider's manners: makes the answer to a request; `take` fetches what the test scripted for it. */
export type Speak<Reply> = (
  request: RecordedRequest,
  take: () => Promise<Taken<Reply> | undefined>,
) => Answer | Promise<Answer>

/** Settings that every stand-in takes. */
export interface FarEndOptions {
  /** For delays and times. @default the real one */
  readonly clock?: Clock
  /** Most requests to remember. @default RECORDS_MAX */
  readonly recordsMax?: number
  /** The port to listen on. @default 0: any free one */
  readonly port?: number
}

/** A real HTTP server on loopback that plays a provider: what all stand-ins have in common. */
export interface FarEnd<Reply> extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** What came in, oldest first; at most `recordsMax`, the newest are kept. */
  readonly requests: readonly RecordedRequest[]
  /** How many requests came in ever, forgotten ones included. */
  readonly requestCount: number
  /** Sockets that are open now. */
  readonly connections: number
  /** Sockets that were ever opened. */
  readonly connectionsOpened: number
  /** Requests that are being answered now. */
  readonly inFlight: number
  /** Queued replies that no request has taken. */
  readonly queued: number
  /** Queues answers for the next requests to the provider's main path, one each. */
  reply(...replies: readonly Scripted<Reply>[]): void
  /** Queues answers for the next requests to a path (`/api/show` or `DELETE /api/delete`), one each. */
  once(path: string, ...replies: readonly Scripted<Reply>[]): void
  /** Answers every request to a path whose queue is empty; the last one said counts. */
  on(path: string, reply: Scripted<Reply>): void
  /** Answers every request to the main path whose queue is empty. */
  default(reply: Scripted<Reply>): void
  /** A new gate to hold answers back with. */
  gate(this: void): Gate
  /** Resolves when no request is in flight. */
  idle(): Promise<void>
  /** Forgets the recorded requests and everything scripted. */
  reset(): void
  /** Closes every connection and stops. */
  close(): Promise<void>
}

/** What a provider's stand-in adds to the common part. */
export interface Manners<Reply> {
  /** The path that `reply` and `default` are about. */
  readonly mainPath: string
  /** Whether a path is the main one under another name, where a provider puts the model into it. */
  readonly isMain?: (path: string) => boolean
  readonly speak: Speak<Reply>
}

interface Line {
  readonly number: number
  closedAt: number | undefined
  readonly closed: Promise<number>
}

interface Script<Reply> {
  readonly queue: Scripted<Reply>[]
  standing?: Scripted<Reply>
}

/** Starts a stand-in with a provider's manners. */
export async function startFarEnd<Reply>(
  manners: Manners<Reply>,
  options: FarEndOptions = {},
): Promise<FarEnd<Reply>> {
  const farEnd = new HttpFarEnd(manners, options)
  await farEnd.listen(options.port ?? 0)
  return farEnd
}

class HttpFarEnd<Reply> implements FarEnd<Reply> {
  readonly requests: RecordedRequest[] = []
  url = ''
  requestCount = 0
  connectionsOpened = 0
  inFlight = 0
  readonly #manners: Manners<Reply>
  readonly #clock: Clock
  readonly #recordsMax: number
  readonly #server: Server
  readonly #lines = new Map<Socket, Line>()
  readonly #scripts = new Map<string, Script<Reply>>()
  #idle: (() => void)[] = []

  constructor(manners: Manners<Reply>, options: FarEndOptions) {
    this.#manners = manners
    this.#clock = options.clock ?? systemClock
    this.#recordsMax = options.recordsMax ?? RECORDS_MAX
    // No deadlines of its own: the providers' servers have none that a client would notice.
    this.#server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, noDelay: true })
    this.#server.on('connection', (socket) => this.#onConnection(socket))
    this.#server.on('request', (incoming, outgoing) => this.#onRequest(incoming, outgoing))
    this.#server.on('clientError', (_error, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n400 Bad Request')
      else socket.destroy()
    })
  }

  get connections(): number {
    return this.#lines.size
  }

  get queued(): number {
    let count = 0
    for (const script of this.#scripts.values()) count += script.queue.length
    return count
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', resolve)
    })
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  reply(...replies: readonly Scripted<Reply>[]): void {
    this.once(this.#manners.mainPath, ...replies)
  }

  once(path: string, ...replies: readonly Scripted<Reply>[]): void {
    this.#script(path).queue.push(...replies)
  }

  on(path: string, reply: Scripted<Reply>): void {
    this.#script(path).standing = reply
  }

  default(reply: Scripted<Reply>): void {
    this.on(this.#manners.mainPath, reply)
  }

  gate(this: void): Gate {
    return newGate()
  }

  idle(): Promise<void> {
    if (this.inFlight === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  reset(): void {
    this.requests.length = 0
    this.#scripts.clear()
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    for (const socket of this.#lines.keys()) socket.destroy()
    await closed
    await this.idle()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #script(path: string): Script<Reply> {
    const found = this.#scripts.get(path)
    if (found) return found
    const script: Script<Reply> = { queue: [] }
    this.#scripts.set(path, script)
    return script
  }

  /** One line per socket, shared by all requests on it: ten thousand requests add no listener and no promise. */
  #onConnection(socket: Socket): void {
    const { promise, resolve } = Promise.withResolvers<number>()
    const line: Line = { number: ++this.connectionsOpened, closedAt: undefined, closed: promise }
    this.#lines.set(socket, line)
    socket.once('close', () => {
      line.closedAt = this.#clock.elapsed()
      this.#lines.delete(socket)
      resolve(line.closedAt)
    })
  }

  #onRequest(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const line = this.#lines.get(incoming.socket)
    if (!line) return
    this.inFlight++
    outgoing.once('close', () => this.#onAnswered())
    const delivering = new Delivering(outgoing, this.#clock)
    readBody(incoming, (bytes) => {
      if (bytes)
        void this.#answer(this.#record(incoming, bytes, line)).then((answer) => delivering.run(answer))
      else void delivering.run({ status: 413, records: ['request body too large'] })
    })
  }

  #onAnswered(): void {
    this.inFlight--
    if (this.inFlight > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  async #answer(request: RecordedRequest): Promise<Answer> {
    try {
      return await this.#manners.speak(request, () => this.#take(request))
    } catch (error) {
      // A scripted function threw, such as a failed expectation: let the client's side show it.
      return {
        status: 500,
        headers: { 'Content-Type': 'text/plain' },
        records: [`far end failed: ${String(error)}`],
      }
    }
  }

  async #take(request: RecordedRequest): Promise<Taken<Reply> | undefined> {
    const { mainPath, isMain } = this.#manners
    const main = isMain?.(request.path) === true ? [mainPath] : []
    for (const path of [`${request.method} ${request.path}`, request.path, ...main]) {
      const script = this.#scripts.get(path)
      if (!script) continue
      const queued = script.queue.shift()
      const scripted = queued ?? script.standing
      if (scripted === undefined) continue
      const putBack = (): void => {
        if (queued !== undefined) script.queue.unshift(queued)
      }
      return { reply: isFunction(scripted) ? await scripted(request) : scripted, putBack }
    }
    return undefined
  }

  #record(incoming: IncomingMessage, bytes: Buffer, line: Line): RecordedRequest {
    const url = incoming.url ?? '/'
    const queryAt = url.indexOf('?')
    const request = new Recorded(line, {
      method: incoming.method ?? 'GET',
      path: queryAt < 0 ? url : url.slice(0, queryAt),
      query: queryAt < 0 ? '' : url.slice(queryAt),
      headers: flatHeaders(incoming),
      bodyText: bytes.toString('utf8'),
      bodyBytes: bytes,
      at: this.#clock.elapsed(),
    })
    this.requestCount++
    this.requests.push(request)
    if (this.requests.length > this.#recordsMax) this.requests.shift()
    return request
  }
}

type Told = Pick<RecordedRequest, 'method' | 'path' | 'query' | 'headers' | 'bodyText' | 'bodyBytes' | 'at'>

class Recorded implements RecordedRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: Readonly<Record<string, string>>
  readonly bodyText: string
  readonly bodyBytes: Uint8Array
  readonly body: unknown
  readonly at: number
  readonly connection: number
  readonly closed: Promise<number>
  readonly #line: Line

  constructor(line: Line, told: Told) {
    this.method = told.method
    this.path = told.path
    this.query = told.query
    this.headers = told.headers
    this.bodyText = told.bodyText
    this.bodyBytes = told.bodyBytes
    this.body = parsed(told.bodyText)
    this.at = told.at
    this.connection = line.number
    this.closed = line.closed
    this.#line = line
  }

  get socketClosedAt(): number | undefined {
    return this.#line.closedAt
  }
}

/** Calls back with the whole body, or with undefined where it is too large; never where the client left. */
function readBody(incoming: IncomingMessage, done: (bytes: Buffer | undefined) => void): void {
  const pieces: Buffer[] = []
  let size = 0
  incoming.on('data', (piece: Buffer) => {
    size += piece.length
    if (size <= BODY_BYTES_MAX) pieces.push(piece)
  })
  incoming.once('end', () => done(size > BODY_BYTES_MAX ? undefined : Buffer.concat(pieces)))
  // Without a listener a client that leaves in the middle of its upload would be an uncaught error.
  incoming.on('error', () => {})
}

function flatHeaders(incoming: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return headers
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isFunction<Reply>(
  scripted: Scripted<Reply>,
): scripted is (request: RecordedRequest) => Reply | Promise<Reply> {
  return typeof scripted === 'function'
}
