import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { fakeOllama, type FakeOllama } from '../../src/testing/fake-ollama.ts'

let server: FakeOllama

beforeAll(async () => {
  server = await fakeOllama({
    models: [
      'llama3.2',
      { name: 'deep', capabilities: ['completion', 'tools', 'thinking'] },
      { name: 'plain', capabilities: ['completion'] },
      { name: 'ada/embed:v2', capabilities: ['embedding'] },
    ],
  })
})
afterEach(() => server.reset())
afterAll(() => server.close())

const user = (content: string): { role: string; content: string } => ({ role: 'user', content })

/** Posts a body; gives the status and the records. */
async function post(body: unknown): Promise<[number, ...unknown[]]> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(`${server.url}/api/chat`, { method: 'POST', body: text })
  const lines = (await response.text()).split('\n').filter((line) => line !== '')
  return [response.status, ...lines.map((line): unknown => JSON.parse(line))]
}

const chat = (more: Readonly<Record<string, unknown>> = {}): Promise<[number, ...unknown[]]> =>
  post({ model: 'llama3.2', messages: [user('Why is the sky blue?')], ...more })

describe('refusals', () => {
  const plain = 'registry.ollama.ai/library/plain:latest'
  const tools = [{ type: 'function', function: { name: 'f' } }]
  const cases: readonly (readonly [string, unknown, number, string])[] = [
    ['no body', '', 400, 'missing request body'],
    ['half a body', '{"model": ', 400, 'unexpected EOF'],
    ['no JSON', 'model=x', 400, "invalid character 'm' looking for beginning of value"],
    ['no model', {}, 400, 'model is required'],
    ['unknown model', { model: 'No/Such' }, 404, "model 'No/Such' not found"],
    ['no completion', { model: 'ada/embed:v2' }, 400, '"ada/embed:v2" does not support chat'],
    ['tools', { model: 'plain', tools }, 400, `${plain} does not support tools`],
    ['thinking', { model: 'plain', think: 'low' }, 400, '"plain" does not support thinking'],
    [
      'a level that is none',
      { model: 'deep', think: 'lots' },
      400,
      'invalid think value: "lots" (must be "high", "medium", "low", "max", true, or false)',
    ],
    ['an option', { options: { num_ctx: '8192' } }, 500, 'option "num_ctx" must be of type integer'],
    ['a stop text', { options: { stop: 'x' } }, 500, 'option "stop" must be of type array'],
    ['stop numbers', { options: { stop: [1] } }, 500, 'option "stop" must be of an array of strings'],
    ['a flag', { options: { use_mmap: 1 } }, 500, 'option "use_mmap" must be of type boolean'],
    [
      'a format',
      { format: 'xml' },
      500,
      'invalid format: "xml"; expected "json" or a valid JSON Schema object',
    ],
    ['logprobs', { top_logprobs: 21 }, 400, 'top_logprobs must be between 0 and 20'],
    ['keep_alive', { keep_alive: '300' }, 400, 'time: missing unit in duration "300"'],
    ['keep_alive', { keep_alive: 'soon' }, 400, 'time: invalid duration "soon"'],
    [
      'content parts',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] },
      400,
      'json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string',
    ],
    [
      'arguments as text',
      {
        messages: [
          { role: 'assistant', content: '', tool_calls: [{ function: { name: 'f', arguments: '{}' } }] },
        ],
      },
      400,
      "Value looks like object, but can't find closing '}' symbol",
    ],
    [
      'a data URL',
      { messages: [{ role: 'user', content: 'x', images: ['data:image/png;base64,AA=='] }] },
      400,
      'illegal base64 data at input byte 4',
    ],
  ]

  test.each(cases)('%s: %j', async (_name, body, status, error) => {
    const asked =
      typeof body === 'string' || _name === 'no model'
        ? body
        : { model: 'llama3.2', messages: [user('x')], ...(body as object) }
    expect(await post(asked)).toEqual([status, { error }])
  })

  test('what the real server lets pass', async () => {
    const options = { num_ctx: null, mirostat: 'x', temperature: 1, num_predict: 5.9, toString: 'x' }
    expect(await chat({ options, format: '', think: null, keep_alive: '1h30m' })).toMatchObject([
      200,
      {},
      {},
      {},
      {},
      {},
      { eval_count: 5 },
    ])
  })

  test('what the model would say waits for a request that it answers', async () => {
    server.reply('for the right one')
    expect((await chat({ model: 'nosuch' }))[0]).toBe(404)
    expect((await chat({ messages: [] }))[1]).toMatchObject({ done_reason: 'load' })
    expect(server.queued).toBe(1)
    expect((await chat({ stream: false }))[1]).toMatchObject({ message: { content: 'for the right one' } })
  })

  test('an exact reply answers whatever comes', async () => {
    server.reply(
      { status: 503, error: 'busy' },
      { lines: [{ a: 1 }] },
      { status: 401, body: { error: 'unauthorized', signin_url: 'https://x' } },
    )
    expect(await chat({ model: 'nosuch' })).toEqual([503, { error: 'busy' }])
    expect(await post('')).toEqual([200, { a: 1 }])
    expect(await chat()).toEqual([401, { error: 'unauthorized', signin_url: 'https://x' }])
  })
})
