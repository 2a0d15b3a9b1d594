import { describe, expect, it } from 'vitest'
import type { CallOptions } from '../../../src/index.ts'
import { toAddress, toWireModel } from '../../../src/drivers/ollama/api.ts'
import { OllamaDriver } from '../../../src/drivers/ollama/index.ts'
import { systemRuntime } from '../../../src/runtime.ts'
import type { TransportRequest } from '../../../src/transport/transport.ts'
import { errorOf, openWorld, type World } from './world.ts'

const STUB = {
  name: 'kimi-k2:1t-cloud',
  runningContext: 131_072,
  remoteModel: 'kimi-k2:1t',
  remoteHost: 'https://ollama.com:443',
}
const ALIAS = { name: 'mine', remoteModel: 'kimi-k2:1t', remoteHost: 'https://ollama.com:443' }
const LOAD: CallOptions = {
  providerOptions: { ollama: { numCtx: 8_192, numGpu: 1, keepAlive: '5m', minP: 0.1 } },
}

function open(): Promise<World> {
  return openWorld({ server: { models: [STUB, ALIAS] }, ollama: { model: STUB.name } })
}

describe('a cloud model behind a local server', () => {
  it('gets no settings of a load, and the caller is told which were left out', async () => {
    for (const { name } of [STUB, ALIAS]) {
      await using world = await open()
      const { warnings } = await world.ai.model(name).sendMessage('Hi', LOAD)
      expect(world.chats()[0]?.body).toEqual({
        model: name,
        messages: [{ role: 'user', content: 'Hi' }],
        stream: false,
        truncate: false,
        shift: false,
        options: { min_p: 0.1 },
      })
      expect(warnings.map(({ code, details }) => [code, details['option']])).toEqual([
        ['option-ignored', 'numCtx'],
        ['option-ignored', 'numGpu'],
        ['option-ignored', 'keepAlive'],
      ])
    }
  })

  it('gets no window of ours, however long the conversation is, and is not looked at', async () => {
    await using world = await open()
    for (const text of ['abc '.repeat(9_000), 'Hi', 'Hi']) {
      expect((await world.ai.sendMessage(text)).warnings).toEqual([])
    }
    for (const { body } of world.chats()) expect(body).not.toHaveProperty('options')
    expect(world.server.requests.filter(({ path }) => path === '/api/ps')).toEqual([])
  })

  it('may end by its length, of which nothing more is known', async () => {
    await using world = await open()
    world.server.reply({ text: 'So', promptTokens: 9, outputTokens: 9, doneReason: 'length' })
    const { finishReason, warnings } = await world.ai.sendMessage('Hi')
    expect([finishReason, warnings]).toEqual([{ unified: 'length', raw: 'length' }, []])
  })

  it('is loaded beforehand as its host has it', async () => {
    await using world = await open()
    await world.ai.models.load(STUB.name, { keepAlive: '5m', settings: { numCtx: 8_192 } })
    await world.ai.sendMessage('Hi')
    const head = { model: STUB.name, stream: false, truncate: false, shift: false }
    expect(world.chats().map(({ body }) => body)).toEqual([
      { ...head, messages: [] },
      { ...head, messages: [{ role: 'user', content: 'Hi' }] },
    ])
  })

  it('is known by its name where the server does not describe it', async () => {
    await using world = await open()
    world.server.on('/api/show', { status: 404, body: '404 page not found' })
    const { cost } = await world.ai.sendMessage('Hi', LOAD)
    expect(world.chats()[0]?.body).toMatchObject({ options: { min_p: 0.1 } })
    expect(world.chats()[0]?.body).not.toHaveProperty('keep_alive')
    expect(cost.status).toBe('unknown')
  })

  it('has a cost that is not known, and never nothing, unless it is priced', async () => {
    await using world = await open()
    const { cost } = await world.ai.sendMessage('Hi')
    expect([cost.status, cost.amount]).toEqual(['unknown', undefined])
    const prices = [
      { provider: 'ollama', model: STUB.name, perMillionTokens: { input: '0.60', output: '2.50' } },
    ]
    await using priced = await openWorld({
      server: { models: [STUB] },
      ollama: { model: STUB.name },
      config: { prices },
    })
    // Two tokens in, four out.
    const bill = (await priced.ai.sendMessage('Hi')).cost
    expect([bill.status, String(bill.amount)]).toEqual(['exact', '0.0000112'])
  })
})

