import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  tool,
  type CallOptions,
  type Message,
  type Middleware,
  type StreamEvent,
  type Tool,
} from '../../../src/index.ts'
import type { OllamaReply } from '../../../src/testing/fake-ollama.ts'
import { errorOf, openWorld, type World } from './world.ts'

const weather = tool({
  name: 'get_weather',
  description: 'The weather in a city',
  input: z.object({ city: z.string() }),
  run: ({ city }) => ({ city, celsius: 21 }),
})

const WEATHER_ON_THE_WIRE = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'The weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}

const HEAD = { model: 'llama3.2', stream: false, truncate: false, shift: false }
const asksFor = (city: unknown, id?: string): OllamaReply => ({
  toolCalls: [{ name: 'get_weather', arguments: { city }, ...(id === undefined ? {} : { id }) }],
})

/** One record as a server writes it. */
const record = (
  message: Readonly<Record<string, unknown>>,
  end: Readonly<Record<string, unknown>> = { done: false },
): object => ({
  model: 'llama3.2',
  message: { role: 'assistant', content: '', ...message },
  ...end,
})
const DONE = { done: true, done_reason: 'stop', prompt_eval_count: 9, eval_count: 3 }
const wireCall = (args: unknown, more: Readonly<Record<string, unknown>> = {}): object => ({
  function: { index: 0, name: 'get_weather', arguments: args },
  ...more,
})

const bodies = (world: World): Record<string, unknown>[] =>
  world.chats().map(({ body }) => body as Record<string, unknown>)
const messagesOf = (world: World, index: number): unknown[] => bodies(world)[index]?.['messages'] as unknown[]

