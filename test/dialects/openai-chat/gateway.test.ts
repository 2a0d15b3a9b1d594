import { describe, expect, it } from 'vitest'
import type { ChatRequest } from '../../../src/core/request.ts'
import { Fold, type DriverEvent, type StreamEvent } from '../../../src/core/stream.ts'
import { toUsage } from '../../../src/core/usage.ts'
import { fromWireRequest } from '../../../src/dialects/openai-chat/decode.ts'
import { ENCODE_INITIAL, toChunks, toWireAnswer } from '../../../src/dialects/openai-chat/encode.ts'
import { fromWire, OPENAI_CHAT, toWire } from '../../../src/dialects/openai-chat/wire.ts'
import { errorOf } from '../../drivers/world.ts'
import { readChunks } from './world.ts'

const CALL = { type: 'tool-call', id: 'call_1', name: 'weather', arguments: { city: 'Oslo' } } as const
const TOOLS = [{ name: 'weather', description: 'The weather', input: { type: 'object' } }]
const SCHEMA = { type: 'object', properties: { a: { type: 'string' } } }

describe('a request that comes in', () => {
  it('is the one that would have gone out', () => {
    const request: ChatRequest = {
      model: 'oak',
      stream: true,
      messages: [
        { role: 'system', content: 'Be brief' },
        { role: 'user', content: 'Weather?' },
        {
          role: 'assistant',
          content: [{ type: 'text', text: 'Let me look.' }, CALL, { ...CALL, id: 'call_2' }],
        },
        {
          role: 'tool',
          content: [
            { type: 'tool-result', id: 'call_1', name: 'weather', content: 'warm' },
            { type: 'tool-result', id: 'call_2', name: 'weather', content: 'cold' },
          ],
        },
        { role: 'assistant', content: 'Warm.' },
      ],
      tools: TOOLS,
      toolChoice: { tool: 'weather' },
      output: SCHEMA,
      maxOutputTokens: 9,
      temperature: 0,
      topP: 0.5,
      stop: ['END'],
      seed: 7,
      serviceTier: 'flex',
      providerOptions: {},
    }
    const { providerOptions: _, ...asked } = request
    expect(fromWireRequest(toWire(request, { quirks: OPENAI_CHAT, effort: 'none' }).body)).toEqual({
      ...asked,
      reasoning: 'off',
      includeUsage: true,
      ignored: [],
    })
  })

  it('has only what it says, and what means nothing here by name', () => {
    const messages = [{ role: 'user', content: 'Hi' }]
    expect(
      fromWireRequest({
        model: 'oak',
        messages,
        n: 2,
        logit_bias: null,
        max_tokens: 5,
        stop: 'x',
        user: 'ada',
      }),
    ).toEqual({
      model: 'oak',
      messages,
      stream: false,
      includeUsage: false,
      tools: [],
      maxOutputTokens: 5,
      stop: 'x',
      user: 'ada',
      ignored: ['n'],
    })
  })

  it('may have pictures, sounds, files and the instructions of a developer', () => {
    const content = [
      { type: 'text', text: 'What?' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
      { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } },
      { type: 'file', file: { file_data: 'data:application/pdf;base64,AA==', filename: 'a.pdf' } },
    ]
    const { messages } = fromWireRequest({
      model: 'oak',
      messages: [
        { role: 'developer', content: [{ type: 'text', text: 'Be brief' }] },
        { role: 'user', content },
      ],
    })
    expect(messages).toEqual([
      { role: 'system', content: 'Be brief' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What?' },
          { type: 'image', url: 'data:image/png;base64,AA==' },
          { type: 'audio', data: 'AA==' },
          { type: 'file', data: 'data:application/pdf;base64,AA==', name: 'a.pdf' },
        ],
      },
    ])
  })

  it('asks for JSON of any kind with json_object', () => {
    const ask = (format: object): unknown =>
      fromWireRequest({ model: 'oak', messages: [], response_format: format }).output
    expect([ask({ type: 'json_object' }), ask({ type: 'text' })]).toEqual([{ type: 'object' }, undefined])
  })

  const user = { role: 'user', content: 'Hi' }
  it.each([
    [7, 'The body is a JSON object'],
    [{ messages: [] }, 'model is the id of a model'],
    [{ model: 'oak' }, 'messages is an array'],
    [{ model: 'oak', messages: [7] }, 'messages[0] is an object'],
    [{ model: 'oak', messages: [{ role: 'bot', content: '' }] }, 'messages[0].role is one of'],
    [
      { model: 'oak', messages: [{ role: 'user', content: 7 }] },
      'messages[0].content is a text or an array of parts',
    ],
    [
      { model: 'oak', messages: [{ role: 'user', content: [{ type: 'video' }] }] },
      'messages[0].content[0] is a text',
    ],
    [
      { model: 'oak', messages: [{ role: 'system', content: [{ type: 'image_url', image_url: 'x' }] }] },
      'has text only',
    ],
    [{ model: 'oak', messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].tool_call_id is a text'],
    [
      { model: 'oak', messages: [{ role: 'assistant', tool_calls: [{}] }] },
      'messages[0].tool_calls[0] has an id',
    ],
    [
      {
        model: 'oak',
        messages: [{ role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'f', arguments: '[' } }] }],
      },
      'messages[0].tool_calls[0].function.arguments is a JSON object',
    ],
    [{ model: 'oak', messages: [user], tools: {} }, 'tools is an array'],
    [{ model: 'oak', messages: [user], tools: [{ type: 'function' }] }, 'tools[0] is a function with a name'],
    [{ model: 'oak', messages: [user], tool_choice: 'maybe' }, 'tool_choice is'],
    [{ model: 'oak', messages: [user], response_format: { type: 'json_schema' } }, 'response_format is'],
    [{ model: 'oak', messages: [user], temperature: '1' }, 'temperature is a number'],
    [{ model: 'oak', messages: [user], stop: [7] }, 'stop is a text'],
    [{ model: 'oak', messages: [user], reasoning_effort: 'toString' }, 'reasoning_effort is one of none'],
    [{ model: 'oak', messages: [user], user: 7 }, 'user is a text'],
  ])('is refused for %j', async (body, message) => {
    const error = await errorOf((async () => fromWireRequest(body))())
    expect(error.code).toBe('request_invalid')
    expect(error.message).toContain(message)
  })
})

