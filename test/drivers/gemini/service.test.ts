import { describe, expect, it } from 'vitest'
import { chatPath, embedPath, toAddress } from '../../../src/drivers/gemini/api.ts'
import { errorOf, MODEL, openWorld } from './world.ts'

const GOOGLE = 'https://generativelanguage.googleapis.com/v1beta'

describe('the address', () => {
  it('is that of Google, with the version, and the key from the environment in a header', () => {
    expect(toAddress({}, { GEMINI_API_KEY: ' key-1\n', GOOGLE_API_KEY: 'key-2' })).toMatchObject({
      baseUrl: GOOGLE,
      headers: { 'content-type': 'application/json', 'x-goog-api-key': 'key-1' },
    })
    expect(toAddress({}, { GEMINI_API_KEY: '', GOOGLE_API_KEY: 'key-2' }).headers['x-goog-api-key']).toBe(
      'key-2',
    )
    const keyOf = (apiKey: string, env: Record<string, string>): unknown =>
      toAddress({ apiKey }, env).headers['x-goog-api-key']
    expect(keyOf(' mine\n', { GEMINI_API_KEY: 'key-1' })).toBe('mine')
    expect([keyOf(' ', { GEMINI_API_KEY: 'key-1' }), keyOf('', {})]).toEqual(['key-1', undefined])
    expect(toAddress({ baseUrl: 'https://generativelanguage.googleapis.com/' }, {}).baseUrl).toBe(GOOGLE)
  })

  it('of somebody else gets no key that is not meant for it', () => {
    const there = toAddress(
      { baseUrl: 'https://gateway.example/google/v1beta/' },
      { GEMINI_API_KEY: 'key-1' },
    )
    expect(there.baseUrl).toBe('https://gateway.example/google/v1beta')
    expect(there.headers).not.toHaveProperty('x-goog-api-key')
    const given = toAddress({ baseUrl: 'https://gateway.example/v1beta', apiKey: 'key-1' }, {})
    expect(given.headers['x-goog-api-key']).toBe('key-1')
  })

  it.each(['no address', 'ftp://a/v1beta', 'https://a/v1beta?key=k', 'https://u:p@a/v1beta'])(
    'is not %s',
    (baseUrl) => {
      expect(() => toAddress({ baseUrl }, {})).toThrow(/with its version and without a key/)
    },
  )

  it('takes no key over an unencrypted connection to another machine', () => {
    expect(() => toAddress({ baseUrl: 'http://box.example/v1beta', apiKey: 'k' }, {})).toThrow(/unencrypted/)
    expect(toAddress({ baseUrl: 'http://127.0.0.1:9/v1beta', apiKey: 'k' }, {}).baseUrl).toBe(
      'http://127.0.0.1:9/v1beta',
    )
  })

  it('has the model in its paths, and no model that leads elsewhere', () => {
    expect(chatPath({ model: MODEL, stream: false })).toBe(`/models/${MODEL}:generateContent`)
    expect(chatPath({ model: `models/${MODEL}`, stream: true })).toBe(
      `/models/${MODEL}:streamGenerateContent?alt=sse`,
    )
    expect(chatPath({ model: 'tunedModels/mine', stream: false })).toBe('/tunedModels/mine:generateContent')
    expect(embedPath({ model: 'a?b#c' })).toBe('/models/a%3Fb%23c:batchEmbedContents')
    for (const model of ['../files', 'models/', 'models/../files/a', 'models/./a'])
      expect(() => chatPath({ model, stream: false }), model).toThrow(/not the id of a Gemini model/)
  })
})

describe('the models', () => {
  it('have limits and capabilities, by what the service says of them', async () => {
    const models = [
      MODEL,
      { name: 'gemini-embedding-001' },
      { name: 'gemma-3-27b-it', thinking: false, inputTokenLimit: 131_072, outputTokenLimit: 8_192 },
      { name: 'gemini-2.5-flash-preview-tts', thinking: false },
      { name: 'veo-3', supportedGenerationMethods: ['predictLongRunning'], thinking: false },
    ]
    await using world = await openWorld({ server: { models } })
    const listed = await world.ai.provider('gemini').models.list()
    expect(listed.map(({ id, capabilities }) => [id, capabilities.join(' ')])).toEqual([
      [MODEL, 'chat stream tools parallel-tools vision audio json-schema reasoning'],
      ['gemini-embedding-001', 'embeddings'],
      ['gemma-3-27b-it', 'chat stream vision'],
      ['gemini-2.5-flash-preview-tts', 'chat stream'],
      ['veo-3', ''],
    ])
    expect([listed[2]?.contextLength, listed[2]?.maxOutputTokens, listed[2]?.local]).toEqual([
      131_072,
      8_192,
      false,
    ])
    expect((await world.ai.provider('gemini').models.get(MODEL)).id).toBe(MODEL)
  })

  it('are no endless list, and no list at all where the answer is something else', async () => {
    await using world = await openWorld()
    const { models } = world.ai.provider('gemini')
    world.server.on('/v1beta/models', { body: { models: [{ name: 'models/a' }], nextPageToken: 'again' } })
    expect((await errorOf(models.list())).code).toBe('response_invalid')
    expect(world.server.requests).toHaveLength(2)
    for (const body of ['hello', [], { models: 'none' }, { models: [{ title: 'no name' }] }, null]) {
      world.server.on('/v1beta/models', { body })
      expect((await errorOf(models.list())).code, JSON.stringify(body)).toBe('response_invalid')
    }
    world.server.on('/v1beta/models', { body: {} })
    expect(await models.list()).toEqual([])
  })

  it('cannot be managed', async () => {
    await using world = await openWorld()
    const error = await errorOf(world.ai.provider('gemini').models.running())
    expect([error.code, world.server.requests.length]).toEqual(['capability_unsupported', 0])
  })
})