describe('a round trip', () => {
  it('conformance 9: keeps the server’s id in the event, in the history and with the result', async () => {
    await using world = await openWorld()
    world.server.reply(asksFor('Paris', 'call_ab12cd34'), 'Warm.')
    const events: StreamEvent[] = []
    const stream = world.ai.streamMessage('Is it warm?', { tools: [weather] })
    for await (const event of stream) events.push(event)
    expect(events.find((event) => event.type === 'tool-call')).toMatchObject({
      call: { id: 'call_ab12cd34' },
    })
    expect(bodies(world)).toEqual([
      {
        ...HEAD,
        stream: true,
        messages: [{ role: 'user', content: 'Is it warm?' }],
        tools: [WEATHER_ON_THE_WIRE],
      },
      {
        ...HEAD,
        stream: true,
        messages: [
          { role: 'user', content: 'Is it warm?' },
          {
            role: 'assistant',
            content: '',
            tool_calls: [
              { id: 'call_ab12cd34', function: { name: 'get_weather', arguments: { city: 'Paris' } } },
            ],
          },
          {
            role: 'tool',
            content: '{"city":"Paris","celsius":21}',
            tool_name: 'get_weather',
            tool_call_id: 'call_ab12cd34',
          },
        ],
        tools: [WEATHER_ON_THE_WIRE],
      },
    ])
  })

  it('sends each of several results as a message of its own, in the order of the calls', async () => {
    await using world = await openWorld()
    const toolCalls = ['Paris', 'Rome'].map((city) => ({ name: 'get_weather', arguments: { city } }))
    world.server.reply({ toolCalls, route: 'native' }, 'Warm.')
    await world.ai.sendMessage('Is it warm?', { tools: [weather] })
    const [, assistant, ...results] = messagesOf(world, 1) as { tool_calls: { id: string }[] }[]
    expect(results).toMatchObject([
      { role: 'tool', content: '{"city":"Paris","celsius":21}', tool_call_id: assistant?.tool_calls[0]?.id },
      { role: 'tool', content: '{"city":"Rome","celsius":21}', tool_call_id: assistant?.tool_calls[1]?.id },
    ])
  })

  it('sends a text that middleware made of the results, and refuses parts that are none', async () => {
    await using world = await openWorld()
    const result = { type: 'tool-result', id: 'c', name: 'get_weather', content: 'warm' } as const
    const putting =
      (...messages: readonly Message[]): Middleware =>
      (call, next) =>
        next({ ...call, request: { ...call.request, messages } })
    const made: Message = { role: 'tool', content: 'It is.' }
    const question: Message = { role: 'user', content: 'Is it warm?' }
    const mixed: Message = { role: 'tool', content: [{ type: 'text', text: 'a note' }, result] }
    const error = await errorOf(world.ai.sendMessage('Hi', { middleware: [putting(question, mixed)] }))
    expect([error.code, world.chats()]).toEqual(['request_invalid', []])
    await world.ai.sendMessage('Hi', {
      middleware: [putting(question, made, { role: 'tool', content: [result] })],
    })
    expect(messagesOf(world, 0).slice(1)).toEqual([
      { role: 'tool', content: 'It is.' },
      { role: 'tool', content: 'warm', tool_name: 'get_weather', tool_call_id: 'c' },
    ])
  })

  it('replays what the model thought beside the call, and not inside of it', async () => {
    await using world = await openWorld()
    world.server.reply({ thinking: 'I need the weather.', text: 'Let me see.', ...asksFor('Paris') }, 'Warm.')
    await world.ai.sendMessage('Is it warm?', { tools: [weather] })
    expect(messagesOf(world, 1)[1]).toMatchObject({
      role: 'assistant',
      content: 'Let me see.',
      thinking: 'I need the weather.',
      tool_calls: [{ function: { name: 'get_weather' } }],
    })
  })

  it.each<[unknown, string]>([
    ['21 degrees', '21 degrees'],
    [{ celsius: 21 }, '{"celsius":21}'],
    [[1, 2], '[1,2]'],
    [21, '21'],
    [false, 'false'],
    [null, 'null'],
    [undefined, 'ok'],
    ['', 'ok'],
    [() => 1, 'ok'],
  ])('sends a result of %j as the text %j, which is never empty', async (result, content) => {
    await using world = await openWorld()
    world.server.reply(asksFor('Paris'), 'Fine.')
    await world.ai.sendMessage('Is it warm?', { tools: [{ ...weather, run: () => result }] })
    expect(messagesOf(world, 1).at(-1)).toMatchObject({ content })
  })

  it('sends an error without words as one', async () => {
    await using world = await openWorld()
    const call = { id: 'c', name: 'get_weather' }
    await world.ai.sendMessage([
      { role: 'assistant', content: [{ type: 'tool-call', ...call, arguments: {} }] },
      { role: 'tool', content: [{ type: 'tool-result', ...call, content: '', isError: true }] },
    ])
    expect(messagesOf(world, 0).at(-1)).toMatchObject({ role: 'tool', content: 'error' })
  })

  it('tells the model of a result that cannot be written as JSON', async () => {
    await using world = await openWorld()
    world.server.reply(asksFor('Paris'), 'Oh.')
    await world.ai.sendMessage('Is it warm?', { tools: [{ ...weather, run: () => 21n }] })
    expect(messagesOf(world, 1).at(-1)).toMatchObject({
      content: 'Error: What get_weather gave back cannot be written as JSON',
    })
  })

  it('sends the calls of a history that came from elsewhere with arguments that are an object', async () => {
    await using world = await openWorld()
    const call = (given: unknown): never =>
      ({ type: 'tool-call', id: 'c', name: 'get_weather', arguments: given }) as never
    await world.ai.sendMessage([
      { role: 'user', content: 'Is it warm?' },
      { role: 'assistant', content: [call('{"city":"Paris"}'), call([1]), call('Paris'), call(null)] },
      { role: 'tool', content: [{ type: 'tool-result', id: 'c', name: 'get_weather', content: 'yes' }] },
    ])
    const { tool_calls: calls } = messagesOf(world, 0)[1] as { tool_calls: { function: object }[] }
    expect(calls.map((one) => one.function)).toMatchObject([
      { arguments: { city: 'Paris' } },
      { arguments: { value: [1] } },
      { arguments: { value: 'Paris' } },
      { arguments: {} },
    ])
  })
})

