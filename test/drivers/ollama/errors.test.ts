import { describe, expect, it } from 'vitest'
import { mayBeOneText, refusalOf, toError } from '../../../src/drivers/ollama/errors.ts'
import { ollamaFixtures } from '../../fixtures/ollama/index.ts'
import { CHAT_ROWS, OTHER_ROWS, QUOTED, SPELLINGS } from './error-rows.ts'
import { errorOf, failure, openWorld } from './world.ts'

const PROMPT = 'What did Ada say to Grace in 1843?'
const KEY = 'sk-live-0123456789abcdef'
/** Every message says what can be done now. */
const NEXT_STEP =
  /\b(check|use|set|shorten|raise|wait|send|ask|sign in|get it|see|correct|switch|pull|add|simplify|try|canceled)\b/i

describe('what the server says, and what it means', () => {
  it.each(
    CHAT_ROWS.map(
      (row) => [`${row.reply.status} ${row.reply.error ?? String(row.reply.body)}`, row] as const,
    ),
  )('%s', async (_name, { reply, code, kind, requests, details }) => {
    await using world = await openWorld({ ollama: { apiKey: KEY } })
    const { ai, server } = world
    server.default(reply)
    const error = await errorOf(ai.provider('ollama').sendMessage(PROMPT, { retries: 2 }))
    expect(error).toMatchObject({ code, status: reply.status, provider: 'ollama', model: 'llama3.2' })
    expect(error.details).toMatchObject({ kind, path: '/api/chat', midStream: false, ...details })
    expect(error.retryable).toBe(requests > 1)
    expect(world.chats()).toHaveLength(requests)
    if (reply.error !== 'model is required' && reply.error !== "model '' not found")
      expect(error.message).toContain('llama3.2')
    expect(error.message).toMatch(NEXT_STEP)
    expect(JSON.stringify([error.message, error])).not.toMatch(/Ada say|sk-live/)
  })

  it.each(OTHER_ROWS)('$path: $reply.status $reply.error', ({ path, reply, code, kind, requests }) => {
    const error = toError(failure(JSON.stringify({ error: reply.error }), { status: reply.status, path }))
    const retriesMax = requests === 2 ? 1 : undefined
    expect(error).toMatchObject({ code, retryable: requests > 1, retriesMax, status: reply.status })
    expect(error.details).toMatchObject({ kind, path })
    expect(error.message).toMatch(NEXT_STEP)
  })

  it('means the same in a stream, before anything has arrived', async () => {
    for (const { reply, code, requests } of CHAT_ROWS.filter((row) => row.reply.status === 500)) {
      await using world = await openWorld()
      world.server.default({ lines: [{ error: reply.error }] })
      const error = await errorOf(world.ai.streamMessage(PROMPT, { retries: 2 }).response)
      expect([error.code, error.status, error.details['midStream']], reply.error).toEqual([
        code,
        undefined,
        true,
      ])
      expect(world.chats(), reply.error).toHaveLength(requests)
    }
  })
})

describe('the words by which it is known', () => {
  const kindOf = (error: string, path: string = '/api/chat'): unknown =>
    toError(failure(JSON.stringify({ error }), { path })).details['kind']

  it.each(SPELLINGS)('%s: %s', (kind, error) => {
    expect(kindOf(error)).toBe(kind)
  })

  it.each(QUOTED)('decide nothing inside of another text: %s', (error) => {
    expect(kindOf(error)).toBe('server-error')
  })

  it('mean a disk that is full where a model is brought to the server, and nothing in an answer', () => {
    const said = 'write /models/blobs/x: no space left on device'
    for (const path of ['/api/pull', '/api/push', '/api/create', '/api/blobs/sha256:aa'])
      expect(kindOf(said, path)).toBe('disk-full')
    for (const path of ['/api/chat', '/proxy/api/pull']) expect(kindOf(said, path)).toBe('server-error')
  })

  it.each<[number, string, string]>([
    [500, 'empty function name', 'What it wrote is in details.said'],
    [400, 'exceeds the available context size', 'numCtx within what the model and the memory allow'],
    [
      401,
      'unauthorized',
      'where there is one), set OLLAMA_API_KEY for ollama.com, or give the user and password',
    ],
    [403, 'ollama cloud is disabled', 'is one: use a local model, or switch them on'],
    [405, 'no', 'or update the server if it is old (no)'],
    [503, 'server busy', 'or raise OLLAMA_MAX_QUEUE on the server (server busy)'],
  ])('come with what can be done: %i %s', (status, error, advice) => {
    expect(toError(failure(JSON.stringify({ error }), { status })).message).toContain(advice)
  })
})