describe('the health', () => {
  it('is ready where the list of models and the own model are there, without generating anything', async () => {
    await using world = await openWorld()
    const health = await world.ai.provider('gemini').health()
    expect([health.status, health.issues, health.details]).toEqual(['ready', [], { defaultModelThere: true }])
    expect(world.server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /v1beta/models',
      `GET /v1beta/models/${MODEL}`,
    ])
  })

  it('is degraded without the own model, and down with a wrong key or an answer of something else', async () => {
    await using world = await openWorld({ server: { models: ['gemini-2.5-flash'], keys: ['test-key'] } })
    const degraded = await world.ai.provider('gemini').health()
    expect([degraded.status, degraded.issues.length]).toEqual(['degraded', 1])
    await using wrong = await openWorld({ server: { keys: ['another'] } })
    const down = await wrong.ai.provider('gemini').health()
    expect([down.status, down.issues[0]]).toEqual([
      'down',
      expect.stringContaining('does not take the API key') as unknown,
    ])
    world.server.on('/v1beta/models', { body: 'a page' })
    expect((await world.ai.provider('gemini').health()).status).toBe('down')
  })
})

describe('vectors', () => {
  const model = 'gemini-embedding-001'

  it('are asked for with the model on each text, and the settings of the API', async () => {
    await using world = await openWorld()
    const providerOptions = { gemini: { taskType: 'RETRIEVAL_DOCUMENT', title: 'A' } }
    const answer = await world.ai.embed(['one', 'two words'], { model, dimensions: 8, providerOptions })
    const one = {
      model: `models/${model}`,
      taskType: 'RETRIEVAL_DOCUMENT',
      title: 'A',
      outputDimensionality: 8,
    }
    expect(world.server.requests.map(({ path, body }) => [path, body])).toEqual([
      [
        `/v1beta/models/${model}:batchEmbedContents`,
        {
          requests: [
            { ...one, content: { parts: [{ text: 'one' }] } },
            { ...one, content: { parts: [{ text: 'two words' }] } },
          ],
        },
      ],
    ])
    expect([answer.embeddings[0]?.length, answer.usage.inputTokens, answer.usage.outputTokens]).toEqual([
      8, 5, 0,
    ])
    // Cut to fewer dimensions the service does not bring them to length 1 again.
    for (const vector of answer.embeddings) expect(Math.hypot(...vector)).toBeCloseTo(1, 12)
    const error = await errorOf(
      world.ai.embed('one', { model, providerOptions: { gemini: { tasktype: 'x' } } }),
    )
    expect(error.message).toContain('did you mean taskType?')
  })

  it.each<[string, number | undefined, readonly number[]]>([
    ['gemini-embedding-001', 2, [0.6, 0.8]],
    ['gemini-embedding-001', undefined, [3, 4]],
    ['gemini-embedding-2', 2, [3, 4]],
  ])(
    'of %s with dimensions %s are of length 1 only where the service leaves that out',
    async (id, dimensions, wanted) => {
      await using world = await openWorld({ server: { models: [id] } })
      const body = { embeddings: [{ values: [3, 4] }, { values: [0, 0] }] }
      world.server.once(`/v1beta/models/${id}:batchEmbedContents`, { body })
      const asked = { model: id, ...(dimensions === undefined ? {} : { dimensions }) }
      expect((await world.ai.embed(['one', 'two'], asked)).embeddings).toEqual([wanted, [0, 0]])
    },
  )

  it('of a service that does not count cost what is not known', async () => {
    await using world = await openWorld({ gemini: { prices: 'gemini' } })
    const path = `/v1beta/models/${model}:batchEmbedContents`
    const embeddings = [{ values: [1, 0] }]
    world.server.once(
      path,
      { body: { embeddings, usageMetadata: { promptTokenCount: 1_000 } } },
      { body: { embeddings } },
    )
    const told = await world.ai.embed('one', { model })
    // 1,000 × $0.15 per million.
    expect([told.cost.status, String(told.cost.amount)]).toEqual(['exact', '0.00015'])
    const untold = await world.ai.embed('one', { model })
    expect(untold.usage.inputTokens).toBeUndefined()
    expect(untold.cost.status).not.toBe('exact')
  })

  it('are refused where the answer has none', async () => {
    await using world = await openWorld()
    for (const body of [
      {},
      { embeddings: [{}] },
      { embeddings: [{ values: ['x'] }] },
      { embeddings: [] },
      [],
    ]) {
      world.server.once(`/v1beta/models/${model}:batchEmbedContents`, { body })
      const error = await errorOf(world.ai.embed('one', { model, retries: 0 }))
      expect(error.code, JSON.stringify(body)).toBe('response_invalid')
    }
  })
})
