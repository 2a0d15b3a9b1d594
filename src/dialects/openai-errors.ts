import type { AIError } from '../core/errors.ts'
import {
  bad,
  fault,
  findRow,
  never,
  row,
  toAIError,
  unavailable,
  type Row,
  type Told,
  type When,
} from '../core/error-rows.ts'
import { isObject, leadingObject, plainText } from '../core/error-text.ts'
import type { Failure } from '../core/failure.ts'
import { durationMs, exhaustedMs, toRateLimits } from './openai-rate-limits.ts'

/** What differs between providers that report errors as OpenAI does; data, not code. */
export interface ErrorTable {
  /** The provider's own name, for messages. */
  readonly vendor: string
  /** Where its key is read from, for messages. */
  readonly keyVariable: string
  /** Tried before everything else. `{vendor}` is filled in, as `{model}` and `{said}` are. */
  readonly rows?: readonly (readonly [When, Row])[]
}

/** What an error object says, in whichever of its shapes. */
export interface ErrorFacts {
  readonly message: string
  readonly type: string | undefined
  readonly code: string | undefined
  readonly param: string | undefined
  /** A status that a compatible server puts into the body. */
  readonly status: number | undefined
  readonly json: boolean
}

/**
 * Reads an error: `{ error: { message, type, code, param } }`, `{ code, error: 'text' }`, flat ones, the events `error`
 * and `response.failed` of a stream, chunks with an error in them.
 */
export function readError(text: string): ErrorFacts {
  const json = leadingObject(text.trim())
  if (!json) return { ...NOTHING_TOLD, message: plainText(text) }
  const { response } = json
  const inner = isObject(response) && isObject(response['error']) ? response['error'] : json['error']
  const object = isObject(inner) ? inner : json
  const { message, type, code, param } = object
  const said = [message, inner, json['detail']].find((one) => typeof one === 'string')
  const number = [code, object['status'], json['status']].find((one) => typeof one === 'number')
  return {
    message: typeof said === 'string' ? said : JSON.stringify(object),
    type: object === json && type === 'error' ? undefined : textIn(type),
    code: textIn(code),
    param: textIn(param),
    status: typeof number === 'number' && number >= 400 && number < 600 ? number : undefined,
    json: true,
  }
}

const NOTHING_TOLD = { type: undefined, code: undefined, param: undefined, status: undefined, json: false }

