import { bad, never, row, unavailable } from '../../core/error-rows.ts'
import { leadingObject } from '../../core/error-text.ts'
import type { AIError } from '../../core/errors.ts'
import { toOpenAIError, type ErrorTable } from '../../dialects/openai-errors.ts'
import type { Failure } from '../rooms.ts'

/**
 * What xAI says otherwise than OpenAI. What a text says for sure goes before its status: a wrong key is 400 here, and spent
 * credits have been 429 and 403 (continuedev/continue#10373, #10740; docs.x.ai, status codes).
 */
const TABLE: ErrorTable = {
  vendor: 'xAI',
  keyVariable: 'XAI_API_KEY',
  rows: [
    [
      {
        text: /used all available credits|monthly spending limit|(?:doesn't|does not) have any credits|spending[- ]limit|out of credits/i,
      },
      never(
        'quota',
        'quota_exhausted',
        'The credits of the {vendor} team are used up, or its spending limit is reached: see https://console.x.ai ({said})',
      ),
    ],
    [
      {
        status: [400, 401, 403],
        text: /(?:incorrect|invalid|missing|malformed) api[ -]?key|api[ -]?key (?:is |was |has been )?(?:invalid|disabled|blocked|expired)/i,
      },
      never(
        'unauthorized',
        'authentication_failed',
        '{vendor} does not know the key: set apiKey, or {variable} in the environment ({said})',
      ),
    ],
    [
      { text: /violates? (?:our |the |xAI's )?usage guidelines|usage policy|safety check/i },
      never(
        'content-filter',
        'content_filtered',
        '{vendor} does not answer this with {model}, by its policies: change what is asked; what is refused may be billed ({said})',
      ),
    ],
    [
      { status: [404], text: /\bresponse\b/i },
      bad(
        'no-such-response',
        '{vendor} does not know that answer any more: send the whole conversation ({said})',
      ),
    ],
    [
      { text: /resource has been exhausted/i },
      row(
        'rate-limit',
        'rate_limited',
        'yes',
        'Too many requests or tokens for {model} in this time: wait ({said})',
      ),
    ],
    [
      { text: /currently unavailable|overloaded|at capacity/i },
      unavailable(
        'busy',
        'yes',
        '{vendor} cannot answer with {model} just now: try again in a moment ({said})',
      ),
    ],
    [
      { status: [405, 415] },
      never(
        'no-such-endpoint',
        'config_invalid',
        'There is no such API at this address: check baseUrl ({said})',
      ),
    ],
  ],
}

/** What a failure of the service means in groat's words. */
export function toError(failure: Failure): AIError {
  return toOpenAIError({ ...failure, text: withCode(failure.text) }, TABLE)
}

/** `{code, error}` has a sentence for its code, which says as much as the error does: both are read as one. */
function withCode(text: string): string {
  const { code, error } = leadingObject(text.trim()) ?? {}
  if (typeof code !== 'string' || typeof error !== 'string') return text
  return JSON.stringify({ error: { message: `${code}: ${error}`, code } })
}

/** What a model refuses of thinking, as xAI says it: the same call succeeds without. */
export function refusalOf({ details }: AIError): 'reasoning' | undefined {
  return /reasoning_?effort/i.test(String(details['said'])) ? 'reasoning' : undefined
}
