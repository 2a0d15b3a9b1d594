import { describe, expect, it } from 'vitest'
import type { Message } from '../../../src/core/message.ts'
import type { ChatRequest } from '../../../src/core/request.ts'
import { toWireId } from '../../../src/dialects/tool-call.ts'
import {
  COMPATIBLE_CHAT,
  OPENAI_CHAT,
  toWire,
  type ChatSettings,
} from '../../../src/dialects/openai-chat/wire.ts'
import { isStrictSchema } from '../../../src/dialects/strict-schema.ts'
import { errorOf } from '../../drivers/world.ts'

const BASE: ChatRequest = {
  model: 'oak',
  messages: [{ role: 'user', content: 'Hi' }],
  stream: false,
  providerOptions: {},
}

function bodyOf(more: Partial<ChatRequest>, settings: Partial<ChatSettings> = {}): unknown {
  return toWire({ ...BASE, ...more }, { quirks: OPENAI_CHAT, ...settings }).body
}

function messagesOf(messages: readonly Message[], settings?: Partial<ChatSettings>): unknown {
  return (bodyOf({ messages }, settings) as { messages: unknown }).messages
}

const CALL = { type: 'tool-call', id: 'call_1', name: 'weather', arguments: { city: 'Oslo' } } as const
const WIRE_CALL = {
  id: 'call_1',
  type: 'function',
  function: { name: 'weather', arguments: '{"city":"Oslo"}' },
}
const PNG = 'iVBORw0KGgo='

describe('the body of a chat request', () => {
  it('is this and nothing else for a plain text', () => {
    expect(bodyOf({})).toEqual({ model: 'oak', messages: [{ role: 'user', content: 'Hi' }], stream: false })
  })

  it('asks a stream for its counts, always', () => {
    expect(bodyOf({ stream: true })).toMatchObject({ stream: true, stream_options: { include_usage: true } })
    expect(bodyOf({ stream: false })).not.toHaveProperty('stream_options')
  })

  it('has every setting under its name on the wire', () => {
    const settings = {
      maxOutputTokens: 50,
      temperature: 0.5,
      topP: 0.9,
      stop: 'END',
      seed: 7,
      serviceTier: 'flex',
    }
    expect(bodyOf(settings, { effort: 'low' })).toEqual({
      model: 'oak',
      messages: [{ role: 'user', content: 'Hi' }],
      stream: false,
      max_completion_tokens: 50,
      temperature: 0.5,
      top_p: 0.9,
      stop: ['END'],
      seed: 7,
      reasoning_effort: 'low',
      service_tier: 'flex',
    })
    expect(bodyOf({ stop: ['a', 'b'] })).toMatchObject({ stop: ['a', 'b'] })
    expect(bodyOf({ temperature: 0, seed: 0 })).toMatchObject({ temperature: 0, seed: 0 })
  })

  it('calls the limit of the output as the server knows it', () => {
    const compatible = bodyOf({ maxOutputTokens: 50 }, { quirks: COMPATIBLE_CHAT })
    expect(compatible).toMatchObject({ max_tokens: 50 })
    expect(compatible).not.toHaveProperty('max_completion_tokens')
    expect(bodyOf({ maxOutputTokens: 50 })).not.toHaveProperty('max_tokens')
  })

  it('leaves topK out with a warning where it is not known, and sends it where it is', () => {
    const request = { ...BASE, topK: 40 }
    const { body, warnings } = toWire(request, { quirks: OPENAI_CHAT })
    expect(body).not.toHaveProperty('top_k')
    expect(warnings).toMatchObject([{ code: 'option-ignored', details: { option: 'topK' } }])
    const known = toWire(request, { quirks: COMPATIBLE_CHAT })
    expect([known.body['top_k'], known.warnings]).toEqual([40, []])
  })

  it('takes fields of the provider as they are, over its own', () => {
    expect(bodyOf({ seed: 1 }, { fields: { seed: 2, logit_bias: { 50: -1 } } })).toMatchObject({
      seed: 2,
      logit_bias: { 50: -1 },
    })
  })
})

