import { describe, expect, it } from 'vitest'
import type { CallOptions, Input } from '../../../src/index.ts'
import { openWorld, errorOf, type World, type WorldOptions } from './world.ts'

/** The bodies that reached the server for one call. */
async function bodyOf(input: Input, options: CallOptions = {}): Promise<Record<string, unknown>> {
  await using world = await openWorld()
  await world.ai.sendMessage(input, options)
  const [chat, ...more] = world.chats()
  expect(more).toEqual([])
  return chat?.body as Record<string, unknown>
}

const settings = (ollama: Readonly<Record<string, unknown>>): CallOptions => ({ providerOptions: { ollama } })

const MINIMAL = {
  model: 'llama3.2',
  messages: [{ role: 'user', content: 'Hi' }],
  stream: false,
  truncate: false,
  shift: false,
}

describe('the body of a request', () => {
  it('holds what was asked and nothing else', async () => {
    expect(await bodyOf('Hi')).toEqual(MINIMAL)
  })

  it('asks for a stream where the caller streams, and for the same otherwise', async () => {
    await using world = await openWorld()
    await world.ai.streamMessage('Hi').response
    expect(world.chats()[0]?.body).toEqual({ ...MINIMAL, stream: true })
  })

  it.each<[CallOptions, Record<string, unknown>]>([
    [{ maxOutputTokens: 7 }, { num_predict: 7 }],
    [{ temperature: 0 }, { temperature: 0 }],
    [{ temperature: 1.5 }, { temperature: 1.5 }],
    [{ topP: 0.9 }, { top_p: 0.9 }],
    [{ topK: 40 }, { top_k: 40 }],
    [{ seed: 0 }, { seed: 0 }],
    [{ seed: -1 }, { seed: -1 }],
    [{ stop: 'END' }, { stop: ['END'] }],
    [{ stop: ['a', 'b'] }, { stop: ['a', 'b'] }],
    [settings({ numKeep: 24 }), { num_keep: 24 }],
    [settings({ minP: 0.05 }), { min_p: 0.05 }],
    [settings({ typicalP: 0.7 }), { typical_p: 0.7 }],
    [settings({ repeatLastN: 0 }), { repeat_last_n: 0 }],
    [settings({ repeatPenalty: 1.1 }), { repeat_penalty: 1.1 }],
    [settings({ presencePenalty: 0.5 }), { presence_penalty: 0.5 }],
    [settings({ frequencyPenalty: -0.5 }), { frequency_penalty: -0.5 }],
    [settings({ numCtx: 8192 }), { num_ctx: 8192 }],
    [settings({ numBatch: 512 }), { num_batch: 512 }],
    [settings({ numGpu: 0 }), { num_gpu: 0 }],
    [settings({ mainGpu: 1 }), { main_gpu: 1 }],
    [settings({ useMmap: false }), { use_mmap: false }],
    [settings({ numThread: 4 }), { num_thread: 4 }],
    [settings({ draftNumPredict: 4 }), { draft_num_predict: 4 }],
    [
      { temperature: 0.2, seed: 7, stop: 'x', ...settings({ numCtx: 2048, minP: 0.1 }) },
      { temperature: 0.2, seed: 7, stop: ['x'], num_ctx: 2048, min_p: 0.1 },
    ],
  ])('puts %j inside options', async (given, options) => {
    expect(await bodyOf('Hi', given)).toEqual({ ...MINIMAL, options })
  })

  it.each<[unknown, unknown]>([
    ['-1', -1],
    ['300', 300],
    ['1.5', 1.5],
    ['0', 0],
    ['5m', '5m'],
    ['1h30m', '1h30m'],
    ['300ms', '300ms'],
    ['-5m', '-5m'],
    [0, 0],
    [-1, -1],
    [300, 300],
    [Number.POSITIVE_INFINITY, -1],
  ])('sends keepAlive %j as %j', async (given, sent) => {
    expect(await bodyOf('Hi', settings({ keepAlive: given }))).toEqual({ ...MINIMAL, keep_alive: sent })
  })

  it.each([undefined, null])('leaves settings out that are %s', async (nothing) => {
    const given = settings({ numCtx: nothing, numBatch: nothing, keepAlive: nothing, minP: nothing })
    expect(await bodyOf('Hi', given)).toEqual(MINIMAL)
  })

  it('switches thinking off where that is asked, for any model', async () => {
    expect(await bodyOf('Hi', { reasoning: 'off' })).toEqual({ ...MINIMAL, think: false })
  })

  it('never differs in what makes a model load anew, whatever else a call asks', async () => {
    await using world = await openWorld()
    await world.ai.sendMessage('Hi', { temperature: 1, maxOutputTokens: 3 })
    await world.ai.streamMessage('Give it a title', { stop: 'x', topK: 1 }).response
    for (const { body } of world.chats()) expect(body).toMatchObject({ truncate: false, shift: false })
  })
})

