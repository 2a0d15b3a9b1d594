import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { fakeOllama, type FakeOllama, type OllamaReply } from '../../src/testing/fake-ollama.ts'
import { rawRequest } from './raw-client.ts'

const START = Date.UTC(2026, 2, 4, 5, 6, 7, 80)
const user = (content: string): { role: string; content: string } => ({ role: 'user', content })

let server: FakeOllama

beforeEach(async () => {
  server = await fakeOllama({
    clock: new FakeClock({ startMs: START }),
    models: [
      'llama3.2',
      { name: 'deep', capabilities: ['completion', 'tools', 'thinking'] },
      { name: 'plain', capabilities: ['completion'], runningContext: 16, route: 'native' },
      { name: 'ada/embed:v2', capabilities: ['embedding'], contextLength: 2048 },
      {
        name: 'big:120b-cloud',
        remoteModel: 'big:120b',
        remoteHost: 'https://ollama.com:443',
        family: 'gptoss',
      },
    ],
  })
})
afterEach(async () => {
  await server.close()
})

/** Posts to a path; gives the status and the body's records. */
async function post(body: unknown, path: string = '/api/chat'): Promise<[number, ...unknown[]]> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(server.url + path, { method: 'POST', body: text })
  const lines = (await response.text()).split('\n').filter((line) => line !== '')
  return [response.status, ...lines.map((line): unknown => JSON.parse(line))]
}

async function get(path: string): Promise<unknown> {
  return (await fetch(server.url + path)).json()
}

const chat = (more: Readonly<Record<string, unknown>> = {}): Promise<[number, ...unknown[]]> =>
  post({ model: 'llama3.2', messages: [user('Why is the sky blue?')], ...more })

const whole = async (
  reply: string | OllamaReply,
  more: Readonly<Record<string, unknown>> = {},
): Promise<unknown> => {
  server.reply(reply)
  return (await chat({ stream: false, ...more }))[1]
}

describe('routes', () => {
  test('liveness and version, also for HEAD', async () => {
    expect(await (await fetch(server.url)).text()).toBe('Ollama is running')
    expect(await get('/api/version')).toEqual({ version: '0.33.0' })
    const head = await rawRequest(server.url, 'HEAD', '/api/version')
    expect(head.headers).toContainEqual(['Content-Length', '20'])
    expect(head.body).toBe('')
  })

  test('unknown paths and wrong methods', async () => {
    const answer = await rawRequest(server.url, 'GET', '/api/nosuch')
    expect([answer.statusLine, answer.body]).toEqual(['HTTP/1.1 404 Not Found', '404 page not found'])
    expect(answer.headers[0]).toEqual(['Content-Type', 'text/plain'])
    for (const [method, path] of [
      ['GET', '/api/chat'],
      ['POST', '/api/tags'],
      ['DELETE', '/api/show'],
    ] as const) {
      const wrong = await rawRequest(server.url, method, path)
      expect([wrong.statusLine, wrong.body]).toEqual([
        'HTTP/1.1 405 Method Not Allowed',
        '405 method not allowed',
      ])
    }
    expect((await rawRequest(server.url, 'POST', '/toString')).statusLine).toBe('HTTP/1.1 404 Not Found')
  })

  test('tags list what there is, newest first', async () => {
    const tags = await get('/api/tags')
    expect(tags).toMatchObject({
      models: [
        { name: 'llama3.2:latest', model: 'llama3.2:latest', capabilities: ['completion', 'tools'] },
        { name: 'deep:latest' },
        { name: 'plain:latest', details: { format: 'gguf', context_length: 131_072 } },
        { name: 'ada/embed:v2', details: { context_length: 2_048 } },
        {
          name: 'big:120b-cloud',
          remote_model: 'big:120b',
          remote_host: 'https://ollama.com:443',
          size: 384,
        },
      ],
    })
  })

  test('show tells about one model', async () => {
    const [status, shown] = await post({ model: 'ADA/Embed:v2' }, '/api/show')
    expect(status).toBe(200)
    expect(shown).toMatchObject({
      details: { format: 'gguf', family: 'llama', families: ['llama'] },
      model_info: {
        'general.architecture': 'llama',
        'general.parameter_count': 3_212_749_888,
        'llama.context_length': 2_048,
      },
      capabilities: ['embedding'],
    })
    expect(shown).not.toHaveProperty('remote_host')
    expect((await post({ name: 'plain' }, '/api/show'))[1]).toMatchObject({
      parameters: 'num_ctx                        16',
    })
    expect((await post({ model: 'big:120b-cloud' }, '/api/show'))[1]).toMatchObject({
      details: { format: '', family: 'gptoss' },
      remote_model: 'big:120b',
      remote_host: 'https://ollama.com:443',
      model_info: { 'general.architecture': 'gptoss', 'gptoss.context_length': 131_072 },
    })
  })

  test('show refuses', async () => {
    expect(await post({ model: 'nosuch' }, '/api/show')).toEqual([
      404,
      { error: "model 'nosuch:latest' not found" },
    ])
    expect(await post({}, '/api/show')).toEqual([400, { error: 'model is required' }])
    expect(await post('', '/api/show')).toEqual([400, { error: 'missing request body' }])
  })

  test('models come and go', async () => {
    server.models.add({ name: 'late' })
    expect((await chat({ model: 'late' }))[0]).toBe(200)
    expect(server.models.remove('late:latest')).toBe(true)
    expect((await chat({ model: 'late' }))[0]).toBe(404)
  })
})

