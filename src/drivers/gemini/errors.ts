import type { AIError } from '../../core/errors.ts'
import {
  bad,
  fault,
  findRow,
  never,
  row,
  toAIError,
  unavailable,
  type Row,
  type When,
} from '../../core/error-rows.ts'
import { isObject, plainText } from '../../core/error-text.ts'
import type { Failure } from '../../core/failure.ts'

const BAD_REQUEST = bad(
  'bad-request',
  'Gemini cannot take this request for {model}: {said}. Correct what it names and send it again',
)

const BAD_KEY = never(
  'bad-key',
  'authentication_failed',
  'Google does not take the API key: make one at https://aistudio.google.com/apikey, and set GEMINI_API_KEY or apiKey of ' +
    'the provider ({said})',
)

const SERVER_ERROR = unavailable(
  'server-error',
  'yes',
  'Gemini failed with {model}: {said}. Try again; a prompt that is too long can be the reason, too',
)

/**
 * Rows are tried in order; the first that fits decides. Texts are `STATUS [reasons] [quotas] message`: what Google's
 * codes say goes before what the words of a message suggest (ai.google.dev gemini-api/docs/troubleshooting).
 */
const ROWS: readonly (readonly [When, Row])[] = [
  [
    { text: /^(?:MALFORMED_FUNCTION_CALL|UNEXPECTED_TOOL_CALL|TOO_MANY_TOOL_CALLS) / },
    fault(
      'model-output-fault',
      '{model} wrote a tool call that could not be read ({said}): ask again, or describe the tool more plainly',
    ),
  ],
  [
    { text: /^MALFORMED_RESPONSE |^ \[\] \[\] not a record$/ },
    fault('not-readable', 'The answer of {model} could not be read ({said}): ask again, and check baseUrl'),
  ],
  [
    { text: /\[[^\]]*API_KEY_(?:INVALID|SERVICE_BLOCKED|EXPIRED)|API key (?:not valid|expired|not found)/i },
    BAD_KEY,
  ],
  [{ text: /^\S* \[[^\]]*\] \[[^\]]*\] Method doesn't allow unregistered callers/ }, BAD_KEY],
  [
    { status: [400], text: /input token count \(\d+\) exceeds the maximum number of tokens allowed/ },
    never(
      'context-overflow',
      'context_too_long',
      'The conversation is longer than {model} takes in: shorten it, or use a model with a larger window ({said})',
    ),
  ],
  [
    { status: [400], text: /missing a thought_signature/ },
    bad(
      'missing-signature',
      '{model} wants back what it put beside its tool calls: send answer.parts as they came, with providerData ({said})',
    ),
  ],
  [
    {
      status: [400],
      text: /too many states for serving|schema (?:is|produces)|too (?:deep|complex).*schema/i,
    },
    bad(
      'schema-refused',
      'The schema is more than {model} can be held to: make it smaller or flatter ({said})',
    ),
  ],
  [
    { status: [400], text: /location is not supported|^FAILED_PRECONDITION / },
    never(
      'precondition',
      'permission_denied',
      'Google does not serve this account or place as it is: enable billing, or see where Gemini is offered ({said})',
    ),
  ],
  [{ status: [401], text: /^/ }, BAD_KEY],
  [{ status: [403], text: /leaked|API key/i }, BAD_KEY],
  [
    { status: [403] },
    never(
      'forbidden',
      'permission_denied',
      'The key may not use {model}: {said}. Check its restrictions, and what its project has enabled',
    ),
  ],
  [
    { status: [402] },
    never('credit', 'quota_exhausted', 'The prepaid credit for Gemini is used up: add some ({said})'),
  ],
  [
    { status: [404], text: /cached ?content|\bfiles?\b/i },
    bad(
      'no-such-file',
      'A file or a cache that the request names is not there: files last for two days ({said})',
    ),
  ],
  [
    { status: [404], text: /^NOT_FOUND / },
    never(
      'model-missing',
      'model_not_found',
      'Gemini has no model {model} for this: see `groat models` for those that it has ({said})',
    ),
  ],
  [
    { status: [404] },
    never('no-such-endpoint', 'config_invalid', 'Nothing is there that answers: check baseUrl ({said})'),
  ],
  [
    { status: [409], text: /^ABORTED / },
    unavailable('conflict', 'once', 'Gemini was interrupted by another request: try again ({said})'),
  ],
  [
    { status: [429], text: /\blimit: 0\b/ },
    never(
      'no-quota',
      'quota_exhausted',
      'This tier has no access to {model}: enable billing for the project, or use another model ({said})',
    ),
  ],
  [
    { status: [429], text: /^\S* \[[^\]]*\] \[[^\]]*PerDay/ },
    never(
      'quota-day',
      'quota_exhausted',
      'The quota of the day for {model} is used up: it begins anew at midnight Pacific time ({said})',
    ),
  ],
  [
    { status: [429], text: /spend(?:ing)? (?:cap|limit)|prepa(?:y|id)|credits? (?:are|is|has|have) /i },
    never('credit', 'quota_exhausted', 'The credit or the spending cap of the project is used up ({said})'),
  ],
  [
    { status: [429], text: /^\S* \[[^\]]*\] \[[^\]]*PerMinute/ },
    row(
      'rate-limit',
      'rate_limited',
      'yes',
      'Too many requests to {model} in this minute: wait a little ({said})',
    ),
  ],
  [
    { status: [429] },
    row('rate-limit', 'rate_limited', 'yes', 'Too much is asked of {model} for now: wait a little ({said})'),
  ],
  [
    { status: [499] },
    unavailable('cancelled', 'once', 'Gemini took the client for gone: try again ({said})'),
  ],
  [
    { status: [501] },
    never('unimplemented', 'capability_unsupported', '{model} does not do what was asked of it: {said}'),
  ],
  [
    { status: [503] },
    unavailable('overloaded', 'yes', '{model} is overloaded: try again later, or use another model ({said})'),
  ],
  [
    { status: [504] },
    unavailable(
      'deadline',
      'once',
      'Gemini ran out of its own time with {model}: shorten the prompt, or try again ({said})',
    ),
  ],
]