describe('messages', () => {
  it('puts the system text first and keeps the history in order', async () => {
    const history: Input = [
      { role: 'system', content: 'Speak plainly' },
      { role: 'user', content: 'I am Ada — 你好 👩‍👩‍👧' },
      { role: 'assistant', content: 'Hello Ada' },
      { role: 'user', content: 'Who am I?' },
    ]
    expect(await bodyOf(history, { system: 'Be brief' })).toEqual({
      ...MINIMAL,
      messages: [{ role: 'system', content: 'Be brief' }, ...history],
    })
  })

  it('makes one message of the parts of one turn', async () => {
    const text = (part: string): { type: 'text'; text: string } => ({ type: 'text', text: part })
    const history: Input = [
      { role: 'user', content: [text('One '), text('turn')] },
      { role: 'assistant', content: [{ type: 'reasoning', text: 'Hm. ' }, text('Yes'), text('.')] },
      { role: 'user', content: 'Go on' },
    ]
    expect((await bodyOf(history))['messages']).toEqual([
      { role: 'user', content: 'One turn' },
      { role: 'assistant', content: 'Yes.', thinking: 'Hm. ' },
      { role: 'user', content: 'Go on' },
    ])
  })

  it('takes the parts of an answer back as they are, and changes nothing that it was given', async () => {
    await using world = await openWorld()
    world.server.reply({ thinking: 'Well', text: 'Yes.' })
    const answer = await world.ai.sendMessage('Sure?')
    const history = Object.freeze([
      Object.freeze({ role: 'user', content: 'Sure?' } as const),
      Object.freeze({ role: 'assistant', content: answer.parts } as const),
      Object.freeze({ role: 'user', content: 'Really?' } as const),
    ])
    await world.ai.sendMessage(history)
    expect(world.chats()[1]?.body).toMatchObject({
      messages: [
        { role: 'user', content: 'Sure?' },
        { role: 'assistant', content: 'Yes.', thinking: 'Well' },
        { role: 'user', content: 'Really?' },
      ],
    })
  })

  it('reaches the server in UTF-8, with its length', async () => {
    await using world = await openWorld()
    await world.ai.sendMessage('naïve 日本語 😀\u2028')
    const [chat] = world.chats()
    const bodyText = chat?.bodyText ?? ''
    expect(JSON.parse(bodyText)).toMatchObject({ messages: [{ content: 'naïve 日本語 😀\u2028' }] })
    expect(chat?.headers['content-length']).toBe(String(Buffer.byteLength(bodyText)))
  })
})

