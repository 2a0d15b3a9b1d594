import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { createAI, tool, type Client, type StreamEvent, type Tool } from '../../src/index.ts'
import { mock, type MockReply } from '../../src/testing/index.ts'

const PRICES = [{ provider: 'mock', model: 'mock-1', perMillionTokens: { input: '1.00', output: '2.00' } }]

function world(replies: readonly MockReply[]): { ai: Client; scripted: ReturnType<typeof mock> } {
  const scripted = mock({ replies })
  return { ai: createAI({ providers: { mock: scripted }, prices: PRICES }), scripted }
}

const usage = { inputTokens: 10, outputTokens: 5 }

function asks(...calls: readonly (readonly [name: string, args: Record<string, unknown>])[]): MockReply {
  return {
    toolCalls: calls.map(([name, args], index) => ({ id: `c${index}`, name, arguments: args })),
    usage,
  }
}

const weather = tool({
  name: 'get_weather',
  description: 'The weather in a city',
  input: z.object({ city: z.string(), days: z.number().int().positive().optional() }),
  run: async ({ city }) => ({ city, celsius: 21 }),
})

describe('tools', () => {
  it('are run, and their results go back to the model in the order of the calls', async () => {
    const { ai, scripted } = world([
      asks(['get_weather', { city: 'Paris' }], ['get_weather', { city: 'Rome' }]),
      { text: 'Warm in both.', usage },
    ])
    const finished: string[] = []
    const slow = tool({
      ...weather,
      run: async (input) => {
        const { city } = input as { city: string }
        // The first call is the last to be done.
        if (city === 'Paris') await new Promise((resolve) => setImmediate(resolve))
        finished.push(city)
        return { city, celsius: 21 }
      },
    })
    const answer = await ai.sendMessage('Is it warm?', { tools: [slow] })
    expect(answer.text).toBe('Warm in both.')
    expect(finished).toEqual(['Rome', 'Paris'])
    const results = [
      { type: 'tool-result', id: 'c0', name: 'get_weather', content: { city: 'Paris', celsius: 21 } },
      { type: 'tool-result', id: 'c1', name: 'get_weather', content: { city: 'Rome', celsius: 21 } },
    ]
    expect(scripted.requests[1]?.messages).toEqual([
      { role: 'user', content: 'Is it warm?' },
      { role: 'assistant', content: answer.messages[0]?.content },
      { role: 'tool', content: results },
    ])
    expect(answer.messages).toHaveLength(3)
  })

  it('have each round priced, booked and in the sum', async () => {
    const { ai } = world([asks(['get_weather', { city: 'Paris' }]), { text: 'Warm.', usage }])
    const told: string[] = []
    for (const name of [
      'messageSent',
      'toolCalled',
      'toolCompleted',
      'responseGenerated',
      'costCalculated',
    ] as const) {
      ai.on(name, () => void told.push(name))
    }
    const answer = await ai.sendMessage('Is it warm?', { tools: [weather] })
    expect(answer.attempts.map((attempt) => [attempt.round, String(attempt.cost.amount)])).toEqual([
      [1, '0.00002'],
      [2, '0.00002'],
    ])
    expect([answer.usage.inputTokens, answer.usage.outputTokens, String(answer.cost.amount)]).toEqual([
      20,
      10,
      '0.00004',
    ])
    expect(await Array.fromAsync(ai.ledger.entries())).toHaveLength(2)
    expect(told).toEqual([
      'messageSent',
      'toolCalled',
      'toolCompleted',
      'responseGenerated',
      'costCalculated',
    ])
    const [total] = await ai.ledger.totals()
    expect([total?.calls, String(total?.cost)]).toEqual([1, '0.00004'])
  })

  it.each<[string, Record<string, unknown>, Partial<Tool>, RegExp]>([
    ['arguments that break the schema', { city: 7 }, {}, /do not fit the schema of get_weather: city/],
    [
      'a tool that throws',
      { city: 'Paris' },
      { run: () => Promise.reject(new Error('no network')) },
      /Error: no network/,
    ],
    [
      'a tool that throws at once',
      { city: 'Paris' },
      {
        run: () => {
          throw new Error('at once')
        },
      },
      /Error: at once/,
    ],
  ])('tell the model of %s, and it goes on', async (_, args, changed, message) => {
    const { ai, scripted } = world([asks(['get_weather', args]), { text: 'I could not find out.', usage }])
    const failures: string[] = []
    ai.on('toolFailed', ({ error }) => void failures.push(error.message))
    let ran = 0
    const counted = { ...weather, run: () => ran++, ...changed }
    const answer = await ai.sendMessage('Is it warm?', { tools: [counted] })
    expect(answer.text).toBe('I could not find out.')
    expect(scripted.requests[1]?.messages.at(-1)).toMatchObject({
      content: [{ id: 'c0', isError: true, content: expect.stringMatching(message) as string }],
    })
    expect([failures.length, ran]).toEqual([1, 0])
  })

  it('tell the model which tools there are, when it asks for one that there is not', async () => {
    const { ai, scripted } = world([asks(['get_wether', {}]), { text: 'Sorry.', usage }])
    await ai.sendMessage('Is it warm?', { tools: [weather] })
    const [result] = (scripted.requests[1]?.messages.at(-1)?.content ?? []) as readonly { content: string }[]
    expect(result?.content).toBe('Error: There is no tool get_wether. There are: get_weather')
  })

  it('without run are not run: the answer carries the calls, with what is wrong with them', async () => {
    const { run: _, ...bare } = weather
    const { ai, scripted } = world([asks(['get_weather', { city: 'Paris' }], ['get_weather', {}])])
    const answer = await ai.sendMessage('Is it warm?', { tools: [bare] })
    expect(scripted.requests).toHaveLength(1)
    expect(answer.finishReason.unified).toBe('tool-calls')
    expect(answer.toolCalls).toEqual([
      { id: 'c0', name: 'get_weather', arguments: { city: 'Paris' } },
      { id: 'c1', name: 'get_weather', arguments: {}, issues: [expect.stringMatching(/^city: /)] },
    ])
    expect(answer.parts).toMatchObject([
      { type: 'tool-call', id: 'c0' },
      { type: 'tool-call', id: 'c1' },
    ])
  })

  it('stop after maxRounds, and the answer says so', async () => {
    const again = asks(['get_weather', { city: 'Paris' }])
    const { ai, scripted } = world(Array.from({ length: 10 }, () => again))
    const answer = await ai.sendMessage('Is it warm?', { tools: [weather], maxRounds: 3 })
    expect(scripted.requests).toHaveLength(3)
    expect(answer.toolCalls).toHaveLength(1)
    expect(answer.warnings).toMatchObject([{ code: 'rounds-used-up', details: { maxRounds: 3 } }])
  })

  it('stop at once when the call is aborted, even where a tool does not listen', async () => {
    const { ai, scripted } = world([asks(['get_weather', { city: 'Paris' }]), 'never'])
    const controller = new AbortController()
    const stuck = {
      ...weather,
      run: () => {
        controller.abort()
        return new Promise(() => {})
      },
    }
    const call = ai.sendMessage('Is it warm?', { tools: [stuck], signal: controller.signal })
    await expect(call).rejects.toMatchObject({ code: 'aborted' })
    expect(scripted.requests).toHaveLength(1)
  })

  it('get what they may use: the call, its signal, the conversation', async () => {
    const { ai } = world([asks(['get_weather', { city: 'Paris' }]), 'Warm.'])
    const seen: unknown[] = []
    const { signal } = new AbortController()
    const watching = { ...weather, run: (...args: unknown[]) => seen.push(...args) }
    const answer = await ai.sendMessage('Is it warm?', { tools: [watching], signal })
    expect(seen).toEqual([
      { city: 'Paris' },
      { callId: answer.id, toolCallId: 'c0', signal, messages: [{ role: 'user', content: 'Is it warm?' }] },
    ])
  })

  it('stream every round: one start, the calls, their results, one finish', async () => {
    const { ai } = world([
      {
        text: 'Let me look. ',
        toolCalls: [{ id: 'c0', name: 'get_weather', arguments: { city: 'Paris' } }],
        usage,
      },
      { text: 'Warm.', usage },
    ])
    const events: StreamEvent[] = []
    const stream = ai.streamMessage('Is it warm?', { tools: [weather] })
    for await (const event of stream) events.push(event)
    expect(events.map((event) => event.type).filter((type) => !type.startsWith('text-'))).toEqual([
      'start',
      'tool-call',
      'tool-result',
      'finish',
    ])
    expect((await stream.response).text).toBe('Warm.')
  })

  it('are named once, as every provider takes it', async () => {
    expect(() => tool({ ...weather, name: 'get weather' })).toThrow(
      expect.objectContaining({ code: 'request_invalid' }),
    )
    const { ai } = world([])
    await expect(ai.sendMessage('Hi', { tools: [weather, weather] })).rejects.toThrow(
      /two tools of the name get_weather/,
    )
  })

  it('are typed by their schema', () => {
    tool({
      name: 'typed',
      input: z.object({ city: z.string() }),
      run: (input) => {
        expectTypeOf(input).toEqualTypeOf<{ city: string }>()
      },
    })
  })
})