describe('tool calls in an answer', () => {
  it('conformance 7: are delivered from the last record, with its text and its thoughts, before the finish', async () => {
    await using world = await openWorld()
    const last = { content: '!', thinking: 'x', tool_calls: [wireCall({ city: 'Paris' })] }
    world.server.reply({ lines: [record({ content: 'Hi' }), record(last, DONE)] })
    const { run: _, ...bare } = weather
    const events: StreamEvent[] = []
    const stream = world.ai.streamMessage('Hi', { tools: [bare as Tool] })
    for await (const event of stream) events.push(event)
    expect(events.map(({ type }) => type)).toEqual([
      'start',
      'text-start',
      'text-delta',
      'text-end',
      'reasoning-start',
      'reasoning-delta',
      'reasoning-end',
      'text-start',
      'text-delta',
      'text-end',
      'tool-call',
      'finish',
    ])
    const answer = await stream.response
    expect([answer.text, answer.reasoning, answer.toolCalls.length]).toEqual(['Hi!', 'x', 1])
    expect(answer.finishReason).toEqual({ unified: 'tool-calls', raw: 'stop' })
  })

  it('conformance 8: on earlier records, all with index 0 and without ids, are two calls with two ids in order', async () => {
    await using world = await openWorld()
    const lines = ['Paris', 'Rome'].map((city) => record({ tool_calls: [wireCall({ city })] }))
    world.server.reply({ lines: [...lines, record({}, DONE)] })
    const { run: _, ...bare } = weather
    const answer = await world.ai.streamMessage('Hi', { tools: [bare as Tool] }).response
    expect(answer.toolCalls).toEqual([
      { id: 'call_1', name: 'get_weather', arguments: { city: 'Paris' } },
      { id: 'call_2', name: 'get_weather', arguments: { city: 'Rome' } },
    ])
    expect(answer.finishReason).toEqual({ unified: 'tool-calls', raw: 'stop' })
  })

  it.each(['stream', 'whole'])(
    'have ids that no earlier round used, where the server gives none (%s)',
    async (mode) => {
      await using world = await openWorld()
      world.server.reply(asksFor('Paris', ''), asksFor('Rome', ''), asksFor('Oslo', ''), 'Warm.')
      const options = { tools: [weather] }
      const answer = await (mode === 'stream'
        ? world.ai.streamMessage('Hi', options).response
        : world.ai.sendMessage('Hi', options))
      const sent = messagesOf(world, 3) as { tool_calls?: { id: string }[]; tool_call_id?: string }[]
      const calls = sent.flatMap(({ tool_calls: made = [] }) => made.map(({ id }) => id))
      expect(calls).toEqual(['call_1', 'call_1_2', 'call_1_3'])
      expect(sent.flatMap(({ tool_call_id: id }) => id ?? [])).toEqual(calls)
      expect(answer.text).toBe('Warm.')
    },
  )

  it('have different ids where a server gives one twice', async () => {
    await using world = await openWorld()
    const twice = [wireCall({ city: 'Paris' }, { id: 'same' }), wireCall({ city: 'Rome' }, { id: 'same' })]
    world.server.reply({ lines: [record({ tool_calls: twice }, DONE)] })
    const { run: _, ...bare } = weather
    const answer = await world.ai.streamMessage('Hi', { tools: [bare as Tool] }).response
    expect(answer.toolCalls.map(({ id }) => id)).toEqual(['same', 'same_2'])
  })

  it.each<[string, unknown, Record<string, unknown>, RegExp | undefined]>([
    ['an object in a text', '{"city":"Paris"}', { city: 'Paris' }, undefined],
    ['nothing', undefined, {}, /city/],
    ['null', null, {}, /city/],
    ['a text', 'Paris', { value: 'Paris' }, /arguments is not an object/],
    ['a list in a text', '[1]', { value: '[1]' }, /arguments is not an object/],
  ])('take arguments that are %s', async (_, given, expected, issue) => {
    await using world = await openWorld()
    world.server.reply({ lines: [record({ tool_calls: [wireCall(given)] }, DONE)] })
    const { run: __, ...bare } = weather
    const answer = await world.ai.streamMessage('Hi', { tools: [bare as Tool] }).response
    expect(answer.toolCalls[0]?.arguments).toEqual(expected)
    if (issue) expect(answer.toolCalls[0]?.issues?.join()).toMatch(issue)
    else expect(answer.toolCalls[0]?.issues).toBeUndefined()
  })

  it('conformance 36: with a list for arguments are flagged, not run, and go back as an object', async () => {
    await using world = await openWorld()
    world.server.reply({ lines: [record({ tool_calls: [wireCall([1, 2], { id: 'c1' })] }, DONE)] }, 'Sorry.')
    let ran = 0
    const answer = await world.ai.streamMessage('Add', { tools: [{ ...weather, run: () => ran++ }] }).response
    expect([answer.text, ran]).toEqual(['Sorry.', 0])
    expect(messagesOf(world, 1).slice(1)).toEqual([
      {
        role: 'assistant',
        content: '',
        tool_calls: [{ id: 'c1', function: { name: 'get_weather', arguments: { value: [1, 2] } } }],
      },
      {
        role: 'tool',
        content: expect.stringMatching(/^Error: .*arguments is not an object/) as string,
        tool_name: 'get_weather',
        tool_call_id: 'c1',
      },
    ])
  })

  it('without a name can be sent back as well', async () => {
    await using world = await openWorld()
    const nameless = [{ function: { arguments: { city: 'Paris' } } }, 'nothing', { function: null }]
    world.server.reply({ lines: [record({ tool_calls: nameless }, DONE)] }, 'Sorry.')
    const answer = await world.ai.streamMessage('Hi', { tools: [weather] }).response
    expect(answer.text).toBe('Sorry.')
    expect(messagesOf(world, 1).slice(1)).toMatchObject([
      { tool_calls: [{ function: { name: 'unnamed' } }] },
      { tool_name: 'unnamed', content: 'Error: There is no tool unnamed. There are: get_weather' },
    ])
  })
})

