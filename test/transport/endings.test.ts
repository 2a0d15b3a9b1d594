import { getEventListeners } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { readBody, readText } from '../../src/transport/body.ts'
import type { Exchange, Transport, TransportRequest } from '../../src/transport/transport.ts'
import { isSeenAtOnce } from '../at-once.ts'
import { failureOf, FarEnd, until } from './far-end.ts'
import { IMPLEMENTATIONS } from './implementations.ts'

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'

describe.each(IMPLEMENTATIONS)('how a call over $name can end', ({ make, ownsConnections, closesAtOnce }) => {
  let clock: FakeClock
  let transport: Transport
  let farEnd: FarEnd | undefined

  beforeEach(() => {
    clock = new FakeClock()
    transport = make(clock)
  })

  afterEach(async () => {
    await transport.close()
    await farEnd?.close()
    farEnd = undefined
    expect(clock.timers).toBe(0)
  })

  const send = (url: string, more: Partial<TransportRequest> = {}): Promise<Exchange> =>
    transport.send({ method: 'POST', url, headers: {}, body: '{}', ...more })

  describe('before the response', () => {
    it('nobody listens', async () => {
      const port = await freePort()
      const error = await failureOf(send(`http://127.0.0.1:${port}/?key=s3cret`))
      expect(error).toMatchObject({
        code: 'network_failed',
        retryable: true,
        details: { cause: 'ECONNREFUSED', address: `127.0.0.1:${port}` },
        message: `Cannot reach 127.0.0.1:${port} (ECONNREFUSED). Nothing listens there: is the server running, and is the port right?`,
      })
      expect(JSON.stringify(error)).not.toContain('s3cret')
    })

    it('the name does not resolve', async () => {
      const error = await failureOf(send('http://no-such-host.invalid/'))
      expect(error).toMatchObject({ code: 'network_failed', retryable: true })
      expect(String(error)).toMatch(/no-such-host\.invalid:80 \((ENOTFOUND|EAI_AGAIN)\)/)
    })

    it('the server hangs up', async () => {
      farEnd = await FarEnd.raw((socket) => socket.once('data', () => socket.resetAndDestroy()))
      expect(await failureOf(send(farEnd.url))).toMatchObject({
        code: 'network_failed',
        retryable: true,
        details: { cause: 'ECONNRESET' },
      })
      expect(farEnd.connections).toBe(1)
    })

    it('the server speaks no HTTP', async () => {
      farEnd = await FarEnd.raw((socket) => socket.end('220 mail.example ready, s3cret\r\n'))
      const error = await failureOf(send(farEnd.url))
      expect(error).toMatchObject({ code: 'network_failed', retryable: false })
      const { inspect } = await import('node:util')
      expect(inspect(error, { depth: 9 })).not.toContain('s3cret')
    })

    it('the server speaks no TLS', async () => {
      farEnd = await FarEnd.http((_request, response) => response.end())
      const error = await failureOf(send(farEnd.url.replace('http:', 'https:')))
      expect(error).toMatchObject({ code: 'network_failed', retryable: false })
      expect(String(error)).toContain('TLS failed')
    })

    it('a header has a line break', async () => {
      farEnd = await FarEnd.http((_request, response) => response.end())
      const error = await failureOf(send(farEnd.url, { headers: { authorization: 'Bearer s3cret\r\nx: y' } }))
      expect(['config_invalid', 'network_failed']).toContain((error as { code: string }).code)
      expect(String(error)).not.toContain('s3cret')
      expect(farEnd.connections).toBe(0)
    })
  })

  describe('in the middle of the body', () => {
    it.each<[string, string, (socket: Socket) => void]>([
      ['a reset', `${HEAD}content-length: 100\r\n\r\n{"half":`, (socket) => socket.resetAndDestroy()],
      [
        'an early end of a known length',
        `${HEAD}content-length: 100\r\n\r\n{"half":`,
        (socket) => socket.end(),
      ],
      [
        'a chunk cut short',
        `${HEAD}transfer-encoding: chunked\r\n\r\n8\r\n{"half":\r\n8\r\n"mo`,
        (s) => s.end(),
      ],
      [
        'no last chunk',
        `${HEAD}transfer-encoding: chunked\r\n\r\n8\r\n{"half":\r\n`,
        (socket) => socket.end(),
      ],
      [
        'a reset of chunks',
        `${HEAD}transfer-encoding: chunked\r\n\r\n8\r\n{"half":\r\n`,
        (s) => s.resetAndDestroy(),
      ],
    ])('%s', async (_name, bytes, cut) => {
      farEnd = await FarEnd.raw((socket) => socket.once('data', () => socket.write(bytes)))
      const { open, url } = farEnd
      let text = ''
      const exchange = await send(url)
      const failed = failureOf(exchange.consume((piece) => void (text += Buffer.from(piece).toString())))
      await until(() => text.startsWith('{"half":'), 'the first half')
      for (const socket of open) cut(socket)
      expect(await failed).toMatchObject({ code: 'stream_interrupted', retryable: true })
    })

    it('delivers what came together with the cut', async () => {
      const bytes = `${HEAD}transfer-encoding: chunked\r\n\r\n8\r\n{"half":\r\nno length\r\n`
      farEnd = await FarEnd.raw((socket) => socket.once('data', () => socket.write(bytes)))
      let text = ''
      const exchange = await send(farEnd.url)
      const error = await failureOf(exchange.consume((piece) => void (text += Buffer.from(piece).toString())))
      expect(error).toMatchObject({ code: 'stream_interrupted' })
      if (ownsConnections) expect(text).toBe('{"half":')
    })

    it('takes the end of the connection for the end of a body without a length', async () => {
      farEnd = await FarEnd.raw((socket) => socket.once('data', () => socket.end(`${HEAD}\r\nall`)))
      expect(await readText(await send(farEnd.url))).toBe('all')
    })

    it.runIf(closesAtOnce)('the reader fails', async () => {
      farEnd = await FarEnd.http((_request, response) => void response.write('x'))
      const { open } = farEnd
      const exchange = await send(farEnd.url)
      const broken = new Error('broken reader')
      const thrown = exchange.consume(() => {
        throw broken
      })
      expect(await failureOf(thrown)).toBe(broken)
      await until(() => open.size === 0, 'the end of the connection')
      const other = await send(farEnd.url)
      expect(await failureOf(other.consume(() => Promise.reject(broken)))).toBe(broken)
      await until(() => open.size === 0, 'the end of the connection')
    })
  })

  describe('by the caller', () => {
    const reason = new Error('enough')

    it('before it began', async () => {
      farEnd = await FarEnd.http((_request, response) => response.end())
      const error = await failureOf(send(farEnd.url, { signal: AbortSignal.abort(reason) }))
      expect(error).toMatchObject({ code: 'aborted', retryable: false, cause: reason })
      expect(farEnd.connections).toBe(0)
    })

    it.runIf(ownsConnections)('while the connection is made', async () => {
      farEnd = await FarEnd.raw((socket) => void socket.resume())
      const { open } = farEnd
      // TLS is part of the connection, and this server never answers the hello.
      const controller = new AbortController()
      const failed = failureOf(send(farEnd.url.replace('http', 'https'), { signal: controller.signal }))
      await until(() => open.size === 1, 'the connection')
      await expectClosedBy(() => controller.abort(reason), open)
      expect(await failed).toMatchObject({ code: 'aborted', retryable: false, cause: reason })
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    })

    it.runIf(closesAtOnce)('while the response is waited for', async () => {
      farEnd = await FarEnd.http(() => {})
      const { open } = farEnd
      const controller = new AbortController()
      const failed = failureOf(send(farEnd.url, { signal: controller.signal }))
      await until(() => open.size === 1, 'the connection')
      await expectClosedBy(() => controller.abort(reason), open)
      expect(await failed).toMatchObject({ code: 'aborted', cause: reason })
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
    })

    it.each(['signal', 'abort()'])('in the middle of the body, by %s; others go on', async (way) => {
      const sockets: Record<string, Socket> = {}
      let finish: () => void = () => {}
      farEnd = await FarEnd.http((request, response) => {
        sockets[request.url ?? ''] = request.socket
        response.write('x')
        if (request.url === '/other') finish = () => response.end('y')
      })
      const { url } = farEnd
      const other = readText(await send(`${url}other`))
      const controller = new AbortController()
      const exchange = await send(`${url}this`, { signal: controller.signal })
      let got = 0
      const failed = failureOf(exchange.consume((piece) => void (got += piece.length)))
      await until(() => got === 1)
      const act = (): void => (way === 'signal' ? controller.abort(reason) : exchange.abort())
      expect(await isSeenAtOnce(() => sockets['/this']?.destroyed === true, act)).toBe(true)
      expect(await failed).toMatchObject({ code: 'aborted', retryable: false })
      expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
      expect(sockets['/other']?.destroyed).toBe(false)
      finish()
      expect(await other).toBe('xy')
    })

    it.runIf(closesAtOnce)('before the body is read, and while the reader is busy', async () => {
      farEnd = await FarEnd.http((_request, response) => void response.write('x'))
      const { open, url } = farEnd
      const unread = await send(url)
      await expectClosedBy(() => unread.abort(), open)
      expect(await failureOf(readBody(unread))).toMatchObject({ code: 'aborted' })

      const busy = await send(url)
      let inside = false
      const failed = failureOf(
        busy.consume(() => {
          inside = true
          return new Promise(() => {})
        }),
      )
      await until(() => inside)
      await expectClosedBy(() => busy.abort(), open)
      expect(await failed).toMatchObject({ code: 'aborted' })
    })

    it('after the end, which does nothing', async () => {
      farEnd = await FarEnd.http((_request, response) => response.end('all'))
      const exchange = await send(farEnd.url)
      expect(await readText(exchange)).toBe('all')
      exchange.abort()
      await readBody(await send(farEnd.url))
      expect(farEnd.connections).toBeLessThanOrEqual(ownsConnections ? 1 : 2)
    })
  })
})

/** The server must see the end of its only connection at once. */
async function expectClosedBy(act: () => void, open: ReadonlySet<Socket>): Promise<void> {
  expect(await isSeenAtOnce(() => open.size === 0, act)).toBe(true)
}

/** A port where nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
