import { createGoogle } from '@ai-sdk/google'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fakeGemini, type FakeGemini, type GeminiReply } from '../../src/testing/fake-gemini.ts'

const FLASH = 'gemini-3.8-flash'
let server: FakeGemini

beforeEach(async () => {
  server = await fakeGemini({
    models: [FLASH, 'gemini-2.5-flash', { name: 'small', inputTokenLimit: 4 }, 'gemini-embedding-001'],
    keys: ['test-key'],
  })
})
afterEach(async () => {
  await server.close()
})

type Json = Readonly<Record<string, unknown>>
const user = (text: string): Json => ({ role: 'user', parts: [{ text }] })

async function post(path: string, body: unknown, key: string | null = 'test-key'): Promise<[number, Json]> {
  const headers = key === null ? {} : { 'x-goog-api-key': key }
  const response = await fetch(server.baseUrl + path, { method: 'POST', headers, body: JSON.stringify(body) })
  return [response.status, (await response.json()) as Json]
}

const generate = (more: Json = {}, model: string = FLASH): Promise<[number, Json]> =>
  post(`/models/${model}:generateContent`, { contents: [user('Why is the sky blue?')], ...more })

/** The events of a stream, and the text that they came as. */
async function stream(
  more: Json = {},
  alt = '?alt=sse',
): Promise<{ text: string; records: Json[]; type: string }> {
  const response = await fetch(`${server.baseUrl}/models/${FLASH}:streamGenerateContent${alt}`, {
    method: 'POST',
    headers: { 'x-goog-api-key': 'test-key' },
    body: JSON.stringify({ contents: [user('Why is the sky blue?')], ...more }),
  })
  const text = await response.text()
  const events = text.split('\r\n\r\n').filter((event) => event.startsWith('data: '))
  const records = events.map((event) => JSON.parse(event.slice('data: '.length)) as Json)
  return { text, records, type: response.headers.get('content-type') ?? '' }
}

const errorOf = ([status, body]: [number, Json]): unknown[] => {
  const { code, status: name, message } = (body['error'] ?? {}) as Json
  return [status, code, name, message]
}

describe('an answer', () => {
  it('is one object, with counts that can be worked out by hand', async () => {
    server.reply({ text: 'It scatters light.', thinking: 'Rayleigh, I think.' })
    // Six: one for the part, five for its words. Three words of answer, three of thoughts.
    expect(await generate()).toEqual([
      200,
      {
        candidates: [
          {
            content: { role: 'model', parts: [{ text: 'It scatters light.' }] },
            finishReason: 'STOP',
            index: 0,
          },
        ],
        usageMetadata: {
          promptTokenCount: 6,
          candidatesTokenCount: 3,
          thoughtsTokenCount: 3,
          totalTokenCount: 12,
          promptTokensDetails: [{ modality: 'TEXT', tokenCount: 6 }],
        },
        modelVersion: FLASH,
        responseId: 'fake000000000000000001',
      },
    ])
  })

  it('streams as data and nothing else, with CRLF, growing counts and no word for the end', async () => {
    server.reply('It scatters.')
    const { text, records, type } = await stream()
    expect(type).toBe('text/event-stream')
    expect(text.split('\r\n').filter((line) => line !== '' && !line.startsWith('data: '))).toEqual([])
    expect(text).not.toContain('[DONE]')
    expect(records.map(({ usageMetadata }) => (usageMetadata as Json)['candidatesTokenCount'])).toEqual([
      1, 2, 2,
    ])
    expect(records.at(-1)?.['candidates']).toEqual([
      { content: { role: 'model', parts: [{ text: '' }] }, finishReason: 'STOP', index: 0 },
    ])
  })

  it('streams as one growing array without alt=sse', async () => {
    server.reply('It scatters.')
    const { text, type } = await stream({}, '')
    expect(type).toBe('application/json; charset=UTF-8')
    expect(JSON.parse(text)).toHaveLength(3)
  })

  it('shows thoughts where they are asked for, and is cut by a limit that they are inside of', async () => {
    const reply = { text: 'one two three', thinking: 'a b' }
    server.reply(reply, reply)
    const [, body] = await generate({
      generationConfig: { maxOutputTokens: 3, thinkingConfig: { includeThoughts: true } },
    })
    expect(body['candidates']).toMatchObject([
      { content: { parts: [{ text: 'a b', thought: true }, { text: 'one' }] }, finishReason: 'MAX_TOKENS' },
    ])
    const [, stopped] = await generate({ generationConfig: { stopSequences: ['three'] } })
    expect(stopped['candidates']).toMatchObject([
      { content: { parts: [{ text: 'one two ' }] }, finishReason: 'STOP' },
    ])
  })

  it('has calls with an id and a signature from Gemini 3 on, and without before', async () => {
    const reply: GeminiReply = { toolCalls: [{ name: 'a' }, { name: 'b', args: { c: 1 } }] }
    server.reply(reply, reply)
    const [, now] = await generate()
    expect(now['candidates']).toMatchObject([
      {
        content: {
          parts: [
            { functionCall: { id: '00000001', name: 'a', args: {} }, thoughtSignature: 'c2lnbmF0dXJlIDE=' },
            { functionCall: { id: '00000002', name: 'b', args: { c: 1 } } },
          ],
        },
      },
    ])
    const [, before] = await generate({}, 'gemini-2.5-flash')
    expect(JSON.stringify(before)).not.toMatch(/thoughtSignature|"id"/)
  })

  it('is what was scripted: blocked, without counts, exact, or an echo where nothing was', async () => {
    server.reply({ blockReason: 'SAFETY' }, { text: 'a', usage: null }, { body: { any: 'thing' } })
    expect((await generate())[1]).toMatchObject({ promptFeedback: { blockReason: 'SAFETY' } })
    expect((await generate())[1]).not.toHaveProperty('usageMetadata')
    expect((await generate())[1]).toEqual({ any: 'thing' })
    expect(JSON.stringify((await generate())[1])).toContain('You said: Why is the sky blue?')
    const schema = { type: 'object', properties: { city: { type: 'string' } } }
    const [, json] = await generate({ generationConfig: { responseJsonSchema: schema } })
    expect(JSON.stringify(json)).toContain(JSON.stringify('{"city":"text"}').slice(1, -1))
  })

  it('says in a header at which tier it was served', async () => {
    const response = await fetch(`${server.baseUrl}/models/${FLASH}:generateContent`, {
      method: 'POST',
      headers: { 'x-goog-api-key': 'test-key' },
      body: JSON.stringify({ contents: [user('Hi')], serviceTier: 'flex' }),
    })
    expect(response.headers.get('x-gemini-service-tier')).toBe('flex')
    expect(((await response.json()) as Json)['usageMetadata']).toMatchObject({ serviceTier: 'flex' })
  })
})

