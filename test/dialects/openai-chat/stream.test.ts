import { describe, expect, it } from 'vitest'
import { endOfStream, INITIAL, reduce, reduceChunk } from '../../../src/dialects/openai-chat/stream.ts'
import { delta, endOf, fragment, HEAD, read, readChunks, readText, USAGE } from './world.ts'

describe('a stream of chunks', () => {
  it('keeps no more of its sources and sealed thoughts than it says, however many come', () => {
    const many = Array.from({ length: 3_000 }, (_, index) => ({
      index,
      type: 'reasoning.encrypted',
      data: 'x',
    }))
    const { events, fold } = readChunks([
      delta({ content: 'Hi', annotations: many, reasoning_details: many }),
      delta({ annotations: many, reasoning_details: many }, 'stop'),
    ])
    const kept = events.find((event) => event.type === 'reasoning-end')?.providerData
    expect(kept).toMatchObject({ details: { length: 512 } })
    expect(events.at(-1)).toMatchObject({
      raw: { choices: [{ message: { annotations: { length: 2_048 } } }] },
    })
    expect(fold.text).toBe('Hi')
  })

  it('becomes a text with one start, one end and the counts that come after the reason', () => {
    const { events } = readChunks([
      delta({ role: 'assistant', content: '', refusal: null }),
      delta({ content: 'The ' }),
      delta({ content: 'sky' }),
      delta({}, 'stop'),
      { ...HEAD, choices: [], usage: USAGE },
    ])
    expect(events).toEqual([
      { type: 'start', model: 'oak', id: 'chatcmpl-1' },
      { type: 'text-start' },
      { type: 'text-delta', text: 'The ' },
      { type: 'text-delta', text: 'sky' },
      { type: 'text-end' },
      {
        type: 'end',
        finishReason: { unified: 'stop', raw: 'stop' },
        usage: expect.objectContaining({ inputTokens: 9, outputTokens: 4, raw: USAGE }),
        billing: { usage: USAGE, serviceTier: undefined },
        raw: {
          id: 'chatcmpl-1',
          created: 1,
          model: 'oak',
          finish_reason: 'stop',
          usage: USAGE,
          service_tier: undefined,
        },
      },
    ])
  })

  it('is over with the counts, before [DONE], and what follows is not read', () => {
    const before = readChunks([delta({ content: 'a' }), delta({}, 'stop')], false)
    expect(before.events.at(-1)?.type).toBe('end')
    const step = reduceChunk(
      { ...INITIAL, started: true, reason: 'stop' },
      { ...HEAD, choices: [], usage: USAGE },
    )
    expect(step.state.complete).toBe(true)
    expect(step.events.map(({ type }) => type)).toEqual(['end'])
    expect(endOfStream(step.state).events).toEqual([])
  })

  it('leaves the state as it is while more of the same comes', () => {
    const { state } = reduceChunk(INITIAL, delta({ content: 'a' }))
    expect(reduceChunk(state, { ...delta({ content: 'b' }), usage: null }).state).toBe(state)
  })

  it('keeps thoughts apart from the text, in either of the fields that servers have for them', () => {
    for (const field of ['reasoning_content', 'reasoning']) {
      const { fold, events } = readChunks([
        delta({ [field]: 'It ', content: null }),
        delta({ [field]: 'scatters.' }),
        delta({ content: 'Blue.' }, 'stop'),
      ])
      expect(fold.parts).toEqual([
        { type: 'reasoning', text: 'It scatters.', providerData: { field } },
        { type: 'text', text: 'Blue.' },
      ])
      expect(events.map(({ type }) => type)).toEqual([
        'start',
        'reasoning-start',
        'reasoning-delta',
        'reasoning-delta',
        'reasoning-end',
        'text-start',
        'text-delta',
        'text-end',
        'end',
      ])
    }
  })

  it('takes thoughts once from a server that sends them in both fields', () => {
    const { fold } = readChunks([
      delta({ reasoning: 'Hm.', reasoning_content: 'Hm.' }),
      delta({ content: 'Yes' }, 'stop'),
    ])
    expect(fold.reasoning).toBe('Hm.')
  })

  it('reads the parts of Mistral, thoughts among them', () => {
    const content = [
      { type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }, 7] },
      { type: 'text', text: 'Yes.' },
      { type: 'reference', reference_ids: [1] },
      null,
    ]
    const { fold } = readChunks([delta({ content }, 'stop')])
    expect([fold.reasoning, fold.text]).toEqual(['Hm.', 'Yes.'])
  })

  it('ends a refusal as content-filter, with its words as the text, and is never an empty success', () => {
    const whole = readChunks([
      delta({ refusal: 'I cannot ' }),
      delta({ refusal: 'do that.' }),
      delta({}, 'stop'),
    ])
    expect(whole.fold.text).toBe('I cannot do that.')
    expect(endOf(whole).finishReason).toEqual({ unified: 'content-filter', raw: 'stop', detail: 'refusal' })
    const filtered = readChunks([delta({ content: 'Well' }), delta({}, 'content_filter')])
    expect(endOf(filtered).finishReason).toEqual({ unified: 'content-filter', raw: 'content_filter' })
  })

  it.each([
    ['stop', 'stop'],
    ['end_turn', 'stop'],
    ['length', 'length'],
    ['content_filter', 'content-filter'],
    ['eos', 'stop'],
    ['model_length', 'length'],
    ['never_heard_of', 'other'],
    ['toString', 'other'],
  ])('that ends with %s ends with %s', (raw, unified) => {
    expect(endOf(readChunks([delta({ content: 'a' }, raw)])).finishReason).toEqual({ unified, raw })
  })

  it.each(['error', 'insufficient_system_resource'])(
    'that ends with %s failed, of which the counts are known: half an answer is no success',
    (raw) => {
      const { failure, fold } = readChunks([
        delta({ content: 'So' }),
        delta({}, raw),
        { ...HEAD, usage: USAGE },
      ])
      expect(failure).toContain(`finish_reason ${raw}`)
      expect([fold.text, fold.end?.usage.inputTokens]).toEqual(['So', 9])
    },
  )

  it('without a reason but with [DONE] is complete, and nothing is made up', () => {
    const { fold } = readChunks([delta({ content: 'a' })])
    expect(fold.end?.finishReason).toEqual({ unified: 'other', raw: undefined })
    expect(fold.end?.usage.inputTokens).toBeUndefined()
  })

  it('without a reason and without [DONE] was cut, and has what arrived', () => {
    const { complete, fold, failure } = readChunks([delta({ content: 'So far' })], false)
    expect([complete, failure, fold.text, fold.end]).toEqual([false, undefined, 'So far', undefined])
  })

  it('ends at [DONE] only where that is all of an event', () => {
    const { fold, complete } = readText(
      `data: ${JSON.stringify(delta({ content: '[DONE] is not the end' }))}\n\n` +
        `data: ${JSON.stringify(delta({ content: '.' }, 'stop'))}\n\ndata: [DONE]\n\n`,
    )
    expect([fold.text, complete]).toEqual(['[DONE] is not the end.', true])
  })

  it('ends with its last event where the blank line after that is missing, and skips comments', () => {
    const { fold } = readText(
      `: keep-alive\n\ndata: ${JSON.stringify(delta({ content: 'a' }, 'stop'))}\n\n: ping\n\n` +
        `data: ${JSON.stringify({ ...HEAD, choices: [], usage: USAGE })}`,
    )
    expect(fold.end?.usage.inputTokens).toBe(9)
  })

  it('of nothing but [DONE] is no answer', () => {
    expect(read([{ event: undefined, data: '[DONE]' }]).failure).toBe('not a record')
  })

  it.each([null, 7, 'text', {}, { data: 7 }])('fails for %j in place of an event', (record) => {
    expect(reduce(INITIAL, record)).toEqual({ state: INITIAL, events: [], failure: 'not a record' })
  })

  it('reads over an event without data, which some proxies keep a connection open with', () => {
    expect(
      readText(`data:\n\ndata: \n\ndata: ${JSON.stringify(delta({ content: 'a' }, 'stop'))}\n\n`).fold.text,
    ).toBe('a')
    expect(reduce(INITIAL, { data: ' ' })).toEqual({ state: INITIAL, events: [] })
  })

  it.each(['{', '7', 'null', '[]', '"x"'])('fails for the data %j', (data) => {
    expect(reduce(INITIAL, { data }).failure).toBe('not a record')
  })

  it.each([
    { error: { message: 'CUDA out of memory', type: 'server_error', code: 500 } },
    { error: 'overloaded' },
    { object: 'error', message: 'too long', type: 'BadRequestError', code: 400 },
  ])('fails with all that an error in the middle says: %j', (record) => {
    const { failure, fold, complete } = readChunks([delta({ content: 'So' }), record])
    expect([failure, fold.text, complete]).toEqual([JSON.stringify(record), 'So', false])
  })

  it('does not take an error of null for one', () => {
    expect(readChunks([{ ...delta({ content: 'a' }, 'stop'), error: null }]).failure).toBeUndefined()
  })

  it('reads the first choice only', () => {
    const other = { ...HEAD, choices: [{ index: 1, delta: { content: 'other' }, finish_reason: 'length' }] }
    const { fold } = readChunks([delta({ content: 'one' }), other, delta({}, 'stop')])
    expect([fold.text, fold.end?.finishReason.raw]).toEqual(['one', 'stop'])
  })

  it('reads a whole answer that came as the only chunk, and no message twice', () => {
    const whole = {
      ...HEAD,
      choices: [{ index: 0, message: { content: 'All.' }, finish_reason: 'stop' }],
      usage: USAGE,
    }
    expect(readChunks([whole]).fold.text).toBe('All.')
    const repeated = { ...HEAD, choices: [{ index: 0, message: { content: 'All.' }, finish_reason: 'stop' }] }
    expect(readChunks([delta({ content: 'All.' }), repeated]).fold.text).toBe('All.')
  })
})

