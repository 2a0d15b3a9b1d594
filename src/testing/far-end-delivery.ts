import type { ServerResponse } from 'node:http'
import type { Clock } from '../runtime.ts'

/** Starts something and calls `resume` when it is over; the returned function gives up waiting. */
type Start = (resume: () => void) => () => void

/** Holds answers back until the test lets them go on. */
export interface Gate {
  /** How many answers wait here now. */
  readonly waiting: number
  /** Lets everything through, now and later. */
  open(): void
  /** Lets the next `count` records through, whether they wait already or come later. @default 1 */
  pass(count?: number): void
  /** Resolves when an answer waits here: at once if one does. */
  arrival(): Promise<void>
  /** For the server: calls back when it may go on; the returned function gives up waiting. */
  enter(resume: () => void): () => void
}

/** How an answer is delivered; everything can be combined. A record is one line, one event or one whole body. */
export interface Delivery {
  /** Response headers in addition to, or in place of, the provider's own. */
  readonly headers?: Readonly<Record<string, string>>
  /** Sends the body in pieces of so many bytes, or cut at these offsets, each on its own. */
  readonly splitBytes?: number | readonly number[]
  /** Sends all records in one piece. */
  readonly burst?: boolean
  /** Sends nothing at all, not even the status, before this gate lets it. */
  readonly headersGate?: Gate
  /** Holds the records back that come after the first `holdAfter` ones. */
  readonly gate?: Gate
  /** How many records may pass before `gate`. @default 0 */
  readonly holdAfter?: number
  /** Waits before the status and the headers. */
  readonly delayMs?: number
  /** Waits before every record but the first. */
  readonly recordDelayMs?: number
  /** Breaks the connection after so many records. */
  readonly cutAfter?: number
  /** Ends the answer cleanly after so many records. */
  readonly endAfter?: number
  /** Sends nothing more after so many records, and keeps the connection open. */
  readonly stallAfter?: number
  /** Breaks with a TCP reset where it breaks, in place of a plain close. */
  readonly reset?: boolean
  /** Ends lines with `\r\n`. */
  readonly crlf?: boolean
  /** Leaves out the line end after the last record. */
  readonly noLastNewline?: boolean
  /** Closes the connection without a single byte. */
  readonly hangUp?: boolean
  /** Writes these bytes to the socket as they are, status line and all, and closes it. */
  readonly unframed?: readonly (string | Uint8Array)[]
}

/** An answer on its way to the wire. */
export interface Answer extends Delivery {
  /** @default 200 */
  readonly status?: number
  readonly records: readonly (string | Uint8Array)[]
  /** `length` counts the bytes first, `chunked` does not. @default 'length' */
  readonly framing?: 'length' | 'chunked'
}

const MODIFIERS = [
  'splitBytes',
  'burst',
  'headersGate',
  'gate',
  'holdAfter',
  'delayMs',
  'recordDelayMs',
  'cutAfter',
  'endAfter',
  'stallAfter',
  'reset',
  'crlf',
  'noLastNewline',
  'hangUp',
  'unframed',
] as const satisfies readonly (keyof Delivery)[]

/** Puts a reply's modifiers on an answer; its headers win over the provider's own. */
export function delivered(answer: Answer, how: Delivery): Answer {
  const result: Record<string, unknown> = { ...answer, headers: { ...answer.headers, ...how.headers } }
  for (const name of MODIFIERS) if (how[name] !== undefined) result[name] = how[name]
  return result as unknown as Answer
}

/** A new gate, closed. */
export function newGate(): Gate {
  return new TurnstileGate()
}

class TurnstileGate implements Gate {
  readonly #waiting = new Set<() => void>()
  #arrivals: (() => void)[] = []
  #passes = 0

  get waiting(): number {
    return this.#waiting.size
  }

  open(): void {
    this.pass(Number.POSITIVE_INFINITY)
  }