function textIn(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

const QUOTA = never(
  'quota',
  'quota_exhausted',
  'The credit or the spending limit of the {vendor} account is used up: add credit or raise the limit in its console ({said})',
)
const RATE_LIMIT = row(
  'rate-limit',
  'rate_limited',
  'yes',
  'Too many requests or tokens for {model} in this time: send fewer, or wait ({said})',
)
const OVERFLOW = never(
  'context-overflow',
  'context_too_long',
  'The conversation is longer than {model} takes in: shorten it ({said})',
)
const FILTERED = never(
  'content-filter',
  'content_filtered',
  '{vendor} does not answer this with {model}, by its policies: change what is asked ({said})',
)
const NO_MODEL = never(
  'model-missing',
  'model_not_found',
  '{vendor} has no model {model}, or not for this key: see `groat models`',
)
const BAD_REQUEST = bad(
  'bad-request',
  '{vendor} cannot take this request for {model}: {said}. Correct what it names and send it again',
)
const BAD_IMAGE = bad('bad-image', '{vendor} cannot read a picture or file of the request: {said}')
const SERVER = unavailable('server-error', 'yes', '{vendor} failed with {model}: {said}. Try again')
const OVERLOADED = unavailable('busy', 'yes', '{vendor} is overloaded: try again in a moment ({said})')
const NO_KEY = never(
  'unauthorized',
  'authentication_failed',
  '{vendor} does not know the key: set apiKey, or {variable} in the environment ({said})',
)
const FORBIDDEN = never(
  'forbidden',
  'permission_denied',
  '{vendor} does not allow this for {model}: check what the key, the project and the region may do ({said})',
)

/** By `code`, else by `type` of the error object. */
const BY_CODE: Readonly<Record<string, Row>> = {
  insufficient_quota: QUOTA,
  credit_balance_exhausted: QUOTA,
  organization_spend_limit_exceeded: QUOTA,
  project_spend_limit_exceeded: QUOTA,
  organization_usage_limit_exceeded: QUOTA,
  billing_hard_limit_reached: QUOTA,
  billing_not_active: QUOTA,
  rate_limit_exceeded: RATE_LIMIT,
  slow_down: row(
    'slow-down',
    'rate_limited',
    'yes',
    'The load on {model} grows too fast: raise it slowly, by half in a quarter of an hour at most ({said})',
  ),
  context_length_exceeded: OVERFLOW,
  string_above_max_length: never(
    'too-large',
    'limit_exceeded',
    'A text of the request for {model} is longer than {vendor} takes: shorten it ({said})',
  ),
  content_policy_violation: FILTERED,
  content_filter: FILTERED,
  image_content_policy_violation: FILTERED,
  invalid_prompt: FILTERED,
  bio_policy: FILTERED,
  misalignment_policy_violation: FILTERED,
  model_not_found: NO_MODEL,
  invalid_api_key: NO_KEY,
  data_residency_mismatch: FORBIDDEN,
  unsupported_country_region_territory: FORBIDDEN,
  server_error: SERVER,
  vector_store_timeout: SERVER,
  // Groq: the same request can succeed.
  tool_use_failed: fault(
    'bad-tool-call',
    '{model} wrote a call of a tool that {vendor} could not read: try again, or use another model ({said})',
  ),
  server_is_overloaded: OVERLOADED,
  invalid_image: BAD_IMAGE,
  invalid_image_format: BAD_IMAGE,
  invalid_base64_image: BAD_IMAGE,
  invalid_image_url: BAD_IMAGE,
  image_too_large: BAD_IMAGE,
  image_too_small: BAD_IMAGE,
  image_parse_error: BAD_IMAGE,
  invalid_image_mode: BAD_IMAGE,
  image_file_too_large: BAD_IMAGE,
  unsupported_image_media_type: BAD_IMAGE,
  empty_image_file: BAD_IMAGE,
  failed_to_download_image: BAD_IMAGE,
  image_file_not_found: BAD_IMAGE,
}

const BY_TYPE: Readonly<Record<string, Row>> = {
  insufficient_quota: QUOTA,
  tokens: RATE_LIMIT,
  requests: RATE_LIMIT,
  rate_limit_error: RATE_LIMIT,
  exceed_context_size_error: OVERFLOW,
  authentication_error: NO_KEY,
  permission_error: FORBIDDEN,
  server_error: SERVER,
  service_unavailable_error: OVERLOADED,
  unavailable_error: OVERLOADED,
}

/** By what is said: codes are left out by some, and compatible servers have none. */
const BY_TEXT: readonly (readonly [When, Row])[] = [
  [
    { text: /Function tools with reasoning_effort are not supported/ },
    never(
      'tools-with-reasoning',
      'capability_unsupported',
      "{model} takes no tools over Chat Completions while it reasons: set dialect to 'responses', or reasoning to 'off'",
    ),
  ],
  [
    {
      text: /exceeds the (?:context window|available context size)|maximum (?:context|prompt) length|context[ _]length|longer than the context|exceeds? the model's max/i,
    },
    OVERFLOW,
  ],
  [{ text: /exceeded your current quota|billing details|out of credits|spending limit/i }, QUOTA],
  [{ text: /must be verified to/i }, FORBIDDEN],
  [
    {
      text: /Unsupported (?:parameter|value)|does not support|not supported (?:with|for) this model/i,
      status: [400, 422],
    },
    never('unsupported-feature', 'capability_unsupported', '{model} cannot do this: {said}'),
  ],
  [
    {
      text: /without its required|No tool output found for function call|tool_call_ids did not have response/,
    },
    bad(
      'bad-history',
      'The conversation is not whole: every tool call needs its result, every thought what came after it ({said})',
    ),
  ],
  [{ text: /model .*(?:not found|does not exist)|no such model/i, status: [400, 404] }, NO_MODEL],
]

const BY_STATUS: Readonly<Record<number, Row>> = {
  401: NO_KEY,
  402: QUOTA,
  403: FORBIDDEN,
  408: row('timeout', 'timed_out', 'yes', 'The server gave up waiting with {model}: try again'),
  409: unavailable('conflict', 'yes', 'Something else was busy with the same: try again ({said})'),
  413: never(
    'too-large',
    'limit_exceeded',
    'The request for {model} is larger than {vendor} takes: send less',
  ),
  429: RATE_LIMIT,
  500: SERVER,
  503: OVERLOADED,
}

/** Paths of which an address with no API behind it has none. */
const NO_ENDPOINT = never(
  'no-such-endpoint',
  'config_invalid',
  'There is no such API at this address: check baseUrl (it usually ends with /v1) and dialect ({said})',
)

/** What a failure means in groat's words. */
export function toOpenAIError(failure: Failure, table: ErrorTable): AIError {
  const facts = readError(failure.text)
  // A stream that began well has no status of its own; one in the body says no more than the code does.
  const status = failure.status ?? facts.status
  const told = { status, text: facts.message, json: facts.json }
  const { vendor, keyVariable } = table
  const found = rowOf(table, facts, told)
  const filled = found.message.replaceAll('{vendor}', vendor).replaceAll('{variable}', keyVariable)
  const details = {
    ...(facts.type !== undefined && { type: facts.type }),
    ...(facts.code !== undefined && { code: facts.code }),
    ...(facts.param !== undefined && { param: facts.param }),
    ...sizesIn(facts.message),
    ...limitsIn(failure.headers),
  }
  const error = toAIError({ ...found, message: filled }, failure, {
    ...told,
    status: failure.status,
    details,
  })
  const requestId = failure.headers['x-request-id']
  const isRate = error.code === 'rate_limited'
  return error.with({
    ...(requestId !== undefined && { requestId }),
    retryable: repeats(failure.headers) ?? error.retryable,
    retryAfterMs:
      failure.retryAfterMs ?? (isRate ? (askedMs(facts.message) ?? exhaustedMs(failure.headers)) : undefined),
  })
}

function rowOf({ rows = [] }: ErrorTable, { code, type }: ErrorFacts, told: Told): Row {
  return (
    findRow(rows, told) ??
    named(BY_CODE, code) ??
    findRow(BY_TEXT, told) ??
    named(BY_TYPE, code) ??
    named(BY_TYPE, type) ??
    named(BY_CODE, type) ??
    byStatus(told)
  )
}

function named(rows: Readonly<Record<string, Row>>, name: string | undefined): Row | undefined {
  return name !== undefined && Object.hasOwn(rows, name) ? rows[name] : undefined
}

function byStatus({ status, json }: Told): Row {
  if (status === undefined) return json ? SERVER : UNREADABLE
  const known = BY_STATUS[status]
  if (known) return known
  // A 404 that says nothing in JSON comes from something else than the API.
  if (status === 404 || status === 405) return json && status === 404 ? NO_MODEL : NO_ENDPOINT
  if (status < 400)
    return never(
      'redirect',
      'config_invalid',
      'The server redirects the request: set baseUrl to the final address',
    )
  if (status < 500) return BAD_REQUEST
  return unavailable('gateway', 'yes', 'The server in front of {model} failed: {said}. Try again')
}

/** A record of a stream that is none: a proxy, or another API. */
const UNREADABLE = fault(
  'unreadable',
  '{vendor} sent something with {model} that is no answer: check baseUrl and dialect ({said})',
)

/** `Please try again in 1.2s`, in milliseconds. */
function askedMs(message: string): number | undefined {
  return durationMs(/try again in ((?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+)/i.exec(message)?.[1])
}

/** What the provider itself says of repeating. */
function repeats(headers: Readonly<Record<string, string>>): boolean | undefined {
  const said = headers['x-should-retry']
  return said === 'true' ? true : said === 'false' ? false : undefined
}

function limitsIn(headers: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> {
  const rateLimits = toRateLimits(headers)
  return rateLimits ? { rateLimits } : {}
}

/** How long the conversation was and could have been, where that is said. */
function sizesIn(message: string): Readonly<Record<string, unknown>> {
  const size =
    /maximum (?:context|prompt) length is (\d+)(?: tokens)?[^\d]*(?:requested|resulted in|contains) (?:about )?(\d+) tokens/i.exec(
      message,
    )
  return size ? { contextSize: Number(size[1]), promptTokens: Number(size[2]) } : {}
}
