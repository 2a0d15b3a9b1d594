import { describe, expect, it } from 'vitest'
import { Fold } from '../../../src/core/stream.ts'
import { toOpenAIUsage } from '../../../src/dialects/openai-usage.ts'
import { fromWire } from '../../../src/dialects/openai-chat/wire.ts'
import { delta, readChunks, USAGE } from './world.ts'

const HEAD = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'oak',
  service_tier: 'default',
}
const whole = (message: object, reason: string = 'stop', more: object = {}): object => ({
  ...HEAD,
  choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: reason }],
  usage: USAGE,
  ...more,
})

function folded(json: unknown): Fold {
  const step = fromWire(json)
  expect(step.failure).toBeUndefined()
  expect(step.state.complete).toBe(true)
  const fold = new Fold()
  for (const event of step.events) fold.apply(event)
  return fold
}

describe('a whole answer', () => {
  it('is what a stream of it would have been', () => {
    const fold = folded(
      whole({ content: 'The sky.', reasoning_content: 'Hm.', refusal: null, annotations: [] }),
    )
    const streamed = readChunks([
      delta({ reasoning_content: 'Hm.' }),
      delta({ content: 'The sky.' }, 'stop'),
    ]).fold
    expect(fold.parts).toEqual(streamed.parts)
    expect([fold.model, fold.id]).toEqual(['oak', 'chatcmpl-1'])
    expect(fold.end).toMatchObject({
      finishReason: { unified: 'stop', raw: 'stop' },
      usage: { inputTokens: 9, outputTokens: 4 },
      billing: { usage: USAGE, serviceTier: 'default' },
    })
  })

  it('has its calls, which have no number there', () => {
    const call = (id: string, args: string): object => ({
      id,
      type: 'function',
      function: { name: 'f', arguments: args },
    })
    const fold = folded(
      whole({ content: null, tool_calls: [call('a', '{"n":1}'), call('b', '{"n":2}')] }, 'tool_calls'),
    )
    expect(fold.toolCalls).toEqual([
      { id: 'a', name: 'f', arguments: { n: 1 } },
      { id: 'b', name: 'f', arguments: { n: 2 } },
    ])
    expect(fold.end?.finishReason.unified).toBe('tool-calls')
    // LM Studio and others leave the ids empty.
    const unnamed = folded(whole({ tool_calls: [call('', '{"n":1}'), call('', '{"n":2}')] }))
    expect(unnamed.toolCalls.map(({ arguments: given }) => given)).toEqual([{ n: 1 }, { n: 2 }])
  })

  it('says a refusal in its text', () => {
    const fold = folded(whole({ content: null, refusal: 'No.' }))
    expect([fold.text, fold.end?.finishReason]).toEqual([
      'No.',
      { unified: 'content-filter', raw: 'stop', detail: 'refusal' },
    ])
  })

  it('without a choice is empty and has no reason', () => {
    const fold = folded({ ...HEAD, choices: [], usage: USAGE })
    expect([fold.parts, fold.end?.finishReason, fold.end?.usage.inputTokens]).toEqual([
      [],
      { unified: 'other', raw: undefined },
      9,
    ])
  })

  it('without counts does not know them', () => {
    for (const usage of [null, undefined]) {
      expect(folded(whole({ content: 'a' }, 'stop', { usage })).end?.usage.outputTokens).toBeUndefined()
    }
  })

  it.each([null, 7, [], 'text', {}, { choices: 7 }, { choices: [] }, { models: [] }])(
    'is none for %j',
    (json) => {
      expect(fromWire(json)).toMatchObject({ failure: 'not a record', events: [] })
    },
  )

  it.each([{ error: { message: 'no' } }, { error: 'no', code: 'The service is currently unavailable' }])(
    'fails where it is an error under 200: %j',
    (json) => {
      expect(fromWire(json)).toMatchObject({ failure: JSON.stringify(json), events: [] })
    },
  )
})

describe('counts', () => {
  it('have cached and audio tokens inside the input, reasoning inside the output', () => {
    const usage = toOpenAIUsage({
      prompt_tokens: 1_000,
      completion_tokens: 500,
      total_tokens: 1_500,
      prompt_tokens_details: {
        cached_tokens: 600,
        cache_write_tokens: 100,
        audio_tokens: 50,
        image_tokens: 20,
      },
      completion_tokens_details: { reasoning_tokens: 300, audio_tokens: 40 },
    })
    expect(usage).toMatchObject({
      inputTokens: 1_000,
      cacheReadTokens: 600,
      cacheWriteTokens: 100,
      inputAudioTokens: 50,
      inputImageTokens: 20,
      outputTokens: 500,
      reasoningTokens: 300,
      outputAudioTokens: 40,
    })
  })

  it('have reasoning beside the output where the total says so (xAI), and only there', () => {
    const told = (completion: number, reasoning: number, total: number): unknown =>
      toOpenAIUsage({
        prompt_tokens: 12,
        completion_tokens: completion,
        total_tokens: total,
        completion_tokens_details: { reasoning_tokens: reasoning },
      }).outputTokens
    expect(told(1, 228, 241)).toBe(229)
    expect(told(229, 228, 241)).toBe(229)
    expect(told(100, 20, 500)).toBe(100)
    expect(told(5, 0, 17)).toBe(5)
  })

  it('have the cached tokens beside the input where there are more of them, so that nothing is negative', () => {
    const told = { prompt_tokens: 100, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 500 } }
    expect(toOpenAIUsage(told)).toMatchObject({ inputTokens: 600, cacheReadTokens: 500 })
  })

  it('of DeepSeek and Moonshot name the cache otherwise', () => {
    expect(
      toOpenAIUsage({ prompt_tokens: 9, prompt_cache_hit_tokens: 5, prompt_cache_miss_tokens: 4 }),
    ).toMatchObject({
      inputTokens: 9,
      cacheReadTokens: 5,
    })
    expect(toOpenAIUsage({ prompt_tokens: 9, cached_tokens: 3 }).cacheReadTokens).toBe(3)
  })

  it('that are no counts are not told', () => {
    for (const wrong of [-1, 1.5, '9', null, {}, Number.NaN]) {
      expect(toOpenAIUsage({ prompt_tokens: wrong, completion_tokens: wrong })).toMatchObject({
        inputTokens: undefined,
        outputTokens: undefined,
      })
    }
    for (const none of [null, 7, 'x', [], { prompt_tokens_details: 7, completion_tokens_details: null }]) {
      expect(toOpenAIUsage(none).inputTokens).toBeUndefined()
    }
  })
})
