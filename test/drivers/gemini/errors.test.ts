import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../../src/core/errors.ts'
import { toError } from '../../../src/drivers/gemini/errors.ts'
import { errorOf, failure, openWorld } from './world.ts'

interface Case {
  readonly status: number
  readonly rpc?: string
  readonly message: string
  readonly reason?: string
  readonly quotas?: readonly string[]
  readonly expected: readonly [code: ErrorCode, kind: string, retryable: boolean]
}

const QUOTA = 'Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_requests'

/** What the service says, as far as it is known (ai.google.dev, issues of its clients), and what it means. */
const CASES: readonly Case[] = [
  {
    status: 400,
    rpc: 'INVALID_ARGUMENT',
    message: 'Invalid JSON payload received. Unknown name "x"',
    expected: ['request_invalid', 'bad-request', false],
  },
  {
    status: 400,
    rpc: 'INVALID_ARGUMENT',
    reason: 'API_KEY_INVALID',
    message: 'API key not valid. Please pass a valid API key.',
    expected: ['authentication_failed', 'bad-key', false],
  },
  {
    status: 400,
    rpc: 'INVALID_ARGUMENT',
    message: 'API key expired. Please renew the API key.',
    expected: ['authentication_failed', 'bad-key', false],
  },
  {
    status: 400,
    rpc: 'INVALID_ARGUMENT',
    message: 'Function call is missing a thought_signature in functionCall parts.',
    expected: ['request_invalid', 'missing-signature', false],
  },
  {
    status: 400,
    rpc: 'INVALID_ARGUMENT',
    message: 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
    expected: ['context_too_long', 'context-overflow', false],
  },
  {
    status: 400,
    rpc: 'INVALID_ARGUMENT',
    message: 'The specified schema produces a constraint that has too many states for serving.',
    expected: ['request_invalid', 'schema-refused', false],
  },
  {
    status: 400,
    rpc: 'FAILED_PRECONDITION',
    message: 'User location is not supported for the API use.',
    expected: ['permission_denied', 'precondition', false],
  },
  {
    status: 401,
    rpc: 'UNAUTHENTICATED',
    message: 'Request had invalid authentication credentials.',
    expected: ['authentication_failed', 'bad-key', false],
  },
  { status: 402, message: 'Prepaid credit is empty.', expected: ['quota_exhausted', 'credit', false] },
  {
    status: 403,
    rpc: 'PERMISSION_DENIED',
    message: "Method doesn't allow unregistered callers (callers without established identity).",
    expected: ['authentication_failed', 'bad-key', false],
  },
  {
    status: 403,
    rpc: 'PERMISSION_DENIED',
    message: 'Your API key was reported as leaked. Please use another API key.',
    expected: ['authentication_failed', 'bad-key', false],
  },
  {
    status: 403,
    rpc: 'PERMISSION_DENIED',
    message: 'Generative Language API has not been used in project 1 before.',
    expected: ['permission_denied', 'forbidden', false],
  },
  {
    status: 404,
    rpc: 'NOT_FOUND',
    message: 'models/gone is not found for API version v1beta',
    expected: ['model_not_found', 'model-missing', false],
  },
  {
    status: 404,
    rpc: 'NOT_FOUND',
    message: 'CachedContent not found (or permission denied)',
    expected: ['request_invalid', 'no-such-file', false],
  },
  {
    status: 409,
    rpc: 'ABORTED',
    message: 'The operation was aborted.',
    expected: ['provider_unavailable', 'conflict', true],
  },
  {
    status: 409,
    rpc: 'ALREADY_EXISTS',
    message: 'It is there already.',
    expected: ['request_invalid', 'bad-request', false],
  },
  {
    status: 429,
    rpc: 'RESOURCE_EXHAUSTED',
    message: QUOTA,
    quotas: ['GenerateRequestsPerMinutePerProjectPerModel-FreeTier'],
    expected: ['rate_limited', 'rate-limit', true],
  },
  {
    status: 429,
    rpc: 'RESOURCE_EXHAUSTED',
    message: QUOTA,
    quotas: ['GenerateRequestsPerDayPerProjectPerModel-FreeTier'],
    expected: ['quota_exhausted', 'quota-day', false],
  },
  {
    status: 429,
    rpc: 'RESOURCE_EXHAUSTED',
    message: QUOTA,
    quotas: [
      'GenerateContentInputTokensPerModelPerMinute-FreeTier',
      'GenerateRequestsPerDayPerProjectPerModel-FreeTier',
    ],
    expected: ['quota_exhausted', 'quota-day', false],
  },
  {
    status: 429,
    rpc: 'RESOURCE_EXHAUSTED',
    message: `${QUOTA}, limit: 0`,
    quotas: ['GenerateRequestsPerMinutePerProjectPerModel-FreeTier'],
    expected: ['quota_exhausted', 'no-quota', false],
  },
  {
    status: 429,
    rpc: 'RESOURCE_EXHAUSTED',
    message: 'Your project has exceeded its spending cap.',
    expected: ['quota_exhausted', 'credit', false],
  },
  {
    status: 429,
    rpc: 'RESOURCE_EXHAUSTED',
    message: 'Resource has been exhausted (e.g. check quota).',
    expected: ['rate_limited', 'rate-limit', true],
  },
  {
    status: 499,
    rpc: 'CANCELLED',
    message: 'The operation was cancelled.',
    expected: ['provider_unavailable', 'cancelled', true],
  },
  {
    status: 500,
    rpc: 'INTERNAL',
    message: 'An internal error has occurred.',
    expected: ['provider_unavailable', 'server-error', true],
  },
  {
    status: 501,
    rpc: 'UNIMPLEMENTED',
    message: 'Operation is not implemented.',
    expected: ['capability_unsupported', 'unimplemented', false],
  },
  {
    status: 503,
    rpc: 'UNAVAILABLE',
    message: 'The model is overloaded. Please try again later.',
    expected: ['provider_unavailable', 'overloaded', true],
  },
  {
    status: 504,
    rpc: 'DEADLINE_EXCEEDED',
    message: 'Deadline expired before operation could complete.',
    expected: ['provider_unavailable', 'deadline', true],
  },
]

