import { describe, expect, it } from 'vitest'
import type { Message } from '../../../src/core/message.ts'
import type { ChatRequest } from '../../../src/core/request.ts'
import { kept } from '../../../src/dialects/openai-responses/kept.ts'
import {
  OPENAI_RESPONSES,
  toWire,
  type ResponsesSettings,
} from '../../../src/dialects/openai-responses/wire.ts'
import { errorOf } from '../../drivers/world.ts'

const BASE: ChatRequest = {
  model: 'gpt-6-luna',
  messages: [{ role: 'user', content: 'Hi' }],
  stream: false,
  providerOptions: {},
}

const body = (
  more: Partial<ChatRequest>,
  settings: Partial<ResponsesSettings> = {},
): Readonly<Record<string, unknown>> =>
  toWire({ ...BASE, ...more }, { quirks: OPENAI_RESPONSES, ...settings }).body

const input = (messages: readonly Message[], settings: Partial<ResponsesSettings> = {}): unknown =>
  body({ messages }, settings)['input']

describe('a conversation', () => {
  it('has what the system says first apart, and later words of it in their place', () => {
    const messages: Message[] = [
      { role: 'system', content: 'Be brief.' },
      { role: 'system', content: [{ type: 'text', text: 'Be kind.' }] },
      { role: 'user', content: 'Hi' },
      { role: 'system', content: 'Now be long.' },
    ]
    expect(body({ messages })).toMatchObject({
      instructions: 'Be brief.\n\nBe kind.',
      input: [
        { role: 'user', content: 'Hi' },
        { role: 'system', content: 'Now be long.' },
      ],
    })
    expect(body({ messages: [] })).not.toHaveProperty('instructions')
    const inInput = body({ messages }, { quirks: { ...OPENAI_RESPONSES, systemIn: 'input' } })
    expect(inInput).not.toHaveProperty('instructions')
    expect((inInput['input'] as readonly object[])[0]).toEqual({ role: 'system', content: 'Be brief.' })
  })

  it('has pictures and files as addresses with their type', () => {
    const content = [
      { type: 'text', text: 'What is this?' },
      { type: 'image', data: 'AA==', mediaType: 'image/png' },
      { type: 'file', data: 'AB==', mediaType: 'application/pdf', name: 'a.pdf' },
      { type: 'file', data: 'AC==', mediaType: 'image/jpeg' },
      { type: 'file', data: 'AD==', mediaType: 'application/pdf' },
    ] as const
    expect(input([{ role: 'user', content }], { imageDetail: 'low' })).toEqual([
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'What is this?' },
          { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'low' },
          { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AB==' },
          { type: 'input_image', image_url: 'data:image/jpeg;base64,AC==', detail: 'low' },
          { type: 'input_file', filename: 'file', file_data: 'data:application/pdf;base64,AD==' },
        ],
      },
    ])
  })

  it('has no place for sounds, and says where there is one', async () => {
    const sound = { type: 'audio', data: 'AA==', mediaType: 'audio/wav' } as const
    const error = await errorOf(Promise.resolve().then(() => input([{ role: 'user', content: [sound] }])))
    expect([error.code, error.message]).toEqual([
      'request_invalid',
      expect.stringContaining("dialect to 'chat'") as string,
    ])
  })

  it('has answers with their phases, refusals and ids, each message by itself', () => {
    const phased = (text: string, phase: string, id: string): object => ({
      type: 'text',
      text,
      providerData: kept({ fields: { id, phase } }),
    })
    const content = [
      phased('Let me look.', 'commentary', 'msg_1'),
      phased('An ', 'final_answer', 'msg_2'),
      phased('oak.', 'final_answer', 'msg_2'),
      { type: 'text', text: 'No.', providerData: kept({ fields: {}, refusal: true }) },
    ] as Message['content']
    const text = (said: string): object => ({ type: 'output_text', text: said, annotations: [] })
    const message = { type: 'message', role: 'assistant', status: 'completed' }
    expect(input([{ role: 'assistant', content }])).toEqual([
      { ...message, id: 'msg_1', phase: 'commentary', content: [text('Let me look.')] },
      { ...message, id: 'msg_2', phase: 'final_answer', content: [text('An '), text('oak.')] },
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
    ])
  })

  const THOUGHT = { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hm.' }] }
  const answer = (item: object): Message => ({
    role: 'assistant',
    content: [
      { type: 'reasoning', text: 'Hm.', providerData: kept({ item: { ...item, status: 'completed' } }) },
      {
        type: 'reasoning',
        text: '',
        providerData: kept({ item: { type: 'web_search_call', id: 'ws_1', status: 'completed' } }),
      },
      {
        type: 'text',
        text: 'An oak.',
        providerData: kept({ fields: { id: 'msg_1', phase: 'final_answer' } }),
      },
      {
        type: 'tool-call',
        id: 'call_1',
        name: 'plant',
        arguments: {},
        providerData: kept({ fields: { id: 'fc_1' } }),
      },
    ],
  })

  it('has sealed thoughts, and what stands between them and the text, as they came', () => {
    const sealed = { ...THOUGHT, encrypted_content: 'sealed' }
    expect(input([answer(sealed)])).toEqual([
      sealed,
      { type: 'web_search_call', id: 'ws_1', status: 'completed' },
      {
        type: 'message',
        role: 'assistant',
        status: 'completed',
        id: 'msg_1',
        phase: 'final_answer',
        content: [{ type: 'output_text', text: 'An oak.', annotations: [] }],
      },
      { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'plant', arguments: '{}' },
    ])
  })

  it('leaves out thoughts that are not sealed, and the ids of what followed them, where nothing is stored', () => {
    const bare = [
      { role: 'assistant', phase: 'final_answer', content: 'An oak.' },
      { type: 'function_call', call_id: 'call_1', name: 'plant', arguments: '{}' },
    ]
    expect(input([answer(THOUGHT)])).toEqual(bare)
    expect((input([answer(THOUGHT)], { fields: { store: true } }) as readonly object[])[0]).toEqual(THOUGHT)
  })

  it('leaves out thoughts where the server goes on from an answer that it has', () => {
    const items = input([answer({ ...THOUGHT, encrypted_content: 'sealed' })], {
      fields: { previous_response_id: 'resp_1' },
    }) as readonly { readonly type?: string }[]
    expect(items.some(({ type }) => type === 'reasoning' || type === 'web_search_call')).toBe(false)
  })

  it('takes nothing of what another dialect kept', () => {
    const content = [
      { type: 'reasoning', text: 'Hm.', providerData: { dialect: 'openai-chat', field: 'reasoning' } },
      { type: 'text', text: 'An ', providerData: { signature: 'x' } },
      { type: 'text', text: 'oak.' },
    ] as const
    expect(input([{ role: 'assistant', content }])).toEqual([{ role: 'assistant', content: 'An oak.' }])
  })

  it('has results as texts, by the ids of their calls, with words for nothing', () => {
    const result = (id: string, content: unknown, isError = false): object => ({
      type: 'tool-result',
      id,
      name: 'f',
      content,
      isError,
    })
    const long = 'x'.repeat(80)
    const messages = [
      {
        role: 'assistant',
        content: [
          { type: 'tool-call', id: long, name: 'f', arguments: {} },
          {
            type: 'tool-call',
            id: 'c',
            name: 'sql',
            arguments: { input: 'SELECT 1' },
            providerData: kept({ fields: { id: 'ctc_1' }, custom: true }),
          },
        ],
      },
      { role: 'tool', content: [result(long, { a: 1 }), result('c', ''), result('d', undefined, true)] },
      { role: 'tool', content: 'a word' },
    ] as unknown as Message[]
    const [first, second, ...results] = input(messages) as readonly { readonly call_id: string }[]
    expect(first?.call_id).toHaveLength(40)
    expect(second).toEqual({
      type: 'custom_tool_call',
      id: 'ctc_1',
      call_id: 'c',
      name: 'sql',
      input: 'SELECT 1',
    })
    expect(results).toEqual([
      { type: 'function_call_output', call_id: first?.call_id, output: '{"a":1}' },
      { type: 'custom_tool_call_output', call_id: 'c', output: 'ok' },
      { type: 'function_call_output', call_id: 'd', output: 'error' },
      { role: 'user', content: 'a word' },
    ])
  })
})

