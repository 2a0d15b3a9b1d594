import { createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import {
  createAI,
  type AIError,
  type CallOptions,
  type LedgerEntry,
  type StreamEvent,
} from '../../../src/index.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import type { Gate } from '../../../src/testing/far-end.ts'
import type { OllamaReply } from '../../../src/testing/fake-ollama.ts'
import { isSeenAtOnce } from '../../at-once.ts'
import { errorOf, openWorld, type World } from './world.ts'

async function entriesOf(world: World): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = []
  for await (const entry of world.ai.ledger.entries({})) entries.push(entry)
  return entries
}

/** The server has seen, or sees at once, that the client is gone. */
async function expectClosed(world: World, path: string = '/api/chat'): Promise<void> {
  const request = world.server.requests.find((one) => one.path === path)
  const isClosed = (): boolean => request?.socketClosedAt !== undefined
  expect(await isSeenAtOnce(isClosed)).toBe(true)
}

/** Waits until what a test is about is under way. */
interface Stage {
  readonly name: string
  readonly reply: (gate: Gate) => OllamaReply
  readonly stream: boolean
  readonly partial: string | undefined
}

const STAGES: readonly Stage[] = [
  {
    name: 'while the headers are waited for, streaming',
    reply: (gate) => ({ text: 'one two three', headersGate: gate }),
    stream: true,
    partial: undefined,
  },
  {
    name: 'while the headers are waited for, not streaming',
    reply: (gate) => ({ text: 'one two three', headersGate: gate }),
    stream: false,
    partial: undefined,
  },
  {
    name: 'in the middle of a stream',
    reply: (gate) => ({ text: 'one two three', gate, holdAfter: 2 }),
    stream: true,
    partial: 'one two',
  },
  {
    name: 'in the middle of a whole answer',
    reply: (gate) => ({ raw: ['{"message":', '{"content":"x"}}'], gate, holdAfter: 1 }),
    stream: false,
    partial: undefined,
  },
]

describe.each(STAGES)('an abort $name', ({ reply, stream, partial }) => {
  it('closes the socket, leaves a sibling alone and books the call', async () => {
    await using world = await openWorld()
    const { ai, server } = world
    const [gate, sibling] = [server.gate(), server.gate()]
    server.reply(reply(gate), { text: 'I am still here', gate: sibling, holdAfter: 1 })
    const controller = new AbortController()
    const options: CallOptions = { signal: controller.signal, user: 'ada' }
    const seen: StreamEvent[] = []
    const call = stream
      ? (async () => {
          for await (const event of ai.streamMessage('Hi', options)) seen.push(event)
        })()
      : ai.sendMessage('Hi', options)
    const failed = errorOf(call)
    await gate.arrival()
    const other = ai.streamMessage('Hi', { user: 'grace' }).response
    await sibling.arrival()
    // What was sent has to arrive before it is stopped.
    const arrived = (): boolean => seen.some((event) => 'text' in event && event.text === ' two')
    if (partial !== undefined) while (!arrived()) await turn()
    const reason = new Error('enough')
    controller.abort(reason)
    const error = await failed
    await expectClosed(world)
    expect([error.code, error.retryable, error.cause]).toEqual(['aborted', false, reason])
    expect(error.partial?.text).toBe(partial)
    expect(world.chats()).toHaveLength(2)
    sibling.open()
    expect((await other).text).toBe('I am still here')
    const booked = (await entriesOf(world)).map(
      ({ user, outcome, error: code }) => `${user} ${outcome} ${code}`,
    )
    expect(booked.toSorted()).toEqual(['ada aborted aborted', 'grace ok undefined'])
    expect(world.clock.timers).toBe(0)
  })
})

