import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createAI, type AIError, type AIResponse, type CallOptions } from '../../../src/index.ts'
import type { OllamaOptions } from '../../../src/drivers/ollama/index.ts'
import { LOAD_POLL_MS } from '../../../src/drivers/load-watch.ts'
import type { FakeOllamaModel, OllamaReply } from '../../../src/testing/fake-ollama.ts'
import { errorOf, openWorld, type World } from './world.ts'

type Timeouts = NonNullable<OllamaOptions['timeouts']>

/** A call that the server has got and leaves without a byte. */
interface Waiting extends AsyncDisposable {
  readonly world: World
  readonly answer: Promise<AIResponse>
  readonly failure: Promise<AIError>
  /** How many requests to a path have come. */
  asked(path: string): number
  /** Lets time pass until the server is asked how far it is, and has said it. */
  look(ms: number, times: number): Promise<void>
  /** Lets the answer go. */
  open(): void
}

interface Setting {
  readonly timeouts: Timeouts
  readonly ps?: OllamaReply
  readonly model?: FakeOllamaModel
  readonly options?: CallOptions
}

async function waiting({ timeouts, ps, model, options }: Setting): Promise<Waiting> {
  const own = model ?? { name: 'llama3.2' }
  const world = await openWorld({ server: { models: [own] }, ollama: { timeouts, model: own.name } })
  const gate = world.server.gate()
  world.server.default({ text: 'Yes', headersGate: gate })
  if (ps) world.server.on('/api/ps', ps)
  const leave = new AbortController()
  const answer = world.ai.sendMessage('Hi', { retries: 0, signal: leave.signal, ...options })
  const failure = errorOf(answer)
  failure.catch(() => {})
  await gate.arrival()
  const asked = (path: string): number => world.server.requests.filter((one) => one.path === path).length
  return {
    world,
    answer,
    failure,
    asked,
    open: () => gate.open(),
    look: async (ms, times) => {
      await world.clock.advance(ms)
      await expect.poll(() => asked('/api/ps')).toBe(times)
      // The next look is set when this one is over.
      await expect.poll(() => world.server.inFlight).toBe(1)
      for (let turn = 0; turn < 5; turn++) await world.clock.advance(0)
    },
    [Symbol.asyncDispose]: async () => {
      leave.abort()
      gate.open()
      await failure.catch(() => {})
      await world[Symbol.asyncDispose]()
    },
  }
}

const NOTHING: OllamaReply = { body: { models: [] } }
const listed = (size: number): OllamaReply => ({ body: { models: [{ name: 'llama3.2:latest', size }] } })

describe('case 22: a model that takes minutes to load', () => {
  it('is waited for as long as it takes by default', async () => {
    await using call = await waiting({ timeouts: {} })
    await call.world.clock.advance(310_000)
    expect(call.asked('/api/ps')).toBe(0)
    call.open()
    expect((await call.answer).text).toBe('Yes')
  })

  it('is waited for beyond the deadline for the first byte as long as it is not in memory', async () => {
    await using call = await waiting({ timeouts: { firstByteMs: 1_000 }, ps: NOTHING })
    await call.world.clock.advance(999)
    expect(call.asked('/api/ps')).toBe(0)
    await call.look(1, 1)
    for (let poll = 2; poll < 5; poll++) await call.look(LOAD_POLL_MS, poll)
    call.open()
    expect((await call.answer).text).toBe('Yes')
    expect(call.world.clock.timers).toBe(0)
  })

  it('is loading where it is listed without a size', async () => {
    await using call = await waiting({ timeouts: { firstByteMs: 1_000 }, ps: listed(0) })
    await call.look(1_000, 1)
    await call.look(LOAD_POLL_MS, 2)
    call.open()
    expect((await call.answer).text).toBe('Yes')
  })

  it('is loading where the server, which tells its version, does not say what runs', async () => {
    await using call = await waiting({ timeouts: { firstByteMs: 1_000 }, ps: NOTHING })
    const gate = call.world.server.gate()
    call.world.server.on('/api/ps', { ...NOTHING, headersGate: gate })
    await call.world.clock.advance(1_000)
    await expect.poll(() => gate.waiting).toBe(1)
    await call.world.clock.advance(1_000)
    await expect.poll(() => call.asked('/api/version')).toBe(1)
    await expect.poll(() => call.world.server.inFlight).toBe(1)
    gate.open()
    await call.look(LOAD_POLL_MS, 2)
    call.open()
    expect((await call.answer).text).toBe('Yes')
  })

  it('has the whole deadline for the first byte once it is loaded', async () => {
    await using call = await waiting({ timeouts: { firstByteMs: 7_000 }, ps: NOTHING })
    await call.look(7_000, 1)
    call.world.server.on('/api/ps', listed(5))
    let isOver = false
    void call.failure.then(() => (isOver = true))
    await call.look(LOAD_POLL_MS, 2)
    await call.world.clock.advance(6_999)
    expect([isOver, call.asked('/api/ps')]).toEqual([false, 2])
    await call.world.clock.advance(1)
    expect(await call.failure).toMatchObject({
      code: 'timed_out',
      details: { deadline: 'firstByte', loading: false },
    })
  })

  it('is given up where nothing is being loaded, with the connection closed', async () => {
    await using call = await waiting({ timeouts: { firstByteMs: 1_000 } })
    await call.world.clock.advance(1_000)
    expect(await call.failure).toMatchObject({
      code: 'timed_out',
      provider: 'ollama',
      model: 'llama3.2',
      retryable: true,
      details: { deadline: 'firstByte', afterMs: 1_000, loading: false, reachable: true },
    })
    await call.world.chats()[0]?.closed
    expect(call.world.clock.timers).toBe(0)
  })

  it('is given up where the server tells nothing any more', async () => {
    await using call = await waiting({ timeouts: { firstByteMs: 1_000 }, ps: { hangUp: true } })
    call.world.server.on('/api/version', { hangUp: true })
    await call.world.clock.advance(1_000)
    expect((await call.failure).details).toMatchObject({ loading: false, reachable: false })
  })

  it('is given up after loadMs, where that is set', async () => {
    await using call = await waiting({ timeouts: { firstByteMs: 1_000, loadMs: 8_000 }, ps: NOTHING })
    await call.look(1_000, 1)
    await call.look(LOAD_POLL_MS, 2)
    await call.world.clock.advance(1_999)
    expect(call.world.clock.timers).toBeGreaterThan(0)
    await call.world.clock.advance(1)
    const error = await call.failure
    expect(error).toMatchObject({
      code: 'timed_out',
      details: { deadline: 'load', afterMs: 8_000, loading: true },
    })
    expect(error.message).toMatch(/raise timeouts\.loadMs, or load it beforehand/)
  })

  it('counts into the time of the whole call all the same', async () => {
    const options = { timeoutMs: 3_000 }
    await using call = await waiting({ timeouts: { firstByteMs: 1_000 }, ps: NOTHING, options })
    await call.look(1_000, 1)
    await call.world.clock.advance(2_000)
    expect((await call.failure).details).toMatchObject({ deadline: 'total' })
  })

  it('is left at once by a call that is aborted, while it is waited for and while the server is asked', async () => {
    for (const isAsking of [false, true]) {
      const leave = new AbortController()
      const options = { signal: leave.signal }
      await using call = await waiting({ timeouts: { firstByteMs: 1_000 }, ps: NOTHING, options })
      const gate = call.world.server.gate()
      if (isAsking) {
        call.world.server.on('/api/ps', { ...NOTHING, headersGate: gate })
        await call.world.clock.advance(1_000)
        await gate.arrival()
      }
      leave.abort()
      expect((await call.failure).code).toBe('aborted')
      await call.world.chats()[0]?.closed
      expect(call.world.clock.timers).toBe(0)
      gate.open()
    }
  })

  it('is not what a cloud model waits for: that has the deadline as it is', async () => {
    const model = { name: 'kimi:cloud', remoteModel: 'kimi', remoteHost: 'https://ollama.com:443' }
    await using call = await waiting({ timeouts: { firstByteMs: 1_000 }, model, ps: NOTHING })
    await call.world.clock.advance(1_000)
    expect((await call.failure).details).toEqual({ deadline: 'firstByte', afterMs: 1_000 })
    expect(call.asked('/api/ps')).toBe(0)
  })
})

