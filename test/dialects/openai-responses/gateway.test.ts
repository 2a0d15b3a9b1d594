import { describe, expect, it } from 'vitest'
import type { ChatRequest } from '../../../src/core/request.ts'
import { Fold, type DriverEvent, type StreamEvent } from '../../../src/core/stream.ts'
import { toUsage } from '../../../src/core/usage.ts'
import { fromWireRequest } from '../../../src/dialects/openai-responses/decode.ts'
import { ENCODE_INITIAL, toEvents, toWireAnswer } from '../../../src/dialects/openai-responses/encode.ts'
import { fromWire, INITIAL, reduceEvent } from '../../../src/dialects/openai-responses/stream.ts'
import { OPENAI_RESPONSES, toWire } from '../../../src/dialects/openai-responses/wire.ts'
import { errorOf } from '../../drivers/world.ts'

const CALL = { type: 'tool-call', id: 'call_1', name: 'weather', arguments: { city: 'Oslo' } } as const
const CLOSED = { type: 'object', properties: {}, additionalProperties: false, required: [] }
const SCHEMA = {
  type: 'object',
  properties: { a: { type: 'string' } },
  required: ['a'],
  additionalProperties: false,
}

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
        {
          role: 'user',
          content: [
            { type: 'text', text: 'And this?' },
            { type: 'image', url: 'data:image/png;base64,AA==' },
          ],
        },
      ],
      tools: [{ name: 'weather', description: 'The weather', input: CLOSED }],
      toolChoice: { tool: 'weather' },
      output: SCHEMA,
      maxOutputTokens: 19,
      temperature: 0,
      topP: 0.5,
      serviceTier: 'flex',
      providerOptions: {},
    }
    const { providerOptions: _, ...asked } = request
    const ready = {
      ...request,
      messages: request.messages.map((message, index) =>
        index < 5
          ? message
          : {
              ...message,
              content: [
                { type: 'text' as const, text: 'And this?' },
                { type: 'image' as const, data: 'AA==', mediaType: 'image/png' },
              ],
            },
      ),
    }
    const { body, warnings } = toWire(ready, { quirks: OPENAI_RESPONSES, reasoning: { effort: 'none' } })
    expect(warnings).toEqual([])
    expect(fromWireRequest(body)).toEqual({ ...asked, reasoning: 'off', ignored: [] })
  })

  it('has only what it says, and what means nothing here by name', () => {
    expect(
      fromWireRequest({
        model: 'oak',
        input: 'Hi',
        store: true,
        truncation: 'auto',
        background: false,
        temperature: null,
        tools: [{ type: 'web_search' }],
      }),
    ).toEqual({
      model: 'oak',
      messages: [{ role: 'user', content: 'Hi' }],
      stream: false,
      tools: [],
      ignored: ['truncation', 'tools[0]'],
    })
  })

  it('takes items in all the shapes that clients send', () => {
    const { messages, user, stop } = fromWireRequest({
      model: 'oak',
      user: 'ada',
      stop: ['END'],
      input: [
        { role: 'developer', content: [{ type: 'input_text', text: 'Be brief' }] },
        {
          type: 'message',
          role: 'user',
          content: [{ type: 'input_file', file_data: 'data:x', filename: 'a.pdf' }],
        },
        { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Hm.' }] },
        { type: 'reasoning', id: 'rs_2', summary: [] },
        { type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] },
        { type: 'function_call', call_id: 'c', name: 'f', arguments: '' },
        { type: 'function_call_output', call_id: 'c', output: [{ type: 'input_text', text: 'done' }] },
        { type: 'function_call_output', call_id: 'unknown', output: 'x' },
      ],
    })
    expect([user, stop]).toEqual(['ada', ['END']])
    expect(messages).toEqual([
      { role: 'system', content: 'Be brief' },
      { role: 'user', content: [{ type: 'file', data: 'data:x', name: 'a.pdf' }] },
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'Hm.' },
          { type: 'text', text: 'No.' },
          { type: 'tool-call', id: 'c', name: 'f', arguments: {} },
        ],
      },
      {
        role: 'tool',
        content: [
          { type: 'tool-result', id: 'c', name: 'f', content: 'done' },
          { type: 'tool-result', id: 'unknown', name: 'unknown', content: 'x' },
        ],
      },
    ])
  })

  it.each<readonly [named: string, body: unknown]>([
    ['The body', []],
    ['model', { input: 'Hi' }],
    ['input', { model: 'oak' }],
    ['input[0]', { model: 'oak', input: [7] }],
    ['input[0].role', { model: 'oak', input: [{ role: 'tool', content: 'x' }] }],
    ['input[0].content', { model: 'oak', input: [{ role: 'user' }] }],
    ['input[0].content[0]', { model: 'oak', input: [{ role: 'user', content: [{ type: 'sound' }] }] }],
    ['input[0].type', { model: 'oak', input: [{ type: 'computer_call' }] }],
    ['input[0].call_id', { model: 'oak', input: [{ type: 'function_call_output', output: 'x' }] }],
    ['input[0] has a call_id', { model: 'oak', input: [{ type: 'function_call', name: 'f' }] }],
    [
      'input[0].arguments',
      { model: 'oak', input: [{ type: 'function_call', call_id: 'c', name: 'f', arguments: '[' }] },
    ],
    ['input[0].output', { model: 'oak', input: [{ type: 'function_call_output', call_id: 'c', output: 7 }] }],
    ['previous_response_id', { model: 'oak', input: 'Hi', previous_response_id: 'resp_1' }],
    ['background', { model: 'oak', input: 'Hi', background: true }],
    ['temperature', { model: 'oak', input: 'Hi', temperature: 'warm' }],
    ['service_tier', { model: 'oak', input: 'Hi', service_tier: 7 }],
    ['reasoning.effort', { model: 'oak', input: 'Hi', reasoning: { effort: 'huge' } }],
    ['tool_choice', { model: 'oak', input: 'Hi', tool_choice: 'maybe' }],
    ['tools', { model: 'oak', input: 'Hi', tools: {} }],
    ['tools[0]', { model: 'oak', input: 'Hi', tools: [{ type: 'function' }] }],
    ['text.format', { model: 'oak', input: 'Hi', text: { format: { type: 'json_schema' } } }],
  ])('names %s where it is wrong', async (named, body) => {
    const error = await errorOf(Promise.resolve().then(() => fromWireRequest(body)))
    expect(error.code).toBe('request_invalid')
    expect(error.message.startsWith(named)).toBe(true)
  })
})

