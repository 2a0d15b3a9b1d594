import { describe, expect, it } from 'vitest'
import type { Message } from '../../../src/core/message.ts'
import type { ChatRequest } from '../../../src/core/request.ts'
import { toWire } from '../../../src/drivers/gemini/wire.ts'
import { offline } from './world.ts'

const { request } = offline

const wire = (more: Partial<ChatRequest> = {}): Readonly<Record<string, unknown>> =>
  toWire(request(more)).body
const codes = (more: Partial<ChatRequest>): string[] => toWire(request(more)).warnings.map(({ code }) => code)
const contents = (messages: readonly Message[], more: Partial<ChatRequest> = {}): unknown =>
  wire({ messages, ...more })['contents']
const gemini = (providerOptions: Readonly<Record<string, unknown>>): Partial<ChatRequest> => ({
  providerOptions,
})

const user = (content: Message['content']): Message => ({ role: 'user', content })
const TOOL = { name: 'clock', description: 'The time', input: { type: 'object', properties: {} } }
const CALL = { type: 'tool-call', id: 'a', name: 'clock', arguments: {} } as const

describe('a conversation', () => {
  it('has turns that take turns, and the system message in its own place', () => {
    const body = wire({
      messages: [
        { role: 'system', content: 'Be brief' },
        user('Hi'),
        user('there'),
        { role: 'assistant', content: 'Hello' },
        { role: 'assistant', content: [{ type: 'text', text: 'Ada' }] },
        user('Who?'),
      ],
    })
    expect(body).toEqual({
      systemInstruction: { parts: [{ text: 'Be brief' }] },
      contents: [
        { role: 'user', parts: [{ text: 'Hi' }, { text: 'there' }] },
        { role: 'model', parts: [{ text: 'Hello' }, { text: 'Ada' }] },
        { role: 'user', parts: [{ text: 'Who?' }] },
      ],
    })
  })

  it('puts the system message before the first text where the model has no place for it', () => {
    const messages: Message[] = [{ role: 'system', content: 'Be brief' }, user('Hi')]
    expect(wire({ messages, model: 'gemma-4-31b-it' })).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Be brief' }, { text: 'Hi' }] }],
    })
  })

  it('says that a system message in the middle went as one of the user', () => {
    const messages: Message[] = [
      user('Hi'),
      { role: 'assistant', content: 'Yes?' },
      { role: 'system', content: 'Now rhyme' },
    ]
    expect(contents(messages)).toMatchObject([{}, {}, { role: 'user', parts: [{ text: 'Now rhyme' }] }])
    expect(codes({ messages })).toEqual(['system-as-user'])
  })

  it('is refused where there is nothing to answer', () => {
    expect(() => wire({ messages: [{ role: 'system', content: 'Be brief' }] })).toThrow(
      /needs a message to answer/,
    )
  })

  it('sends pictures, sounds and files as they are, where they stand', () => {
    const media = (type: 'image' | 'audio' | 'file', mediaType: string) => ({ type, data: 'AAAA', mediaType })
    const content = [
      media('image', 'image/png'),
      { type: 'text', text: 'and' } as const,
      media('audio', 'audio/wav'),
      media('file', 'application/pdf'),
    ]
    expect(contents([user(content)])).toEqual([
      {
        role: 'user',
        parts: [
          { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
          { text: 'and' },
          { inlineData: { mimeType: 'audio/wav', data: 'AAAA' } },
          { inlineData: { mimeType: 'application/pdf', data: 'AAAA' } },
        ],
      },
    ])
  })

  it('gives back each signature on its own part, and of thoughts only those that have one', () => {
    const thoughtSignature = 'QUJD'
    const content = [
      { type: 'reasoning', text: 'unsigned' },
      { type: 'reasoning', text: 'signed', providerData: { thoughtSignature } },
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b', providerData: { thoughtSignature } },
      { type: 'text', text: '' },
      { type: 'text', text: '', providerData: { thoughtSignature } },
      { type: 'text', text: '', providerData: { part: { executableCode: { code: '1' } } } },
      { type: 'text', text: 'c', providerData: { thoughtSignature: 'no base64!' } },
      { type: 'text', text: 'd', providerData: { thoughtSignature: 'QUJDR' } },
    ] as const
    expect(contents([user('Hi'), { role: 'assistant', content }])).toEqual([
      { role: 'user', parts: [{ text: 'Hi' }] },
      {
        role: 'model',
        parts: [
          { text: 'signed', thought: true, thoughtSignature },
          { text: 'a' },
          { text: 'b', thoughtSignature },
          { text: '', thoughtSignature },
          { executableCode: { code: '1' } },
          { text: 'c' },
          { text: 'd' },
        ],
      },
    ])
  })

  it('has ids of calls only where the model gave some, and the same on their results', () => {
    const providerData = { id: 'fc', thoughtSignature: 'QUJD' }
    const messages: Message[] = [
      user('Hi'),
      {
        role: 'assistant',
        content: [
          { ...CALL, providerData },
          { ...CALL, id: 'gemini_call_2' },
          { ...CALL, id: 'toolu_1' },
          { ...CALL, id: 'renamed', providerData: { thoughtSignature: 'QUJD' } },
        ],
      },
      {
        role: 'tool',
        content: ['a', 'gemini_call_2', 'toolu_1', 'renamed', 'lost'].map((id) => ({
          type: 'tool-result',
          id,
          name: 'clock',
          content: id === 'a' ? '' : { now: 1 },
        })),
      },
    ]
    expect(contents(messages)).toMatchObject([
      {},
      {
        parts: [
          { functionCall: { id: 'fc', name: 'clock', args: {} }, thoughtSignature: 'QUJD' },
          { functionCall: { name: 'clock', args: {} } },
          { functionCall: { id: 'toolu_1', name: 'clock', args: {} } },
          { functionCall: { name: 'clock', args: {} }, thoughtSignature: 'QUJD' },
        ],
      },
      {
        parts: [
          { functionResponse: { id: 'fc', response: { output: 'ok' } } },
          { functionResponse: { response: { output: { now: 1 } } } },
          { functionResponse: { id: 'toolu_1' } },
          { functionResponse: {} },
          { functionResponse: { id: 'lost' } },
        ],
      },
    ])
    expect(JSON.stringify(contents(messages))).not.toMatch(/gemini_call|renamed/)
  })

  it('writes a result as an object, an error as one, and a reserved name as text', () => {
    const result = (content: unknown, isError?: boolean): unknown => {
      const part = {
        type: 'tool-result',
        id: 'a',
        name: 'clock',
        content,
        ...(isError ? { isError } : {}),
      } as const
      const [, , turn] = contents([
        user('Hi'),
        { role: 'assistant', content: [CALL] },
        { role: 'tool', content: [part] },
      ]) as { parts: { functionResponse: { response: unknown } }[] }[]
      return turn?.parts[0]?.functionResponse.response
    }
    expect(result('12:00')).toEqual({ output: '12:00' })
    expect(result([1, 2])).toEqual({ output: [1, 2] })
    expect(result('No clock', true)).toEqual({ error: 'No clock' })
    expect(result('', true)).toEqual({ error: 'error' })
    expect(result({ a: [{ $ref: '#/a' }] })).toEqual({ output: '{"a":[{"$ref":"#/a"}]}' })
    expect(result({ $ref: '#/a' })).toEqual({ output: '{"$ref":"#/a"}' })
  })
})

