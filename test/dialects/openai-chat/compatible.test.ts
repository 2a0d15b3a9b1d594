import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SseDecoder } from '../../../src/transport/sse.ts'
import { faultsOf } from '../../drivers/event-order.ts'
import { chunk, counts, DONE, endOf, read, readText, sent } from './world.ts'

// What servers that call themselves compatible put on the wire, written by hand after their sources and documentation.

const USAGE = { prompt_tokens: 20, completion_tokens: 8, total_tokens: 28 }

describe('Ollama under /v1', () => {
  const own = (delta: object, reason: string | null = null): object =>
    chunk('qwen3', { role: 'assistant', content: '', ...delta }, reason, { system_fingerprint: 'fp_ollama' })

  it('thinks in the field reasoning, and says the role each time', () => {
    const whole = sent(
      own({ reasoning: 'Hm. ' }),
      own({ reasoning: 'So.' }),
      own({ content: 'Yes.' }),
      own({}, 'stop'),
      counts('qwen3', USAGE),
      DONE,
    )
    expect([whole.fold.reasoning, whole.fold.text, endOf(whole).usage.inputTokens]).toEqual([
      'Hm. So.',
      'Yes.',
      20,
    ])
  })

  it('sends a call in one piece, and its own reason for the end', () => {
    const call = {
      id: 'call_9',
      index: 0,
      type: 'function',
      function: { name: 'clock', arguments: '{"zone":"UTC"}' },
    }
    const whole = sent(own({ tool_calls: [call] }), own({}, 'tool_calls'), counts('qwen3', USAGE), DONE)
    expect(whole.fold.toolCalls).toEqual([{ id: 'call_9', name: 'clock', arguments: { zone: 'UTC' } }])
    expect(endOf(whole).finishReason.unified).toBe('tool-calls')
  })

  it('loses an error in the middle: the stream just ends, and that is a cut answer, not a short one', () => {
    const cut = sent(own({ content: 'So far' }), own({}))
    expect([cut.complete, cut.failure, cut.fold.text]).toEqual([false, undefined, 'So far'])
  })

  it('tells no counts where it was not asked for them', () => {
    expect(endOf(sent(own({ content: 'a' }), own({}, 'stop'), DONE)).usage.outputTokens).toBeUndefined()
  })
})

describe('llama.cpp', () => {
  const timings = { prompt_n: 20, prompt_ms: 12.5, predicted_n: 8, predicted_ms: 80.1 }

  it('begins with a content of null, and puts its timings on the last chunk', () => {
    const whole = sent(
      chunk('gpt-oss', { role: 'assistant', content: null }),
      chunk('gpt-oss', { reasoning_content: 'Hm.' }),
      chunk('gpt-oss', { content: 'Yes' }),
      chunk('gpt-oss', {}, 'stop'),
      counts('gpt-oss', { ...USAGE, prompt_tokens_details: { cached_tokens: 16 } }, { timings }),
      DONE,
    )
    expect(whole.fold.parts.map(({ type }) => type)).toEqual(['reasoning', 'text'])
    expect(endOf(whole).usage).toMatchObject({ inputTokens: 20, cacheReadTokens: 16, outputTokens: 8 })
  })

  it('sends the name first and the arguments after it, in tiny pieces', () => {
    const piece = (text: string): object =>
      chunk('gpt-oss', { tool_calls: [{ index: 0, function: { arguments: text } }] })
    const first = { index: 0, id: 'Zk2W', type: 'function', function: { name: 'clock', arguments: '' } }
    const whole = sent(
      chunk('gpt-oss', { role: 'assistant', content: null }),
      chunk('gpt-oss', { tool_calls: [first] }),
      ...['{"', 'zone', '":"', 'UTC', '"}'].map(piece),
      chunk('gpt-oss', {}, 'tool_calls'),
      DONE,
    )
    expect(whole.fold.toolCalls).toEqual([{ id: 'Zk2W', name: 'clock', arguments: { zone: 'UTC' } }])
  })

  it('says an error in the middle in a field of its own (old), which cuts, or as data (new), which fails', () => {
    const error = { error: { code: 500, message: 'context shift is disabled', type: 'server_error' } }
    const old = sent(chunk('m', { content: 'So' }), `error: ${JSON.stringify(error.error)}\n\n`)
    expect([old.complete, old.fold.text]).toEqual([false, 'So'])
    expect(sent(chunk('m', { content: 'So' }), error).failure).toBe(JSON.stringify(error))
  })
})