const HEAD = { id: 'chatcmpl-1', model: 'oak', created: 1 }
const USAGE = toUsage({ inputTokens: 9, cacheReadTokens: 4, outputTokens: 6, reasoningTokens: 2 })
const CALLS = [
  { id: 'a', name: 'f', arguments: { n: 1 } },
  { id: 'b', name: 'g', arguments: {} },
]
const FINISH: StreamEvent = {
  type: 'finish',
  finishReason: { unified: 'tool-calls', raw: 'tool_calls' },
  usage: USAGE,
  cost: { status: 'unknown', amount: undefined, reason: 'a test', lines: [] },
}

function chunksOf(
  events: readonly StreamEvent[],
  includeUsage: boolean = true,
): Readonly<Record<string, unknown>>[] {
  let state = ENCODE_INITIAL
  return events.flatMap((event) => {
    const step = toChunks(state, event, HEAD, includeUsage)
    state = step.state
    return [...step.chunks]
  })
}

describe('an answer that goes out', () => {
  const parts: readonly DriverEvent[] = [
    { type: 'start', model: 'oak' },
    { type: 'reasoning-start' },
    { type: 'reasoning-delta', text: 'Hm.' },
    { type: 'reasoning-end' },
    { type: 'text-start' },
    { type: 'text-delta', text: 'Yes' },
    { type: 'text-delta', text: '.' },
    { type: 'text-end' },
  ]
  const whole: readonly StreamEvent[] = [
    ...(parts as StreamEvent[]),
    ...CALLS.map((call) => ({ type: 'tool-call', call }) as const),
    FINISH,
  ]
  const pieces: readonly StreamEvent[] = [
    ...(parts as StreamEvent[]),
    { type: 'tool-call-start', id: 'a', name: 'f' },
    { type: 'tool-call-start', id: 'b', name: 'g' },
    { type: 'tool-call-delta', id: 'a', argumentsText: '{"n"' },
    { type: 'tool-call-delta', id: 'a', argumentsText: ':1}' },
    ...CALLS.map((call) => ({ type: 'tool-call', call }) as const),
    FINISH,
  ]

  it.each([
    ['whole calls', whole],
    ['calls in pieces', pieces],
  ])('as chunks with %s is read back the same', (_, events) => {
    const { fold } = readChunks(chunksOf(events))
    expect([fold.reasoning, fold.text, fold.toolCalls]).toEqual(['Hm.', 'Yes.', CALLS])
    expect(fold.end).toMatchObject({
      finishReason: { unified: 'tool-calls', raw: 'tool_calls' },
      usage: { inputTokens: 9, cacheReadTokens: 4, outputTokens: 6, reasoningTokens: 2 },
    })
  })

  it('as one object is read back the same', () => {
    const finishReason = { unified: 'tool-calls', raw: 'tool_calls' } as const
    const wire = toWireAnswer(
      { text: 'Yes.', reasoning: 'Hm.', toolCalls: CALLS, finishReason, usage: USAGE },
      HEAD,
    )
    const fold = new Fold()
    for (const event of fromWire(wire).events) fold.apply(event)
    expect([fold.reasoning, fold.text, fold.toolCalls]).toEqual(['Hm.', 'Yes.', CALLS])
    expect(fold.end?.usage).toMatchObject({ inputTokens: 9, outputTokens: 6 })
  })

  it('tells its counts only where they are asked for, and known', () => {
    expect(chunksOf([FINISH], false).some((chunk) => 'usage' in chunk)).toBe(false)
    const unknown = chunksOf([{ ...FINISH, usage: toUsage({}) }])
    expect(unknown.map(({ usage }) => usage)).toEqual([null, null])
    const finishReason = { unified: 'stop', raw: 'stop' } as const
    const wire = toWireAnswer(
      { text: 'a', reasoning: '', toolCalls: [], finishReason, usage: toUsage({}) },
      HEAD,
    )
    expect(wire).not.toHaveProperty('usage')
  })

  it('says a refusal in its own field', () => {
    const finishReason = { unified: 'content-filter', raw: 'stop', detail: 'refusal' } as const
    const wire = toWireAnswer({ text: 'No.', reasoning: '', toolCalls: [], finishReason, usage: USAGE }, HEAD)
    expect(wire).toMatchObject({
      choices: [{ message: { content: null, refusal: 'No.' }, finish_reason: 'content_filter' }],
    })
  })
})