describe('a call that the server could not read', () => {
  const error =
    "error parsing tool call: raw='{\"city\": Par', err=invalid character 'P' looking for beginning of value"

  it.each(['stream', 'whole'])(
    'conformance 10: is asked for once more, and then answered (%s)',
    async (mode) => {
      await using world = await openWorld()
      world.server.reply({ status: 500, error }, asksFor('Paris'), 'Warm.')
      const options = { tools: [weather] }
      const answer = await (mode === 'stream'
        ? world.ai.streamMessage('Hi', options).response
        : world.ai.sendMessage('Hi', options))
      expect(answer.text).toBe('Warm.')
      expect(answer.attempts.map(({ outcome, round }) => [outcome, round])).toEqual([
        ['error', 1],
        ['ok', 1],
        ['ok', 2],
      ])
      expect(bodies(world)[1]).toEqual(bodies(world)[0])
    },
  )

  it('conformance 10: is not asked for a third time, nor at all without retries, and what it was is in the details', async () => {
    for (const [retries, chats] of [
      [5, 2],
      [0, 1],
    ] as const) {
      await using world = await openWorld()
      world.server.reply(...Array.from({ length: 5 }, () => ({ status: 500, error })))
      const failed = await errorOf(world.ai.sendMessage('Hi', { tools: [weather], retries }))
      expect([failed.code, failed.details['kind'], failed.details['said']]).toEqual([
        'response_invalid',
        'model-output-fault',
        error,
      ])
      expect(world.chats()).toHaveLength(chats)
    }
  })

  it('conformance 10: is not asked for again once something of the answer was shown', async () => {
    await using world = await openWorld()
    world.server.reply({ lines: [record({ content: 'Well, ' }), { error }] }, 'never')
    const failed = await errorOf(world.ai.streamMessage('Hi', { tools: [weather] }).response)
    expect([failed.code, failed.partial?.text]).toEqual(['response_invalid', 'Well, '])
    expect(world.chats()).toHaveLength(1)
  })
})

