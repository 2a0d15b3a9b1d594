import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { readBody, readText } from '../../src/transport/body.ts'
import type { Exchange, Transport } from '../../src/transport/transport.ts'
import { failureOf, FarEnd, until } from './far-end.ts'
import { IMPLEMENTATIONS } from './implementations.ts'

describe.each(IMPLEMENTATIONS)('a transport over $name', ({ make, ownsConnections }) => {
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

  const get = (url: string): Promise<Exchange> => transport.send({ method: 'GET', url, headers: {} })
  const post = (url: string, body: string | Uint8Array): Promise<Exchange> =>
    transport.send({ method: 'POST', url, headers: { 'content-type': 'application/json' }, body })

  it('brings status, headers and body', async () => {
    farEnd = await FarEnd.http((_request, response) => {
      response.writeHead(418, [
        ['X-One', 'a'],
        ['X-Two', 'b'],
        ['X-Two', 'c'],
        ['Set-Cookie', 'd=1'],
        ['Set-Cookie', 'e=2'],
      ] as unknown as string[])
      response.end('short and stout')
    })
    const exchange = await get(farEnd.url)
    expect(exchange.status).toBe(418)
    expect(exchange.headers).toMatchObject({ 'x-one': 'a', 'x-two': 'b, c' })
    expect(await readText(exchange)).toBe('short and stout')
  })

  it('asks for the path and query that it was given', async () => {
    const seen: (string | undefined)[] = []
    farEnd = await FarEnd.http((request, response) => {
      seen.push(`${request.method} ${request.url} ${String(request.headers['x-mine'])}`)
      response.end()
    })
    const url = `${farEnd.url}api/chat?a=1&b=%20`
    const exchange = await transport.send({ method: 'DELETE', url, headers: { 'x-mine': 'yes' } })
    await readBody(exchange)
    expect(seen).toEqual(['DELETE /api/chat?a=1&b=%20 yes'])
  })

  it.each([
    ['text', '{"text":"Grüße 👋"}', Buffer.from('{"text":"Grüße 👋"}')],
    [
      'bytes',
      Uint8Array.from({ length: 256 }, (_, n) => n),
      Buffer.from(Array.from({ length: 256 }, (_, n) => n)),
    ],
    ['nothing', '', Buffer.alloc(0)],
    ['a megabyte', 'x'.repeat(1_000_000), Buffer.alloc(1_000_000, 'x')],
  ])('sends a body of %s byte for byte', async (_name, body, expected) => {
    const pieces: Buffer[] = []
    let length: string | undefined
    farEnd = await FarEnd.http((request, response) => {
      length = request.headers['content-length']
      request.on('data', (piece: Buffer) => pieces.push(piece)).on('end', () => response.end('ok'))
    })
    expect(await readText(await post(farEnd.url, body))).toBe('ok')
    expect(Buffer.concat(pieces).equals(expected)).toBe(true)
    expect(length).toBe(String(expected.length))
  })

  it('reuses the connection for one call after the other', async () => {
    farEnd = await FarEnd.http((_request, response) => response.end('ok'))
    for (let call = 0; call < 5; call += 1) await readBody(await post(farEnd.url, '{}'))
    // `fetch` counts a connection as busy for a moment longer than its response, and opens a second one.
    expect(farEnd.connections).toBeLessThanOrEqual(ownsConnections ? 1 : 2)
  })

  it('lets 100 calls go at once, without a queue', async () => {
    let held: (() => void)[] = []
    farEnd = await FarEnd.http((_request, response) => {
      held.push(() => response.end('ok'))
    })
    const { url } = farEnd
    const calls = Array.from({ length: 100 }, async () => readText(await post(url, '{}')))
    await until(() => held.length === 100, 'all calls at the server')
    for (const answer of held) answer()
    held = []
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 100 }, () => 'ok'))
  })

  it('ends a body that is empty', async () => {
    farEnd = await FarEnd.http((request, response) => {
      response.writeHead(request.url === '/none' ? 204 : 200).end()
    })
    expect(await readText(await get(farEnd.url))).toBe('')
    expect(await readText(await get(`${farEnd.url}none`))).toBe('')
    const head = await transport.send({ method: 'HEAD', url: farEnd.url, headers: {} })
    expect(await readText(head)).toBe('')
  })

  it.each([301, 302, 303, 307, 308])('returns a redirect (%i) and does not follow it', async (status) => {
    const seen: (string | undefined)[] = []
    farEnd = await FarEnd.http((request, response) => {
      seen.push(request.url)
      response.writeHead(status, { location: '/elsewhere' }).end()
    })
    const exchange = await transport.send({
      method: 'POST',
      url: farEnd.url,
      headers: { authorization: 'Bearer key' },
      body: '{}',
    })
    await readBody(exchange)
    expect([exchange.status, exchange.headers['location']]).toEqual([status, '/elsewhere'])
    expect(seen).toEqual(['/'])
  })

  const FLOOD_BYTES = 64 * 1024 * 1024

  /** A far end that answers with as much as is taken from it, and says how much that is so far. */
  async function flood(): Promise<{ readonly url: string; readonly written: () => number }> {
    const block = Buffer.alloc(64 * 1024, 7)
    let written = 0
    farEnd = await FarEnd.http((_request, response) => {
      const more = (): void => {
        while (written < FLOOD_BYTES) {
          written += block.length
          if (!response.write(block)) {
            response.once('drain', more)
            return
          }
        }
        response.end()
      }
      more()
    })
    return { url: farEnd.url, written: () => written }
  }

  it('pauses the connection while the reader is busy', async () => {
    const { url, written } = await flood()
    const exchange = await get(url)
    let release: () => void = () => {}
    let got = 0
    let inside = 0
    const consumed = exchange.consume(async (piece) => {
      inside += 1
      expect(inside).toBe(1)
      const first = got === 0
      got += piece.length
      if (first) await new Promise<void>((resolve) => (release = resolve))
      inside -= 1
    })
    await until(() => got > 0)
    // What the sockets of both sides and the reader's buffer hold; the rest must not have been taken in.
    expect(await settled(written)).toBeLessThan(FLOOD_BYTES / 2)
    release()
    await consumed
    expect([got, written()]).toEqual([FLOOD_BYTES, FLOOD_BYTES])
  })

  it('pauses the connection where no reader has come', async () => {
    const { url, written } = await flood()
    const exchange = await get(url)
    expect(await settled(written)).toBeLessThan(FLOOD_BYTES / 2)
    let got = 0
    await exchange.consume((piece) => void (got += piece.length))
    expect([got, written()]).toEqual([FLOOD_BYTES, FLOOD_BYTES])
  })

  it('hands no empty piece to a reader that was busy', async () => {
    let write: (text: string) => void = () => {}
    farEnd = await FarEnd.raw((socket) => {
      write = (text) => void socket.write(text)
      socket.once('data', () => write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\na'))
    })
    const exchange = await get(farEnd.url)
    const got: string[] = []
    let release: () => void = () => {}
    const consumed = exchange.consume((piece) => {
      got.push(Buffer.from(piece).toString())
      return new Promise((resolve) => (release = resolve))
    })
    for (const text of ['b', 'c', 'd', 'e\r\n0\r\n\r\n']) {
      await until(() => got.length > 0 && got.at(-1) !== text)
      const before = got.length
      // Ready for more in the middle of a chunk, before there is any more.
      release()
      await settled(() => got.length)
      write(text)
      await until(() => got.length > before, text)
    }
    release()
    await consumed
    expect(got).toEqual(['a', 'b', 'c', 'd', 'e'])
  })

  it('leaves nothing behind after 1,000 calls', async () => {
    farEnd = await FarEnd.http((_request, response) => response.end('{"ok":true}'))
    const { url } = farEnd
    const { signal } = new AbortController()
    const deadlines = { connectMs: 10_000, firstByteMs: 10_000, idleMs: 10_000, totalMs: 60_000 }
    const worker = async (): Promise<void> => {
      for (let call = 0; call < 125; call += 1) {
        const exchange = await transport.send({
          method: 'POST',
          url,
          headers: {},
          body: '{}',
          deadlines,
          signal,
        })
        await readBody(exchange)
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    expect(clock.timers).toBe(0)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
    expect(farEnd.connections).toBeLessThanOrEqual(16)
    await transport.close()
    const { open } = farEnd
    if (ownsConnections) await until(() => open.size === 0, 'the end of all connections')
  })

  it('refuses a second reader', async () => {
    farEnd = await FarEnd.http((_request, response) => response.end('once'))
    const exchange = await get(farEnd.url)
    await readBody(exchange)
    expect(await failureOf(exchange.consume(() => {}))).toMatchObject({ code: 'request_invalid' })
  })

  it('is closed for good: what runs is aborted, and nothing new begins', async () => {
    farEnd = await FarEnd.http(() => {})
    const { open, url } = farEnd
    const running = failureOf(get(url))
    await until(() => open.size === 1)
    await transport.close()
    expect(await running).toMatchObject({ code: 'aborted' })
    expect(await failureOf(get(url))).toMatchObject({ code: 'aborted' })
    await until(() => open.size === 0, 'the end of the connection')
  })

  it.each(['', 'nowhere', 'ftp://127.0.0.1/', 'http://127.0.0.1:99999/?key=s3cret'])(
    'refuses the address %j without repeating it',
    async (url) => {
      const error = await failureOf(get(url))
      expect(error).toMatchObject({ code: 'config_invalid', retryable: false })
      expect(JSON.stringify(error) + String(error)).not.toContain('s3cret')
    },
  )
})

/** The value at which something has come to rest: unchanged over many turns of the event loop. */
async function settled(read: () => number): Promise<number> {
  let before = -1
  for (let still = 0; still < 2_000; still += 1) {
    if (read() !== before) still = 0
    before = read()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return before
}