describe('the counts of a stream', () => {
  it('are the last that were told, where every chunk has some', () => {
    const counted = (said: object, tokens: number, reason: string | null): object => ({
      ...delta(said, reason),
      usage: { ...USAGE, completion_tokens: tokens },
    })
    const { fold } = readChunks([
      counted({ content: 'a' }, 1, null),
      counted({ content: 'b' }, 2, null),
      counted({}, 4, 'stop'),
    ])
    expect([fold.end?.usage.outputTokens, fold.text]).toEqual([4, 'ab'])
  })

  it('may stand on the chunk with the reason', () => {
    const { fold } = readChunks([delta({ content: 'a' }), { ...delta({}, 'stop'), usage: USAGE }])
    expect(fold.end?.usage).toMatchObject({ inputTokens: 9, outputTokens: 4 })
  })

  it('are not told where none came, which is not zero', () => {
    const { fold } = readChunks([delta({ content: 'a' }), delta({}, 'stop')])
    expect(fold.end?.usage).toMatchObject({ inputTokens: undefined, outputTokens: undefined })
  })

  it('come with the tier that the answer was served at', () => {
    const { fold } = readChunks([{ ...delta({ content: 'a' }, 'stop'), service_tier: 'priority' }])
    expect(fold.end?.billing).toEqual({ usage: undefined, serviceTier: 'priority' })
  })
})