describe('a refusal', () => {
  it('of a key is 403 without one and 400 with a wrong one', async () => {
    const path = `/models/${FLASH}:generateContent`
    expect(errorOf(await post(path, {}, null)).slice(0, 3)).toEqual([403, 403, 'PERMISSION_DENIED'])
    const [status, body] = await post(path, {}, 'wrong')
    expect([status, JSON.stringify(body)]).toEqual([
      400,
      expect.stringContaining('API_KEY_INVALID') as unknown,
    ])
  })

  it.each<[string, Json, string]>([
    ['an unknown field', { topK: 1 }, 'Unknown name "topK": Cannot find field.'],
    [
      'an unknown setting',
      { generationConfig: { top_k: 1 } },
      'Unknown name "top_k" at \'generation_config\'',
    ],
    ['no contents', { contents: [] }, 'contents is not specified'],
    ['another role', { contents: [{ role: 'tool', parts: [{ text: 'a' }] }] }, 'Please use a valid role'],
    ['no parts', { contents: [{ role: 'user', parts: [] }] }, 'parts must not be empty'],
    [
      'both controls of thinking',
      { generationConfig: { thinkingConfig: { thinkingLevel: 'low', thinkingBudget: 1 } } },
      'only one of',
    ],
    [
      'six stop sequences',
      { generationConfig: { stopSequences: ['a', 'b', 'c', 'd', 'e', 'f'] } },
      'at most 5',
    ],
  ])('says what is wrong with %s', async (_, more, message) => {
    const [status, code, name, said] = errorOf(await generate(more))
    expect([status, code, name]).toEqual([400, 400, 'INVALID_ARGUMENT'])
    expect(said).toContain(message)
  })

  it('is given to a history without signatures, results or matching ids', async () => {
    const call = (more: Json = {}): Json => ({
      role: 'model',
      parts: [{ functionCall: { id: 'a', name: 'now', args: {} }, ...more }],
    })
    const result = (id: string, response: unknown = {}): Json => ({
      role: 'user',
      parts: [{ functionResponse: { id, name: 'now', response } }],
    })
    const signed = call({ thoughtSignature: 'QQ==' })
    const said = async (...contents: Json[]): Promise<unknown> =>
      errorOf(await generate({ contents: [user('Hi'), ...contents] }))[3]
    expect(await said(call(), result('a'))).toContain('missing a thought_signature')
    expect(await said(signed)).toContain('equal to the number of function call parts')
    expect(await said(signed, result('b'))).toContain('does not match')
    expect(await said(signed, result('a', 'text'))).toContain('function_response.response')
    expect(await said(signed, result('a'))).toBeUndefined()
  })

  it('is given to a prompt that is too long, and to a model that is not there', async () => {
    expect(errorOf(await generate({}, 'small'))[3]).toBe(
      'The input token count (6) exceeds the maximum number of tokens allowed (4).',
    )
    expect(errorOf(await generate({}, 'gone')).slice(0, 3)).toEqual([404, 404, 'NOT_FOUND'])
    expect(errorOf(await generate({}, 'gemini-embedding-001'))[3]).toContain(
      'not supported for generateContent',
    )
    const response = await fetch(`${server.url}/v1/nothing`, { headers: { 'x-goog-api-key': 'test-key' } })
    expect([response.status, response.headers.get('content-type')]).toEqual([404, 'text/html; charset=UTF-8'])
  })

  it('is scripted with a status, in an array where that is wanted', async () => {
    const error = { message: 'No.', details: [{ reason: 'WHY' }] }
    server.reply({ status: 429, error }, { status: 429, error, inArray: true })
    const body = {
      error: { code: 429, message: 'No.', status: 'RESOURCE_EXHAUSTED', details: [{ reason: 'WHY' }] },
    }
    expect(await generate()).toEqual([429, body])
    expect(await generate()).toEqual([429, [body]])
  })
})

