import { describe, expect, it } from 'vitest'
import { createAI } from '../../../src/index.ts'
import { normalizeName } from '../../../src/drivers/ollama/models.ts'
import { errorOf, openWorld } from './world.ts'

const DIGEST = 'a'.repeat(64)

describe('the models of a server', () => {
  it('are listed with what is known of each', async () => {
    await using world = await openWorld({
      server: {
        models: [
          {
            name: 'llama3.2:3b',
            capabilities: ['completion', 'tools', 'vision', 'thinking', 'insert', 'sing', 'constructor'],
            contextLength: 131_072,
            family: 'llama',
            parameterSize: '3.2B',
            quantization: 'Q4_K_M',
            size: 2_019_393_189,
            digest: DIGEST,
            modifiedAt: '2026-09-01T12:00:00.123456789Z',
          },
          { name: 'bge', capabilities: ['embedding'] },
          { name: 'gpt-oss:120b-cloud', remoteModel: 'gpt-oss:120b', remoteHost: 'https://ollama.com:443' },
        ],
      },
    })
    const models = await world.ai.provider('ollama').models.list()
    const first = models.find(({ id }) => id === 'llama3.2:3b')
    const { raw, ...facts } = first ?? { raw: undefined }
    expect(facts).toEqual({
      id: 'llama3.2:3b',
      provider: 'ollama',
      // What only Ollama knows a word for is in `raw`.
      capabilities: ['chat', 'stream', 'tools', 'parallel-tools', 'vision', 'reasoning'],
      contextLength: 131_072,
      local: true,
      size: 2_019_393_189,
      digest: DIGEST,
      family: 'llama',
      parameters: '3.2B',
      quantization: 'Q4_K_M',
      modifiedAt: '2026-09-01T12:00:00.123456789Z',
    })
    expect(raw).toMatchObject({ name: 'llama3.2:3b', capabilities: expect.arrayContaining(['sing']) })
    const rest = models.filter((model) => model !== first)
    expect(rest.map(({ id, capabilities, local }) => [id, capabilities, local])).toEqual([
      ['bge:latest', ['embeddings'], true],
      ['gpt-oss:120b-cloud', ['chat', 'stream', 'tools', 'parallel-tools'], false],
    ])
    expect(world.server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /api/tags'])
  })

  it('are an empty list where there are none, also where the server writes null', async () => {
    await using world = await openWorld({ server: { models: [] } })
    const { models } = world.ai.provider('ollama')
    expect(await models.list()).toEqual([])
    world.server.once('/api/tags', { body: { models: null } })
    expect(await models.list()).toEqual([])
  })

  it('are what an old server tells of them', async () => {
    await using world = await openWorld()
    world.server.once('/api/tags', {
      body: { models: [{ name: 'old:latest', size: 5_000_000, details: null }] },
    })
    const [model] = await world.ai.provider('ollama').models.list()
    expect(model).toEqual({
      id: 'old:latest',
      provider: 'ollama',
      capabilities: [],
      size: 5_000_000,
      raw: expect.anything(),
    })
  })

  it.each([
    ['an error', { status: 500, error: 'model list cache unavailable' }, 'provider_unavailable'],
    ['a page', { status: 200, body: '<html>hello</html>' }, 'response_invalid'],
    ['something else', { body: { data: [] } }, 'response_invalid'],
    ['null', { body: null }, 'response_invalid'],
    ['nothing that is a model', { body: { models: [null, 'x'] } }, 'response_invalid'],
    ['a hung-up line', { hangUp: true }, 'network_failed'],
  ])('are never an empty list where the server fails with %s', async (_name, reply, code) => {
    await using world = await openWorld()
    world.server.on('/api/tags', reply)
    const error = await errorOf(world.ai.provider('ollama').models.list())
    expect([error.code, error.provider]).toEqual([code, 'ollama'])
  })

  it('are never an empty list where there is no server', async () => {
    await using ai = createAI({
      providers: { ollama: { baseUrl: 'http://127.0.0.1:1' } },
      runtime: { env: {} },
    })
    const error = await errorOf(ai.provider('ollama').models.list())
    expect([error.code, error.provider]).toEqual(['network_failed', 'ollama'])
    expect(error.message).toMatch(/127\.0\.0\.1:1 \(ECONNREFUSED\).*running/)
  })

  it('are waited for no longer than was asked, and not at all after an abort', async () => {
    await using world = await openWorld()
    const gate = world.server.gate()
    world.server.on('/api/tags', { body: { models: [] }, headersGate: gate })
    const { models } = world.ai.provider('ollama')
    const late = errorOf(models.list({ timeoutMs: 1_000 }))
    await gate.arrival()
    await world.clock.advance(1_000)
    expect((await late).code).toBe('timed_out')
    const controller = new AbortController()
    const left = errorOf(models.list({ signal: controller.signal }))
    controller.abort()
    expect((await left).code).toBe('aborted')
  })
})

describe('one model', () => {
  it('is described by /api/show, under the name that was asked for', async () => {
    await using world = await openWorld({
      server: { models: [{ name: 'llama3.2', contextLength: 131_072 }] },
    })
    const model = await world.ai.provider('ollama').models.get('LLAMA3.2')
    expect(model).toMatchObject({
      id: 'LLAMA3.2',
      contextLength: 131_072,
      capabilities: ['chat', 'stream', 'tools', 'parallel-tools'],
      local: true,
      family: 'llama',
    })
    expect(world.server.requests.map(({ body }) => body)).toEqual([{ model: 'LLAMA3.2' }])
  })

  it('is model_not_found where there is none, with how to get it', async () => {
    await using world = await openWorld()
    const error = await errorOf(world.ai.provider('ollama').models.get('llama2'))
    expect([error.code, error.status, error.model]).toEqual(['model_not_found', 404, 'llama2'])
    expect(error.message).toContain('ollama pull llama2')
  })

  it.each([null, [], true, 7])('cannot be read from %j', async (body) => {
    await using world = await openWorld()
    world.server.on('/api/show', { body })
    const error = await errorOf(world.ai.provider('ollama').models.get('llama3.2'))
    expect(error).toMatchObject({ code: 'response_invalid', provider: 'ollama' })
    expect(error.message).toBe('The answer to /api/show is not one of an Ollama server: check baseUrl')
  })

  it('is not asked for an answer where there is none', async () => {
    await using world = await openWorld()
    const error = await errorOf(world.ai.sendMessage('Hi', { model: 'llama2' }))
    expect([error.code, error.retryable]).toEqual(['model_not_found', false])
    expect(world.chats()).toEqual([])
    // It may have been pulled since.
    world.server.models.add({ name: 'llama2' })
    expect((await world.ai.sendMessage('Hi', { model: 'llama2' })).text).toBe('You said: Hi')
  })
})

describe('handles', () => {
  it('send each their own model, at the same time', async () => {
    const names = ['a', 'b:1', 'ada/c:2']
    await using world = await openWorld({ server: { models: names } })
    world.server.default((request) => ({ text: `I am ${(request.body as { model: string }).model}` }))
    const handle = world.ai.provider('ollama')
    const many = Array.from({ length: 30 }, (_, index) => names[index % names.length] ?? '')
    const answers = await Promise.all(many.map((name) => handle.model(name).sendMessage(name)))
    expect(answers.map(({ text }) => text)).toEqual(many.map((name) => `I am ${name}`))
    for (const { body } of world.chats()) {
      const { model, messages } = body as { model: string; messages: { content: string }[] }
      expect(messages[0]?.content).toBe(model)
    }
  })

  it('use the configured model where none is named, and llama3.2 where none is configured', async () => {
    await using world = await openWorld({
      server: { models: ['mine', 'llama3.2'] },
      ollama: { model: 'mine' },
    })
    await world.ai.sendMessage('Hi')
    await using other = createAI({
      providers: { ollama: { baseUrl: world.server.url } },
      runtime: { env: {} },
    })
    await other.sendMessage('Hi')
    expect(world.chats().map(({ body }) => (body as { model: string }).model)).toEqual(['mine', 'llama3.2'])
  })
})

describe('two spellings of one model', () => {
  it.each([
    ['llama3', 'llama3:latest'],
    ['LLAMA3:Latest', 'llama3'],
    ['library/llama3', 'llama3'],
    ['registry.ollama.ai/library/llama3:latest', 'llama3'],
    ['ada/llama3', 'Ada/llama3:latest'],
    ['hf.co/ada/llama3:Q4_K_M', 'hf.co/ada/llama3:q4_k_m'],
    ['host:5000/ada/llama3', 'host:5000/ada/llama3:latest'],
  ])('%s is %s', (one, other) => expect(normalizeName(one)).toBe(normalizeName(other)))

  it.each([
    ['llama3', 'llama3:8b'],
    ['llama3', 'llama3.2'],
    ['ada/llama3', 'llama3'],
    ['hf.co/ada/llama3', 'ada/llama3'],
  ])('%s is not %s', (one, other) => expect(normalizeName(one)).not.toBe(normalizeName(other)))
})