/** What a failure of the service means in groat's words. */
export function toError(failure: Failure): AIError {
  const body = parseBody(failure.text.trim())
  const status = body.status ?? failure.status
  const told = { status, text: body.message, json: body.json, details: body.details }
  const found = findRow(ROWS, { ...told, text: body.meaning })
  // A wait that Google names in its details counts for more than one that a proxy puts into a header.
  const retryAfterMs = body.retryAfterMs ?? failure.retryAfterMs
  return toAIError(found ?? byStatus(status), { ...failure, retryAfterMs }, told)
}

/** What to make of a status that no row knows. */
function byStatus(status: number = 500): Row {
  if (status >= 400 && status < 500) return BAD_REQUEST
  if (status >= 500 || status < 300) return SERVER_ERROR
  const message = 'The server redirects the request for {model}: set baseUrl to the final address'
  return never('redirect', 'config_invalid', message)
}

/** HTTP's numbers for the names of google.rpc.Code: in the middle of a stream there is only the name. */
const STATUS_OF: Readonly<Record<string, number>> = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  OUT_OF_RANGE: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ABORTED: 409,
  ALREADY_EXISTS: 409,
  RESOURCE_EXHAUSTED: 429,
  CANCELLED: 499,
  UNKNOWN: 500,
  INTERNAL: 500,
  DATA_LOSS: 500,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
  DEADLINE_EXCEEDED: 504,
}

interface Body {
  readonly message: string
  /** What rows are matched by. */
  readonly meaning: string
  readonly json: boolean
  readonly status: number | undefined
  readonly retryAfterMs: number | undefined
  readonly details: Readonly<Record<string, unknown>>
}

