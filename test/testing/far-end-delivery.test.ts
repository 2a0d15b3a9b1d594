import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fakeOllama, type FakeOllama, type OllamaReply } from '../../src/testing/fake-ollama.ts'
import { rawBytes, rawRequest } from './raw-client.ts'

const ask = { model: 'llama3.2', messages: [{ role: 'user', content: 'Hi' }] }
const lines = [{ n: 1 }, { n: 'zwei ü' }, { n: 3 }]
const wire = '{"n":1}\n{"n":"zwei ü"}\n{"n":3}\n'

let server: FakeOllama

beforeEach(async () => {
  server = await fakeOllama()
})
afterEach(async () => {
  await server.close()
})

const post = (body: unknown = ask, init: RequestInit = {}): Promise<Response> =>
  fetch(`${server.url}/api/chat`, { method: 'POST', body: JSON.stringify(body), ...init })

const raw = (reply: OllamaReply): ReturnType<typeof rawRequest> => {
  server.reply(reply)
  return rawRequest(server.url, 'POST', '/api/chat', ask)
}

const texts = (pieces: readonly Buffer[]): string[] => pieces.map(String)

describe('pieces on the wire', () => {
  test('each record is a piece of its own', async () => {
    const answer = await raw({ lines })
    expect(texts(answer.pieces)).toEqual(['{"n":1}\n', '{"n":"zwei ü"}\n', '{"n":3}\n'])
    expect(answer.complete).toBe(true)
  })

  test('raw pieces go out as they are, one by one', async () => {
    const answer = await raw({
      raw: [new Uint8Array([0xff, 0x00]), 'ab', new Uint8Array([0xc3]), new Uint8Array([0xbc])],
    })
    expect(answer.pieces.map((piece) => [...piece])).toEqual([[0xff, 0x00], [0x61, 0x62], [0xc3], [0xbc]])
  })

  test('splitBytes cuts at every n bytes, across records and code points', async () => {
    const answer = await raw({ lines, splitBytes: 1 })
    expect(answer.pieces.every((piece) => piece.length === 1)).toBe(true)
    expect(answer.body).toBe(wire)
    const seven = await raw({ lines, splitBytes: 7 })
    expect(seven.pieces.map((piece) => piece.length)).toEqual([7, 7, 7, 7, 4])
    expect(seven.body).toBe(wire)
  })

  test('splitBytes cuts at given offsets', async () => {
    const answer = await raw({ lines, splitBytes: [20, 3, 3, 9_999] })
    expect(answer.pieces.map((piece) => piece.length)).toEqual([3, 17, 12])
    expect(answer.body).toBe(wire)
  })

  test('splitBytes cuts a whole body too, and its length is still counted', async () => {
    server.reply({ body: { n: 1 }, splitBytes: 3 })
    const answer = await rawRequest(server.url, 'POST', '/api/chat', ask)
    expect(answer.body).toBe('{"n":1}')
    expect(answer.headers).toContainEqual(['Content-Length', '7'])
    expect(answer.complete).toBe(true)
  })

  test('splitBytes counts from the start of the body, whatever is held back', async () => {
    const gate = server.gate()
    gate.open()
    const answer = await raw({ lines, splitBytes: 5, gate, holdAfter: 1 })
    expect(answer.pieces.map((piece) => piece.length)).toEqual([5, 3, 2, 5, 5, 4, 1, 5, 2])
    expect(answer.body).toBe(wire)
  })

  test('burst sends everything in one piece', async () => {
    expect(texts((await raw({ lines, burst: true })).pieces)).toEqual([wire])
  })

  test('crlf and noLastNewline change line ends only', async () => {
    expect((await raw({ lines, crlf: true })).body).toBe(wire.replaceAll('\n', '\r\n'))
    expect((await raw({ lines, noLastNewline: true })).body).toBe(wire.slice(0, -1))
    expect((await raw({ lines, crlf: true, noLastNewline: true, splitBytes: 4 })).body).toBe(
      wire.replaceAll('\n', '\r\n').slice(0, -2),
    )
  })

  test('headers are added, or replace the provider’s own', async () => {
    const { headers } = await raw({ lines, headers: { 'Retry-After': '3', 'content-type': 'text/html' } })
    expect(headers.filter(([name]) => !['Date', 'Connection', 'Transfer-Encoding'].includes(name))).toEqual([
      ['content-type', 'text/html'],
      ['Retry-After', '3'],
    ])
  })

  test('any status and body', async () => {
    const answer = await raw({ status: 502, body: '<html>bad</html>', contentType: 'text/html' })
    expect(answer.statusLine).toBe('HTTP/1.1 502 Bad Gateway')
    expect(answer.headers[0]).toEqual(['Content-Type', 'text/html'])
    expect(answer.body).toBe('<html>bad</html>')
    const empty = await raw({ status: 403 })
    expect([empty.statusLine, empty.body]).toEqual(['HTTP/1.1 403 Forbidden', ''])
    expect(empty.headers.some(([name]) => name === 'Content-Type')).toBe(false)
  })
})

