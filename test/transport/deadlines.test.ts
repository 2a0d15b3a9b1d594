import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { readText } from '../../src/transport/body.ts'
import type { Deadlines, Exchange, Transport } from '../../src/transport/transport.ts'
import { FarEnd, until } from './far-end.ts'
import { IMPLEMENTATIONS } from './implementations.ts'

describe.each(IMPLEMENTATIONS)(
  'the deadlines of a call over $name',
  ({ make, ownsConnections, closesAtOnce }) => {
    let clock: FakeClock
    let transport: Transport
    let farEnd: FarEnd
    /** The response of the last request, for the test to go on with. */
    let response: ServerResponse | undefined

    beforeEach(async () => {
      clock = new FakeClock()
      transport = make(clock)
      response = undefined
      farEnd = await FarEnd.http((_request, answer) => {
        response = answer
      })
    })

    afterEach(async () => {
      await transport.close()
      await farEnd.close()
      expect(clock.timers).toBe(0)
    })

    const send = (deadlines: Deadlines, url = farEnd.url): Promise<Exchange> =>
      transport.send({ method: 'POST', url, headers: {}, body: '{}', deadlines })

    /** Collects a promise's end without waiting for it. */
    function watched(promise: Promise<unknown>): { error?: unknown; value?: unknown } {
      const end: { error?: unknown; value?: unknown } = {}
      promise.then(
        (value) => (end.value = value),
        (error: unknown) => (end.error = error),
      )
      return end
    }

    const timedOut = (deadline: string, afterMs: number): object => ({
      code: 'timed_out',
      retryable: true,
      details: { deadline, afterMs },
    })

    it.runIf(ownsConnections)('connect: until the connection stands, TLS included', async () => {
      const mute = await FarEnd.raw((socket) => void socket.resume())
      const { open } = mute
      const end = watched(send({ connectMs: 1_000, firstByteMs: 9_000 }, mute.url.replace('http', 'https')))
      await until(() => open.size === 1, 'the connection')
      await clock.advance(999)
      expect(end).toEqual({})
      await clock.advance(1)
      expect(end.error).toMatchObject(timedOut('connect', 1_000))
      expect(String(end.error)).toContain('No connection to 127.0.0.1:')
      await until(() => open.size === 0, 'the end of the connection')
      await mute.close()
    })

    it('first byte: from the connection to the headers', async () => {
      const end = watched(send({ connectMs: 1_000, firstByteMs: 5_000 }))
      await until(() => response !== undefined, 'the request')
      // `fetch` does not tell when the connection stands: the two make one deadline there.
      const limitMs = ownsConnections ? 5_000 : 6_000
      await clock.advance(limitMs - 1)
      expect(end).toEqual({})
      await clock.advance(1)
      expect(end.error).toMatchObject(timedOut('firstByte', limitMs))
      const { open } = farEnd
      await until(() => open.size === 0, 'the end of the connection')
    })

    it('idle: between two pieces, each of which begins it anew', async () => {
      const sent = send({ firstByteMs: 100, idleMs: 1_000 })
      await until(() => response !== undefined, 'the request')
      response?.write('a')
      const exchange = await sent
      let text = ''
      const end = watched(exchange.consume((piece) => void (text += Buffer.from(piece).toString())))
      await until(() => text === 'a')
      for (const expected of ['ab', 'abc', 'abcd']) {
        await clock.advance(900)
        response?.write(expected.slice(-1))
        await until(() => text === expected, expected)
      }
      await clock.advance(999)
      expect(end).toEqual({})
      await clock.advance(1)
      expect(end.error).toMatchObject(timedOut('idle', 1_000))
      const { open } = farEnd
      if (closesAtOnce) await until(() => open.size === 0, 'the end of the connection')
    })

    it('idle: sets no timer for a piece', async () => {
      let set = 0
      const after = clock.after.bind(clock)
      clock.after = (ms, callback) => {
        set += 1
        return after(ms, callback)
      }
      const sent = send({ connectMs: 1_000, firstByteMs: 1_000, idleMs: 1_000, totalMs: 5_000 })
      await until(() => response !== undefined, 'the request')
      response?.write('x')
      let got = 0
      const exchange = await sent
      const consumed = exchange.consume((piece) => void (got += piece.length))
      for (let n = 1; n <= 50; n += 1) {
        response?.write('x')
        await until(() => got === n + 1)
      }
      response?.end()
      await consumed
      // One for each deadline that is sooner than the one before, and none for the 50 pieces.
      expect(set).toBeLessThanOrEqual(3)
    })

    it('idle: does not run while the reader is busy', async () => {
      const sent = send({ idleMs: 1_000 })
      await until(() => response !== undefined, 'the request')
      response?.write('a')
      const exchange = await sent
      let release: (() => void) | undefined
      const end = watched(exchange.consume(() => new Promise<void>((resolve) => (release = resolve))))
      await until(() => release !== undefined)
      await clock.advance(60_000)
      expect(end).toEqual({})
      release?.()
      await clock.advance(999)
      expect(end).toEqual({})
      await clock.advance(1)
      expect(end.error).toMatchObject(timedOut('idle', 1_000))
    })

    it('total: over everything, however busy the connection is', async () => {
      const sent = send({ connectMs: 900, firstByteMs: 900, idleMs: 900, totalMs: 2_000 })
      await until(() => response !== undefined, 'the request')
      await clock.advance(800)
      response?.write('a')
      const exchange = await sent
      let got = 0
      const end = watched(exchange.consume((piece) => void (got += piece.length)))
      await until(() => got === 1)
      await clock.advance(800)
      response?.write('b')
      await until(() => got === 2)
      await clock.advance(399)
      expect(end).toEqual({})
      await clock.advance(1)
      expect(end.error).toMatchObject(timedOut('total', 2_000))
    })

    it('none of them: waits for ever', async () => {
      const end = watched(send({}))
      await until(() => response !== undefined, 'the request')
      await clock.advance(86_400_000)
      expect(end).toEqual({})
      expect(clock.timers).toBe(0)
    })

    it('all of them: leave a call in time alone', async () => {
      const sent = send({ connectMs: 1, firstByteMs: 1, idleMs: 1, totalMs: 1 })
      await until(() => response !== undefined, 'the request')
      response?.end('in time')
      expect(await readText(await sent)).toBe('in time')
      await clock.advance(10)
    })
  },
)