describe('memory', () => {
  test('load, ps, unload', async () => {
    expect(await get('/api/ps')).toEqual({ models: [] })
    const [status, loaded] = await chat({ model: 'deep', messages: [], options: { num_ctx: 8192 } })
    expect(status).toBe(200)
    expect(loaded).toEqual({
      model: 'deep',
      created_at: '2026-03-04T05:06:07.080000001Z',
      message: { role: 'assistant', content: '' },
      done: true,
      done_reason: 'load',
    })
    await chat({ keep_alive: -1 })
    expect(await get('/api/ps')).toMatchObject({
      models: [
        { name: 'llama3.2:latest', context_length: 4_096, expires_at: '2318-06-14T04:53:23.934Z' },
        { name: 'deep:latest', context_length: 8_192, expires_at: '2026-03-04T05:11:07.08Z' },
      ],
    })
    expect((await chat({ model: 'deep', messages: [], keep_alive: 0 }))[1]).toMatchObject({
      done_reason: 'unload',
    })
    expect(await get('/api/ps')).toMatchObject({ models: [{ name: 'llama3.2:latest' }] })
  })

  test('another context is another load', async () => {
    const load = async (more: Readonly<Record<string, unknown>>): Promise<unknown> => {
      const [, answer] = await chat({ stream: false, ...more })
      return answer
    }
    expect(await load({})).toMatchObject({ load_duration: 250_000_000 })
    expect(await load({})).toMatchObject({ load_duration: 1_000_000 })
    expect(await load({ options: { num_ctx: 512 } })).toMatchObject({ load_duration: 250_000_000 })
    expect(await load({ options: { num_ctx: 512 }, keep_alive: '0' })).toMatchObject({
      load_duration: 1_000_000,
    })
    expect(await load({ options: { num_ctx: 512 } })).toMatchObject({ load_duration: 250_000_000 })
  })

  test('a model leaves when its time is over', async () => {
    const clock = new FakeClock()
    await using timed = await fakeOllama({ clock, models: [{ name: 'm', loaded: true }] })
    const running = async (): Promise<unknown> => (await fetch(`${timed.url}/api/ps`)).json()
    expect(await running()).toMatchObject({ models: [{ name: 'm:latest' }] })
    await clock.advance(300_000)
    expect(await running()).toEqual({ models: [] })
  })
})

describe('the default answer', () => {
  test('repeats the last user message, always the same', async () => {
    const [status, ...records] = await chat({
      messages: [user('Hello'), { role: 'assistant', content: 'Hi' }, user('How are you')],
    })
    expect(status).toBe(200)
    expect(records.map((record) => (record as { message: { content: string } }).message.content)).toEqual([
      'You',
      ' said:',
      ' How',
      ' are',
      ' you',
      '',
    ])
    // Three messages and five words; five tokens and the end.
    expect(records.at(-1)).toMatchObject({ done: true, prompt_eval_count: 8, eval_count: 6 })
  })

  test('thinks where the model can and the request does not forbid it', async () => {
    const [, ...records] = await chat({ model: 'deep', messages: [user('x')] })
    expect(records[0]).toMatchObject({ message: { content: '', thinking: 'Let' }, done: false })
    expect(records.at(-1)).toMatchObject({ eval_count: 3 + 3 + 1 })
    const [, first] = await chat({ model: 'deep', think: false })
    expect(first).toMatchObject({ message: { role: 'assistant', content: 'You' } })
  })

  test('fits a schema', async () => {
    const format = {
      type: 'object',
      properties: {
        city: { type: 'string' },
        size: { type: 'integer', minimum: 3 },
        tags: { type: 'array', items: { enum: ['a', 'b'] } },
        maybe: { anyOf: [{ type: 'boolean' }, { type: 'null' }] },
      },
    }
    const [, answer] = await chat({ format, stream: false })
    expect(answer).toMatchObject({
      message: { content: '{"city":"text","size":3,"tags":["a"],"maybe":true}' },
    })
  })
})