function bodyOf({ status, rpc, message, reason, quotas }: Case, code: number | null = status): object {
  const details = [
    ...(reason === undefined ? [] : [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason }]),
    ...(quotas === undefined
      ? []
      : [
          {
            '@type': 'type.googleapis.com/google.rpc.QuotaFailure',
            violations: quotas.map((quotaId) => ({ quotaId })),
          },
        ]),
  ]
  return {
    error: {
      code,
      message,
      ...(rpc === undefined ? {} : { status: rpc }),
      ...(details.length === 0 ? {} : { details }),
    },
  }
}

describe('the errors of the service', () => {
  it.each(CASES)('$status $rpc $message', ({ expected, ...one }) => {
    const text = JSON.stringify(bodyOf({ ...one, expected }))
    for (const [form, told] of [text, `[${text}]`, text.replace('{"code"', '{ "code"')].entries()) {
      const error = toError(failure(told, { status: one.status }))
      expect([error.code, error.details['kind'], error.retryable, error.status], String(form)).toEqual([
        ...expected,
        one.status,
      ])
    }
  })

  it('mean the same in the middle of a stream, where only the name is there', () => {
    for (const { expected, ...one } of CASES) {
      if (one.rpc === undefined) continue
      const text = JSON.stringify(bodyOf({ ...one, expected }, null))
      const error = toError(failure(text, { status: undefined }))
      expect([error.code, error.details['kind']], one.message).toEqual(expected.slice(0, 2))
      expect([error.status, error.details['midStream']], one.message).toEqual([one.status, true])
    }
  })

  it.each<[string, number, ErrorCode, string]>([
    [
      '<html><head><title>502</title></head><body>Bad Gateway</body></html>',
      502,
      'provider_unavailable',
      'server-error',
    ],
    ['<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>', 404, 'config_invalid', 'no-such-endpoint'],
    ['', 413, 'request_invalid', 'bad-request'],
    ['', 302, 'config_invalid', 'redirect'],
    ['{"error":"a text"}', 400, 'request_invalid', 'bad-request'],
    ['[[]]', 500, 'provider_unavailable', 'server-error'],
    ['[]', 400, 'request_invalid', 'bad-request'],
    ['null', 503, 'provider_unavailable', 'overloaded'],
  ])('are told from those of what lies between: %s %i', (text, status, code, kind) => {
    const error = toError(failure(text, { status }))
    expect([error.code, error.details['kind']]).toEqual([code, kind])
  })

  it.each<[string, number | undefined]>([
    ['34.4s', 34_400],
    ['0s', 0],
    ['35640s', 35_640_000],
    ['soon', undefined],
    ['-1s', undefined],
  ])('ask for a wait of %s', (retryDelay, wanted) => {
    const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }]
    const text = JSON.stringify({
      error: { code: 429, message: 'Slow down', status: 'RESOURCE_EXHAUSTED', details },
    })
    expect(toError(failure(text, { status: 429 })).retryAfterMs).toBe(wanted)
  })

  it('ask for a wait in their words, too, and a header counts where neither is there', () => {
    const body = (message: string): string => JSON.stringify({ error: { code: 429, message } })
    const waitOf = (message: string): number | undefined =>
      toError(failure(body(message), { status: 429, retryAfterMs: 7_000 })).retryAfterMs
    expect(waitOf('Please retry in 9h54m12.5s.')).toBe(35_652_500)
    expect(waitOf('Please retry in 850ms.')).toBe(850)
    expect(waitOf('Slow down')).toBe(7_000)
  })

  it('are asked about once more where the model wrote a call that cannot be read, and both are billed', async () => {
    await using world = await openWorld({ gemini: { prices: 'gemini' } })
    const bad = { finishReason: 'MALFORMED_FUNCTION_CALL', promptTokens: 1_000, outputTokens: 10 }
    world.server.reply(bad, { text: 'Fine.', promptTokens: 1_000, outputTokens: 1 })
    const answer = await world.ai.sendMessage('Hi')
    expect([answer.text, answer.attempts.map(({ outcome, cost }) => [outcome, String(cost.amount)])]).toEqual(
      [
        'Fine.',
        // 1,000 × $0.75 and 10 × $3.75 for a million; then 1 × $3.75.
        [
          ['error', '0.0007875'],
          ['ok', '0.00075375'],
        ],
      ],
    )
    world.server.reply(bad, bad, 'Never asked for.')
    const error = await errorOf(world.ai.sendMessage('Hi'))
    expect([error.code, error.details['kind'], world.server.queued]).toEqual([
      'response_invalid',
      'model-output-fault',
      1,
    ])
  })

  it('show no key and nothing of what was sent', async () => {
    await using world = await openWorld({ gemini: { apiKey: 'AIza-a-secret-key-1234' } })
    const message = 'Bad text "a long prompt that is secret" from AIza-a-secret-key-1234'
    world.server.reply({ status: 400, error: { message } })
    const error = await errorOf(world.ai.sendMessage('a long prompt that is secret'))
    const shown = `${error.message} ${JSON.stringify(error)}`
    expect(shown).not.toContain('AIza-a-secret-key-1234')
    expect(shown).not.toContain('a long prompt that is secret')
    expect(shown).toContain('Bad text')
  })
})
