import { describe, expect, it } from 'vitest'
import type { Part } from '../../../src/core/message.ts'
import type { DriverEvent } from '../../../src/core/stream.ts'
import { fromWire } from '../../../src/dialects/openai-chat/stream.ts'
import {
  COMPATIBLE_CHAT,
  OPENAI_CHAT,
  toWire,
  type ChatQuirks,
} from '../../../src/dialects/openai-chat/wire.ts'
import { Fold } from '../../../src/core/stream.ts'
import { chunk, counts, DONE, endOf, sent } from './world.ts'

// What services that call themselves compatible put on the wire, written by hand after their public documentation.

const USAGE = { prompt_tokens: 20, completion_tokens: 8, total_tokens: 28 }

/** What goes back to a server of an answer while its tools are run. */
function backTo(quirks: ChatQuirks, parts: readonly Part[]): unknown {
  const messages = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: parts },
  ] as const
  const { body } = toWire({ model: 'm', messages, stream: false, providerOptions: {} }, { quirks })
  return (body['messages'] as readonly unknown[])[1]
}

function whole(json: object): { fold: Fold; failure: string | undefined; events: readonly DriverEvent[] } {
  const fold = new Fold()
  const { events, failure } = fromWire(json)
  for (const event of events) fold.apply(event)
  return { fold, failure, events }
}

describe('OpenRouter', () => {
  const model = 'google/gemini-3-pro'
  const text = (piece: string): object => ({
    reasoning: piece,
    reasoning_details: [{ type: 'reasoning.text', text: piece, index: 0, format: 'google-gemini-v1' }],
  })
  const sealed = { type: 'reasoning.encrypted', data: 'c2VhbGVk', index: 1, format: 'google-gemini-v1' }
  const call = {
    index: 0,
    id: 'tool_0_clock',
    type: 'function',
    function: { name: 'clock', arguments: '{}' },
  }

  it('keeps the line busy with comments, and says who really answered', () => {
    const read = sent(
      ': OPENROUTER PROCESSING\n\n',
      ': OPENROUTER PROCESSING\n\n',
      chunk(model, { role: 'assistant', content: 'Yes' }, null, { provider: 'Google' }),
      chunk(model, { content: '' }, 'stop', { provider: 'Google', native_finish_reason: 'STOP' }),
      counts(model, { ...USAGE, cost: 0.000123 }, { provider: 'Google' }),
      DONE,
    )
    expect([read.fold.text, endOf(read).usage.inputTokens]).toEqual(['Yes', 20])
    expect(endOf(read).raw).toMatchObject({ provider: 'Google', usage: { cost: 0.000123 } })
  })

  it('gets its thoughts back as they came, sealed ones and all, while a tool is run', () => {
    const read = sent(
      chunk(model, { role: 'assistant', content: '', ...text('Need the ') }),
      chunk(model, text('clock.')),
      chunk(model, {
        content: '',
        reasoning: null,
        reasoning_details: [{ type: 'reasoning.text', text: null, signature: 's', index: 0 }],
      }),
      chunk(model, { tool_calls: [call], reasoning_details: [sealed] }),
      chunk(model, {}, 'tool_calls'),
      counts(model, USAGE),
      DONE,
    )
    expect(read.fold.reasoning).toBe('Need the clock.')
    const details = [
      {
        type: 'reasoning.text',
        text: 'Need the clock.',
        signature: 's',
        index: 0,
        format: 'google-gemini-v1',
      },
      sealed,
    ]
    expect(backTo(COMPATIBLE_CHAT, read.fold.parts)).toEqual({
      role: 'assistant',
      content: null,
      reasoning_details: details,
      tool_calls: [{ id: 'tool_0_clock', type: 'function', function: { name: 'clock', arguments: '{}' } }],
    })
    expect(backTo(OPENAI_CHAT, read.fold.parts)).not.toHaveProperty('reasoning_details')
  })

  it('says an error in the middle beside a choice that ended with one, or in the choice of a whole answer', () => {
    const error = { code: 429, message: 'Provider returned error' }
    const cut = sent(chunk(model, { content: 'So' }), chunk(model, { content: '' }, 'error', { error }), DONE)
    expect([cut.failure, cut.complete]).toEqual([expect.stringContaining('Provider returned error'), false])
    const choice = { index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'error', error }
    const { failure } = whole({ id: 'gen-1', object: 'chat.completion', model, choices: [choice] })
    expect(failure).toBe(JSON.stringify({ error }))
  })
})

