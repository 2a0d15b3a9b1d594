import { describe, expect, it } from 'vitest'
import type { ErrorCode } from '../../../src/core/errors.ts'
import type { Failure } from '../../../src/drivers/rooms.ts'
import { refusalOf, toError } from '../../../src/drivers/openai/errors.ts'
import { errorOf, failure, openWorld } from './world.ts'

/** An error object as OpenAI writes it. */
const said = (message: string, more: object = {}): string =>
  JSON.stringify({ error: { message, type: 'invalid_request_error', param: null, code: null, ...more } })

const LIMITED =
  'Rate limit reached for gpt-6-luna in organization org-x on tokens per min (TPM): Limit 30000.'
const OVERFLOW =
  'Your input exceeds the context window of this model. Please adjust your input and try again.'
const TOOLS =
  'Function tools with reasoning_effort are not supported for gpt-6-sol in /v1/chat/completions. To use function ' +
  "tools, use /v1/responses or set reasoning_effort to 'none'."

type Row = readonly [
  status: number | undefined,
  text: string,
  code: ErrorCode,
  kind: string,
  retryable: boolean,
]

const ROWS: readonly Row[] = [
  [400, said(OVERFLOW, { code: 'context_length_exceeded' }), 'context_too_long', 'context-overflow', false],
  [
    400,
    said("This model's maximum context length is 8192 tokens."),
    'context_too_long',
    'context-overflow',
    false,
  ],
  [400, said('Too long', { code: 'string_above_max_length' }), 'limit_exceeded', 'too-large', false],
  [
    400,
    said("Unknown parameter: 'stop'.", { code: 'unknown_parameter' }),
    'request_invalid',
    'bad-request',
    false,
  ],
  [400, said("Invalid 'x': wrong.", { code: 'invalid_value' }), 'request_invalid', 'bad-request', false],
  [400, said(TOOLS, { param: 'reasoning_effort' }), 'capability_unsupported', 'tools-with-reasoning', false],
  [
    400,
    said("Unsupported parameter: 'temperature' is not supported with this model.", { param: 'temperature' }),
    'capability_unsupported',
    'unsupported-feature',
    false,
  ],
  [400, said('Flagged', { code: 'invalid_prompt' }), 'content_filtered', 'content-filter', false],
  [400, said('Policy', { code: 'content_policy_violation' }), 'content_filtered', 'content-filter', false],
  [400, said('Bad', { code: 'invalid_image_format' }), 'request_invalid', 'bad-image', false],
  [400, said('Bad', { code: 'failed_to_download_image' }), 'request_invalid', 'bad-image', false],
  [
    400,
    said("Item 'rs_1' of type 'reasoning' was provided without its required following item."),
    'request_invalid',
    'bad-history',
    false,
  ],
  [400, said('No tool output found for function call call_1.'), 'request_invalid', 'bad-history', false],
  [
    401,
    said('Incorrect API key provided: sk-***', { code: 'invalid_api_key' }),
    'authentication_failed',
    'unauthorized',
    false,
  ],
  [
    401,
    said('You must be a member of an organization to use the API'),
    'authentication_failed',
    'unauthorized',
    false,
  ],
  [402, said('Pay first'), 'quota_exhausted', 'quota', false],
  [
    403,
    said('Country not supported', { code: 'unsupported_country_region_territory' }),
    'permission_denied',
    'forbidden',
    false,
  ],
  [
    403,
    said('Your organization must be verified to use the model.'),
    'permission_denied',
    'forbidden',
    false,
  ],
  [
    404,
    said("The model 'gone' does not exist", { code: 'model_not_found' }),
    'model_not_found',
    'model-missing',
    false,
  ],
  [404, said("The model 'gone' does not exist"), 'model_not_found', 'model-missing', false],
  [404, '<html><body>Not Found</body></html>', 'config_invalid', 'no-such-endpoint', false],
  [405, 'Method Not Allowed', 'config_invalid', 'no-such-endpoint', false],
  [301, '', 'config_invalid', 'redirect', false],
  [408, said('Timeout'), 'timed_out', 'timeout', true],
  [409, said('Locked'), 'provider_unavailable', 'conflict', true],
  [413, said('Too large'), 'limit_exceeded', 'too-large', false],
  [422, said('Unprocessable'), 'request_invalid', 'bad-request', false],
  [429, said(LIMITED, { type: 'tokens', code: 'rate_limit_exceeded' }), 'rate_limited', 'rate-limit', true],
  [
    429,
    said('Slow down', { type: 'rate_limit_error', code: 'slow_down' }),
    'rate_limited',
    'slow-down',
    true,
  ],
  [
    429,
    said('No', { type: 'insufficient_quota', code: 'insufficient_quota' }),
    'quota_exhausted',
    'quota',
    false,
  ],
  [
    429,
    said('No', { type: 'insufficient_quota', code: 'credit_balance_exhausted' }),
    'quota_exhausted',
    'quota',
    false,
  ],
  [429, said('No', { type: 'insufficient_quota', code: null }), 'quota_exhausted', 'quota', false],
  [429, said('No', { code: 'project_spend_limit_exceeded' }), 'quota_exhausted', 'quota', false],
  [429, said('No', { code: 'organization_usage_limit_exceeded' }), 'quota_exhausted', 'quota', false],
  [
    429,
    said('Flex is out of capacity', { type: 'resource_unavailable' }),
    'rate_limited',
    'rate-limit',
    true,
  ],
  [429, '', 'rate_limited', 'rate-limit', true],
  [
    500,
    said('The server had an error', { type: 'server_error' }),
    'provider_unavailable',
    'server-error',
    true,
  ],
  [500, '', 'provider_unavailable', 'server-error', true],
  [502, '<html>Bad gateway</html>', 'provider_unavailable', 'gateway', true],
  [
    503,
    said('Overloaded', { type: 'service_unavailable_error', code: 'server_is_overloaded' }),
    'provider_unavailable',
    'busy',
    true,
  ],
  [529, 'Overloaded', 'provider_unavailable', 'gateway', true],
  // In a stream that began well.
  [
    undefined,
    JSON.stringify({ type: 'error', code: 'server_error', message: 'x', param: null }),
    'provider_unavailable',
    'server-error',
    true,
  ],
  [
    undefined,
    JSON.stringify({ type: 'error', error: { type: 'tokens', code: 'rate_limit_exceeded', message: 'x' } }),
    'rate_limited',
    'rate-limit',
    true,
  ],
  [
    undefined,
    JSON.stringify({ error: { code: 'bio_policy', message: 'x' } }),
    'content_filtered',
    'content-filter',
    false,
  ],
  [
    undefined,
    JSON.stringify({ error: { code: 'data_residency_mismatch', message: 'x' } }),
    'permission_denied',
    'forbidden',
    false,
  ],
  [
    undefined,
    JSON.stringify({ error: { message: 'Something new', code: 'never_heard_of' } }),
    'provider_unavailable',
    'server-error',
    true,
  ],
  [undefined, 'not a record', 'response_invalid', 'unreadable', true],
  // Compatible servers.
  [
    400,
    JSON.stringify({
      error: {
        code: 400,
        message: 'the request exceeds the available context size (4096 tokens)',
        type: 'exceed_context_size_error',
      },
    }),
    'context_too_long',
    'context-overflow',
    false,
  ],
  [
    503,
    JSON.stringify({ error: { code: 503, message: 'Loading model', type: 'unavailable_error' } }),
    'provider_unavailable',
    'busy',
    true,
  ],
  [
    400,
    JSON.stringify({
      object: 'error',
      message: "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens",
      type: 'BadRequestError',
      code: 400,
    }),
    'context_too_long',
    'context-overflow',
    false,
  ],
  [404, JSON.stringify({ error: 'model "x" not found' }), 'model_not_found', 'model-missing', false],
  [
    400,
    said('Failed to call a function', { code: 'tool_use_failed' }),
    'response_invalid',
    'bad-tool-call',
    true,
  ],
  [422, JSON.stringify({ detail: 'Field required' }), 'request_invalid', 'bad-request', false],
]

