import { AIError } from '../core/errors.ts'
import { REQUEST_BYTES_MAX } from '../core/limits.ts'
import { tooLarge } from '../core/check-input.ts'
import { ERROR_BODY_BYTES_MAX, readJson, readTextUpTo } from '../transport/body.ts'
import { redact } from '../transport/redact.ts'
import { retryAfterMs } from '../transport/retry.ts'
import type { Clock } from '../runtime.ts'
import type { Exchange, Transport, TransportRequest } from '../transport/transport.ts'
import type { Address, Failure, RequestOptions } from './rooms.ts'
import { unsent } from './unsent.ts'

export interface ApiRequest extends RequestOptions {
  readonly method?: TransportRequest['method']
  readonly body?: Readonly<Record<string, unknown>>
  /** Sent as they are, in place of a body. */
  readonly bytes?: Uint8Array
  /** Longest silence in the answer, in milliseconds, where the usual one is shorter. */
  readonly idleMs?: number
  /** Whether it waits for the first byte without a limit of its own: somebody else looks after that. */
  readonly isPatient?: boolean
  /** Named in errors. */
  readonly model?: string | undefined
}

/** A provider's address and the transport to it: what the rooms that ask questions talk through. */
export class ApiClient {
  readonly provider: string
  readonly address: Address
  /** Where requests go: the address, or where it turned out to be. */
  #baseUrl: string
  readonly #transport: Transport
  readonly #clock: Clock
  readonly #toError: (failure: Failure) => AIError

  constructor(parts: {
    provider: string
    address: Address
    transport: Transport
    clock: Clock
    toError: (failure: Failure) => AIError
  }) {
    this.provider = parts.provider
    this.address = parts.address
    this.#baseUrl = parts.address.baseUrl
    this.#transport = parts.transport
    this.#clock = parts.clock
    this.#toError = parts.toError
  }

  /** Sends a request and returns the exchange of a 2xx answer. @throws AIError for every other one */
  async send(path: string, request: ApiRequest): Promise<Exchange> {
    const { address } = this
    const body = request.bytes ?? (request.body === undefined ? undefined : encode(request.body))
    const sent: TransportRequest = {
      method: request.method ?? (body === undefined ? 'GET' : 'POST'),
      url: this.#baseUrl + path,
      headers: request.bytes ? { ...address.headers, 'content-type': BYTES_TYPE } : address.headers,
      ...(body === undefined ? {} : { body }),
      deadlines: deadlinesFor(address.deadlines, request),
      signal: request.signal,
    }
    let exchange: Exchange
    try {
      exchange = await this.#transport.send(sent)
    } catch (error) {
      exchange = await this.#sendElsewhere(sent, this.withNames(error, request.model))
    }
    if (exchange.status >= 200 && exchange.status < 300) return exchange
    const text = await readTextUpTo(exchange, ERROR_BODY_BYTES_MAX)
    const { status, headers } = exchange
    throw this.toError({ model: request.model, status, text, headers, path }, request.body)
  }

  /**
   * `localhost` is two addresses, of which a server often listens on one only, and the system may try the other one:
   * nothing was sent where nobody listens, so the other is tried before the call fails.
   */
  async #sendElsewhere(request: TransportRequest, error: unknown): Promise<Exchange> {
    const other = otherLoopback(this.#baseUrl, error)
    if (other === undefined) throw error
    const url = other + request.url.slice(this.#baseUrl.length)
    const exchange = await this.#transport.send({ ...request, url }).catch(() => Promise.reject(error))
    this.#baseUrl = other
    return exchange
  }

  /** Sends a request and reads its JSON answer. @throws AIError */
  async json(path: string, request: ApiRequest = {}): Promise<unknown> {
    const exchange = await this.send(path, request)
    return this.named(readJson(exchange), request.model)
  }

  /** The provider's failure as groat's error, without anything secret and without what was `sent`. */
  toError(failure: Omit<Failure, 'retryAfterMs' | 'provider' | 'show'>, sent: unknown): AIError {
    const { secrets } = this.address
    const waitMs = retryAfterMs(failure.headers, this.#clock.now())
    const show = (text: string): string => redact(withoutEcho(text, sent), secrets)
    const error = this.#toError({ ...failure, provider: this.provider, retryAfterMs: waitMs, show })
    // A room that forgot to ask what may be shown gives no secret away all the same.
    return error.with({ message: redact(error.message, secrets) })
  }

  /** Adds the provider and the model to the errors of a promise. */
  async named<T>(promise: Promise<T>, model: string | undefined): Promise<T> {
    try {
      return await promise
    } catch (error) {
      throw this.withNames(error, model)
    }
  }

  /** An error with the provider and the model on it. */
  withNames(error: unknown, model: string | undefined): unknown {
    return error instanceof AIError ? error.with({ provider: this.provider, model }) : error
  }
}

function otherLoopback(baseUrl: string, error: unknown): string | undefined {
  if (!(error instanceof AIError) || error.details['cause'] !== 'ECONNREFUSED') return undefined
  const host = /^http:\/\/localhost(?=[:/]|$)/
  if (!host.test(baseUrl)) return undefined
  const tried = String(error.details['address'])
  return baseUrl.replace(host, tried.startsWith('127.') ? 'http://[::1]' : 'http://127.0.0.1')
}

const BYTES_TYPE = 'application/octet-stream'

/** Shortest text of a request that is looked for in an answer, in characters: a word or two prove nothing. */
const ECHO_CHARS_MIN = 12

/** Takes the texts of a request out of a text that came back: as they are, and as JSON writes them. */
function withoutEcho(text: string, sent: unknown): string {
  let safe = text
  for (const own of textsOf(sent)) {
    if (own.length < ECHO_CHARS_MIN) continue
    safe = safe.replaceAll(own, '[sent]').replaceAll(JSON.stringify(own).slice(1, -1), '[sent]')
  }
  return safe
}

function textsOf(sent: unknown): string[] {
  if (typeof sent === 'string') return [sent]
  if (typeof sent !== 'object' || sent === null || ArrayBuffer.isView(sent)) return []
  // The model's name may be said.
  return Object.entries(sent).flatMap(([name, value]) => (name === 'model' ? [] : textsOf(value)))
}

function encode(body: Readonly<Record<string, unknown>>): string {
  const text = JSON.stringify(body)
  // UTF-8 takes at most three bytes for a UTF-16 unit: only a text near the limit needs counting.
  const bytes = text.length * 3 > REQUEST_BYTES_MAX ? new TextEncoder().encode(text).length : 0
  if (bytes > REQUEST_BYTES_MAX) unsent(tooLarge(`${bytes} bytes`, `${REQUEST_BYTES_MAX} bytes`))
  return text
}

function deadlinesFor(usual: Address['deadlines'], request: ApiRequest): Address['deadlines'] {
  const never = Number.POSITIVE_INFINITY
  const { timeoutMs, idleMs, isPatient } = request
  // Most calls change none of them.
  if (timeoutMs === undefined && idleMs === undefined && !isPatient) return usual
  return {
    ...usual,
    ...(timeoutMs === undefined ? {} : { totalMs: Math.min(timeoutMs, usual.totalMs ?? never) }),
    ...(isPatient ? { firstByteMs: undefined } : {}),
    ...(idleMs === undefined || usual.idleMs === undefined ? {} : { idleMs: Math.max(idleMs, usual.idleMs) }),
  }
}