describe('LM Studio', () => {
  it('thinks in reasoning_content, and has a number for the id of a call', () => {
    const call = (id: string | undefined, name: string | undefined, text: string): object =>
      chunk('qwen', {
        tool_calls: [
          {
            index: 0,
            ...(id && { id, type: 'function' }),
            function: { ...(name && { name }), arguments: text },
          },
        ],
      })
    const whole = sent(
      chunk('qwen', { role: 'assistant', reasoning_content: 'Need the clock.' }),
      call('365174485', 'clock', ''),
      call(undefined, undefined, '{"zone":'),
      call(undefined, undefined, '"UTC"}'),
      chunk('qwen', {}, 'tool_calls'),
      counts('qwen', USAGE),
      DONE,
    )
    expect(whole.fold.reasoning).toBe('Need the clock.')
    expect(whole.fold.toolCalls).toEqual([{ id: '365174485', name: 'clock', arguments: { zone: 'UTC' } }])
  })

  it('names an event for an error in the middle', () => {
    const error = { error: { message: 'The model has crashed' } }
    const failed = sent(chunk('qwen', { content: 'So' }), `event: error\ndata: ${JSON.stringify(error)}\n\n`)
    expect([failed.failure, failed.fold.text]).toEqual([JSON.stringify(error), 'So'])
  })
})

describe('vLLM', () => {
  it('can put the counts so far on every chunk', () => {
    const counted = (delta: object, tokens: number, reason: string | null = null): object =>
      chunk('m', delta, reason, {
        usage: { prompt_tokens: 20, completion_tokens: tokens, total_tokens: 20 + tokens },
      })
    const whole = sent(
      counted({ role: 'assistant', content: '' }, 0),
      counted({ content: 'a' }, 1),
      counted({ content: 'b' }, 2, 'stop'),
      counts('m', USAGE),
      DONE,
    )
    expect([whole.fold.text, endOf(whole).usage.outputTokens]).toEqual(['ab', 8])
  })

  it('says stop where a tool was called by name', () => {
    const call = {
      index: 0,
      id: 'chatcmpl-tool-1',
      type: 'function',
      function: { name: 'clock', arguments: '{}' },
    }
    const whole = sent(
      chunk('m', { tool_calls: [call] }),
      chunk('m', { content: '' }, 'stop', { stop_reason: null }),
      DONE,
    )
    expect(endOf(whole).finishReason).toEqual({ unified: 'tool-calls', raw: 'stop' })
  })

  it('says an error in the middle flat (old) or nested (new), and [DONE] after it all the same', () => {
    for (const error of [
      { object: 'error', message: 'too long', type: 'BadRequestError', param: null, code: 400 },
      { error: { message: 'too long', type: 'BadRequestError', param: null, code: 400 } },
    ]) {
      const failed = sent(chunk('m', { content: 'So' }), error, DONE)
      expect([failed.failure, failed.complete]).toEqual([JSON.stringify(error), false])
    }
  })
})

describe('Azure', () => {
  it('begins with a chunk about filters that names nothing, and is not the beginning', () => {
    const filters = {
      choices: [],
      created: 0,
      id: '',
      model: '',
      object: '',
      prompt_filter_results: [{ prompt_index: 0 }],
    }
    const { events } = sent(filters, chunk('gpt-5-nano-2025-08-07', { content: 'Hi' }, 'stop'), DONE)
    expect(events[0]).toEqual({ type: 'start', model: 'gpt-5-nano-2025-08-07', id: 'chatcmpl-7' })
  })
})