describe('a request', () => {
  it('says strict of every tool, as its schema allows', () => {
    const tools = [
      {
        name: 'open',
        description: 'Opens',
        input: { type: 'object', properties: { a: { type: 'string' } } },
      },
      { name: 'fits', input: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] } },
      {
        name: 'worded',
        input: {
          type: 'object',
          properties: { a: { type: 'string', minLength: 2, description: 'A' } },
          required: ['a'],
        },
      },
      { name: 'none', input: { $schema: 'x', type: 'object', properties: {} } },
    ]
    const { body: sent, warnings } = toWire({ ...BASE, tools }, { quirks: OPENAI_RESPONSES })
    expect(sent['tools']).toEqual([
      { type: 'function', name: 'open', description: 'Opens', parameters: tools[0]?.input, strict: false },
      {
        type: 'function',
        name: 'fits',
        parameters: { ...tools[1]?.input, additionalProperties: false },
        strict: true,
      },
      {
        type: 'function',
        name: 'worded',
        parameters: {
          type: 'object',
          properties: { a: { type: 'string', description: 'A (at least 2 characters)' } },
          required: ['a'],
          additionalProperties: false,
        },
        strict: true,
      },
      {
        type: 'function',
        name: 'none',
        parameters: { type: 'object', properties: {}, additionalProperties: false, required: [] },
        strict: true,
      },
    ])
    expect(warnings).toMatchObject([
      { code: 'schema-lowered', details: { tools: { worded: ['minLength'] } } },
    ])
    const loose = body({ tools }, { strict: false })['tools'] as readonly { readonly strict: boolean }[]
    expect(loose.map(({ strict }) => strict)).toEqual([false, false, false, false])
  })

  it.each([
    [undefined, undefined],
    ['auto', 'auto'],
    ['none', 'none'],
    ['required', 'required'],
    [{ tool: 'f' }, { type: 'function', name: 'f' }],
  ] as const)('says how tools are chosen: %o', (toolChoice, sent) => {
    const tools = [{ name: 'f', input: { type: 'object' } }]
    expect(body({ tools, ...(toolChoice && { toolChoice }) })['tool_choice']).toEqual(sent)
    expect(body(toolChoice ? { toolChoice } : {})).not.toHaveProperty('tool_choice')
  })

  it('holds an answer to its schema, as far as it can', () => {
    const fits = { type: 'object', properties: { a: { type: 'integer', minimum: 1 } }, required: ['a'] }
    expect(body({ output: fits }, { text: { verbosity: 'low' } })['text']).toEqual({
      format: {
        type: 'json_schema',
        name: 'answer',
        schema: { ...fits, additionalProperties: false },
        strict: true,
      },
      verbosity: 'low',
    })
    const optional = { type: 'object', properties: { a: { type: 'string' } } }
    expect(body({ output: optional })['text']).toEqual({
      format: { type: 'json_schema', name: 'answer', schema: optional, strict: false },
    })
    expect(body({}, { text: { verbosity: 'low' } })['text']).toEqual({ verbosity: 'low' })
    expect(body({})).not.toHaveProperty('text')
  })

  it('asks for no less than the least, and says so', () => {
    const { body: sent, warnings } = toWire({ ...BASE, maxOutputTokens: 5 }, { quirks: OPENAI_RESPONSES })
    expect(sent['max_output_tokens']).toBe(16)
    expect(warnings).toMatchObject([{ code: 'option-changed', details: { asked: 5, sent: 16 } }])
    expect(toWire({ ...BASE, maxOutputTokens: 16 }, { quirks: OPENAI_RESPONSES }).warnings).toEqual([])
  })

  it('sends what a server takes beside OpenAI, and nothing else', () => {
    const quirks = {
      ...OPENAI_RESPONSES,
      takes: new Set(['topK', 'seed'] as const),
      outputTokensMin: 1,
    }
    const asked = {
      topK: 3,
      seed: 7,
      temperature: 1,
      topP: 0.5,
      maxOutputTokens: 1,
      serviceTier: 'flex',
    }
    expect(body(asked, { quirks })).toMatchObject({
      top_k: 3,
      seed: 7,
      temperature: 1,
      top_p: 0.5,
      max_output_tokens: 1,
      service_tier: 'flex',
    })
  })

  it('keeps nothing on the server, and lets fields of the caller win', () => {
    expect(body({})).toMatchObject({ store: false, include: ['reasoning.encrypted_content'] })
    const stored = body({}, { fields: { store: true, metadata: { a: 'b' } }, include: ['x'] })
    expect(stored).toMatchObject({ store: true, include: ['x'], metadata: { a: 'b' } })
    expect(body({}, { fields: { store: true } })).not.toHaveProperty('include')
  })
})
