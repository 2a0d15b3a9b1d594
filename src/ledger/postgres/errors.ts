import { AIError } from '../../core/errors.ts'

interface Advice {
  /** What is wrong and what to do, after "The ledger on PostgreSQL (PLACE) …". */
  readonly says: string
  readonly retryable: boolean
}

/** SQLSTATE codes that have an advice of their own. */
const ADVICE: Readonly<Record<string, Advice>> = {
  '28P01': { says: 'does not accept the password. Correct it', retryable: false },
  '28000': {
    says: 'does not let this user in. Correct the user, or the rules in pg_hba.conf',
    retryable: false,
  },
  '3D000': { says: 'does not exist. Make the database with createdb, or name another', retryable: false },
  '42501': {
    says:
      'refuses this user a permission. Grant CREATE on the database for the first start, and the schema afterwards; for ' +
      'the first start of a newer groat, connect as the user that made the schema',
    retryable: false,
  },
  '25006': { says: 'can only be read: it is a standby. Name the primary', retryable: true },
  '53100': { says: 'has no space left. Free some space on its disk and repeat', retryable: true },
  '53300': { says: 'has no connection left. Raise max_connections, or use fewer processes', retryable: true },
  '57014': { says: 'took too long and was interrupted. Repeat', retryable: true },
  '55P03': { says: 'is locked by another session for too long. Repeat', retryable: true },
  '57P03': { says: 'is starting or stopping. Repeat', retryable: true },
}

/** Errors of the socket and of the client: what was asked may have been done or not. */
const CUT =
  /^(ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ECONNABORTED)$/
const CUT_WORDS =
  /Connection terminated|Client has encountered a connection error|not queryable|timeout exceeded when trying to connect|Query read timeout|timeout expired/

/** The code of an error of PostgreSQL or of a socket. */
export function codeOf(error: unknown): string | undefined {
  const code: unknown = (error as { code?: unknown } | undefined)?.code
  if (typeof code === 'string') return code
  // Node tries several addresses of a host and wraps what each of them said.
  const [first] = error instanceof AggregateError ? (error.errors as readonly unknown[]) : []
  return first === undefined ? undefined : codeOf(first)
}

/** Whether the connection is gone, so that nobody knows what became of the question. */
export function isCut(error: unknown): boolean {
  const code = codeOf(error)
  // Class 08: connection; 57P: the server stops, crashed, starts, or was told to end this session.
  if (code !== undefined && (CUT.test(code) || code.startsWith('08') || code.startsWith('57P'))) return true
  // A socket file that is missing, and not a certificate.
  if (code === 'ENOENT') return (error as NodeJS.ErrnoException).syscall === 'connect'
  return code === undefined && error instanceof Error && CUT_WORDS.test(error.message)
}

/** Whether the same again can go well at once: two transactions stood in each other's way, or a connection was cut. */
export function isPassing(error: unknown): boolean {
  const code = codeOf(error)
  return isCut(error) || code === '40P01' || code === '40001' || code === '53300'
}

/** Whether an error is about one statement's own values. */
export function isOwnFault(error: unknown): boolean {
  const code = codeOf(error) ?? ''
  // Data exceptions, and integrity.
  return code.startsWith('22') || code.startsWith('23')
}

/** Makes a `store_failed` that says what to do next, with nothing of the URL in it. */
export function storeFailed(place: string, error: unknown): AIError {
  if (error instanceof AIError) return error
  const code = codeOf(error)
  const { says, retryable } = adviceFor(error, code)
  const message = `The ledger on PostgreSQL (${place}) ${says}.`
  const details = { place, ...(code === undefined ? {} : { sqlstate: code }) }
  return new AIError({ code: 'store_failed', message, retryable, details, cause: bare(error) })
}

function adviceFor(error: unknown, code: string | undefined): Advice {
  const known = code === undefined ? undefined : ADVICE[code]
  if (known !== undefined) return known
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return { says: 'is on a host that nobody knows. Check its name', retryable: true }
  }
  if (isCut(error)) {
    return { says: 'cannot be reached. Check that the server runs, and its host and port', retryable: true }
  }
  const told = error instanceof Error ? error.message : String(error)
  return { says: `failed: ${told}`, retryable: !isOwnFault(error) }
}

/** What is told of an error further up: the rows that PostgreSQL quotes in its details stay out of logs. */
function bare(error: unknown): Error {
  const told = error instanceof Error ? error.message : String(error)
  const code = codeOf(error)
  const cause = new Error(told)
  return code === undefined ? cause : Object.assign(cause, { code })
}

/** A `store_failed` that no repeat can help. */
export function refused(place: string, says: string, details: Record<string, unknown> = {}): AIError {
  const message = `The ledger on PostgreSQL (${place}) ${says}.`
  return new AIError({ code: 'store_failed', message, retryable: false, details: { place, ...details } })
}