describe('messages on the wire', () => {
  it('are plain texts where there is nothing but text', () => {
    const messages: Message[] = [
      { role: 'system', content: 'Be brief' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Hi ' },
          { type: 'text', text: 'there' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Hello ' },
          { type: 'text', text: 'Ada' },
        ],
      },
      { role: 'assistant', content: 'and more' },
    ]
    expect(messagesOf(messages)).toEqual([
      { role: 'system', content: 'Be brief' },
      { role: 'user', content: 'Hi there' },
      { role: 'assistant', content: 'Hello Ada' },
      { role: 'assistant', content: 'and more' },
    ])
  })

  it('have pictures, sounds and files as parts beside the text', () => {
    const content: Message['content'] = [
      { type: 'text', text: 'What is this?' },
      { type: 'text', text: '' },
      { type: 'image', data: PNG, mediaType: 'image/png' },
      { type: 'image', url: 'https://pictures.example/a.png' },
      { type: 'audio', data: 'UklGRg==', mediaType: 'audio/wav' },
      { type: 'audio', data: 'SUQz', mediaType: 'audio/mpeg' },
      { type: 'file', data: 'JVBERi0=', mediaType: 'application/pdf', name: 'a.pdf' },
      { type: 'file', data: 'JVBERi0=', mediaType: 'application/pdf' },
    ]
    expect(messagesOf([{ role: 'user', content }])).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
          { type: 'image_url', image_url: { url: 'https://pictures.example/a.png' } },
          { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } },
          { type: 'input_audio', input_audio: { data: 'SUQz', format: 'mp3' } },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
          { type: 'file', file: { filename: 'file', file_data: 'data:application/pdf;base64,JVBERi0=' } },
        ],
      },
    ])
  })

  it.each([
    [{ type: 'audio', data: 'T2dnUw==', mediaType: 'audio/ogg' }, /takes WAV and MP3, and no audio\/ogg/],
    [{ type: 'audio', url: 'https://sounds.example/a.wav' }, /takes sounds as data only/],
    [{ type: 'file', url: 'https://files.example/a.pdf' }, /takes files as data only/],
    [{ type: 'image' }, /neither data nor url/],
  ] as const)('refuse what the API has no place for: %j', async (part, message) => {
    const error = await errorOf((async () => messagesOf([{ role: 'user', content: [part] }]))())
    expect(error.code).toBe('request_invalid')
    expect(error.message).toMatch(message)
  })

  it('have calls of tools with their arguments as text, and each result on its own', () => {
    const second = { ...CALL, id: 'call_2', arguments: {} } as const
    const messages: Message[] = [
      { role: 'assistant', content: [{ type: 'text', text: 'Let me look.' }, CALL, second] },
      {
        role: 'tool',
        content: [
          { type: 'tool-result', id: 'call_1', name: 'weather', content: { celsius: 21 } },
          { type: 'tool-result', id: 'call_2', name: 'weather', content: 'Error: no city', isError: true },
        ],
      },
      { role: 'tool', content: 'as it is' },
    ]
    expect(messagesOf(messages)).toEqual([
      {
        role: 'assistant',
        content: 'Let me look.',
        tool_calls: [
          WIRE_CALL,
          { id: 'call_2', type: 'function', function: { name: 'weather', arguments: '{}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'call_1', content: '{"celsius":21}' },
      { role: 'tool', tool_call_id: 'call_2', content: 'Error: no city' },
      { role: 'tool', content: 'as it is' },
    ])
  })

  it('have null and no empty text beside calls, and a text that is empty where there is nothing', () => {
    expect(messagesOf([{ role: 'assistant', content: [CALL] }])).toEqual([
      { role: 'assistant', content: null, tool_calls: [WIRE_CALL] },
    ])
    const thought: Message = { role: 'assistant', content: [{ type: 'reasoning', text: 'Hm' }] }
    expect(messagesOf([thought])).toEqual([{ role: 'assistant', content: '' }])
  })

  it('never have an empty result', () => {
    const result = { type: 'tool-result', id: 'a', name: 'f' } as const
    for (const [content, isError, sent] of [
      ['', false, 'ok'],
      [undefined, false, 'ok'],
      [undefined, true, 'error'],
      [null, false, 'null'],
    ] as const) {
      const [only] = messagesOf([{ role: 'tool', content: [{ ...result, content, isError }] }]) as object[]
      expect(only).toMatchObject({ content: sent })
    }
  })

  it('send thoughts of the turn that goes on back where they came in, to servers that take them', () => {
    const thinking = (providerData: unknown): Message['content'] => [
      { type: 'reasoning', text: 'Need it. ', providerData },
      { type: 'reasoning', text: 'Now.', providerData },
      CALL,
    ]
    const turn: Message[] = [
      { role: 'user', content: 'Weather?' },
      { role: 'assistant', content: thinking({ field: 'reasoning_content' }) },
    ]
    const quirks = { quirks: COMPATIBLE_CHAT }
    expect(messagesOf(turn, quirks)).toMatchObject([
      {},
      { reasoning_content: 'Need it. Now.', content: null },
    ])
    const other: Message[] = [{ role: 'assistant', content: thinking({ field: 'reasoning' }) }]
    expect(messagesOf(other, quirks)).toMatchObject([{ reasoning: 'Need it. Now.' }])
    // A new turn has begun, another provider thought, or the server takes none.
    const without = { role: 'assistant', content: null, tool_calls: [WIRE_CALL] }
    expect(messagesOf([...turn, { role: 'user', content: 'And?' }], quirks)).toMatchObject([{}, without, {}])
    expect((messagesOf([...turn, { role: 'user', content: 'And?' }], quirks) as object[])[1]).toEqual(without)
    for (const foreign of [undefined, 'x', { item: 'rs_1' }, { field: 'content' }]) {
      expect(messagesOf([{ role: 'assistant', content: thinking(foreign) }], quirks)).toEqual([without])
    }
    expect((messagesOf(turn) as object[])[1]).toEqual(without)
  })
})

describe('ids of tool calls', () => {
  it('stay as they are up to 40 characters', () => {
    for (const id of ['a', 'x'.repeat(40)]) expect(toWireId(id)).toBe(id)
  })

  it('are cut to 40 where they are longer, the same way each time, and two stay two', () => {
    const long = `fc_${'a'.repeat(60)}`
    expect(toWireId(`${long}1`)).toHaveLength(40)
    expect(toWireId(`${long}1`)).toBe(toWireId(`${long}1`))
    expect(toWireId(`${long}1`)).not.toBe(toWireId(`${long}2`))
    const messages: Message[] = [
      { role: 'assistant', content: [{ ...CALL, id: long }] },
      { role: 'tool', content: [{ type: 'tool-result', id: long, name: 'weather', content: 'x' }] },
    ]
    expect(messagesOf(messages)).toMatchObject([
      { tool_calls: [{ id: toWireId(long) }] },
      { tool_call_id: toWireId(long) },
    ])
  })
})

describe('tools on the wire', () => {
  const tools = [
    { name: 'weather', description: 'The weather', input: { type: 'object' } },
    { name: 'clock', description: '', input: { type: 'object' } },
  ]

  it('are nested under function, with their schema as it is', () => {
    expect(bodyOf({ tools })).toMatchObject({
      tools: [
        {
          type: 'function',
          function: { name: 'weather', description: 'The weather', parameters: { type: 'object' } },
        },
        { type: 'function', function: { name: 'clock', parameters: { type: 'object' } } },
      ],
    })
    expect(bodyOf({ tools })).not.toHaveProperty('tool_choice')
    expect(bodyOf({ tools: [] })).not.toHaveProperty('tools')
  })

  it.each([
    ['auto', 'auto'],
    ['none', 'none'],
    ['required', 'required'],
    [{ tool: 'clock' }, { type: 'function', function: { name: 'clock' } }],
  ] as const)('are chosen by %j as %j', (toolChoice, wire) => {
    expect(bodyOf({ tools, toolChoice })).toMatchObject({ tool_choice: wire, tools: [{}, {}] })
  })
})

describe('a schema for the answer', () => {
  const strict = {
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
    additionalProperties: false,
  }

  it('is sent as json_schema, strict where it can be', () => {
    expect(bodyOf({ output: strict })).toMatchObject({
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: strict, strict: true } },
    })
    const loose = { type: 'object', properties: { a: { type: 'string' } } }
    expect(bodyOf({ output: loose })).toMatchObject({
      response_format: { json_schema: { schema: loose, strict: false } },
    })
  })

  it.each([
    ['an empty object', { type: 'object', additionalProperties: false }, true],
    ['objects inside', { ...strict, properties: { a: strict } }, true],
    ['a list of objects', { ...strict, properties: { a: { type: 'array', items: strict } } }, true],
    ['a choice inside', { ...strict, properties: { a: { anyOf: [strict, { type: 'null' }] } } }, true],
    ['definitions', { ...strict, properties: { a: { $ref: '#/$defs/x' } }, $defs: { x: strict } }, true],
    ['values', { ...strict, properties: { a: { enum: ['x', 1, null] } } }, true],
    ['a choice at the root', { ...strict, anyOf: [strict] }, false],
    ['a list at the root', { type: 'array', items: strict }, false],
    ['a property that may be missing', { ...strict, required: [] }, false],
    ['other properties allowed', { ...strict, additionalProperties: true }, false],
    ['nothing said of other properties', { ...strict, additionalProperties: undefined }, false],
    ['an open object inside', { ...strict, properties: { a: { type: 'object', properties: {} } } }, false],
    ['an open object in definitions', { ...strict, $defs: { x: { type: 'object' } } }, false],
    ['allOf', { ...strict, properties: { a: { allOf: [strict] } } }, false],
    ['oneOf', { ...strict, properties: { a: { oneOf: [strict] } } }, false],
    ['not', { ...strict, properties: { a: { type: 'string', not: { const: '' } } } }, false],
    ['a tuple', { ...strict, properties: { a: { type: 'array', prefixItems: [] } } }, false],
    ['anything', { ...strict, properties: { a: {} } }, false],
    ['true for a schema', { ...strict, properties: { a: true } }, false],
    ['look-ahead', { ...strict, properties: { a: { type: 'string', pattern: '^(?=x)' } } }, false],
    ['a plain pattern', { ...strict, properties: { a: { type: 'string', pattern: '^(?:x)$' } } }, true],
  ])('with %s is strict: %j', (_, schema, expected) => {
    expect(isStrictSchema(schema)).toBe(expected)
  })

  it('is strict within limits of depth and size only', () => {
    const nested = (levels: number): Record<string, unknown> =>
      levels === 1 ? { type: 'string' } : { ...strict, properties: { a: nested(levels - 1) } }
    expect([isStrictSchema(nested(10)), isStrictSchema(nested(11))]).toEqual([true, false])
    const many = (count: number): Record<string, unknown> => {
      const names = Array.from({ length: count }, (_, index) => `p${index}`)
      return {
        ...strict,
        properties: Object.fromEntries(names.map((name) => [name, { type: 'null' }])),
        required: names,
      }
    }
    expect([isStrictSchema(many(5_000)), isStrictSchema(many(5_001))]).toEqual([true, false])
    const values = (count: number): Record<string, unknown> => ({
      ...strict,
      properties: { a: { enum: Array.from({ length: count }, (_, index) => index) } },
    })
    expect([isStrictSchema(values(1_000)), isStrictSchema(values(1_001))]).toEqual([true, false])
    const long = (chars: number): Record<string, unknown> => ({
      ...strict,
      properties: { a: { enum: ['x'.repeat(chars)] } },
    })
    expect([isStrictSchema(long(119_999)), isStrictSchema(long(120_000))]).toEqual([true, false])
  })
})