describe('toolChoice', () => {
  const time: Tool = { name: 'get_time', input: { type: 'object' }, run: () => '12:00' }
  const sent = async (
    options: CallOptions,
  ): Promise<{ body: Record<string, unknown>; warnings: string[] }> => {
    await using world = await openWorld()
    const answer = await world.ai.sendMessage('Hi', { tools: [weather, time], ...options })
    return { body: bodies(world)[0] ?? {}, warnings: answer.warnings.map(({ code }) => code) }
  }
  const namesOf = (body: Record<string, unknown>): unknown[] =>
    ((body['tools'] ?? []) as { function: { name: string } }[]).map((one) => one.function.name)

  it('auto is what is sent without it', async () => {
    const { body, warnings } = await sent({ toolChoice: 'auto' })
    expect(body).toEqual((await sent({})).body)
    expect([namesOf(body), warnings]).toEqual([['get_weather', 'get_time'], []])
  })

  it('none sends no tools', async () => {
    const { body, warnings } = await sent({ toolChoice: 'none' })
    expect(body).toEqual({ ...HEAD, messages: [{ role: 'user', content: 'Hi' }] })
    expect(warnings).toEqual([])
  })

  it('required asks the model in a system message, and says that this is no guarantee', async () => {
    const { body, warnings } = await sent({ toolChoice: 'required' })
    expect(body['messages']).toEqual([
      { role: 'system', content: 'You must call one of your tools now. Do not answer in any other way.' },
      { role: 'user', content: 'Hi' },
    ])
    expect(namesOf(body)).toEqual(['get_weather', 'get_time'])
    // The stand-in answers with a text.
    expect(warnings).toEqual(['tool-choice-emulated', 'tool-choice-ignored'])
  })

  it('of one tool offers that one, and adds to the system message that there is', async () => {
    const { body } = await sent({ toolChoice: { tool: 'get_time' }, system: 'Be brief.' })
    expect(namesOf(body)).toEqual(['get_time'])
    expect(body['messages']).toEqual([
      {
        role: 'system',
        content: 'Be brief.\n\nYou must call the tool get_time now. Do not answer in any other way.',
      },
      { role: 'user', content: 'Hi' },
    ])
  })

  it('is for the first round: once a tool was called, the model may answer', async () => {
    await using world = await openWorld()
    world.server.reply(asksFor('Paris'), 'Warm.')
    const answer = await world.ai.sendMessage('Hi', { tools: [weather, time], toolChoice: 'required' })
    expect(answer.warnings.map(({ code }) => code)).toEqual(['tool-choice-emulated'])
    expect(messagesOf(world, 0)[0]).toMatchObject({ role: 'system' })
    expect(messagesOf(world, 1)[0]).toEqual({ role: 'user', content: 'Hi' })
  })

  it.each<[CallOptions, RegExp]>([
    [{ toolChoice: { tool: 'get_wether' } }, /get_wether; the tools of the call are get_weather, get_time/],
    [{ toolChoice: 'any' as never }, /toolChoice is 'auto', 'none', 'required'/],
    [{ toolChoice: {} as never }, /toolChoice is/],
    [{ toolChoice: 'required', tools: [] }, /has no tools/],
    [{ tools: [{ name: 'text', input: { type: 'string' } }] }, /input of the tool text is an object/],
  ])('that cannot be done is refused before any request: %j', async (options, message) => {
    await using world = await openWorld()
    const error = await errorOf(world.ai.sendMessage('Hi', { tools: [weather, time], ...options }))
    expect(error.code).toBe('request_invalid')
    expect(error.message).toMatch(message)
    expect(world.server.requests).toEqual([])
  })
})

describe('a tool call that the server took for text', () => {
  const LEAKED = '<tool_call>\n{"name":"get_weather","arguments":{"city":"Paris"}}\n</tool_call>'

  it.each<[string, OllamaReply, string]>([
    ['text', { text: LEAKED }, 'text'],
    ['text of another model', { text: '[TOOL_CALLS][{"name":"get_weather"}]' }, 'text'],
    ['thoughts', { thinking: LEAKED, text: '' }, 'reasoning'],
  ])('is a warning where it is in the %s', async (_, reply, place) => {
    await using world = await openWorld()
    world.server.reply(reply)
    const stream = world.ai.streamMessage('Hi', { tools: [weather] })
    const warned: unknown[] = []
    for await (const event of stream) if (event.type === 'warning') warned.push(event.warning)
    const { warnings } = await stream.response
    expect(warnings).toMatchObject([{ code: 'tool-call-in-text', details: { place } }])
    expect(warned).toEqual(warnings)
  })

  it('is a warning also where the rest of it was seen as a call', async () => {
    await using world = await openWorld()
    world.server.reply({ text: '<tool_call>{"name":', ...asksFor('Paris') }, 'Warm.')
    const answer = await world.ai.sendMessage('Hi', { tools: [weather] })
    expect(answer.warnings.map(({ code }) => code)).toEqual(['tool-call-in-text'])
  })

  it('is none where no tools were on offer', async () => {
    await using world = await openWorld()
    world.server.default(LEAKED)
    expect((await world.ai.sendMessage('Hi')).warnings).toEqual([])
    expect((await world.ai.sendMessage('Hi', { tools: [weather], toolChoice: 'none' })).warnings).toEqual([])
  })
})

