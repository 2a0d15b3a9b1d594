import { describe, expect, it } from 'vitest'
import { createAI } from '../../../src/index.ts'
import { OllamaDriver } from '../../../src/drivers/ollama/index.ts'
import { systemRuntime } from '../../../src/runtime.ts'
import type { OllamaReply } from '../../../src/testing/fake-ollama.ts'
import type { Transport } from '../../../src/transport/transport.ts'
import { openWorld } from './world.ts'

describe('the health of an Ollama server', () => {
  it('is ready where it answers and has the model, under any spelling of its name', async () => {
    await using world = await openWorld({ server: { models: ['llama3.2', 'other'], version: '0.33.0' } })
    for (const model of ['llama3.2', 'LLAMA3.2:latest', 'library/llama3.2']) {
      const health = await world.ai.provider('ollama').model(model).health()
      expect(health).toEqual({
        provider: 'ollama',
        status: 'ready',
        latencyMs: 0,
        issues: [],
        details: { version: '0.33.0', models: 2, defaultModelInstalled: true },
      })
    }
  })

  it('is found out by reading the version and the list, and by nothing else', async () => {
    await using world = await openWorld()
    await world.ai.provider('ollama').health()
    await world.ai.health()
    expect(world.server.requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'GET /api/version',
      'GET /api/tags',
      'GET /api/version',
      'GET /api/tags',
    ])
    for await (const entry of world.ai.ledger.entries({})) expect(entry).toBeUndefined()
  })

  it('is degraded where the model is not there, with how to get it', async () => {
    await using world = await openWorld({ server: { models: ['other'] } })
    const health = await world.ai.provider('ollama').health()
    expect(health).toMatchObject({ status: 'degraded', details: { defaultModelInstalled: false, models: 1 } })
    expect(health.issues).toEqual(['The model llama3.2 is not there: get it with `ollama pull llama3.2`'])
  })

  it('is degraded where the server is slow, and says how long it took', async () => {
    await using world = await openWorld()
    const gate = world.server.gate()
    world.server.once('/api/version', { body: { version: '0.33.0' }, headersGate: gate })
    const probing = world.ai.provider('ollama').health()
    await gate.arrival()
    await world.clock.advance(2_001)
    gate.open()
    const health = await probing
    expect(health).toMatchObject({ status: 'degraded', latencyMs: 2_001 })
    expect(health.issues).toEqual(['The server took more than 2000 ms to say its version'])
  })

  it('is ready at the limit of slow', async () => {
    await using world = await openWorld()
    const gate = world.server.gate()
    world.server.once('/api/version', { body: { version: '0.33.0' }, headersGate: gate })
    const probing = world.ai.provider('ollama').health()
    await gate.arrival()
    await world.clock.advance(2_000)
    gate.open()
    expect((await probing).status).toBe('ready')
  })

  it('is down after five seconds, or after what was asked', async () => {
    await using world = await openWorld()
    for (const [options, ms] of [
      [{}, 5_000],
      [{ timeoutMs: 700 }, 700],
    ] as const) {
      const gate = world.server.gate()
      world.server.once('/api/version', { body: {}, headersGate: gate })
      const probing = world.ai.provider('ollama').health(options)
      await gate.arrival()
      await world.clock.advance(ms)
      const health = await probing
      expect(health).toMatchObject({ status: 'down', latencyMs: ms })
      expect(health.issues).toEqual([expect.stringContaining(`within ${ms} ms`)])
    }
  })

  it('is down as a value where nothing is there', async () => {
    await using ai = createAI({
      providers: { ollama: { baseUrl: 'http://127.0.0.1:1' } },
      runtime: { env: {} },
    })
    const health = await ai.provider('ollama').health()
    expect(health).toMatchObject({
      status: 'down',
      provider: 'ollama',
      details: { address: 'http://127.0.0.1:1' },
    })
    expect(health.issues).toEqual([expect.stringMatching(/ECONNREFUSED.*is the server running/)])
  })

  it.each<[string, OllamaReply]>([
    ['a status', { status: 500, body: 'no' }],
    ['a page', { status: 200, body: '<html>' }],
    ['null', { body: null }],
    ['a list', { body: [] }],
    ['something without a version', { body: { hello: 'world' } }],
    ['a hung-up line', { hangUp: true }],
  ])('is down where what answers is no Ollama: %s', async (_name, reply) => {
    await using world = await openWorld()
    world.server.on('/api/version', reply)
    const health = await world.ai.provider('ollama').health()
    expect(health.status).toBe('down')
    expect(health.issues).toHaveLength(1)
  })

  it('is down where it cannot say what models it has', async () => {
    await using world = await openWorld()
    world.server.on('/api/tags', { status: 500, error: 'model list cache unavailable' })
    expect((await world.ai.provider('ollama').health()).status).toBe('down')
  })

  it('shows no password of the address', async () => {
    await using ai = createAI({
      providers: { ollama: { baseUrl: 'http://ada:s3cr3t@127.0.0.1:1' } },
      runtime: { env: {} },
    })
    expect(JSON.stringify(await ai.provider('ollama').health())).not.toContain('s3cr3t')
  })
})

describe('the health that a driver tells by itself', () => {
  const driverOver = (send: Transport['send']): OllamaDriver =>
    new OllamaDriver(
      {},
      {
        provider: 'home',
        runtime: { ...systemRuntime, env: {} },
        transport: { send, close: async () => {} },
      },
    )

  it('says nothing of a model where none is meant', async () => {
    const said = new TextEncoder().encode('{"version":"0.33.0","models":[{"name":"oak"},{"name":"ash"}]}')
    const driver = driverOver(async () => ({
      status: 200,
      headers: {},
      consume: async (take) => {
        await take(said)
      },
      abort: () => {},
    }))
    const { status, issues, details } = await driver.health()
    expect([status, issues, details]).toEqual(['ready', [], { version: '0.33.0', models: 2 }])
    expect((await driver.health({ model: 'oak' })).details['defaultModelInstalled']).toBe(true)
  })

  it('is down with the reason of a transport that fails in a way of its own', async () => {
    const driver = driverOver(() => Promise.reject(new TypeError('the tunnel is shut')))
    expect(await driver.health()).toMatchObject({
      provider: 'home',
      status: 'down',
      issues: ['TypeError: the tunnel is shut'],
      details: { address: 'http://127.0.0.1:11434' },
    })
  })
})