const HEAD = { id: 'resp_7', model: 'oak', created: 1 }
const USAGE = toUsage({
  inputTokens: 9,
  cacheReadTokens: 2,
  cacheWriteTokens: 1,
  outputTokens: 4,
  reasoningTokens: 1,
})

const EVENTS: readonly StreamEvent[] = [
  { type: 'start', model: 'oak' },
  { type: 'reasoning-start' },
  { type: 'reasoning-delta', text: 'Let me ' },
  { type: 'reasoning-delta', text: 'see.' },
  { type: 'reasoning-end' },
  { type: 'text-start' },
  { type: 'text-delta', text: 'An ' },
  { type: 'text-delta', text: 'oak.' },
  { type: 'text-end' },
  { type: 'tool-call-start', id: 'call_1', name: 'weather' },
  { type: 'tool-call-delta', id: 'call_1', argumentsText: '{"city":' },
  { type: 'tool-call-start', id: 'call_2', name: 'weather' },
  { type: 'tool-call-delta', id: 'call_2', argumentsText: '{}' },
  { type: 'tool-call-delta', id: 'call_1', argumentsText: '"Oslo"}' },
  { type: 'tool-call', call: CALL },
  { type: 'tool-call', call: { id: 'call_2', name: 'weather', arguments: {} } },
]