describe('a tool call that the server lost', () => {
  it.each<[string, OllamaReply, readonly string[]]>([
    ['tokens were written and none is there', { text: '', outputTokens: 13 }, ['tool-call-lost']],
    ['there was only the end', { text: '', outputTokens: 1 }, []],
    ['nothing is known', { text: '', outputTokens: 0 }, []],
    ['the answer was cut', { text: '', outputTokens: 13, doneReason: 'length' }, []],
    ['there are thoughts', { thinking: 'Hm', text: '', outputTokens: 13 }, []],
  ])('is a warning where %s', async (_, reply, codes) => {
    await using world = await openWorld()
    world.server.default(reply)
    const answer = await world.ai.sendMessage('Hi', { tools: [weather] })
    expect(answer.warnings.map(({ code }) => code)).toEqual(codes)
    expect((await world.ai.sendMessage('Hi')).warnings).toEqual([])
  })
})

describe('a model that cannot call tools', () => {
  const plain = { models: [{ name: 'llama3.2', capabilities: ['completion'] }] }

  it('is refused before it is asked, where that is known', async () => {
    await using world = await openWorld({ server: plain })
    const error = await errorOf(world.ai.sendMessage('Hi', { tools: [weather] }))
    expect([error.code, error.model, error.provider]).toEqual([
      'capability_unsupported',
      'llama3.2',
      'ollama',
    ])
    expect(error.details).toEqual({ capability: 'tools', sent: false, capabilities: ['chat', 'stream'] })
    expect(world.chats()).toEqual([])
  })

  it('is asked where nothing is known of it, and the refusal is the same code', async () => {
    await using world = await openWorld({ server: plain })
    world.server.on('/api/show', { status: 404, body: '404 page not found' })
    const error = await errorOf(world.ai.sendMessage('Hi', { tools: [weather] }))
    expect([error.code, error.status]).toEqual(['capability_unsupported', 400])
    expect(world.chats()).toHaveLength(1)
  })

  it('is asked where it is known without its capabilities, as by an old server', async () => {
    await using world = await openWorld()
    world.server.on('/api/show', { body: { details: {}, model_info: {} } })
    expect((await world.ai.sendMessage('Hi', { tools: [weather] })).text).toBe('You said: Hi')
  })

  it('goes on with a conversation in which another one called some, and without tools on offer', async () => {
    await using world = await openWorld({ server: plain })
    const answer = await world.ai.sendMessage(
      [
        { role: 'user', content: 'Is it warm?' },
        { role: 'assistant', content: [{ type: 'tool-call', id: 'c', name: 'get_weather', arguments: {} }] },
        { role: 'tool', content: [{ type: 'tool-result', id: 'c', name: 'get_weather', content: '21' }] },
      ],
      { tools: [weather], toolChoice: 'none' },
    )
    expect(answer.finishReason.unified).toBe('stop')
  })
})

