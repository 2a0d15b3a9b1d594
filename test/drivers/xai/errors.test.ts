import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../../src/core/errors.ts'
import { toError } from '../../../src/drivers/xai/errors.ts'
import { failure } from './world.ts'

const INVALID = 'Client specified an invalid argument'
const NO_PERMISSION = 'The caller does not have permission to execute the specified operation'

type Case = readonly [
  what: string,
  status: number | undefined,
  body: unknown,
  code: ErrorCode,
  retryable: boolean,
]

const CASES: readonly Case[] = [
  [
    'credits that are used up',
    403,
    { error: 'Your team has used all available credits.' },
    'quota_exhausted',
    false,
  ],
  [
    'a wrong key, which is 400',
    400,
    { code: INVALID, error: 'Incorrect API key provided: xa***' },
    'authentication_failed',
    false,
  ],
  ['no key', 401, { code: 'unauthenticated', error: 'Missing credentials' }, 'authentication_failed', false],
  ['a blocked key', 403, { error: 'The API key is disabled' }, 'authentication_failed', false],
  [
    'a bad argument',
    400,
    { code: INVALID, error: 'temperature: must be at most 2' },
    'request_invalid',
    false,
  ],
  [
    'a missing field',
    422,
    'Failed to deserialize the JSON body: missing field `input` at line 1',
    'request_invalid',
    false,
  ],
  ['a method that there is not', 405, '', 'config_invalid', false],
  ['a media type that there is not', 415, '', 'config_invalid', false],
  [
    'no permission',
    403,
    { code: NO_PERMISSION, error: 'Your team is blocked in this region' },
    'permission_denied',
    false,
  ],
  [
    'credits that are used up, as 429',
    429,
    {
      code: 'Some resource has been exhausted',
      error: 'Your team 1f has either used all available credits or reached its monthly spending limit.',
    },
    'quota_exhausted',
    false,
  ],
  [
    'a new team without credits',
    429,
    { error: "Your newly created team doesn't have any credits yet." },
    'quota_exhausted',
    false,
  ],
  [
    'credits that are used up, as 403',
    403,
    { code: 'permission-denied', error: 'personal-team-blocked:spending-limit' },
    'quota_exhausted',
    false,
  ],
  [
    'the same in the code',
    403,
    { code: 'personal-team-blocked:spending-limit', error: 'blocked' },
    'quota_exhausted',
    false,
  ],
  [
    'too many requests',
    429,
    { code: 'Some resource has been exhausted', error: 'Too many requests' },
    'rate_limited',
    true,
  ],
  ['too many requests in plain words', 429, 'slow down', 'rate_limited', true],
  [
    'a model that is not there',
    404,
    {
      code: 'Some requested entity was not found',
      error: 'The model grok-9 does not exist or your team does not have access to it.',
    },
    'model_not_found',
    false,
  ],
  [
    'a model that is not there, as 400',
    400,
    { code: INVALID, error: 'Model not found: grok-9' },
    'model_not_found',
    false,
  ],
  ['an answer that is not there', 404, { error: 'Response with id abc not found' }, 'request_invalid', false],
  ['another API', 404, '<html>Not found</html>', 'config_invalid', false],
  [
    'a refusal',
    403,
    { code: 'forbidden', error: 'Content violates usage guidelines. Team: 1f' },
    'content_filtered',
    false,
  ],
  [
    'a refusal as 400',
    400,
    { error: { message: 'Content violates usage guidelines', type: 'invalid_request_error' } },
    'content_filtered',
    false,
  ],
  ['a request that is too large', 413, '', 'limit_exceeded', false],
  ['a time-out in between', 408, '', 'timed_out', true],
  ['trouble of the server', 500, { error: 'Internal error' }, 'provider_unavailable', true],
  ['a gateway', 502, '<html>Bad gateway</html>', 'provider_unavailable', true],
  [
    'a busy server',
    503,
    { code: 'The service is currently unavailable', error: 'Service temporarily unavailable' },
    'provider_unavailable',
    true,
  ],
  [
    'an error in place of a stream, under 200',
    undefined,
    { code: 'The service is currently unavailable', error: 'The model is at capacity' },
    'provider_unavailable',
    true,
  ],
  [
    'an error event',
    undefined,
    { type: 'error', code: 'rate_limit_exceeded', message: 'slow down' },
    'rate_limited',
    true,
  ],
  ['what is no record', undefined, 'not a record', 'response_invalid', true],
]

describe('what xAI says went wrong', () => {
  it.each(CASES)('is understood for %s', (_, status, body, code, retryable) => {
    const error = toError(failure(body, { status }))
    expect([error.code, error.retryable, error.status]).toEqual([code, retryable, status])
    expect(error.message).not.toMatch(/\{\w+\}/)
  })

  it('has both sizes of a conversation that is too long', () => {
    const error = toError(
      failure(
        {
          code: INVALID,
          error: "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
        },
        { status: 400 },
      ),
    )
    expect(error.code).toBe('context_too_long')
    expect(error.details).toMatchObject({ contextSize: 131_072, promptTokens: 200_000 })
  })

  it('is told with its code and its words', () => {
    const error = toError(failure({ code: INVALID, error: 'n must be 1' }, { status: 400 }))
    expect(error.message).toContain(`${INVALID}: n must be 1`)
    expect(error.details).toMatchObject({ code: INVALID, said: `${INVALID}: n must be 1` })
  })
})