describe('models and vectors', () => {
  it('are listed in pages', async () => {
    const get = async (path: string): Promise<Json> =>
      (
        await fetch(server.baseUrl + path, { headers: { 'x-goog-api-key': 'test-key' } })
      ).json() as Promise<Json>
    const first = await get('/models?pageSize=3')
    expect((first['models'] as Json[]).map(({ name }) => name)).toEqual([
      `models/${FLASH}`,
      'models/gemini-2.5-flash',
      'models/small',
    ])
    expect(await get(`/models?pageSize=3&pageToken=${String(first['nextPageToken'])}`)).toMatchObject({
      models: [
        { name: 'models/gemini-embedding-001', supportedGenerationMethods: ['embedContent', 'countTokens'] },
      ],
    })
    expect(await get('/models/small')).toMatchObject({ inputTokenLimit: 4, thinking: true })
  })

  it('are made of texts, at most a hundred at once', async () => {
    const one = { model: 'models/gemini-embedding-001', content: { parts: [{ text: 'two words' }] } }
    const path = '/models/gemini-embedding-001:batchEmbedContents'
    const [, body] = await post(path, { requests: [one, one] })
    const [a, b] = body['embeddings'] as { values: number[] }[]
    expect([a?.values.length, body['usageMetadata']]).toEqual([3_072, { promptTokenCount: 6 }])
    expect(a).toEqual(b)
    expect(Math.hypot(...(a?.values ?? []))).toBeCloseTo(1, 9)
    const many = Array.from({ length: 101 }, () => one)
    expect(errorOf(await post(path, { requests: many }))[3]).toContain('at most 100')
    expect(errorOf(await post(path, { requests: [{ ...one, model: 'other' }] }))[0]).toBe(400)
    const [, single] = await post('/models/gemini-embedding-001:embedContent', { content: one.content })
    expect((single['embedding'] as { values: number[] }).values).toEqual(a?.values)
  })
})

describe("another library's client", () => {
  it('understands it: text, thoughts, calls and counts, streamed', async () => {
    server.reply({
      text: 'Let me look.',
      thinking: 'Hm.',
      toolCalls: [{ name: 'weather', args: { city: 'Oslo' } }],
    })
    const google = createGoogle({ apiKey: 'test-key', baseURL: server.baseUrl })
    const { stream: parts } = await google(FLASH).doStream({
      prompt: [{ role: 'user', content: [{ type: 'text', text: 'Is it warm?' }] }],
      providerOptions: { google: { thinkingConfig: { includeThoughts: true } } },
    })
    const seen: string[] = []
    for await (const part of parts) {
      if (part.type === 'text-delta' || part.type === 'reasoning-delta')
        seen.push(`${part.type} ${part.delta}`)
      if (part.type === 'tool-call') seen.push(`${part.toolName} ${part.input}`)
      if (part.type === 'finish') {
        const { inputTokens, outputTokens } = part.usage
        seen.push(`${part.finishReason.unified} ${inputTokens.total} ${outputTokens.total}`)
      }
    }
    expect(seen).toEqual([
      'reasoning-delta Hm.',
      'text-delta Let',
      'text-delta  me',
      'text-delta  look.',
      'weather {"city":"Oslo"}',
      'tool-calls 4 5',
    ])
  })
})