describe('definitions on the wire', () => {
  const lowered = async (
    input: Tool['input'],
  ): Promise<{ parameters: unknown; description: unknown; keywords: unknown }> => {
    await using world = await openWorld()
    const answer = await world.ai.sendMessage('Hi', {
      tools: [{ name: 'book', description: 'Books', input }],
    })
    const [first] = (bodies(world)[0]?.['tools'] ?? []) as {
      function: { parameters: unknown; description: unknown }
    }[]
    const keywords = answer.warnings.find(({ code }) => code === 'schema-lowered')?.details['keywords']
    return { parameters: first?.function.parameters, description: first?.function.description, keywords }
  }

  it('conformance 37: have references inlined, oneOf and const rewritten, and bounds in words', async () => {
    const input = {
      type: 'object',
      properties: {
        where: { $ref: '#/$defs/place' },
        how: { oneOf: [{ const: 'train' }, { const: 'plane' }] },
        days: { type: 'integer', description: 'How long', minimum: 1, maximum: 14, default: 7 },
      },
      required: ['where'],
      additionalProperties: false,
      $defs: { place: { type: 'object', properties: { city: { type: 'string', pattern: '^[A-Z]' } } } },
    }
    const { parameters, description, keywords } = await lowered(input)
    expect(parameters).toEqual({
      type: 'object',
      properties: {
        where: {
          type: 'object',
          properties: { city: { type: 'string', description: 'Matching the regular expression ^[A-Z]' } },
        },
        how: {
          anyOf: [
            { type: 'string', enum: ['train'] },
            { type: 'string', enum: ['plane'] },
          ],
        },
        days: { type: 'integer', description: 'How long (at least 1; at most 14; default 7)' },
      },
      required: ['where'],
    })
    expect(Object.keys((parameters as { properties: object }).properties)).toEqual(['where', 'how', 'days'])
    expect(description).toBe('Books (No other properties)')
    expect((keywords as string[]).toSorted()).toEqual([
      '$ref',
      'additionalProperties',
      'const',
      'default',
      'maximum',
      'minimum',
      'oneOf',
      'pattern',
    ])
  })

  it('conformance 37: the arguments are checked by the schema as it was given', async () => {
    await using world = await openWorld()
    world.server.reply({ toolCalls: [{ name: 'book', arguments: { days: 99 } }] }, 'Sorry.')
    const input = { type: 'object', properties: { days: { type: 'integer', maximum: 14 } } }
    await world.ai.sendMessage('Hi', { tools: [{ name: 'book', input, run: () => 'booked' }] })
    expect(messagesOf(world, 1).at(-1)).toMatchObject({
      content: expect.stringMatching(
        /^Error: The arguments do not fit the schema of book: days: 99 is greater/,
      ) as string,
    })
  })

  it('are warned about once, however many rounds there are', async () => {
    await using world = await openWorld()
    world.server.reply({ toolCalls: [{ name: 'book' }] }, { toolCalls: [{ name: 'book' }] }, 'Done.')
    const input = { type: 'object', properties: { days: { type: 'integer', minimum: 1 } } }
    const stream = world.ai.streamMessage('Hi', { tools: [{ name: 'book', input, run: () => 'booked' }] })
    const events: StreamEvent[] = []
    for await (const event of stream) events.push(event)
    const { warnings, attempts } = await stream.response
    expect(attempts).toHaveLength(3)
    expect(warnings.map(({ code }) => code)).toEqual(['schema-lowered'])
    expect(events.filter(({ type }) => type === 'warning')).toHaveLength(1)
    expect(events.slice(0, 2).map(({ type }) => type)).toEqual(['start', 'warning'])
  })

  it('always have an object of properties', async () => {
    expect((await lowered({ type: 'object' })).parameters).toEqual({ type: 'object', properties: {} })
    expect((await lowered({})).parameters).toEqual({ type: 'object', properties: {} })
  })

  it('give no warning for what is sent as it is', async () => {
    const input = z.object({
      city: z.string().describe('Where'),
      tags: z.array(z.enum(['a', 'b'])).optional(),
      count: z.number().int(),
      either: z.union([z.string(), z.number()]),
    })
    expect(await lowered(input)).toEqual({
      keywords: undefined,
      description: 'Books',
      parameters: {
        type: 'object',
        properties: {
          city: { type: 'string', description: 'Where' },
          tags: { type: 'array', items: { type: 'string', enum: ['a', 'b'] } },
          count: { type: 'integer' },
          either: { type: ['string', 'number'] },
        },
        required: ['city', 'count', 'either'],
      },
    })
  })
})
