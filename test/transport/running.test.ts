import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { readText } from '../../src/transport/body.ts'
import type { Exchange, Transport } from '../../src/transport/transport.ts'
import { failureOf, FarEnd, until } from './far-end.ts'
import { IMPLEMENTATIONS } from './implementations.ts'

describe.each(IMPLEMENTATIONS)('what is under way over $name', ({ make }) => {
  let transport: Transport
  let farEnd: FarEnd
  let asked: Map<string, () => void>

  beforeEach(async () => {
    asked = new Map()
    transport = make(new FakeClock())
    farEnd = await FarEnd.http((request, response) => {
      request.resume()
      const { url = '' } = request
      asked.set(url, () => {
        if (!url.startsWith('/cut')) return void response.end('done')
        response.writeHead(200, { 'content-length': '1000' })
        response.write('half', () => request.socket.destroy())
      })
    })
  })

  afterEach(async () => {
    await transport.close()
    await farEnd.close()
  })

  const send = (path: string): Promise<Exchange> =>
    transport.send({ method: 'POST', url: `${farEnd.url}${path}`, headers: {}, body: '{}' })

  it('is aborted by closing, whichever calls ended before and in whatever order', async () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const calls = names.map(send)
    await until(() => asked.size === names.length)
    for (const [index, name] of [
      [4, 'e'],
      [0, 'a'],
      [2, 'c'],
    ] as const) {
      asked.get(`/${name}`)?.()
      const exchange = await calls[index]
      expect(exchange && (await readText(exchange))).toBe('done')
    }
    const late = send('f')
    await until(() => asked.has('/f'))
    const failures = [calls[1], calls[3], late].map((call) => call && failureOf(call))
    await transport.close()
    for (const failure of failures) expect(await failure).toMatchObject({ code: 'aborted' })
  })

  it('hands a body over whole that came before anybody asked for it', async () => {
    const call = send('a')
    await until(() => asked.size === 1)
    asked.get('/a')?.()
    const exchange = await call
    // A turn of the event loop: all of the body is here by then.
    await new Promise((resolve) => setImmediate(resolve))
    expect(await readText(exchange)).toBe('done')
    await expect(readText(exchange)).rejects.toMatchObject({ code: 'request_invalid' })
  })
  it('is told of what became of each answer, where several begin at once', async () => {
    const names = Array.from({ length: 24 }, (_, index) => (index % 2 === 0 ? `all${index}` : `cut${index}`))
    const calls = names.map(send)
    await until(() => asked.size === names.length)
    for (const answer of asked.values()) answer()
    const read = async (call: Promise<Exchange>): Promise<string> => readText(await call)
    const results = await Promise.allSettled(calls.map(read))
    expect(results).toMatchObject(
      names.map((name) =>
        name.startsWith('all') ? { value: 'done' } : { reason: { code: 'stream_interrupted' } },
      ),
    )
  })
})
