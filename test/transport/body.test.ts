import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemRuntime } from '../../src/runtime.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { ERROR_BODY_BYTES_MAX, readBody, readJson, readText, readTextUpTo } from '../../src/transport/body.ts'
import { createTransport } from '../../src/transport/index.ts'
import type { Exchange, Transport } from '../../src/transport/transport.ts'
import { failureOf, FarEnd, until } from './far-end.ts'

describe('reading a whole body', () => {
  let transport: Transport
  let farEnd: FarEnd
  let answer: { bytes: Buffer | string; cut?: boolean; open?: boolean }

  beforeEach(async () => {
    transport = createTransport({ ...systemRuntime, clock: new FakeClock() })
    farEnd = await FarEnd.http((request, response) => {
      response.write(answer.bytes, () => {
        if (answer.cut === true) request.socket.destroy()
        else if (answer.open !== true) response.end()
      })
    })
  })

  afterEach(async () => {
    await transport.close()
    await farEnd.close()
  })

  const send = (): Promise<Exchange> => transport.send({ method: 'GET', url: farEnd.url, headers: {} })

  it('gives bytes, text and JSON', async () => {
    answer = { bytes: '{"a":"Grüße 👋"}' }
    expect(Buffer.from(await readBody(await send())).toString()).toBe(answer.bytes)
    expect(await readText(await send())).toBe(answer.bytes)
    expect(await readJson(await send())).toEqual({ a: 'Grüße 👋' })
  })

  it('stops at the limit and closes the connection', async () => {
    answer = { bytes: 'x'.repeat(1_001), open: true }
    expect(await failureOf(readText(await send(), 1_000))).toMatchObject({
      code: 'limit_exceeded',
      details: { bytesMax: 1_000 },
    })
    const { open } = farEnd
    await until(() => open.size === 0)
    answer = { bytes: 'x'.repeat(1_000) }
    expect(await readText(await send(), 1_000)).toHaveLength(1_000)
  })

  it('says that it is no JSON, with a bounded excerpt without credentials', async () => {
    answer = { bytes: `<html>Bearer abcdefgh ${'x'.repeat(10_000)}` }
    const error = await failureOf(readJson(await send()))
    expect(error).toMatchObject({ code: 'response_invalid', status: 200 })
    expect(JSON.stringify(error)).toContain('<html>Bearer [masked] xxx')
    expect(JSON.stringify(error).length).toBeLessThan(1_000)
    expect(error).not.toHaveProperty('cause')
  })

  it('takes the beginning of the body of an error, however it goes on', async () => {
    answer = { bytes: 'y'.repeat(ERROR_BODY_BYTES_MAX + 5), open: true }
    expect(await readTextUpTo(await send())).toHaveLength(ERROR_BODY_BYTES_MAX)
    const { open } = farEnd
    await until(() => open.size === 0)
    answer = { bytes: '{"error":"x"}' }
    expect(await readTextUpTo(await send())).toBe('{"error":"x"}')
    answer = { bytes: '{"error":', cut: true }
    expect(await readTextUpTo(await send())).toBe('{"error":')
    answer = { bytes: 'x', open: true }
    const exchange = await send()
    const failed = failureOf(readTextUpTo(exchange))
    exchange.abort()
    expect(await failed).toMatchObject({ code: 'aborted' })
  })
})