describe('the settings of a call', () => {
  it('go into generationConfig under the names of the API, a seed of zero too', () => {
    const body = wire({
      maxOutputTokens: 100,
      temperature: 0,
      topP: 0.5,
      topK: 4,
      seed: 0,
      stop: 'END',
      serviceTier: 'Flex',
    })
    expect(body['generationConfig']).toEqual({
      maxOutputTokens: 100,
      temperature: 0,
      topP: 0.5,
      topK: 4,
      seed: 0,
      stopSequences: ['END'],
    })
    expect(body['serviceTier']).toBe('flex')
    expect([
      wire({ serviceTier: 'default' })['serviceTier'],
      wire({ serviceTier: 'auto' })['serviceTier'],
    ]).toEqual(['standard', undefined])
  })

  it('have at most five stop sequences', () => {
    expect(() => wire({ stop: ['a', 'b', 'c', 'd', 'e', 'f'] })).toThrow(/at most 5 stop sequences/)
    expect(wire({ stop: ['a', 'b', 'c', 'd', 'e'] })['generationConfig']).toEqual({
      stopSequences: ['a', 'b', 'c', 'd', 'e'],
    })
  })

  it.each<[string, ChatRequest['reasoning'], unknown, string[]]>([
    [
      'gemini-3.8-flash',
      'minimal',
      { includeThoughts: true, thinkingLevel: 'low' },
      ['reasoning-downgraded'],
    ],
    ['gemini-3.6-flash', 'minimal', { includeThoughts: true, thinkingLevel: 'minimal' }, []],
    [
      'gemini-flash-latest',
      'minimal',
      { includeThoughts: true, thinkingLevel: 'low' },
      ['reasoning-downgraded'],
    ],
    ['gemini-3.8-flash-lite', 'minimal', { includeThoughts: true, thinkingLevel: 'minimal' }, []],
    ['gemini-3.8-flash', 'max', { includeThoughts: true, thinkingLevel: 'high' }, ['reasoning-downgraded']],
    ['gemini-4-hydrogen', 'max', { includeThoughts: true, thinkingLevel: 'xhigh' }, []],
    ['gemini-9-unheard-of', 'high', { includeThoughts: true, thinkingLevel: 'high' }, []],
    [
      'gemini-3.8-flash',
      { budgetTokens: 5_000 },
      { includeThoughts: true, thinkingLevel: 'medium' },
      ['reasoning-downgraded'],
    ],
    ['gemini-2.5-flash', 'high', { includeThoughts: true, thinkingBudget: 24_576 }, []],
    ['gemini-2.5-pro', 'max', { includeThoughts: true, thinkingBudget: 32_768 }, []],
    [
      'gemini-2.5-flash',
      { budgetTokens: 99_999 },
      { includeThoughts: true, thinkingBudget: 24_576 },
      ['reasoning-downgraded'],
    ],
    ['gemini-2.5-flash', { budgetTokens: 777 }, { includeThoughts: true, thinkingBudget: 777 }, []],
    ['gemma-4-31b-it', 'medium', { includeThoughts: true, thinkingLevel: 'high' }, ['reasoning-downgraded']],
    ['gemini-2.0-flash', 'high', undefined, ['reasoning-unsupported']],
    ['gemini-2.0-flash', 'off', undefined, []],
    ['gemini-robotics-er-1.5-preview', 'off', { thinkingBudget: 0 }, []],
    ['gemini-2.5-flash-lite', 'max', { includeThoughts: true, thinkingBudget: 24_576 }, []],
    ['models/gemini-2.5-flash', 'low', { includeThoughts: true, thinkingBudget: 2_048 }, []],
  ])('make %s think at %o: %o', (model, reasoning, thinkingConfig, warned) => {
    const asked = { model, ...(reasoning === undefined ? {} : { reasoning }) }
    const config = wire(asked)['generationConfig'] as Record<string, unknown> | undefined
    expect(config?.['thinkingConfig']).toEqual(thinkingConfig)
    expect(codes(asked)).toEqual(warned)
  })

  it('leave thinking to the model where nothing is said, and to the caller where a setting says it', () => {
    expect(wire()['generationConfig']).toBeUndefined()
    const own = gemini({ thinkingBudget: -1, includeThoughts: false })
    expect(wire({ ...own, reasoning: 'high', model: 'gemini-2.5-flash' })['generationConfig']).toEqual({
      thinkingConfig: { includeThoughts: false, thinkingBudget: -1 },
    })
    expect(() => wire(gemini({ thinkingBudget: 1, thinkingLevel: 'low' }))).toThrow(/and not both/)
  })

  it('of the provider go where the API has them, and unknown ones name the nearest', () => {
    const safetySettings = [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }]
    const body = wire(
      gemini({
        safetySettings,
        cachedContent: 'cachedContents/a',
        presencePenalty: 0.5,
        mediaResolution: 'MEDIA_RESOLUTION_LOW',
      }),
    )
    expect(body).toMatchObject({
      safetySettings,
      cachedContent: 'cachedContents/a',
      generationConfig: { presencePenalty: 0.5, mediaResolution: 'MEDIA_RESOLUTION_LOW' },
    })
    expect(codes({ ...gemini({ presencePenalty: 0.5 }), model: 'gemini-2.5-flash' })).toEqual([
      'option-ignored',
    ])
    expect(() => wire(gemini({ safetySetings: [] }))).toThrow(/did you mean safetySettings\?/)
    expect(() => wire(gemini({ topK: 4 }))).toThrow(/is a call option: write topK/)
    expect(() => wire(gemini({ safetySettings: 'off' }))).toThrow(/safetySettings is a list/)
    expect(() => wire(gemini({ candidateCount: 2 }))).toThrow(/no setting/)
  })
})