describe('a proxy', () => {
  it('may send the end of the connection in place of [DONE]', () => {
    const whole = sent(chunk('m', { content: 'a' }), chunk('m', {}, 'stop'))
    expect([whole.complete, whole.fold.text]).toEqual([true, 'a'])
  })

  it('may break lines with CR LF', () => {
    const { fold } = readText(
      `data: ${JSON.stringify(chunk('m', { content: 'a' }, 'stop'))}\r\n\r\ndata: [DONE]\r\n\r\n`,
    )
    expect([fold.text, fold.end?.finishReason.unified]).toEqual(['a', 'stop'])
  })
})

/** Values where a server could put anything, and often enough the right thing. */
const junk = fc.oneof(
  fc.constantFrom(null, undefined, '', 0, -1, 1.5, true, 'x', 'stop', [], {}, [null], [[]]),
  fc.jsonValue({ maxDepth: 2 }),
)
const text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('a', ' b', '{"x":1}') },
  { weight: 1, arbitrary: junk },
)
const call = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(
      {
        index: fc.oneof(fc.constantFrom(0, 1, 2), junk),
        id: fc.oneof(fc.constantFrom('', 'a', 'b'), junk),
        function: fc.oneof(fc.record({ name: text, arguments: text }, { requiredKeys: [] }), junk),
      },
      { requiredKeys: [] },
    ),
  },
  { weight: 1, arbitrary: junk },
)
const delta = fc.record(
  {
    content: text,
    reasoning: text,
    reasoning_content: text,
    refusal: text,
    tool_calls: fc.oneof(
      { weight: 3, arbitrary: fc.array(call, { maxLength: 3 }) },
      { weight: 1, arbitrary: junk },
    ),
    function_call: call,
  },
  { requiredKeys: [] },
)
const anyChunk = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record(
      {
        id: text,
        model: text,
        choices: fc.oneof(
          fc.array(
            fc.record(
              {
                index: fc.constantFrom(0, 0, 1),
                delta: fc.oneof(delta, junk),
                message: fc.oneof(delta, junk),
                finish_reason: text,
              },
              { requiredKeys: ['delta'] },
            ),
            { maxLength: 2 },
          ),
          junk,
        ),
        usage: fc.oneof(
          fc.record({ prompt_tokens: fc.oneof(fc.nat(99), junk), completion_tokens: junk }),
          junk,
        ),
        service_tier: text,
      },
      { requiredKeys: ['choices'] },
    ),
  },
  { weight: 1, arbitrary: junk },
)

describe('whatever a server sends', () => {
  it('throws nothing, and what comes out of it is in order', () => {
    fc.assert(
      fc.property(fc.array(anyChunk, { maxLength: 8 }), fc.boolean(), (chunks, done) => {
        const data = chunks.map((one) => JSON.stringify(one) ?? 'undefined')
        const { events, complete } = read(
          [...data, ...(done ? ['[DONE]'] : [])].map((one) => ({ event: undefined, data: one })),
        )
        expect(faultsOf(events, complete)).toEqual([])
      }),
      { numRuns: 2_000 },
    )
  })

  it('is the same wherever its bytes are cut', () => {
    const body = [chunk('m', { content: 'Grüße 😀' }), chunk('m', {}, 'stop'), counts('m', USAGE)]
      .map((one) => `data: ${JSON.stringify(one)}\n\n`)
      .join('')
    const { events } = readText(body)
    const bytes = new TextEncoder().encode(body)
    for (let at = 1; at < bytes.length; at++) {
      const decoder = new SseDecoder()
      const pieces = [bytes.subarray(0, at), bytes.subarray(at)].flatMap((piece) => decoder.push(piece))
      expect(read([...pieces, ...decoder.rest()]).events).toEqual(events)
    }
  })
})
