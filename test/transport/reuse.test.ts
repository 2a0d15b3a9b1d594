import { execFile } from 'node:child_process'
import type { Socket } from 'node:net'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemRuntime } from '../../src/runtime.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { readText } from '../../src/transport/body.ts'
import { createTransport } from '../../src/transport/index.ts'
import type { Transport, TransportRequest } from '../../src/transport/transport.ts'
import { failureOf, FarEnd, until } from './far-end.ts'

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

describe('a kept connection', () => {
  let transport: Transport
  let farEnd: FarEnd

  beforeEach(() => {
    transport = createTransport({ ...systemRuntime, clock: new FakeClock() })
  })

  afterEach(async () => {
    await transport.close()
    await farEnd.close()
  })

  const call = async (method: TransportRequest['method']): Promise<string> =>
    readText(
      await transport.send({
        method,
        url: farEnd.url,
        headers: {},
        ...(method === 'POST' && { body: '{}' }),
      }),
    )

  /** A server that answers by `answer(socket, nth request of the connection, nth request of all)`. */
  async function serve(answer: (socket: Socket, ofConnection: number, ofAll: number) => void): Promise<void> {
    let all = 0
    farEnd = await FarEnd.raw((socket) => {
      let own = 0
      socket.on('data', () => answer(socket, (own += 1), (all += 1)))
    })
  }

  it('that the server closed is not used again, and no call fails for it', async () => {
    let requests = 0
    await serve((socket, _own, all) => {
      requests = all
      socket.end(OK)
    })
    const { open } = farEnd
    for (let n = 0; n < 20; n += 1) {
      expect(await call('POST')).toBe('ok')
      await until(() => open.size === 0, 'the goodbye of both sides')
    }
    expect([requests, farEnd.connections]).toEqual([20, 20])
  })

  it('that breaks under a POST fails it, and the request is not sent twice', async () => {
    let requests = 0
    await serve((socket, own, all) => {
      requests = all
      if (own === 1) socket.write(OK)
      else socket.resetAndDestroy()
    })
    await call('POST')
    expect(await failureOf(call('POST'))).toMatchObject({
      code: 'network_failed',
      retryable: true,
      details: { cause: 'ECONNRESET', reusedConnection: true },
    })
    expect(requests).toBe(2)
    expect(await call('POST')).toBe('ok')
  })

  it('that breaks under a GET is replaced, once', async () => {
    let requests = 0
    await serve((socket, own, all) => {
      requests = all
      if (own === 1 && all < 4) socket.write(OK)
      else socket.destroy()
    })
    await call('GET')
    expect(await call('GET')).toBe('ok')
    expect([requests, farEnd.connections]).toEqual([3, 2])
    expect(await failureOf(call('GET'))).toMatchObject({ code: 'network_failed' })
    expect([requests, farEnd.connections]).toEqual([5, 3])
  })

  it.each(['connection: close', 'keep-alive: timeout=1'])(
    'is not kept where the server says %s',
    async (header) => {
      await serve((socket) => socket.write(OK.replace('content-length', `${header}\r\ncontent-length`)))
      await call('POST')
      await call('POST')
      expect(farEnd.connections).toBe(2)
    },
  )

  it('that brings an answer which nobody asked for is dropped', async () => {
    await serve((socket, own) => socket.write(own === 1 ? OK + OK.replace('ok', 'no') : OK))
    expect(await call('POST')).toBe('ok')
    expect(await call('POST')).toBe('ok')
    expect(farEnd.connections).toBe(2)
  })

  it('does not keep the process alive', async () => {
    await serve((socket) => socket.write(OK))
    const script = `
      import { systemRuntime } from './src/runtime.ts'
      import { readText } from './src/transport/body.ts'
      import { createTransport } from './src/transport/index.ts'
      const transport = createTransport(systemRuntime)
      const exchange = await transport.send({ method: 'POST', url: '${farEnd.url}', headers: {}, body: '{}' })
      console.log(await readText(exchange), process.uptime())
      process.on('exit', () => console.log(process.uptime()))`
    const args = ['--input-type=module-typescript', '--eval', script]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const [, answer, answeredAt, endedAt] = /^(\w+) ([\d.]+)\n([\d.]+)/.exec(stdout) ?? []
    expect(answer).toBe('ok')
    // The pool itself would let go after 4 s.
    expect(Number(endedAt) - Number(answeredAt)).toBeLessThan(2)
    const { open } = farEnd
    await until(() => open.size === 0)
  })

  it('is loaded with the first call and not before', async () => {
    await serve((socket) => socket.write(OK))
    const script = `
      import { systemRuntime } from './src/runtime.ts'
      import { createTransport } from './src/transport/index.ts'
      const loaded = () => process.getBuiltinModule('module')._pathCache === undefined ? -1 :
        Object.keys(process.getBuiltinModule('module')._cache).filter((path) => path.includes('undici')).length
      const transport = createTransport(systemRuntime)
      const before = loaded()
      await transport.send({ method: 'POST', url: '${farEnd.url}', headers: {}, body: '{}' })
      const symbols = Object.getOwnPropertySymbols(globalThis).map(String).filter((name) => name.includes('undici'))
      console.log(JSON.stringify({ before, after: loaded() > 0, symbols }))
      process.exit()`
    const args = ['--input-type=module-typescript', '--eval', script]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    expect(JSON.parse(stdout)).toEqual({ before: 0, after: true, symbols: [] })
  })
})