describe('the errors of OpenAI', () => {
  it.each(ROWS)('%s %s is %s (%s)', (status, text, code, kind, retryable) => {
    const error = toError(failure(text, { status }))
    expect([error.code, error.details['kind'], error.retryable]).toEqual([code, kind, retryable])
    expect(error.status).toBe(status)
    expect(error.details['midStream']).toBe(status === undefined)
    // No place is left unfilled.
    expect(error.message).not.toMatch(/\{\w+\}/)
  })

  it('names the key, the code and the parameter, and the request', () => {
    const text = said('Wrong', { type: 'x', code: 'invalid_value', param: 'input' })
    const error = toError(failure(text, { status: 400, headers: { 'x-request-id': 'req_7' } }))
    expect(error.details).toMatchObject({ type: 'x', code: 'invalid_value', param: 'input' })
    expect(error.requestId).toBe('req_7')
    expect(toError(failure('', { status: 401 })).message).toContain('OPENAI_API_KEY')
  })

  it('reads how long a conversation was and could have been', () => {
    const message = "This model's maximum context length is 32768 tokens. However, you requested 40000 tokens"
    expect(toError(failure(said(message), { status: 400 })).details).toMatchObject({
      contextSize: 32_768,
      promptTokens: 40_000,
    })
  })

  const LIMITS = {
    'x-ratelimit-limit-requests': '60',
    'x-ratelimit-remaining-requests': '0',
    'x-ratelimit-reset-requests': '1s',
    'x-ratelimit-limit-tokens': '150000',
    'x-ratelimit-remaining-tokens': '149984',
    'x-ratelimit-reset-tokens': '6m0s',
  }

  it.each<readonly [what: string, Partial<Failure>, ms: number | undefined]>([
    ['the header', { retryAfterMs: 1_500, headers: LIMITS }, 1_500],
    [
      'the message',
      { text: said('Please try again in 1.2s. Visit', { code: 'rate_limit_exceeded' }) },
      1_200,
    ],
    [
      'the message, in milliseconds',
      { text: said('Please try again in 20ms.', { code: 'rate_limit_exceeded' }) },
      20,
    ],
    [
      'the message, in minutes',
      { text: said('Please try again in 6m0s.', { code: 'rate_limit_exceeded' }) },
      360_000,
    ],
    ['what is used up of the limits', { headers: LIMITS }, 1_000],
    ['nothing', { headers: { ...LIMITS, 'x-ratelimit-remaining-requests': '3' } }, undefined],
  ])('waits after a rate limit as %s says', (_, more, ms) => {
    const text = said('Rate limit reached', { code: 'rate_limit_exceeded' })
    expect(toError(failure(text, { status: 429, ...more })).retryAfterMs).toBe(ms)
  })

  it('obeys what the server says of trying again, both ways', () => {
    const how = (status: number, value: string): boolean =>
      toError(failure('', { status, headers: { 'x-should-retry': value } })).retryable
    expect([how(500, 'false'), how(400, 'true'), how(500, 'perhaps')]).toEqual([false, true, true])
  })

  it('tells what is left of the limits with an answer and with an error', async () => {
    await using world = await openWorld({ server: { rateLimits: LIMITS, models: ['gpt-6-luna'] } })
    world.server.reply('ok', 'ok', { status: 400, error: { message: 'No' } })
    const rateLimits = {
      requests: { limit: 60, remaining: 0, resetMs: 1_000 },
      tokens: { limit: 150_000, remaining: 149_984, resetMs: 360_000 },
    }
    expect((await world.ai.sendMessage('hi')).rateLimits).toEqual(rateLimits)
    expect((await world.ai.streamMessage('hi').response).rateLimits).toEqual(rateLimits)
    expect((await errorOf(world.ai.sendMessage('hi'))).details['rateLimits']).toEqual(rateLimits)
    // Nothing is made up where nothing is said.
    await using silent = await openWorld()
    silent.server.reply('ok')
    expect(await silent.ai.sendMessage('hi')).not.toHaveProperty('rateLimits')
  })

  it('asks again without a summary of thoughts, once and for all, where the account gets none', async () => {
    await using world = await openWorld()
    const message = 'Your organization must be verified to generate reasoning summaries.'
    world.server.reply(
      { status: 400, error: { message, param: 'reasoning.summary', code: 'unsupported_value' } },
      'ok',
      'ok',
    )
    const answer = await world.ai.sendMessage('hi', { reasoning: 'low' })
    await world.ai.sendMessage('hi', { reasoning: 'low' })
    expect(answer.text).toBe('ok')
    expect(world.bodies().map((body) => body['reasoning'])).toEqual([
      { effort: 'low', summary: 'auto' },
      { effort: 'low' },
      { effort: 'low' },
    ])
  })

  it('goes on over Responses, once and for all, where a model takes no tools over Chat Completions', async () => {
    await using world = await openWorld({ openai: { dialect: 'chat' } })
    const tools = [{ name: 'add', input: { type: 'object', properties: {} } }]
    const refused = { message: TOOLS, param: 'reasoning_effort' }
    world.server.once('/v1/chat/completions', { status: 400, error: refused })
    const answer = await world.ai.sendMessage('1 + 1?', { tools, stop: 'x' })
    await world.ai.sendMessage('1 + 1?', { tools })
    await world.ai.sendMessage('Hi')
    expect(answer.text).toBe('You said: 1 + 1?')
    expect(answer.warnings.map(({ details }) => details['option'])).toEqual(['stop'])
    expect(world.server.requests.map(({ path }) => path)).toEqual([
      '/v1/chat/completions',
      '/v1/responses',
      '/v1/responses',
      '/v1/chat/completions',
    ])
  })

  it('learns from each of the calls that were refused at once', async () => {
    await using world = await openWorld({ openai: { dialect: 'chat' } })
    const tools = [{ name: 'add', input: { type: 'object', properties: {} } }]
    const refused = { status: 400, error: { message: TOOLS, param: 'reasoning_effort' } }
    for (let call = 0; call < 2; call++) world.server.once('/v1/chat/completions', refused)
    const asked = ['1 + 1?', '2 + 2?']
    const answers = await Promise.all(asked.map((text) => world.ai.sendMessage(text, { tools })))
    expect(answers.map(({ text }) => text)).toEqual(asked.map((text) => `You said: ${text}`))
    const paths = world.server.requests.map(({ path }) => path)
    expect(paths.slice(2)).toEqual(['/v1/responses', '/v1/responses'])
    expect(answers.map(({ attempts }) => attempts.map(({ cost }) => String(cost.amount))[0])).toEqual([
      '0',
      '0',
    ])
  })

  it('knows what is refused of thinking, and nothing else for it', () => {
    const of = (more: object): unknown =>
      refusalOf(toError(failure(said('Unsupported parameter', more), { status: 400 })))
    expect(of({ param: 'reasoning.effort', code: 'unsupported_parameter' })).toBe('reasoning')
    expect(of({ param: 'reasoning.summary' })).toBe('summary')
    expect(of({ param: 'temperature' })).toBeUndefined()
    const said400 = (message: string): unknown => refusalOf(toError(failure(said(message), { status: 400 })))
    expect(said400('Unrecognized request argument supplied: reasoning_effort')).toBe('reasoning')
    expect(said400('`reasoning_effort` is not supported with this model')).toBe('reasoning')
    // The model thinks, and takes another level, or no tools.
    expect(
      said400("Unsupported value: 'reasoning_effort' does not support 'minimal' with this model."),
    ).toBeUndefined()
    expect(said400(TOOLS)).toBe('tools')
    expect(said400("Unsupported parameter: 'temperature' is not supported with this model.")).toBeUndefined()
  })

  it('shows neither a key nor what was sent', async () => {
    const key = 'sk-verysecretkey-0123456789'
    await using world = await openWorld({ openai: { apiKey: key } })
    const prompt = 'A prompt that nobody else may read'
    const told = said(`Wrong key ${key} for ${prompt}`, { code: 'invalid_api_key' })
    world.server.reply({ status: 401, body: JSON.parse(told) as object })
    const error = await errorOf(world.ai.sendMessage(prompt))
    const shown = JSON.stringify(error) + error.message
    expect(shown).not.toContain(key)
    expect(shown).not.toContain(prompt)
    expect(error.code).toBe('authentication_failed')
  })

  it('takes JSON in place of a stream for the error that it is', async () => {
    await using world = await openWorld()
    world.server.reply({ body: { error: { message: 'Down', type: 'server_error' } } })
    const error = await errorOf(world.ai.streamMessage('hi', { retries: 0 }).response)
    expect([error.code, error.details['kind']]).toEqual(['provider_unavailable', 'server-error'])
  })
})
