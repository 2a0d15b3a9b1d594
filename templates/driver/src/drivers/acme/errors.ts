import type { AIError } from '../../core/errors.ts'
import {
  bad,
  findRow,
  never,
  row,
  toAIError,
  unavailable,
  type Row,
  type When,
} from '../../core/error-rows.ts'
import { isObject, leadingObject, messageOf, plainText } from '../../core/error-text.ts'
import type { Failure } from '../../core/failure.ts'

/** Rows are tried in order; the first that fits decides. One for each error that the service documents. */
const ROWS: readonly (readonly [When, Row])[] = [
  [
    { status: [401] },
    never(
      'bad-key',
      'authentication_failed',
      'Acme does not take the key: set ACME_API_KEY or apiKey ({said})',
    ),
  ],
  [{ status: [403] }, never('forbidden', 'permission_denied', 'The key may not use {model} ({said})')],
  [
    { status: [404], json: true },
    never('model-missing', 'model_not_found', 'Acme has no model {model}: see `groat models` ({said})'),
  ],
  [
    { status: [404] },
    never('no-such-endpoint', 'config_invalid', 'Nothing is there that answers: check baseUrl'),
  ],
  [
    { text: /too many tokens/ },
    never(
      'context-overflow',
      'context_too_long',
      'The conversation is longer than {model} takes in ({said})',
    ),
  ],
  [{ status: [429] }, row('rate-limit', 'rate_limited', 'yes', 'Too much is asked of Acme for now ({said})')],
  [{ status: [503] }, unavailable('overloaded', 'yes', '{model} is overloaded: try again later ({said})')],
]

/** What a failure of the service means in groat's words. */
export function toError(failure: Failure): AIError {
  const body = leadingObject(failure.text.trim())
  const error = body?.['error']
  const text =
    error === undefined ? plainText(failure.text) : typeof error === 'string' ? error : messageOf(error)
  // In the middle of a stream there is no status but what the error itself says.
  const status = failure.status ?? statusIn(error)
  const told = { status, text, json: body !== undefined, details: {} }
  return toAIError(findRow(ROWS, told) ?? byStatus(status), failure, told)
}

function statusIn(error: unknown): number | undefined {
  const status = isObject(error) ? error['status'] : undefined
  return typeof status === 'number' ? status : undefined
}

/** What to make of a status that no row knows. */
function byStatus(status: number = 500): Row {
  if (status >= 400 && status < 500)
    return bad('bad-request', 'Acme cannot take this request for {model}: {said}')
  return unavailable('server-error', 'once', 'Acme failed with {model}: {said}. Try again')
}