describe('what the model says', () => {
  test('num_predict cuts, and the end token needs room too', async () => {
    const said = async (max: number): Promise<unknown> => {
      const answer = await whole('one two three', { options: { num_predict: max } })
      const { message, done_reason, eval_count } = answer as {
        message: { content: string }
        done_reason: string
        eval_count: number
      }
      return [message.content, done_reason, eval_count]
    }
    expect(await said(2)).toEqual(['one two', 'length', 2])
    expect(await said(3)).toEqual(['one two three', 'length', 3])
    expect(await said(4)).toEqual(['one two three', 'stop', 4])
    expect(await said(-1)).toEqual(['one two three', 'stop', 4])
  })

  test('thinking spends the same budget', async () => {
    const reply = { thinking: 'a b c d', text: 'e' }
    expect(await whole(reply, { options: { num_predict: 3 } })).toMatchObject({
      message: { content: '', thinking: 'a b c' },
      done_reason: 'length',
      eval_count: 3,
    })
  })

  test('stop ends before the text, even in the middle of a token', async () => {
    server.reply('before STOP after')
    const [, ...records] = await chat({ options: { stop: ['never', 'ST'] } })
    expect(records).toMatchObject([
      { message: { content: 'before' } },
      { message: { content: ' ' } },
      { message: { content: '' }, done: true, done_reason: 'stop', eval_count: 3 },
    ])
  })

  test('shift:false ends at the window, truncate:false refuses a prompt that is longer', async () => {
    // One message and three words leave 12 of 16.
    const asked = { model: 'plain', messages: [user('a b c')], shift: false, truncate: false }
    expect(await whole('w '.repeat(40), asked)).toMatchObject({ done_reason: 'length', eval_count: 12 })
    const long = { ...asked, messages: [user('w '.repeat(20))] }
    expect(await chat(long)).toEqual([
      400,
      {
        error:
          '{"error":{"code":400,"message":"request (21 tokens) exceeds the available context size (16 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":21,"n_ctx":16}}',
      },
    ])
    expect(await chat({ ...long, truncate: true, stream: false })).toMatchObject([
      200,
      { prompt_eval_count: 16 },
    ])
  })

  test('tool calls stand where the route puts them', async () => {
    const toolCalls = [
      { name: 'add', arguments: { a: 1 } },
      { name: 'now', id: 'own' },
    ]
    const first = { id: 'call_00000001', function: { index: 0, name: 'add', arguments: { a: 1 } } }
    const second = { id: 'own', function: { index: 1, name: 'now', arguments: {} } }
    server.reply({ text: 'Wait', toolCalls })
    expect((await chat()).slice(1)).toMatchObject([
      { message: { content: 'Wait' }, done: false },
      { message: { content: '', tool_calls: [first] }, done: false },
      { message: { content: '', tool_calls: [second] }, done: false },
      { message: { role: 'assistant', content: '' }, done: true, done_reason: 'stop', eval_count: 4 },
    ])
    server.reply({ toolCalls, route: 'native' })
    const [, only, ...more] = await chat()
    expect(more).toEqual([])
    expect(only).toMatchObject({
      message: { tool_calls: [{ id: '0'.repeat(31) + '2', function: { name: 'add' } }, second] },
      done: true,
    })
    expect(await whole({ toolCalls: [{ name: 'old', id: '' }] })).toMatchObject({
      message: { content: '', tool_calls: [{ function: { index: 0, name: 'old', arguments: {} } }] },
    })
  })

  test('counts, reason and more can be said; zero is left out', async () => {
    const reply = { text: 'a b c', doneReason: 'unheard', promptTokens: 0, outputTokens: 99, cachedTokens: 0 }
    const answer = await whole(
      { ...reply, last: { extra: true } },
      { options: { num_predict: 1, stop: ['b'] } },
    )
    expect(answer).toMatchObject({
      message: { content: 'a b c' },
      done_reason: 'unheard',
      eval_count: 99,
      prompt_eval_cached_count: 0,
      extra: true,
    })
    expect(answer).not.toHaveProperty('prompt_eval_count')
    expect(answer).not.toHaveProperty('prompt_eval_duration')
  })

  test('chunks are the tokens', async () => {
    server.reply({ chunks: ['ab', 'c ', '', 'd'] })
    const [, ...records] = await chat()
    expect(records).toHaveLength(5)
    expect(records.at(-1)).toMatchObject({ eval_count: 5 })
  })

  test('an answer without its last record', async () => {
    server.reply({ text: 'a b', done: false })
    expect(await chat()).toMatchObject([200, { done: false }, { done: false }])
    const answer = await whole({ text: 'a b', done: false })
    expect(answer).toMatchObject({ message: { content: 'a b' }, done: false })
    expect(answer).not.toHaveProperty('eval_count')
  })

  test('an error after content', async () => {
    server.reply({ text: 'a', error: 'llama-server chat error' })
    expect(await chat()).toMatchObject([
      200,
      { message: { content: 'a' } },
      { error: 'llama-server chat error' },
    ])
    server.reply({ text: 'a', error: 'llama-server chat error' })
    expect(await chat({ stream: false })).toEqual([500, { error: 'llama-server chat error' }])
  })

  test('a cloud stub names the host that answered, in every record', async () => {
    const [, ...records] = await chat({ model: 'big:120b-cloud' })
    for (const record of records) {
      expect(record).toMatchObject({ remote_model: 'big:120b', remote_host: 'https://ollama.com:443' })
    }
    expect(await whole({ text: 'x', remoteHost: 'https://else' })).toMatchObject({
      remote_host: 'https://else',
    })
  })
})
