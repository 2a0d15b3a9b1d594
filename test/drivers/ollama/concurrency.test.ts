import { describe, expect, it } from 'vitest'
import { createAI } from '../../../src/index.ts'
import { Gate, GATE_WAITING_MAX } from '../../../src/drivers/gate.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { errorOf, openWorld, type World } from './world.ts'

const BUSY = { status: 503, error: 'server busy, please try again.  maximum pending requests exceeded' }

describe('case 21: a queue that is full', () => {
  it('is tried again after waits that differ from client to client, until there is room', async () => {
    const waits: number[][] = []
    for (const chance of [0, 0.5]) {
      const own: number[] = []
      waits.push(own)
      await using world = await openWorld({ config: {}, hurry: false })
      await using ai = createAI({
        providers: { ollama: { baseUrl: world.server.url } },
        runtime: { clock: world.clock, random: () => chance },
      })
      ai.on('providerRetried', ({ delayMs }) => {
        own.push(delayMs)
        void world.clock.advance(delayMs)
      })
      world.server.reply(BUSY, BUSY, { text: 'Yes' })
      const answer = await ai.sendMessage('Hi')
      expect([answer.text, answer.attempts.length]).toEqual(['Yes', 3])
    }
    expect(waits).toEqual([
      [250, 500],
      [375, 750],
    ])
  })

  it('is left at once by a call that is aborted while it waits', async () => {
    await using world = await openWorld({ hurry: false })
    world.server.default(BUSY)
    const leave = new AbortController()
    const retried = new Promise<void>((resolve) => world.ai.on('providerRetried', () => resolve()))
    const call = errorOf(world.ai.sendMessage('Hi', { signal: leave.signal }))
    await retried
    leave.abort()
    expect((await call).code).toBe('aborted')
    expect([world.chats().length, world.clock.timers]).toEqual([1, 0])
  })
})

