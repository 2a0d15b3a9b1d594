import OpenAI, { APIError } from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { chatAnswer, type OpenAIChatReply } from '../../../src/testing/fake-openai-chat.ts'
import { startFarEnd, type FarEnd } from '../../../src/testing/far-end.ts'

// What the stand-in puts on the wire is read by the vendor's own client, which knows the real thing.
let far: FarEnd<OpenAIChatReply>
let client: OpenAI
let ids = 0

beforeAll(async () => {
  const stamps = { created: () => 1_790_000_000, id: (prefix: string) => `${prefix}_${++ids}` }
  far = await startFarEnd<OpenAIChatReply>({
    mainPath: '/v1/chat/completions',
    speak: async (request, take) =>
      chatAnswer(request.body, (await take())?.reply ?? { text: 'Hello there.' }, stamps),
  })
  client = new OpenAI({ apiKey: 'none', baseURL: `${far.url}/v1`, maxRetries: 0 })
})
beforeEach(() => {
  far.reset()
  ids = 0
})
afterAll(() => far.close())

const ASK = { model: 'oak', messages: [{ role: 'user' as const, content: 'Why is it so?' }] }
const CALLS = [{ name: 'weather', arguments: { city: 'Oslo' } }, { name: 'clock' }]

describe('the stand-in for Chat Completions', () => {
  it('answers whole, with counts that can be worked out by hand', async () => {
    far.reply({ text: 'Because it is.', reasoning: 'Hm so' })
    const { choices, usage, model } = await client.chat.completions.create(ASK)
    expect(choices).toMatchObject([
      {
        message: { content: 'Because it is.', reasoning_content: 'Hm so', refusal: null },
        finish_reason: 'stop',
      },
    ])
    // One message with four words; three words, two of thought, and the end.
    expect([usage?.prompt_tokens, usage?.completion_tokens, usage?.total_tokens]).toEqual([5, 6, 11])
    expect([usage?.completion_tokens_details?.reasoning_tokens, model]).toEqual([2, 'oak'])
  })

  it('streams in words, the arguments of calls in halves, and counts only where it is asked to', async () => {
    far.reply({ text: 'Let me look.', toolCalls: CALLS }, { text: 'a' })
    const options = { ...ASK, stream: true as const, stream_options: { include_usage: true } }
    const contents: string[] = []
    const args: (string | undefined)[] = []
    let last: unknown
    for await (const chunk of await client.chat.completions.create(options)) {
      const delta = chunk.choices[0]?.delta
      if (delta?.content) contents.push(delta.content)
      for (const call of delta?.tool_calls ?? [])
        args.push(`${call.index} ${call.id ?? '-'} ${call.function?.arguments ?? ''}`)
      last = chunk
    }
    expect(contents).toEqual(['Let', ' me', ' look.'])
    expect(args).toEqual(['0 call_2 {"city":', '0 - "Oslo"}', '1 call_3 {', '1 - }'])
    expect(last).toMatchObject({ choices: [], usage: { prompt_tokens: 5, completion_tokens: 6 } })
    const silent = []
    for await (const chunk of await client.chat.completions.create({ ...ASK, stream: true }))
      silent.push(chunk.usage)
    expect(silent.every((usage) => usage === undefined)).toBe(true)
  })

  it('is gathered by the vendor to the same answer, streamed or whole', async () => {
    far.default({ pieces: ['Yes', '.'], toolCalls: CALLS, refusal: 'Not that.' })
    const whole = await client.chat.completions.create(ASK)
    const gathered = await client.chat.completions.stream(ASK).finalChatCompletion()
    expect(gathered.choices[0]?.message).toMatchObject({ content: 'Yes.', refusal: 'Not that.' })
    const said = whole.choices[0]?.message.tool_calls?.map(
      (call) => 'function' in call && call.function.arguments,
    )
    expect(
      gathered.choices[0]?.message.tool_calls?.map((call) => 'function' in call && call.function.arguments),
    ).toEqual(said)
  })

  it('keeps to the limit of the output', async () => {
    far.reply({ text: 'one two three four' })
    const { choices } = await client.chat.completions.create({ ...ASK, max_completion_tokens: 2 })
    expect(choices).toMatchObject([{ message: { content: 'one two' }, finish_reason: 'length' }])
  })

  it('fails with a status, and in the middle of a stream', async () => {
    far.reply({ status: 429, error: { message: 'slow down', type: 'requests', code: 'rate_limit_exceeded' } })
    const refused: unknown = await client.chat.completions.create(ASK).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(APIError)
    expect(refused).toMatchObject({ status: 429, code: 'rate_limit_exceeded' })
    far.reply({ text: 'So far', error: { message: 'gone', type: 'server_error' } })
    const seen: string[] = []
    const failing = (async () => {
      for await (const chunk of await client.chat.completions.create({ ...ASK, stream: true }))
        seen.push(chunk.choices[0]?.delta.content ?? '')
    })()
    await expect(failing).rejects.toThrow('gone')
    expect(seen.join('')).toBe('So far')
  })

  it.each([
    ['no messages', { messages: [] }, 'messages'],
    [
      'a result without its call',
      { messages: [{ role: 'tool', tool_call_id: 'a', content: 'x' }] },
      'messages[0].role',
    ],
    [
      'content of null without calls',
      { messages: [{ role: 'assistant', content: null }] },
      'messages[0].content',
    ],
    [
      'a call without its result',
      { messages: [{ role: 'assistant', content: null, tool_calls: [{ id: 'a' }] }, ...ASK.messages] },
      'messages[1].role',
    ],
    [
      'an id that is too long',
      { messages: [{ role: 'assistant', content: null, tool_calls: [{ id: 'a'.repeat(41) }] }] },
      'messages[0].tool_calls[0].id',
    ],
  ])('refuses %s, as the real one does', async (_, more, param) => {
    const response = await fetch(`${far.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ ...ASK, ...more }),
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { param, type: 'invalid_request_error' } })
  })

  it('sends exactly what it is told to', async () => {
    far.reply(
      { chunks: [{ a: 1 }] },
      { raw: ['data: x', '\n\n'] },
      { body: { b: 2 } },
      { body: 'text', status: 502 },
    )
    const answers = []
    for (let at = 0; at < 4; at++) {
      const response = await fetch(`${far.url}/v1/chat/completions`, {
        method: 'POST',
        body: JSON.stringify(ASK),
      })
      answers.push(`${response.status} ${await response.text()}`)
    }
    expect(answers).toEqual([
      '200 data: {"a":1}\n\ndata: [DONE]\n\n',
      '200 data: x\n\n',
      '200 {"b":2}',
      '502 text',
    ])
  })
})
