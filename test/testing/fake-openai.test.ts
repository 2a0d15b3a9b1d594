import OpenAI from 'openai'
import { describe, expect, it } from 'vitest'
import { fakeOpenAI, toBase64, type FakeOpenAIOptions } from '../../src/testing/fake-openai.ts'

type Body = Readonly<Record<string, unknown>>

/** Asks the stand-in as any client would. */
async function ask(
  path: string,
  body: unknown,
  options: FakeOpenAIOptions = {},
): Promise<{ readonly status: number; readonly json: Body; readonly headers: Headers }> {
  await using server = await fakeOpenAI(options)
  const response = await fetch(server.baseUrl + path, {
    method: 'POST',
    headers: { authorization: 'Bearer sk', 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: response.status, json: (await response.json()) as Body, headers: response.headers }
}

const errorIn = ({ json }: { readonly json: Body }): Body => json['error'] as Body
const ASK = { model: 'gpt-6-luna', input: 'Hi there' }

describe('the stand-in for OpenAI', () => {
  it("is understood by OpenAI's own client, whole and streamed", async () => {
    await using server = await fakeOpenAI({ models: ['gpt-6-luna', 'text-embedding-3-small'] })
    const client = new OpenAI({ apiKey: 'sk', baseURL: server.baseUrl, maxRetries: 0 })
    const reply = {
      reasoning: 'Hm.',
      text: 'An oak tree.',
      toolCalls: [{ name: 'plant', arguments: { deep: true } }],
    }
    server.reply(reply, reply, { refusal: 'No.' })
    const whole = await client.responses.create(ASK)
    expect([whole.output_text, whole.output.map(({ type }) => type)]).toEqual([
      'An oak tree.',
      ['reasoning', 'message', 'function_call'],
    ])
    expect(whole.usage).toMatchObject({ input_tokens: 3, output_tokens: 6, total_tokens: 9 })
    let text = ''
    let given = ''
    const types = new Set<string>()
    for await (const event of await client.responses.create({ ...ASK, stream: true })) {
      types.add(event.type)
      if (event.type === 'response.output_text.delta') text += event.delta
      if (event.type === 'response.function_call_arguments.done') given = event.arguments
    }
    expect([text, given]).toEqual(['An oak tree.', '{"deep":true}'])
    expect([...types].at(-1)).toBe('response.completed')
    const refused = await client.responses.create(ASK)
    expect(refused.output[0]).toMatchObject({ content: [{ type: 'refusal', refusal: 'No.' }] })
  })

  it('is understood over Chat Completions, with vectors and models', async () => {
    await using server = await fakeOpenAI({
      models: ['gpt-6-luna', 'text-embedding-3-small'],
      dialect: 'chat',
    })
    const client = new OpenAI({ apiKey: 'sk', baseURL: server.baseUrl, maxRetries: 0 })
    server.reply('An oak tree.')
    const messages = [{ role: 'user' as const, content: 'Hi' }]
    const chat = await client.chat.completions.create({ model: 'gpt-6-luna', messages })
    expect(chat.choices[0]?.message.content).toBe('An oak tree.')
    const model = 'text-embedding-3-small'
    const packed = await client.embeddings.create({ model, input: ['a b', 'c'] })
    const plain = await client.embeddings.create({ model, input: ['a b', 'c'], encoding_format: 'float' })
    expect(packed.data.map(({ embedding }) => embedding)).toEqual(
      plain.data.map(({ embedding }) => embedding),
    )
    expect(packed.usage).toEqual({ prompt_tokens: 5, total_tokens: 5 })
    expect((await client.models.list()).data.map(({ id }) => id)).toEqual(['gpt-6-luna', model])
    expect((await client.models.retrieve('gpt-6-luna')).owned_by).toBe('openai')
    await expect(client.models.retrieve('gone')).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    })
  })

  it('repeats what it was asked where nothing is scripted, up to the limit of the request', async () => {
    const { json } = await ask('/responses', { ...ASK, max_output_tokens: 16, input: 'x '.repeat(40) })
    expect([json['status'], json['incomplete_details']]).toEqual([
      'incomplete',
      { reason: 'max_output_tokens' },
    ])
    expect(json['usage']).toMatchObject({ output_tokens: 17 })
    const brief = await ask('/responses', ASK)
    expect(JSON.stringify(brief.json['output'])).toContain('You said: Hi there')
    expect(brief.headers.get('x-request-id')).toMatch(/^req_/)
  })

  it.each<readonly [what: string, body: object, message: RegExp]>([
    ['a limit below the least', { max_output_tokens: 5 }, /integer below minimum value/],
    ['what Responses has not', { stop: 'x' }, /Unknown parameter: 'stop'/],
    ['no input', { input: [] }, /must be provided/],
    [
      'a strict tool that is not',
      { tools: [{ type: 'function', name: 'f', strict: true, parameters: {} }] },
      /additionalProperties/,
    ],
    ['a tool without a name', { tools: [{ type: 'function' }] }, /Missing required parameter/],
    [
      'a foreign id',
      { input: [{ type: 'function_call', id: 'toolu_1', call_id: 'c', name: 'f' }] },
      /begins with 'fc'/,
    ],
    [
      'a call without its result',
      { input: [{ type: 'function_call', call_id: 'c', name: 'f' }] },
      /No tool output found/,
    ],
    [
      'a result without its call',
      { input: [{ type: 'function_call_output', call_id: 'c' }] },
      /No tool call found/,
    ],
    [
      'a thought that leads nowhere',
      {
        input: [
          { type: 'reasoning', id: 'rs_1' },
          { role: 'user', content: 'x' },
        ],
      },
      /required following item/,
    ],
  ])('refuses %s', async (_, more, message) => {
    const answer = await ask('/responses', { ...ASK, ...more })
    expect([answer.status, errorIn(answer)['type']]).toEqual([400, 'invalid_request_error'])
    expect(errorIn(answer)['message']).toMatch(message)
  })

  it('refuses a key, a model, a path and a body that are wrong', async () => {
    const key = await ask('/responses', ASK, { keys: ['other'] })
    expect([key.status, errorIn(key)['code']]).toEqual([401, 'invalid_api_key'])
    const model = await ask('/responses', { ...ASK, model: 'gone' })
    expect([model.status, errorIn(model)['code']]).toEqual([404, 'model_not_found'])
    expect((await ask('/assistants', ASK)).status).toBe(404)
    expect((await ask('/responses', '[')).status).toBe(400)
    const many = await ask('/embeddings', { model: 'text-embedding-3-small', input: Array(2_049).fill('a') })
    expect(errorIn(many)['code']).toBe('array_above_max_length')
    expect((await ask('/embeddings', { model: 'text-embedding-3-small', input: [''] })).status).toBe(400)
  })

  it('keeps a reply for a request that it answers', async () => {
    await using server = await fakeOpenAI({ keys: ['sk'] })
    server.reply('kept')
    const send = (key: string): Promise<Response> =>
      fetch(`${server.baseUrl}/responses`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify(ASK),
      })
    expect((await send('wrong')).status).toBe(401)
    expect(await (await send('sk')).text()).toContain('kept')
  })

  it('packs vectors as little-endian floats', () => {
    expect(toBase64([1, -2])).toBe('AACAPwAAAMA=')
  })
})