describe('Groq', () => {
  const model = 'openai/gpt-oss-120b'

  it('puts the counts into a field of its own on the last chunk, and thinks in reasoning', () => {
    const read = sent(
      chunk(model, { role: 'assistant', content: '' }, null, { x_groq: { id: 'req_1' } }),
      chunk(model, { reasoning: 'Hm.', channel: 'analysis' }),
      chunk(model, { content: 'Yes.' }),
      chunk(model, {}, 'stop', { x_groq: { id: 'req_1', usage: { ...USAGE, total_time: 0.07 } } }),
      DONE,
    )
    expect([read.fold.reasoning, read.fold.text]).toEqual(['Hm.', 'Yes.'])
    expect(endOf(read).usage).toMatchObject({ inputTokens: 20, outputTokens: 8 })
  })

  it('says in that field as well why a stream stopped early', () => {
    const failed = sent(
      chunk(model, { content: 'So' }),
      chunk(model, {}, null, { x_groq: { id: 'req_1', error: 'over capacity' } }),
    )
    expect([failed.failure, failed.fold.text]).toEqual([JSON.stringify({ error: 'over capacity' }), 'So'])
  })
})

describe('DeepSeek', () => {
  const model = 'deepseek-reasoner'

  it('keeps the line busy with comments, thinks first, and counts what came from its cache', () => {
    const read = sent(
      ': keep-alive\n\n',
      chunk(model, { role: 'assistant', content: null, reasoning_content: '' }),
      chunk(model, { content: null, reasoning_content: 'Hm.' }),
      ': keep-alive\n\n',
      chunk(model, { content: 'Yes.', reasoning_content: null }),
      chunk(model, { content: '', reasoning_content: null }, 'stop', {
        usage: {
          prompt_tokens: 20,
          completion_tokens: 30,
          total_tokens: 50,
          prompt_cache_hit_tokens: 16,
          prompt_cache_miss_tokens: 4,
          completion_tokens_details: { reasoning_tokens: 28 },
        },
      }),
      DONE,
    )
    expect(read.fold.parts.map((part) => 'text' in part && part.text)).toEqual(['Hm.', 'Yes.'])
    expect(endOf(read).usage).toMatchObject({ cacheReadTokens: 16, outputTokens: 30, reasoningTokens: 28 })
    expect(backTo(COMPATIBLE_CHAT, read.fold.parts)).toMatchObject({ reasoning_content: 'Hm.' })
  })

  it('leads a whole answer in with empty lines, which JSON does not mind', () => {
    const choice = { index: 0, message: { role: 'assistant', content: 'Yes.' }, finish_reason: 'stop' }
    const body = `\n\n\n${JSON.stringify({ model, choices: [choice], usage: USAGE })}`
    expect(whole(JSON.parse(body) as object).fold.text).toBe('Yes.')
  })
})

describe('Moonshot', () => {
  it('tells the counts inside the choice, streamed or whole', () => {
    const choice = { index: 0, finish_reason: 'stop', usage: { ...USAGE, cached_tokens: 16 } }
    const read = sent(
      chunk('kimi-k2.6', { role: 'assistant', content: 'Yes.' }),
      chunk('kimi-k2.6', {}, 'stop', { choices: [{ ...choice, delta: {} }] }),
      DONE,
    )
    const { fold } = whole({ model: 'kimi-k2.6', choices: [{ ...choice, message: { content: 'Yes.' } }] })
    for (const { end } of [read.fold, fold])
      expect(end?.usage).toMatchObject({ inputTokens: 20, cacheReadTokens: 16, outputTokens: 8 })
  })
})

describe('Mistral', () => {
  it('answers in parts, thoughts among them, and calls without a number', () => {
    const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'Hm.' }], closed: true }
    const call = { id: 'D681PevKs', function: { name: 'clock', arguments: '{"zone": "UTC"}' } }
    const read = sent(
      chunk('magistral', { role: 'assistant', content: [thinking] }),
      chunk('magistral', { content: [{ type: 'text', text: 'Yes.' }] }),
      chunk('magistral', { content: '', tool_calls: [call] }, 'tool_calls', { usage: USAGE }),
      DONE,
    )
    expect([read.fold.reasoning, read.fold.text]).toEqual(['Hm.', 'Yes.'])
    expect(read.fold.toolCalls).toEqual([{ id: 'D681PevKs', name: 'clock', arguments: { zone: 'UTC' } }])
  })
})