describe('tool calls in pieces', () => {
  const calls = (...chunks: readonly object[]): unknown =>
    readChunks([...chunks, delta({}, 'tool_calls')]).fold.toolCalls

  it('become whole calls when the answer is over, in the order of their numbers', () => {
    const { events, fold } = readChunks([
      delta({ content: 'Let me look.' }),
      fragment(1, 'b', 'time', '{"zone"'),
      fragment(0, 'a', 'weather', '{}'),
      fragment(1, undefined, undefined, ':"UTC"}'),
      delta({}, 'tool_calls'),
    ])
    expect(events.slice(1)).toMatchObject([
      { type: 'text-start' },
      { type: 'text-delta' },
      { type: 'text-end' },
      { type: 'tool-call-start', id: 'b', name: 'time' },
      { type: 'tool-call-delta', id: 'b', argumentsText: '{"zone"' },
      { type: 'tool-call-start', id: 'a', name: 'weather' },
      { type: 'tool-call-delta', id: 'a', argumentsText: '{}' },
      { type: 'tool-call-delta', id: 'b', argumentsText: ':"UTC"}' },
      { type: 'tool-call', call: { id: 'a', name: 'weather', arguments: {} } },
      { type: 'tool-call', call: { id: 'b', name: 'time', arguments: { zone: 'UTC' } } },
      { type: 'end', finishReason: { unified: 'tool-calls', raw: 'tool_calls' } },
    ])
    expect(fold.parts.map(({ type }) => type)).toEqual(['text', 'tool-call', 'tool-call'])
  })

  it('are none where the answer was cut in the middle of their arguments', () => {
    const pieces = [fragment(0, 'a', 'plant', '{"tree":"oak"}'), fragment(1, 'b', 'plant', '{"tree":"o')]
    const cut = readChunks([...pieces, delta({}, 'length')])
    expect(cut.fold.toolCalls.map(({ id }) => id)).toEqual(['a'])
    expect(endOf(cut).finishReason.unified).toBe('length')
    // A model that wrote them wrong is told so.
    const wrong = readChunks([...pieces, delta({}, 'tool_calls')])
    expect(wrong.fold.toolCalls.map(({ issues }) => issues)).toEqual([
      undefined,
      ['arguments is not an object'],
    ])
  })

  it('are not over because their beginning parses', () => {
    expect(calls(fragment(0, 'a', 'f', '{}'), fragment(0, undefined, undefined, ' '))).toMatchObject([
      { arguments: {} },
    ])
    expect(calls(fragment(0, 'a', 'f', '1'), fragment(0, undefined, undefined, '2'))).toEqual([
      { id: 'a', name: 'f', arguments: { value: '12' }, issues: ['arguments is not an object'] },
    ])
  })

  it('may leave the id empty, say it again, or skip numbers', () => {
    expect(calls(fragment(0, '', 'f', '{"a"'), fragment(0, '', '', ':1}'))).toEqual([
      { id: 'call_1', name: 'f', arguments: { a: 1 } },
    ])
    expect(
      calls(fragment(3, 'a', 'f', '{"a"'), fragment(3, 'a', 'f', ':1}'), fragment(7, 'b', 'g', '{}')),
    ).toEqual([
      { id: 'a', name: 'f', arguments: { a: 1 } },
      { id: 'b', name: 'g', arguments: {} },
    ])
  })

  it('may leave the number out, or have one for all', () => {
    const both = [
      { id: 'a', name: 'f', arguments: { a: 1 } },
      { id: 'b', name: 'f', arguments: { a: 2 } },
    ]
    expect(calls(fragment(undefined, 'a', 'f', '{"a":1}'), fragment(undefined, 'b', 'f', '{"a":2}'))).toEqual(
      both,
    )
    expect(calls(fragment(0, 'a', 'f', '{"a":1}'), fragment(0, 'b', 'f', '{"a":2}'))).toEqual(both)
    expect(
      calls(fragment(undefined, 'a', 'f', '{"a"'), fragment(undefined, undefined, undefined, ':1}')),
    ).toEqual(both.slice(0, 1))
    expect(
      calls(fragment(undefined, undefined, 'f', '{}'), fragment(undefined, undefined, 'g', '{}')),
    ).toEqual([
      { id: 'call_1', name: 'f', arguments: {} },
      { id: 'call_2', name: 'g', arguments: {} },
    ])
  })

  it('may have an object for their arguments, or none', () => {
    const given = (args: unknown): unknown =>
      calls(delta({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: args } }] }))
    expect(given({ a: 1 })).toEqual([{ id: 'a', name: 'f', arguments: { a: 1 } }])
    for (const nothing of [undefined, null, '', '  '])
      expect(given(nothing)).toEqual([{ id: 'a', name: 'f', arguments: {} }])
  })

  it('that name no tool, or are none, harm nobody', () => {
    expect(calls(fragment(0, 'a', undefined, '{}'))).toEqual([
      { id: 'a', name: 'unnamed', arguments: {}, issues: ['the call names no tool'] },
    ])
    expect(calls(delta({ tool_calls: [null, 7, 'x'] }))).toEqual([])
    expect(calls(delta({ tool_calls: [] }))).toEqual([])
  })

  it('end an answer with tool-calls, also where the server says stop, and with other where there are none', () => {
    const stopped = readChunks([fragment(0, 'a', 'f', '{}'), delta({}, 'stop')])
    expect(endOf(stopped).finishReason).toEqual({ unified: 'tool-calls', raw: 'stop' })
    const lost = readChunks([delta({ content: 'a' }), delta({}, 'tool_calls')])
    expect(endOf(lost).finishReason).toEqual({ unified: 'other', raw: 'tool_calls' })
    const cut = readChunks([fragment(0, 'a', 'f', '{"a":'), delta({}, 'length')])
    expect(endOf(cut).finishReason).toEqual({ unified: 'length', raw: 'length' })
  })

  it('of the old kind are calls too', () => {
    const { fold } = readChunks([
      delta({ function_call: { name: 'f', arguments: '{"a"' } }),
      delta({ function_call: { arguments: ':1}' } }),
      delta({}, 'function_call'),
    ])
    expect(fold.toolCalls).toEqual([{ id: 'call_1', name: 'f', arguments: { a: 1 } }])
  })

  it('are at most 512', () => {
    const many = Array.from({ length: 600 }, (_, index) => fragment(index, `c${index}`, 'f', '{}'))
    expect((calls(...many) as unknown[]).length).toBe(512)
  })
})