describe('case 27: what the cloud says when it does not answer', () => {
  it('passes on where to sign in', async () => {
    await using world = await open()
    const url = 'https://ollama.com/connect?name=box&key=c3No'
    world.server.default({ status: 401, body: { error: 'unauthorized', signin_url: url } })
    expect(await errorOf(world.ai.sendMessage('Hi'))).toMatchObject({
      code: 'authentication_failed',
      retryable: false,
      details: { kind: 'unauthorized', signinUrl: url },
    })
    expect(world.chats()).toHaveLength(1)
  })

  it('says that cloud models are switched off', async () => {
    await using world = await open()
    world.server.default({ status: 403, error: 'ollama cloud is disabled: remote model is unavailable' })
    expect(await errorOf(world.ai.sendMessage('Hi'))).toMatchObject({
      code: 'permission_denied',
      details: { kind: 'cloud-disabled' },
    })
  })

  it('tells a quota that is used up from too many calls at once', async () => {
    await using world = await open()
    const quota =
      'you (bob) have reached your session usage limit, upgrade for higher limits: https://ollama.com/upgrade'
    world.server.default({ status: 429, error: quota })
    expect(await errorOf(world.ai.sendMessage('Hi'))).toMatchObject({
      code: 'quota_exhausted',
      retryable: false,
    })
    expect(world.chats()).toHaveLength(1)
    world.server.default({ text: 'Yes' })
    world.server.reply({ status: 429, error: 'too many concurrent requests' })
    expect((await world.ai.sendMessage('Hi')).attempts).toHaveLength(2)
  })

  it('tries again where the cloud is overloaded, and keeps its reference', async () => {
    await using world = await open()
    const overloaded = { status: 503, error: 'Server overloaded, please retry shortly (ref: 0f-1a)' }
    world.server.default(overloaded)
    const error = await errorOf(world.ai.sendMessage('Hi'))
    expect(error).toMatchObject({ code: 'provider_unavailable', details: { ref: '0f-1a' } })
    expect(world.chats()).toHaveLength(3)
    world.server.default({ text: 'Yes' })
    world.server.reply(overloaded)
    expect((await world.ai.sendMessage('Hi')).text).toBe('Yes')
  })

  it('shows no page of a proxy, and judges it by its status', async () => {
    await using world = await open()
    world.server.default({ status: 502, body: `<html><h1>502 Bad Gateway</h1>${'<p>x'.repeat(999)}</html>` })
    const error = await errorOf(world.ai.sendMessage('Hi', { retries: 0 }))
    expect(error).toMatchObject({ code: 'provider_unavailable', status: 502, retryable: true })
    expect(error.message).not.toContain('<')
    expect(error.message.length).toBeLessThan(500)
  })
})

describe('ollama.com itself', () => {
  it.each([
    ['https://ollama.com', 'gpt-oss:120b-cloud', 'gpt-oss:120b'],
    ['https://ollama.com', 'kimi:cloud', 'kimi'],
    ['https://ollama.com:443/x', 'kimi:CLOUD', 'kimi'],
    ['https://api.ollama.com', 'gpt-oss:120b', 'gpt-oss:120b'],
    ['http://127.0.0.1:11434', 'gpt-oss:120b-cloud', 'gpt-oss:120b-cloud'],
    ['https://notollama.com', 'kimi:cloud', 'kimi:cloud'],
    ['https://ollama.com.evil.example', 'kimi:cloud', 'kimi:cloud'],
    ['https://evil.example/ollama.com', 'kimi:cloud', 'kimi:cloud'],
  ])('%s knows %s as %s', (baseUrl, model, name) => {
    expect(toWireModel(model, toAddress({ baseUrl }, {}))).toBe(name)
  })

  it('is asked for a model by the name that it has there, with the key, and without settings of a load', async () => {
    const sent: TransportRequest[] = []
    const body = { model: 'gpt-oss:120b', message: { content: 'Yes' }, done: true, done_reason: 'stop' }
    const transport = {
      send: async (request: TransportRequest) => {
        sent.push(request)
        const bytes = new TextEncoder().encode(JSON.stringify(request.url.endsWith('/show') ? {} : body))
        return {
          status: 200,
          headers: {},
          consume: async (take: (piece: Uint8Array) => unknown) => void (await take(bytes)),
          abort: () => {},
        }
      },
      close: async () => {},
    }
    const runtime = { ...systemRuntime, env: { OLLAMA_API_KEY: 'sk-cloud' } }
    const driver = new OllamaDriver(
      { baseUrl: 'https://ollama.com' },
      { provider: 'cloud', runtime, transport },
    )
    const request = {
      model: 'gpt-oss:120b-cloud',
      messages: [{ role: 'user', content: 'Hi' } as const],
      stream: false,
      providerOptions: { numCtx: 8_192 },
    }
    await driver.attempt(request, { signal: undefined, timeLeftMs: undefined, write: () => {} })
    expect(sent.map(({ url }) => url)).toEqual(['https://ollama.com/api/show', 'https://ollama.com/api/chat'])
    expect(sent.map(({ body: text }) => JSON.parse(String(text)) as unknown)).toMatchObject([
      { model: 'gpt-oss:120b' },
      { model: 'gpt-oss:120b', truncate: false, shift: false },
    ])
    expect(String(sent[1]?.body)).not.toContain('options')
    for (const { headers } of sent) expect(headers['authorization']).toBe('Bearer sk-cloud')
    expect(
      driver.bill(
        request.model,
        {
          inputTokens: 1,
          outputTokens: 1,
          cacheReadTokens: undefined,
          cacheWriteTokens: undefined,
          reasoningTokens: undefined,
        },
        undefined,
      ),
    ).toMatchObject({ locality: 'remote', model: 'gpt-oss:120b-cloud' })
  })
})