describe('tools', () => {
  it('are declared with JSON Schema, and one without arguments says nothing of them', () => {
    const input = { type: 'object', properties: { days: { type: 'integer', exclusiveMinimum: 0 } } }
    const tools = [TOOL, { name: 'forecast', input }]
    expect(wire({ tools })['tools']).toEqual([
      {
        functionDeclarations: [
          { name: 'clock', description: 'The time' },
          {
            name: 'forecast',
            parametersJsonSchema: {
              type: 'object',
              properties: { days: { type: 'integer', description: 'More than 0' } },
            },
          },
        ],
      },
    ])
    const either = { type: 'object', anyOf: [{ required: ['a'] }, { required: ['b'] }] }
    expect(wire({ tools: [{ name: 'either', input: either }] })['tools']).toEqual([
      { functionDeclarations: [{ name: 'either', parametersJsonSchema: either }] },
    ])
    expect(codes({ tools })).toEqual(['schema-lowered'])
    expect(wire({ tools })['toolConfig']).toBeUndefined()
  })

  it.each<[ChatRequest['toolChoice'], unknown]>([
    ['auto', undefined],
    ['required', { functionCallingConfig: { mode: 'ANY' } }],
    ['none', { functionCallingConfig: { mode: 'NONE' } }],
    [{ tool: 'clock' }, { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['clock'] } }],
  ])('are chosen by %o as %o', (toolChoice, toolConfig) => {
    expect(
      wire({ tools: [TOOL], ...(toolChoice === undefined ? {} : { toolChoice }) })['toolConfig'],
    ).toEqual(toolConfig)
  })

  it('of Google are told where they are asked from', () => {
    const retrievalConfig = { latLng: { latitude: 48.1, longitude: 11.6 } }
    expect(wire(gemini({ googleMaps: true, retrievalConfig }))).toMatchObject({
      tools: [{ googleMaps: {} }],
      toolConfig: { retrievalConfig },
    })
  })

  it('may be called as a setting says, unless the call says how', () => {
    const validated = gemini({ functionCallingMode: 'validated' })
    const modeOf = (more: Partial<ChatRequest>): unknown =>
      wire({ tools: [TOOL], ...validated, ...more })['toolConfig']
    expect(modeOf({})).toEqual({ functionCallingConfig: { mode: 'VALIDATED' } })
    expect(modeOf({ toolChoice: 'required' })).toEqual({ functionCallingConfig: { mode: 'ANY' } })
    expect(modeOf({ tools: [] })).toBeUndefined()
  })

  it("go together with Google's own from Gemini 3 on, and are refused before", () => {
    const mixed = { tools: [TOOL], ...gemini({ googleSearch: {}, codeExecution: true }) }
    expect(wire(mixed)).toMatchObject({
      tools: [{ functionDeclarations: [{}] }, { googleSearch: {} }, { codeExecution: {} }],
      toolConfig: { includeServerSideToolInvocations: true },
    })
    expect(() => wire({ ...mixed, model: 'gemini-2.5-flash' })).toThrow(/not both in one request/)
    expect(wire({ ...mixed, tools: [], model: 'gemini-2.5-flash' })['tools']).toEqual([
      { googleSearch: {} },
      { codeExecution: {} },
    ])
  })

  it('and a format go together from Gemini 3 on; before, the answer is asked for again as JSON later', () => {
    const both = { tools: [TOOL], output: { type: 'object' } }
    expect(wire(both)['generationConfig']).toEqual({
      responseMimeType: 'application/json',
      responseJsonSchema: { type: 'object' },
    })
    const older = { ...both, model: 'gemini-2.5-flash' }
    expect(wire(older)['generationConfig']).toBeUndefined()
    expect(wire({ ...older, toolChoice: 'none' })).toMatchObject({
      generationConfig: { responseMimeType: 'application/json' },
    })
    expect(wire({ ...older, toolChoice: 'none' })['tools']).toBeUndefined()
  })
})