describe('maxConcurrency', () => {
  /** A world whose answers wait for a gate; `inside` is how many requests the server has in work. */
  const open = async (maxConcurrency?: number): Promise<World & { readonly release: () => void }> => {
    const world = await openWorld({ ollama: maxConcurrency === undefined ? {} : { maxConcurrency } })
    await world.ai.models.get('llama3.2')
    const gate = world.server.gate()
    world.server.default(() => ({ text: 'Yes', gate, holdAfter: 0 }))
    return Object.assign(world, { release: () => gate.open() })
  }

  it('is off where nobody sets it', async () => {
    await using world = await open()
    const calls = Promise.all(Array.from({ length: 20 }, () => world.ai.sendMessage('Hi')))
    await expect.poll(() => world.chats().length).toBe(20)
    world.release()
    expect(await calls).toHaveLength(20)
  })

  it('lets so many calls in at once', async () => {
    await using world = await open(2)
    const calls = Promise.all(Array.from({ length: 6 }, () => world.ai.sendMessage('Hi')))
    await expect.poll(() => world.chats().length).toBe(2)
    await world.clock.advance(0)
    expect(world.server.inFlight).toBe(2)
    world.release()
    expect((await calls).map(({ text }) => text)).toEqual(Array.from({ length: 6 }, () => 'Yes'))
  })

  it('lets those that wait in in the order in which they came', async () => {
    await using world = await openWorld({ ollama: { maxConcurrency: 1 } })
    await Promise.all(Array.from({ length: 6 }, (_, index) => world.ai.sendMessage(`${index}`)))
    const order = world
      .chats()
      .map(({ body }) => (body as { messages: { content: string }[] }).messages[0]?.content)
    expect(order).toEqual(['0', '1', '2', '3', '4', '5'])
  })

  it('gives the turn of a failed or left call to the next', async () => {
    await using world = await openWorld({ ollama: { maxConcurrency: 1 } })
    world.server.reply({ status: 400, error: 'no' }, { text: 'second' }, { text: 'third' })
    const first = errorOf(world.ai.sendMessage('1'))
    const second = world.ai.sendMessage('2')
    expect((await first).code).toBe('request_invalid')
    expect((await second).text).toBe('second')
    for await (const event of world.ai.streamMessage('3')) if (event.type === 'text-delta') break
    expect((await world.ai.sendMessage('4')).text).toBe('You said: 4')
  })

  it('is left at once by a call that is aborted while it waits, and costs nothing', async () => {
    await using world = await open(1)
    const first = world.ai.sendMessage('1')
    const leave = new AbortController()
    const second = errorOf(world.ai.sendMessage('2', { signal: leave.signal }))
    const third = world.ai.sendMessage('3')
    await expect.poll(() => world.chats().length).toBe(1)
    leave.abort(new Error('enough'))
    expect((await second).code).toBe('aborted')
    world.release()
    expect([(await first).text, (await third).text]).toEqual(['Yes', 'Yes'])
    expect(world.chats()).toHaveLength(2)
  })

  it('counts the wait into the time of the call', async () => {
    await using world = await open(1)
    const first = world.ai.sendMessage('1')
    await expect.poll(() => world.chats().length).toBe(1)
    const second = errorOf(world.ai.sendMessage('2', { timeoutMs: 1_000 }))
    await world.clock.advance(999)
    await world.clock.advance(1)
    expect(await second).toMatchObject({
      code: 'timed_out',
      retryable: false,
      provider: 'ollama',
      details: { deadline: 'call' },
    })
    world.release()
    await first
    expect(world.chats()).toHaveLength(1)
  })

  it('holds for embeddings as well', async () => {
    await using world = await openWorld({
      server: { models: [{ name: 'nomic', capabilities: ['embedding'] }] },
      ollama: { maxConcurrency: 1, model: 'nomic' },
    })
    const gate = world.server.gate()
    world.server.once('/api/embed', { body: { model: 'nomic', embeddings: [[1]] }, gate, holdAfter: 0 })
    const embeds = (): number => world.server.requests.filter(({ path }) => path === '/api/embed').length
    const calls = Promise.all([world.ai.embed('a'), world.ai.embed('b')])
    await expect.poll(embeds).toBe(1)
    await world.clock.advance(0)
    expect(embeds()).toBe(1)
    gate.open()
    expect(await calls).toHaveLength(2)
  })

  it.each([0, -1, 1.5, 1_001, Number.NaN])('is refused as %j', async (maxConcurrency) => {
    await using ai = createAI({ providers: { ollama: { maxConcurrency } } })
    expect(await errorOf(ai.sendMessage('Hi'))).toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining(
        'maxConcurrency of ollama is a whole number from 1 to 1000',
      ) as unknown,
    })
  })
})

describe('a gate', () => {
  const patience = { signal: undefined, timeLeftMs: undefined }

  it('refuses a call when too many wait already, and leaves nothing behind', async () => {
    const clock = new FakeClock()
    const gate = new Gate(1, 'ollama', clock)
    expect(gate.enter(patience)).toBeUndefined()
    const waiting = Array.from({ length: GATE_WAITING_MAX }, () => gate.enter({ ...patience, timeLeftMs: 9 }))
    expect(() => gate.enter(patience)).toThrow(/1000 calls wait for their turn at ollama already/)
    expect(clock.timers).toBe(GATE_WAITING_MAX)
    for (const turn of waiting) {
      gate.leave()
      await turn
    }
    expect(clock.timers).toBe(0)
    gate.leave()
    expect(gate.enter(patience)).toBeUndefined()
  })

  it('lets nobody wait whose signal has fired', async () => {
    const gate = new Gate(1, 'ollama', new FakeClock())
    void gate.enter(patience)
    await expect(gate.enter({ ...patience, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'aborted',
    })
    gate.leave()
    expect(gate.enter(patience)).toBeUndefined()
  })
})