/** What comes back of events once they went through this dialect. */
function through(events: readonly StreamEvent[]): { readonly fold: Fold; readonly wire: readonly object[] } {
  let encoded = ENCODE_INITIAL
  let state = INITIAL
  const fold = new Fold()
  const wire: object[] = []
  for (const event of events) {
    const step = toEvents(encoded, event, HEAD)
    encoded = step.state
    for (const one of step.events) {
      wire.push(one)
      const read = reduceEvent(state, one)
      state = read.state
      for (const told of read.events) fold.apply(told)
    }
  }
  return { fold, wire }
}

describe('an answer that goes out', () => {
  it('is read as it was meant, streamed', () => {
    const finish = {
      type: 'finish',
      finishReason: { unified: 'tool-calls', raw: undefined },
      usage: USAGE,
    } as const
    const { fold, wire } = through([
      ...EVENTS,
      { ...finish, cost: { status: 'unknown', amount: undefined, reason: '', lines: [] } },
    ])
    expect([fold.reasoning, fold.text]).toEqual(['Let me see.', 'An oak.'])
    expect(fold.toolCalls.map(({ id, arguments: given }) => [id, given])).toEqual([
      ['call_1', { city: 'Oslo' }],
      ['call_2', {}],
    ])
    expect(fold.end?.finishReason).toEqual({ unified: 'tool-calls', raw: 'completed' })
    expect(fold.end?.usage).toMatchObject({ ...USAGE })
    // Numbered through, as clients that resume count on.
    expect(wire.map((one) => (one as { sequence_number: number }).sequence_number)).toEqual(
      wire.map((_, at) => at),
    )
  })

  it('is read as it was meant, whole', () => {
    const before = new Fold()
    for (const event of EVENTS) before.apply(event as DriverEvent)
    const finishReason = { unified: 'tool-calls', raw: undefined } as const
    const answer = toWireAnswer({ parts: before.snapshot(), finishReason, usage: USAGE }, HEAD)
    const fold = new Fold()
    for (const event of fromWire(answer).events) fold.apply(event)
    expect([fold.reasoning, fold.text, fold.toolCalls.length]).toEqual(['Let me see.', 'An oak.', 2])
    expect(fold.end?.usage).toMatchObject({ ...USAGE })
  })

  it.each([
    [{ unified: 'stop', raw: 'stop' }, 'completed', 'stop'],
    [{ unified: 'length', raw: 'x' }, 'incomplete', 'length'],
    [{ unified: 'content-filter', raw: 'x' }, 'incomplete', 'content-filter'],
    [{ unified: 'content-filter', raw: 'x', detail: 'refusal' }, 'completed', 'content-filter'],
  ] as const)('says why it ended: %o', (finishReason, status, unified) => {
    // A text that has left already is no refusal any more when the end says so; the whole answer at the end has it.
    const streamed = 'detail' in finishReason ? 'stop' : unified
    const whole = toWireAnswer({ parts: [{ type: 'text', text: 'No.' }], finishReason, usage: USAGE }, HEAD)
    expect([whole['status'], fromWire(whole).events.at(-1)]).toMatchObject([
      status,
      { finishReason: { unified } },
    ])
    const cost = { status: 'unknown', amount: undefined, reason: '', lines: [] } as const
    const { fold } = through([
      { type: 'text-delta', text: 'No.' },
      { type: 'finish', finishReason, usage: USAGE, cost },
    ])
    expect([fold.text, fold.end?.finishReason.unified]).toEqual(['No.', streamed])
  })

  it('tells no counts where some are not known', () => {
    const finishReason = { unified: 'stop', raw: undefined } as const
    const answer = toWireAnswer({ parts: [], finishReason, usage: toUsage({ inputTokens: 3 }) }, HEAD)
    expect(answer['usage']).toBeNull()
  })
})
