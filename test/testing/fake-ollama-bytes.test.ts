import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { fakeOllama, type FakeOllama } from '../../src/testing/fake-ollama.ts'
import { rawRequest } from './raw-client.ts'

const user = (content: string): { role: string; content: string } => ({ role: 'user', content })

let server: FakeOllama

beforeEach(async () => {
  server = await fakeOllama({ clock: new FakeClock({ startMs: Date.UTC(2026, 2, 4, 5, 6, 7, 80) }) })
})
afterEach(async () => {
  await server.close()
})

describe('bytes', () => {
  test('a streamed answer, to the last byte', async () => {
    server.reply('Hi <you> & me')
    const answer = await rawRequest(server.url, 'POST', '/api/chat', {
      model: 'llama3.2',
      messages: [user('Hi')],
    })
    expect(answer.statusLine).toBe('HTTP/1.1 200 OK')
    expect(answer.headers).toEqual([
      ['Content-Type', 'application/x-ndjson'],
      ['Date', 'Wed, 04 Mar 2026 05:06:07 GMT'],
      ['Connection', 'close'],
      ['Transfer-Encoding', 'chunked'],
    ])
    const delta = (n: number, text: string): string =>
      `{"model":"llama3.2","created_at":"2026-03-04T05:06:07.08000000${n}Z","message":{"role":"assistant","content":"${text}"},"done":false}\n`
    expect(answer.pieces.map(String)).toEqual([
      delta(1, 'Hi'),
      delta(2, ' \\u003cyou\\u003e'),
      delta(3, ' \\u0026'),
      delta(4, ' me'),
      '{"model":"llama3.2","created_at":"2026-03-04T05:06:07.080000005Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":255200000,"load_duration":250000000,"prompt_eval_count":2,"prompt_eval_duration":200000,"eval_count":5,"eval_duration":5000000}\n',
    ])
  })

  test('a whole answer, to the last byte', async () => {
    server.reply({ text: 'ok', thinking: 'so be it' })
    const body = { model: 'LLAMA3.2:latest', messages: [user('Hi')], stream: false }
    const answer = await rawRequest(server.url, 'POST', '/api/chat', body)
    expect(answer.body).toBe(
      '{"model":"LLAMA3.2:latest","created_at":"2026-03-04T05:06:07.080000001Z","message":{"role":"assistant","content":"ok","thinking":"so be it"},"done":true,"done_reason":"stop","total_duration":255200000,"load_duration":250000000,"prompt_eval_count":2,"prompt_eval_duration":200000,"eval_count":5,"eval_duration":5000000}',
    )
    expect(answer.headers).toEqual([
      ['Content-Type', 'application/json; charset=utf-8'],
      ['Date', 'Wed, 04 Mar 2026 05:06:07 GMT'],
      ['Content-Length', String(answer.body.length)],
      ['Connection', 'close'],
    ])
  })

  test('a body of more than 2048 bytes is chunked', async () => {
    const framing = async (): Promise<unknown> =>
      (await rawRequest(server.url, 'GET', '/api/tags')).headers.at(-1)?.[0]
    server.on('/api/tags', { body: { filler: 'x'.repeat(2_048 - 13) } })
    expect(await framing()).toBe('Connection')
    server.on('/api/tags', { body: { filler: 'x'.repeat(2_048 - 12) } })
    expect(await framing()).toBe('Transfer-Encoding')
  })
})