describe('the shapes in which it is said', () => {
  const meaningOf = (text: string, status?: number): unknown => {
    const { code, details, message } = toError(failure(text, { status }))
    return { code, kind: details['kind'], said: details['said'], message }
  }

  it('takes an error object as OpenAI writes it', () => {
    const body = {
      error: { message: 'model is required', type: 'invalid_request_error', param: null, code: null },
    }
    expect(meaningOf(JSON.stringify(body), 400)).toMatchObject({
      code: 'request_invalid',
      said: 'model is required',
    })
  })

  it('takes an error object as Anthropic writes it', () => {
    const body = {
      type: 'error',
      error: { type: 'not_found_error', message: "model 'x' not found" },
      request_id: 'r',
    }
    expect(meaningOf(JSON.stringify(body), 404)).toMatchObject({ code: 'model_not_found' })
  })

  it('takes an object of another make, by its message or as it is', () => {
    expect(meaningOf('{"message":"no such route"}', 404)).toMatchObject({ said: 'no such route' })
    expect(meaningOf('{"detail":"Not allowed"}', 403)).toMatchObject({
      kind: 'forbidden',
      said: '{"detail":"Not allowed"}',
    })
  })

  it('reads a pretty-printed error with a line of the runner after it', () => {
    const inner = {
      error: { code: 400, message: 'request (9 tokens) exceeds the available context size (8 tokens)' },
    }
    const body = { error: `${JSON.stringify(inner, null, 2)}\nCUDA error: out of memory` }
    const error = toError(failure(JSON.stringify(body), { status: 400 }))
    expect(error.details).toMatchObject({ promptTokens: 9, contextSize: 8, outOfMemory: true })
    expect(error.code).toBe('context_too_long')
  })

  it('reads sizes out of an error that Go printed as a map', () => {
    const map =
      'llama-server chat error: map[code:400 message:request (3022 tokens) exceeds the available context size ' +
      '(512 tokens), try increasing it n_ctx:512 n_prompt_tokens:3022 type:exceed_context_size_error]'
    const error = toError(failure(JSON.stringify({ error: map }), { status: undefined }))
    expect(error.code).toBe('context_too_long')
    expect(error.details).toMatchObject({ promptTokens: 3022, contextSize: 512, midStream: true })
  })

  it('keeps what a runner said with the kind that it gave, and the sizes that it counted', () => {
    const inner = { message: 'too long', type: 'exceed_context_size_error', n_prompt_tokens: 9, n_ctx: 8 }
    const detailsOf = (error: object): unknown =>
      toError(failure(JSON.stringify({ error: JSON.stringify({ error }) }), { status: 400 })).details
    const place = { path: '/api/chat', midStream: false }
    expect(detailsOf(inner)).toStrictEqual({
      kind: 'context-overflow',
      said: 'too long (exceed_context_size_error)',
      ...place,
      promptTokens: 9,
      contextSize: 8,
    })
    const plain = { kind: 'bad-request', said: 'no such thing (error)', ...place }
    expect(detailsOf({ message: 'no such thing' })).toStrictEqual(plain)
    expect(detailsOf({ message: 'no such thing', type: 7 })).toStrictEqual(plain)
  })

  it('keeps nothing that was not said', () => {
    expect(toError(failure('{"error":"CUDA error: out of memory"}')).details).toStrictEqual({
      kind: 'out-of-memory',
      said: 'CUDA error: out of memory',
      path: '/api/chat',
      midStream: false,
    })
  })

  it('does not mind white space around it', () => {
    expect(meaningOf('\n {"error":" model is required\\n"} ', 400)).toMatchObject({
      kind: 'bad-request',
      said: 'model is required',
      message: expect.stringMatching(/^No model was named/) as unknown,
    })
  })

  it('takes a status out of a body only where it is a number', () => {
    expect(toError(failure('{"StatusCode":429,"error":"slow down"}', { status: 500 })).status).toBe(429)
    expect(toError(failure('{"StatusCode":"429","error":"slow down"}', { status: 500 })).status).toBe(500)
  })

  it('shows a proxy page as a short text', () => {
    const page = `<!DOCTYPE html><html><head><style>b { color: red }</style><script>alert(1)</script></head>
      <body><h1>502 Bad Gateway</h1>\n\n<hr><center>cloudflare</center>${' x'.repeat(5_000)}</body></html>`
    const error = toError(failure(page, { status: 502 }))
    expect(error).toMatchObject({ code: 'provider_unavailable', retryable: true, status: 502 })
    expect(error.details['said']).toMatch(/^502 Bad Gateway cloudflare x x/)
    expect(error.message).not.toMatch(/[<>]|color|alert/)
    expect(error.message.length).toBeLessThan(500)
  })

  it('explains an empty 403 with OLLAMA_ORIGINS and Host', () => {
    expect(toError(failure('', { status: 403 })).message).toMatch(/OLLAMA_ORIGINS.*Host/)
  })

  it('passes the sign-in page on, with the key in it that it needs, and no other page', async () => {
    // Go writes the & as \u0026; a proxy may write it as it is.
    for (const amp of ['\\u0026', '&']) {
      await using world = await openWorld()
      const url = `https://ollama.com/connect?name=box${amp}key=c3NoLWVkMjU1MTk`
      world.server.default({ status: 401, body: `{"error":"unauthorized","signin_url":"${url}"}` })
      const error = await errorOf(world.ai.sendMessage(PROMPT))
      expect(error).toMatchObject({ code: 'authentication_failed', retryable: false, status: 401 })
      expect(error.details['signinUrl']).toBe('https://ollama.com/connect?name=box&key=c3NoLWVkMjU1MTk')
      expect(error.message).toContain('ollama signin')
    }
    const passedOn = (url: unknown): unknown => {
      const body = JSON.stringify({ error: 'unauthorized', signin_url: url })
      return toError(failure(body, { status: 401 })).details['signinUrl']
    }
    for (const host of ['signin.ollama.com', 'eu-1.signin.ollama.com'])
      expect(passedOn(`https://${host}/connect`)).toBe(`https://${host}/connect`)
    for (const url of [
      'https://evil.example/ollama.com/',
      'https://evil.example/?https://ollama.com/',
      'https://ollama.com.evil.example/',
      'https://evil.example:ollama.com/',
      'http://ollama.com/connect',
      ['https://ollama.com/connect'],
    ])
      expect(passedOn(url), String(url)).toBeUndefined()
  })

  it('takes the status out of a Go error struct at the end of a stream', async () => {
    await using world = await openWorld()
    const { bytes, expected } = ollamaFixtures.errorGoStruct
    world.server.default({ raw: [bytes] })
    const error = await errorOf(world.ai.streamMessage(PROMPT).response)
    expect(error).toMatchObject({ code: 'quota_exhausted', status: 429, retryable: false })
    expect(error.details).toMatchObject({ midStream: true, kind: 'quota' })
    expect(error.partial?.text).toBe(expected.text)
  })

  it('waits as long as the server asks, and gives up where that is too long', async () => {
    await using world = await openWorld()
    const waits: number[] = []
    world.ai.on('providerRetried', ({ delayMs }) => void waits.push(delayMs))
    world.server.reply({ status: 503, error: 'server busy', headers: { 'Retry-After': '7' } }, 'Here I am')
    expect((await world.ai.sendMessage(PROMPT)).text).toBe('Here I am')
    expect(waits).toEqual([7_000])
    world.server.reply({ status: 503, error: 'server busy', headers: { 'Retry-After': '3600' } })
    const error = await errorOf(world.ai.sendMessage(PROMPT))
    expect(error).toMatchObject({ code: 'provider_unavailable', retryAfterMs: 3_600_000 })
  })

  it('resamples once after a tool call that could not be read, and answers', async () => {
    await using world = await openWorld()
    world.server.reply({ status: 500, error: "error parsing tool call: raw='{', err=x" }, 'Second try')
    const answer = await world.ai.sendMessage(PROMPT)
    expect([answer.text, answer.attempts.length]).toEqual(['Second try', 2])
  })

  it('tries again while the queue is full, until there is room', async () => {
    await using world = await openWorld()
    const busy = { status: 503, error: 'server busy, please try again.  maximum pending requests exceeded' }
    world.server.reply(busy, busy, 'At last')
    expect((await world.ai.sendMessage(PROMPT)).text).toBe('At last')
    expect(world.chats()).toHaveLength(3)
  })
})

