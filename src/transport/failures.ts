import { AIError } from '../core/errors.ts'
import type { Deadlines } from './transport.ts'

/** Which of the four clocks of a request ran out. */
export type DeadlineName = 'connect' | 'firstByte' | 'idle' | 'total'

const WAITED_FOR: Readonly<Record<DeadlineName, string>> = {
  connect: 'No connection to',
  firstByte: 'No response from',
  idle: 'Silence in the middle of the answer of',
  total: 'No complete answer from',
}

const OPTION: Readonly<Record<DeadlineName, keyof Deadlines>> = {
  connect: 'connectMs',
  firstByte: 'firstByteMs',
  idle: 'idleMs',
  total: 'totalMs',
}

/** The error of a call whose signal has fired; its cause is the signal's reason. */
export function abortedError(reason?: unknown): AIError {
  return new AIError({ code: 'aborted', message: 'The call was aborted before its end.', cause: reason })
}

/** The error of a deadline that ran out. `host` is `name:port`. */
export function timedOutError(deadline: DeadlineName, afterMs: number, host: string): AIError {
  return new AIError({
    code: 'timed_out',
    message:
      `${WAITED_FOR[deadline]} ${host} within ${Math.round(afterMs)} ms. ` +
      `Try again, or raise the deadline (${OPTION[deadline]}).`,
    details: { deadline, afterMs },
  })
}

/** What is known of a failed connection: its code and, where there is one, the address. */
interface Failure {
  readonly cause: string
  readonly address?: string
}

/** Reads code and address from what the network stack threw, also from one of several addresses tried. */
function failureOf(error: unknown): Failure {
  if (typeof error !== 'object' || error === null) return { cause: 'UNKNOWN' }
  if (error instanceof AggregateError) {
    const inner: unknown = error.errors[0]
    if (inner !== undefined) return failureOf(inner)
  }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  // `fetch` wraps what happened in a TypeError without a code.
  if (code === undefined && error instanceof Error && error.cause !== undefined) return failureOf(error.cause)
  const address = 'address' in error && typeof error.address === 'string' ? error.address : undefined
  const port = 'port' in error && typeof error.port === 'number' ? error.port : undefined
  // undici has a name of its own for a connection that the far end closed.
  const known = code === 'UND_ERR_SOCKET' ? 'ECONNRESET' : code
  const name = known ?? (error instanceof Error ? error.name : 'UNKNOWN')
  if (address === undefined) return { cause: name }
  return { cause: name, address: port === undefined ? address : `${address}:${port}` }
}

const NEXT_STEP: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Nothing listens there: is the server running, and is the port right?',
  ENOTFOUND: 'The name does not resolve: check the spelling of the host and the DNS.',
  EAI_AGAIN: 'The name could not be resolved just now: check the network and the DNS.',
  ECONNRESET: 'The server closed the connection before it answered: it may have restarted; try again.',
  EPIPE: 'The server closed the connection before it answered: it may have restarted; try again.',
  ETIMEDOUT: 'The host does not answer: check the address, the network and the firewall.',
  EHOSTUNREACH: 'There is no way to the host: check the address, the network and the firewall.',
  ENETUNREACH: 'There is no way to the host: check the address and the network.',
}

/** What the parser of HTTP says of something else. */
const NOT_HTTP = /^(?:HPE_|HTTPParserError$)/
/** Codes that the same call meets again: what answers is no HTTP server, or its certificate is not accepted. */
const LASTING =
  /^(?:HPE_|HTTPParserError$|ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/

/** The error of a call that failed before the headers of its response. `host` is `name:port`. */
export function networkError(error: unknown, host: string, details: Record<string, unknown> = {}): AIError {
  const failure = failureOf(error)
  const lasting = LASTING.test(failure.cause)
  const nextStep = lasting
    ? NOT_HTTP.test(failure.cause)
      ? 'What listens there does not speak HTTP (or http and https are mixed up): check the address.'
      : 'TLS failed: check the scheme (http or https), the certificate and the clock.'
    : (NEXT_STEP[failure.cause] ?? 'Check the address and the network, then try again.')
  return new AIError({
    code: 'network_failed',
    message: `Cannot reach ${host} (${failure.cause}). ${nextStep}`,
    retryable: !lasting,
    details: { ...failure, ...details },
    cause: showable(error, failure),
  })
}

/** The error of a body that ended before its time. `host` is `name:port`. */
export function interruptedError(error: unknown, host: string): AIError {
  const failure = failureOf(error)
  return new AIError({
    code: 'stream_interrupted',
    message: `The answer of ${host} was cut off (${failure.cause}): the server or something between closed the connection.`,
    details: { ...failure },
    cause: showable(error, failure),
  })
}

/** A parser's error carries the bytes that it did not understand, which are nobody else's business. */
function showable(error: unknown, { cause }: Failure): unknown {
  return NOT_HTTP.test(cause) ? undefined : error
}

/** The error of a request that cannot be put on the wire: an address or a header that HTTP does not allow. */
export function unsendableError(what: string, cause?: string): AIError {
  return new AIError({
    code: 'config_invalid',
    message: `${what} Correct the base URL or the headers in the configuration.`,
    details: cause === undefined ? {} : { cause },
  })
}

/** The error of a body that is read a second time: a mistake of the caller. */
export function consumedError(): AIError {
  return new AIError({
    code: 'request_invalid',
    message: 'The body of this response was already consumed. Keep what the first reader got.',
  })
}