describe('a load that is not a chat', () => {
  it('is waited for beyond the deadline for the first byte: of a load beforehand, and of an embedding', async () => {
    await using world = await openWorld({
      server: { models: [{ name: 'nomic', capabilities: ['embedding'] }, 'oak'] },
      ollama: { timeouts: { firstByteMs: 1_000 }, model: 'nomic' },
    })
    world.server.on('/api/ps', NOTHING)
    const gate = world.server.gate()
    world.server.on('/api/embed', { body: { model: 'nomic', embeddings: [[1]] }, headersGate: gate })
    world.server.default({ body: { done: true, done_reason: 'load' }, headersGate: gate })
    const work = Promise.all([world.ai.embed('a'), world.ai.models.load('oak')])
    await expect.poll(() => gate.waiting).toBe(2)
    await world.clock.advance(1_000)
    await expect.poll(() => world.server.requests.some(({ path }) => path === '/api/ps')).toBe(true)
    await expect.poll(() => world.server.inFlight).toBe(2)
    await world.clock.advance(LOAD_POLL_MS - 1)
    expect(gate.waiting).toBe(2)
    gate.open()
    expect((await work)[0].embeddings).toEqual([[1]])
  })
})

describe('localhost', () => {
  const listen = async (host: string): Promise<{ server: Server; port: number }> => {
    const server = createServer((request, response) => {
      const done = { message: { content: 'Yes' }, done: true, done_reason: 'stop' }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify(request.url === '/api/chat' ? done : { capabilities: ['completion'] }))
    })
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
    return { server, port: (server.address() as AddressInfo).port }
  }

  it.each(['127.0.0.1', '::1'])('finds a server that listens on %s only', async (host) => {
    const { server, port } = await listen(host)
    await using ai = createAI({ providers: { ollama: { baseUrl: `http://localhost:${port}` } } })
    for (let call = 0; call < 2; call++) expect((await ai.sendMessage('Hi', { retries: 0 })).text).toBe('Yes')
    server.close()
  })

  it('fails as it did where nobody listens on either, and other hosts are not guessed at', async () => {
    const { server, port } = await listen('::1')
    for (const host of ['127.0.0.1', 'localhost']) {
      await using ai = createAI({ providers: { ollama: { baseUrl: `http://${host}:${port}` } } })
      if (host === 'localhost') await new Promise((resolve) => server.close(resolve))
      const error = await errorOf(ai.sendMessage('Hi', { retries: 0 }))
      expect(error).toMatchObject({ code: 'network_failed', details: { cause: 'ECONNREFUSED' } })
    }
  })
})