  pass(count: number = 1): void {
    this.#passes += count
    for (const resume of this.#waiting) {
      if (this.#passes < 1) return
      this.#passes--
      this.#waiting.delete(resume)
      resume()
    }
  }

  arrival(): Promise<void> {
    if (this.#waiting.size > 0) return Promise.resolve()
    return new Promise((resolve) => this.#arrivals.push(resolve))
  }

  enter(resume: () => void): () => void {
    if (this.#passes >= 1) {
      this.#passes--
      resume()
      return () => {}
    }
    this.#waiting.add(resume)
    for (const arrived of this.#arrivals.splice(0)) arrived()
    return () => this.#waiting.delete(resume)
  }
}

/** What is sent before the connection ends, and how it ends. */
interface Plan {
  readonly records: readonly Uint8Array[]
  readonly ending: 'end' | 'cut' | 'stall'
  readonly contentLength: number
}

/** Brings one answer to one client, as its modifiers say; gives up at once when the client leaves. */
export class Delivering {
  readonly #outgoing: ServerResponse
  readonly #clock: Clock
  #gone = false
  #giveUp: (() => void) | undefined

  constructor(outgoing: ServerResponse, clock: Clock) {
    this.#outgoing = outgoing
    this.#clock = clock
    outgoing.on('error', () => {})
    outgoing.once('close', () => {
      this.#gone = true
      this.#giveUp?.()
    })
  }

  /** Sends the whole answer; resolves when that is done or the client has left. */
  async run(answer: Answer): Promise<void> {
    const { headersGate, delayMs } = answer
    if (headersGate && !(await this.#wait((resume) => headersGate.enter(resume)))) return
    if (delayMs !== undefined && !(await this.#pause(delayMs))) return
    if (this.#gone) return
    if (answer.hangUp) return this.#break(answer.reset)
    if (answer.unframed) return this.#unframed(answer.unframed)
    const plan = planOf(answer)
    this.#head(answer, plan)
    const [only] = plan.records
    if (only && plan.records.length === 1 && plan.ending === 'end' && isPlain(answer)) {
      this.#outgoing.end(only)
      return
    }
    if (!(await this.#body(answer, plan))) return
    if (plan.ending === 'end') this.#outgoing.end()
    else if (plan.ending === 'cut') this.#break(answer.reset)
  }

  #head(answer: Answer, plan: Plan): void {
    const outgoing = this.#outgoing
    outgoing.statusCode = answer.status ?? 200
    // Node would say `keep-alive` where Go's and most other servers say nothing.
    if (outgoing.shouldKeepAlive) outgoing.removeHeader('Connection')
    const own = new Map<string, string>([['date', new Date(this.#clock.now()).toUTCString()]])
    if (answer.framing !== 'chunked') own.set('content-length', String(plan.contentLength))
    for (const [name, value] of Object.entries(answer.headers ?? {})) {
      own.delete(name.toLowerCase())
      outgoing.setHeader(name, value)
    }
    for (const [name, value] of own) outgoing.setHeader(HEADER_NAMES[name] ?? name, value)
  }

  /** Sends the records; false where the client left before the end. */
  async #body(answer: Answer, plan: Plan): Promise<boolean> {
    const { gate, holdAfter = 0, recordDelayMs } = answer
    const heldFrom = gate ? Math.min(holdAfter, plan.records.length) : Number.POSITIVE_INFINITY
    const groups = groupsOf(plan.records, answer, heldFrom)
    if (heldFrom === 0 || groups.length === 0) this.#outgoing.flushHeaders()
    for (const [index, group] of groups.entries()) {
      if (index > 0 && recordDelayMs !== undefined && !(await this.#pause(recordDelayMs))) return false
      if (gate && group.held && !(await this.#wait((resume) => gate.enter(resume)))) return false
      for (const piece of group.pieces) if (!(await this.#write(piece))) return false
    }
    // Held after its last record: then it is the end that waits.
    if (gate && heldFrom === plan.records.length) return this.#wait((resume) => gate.enter(resume))
    return true
  }

  /** Writes a piece, and lets the event loop turn, so that the client gets it by itself. */
  #write(piece: Uint8Array): Promise<boolean> {
    return this.#wait((resume) => {
      this.#outgoing.write(piece, () => setImmediate(resume))
      return () => {}
    })
  }

  #pause(ms: number): Promise<boolean> {
    return this.#wait((resume) => this.#clock.after(ms, resume))
  }

  #wait(start: Start): Promise<boolean> {
    if (this.#gone) return Promise.resolve(false)
    return new Promise((resolve) => {
      // `start` may call back before it has returned.
      let cancel = (): void => {}
      this.#giveUp = () => {
        cancel()
        resolve(false)
      }
      cancel = start(() => {
        this.#giveUp = undefined
        resolve(true)
      })
    })
  }

  #unframed(pieces: readonly (string | Uint8Array)[]): void {
    const { socket } = this.#outgoing
    for (const piece of pieces) socket?.write(piece)
    socket?.end(() => socket.destroy())
  }

  #break(reset: boolean = false): void {
    const { socket } = this.#outgoing
    if (reset) socket?.resetAndDestroy()
    else socket?.destroy()
  }
}

const HEADER_NAMES: Readonly<Record<string, string>> = { date: 'Date', 'content-length': 'Content-Length' }

const LINE_FEED = 0x0a

/** Whether one call can send it; Node would count a chunked body that comes in one call. */
function isPlain({ framing, gate, splitBytes }: Answer): boolean {
  return framing !== 'chunked' && gate === undefined && splitBytes === undefined
}

function planOf(answer: Answer): Plan {
  const whole = answer.records.map((record) => bytesOf(record, answer.crlf ?? false))
  const { cutAfter = Infinity, endAfter = Infinity, stallAfter = Infinity } = answer
  const first = Math.min(cutAfter, endAfter, stallAfter)
  const records = whole.slice(0, first)
  const last = records.at(-1)
  if (answer.noLastNewline && last) records[records.length - 1] = withoutNewline(last)
  const ending = first === Infinity || first === endAfter ? 'end' : first === cutAfter ? 'cut' : 'stall'
  // An answer that breaks off had promised everything.
  const contentLength = sizeOf(ending === 'end' ? records : whole)
  return { records, ending, contentLength }
}

function bytesOf(record: string | Uint8Array, crlf: boolean): Uint8Array {
  if (typeof record !== 'string') return record
  return Buffer.from(crlf ? record.replaceAll('\n', '\r\n') : record, 'utf8')
}

function withoutNewline(bytes: Uint8Array): Uint8Array {
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === LINE_FEED || bytes[end - 1] === 0x0d)) end--
  return bytes.subarray(0, end)
}

function sizeOf(records: readonly Uint8Array[]): number {
  return records.reduce((sum, record) => sum + record.length, 0)
}

interface Group {
  readonly pieces: readonly Uint8Array[]
  readonly held: boolean
}

/** What is sent between two waits: records one by one, or the free ones together where the bytes are cut anew. */
function groupsOf(records: readonly Uint8Array[], answer: Answer, heldFrom: number): Group[] {
  const together = answer.burst === true || answer.splitBytes !== undefined
  const free = records.slice(0, heldFrom)
  const open = together && free.length > 0 ? [Buffer.concat(free)] : free
  let offset = 0
  const cut = (bytes: Uint8Array): Uint8Array[] => {
    const pieces = cutBytes(bytes, offset, answer.splitBytes)
    offset += bytes.length
    return pieces
  }
  return [
    ...open.map((bytes) => ({ pieces: cut(bytes), held: false })),
    ...records.slice(heldFrom).map((bytes) => ({ pieces: cut(bytes), held: true })),
  ]
}

/** Cuts bytes that begin at `offset` of the body at multiples of a size or at given offsets of the body. */
function cutBytes(bytes: Uint8Array, offset: number, split: Delivery['splitBytes']): Uint8Array[] {
  if (split === undefined) return bytes.length > 0 ? [bytes] : []
  const end = offset + bytes.length
  const cuts: number[] = []
  if (typeof split === 'number') {
    if (!(split >= 1)) throw new RangeError(`splitBytes must be 1 or more, got ${split}`)
    for (let at = offset - (offset % split) + split; at < end; at += split) cuts.push(at)
  } else {
    cuts.push(...split.filter((at) => at > offset && at < end).toSorted((a, b) => a - b))
  }
  const edges = [offset, ...cuts, end]
  return edges.slice(1).map((to, index) => bytes.subarray((edges[index] ?? 0) - offset, to - offset))
}