describe('endings', () => {
  test('cutAfter breaks the connection before the terminator', async () => {
    const answer = await raw({ lines, cutAfter: 2 })
    expect(texts(answer.pieces)).toEqual(['{"n":1}\n', '{"n":"zwei ü"}\n'])
    expect(answer.complete).toBe(false)
    const last = await raw({ lines, cutAfter: 3 })
    expect([last.body, last.complete]).toEqual([wire, false])
    const none = await raw({ lines, cutAfter: 0 })
    expect([none.statusLine, none.body, none.complete]).toEqual(['HTTP/1.1 200 OK', '', false])
  })

  test('cutAfter leaves a counted body short', async () => {
    server.reply({ body: 'all of it', cutAfter: 0 })
    const answer = await rawRequest(server.url, 'POST', '/api/chat', ask)
    expect(answer.headers).toContainEqual(['Content-Length', '9'])
    expect([answer.body, answer.complete]).toEqual(['', false])
  })

  test('endAfter ends cleanly', async () => {
    const answer = await raw({ lines, endAfter: 1 })
    expect([answer.body, answer.complete]).toEqual(['{"n":1}\n', true])
    expect((await raw({ lines, endAfter: 0 })).complete).toBe(true)
  })

  test('stallAfter keeps the connection open and silent until the client leaves', async () => {
    server.reply({ lines, stallAfter: 1 })
    const controller = new AbortController()
    const response = await post(ask, { signal: controller.signal })
    const reader = response.body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('{"n":1}\n')
    expect(server.inFlight).toBe(1)
    const next = reader?.read()
    controller.abort()
    await expect(next).rejects.toThrow('aborted')
    await server.idle()
    expect(server.inFlight).toBe(0)
  })

  test('hangUp sends nothing at all; reset is a TCP reset', async () => {
    server.reply({ hangUp: true }, { hangUp: true, reset: true })
    const request = 'POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'
    expect(await rawBytes(server.url, request)).toEqual({ bytes: Buffer.alloc(0), error: undefined })
    expect(await rawBytes(server.url, request)).toEqual({ bytes: Buffer.alloc(0), error: 'ECONNRESET' })
  })

  test('unframed bytes go to the socket as they are', async () => {
    server.reply({ unframed: ['HTTP/1.1 200 ', new Uint8Array([0x4f, 0x4b]), '\r\nnonsense'] })
    const { bytes } = await rawBytes(
      server.url,
      'POST /api/chat HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
    )
    expect(bytes.toString()).toBe('HTTP/1.1 200 OK\r\nnonsense')
  })

  test('what is no HTTP gets 400', async () => {
    const { bytes } = await rawBytes(server.url, 'hello\r\n\r\n')
    expect(bytes.toString()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  })
})