describe('the compatible API of Gemini', () => {
  const signed = { google: { thought_signature: 'U0lH' } }
  const call = (id: string, more: object = {}): object => ({
    index: null,
    id,
    type: 'function',
    function: { name: 'clock', arguments: '{}' },
    ...more,
  })

  it('signs the first of several calls without numbers, and gets the signature back with it', () => {
    const calls = [call('fc_a', { extra_content: signed }), call('fc_b')]
    const read = sent(
      chunk('gemini-3-pro', { role: 'assistant', tool_calls: [calls[0]] }),
      chunk('gemini-3-pro', { role: 'assistant', tool_calls: [calls[1]] }, 'stop', { usage: USAGE }),
      DONE,
    )
    expect(read.fold.toolCalls.map(({ id }) => id)).toEqual(['fc_a', 'fc_b'])
    expect(endOf(read).finishReason.unified).toBe('tool-calls')
    const own = (id: string, more: object = {}): object => ({
      id,
      type: 'function',
      function: { name: 'clock', arguments: '{}' },
      ...more,
    })
    expect(backTo(COMPATIBLE_CHAT, read.fold.parts)).toMatchObject({
      tool_calls: [own('fc_a', { extra_content: signed }), own('fc_b')],
    })
    // OpenAI refuses what it does not know.
    expect(JSON.stringify(backTo(OPENAI_CHAT, read.fold.parts))).not.toContain('extra_content')
  })
})

describe('Perplexity', () => {
  it('repeats all that was said beside each piece, counts every time, and says where it is from', () => {
    const citations = ['https://oak.example']
    const say = (content: string, all: string, reason: string | null = null): object => ({
      id: 'p-1',
      object: 'chat.completion.chunk',
      model: 'sonar',
      citations,
      usage: USAGE,
      choices: [
        {
          index: 0,
          finish_reason: reason,
          delta: { role: 'assistant', content },
          message: { role: 'assistant', content: all },
        },
      ],
    })
    const read = sent(say('An ', 'An '), say('oak', 'An oak'), say('', 'An oak', 'stop'))
    expect([read.complete, read.fold.text]).toEqual([true, 'An oak'])
    expect(endOf(read).raw).toMatchObject({ citations })
  })
})

describe('Text Generation Inference', () => {
  it('says in its own word that the model had finished', () => {
    const read = sent(
      chunk('tgi', { role: 'assistant', content: 'Yes' }),
      chunk('tgi', { role: 'assistant', content: '' }, 'eos_token'),
      DONE,
    )
    expect(endOf(read).finishReason).toEqual({ unified: 'stop', raw: 'eos_token' })
  })

  it('says an error as a text with a type', () => {
    const error = { error: 'Model is overloaded', error_type: 'overloaded' }
    expect(sent(error).failure).toBe(JSON.stringify(error))
  })
})

describe('a model that searches or speaks', () => {
  it('has its citations in raw, streamed or whole', () => {
    const annotations = [{ type: 'url_citation', url_citation: { url: 'https://oak.example', title: 'Oak' } }]
    const read = sent(
      chunk('search', { role: 'assistant', content: 'An oak.' }),
      chunk('search', { annotations }),
      chunk('search', {}, 'stop'),
      DONE,
    )
    const message = { role: 'assistant', content: 'An oak.', annotations }
    const { fold } = whole({ model: 'search', choices: [{ index: 0, message, finish_reason: 'stop' }] })
    for (const { end } of [read.fold, fold])
      expect(end?.raw).toMatchObject({ choices: [{ message: { annotations } }] })
  })

  it('has its words as the text, and its sound beside them, streamed or whole', () => {
    const spoken = (audio: object): object => chunk('gpt-audio', { audio })
    const read = sent(
      chunk('gpt-audio', { role: 'assistant', content: null, audio: { id: 'audio_1', transcript: 'An ' } }),
      spoken({ transcript: 'oak.' }),
      spoken({ data: 'UklG' }),
      spoken({ data: 'RgAA' }),
      spoken({ expires_at: 1_790_000_000 }),
      chunk('gpt-audio', {}, 'stop'),
      DONE,
    )
    const audio = { id: 'audio_1', transcript: 'An oak.', data: 'UklGRgAA', expires_at: 1_790_000_000 }
    const message = { role: 'assistant', content: null, audio }
    const { fold } = whole({ model: 'gpt-audio', choices: [{ index: 0, message, finish_reason: 'stop' }] })
    for (const one of [read.fold, fold]) {
      expect(one.text).toBe('An oak.')
      expect(one.parts.at(-1)).toEqual({ type: 'text', text: '', providerData: { audio } })
      expect(one.warnings.map(({ code }) => code)).toEqual(['media-in-answer'])
    }
  })
})