/** One turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('an abort before anything is sent', () => {
  it('sends nothing where the signal had fired already', async () => {
    await using world = await openWorld()
    for (const mode of ['whole', 'stream']) {
      const options = { signal: AbortSignal.abort() }
      const call =
        mode === 'whole'
          ? world.ai.sendMessage('Hi', options)
          : world.ai.streamMessage('Hi', options).response
      expect((await errorOf(call)).code).toBe('aborted')
    }
    expect(world.server.requests).toEqual([])
    expect(world.server.connectionsOpened).toBe(0)
  })

  it('closes a connection that is only being made', async () => {
    const silent = await openSilent()
    const clock = new FakeClock()
    await using ai = createAI({ providers: { ollama: { baseUrl: silent.url } }, runtime: { clock, env: {} } })
    const controller = new AbortController()
    const failed = errorOf(ai.sendMessage('Hi', { signal: controller.signal }))
    const socket = await silent.connected
    controller.abort()
    expect((await failed).code).toBe('aborted')
    let closed = false
    void socket.closed.then(() => (closed = true))
    expect(await isSeenAtOnce(() => closed)).toBe(true)
    expect(clock.timers).toBe(0)
    await silent.close()
  })

  it('closes the question about the model, unless another call waits for it too', async () => {
    await using world = await openWorld()
    const showing = world.server.gate()
    world.server.once('/api/show', (): OllamaReply => ({ body: {}, headersGate: showing }))
    const controllers = [new AbortController(), new AbortController()]
    const calls = controllers.map(({ signal }) => errorOf(world.ai.sendMessage('Hi', { signal })))
    await showing.arrival()
    controllers[0]?.abort()
    expect((await calls[0])?.code).toBe('aborted')
    await turn()
    expect(world.server.requests[0]?.socketClosedAt).toBeUndefined()
    controllers[1]?.abort()
    expect((await calls[1])?.code).toBe('aborted')
    await expectClosed(world, '/api/show')
    // Nothing of it is remembered.
    expect((await world.ai.sendMessage('Hi')).text).toBe('You said: Hi')
  })
})

describe('leaving a stream', () => {
  it('closes the socket, and the call is booked before the loop is left', async () => {
    await using world = await openWorld()
    const gate = world.server.gate()
    world.server.reply({ text: 'one two three', gate, holdAfter: 1 }, 'Still here')
    for await (const event of world.ai.streamMessage('Hi')) {
      if (event.type === 'text-delta') break
    }
    expect((await entriesOf(world)).map(({ outcome }) => outcome)).toEqual(['aborted'])
    await expectClosed(world)
    expect((await world.ai.sendMessage('Hi')).text).toBe('Still here')
    expect(world.clock.timers).toBe(0)
  })

  it('means the same by abort() as by leaving the loop', async () => {
    await using world = await openWorld()
    const gate = world.server.gate()
    world.server.reply({ text: 'one two three', gate, holdAfter: 1 })
    const stream = world.ai.streamMessage('Hi')
    const failed = errorOf(stream.response)
    await gate.arrival()
    stream.abort()
    expect((await failed).code).toBe('aborted')
    await expectClosed(world)
  })
})

describe('an abort while a retry is waited for', () => {
  it('stops at once, without moving the clock', async () => {
    await using world = await openWorld({ hurry: false })
    world.server.default({ status: 503, error: 'server busy' })
    const controller = new AbortController()
    const retried = new Promise((resolve) => world.ai.on('providerRetried', resolve))
    const failed = errorOf(world.ai.sendMessage('Hi', { signal: controller.signal }))
    await retried
    await turn()
    expect(world.clock.timers).toBe(1)
    controller.abort()
    expect((await failed).code).toBe('aborted')
    expect(world.clock.timers).toBe(0)
    expect(world.chats()).toHaveLength(1)
    expect((await entriesOf(world)).map(({ outcome }) => outcome)).toEqual(['error'])
  })
})

describe('time', () => {
  /** Lets time pass once the server holds a call back, and gives the error of the call. */
  async function errorAfter(
    ms: number,
    reply: (gate: Gate) => OllamaReply,
    options: CallOptions & Setup = {},
  ) {
    const { timeouts, ...call } = options
    await using world = await openWorld(timeouts ? { ollama: { timeouts } } : {})
    const gate = world.server.gate()
    world.server.reply(reply(gate))
    const failed = errorOf(world.ai.streamMessage('Hi', { retries: 0, ...call }).response)
    await gate.arrival()
    await world.clock.advance(ms - 1)
    expect(world.server.inFlight).toBe(1)
    await world.clock.advance(1)
    const error = await failed
    await expectClosed(world)
    expect(world.clock.timers).toBe(0)
    return error
  }
  interface Setup {
    readonly timeouts?: { readonly firstByteMs?: number; readonly idleMs?: number; readonly totalMs?: number }
  }
  const late = (gate: Gate): OllamaReply => ({ text: 'one two', headersGate: gate })
  const stuck = (gate: Gate): OllamaReply => ({ text: 'one two', gate, holdAfter: 1 })
  const deadline = ({ code, details, retryable }: AIError): unknown => [code, details['deadline'], retryable]

  it('is up for a call after timeoutMs, before the answer and in the middle of it', async () => {
    expect(deadline(await errorAfter(5_000, late, { timeoutMs: 5_000 }))).toEqual([
      'timed_out',
      'total',
      true,
    ])
    const error = await errorAfter(5_000, stuck, { timeoutMs: 5_000 })
    expect(deadline(error)).toEqual(['timed_out', 'total', true])
    expect(error.partial?.text).toBe('one')
  })

  it('is up for the first byte only where that was set', async () => {
    const error = await errorAfter(60_000, late, { timeouts: { firstByteMs: 60_000 } })
    expect(deadline(error)).toEqual(['timed_out', 'firstByte', true])
  })

  it('is up after five minutes of silence in the middle of an answer, or what was set', async () => {
    expect(deadline(await errorAfter(300_000, stuck))).toEqual(['timed_out', 'idle', true])
    expect(deadline(await errorAfter(1_000, stuck, { timeouts: { idleMs: 1_000 } }))).toEqual([
      'timed_out',
      'idle',
      true,
    ])
  })

  it('is up for everything together where that was set', async () => {
    expect(deadline(await errorAfter(9_000, stuck, { timeouts: { totalMs: 9_000 } }))).toEqual([
      'timed_out',
      'total',
      true,
    ])
  })

  it.each([310_000, 3_600_000])('is not up while a model loads for %i ms', async (ms) => {
    await using world = await openWorld()
    const gate = world.server.gate()
    world.server.default({ text: 'Finally', headersGate: gate })
    const calls = [world.ai.sendMessage('Hi'), world.ai.streamMessage('Hi').response]
    await gate.arrival()
    await world.clock.advance(ms)
    gate.open()
    for (const answer of await Promise.all(calls))
      expect([answer.text, answer.attempts.length]).toEqual(['Finally', 1])
  })

  it('is up for a connection after ten seconds', async () => {
    const silent = await openSilent()
    const clock = new FakeClock()
    await using ai = createAI({ providers: { ollama: { baseUrl: silent.url } }, runtime: { clock, env: {} } })
    const failed = errorOf(ai.sendMessage('Hi', { retries: 0 }))
    const socket = await silent.connected
    await clock.advance(10_000)
    const error = await failed
    expect(deadline(error)).toEqual(['timed_out', 'connect', true])
    await socket.closed
    await silent.close()
  })

  it('of the question about the model is time of the call', async () => {
    await using world = await openWorld()
    const showing = world.server.gate()
    world.server.once('/api/show', { body: {}, headersGate: showing })
    const failed = errorOf(world.ai.sendMessage('Hi', { timeoutMs: 5_000, retries: 0 }))
    await showing.arrival()
    await world.clock.advance(5_000)
    expect(deadline(await failed)).toEqual(['timed_out', 'total', true])
    await expectClosed(world, '/api/show')

    // What it took is missing afterwards.
    const [asking, answering] = [world.server.gate(), world.server.gate()]
    world.server.once('/api/show', { body: {}, headersGate: asking })
    world.server.reply({ text: 'one', headersGate: answering })
    const second = errorOf(world.ai.sendMessage('Hi', { timeoutMs: 5_000, retries: 0 }))
    await asking.arrival()
    await world.clock.advance(4_000)
    asking.open()
    await answering.arrival()
    await world.clock.advance(1_000)
    expect((await second).code).toBe('timed_out')
  })
})

interface Silent {
  readonly url: string
  /** The first connection. */
  readonly connected: Promise<{ readonly closed: Promise<unknown> }>
  close(): Promise<void>
}

/** A server that takes connections and says nothing: for https that is a connection that never stands. */
async function openSilent(): Promise<Silent> {
  const sockets = new Set<Socket>()
  const { promise: connected, resolve } = Promise.withResolvers<{ closed: Promise<unknown> }>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    // A socket that nobody reads never tells that the other side has left.
    socket.resume()
    resolve({ closed: new Promise((closed) => socket.once('close', closed)) })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const { port } = server.address() as AddressInfo
  return {
    url: `https://127.0.0.1:${port}`,
    connected,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