describe('what an error says for the next try', () => {
  const after = (error: string, status: number): [boolean, string | undefined] => {
    const told = toError(failure(JSON.stringify({ error }), { status }))
    return [mayBeOneText(told), refusalOf(told)]
  }

  it.each<[string, number, boolean, string | undefined]>([
    ['do embedding request: EOF', 500, true, undefined],
    ['failed to encode: unsupported value NaN or Inf', 500, true, undefined],
    ['server busy', 503, false, undefined],
    ['"oak" does not support thinking', 400, false, 'reasoning'],
    ['"oak" does not support tools', 400, false, undefined],
    ['Assistant response prefill is incompatible with enable_thinking.', 400, false, 'prefill'],
  ])('%s (%i): may be one text %s, refuses %s', (error, status, oneText, refused) => {
    expect(after(error, status)).toEqual([oneText, refused])
  })
})

describe('what is never shown', () => {
  it('hides a prompt that the far end sends back, whole, escaped or in a stream', async () => {
    const prompt = 'My pin is "1234"\nand my cat is called Ada Lovelace the Second'
    const echoes = [
      { status: 400, error: `cannot understand: ${prompt}` },
      { status: 502, body: `<pre>POST /api/chat ${JSON.stringify({ content: prompt })}</pre>` },
      { lines: [{ error: `chat template failed at ${prompt}` }] },
    ]
    for (const echo of echoes) {
      await using world = await openWorld()
      world.server.default(echo)
      const error = await errorOf(
        world.ai.streamMessage(prompt, { system: 'You keep many secrets' }).response,
      )
      expect(JSON.stringify([error.message, error])).not.toMatch(/pin is|Lovelace/)
    }
  })

  it('hides every key that the far end sends back', async () => {
    const headers = { 'X-Proxy-Key': 'proxy-key-9876543210' }
    await using world = await openWorld({ ollama: { apiKey: KEY, headers } })
    const said = `bad key ${KEY}, proxy-key-9876543210, Authorization: Bearer ${KEY}, http://u:hunter22@h/?key=abcdef`
    world.server.default({ status: 401, error: said })
    const error = await errorOf(world.ai.sendMessage(PROMPT))
    expect(JSON.stringify([error.message, error])).not.toMatch(/sk-live|9876543210|hunter22|abcdef/)
  })

  it('does not take the name of a model for a place to fill in', () => {
    const error = toError(failure('{"error":"model not found"}', { status: 404, model: '{said}$&' }))
    expect(error.message).toContain('ollama pull {said}$&')
  })
})