/** An error as google.rpc.Status writes it, which some endpoints put into an array. */
function parseBody(text: string): Body {
  const error = errorIn(text)
  if (!error) {
    const message = plainText(text)
    const unknown = { status: undefined, retryAfterMs: undefined, details: {} }
    return { message, meaning: ` [] [] ${message}`, json: false, ...unknown }
  }
  const { code, status: name, message: said } = error
  const message = typeof said === 'string' ? said : JSON.stringify(error)
  const rpcStatus = typeof name === 'string' ? name : ''
  const { reasons, quotas, delay } = detailsIn(error['details'])
  const sizes = /input token count \((\d+)\) exceeds the maximum number of tokens allowed \((\d+)\)/.exec(
    message,
  )
  return {
    message,
    meaning: `${rpcStatus} [${reasons.join(' ')}] [${quotas.join(' ')}] ${message}`,
    json: true,
    status: isStatus(code) ? code : Object.hasOwn(STATUS_OF, rpcStatus) ? STATUS_OF[rpcStatus] : undefined,
    retryAfterMs: waitOf(delay ?? /Please retry in ((?:[\d.]+(?:ms|[hms]))+)/.exec(message)?.[1]),
    details: {
      ...(rpcStatus === '' ? {} : { rpcStatus }),
      ...(reasons.length === 0 ? {} : { reasons }),
      ...(quotas.length === 0 ? {} : { quotas }),
      ...(sizes && { promptTokens: Number(sizes[1]), contextSize: Number(sizes[2]) }),
    },
  }
}

function isStatus(code: unknown): code is number {
  return Number.isInteger(code) && Number(code) >= 300 && Number(code) < 600
}

function errorIn(text: string): Readonly<Record<string, unknown>> | undefined {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined
  }
  const first: unknown = Array.isArray(json) ? json[0] : json
  const error = isObject(first) ? (first['error'] ?? first) : undefined
  if (typeof error === 'string') return { message: error }
  return isObject(error) ? error : undefined
}

/** Most details of an error that are read. */
const DETAILS_MAX = 32

/** What google.rpc's details say: reasons, quotas that were used up, and how long to wait. */
function detailsIn(value: unknown): {
  readonly reasons: readonly string[]
  readonly quotas: readonly string[]
  readonly delay: string | undefined
} {
  const all: readonly unknown[] = Array.isArray(value) ? value.slice(0, DETAILS_MAX) : []
  const details = all.filter(isObject)
  const delay = details.find((one) => typeof one['retryDelay'] === 'string')?.['retryDelay']
  return {
    reasons: details.flatMap(({ reason }) => (typeof reason === 'string' ? [reason] : [])),
    quotas: details.flatMap(({ violations }) => quotasIn(violations)),
    delay: typeof delay === 'string' ? delay : undefined,
  }
}

function quotasIn(violations: unknown): readonly string[] {
  if (!Array.isArray(violations)) return []
  return violations.slice(0, DETAILS_MAX).flatMap((one: unknown) => {
    const id = isObject(one) ? (one['quotaId'] ?? one['quotaMetric']) : undefined
    return typeof id === 'string' ? [id] : []
  })
}

const UNITS_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 }

/** `34.4s`, and `9h54m12s` in messages, in milliseconds. */
function waitOf(delay: string | undefined): number | undefined {
  if (delay === undefined || !/^(?:\d+(?:\.\d+)?(?:ms|[hms]))+$/.test(delay)) return undefined
  let ms = 0
  for (const [, count, unit = ''] of delay.matchAll(/(\d+(?:\.\d+)?)(ms|[hms])/g)) {
    ms += Number(count) * (UNITS_MS[unit] ?? 0)
  }
  return Number.isFinite(ms) ? Math.ceil(ms) : undefined
}

/** A text that is too long fails its whole batch. */
export function mayBeOneText({ code }: AIError): boolean {
  return code === 'context_too_long'
}