describe('output', () => {
  const schema = z.object({ city: z.string(), celsius: z.number() })
  const json = '{"city":"Paris","celsius":21}'

  it.each([
    ['plain', json],
    ['in a fence', `Here you are:\n\`\`\`json\n${json}\n\`\`\``],
    ['with words around it', `The answer is ${json}. Anything else?`],
  ])('is the checked value of JSON that is %s', async (_, text) => {
    const { ai } = world([text])
    const answer = await ai.sendMessage('Weather?', { output: schema })
    expect(answer.output).toEqual({ city: 'Paris', celsius: 21 })
    expectTypeOf(answer.output).toEqualTypeOf<{ city: string; celsius: number }>()
  })

  it('is checked by plain JSON Schema as well', async () => {
    const { ai } = world([json, '{"city":"Paris"}'])
    const output = { type: 'object', properties: { celsius: { type: 'number' } }, required: ['celsius'] }
    expect((await ai.sendMessage('Weather?', { output })).output).toEqual({ city: 'Paris', celsius: 21 })
    await expect(ai.sendMessage('Weather?', { output })).rejects.toMatchObject({
      code: 'schema_mismatch',
      details: { issues: ['Instance does not have required property "celsius".'] },
      partial: { text: '{"city":"Paris"}' },
    })
  })

  it.each<[Record<string, unknown>, unknown, readonly string[]]>([
    [
      { properties: { a: { type: 'number' }, b: {} }, required: ['b'] },
      { a: 'x' },
      [
        'Instance does not have required property "b".',
        'a: Instance type "string" is invalid. Expected "number".',
      ],
    ],
    [
      { properties: {}, additionalProperties: false },
      { x: 1 },
      ['Property "x" does not match additional properties schema.'],
    ],
    [
      { properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: { items: { type: 'number' } } } },
      { a: [1, 'x'] },
      ['a.1: Instance type "string" is invalid. Expected "number".'],
    ],
    [{ properties: { a: { type: 'string', nullable: true } } }, { a: null }, []],
    [{ properties: { a: { enum: ['x'], nullable: true } } }, { a: null }, []],
    [
      { properties: { a: { $ref: '#/$defs/a', nullable: true } }, $defs: { a: { type: 'string' } } },
      { a: null },
      [],
    ],
    [{ properties: { a: { const: { nullable: true } } } }, { a: { nullable: true } }, []],
  ])('names what is wrong, each thing once: %j for %j', async (output, value, issues) => {
    const { ai } = world([JSON.stringify(value)])
    const asked = ai.sendMessage('Weather?', { output })
    if (issues.length === 0) expect((await asked).output).toEqual(value)
    else await expect(asked).rejects.toMatchObject({ details: { issues } })
  })

  it('that does not fit is an error with the text and the reasons, and was booked', async () => {
    const { ai, scripted } = world(['It is warm.'])
    await expect(ai.sendMessage('Weather?', { output: schema })).rejects.toMatchObject({
      code: 'schema_mismatch',
      details: { issues: ['The answer has no JSON in it'] },
      partial: { text: 'It is warm.' },
    })
    expect(scripted.requests).toHaveLength(1)
    expect(await Array.fromAsync(ai.ledger.entries())).toHaveLength(1)
  })

  it('is asked for once more where that is wanted, and only once', async () => {
    const fixed = world(['It is warm.', json])
    const answer = await fixed.ai.sendMessage('Weather?', { output: schema, repairOutput: true })
    expect([answer.output, answer.attempts.length]).toEqual([{ city: 'Paris', celsius: 21 }, 2])
    const stubborn = world(['It is warm.', 'Very warm.', json])
    await expect(
      stubborn.ai.sendMessage('Weather?', { output: schema, repairOutput: true }),
    ).rejects.toMatchObject({
      code: 'schema_mismatch',
    })
    expect(stubborn.scripted.requests).toHaveLength(2)
  })

  it('that was cut by its length is reported as that, not as a broken value', async () => {
    const { ai } = world([{ text: '{"city":"Par', finishReason: { unified: 'length', raw: 'length' } }])
    const answer = await ai.sendMessage('Weather?', { output: schema })
    expect([answer.finishReason.unified, answer.output, answer.text]).toEqual([
      'length',
      undefined,
      '{"city":"Par',
    ])
  })

  it('comes after the tools: words are asked for again as a value, without tools', async () => {
    const { ai, scripted } = world([asks(['get_weather', { city: 'Paris' }]), 'It is 21 degrees.', json])
    const answer = await ai.sendMessage('Weather?', { tools: [weather], output: schema })
    expect(answer.output).toEqual({ city: 'Paris', celsius: 21 })
    expect(scripted.requests).toHaveLength(3)
  })

  it('needs a schema that tells its JSON Schema', async () => {
    const { ai } = world([])
    const foreign = {
      '~standard': { version: 1, vendor: 'other', validate: (value: unknown) => ({ value }) },
    } as const
    await expect(ai.sendMessage('Hi', { output: foreign })).rejects.toThrow(/of other, which does not tell/)
  })
})