describe('settings that cannot be', () => {
  it.each<[Record<string, unknown>, RegExp]>([
    [{ numCtx: 0 }, /numCtx is 1 or more/],
    [{ numCtx: -5 }, /numCtx is 1 or more/],
    [{ numCtx: '8192' }, /numCtx is a whole number/],
    [{ numCtx: 1.5 }, /numCtx is a whole number/],
    [{ numCtx: Number.NaN }, /numCtx is a whole number/],
    [{ minP: '0.1' }, /minP is a number/],
    [{ minP: Number.POSITIVE_INFINITY }, /minP is a number/],
    [{ useMmap: 1 }, /useMmap is a boolean/],
    [{ keepAlive: '5 minutes' }, /keepAlive is seconds or a duration/],
    [{ keepAlive: '' }, /keepAlive is seconds or a duration/],
    [{ keepAlive: true }, /keepAlive is seconds or a duration/],
    [{ keepAlive: Number.NaN }, /keepAlive is seconds or a duration/],
    [{ numCtxx: 1 }, /no setting providerOptions\.ollama\.numCtxx; did you mean numCtx\?/],
    [{ num_ctx: 1 }, /no setting providerOptions\.ollama\.num_ctx; did you mean numCtx\?/],
    [{ keep_alive: 1 }, /did you mean keepAlive\?/],
    [{ temperature: 1 }, /temperature is a call option: write temperature beside providerOptions/],
    [{ num_predict: 1 }, /num_predict is a call option: write maxOutputTokens beside/],
    [{ constructor: 1 }, /no setting providerOptions\.ollama\.constructor/],
    [{ entirelyUnheardOf: 1 }, /no setting providerOptions\.ollama\.entirelyUnheardOf$/],
  ])('refuses %j before any chat request', async (given, message) => {
    await using world = await openWorld()
    const error = await errorOf(world.ai.sendMessage('Hi', settings(given)))
    expect(error.code).toBe('request_invalid')
    expect(error.message).toMatch(message)
    expect(world.chats()).toEqual([])
  })

  it('leaves out what Ollama once knew, and says so once, in both modes', async () => {
    await using world = await openWorld()
    const given = { ...settings({ mirostat: 2, f16Kv: true, numCtx: 64 }), serviceTier: 'flex' }
    const whole = await world.ai.sendMessage('Hi', given)
    const streamed = await world.ai.streamMessage('Hi', given).response
    for (const { warnings } of [whole, streamed]) {
      expect(warnings.map(({ code, details }) => [code, details['option']])).toEqual([
        ['option-ignored', 'mirostat'],
        ['option-ignored', 'f16Kv'],
        ['option-ignored', 'serviceTier'],
      ])
    }
    expect(world.chats()[0]?.body).toEqual({ ...MINIMAL, options: { num_ctx: 64 } })
  })
})

describe('headers', () => {
  const headersOf = async (options: WorldOptions = {}): Promise<Readonly<Record<string, string>>> => {
    await using world: World = await openWorld(options)
    await world.ai.sendMessage('Hi')
    // What is asked besides carries the same.
    for (const { headers } of world.server.requests)
      expect(headers['authorization']).toBe(world.chats()[0]?.headers['authorization'])
    return world.chats()[0]?.headers ?? {}
  }

  it('are few, and hold no authorization', async () => {
    const headers = await headersOf()
    expect(Object.keys(headers).toSorted()).toEqual(['connection', 'content-length', 'content-type', 'host'])
    expect(headers['content-type']).toBe('application/json')
  })

  it('hold no key of the environment where the server is not ollama.com', async () => {
    expect(await headersOf({ env: { OLLAMA_API_KEY: 'sk-cloud-key' } })).not.toHaveProperty('authorization')
  })

  it('hold the key of the configuration, also over plain http to this machine', async () => {
    expect(await headersOf({ ollama: { apiKey: 'sk-own' } })).toHaveProperty('authorization', 'Bearer sk-own')
  })

  it('hold those of the configuration, under one spelling', async () => {
    const headers = { 'X-Team': 'blue', Authorization: 'Custom abc', 'Content-Type': 'application/json; x=1' }
    expect(await headersOf({ ollama: { headers } })).toMatchObject({
      'x-team': 'blue',
      authorization: 'Custom abc',
      'content-type': 'application/json; x=1',
    })
    expect(await headersOf({ ollama: { headers, apiKey: 'sk-own' } })).toHaveProperty(
      'authorization',
      'Bearer sk-own',
    )
  })

  it('hold the user and the password of the address, which the path and errors do not show', async () => {
    await using world = await openWorld()
    const { host } = new URL(world.server.url)
    const { createAI } = await import('../../../src/index.ts')
    await using ai = createAI({ providers: { ollama: { baseUrl: `http://ada:p%40ss-word@${host}` } } })
    world.server.reply({ status: 500, error: 'failed for ada:p%40ss-word' })
    const error = await errorOf(ai.sendMessage('Hi', { retries: 0 }))
    const basic = Buffer.from('ada:p@ss-word').toString('base64')
    expect(world.chats()[0]?.headers['authorization']).toBe(`Basic ${basic}`)
    expect(JSON.stringify([error.message, error])).not.toMatch(/p%40ss|p@ss/)
  })
})
