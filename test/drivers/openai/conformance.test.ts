import { describe, expect, it } from 'vitest'
import type { StreamEvent } from '../../../src/core/stream.ts'
import type { Message } from '../../../src/core/message.ts'
import { tool } from '../../../src/index.ts'
import { errorOf, openWorld } from './world.ts'

const CREATED = {
  type: 'response.created',
  response: { id: 'resp_1', model: 'gpt-6-luna', status: 'in_progress' },
}
const COMPLETED = {
  type: 'response.completed',
  response: {
    id: 'resp_1',
    model: 'gpt-6-luna',
    status: 'completed',
    output: [],
    service_tier: 'default',
    usage: { input_tokens: 10, output_tokens: 5, total_tokens: 15 },
  },
}
const call = (place: number, id: string, callId: string, args: string): object => ({
  type: 'response.output_item.done',
  output_index: place,
  item: { id, type: 'function_call', status: 'completed', name: 'add', call_id: callId, arguments: args },
})
const begun = (place: number, id: string, callId: string): object => ({
  type: 'response.output_item.added',
  output_index: place,
  item: { id, type: 'function_call', status: 'in_progress', name: 'add', call_id: callId, arguments: '' },
})
const piece = (place: number, id: string, delta: string): object => ({
  type: 'response.function_call_arguments.delta',
  output_index: place,
  item_id: id,
  delta,
})

async function eventsOf(stream: AsyncIterable<StreamEvent>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = []
  for await (const event of stream) events.push(event)
  return events
}

const ADD = { name: 'add', input: { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] } }

describe('the conformance cases of the OpenAI API', () => {
  it('1: answers a plain text, with usage in which the parts are inside the whole', async () => {
    await using world = await openWorld()
    world.server.reply({
      text: 'Hello there',
      inputTokens: 8,
      cachedTokens: 4,
      outputTokens: 6,
      reasoningTokens: 2,
    })
    const answer = await world.ai.sendMessage('hi')
    expect(answer.text).toBe('Hello there')
    expect(answer.finishReason).toEqual({ unified: 'stop', raw: 'completed' })
    expect(answer.usage).toMatchObject({
      inputTokens: 8,
      cacheReadTokens: 4,
      outputTokens: 6,
      reasoningTokens: 2,
    })
    expect(world.bodies()).toEqual([
      {
        model: 'gpt-6-luna',
        input: [{ role: 'user', content: 'hi' }],
        stream: false,
        store: false,
        include: ['reasoning.encrypted_content'],
      },
    ])
  })

  it('2: bills cached, written and plain input and output, reasoning once', async () => {
    await using world = await openWorld()
    const usage = {
      input_tokens: 10_000,
      input_tokens_details: { cached_tokens: 6_000, cache_write_tokens: 2_000 },
      output_tokens: 500,
      output_tokens_details: { reasoning_tokens: 300 },
      total_tokens: 10_500,
    }
    world.server.reply({ text: 'ok', usage })
    const { cost } = await world.ai.sendMessage('hi', { model: 'gpt-6.2-sol' })
    expect(cost.lines.map(({ kind, quantity }) => [kind, quantity])).toEqual([
      ['input', 2_000],
      ['cache-read', 6_000],
      ['cache-write', 2_000],
      ['output', 500],
    ])
    expect([cost.status, String(cost.amount)]).toEqual(['exact', '0.0146'])
  })

  it('3: bills a long request at the long prices as a whole', async () => {
    await using world = await openWorld()
    world.server.reply({ text: 'ok', inputTokens: 300_000, outputTokens: 1_000 })
    const { cost } = await world.ai.sendMessage('hi', { model: 'gpt-6-sol' })
    expect([cost.status, String(cost.amount)]).toEqual(['exact', '1.215'])
  })

  it('4: bills the tier that the answer was served at, and not the one that was asked for', async () => {
    await using world = await openWorld()
    const told = { text: 'ok', inputTokens: 100_000, outputTokens: 1 }
    world.server.reply({ ...told, serviceTier: 'default' }, { ...told, serviceTier: 'priority' })
    const lowered = await world.ai.sendMessage('hi', { model: 'gpt-6-sol', serviceTier: 'priority' })
    const fast = await world.ai.sendMessage('hi', { model: 'gpt-6-sol', serviceTier: 'fast' })
    expect([String(lowered.cost.amount), String(fast.cost.amount)]).toEqual(['0.20001', '0.40002'])
    expect(world.bodies().map((body) => body['service_tier'])).toEqual(['priority', 'fast'])
  })

  it('5: makes one call of pieces whose item changes its id', async () => {
    await using world = await openWorld()
    const events = [
      CREATED,
      begun(0, 'fc_1', 'call_a'),
      piece(0, 'fc_2', '{"a"'),
      piece(0, 'fc_3', ':1}'),
      call(0, 'fc_4', 'call_a', '{"a":1}'),
      COMPLETED,
    ]
    world.server.reply({ events: events as never })
    const { response } = world.ai.streamMessage('hi', { tools: [ADD] })
    const answer = await response
    expect(answer.toolCalls.map(({ id, name, arguments: given }) => [id, name, given])).toEqual([
      ['call_a', 'add', { a: 1 }],
    ])
    expect(answer.finishReason.unified).toBe('tool-calls')
  })

  it('6: keeps two calls apart that are written at the same time, in their order', async () => {
    await using world = await openWorld()
    const events = [
      CREATED,
      begun(0, 'fc_1', 'call_a'),
      begun(1, 'fc_2', 'call_b'),
      piece(1, 'fc_2', '{"a":'),
      piece(0, 'fc_1', '{"a":'),
      piece(1, 'fc_2', '2}'),
      call(1, 'fc_2', 'call_b', '{"a":2}'),
      piece(0, 'fc_1', '1}'),
      call(0, 'fc_1', 'call_a', '{"a":1}'),
      COMPLETED,
    ]
    world.server.reply({ events: events as never })
    const seen = await eventsOf(world.ai.streamMessage('hi', { tools: [ADD] }))
    const calls = seen.flatMap((event) =>
      event.type === 'tool-call' ? [[event.call.id, event.call.arguments]] : [],
    )
    expect(calls).toEqual([
      ['call_a', { a: 1 }],
      ['call_b', { a: 2 }],
    ])
    const ids = seen.flatMap((event) => ('id' in event && event.type !== 'start' ? [event.id] : []))
    expect(ids).toEqual(['call_a', 'call_a', 'call_a', 'call_b', 'call_b', 'call_b'])
  })

  it.each([
    ['server_error', 'provider_unavailable', true],
    ['rate_limit_exceeded', 'rate_limited', true],
    ['insufficient_quota', 'quota_exhausted', false],
    ['invalid_prompt', 'content_filtered', false],
  ])('7: makes one error of %s after a good beginning, told twice', async (code, expected, retryable) => {
    await using world = await openWorld()
    world.server.reply({ text: '', failed: { code, message: 'It went wrong' } })
    const seen: string[] = []
    const error = await errorOf(
      (async () => {
        for await (const event of world.ai.streamMessage('hi', { retries: 0 })) seen.push(event.type)
      })(),
    )
    expect([error.code, error.retryable, error.status]).toEqual([expected, retryable, undefined])
    expect(error.details).toMatchObject({ code, midStream: true })
    // Nothing had reached the reader: where another try can help, there may be one.
    expect(seen).toEqual([])
  })

  it('7: tries again after an error before the first word, and not after it', async () => {
    await using world = await openWorld()
    const failed = { code: 'server_error', message: 'It went wrong' }
    world.server.reply({ failed }, 'ok', { text: 'half a', failed })
    expect((await world.ai.streamMessage('hi').response).text).toBe('ok')
    const error = await errorOf(eventsOf(world.ai.streamMessage('hi')))
    expect([error.code, error.partial?.text, world.bodies().length]).toEqual([
      'provider_unavailable',
      'half a',
      3,
    ])
  })

  it('8: keeps the text of a stream that ends before its end, and takes its usage for unknown', async () => {
    await using world = await openWorld()
    world.server.reply({ text: 'one two three', endAfter: 6 })
    const error = await errorOf(eventsOf(world.ai.streamMessage('hi')))
    expect([error.code, error.partial?.text]).toEqual(['stream_interrupted', 'one two'])
    expect(error.partial?.usage).toBeUndefined()
    const entries = []
    for await (const entry of world.ai.ledger.entries({})) entries.push(entry)
    expect(entries.map(({ usage }) => [usage.inputTokens, usage.outputTokens])).toEqual([
      [undefined, undefined],
    ])
    // At most so much, or not known; never nothing.
    expect(['bounded', 'unknown']).toContain(entries[0]?.cost.status)
    expect(String(entries[0]?.cost.amount)).not.toBe('0')
  })

  it('9: says length for JSON that was cut, and lets no parser fail', async () => {
    await using world = await openWorld()
    const output = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
    for (const streamed of [true, false]) {
      world.server.reply({ text: '{"city":"Par', incomplete: 'max_output_tokens' })
      const answer = await (streamed
        ? world.ai.streamMessage('hi', { output }).response
        : world.ai.sendMessage('hi', { output }))
      expect([answer.finishReason, answer.output, answer.text]).toEqual([
        { unified: 'length', raw: 'max_output_tokens' },
        undefined,
        '{"city":"Par',
      ])
    }
  })

  it('10: sends thoughts, calls and results back in their order, as they came', async () => {
    await using world = await openWorld()
    world.server.reply(
      {
        reasoning: ['First part.', 'Second part.'],
        encrypted: 'sealed',
        toolCalls: [{ name: 'add', arguments: { a: 1 } }],
      },
      'Two.',
    )
    const add = tool({ ...ADD, run: () => 2 })
    const { text: said } = await world.ai.streamMessage('1 + 1?', { tools: [add], reasoning: 'low' }).response
    expect(said).toBe('Two.')
    const [, second] = world.bodies()
    expect(second?.['input']).toEqual([
      { role: 'user', content: '1 + 1?' },
      {
        id: 'rs_000000000000000000000001',
        type: 'reasoning',
        encrypted_content: 'sealed',
        summary: [
          { type: 'summary_text', text: 'First part.' },
          { type: 'summary_text', text: 'Second part.' },
        ],
      },
      {
        type: 'function_call',
        id: expect.stringMatching(/^fc_/) as string,
        call_id: expect.stringMatching(/^call_/) as string,
        name: 'add',
        arguments: '{"a":1}',
      },
      { type: 'function_call_output', call_id: expect.stringMatching(/^call_/) as string, output: '2' },
    ])
  })

  it('11: leaves ids and sealed thoughts out when another model goes on, and keeps calls and results paired', async () => {
    await using world = await openWorld()
    world.server.reply(
      { reasoning: 'Hm.', toolCalls: [{ name: 'add', arguments: { a: 1 } }] },
      'Two.',
      'Yes.',
    )
    const add = tool({ ...ADD, run: () => 2 })
    const first = await world.ai.sendMessage('1 + 1?', { tools: [add] })
    const history: Message[] = [{ role: 'user', content: '1 + 1?' }, ...first.messages]
    await world.ai.sendMessage([...history, { role: 'user', content: 'Sure?' }], {
      model: 'gpt-6-sol',
      tools: [add],
    })
    const input = world.bodies()[2]?.['input']
    expect(input).toEqual([
      { role: 'user', content: '1 + 1?' },
      { type: 'function_call', call_id: expect.any(String) as string, name: 'add', arguments: '{"a":1}' },
      { type: 'function_call_output', call_id: expect.any(String) as string, output: '2' },
      { role: 'assistant', content: 'Two.' },
      { role: 'user', content: 'Sure?' },
    ])
    expect(JSON.stringify(input)).not.toMatch(/encrypted|"id"|sealed/)
  })

  it('12: tells a refusal by its finish reason, with its text', async () => {
    await using world = await openWorld()
    for (const streamed of [true, false]) {
      world.server.reply({ refusal: 'I cannot help with that.' })
      const answer = await (streamed ? world.ai.streamMessage('hi').response : world.ai.sendMessage('hi'))
      expect(answer.finishReason).toEqual({ unified: 'content-filter', raw: 'completed', detail: 'refusal' })
      expect(answer.text).toBe('I cannot help with that.')
      // And it goes back as one.
      world.server.reply('ok')
      await world.ai.sendMessage([...answer.messages, { role: 'user', content: 'Why?' }])
      const refusal = { content: [{ type: 'refusal', refusal: 'I cannot help with that.' }] }
      expect(world.bodies().at(-1)?.['input']).toMatchObject([refusal, {}])
    }
  })

  it('13: waits as long as a rate limit asks, and not at all for a quota or where it is told not to', async () => {
    await using world = await openWorld()
    const limited = { status: 429, error: { message: 'Rate limit reached', code: 'rate_limit_exceeded' } }
    world.server.reply({ ...limited, headers: { 'retry-after-ms': '1500' } }, 'ok')
    expect((await world.ai.sendMessage('hi')).text).toBe('ok')
    expect(world.waits).toEqual([1_500])
    const spent = { type: 'insufficient_quota', code: 'credit_balance_exhausted', message: 'No credit' }
    world.server.reply({ status: 429, error: spent }, 'never')
    const quota = await errorOf(world.ai.sendMessage('hi'))
    expect([quota.code, quota.retryable]).toEqual(['quota_exhausted', false])
    world.server.reset()
    const never = { 'x-should-retry': 'false' }
    world.server.reply(
      { status: 500, error: { message: 'Broken', type: 'server_error' }, headers: never },
      'never',
    )
    const broken = await errorOf(world.ai.sendMessage('hi'))
    expect([broken.code, broken.retryable]).toEqual(['provider_unavailable', false])
    expect(world.waits).toEqual([1_500])
  })

  it('14: has a code of its own for a conversation that is too long', async () => {
    await using world = await openWorld()
    const message =
      'Your input exceeds the context window of this model. Please adjust your input and try again.'
    world.server.reply({ status: 400, error: { message, code: 'context_length_exceeded', param: 'input' } })
    const error = await errorOf(world.ai.sendMessage('hi'))
    expect([error.code, error.retryable]).toEqual(['context_too_long', false])
  })

  it('15: leaves out what a model does not take, takes the nearest level, and says so', async () => {
    await using world = await openWorld()
    world.server.default('ok')
    const warm = await world.ai.sendMessage('hi', {
      model: 'gpt-5.6-sol',
      reasoning: 'medium',
      temperature: 0.5,
    })
    const off = await world.ai.sendMessage('hi', { model: 'gpt-6.2-sol', reasoning: 'off' })
    const stop = await world.ai.sendMessage('hi', { stop: 'END', seed: 1, topK: 3 })
    const bodies = world.bodies()
    expect(bodies[0]).toMatchObject({ reasoning: { effort: 'medium', summary: 'auto' } })
    expect(bodies[0]).not.toHaveProperty('temperature')
    expect(bodies[1]).toMatchObject({ reasoning: { effort: 'low' } })
    for (const name of ['stop', 'seed', 'top_k']) expect(bodies[2]).not.toHaveProperty(name)
    expect(warm.warnings.map(({ code, details }) => [code, details['option']])).toEqual([
      ['option-ignored', 'temperature'],
    ])
    expect(off.warnings.map(({ code, details }) => [code, details])).toEqual([
      ['reasoning-downgraded', { asked: 'off', sent: 'low' }],
    ])
    expect(stop.warnings.map(({ details }) => details['option'])).toEqual(['topK', 'seed', 'stop'])
  })

  it('16: reads the counts of Chat Completions from their own last chunk', async () => {
    await using world = await openWorld({ openai: { dialect: 'chat' } })
    world.server.reply({ text: 'Hello there', inputTokens: 8, outputTokens: 3 })
    const answer = await world.ai.streamMessage('hi').response
    expect([answer.text, answer.usage.inputTokens, answer.usage.outputTokens]).toEqual(['Hello there', 8, 3])
    expect(world.bodies()).toEqual([
      {
        model: 'gpt-6-luna',
        messages: [{ role: 'user', content: 'hi' }],
        stream: true,
        stream_options: { include_usage: true },
      },
    ])
  })

  it('17: reads vectors of either format alike, in the order of their texts, in two requests where one is too many', async () => {
    await using world = await openWorld()
    const model = 'text-embedding-3-small'
    const vectors = [
      [0.1, -2.5, 3e-8],
      [1, 2, 3],
    ].map((vector) => vector.map(Math.fround))
    const body = (embedding: (vector: readonly number[]) => unknown): object => ({
      object: 'list',
      data: [1, 0].map((index) => ({
        object: 'embedding',
        index,
        embedding: embedding(vectors[index] ?? []),
      })),
      model,
      usage: { prompt_tokens: 4, total_tokens: 4 },
    })
    const { toBase64 } = await import('../../../src/testing/fake-openai.ts')
    world.server.once('/v1/embeddings', { body: body(toBase64) }, { body: body((vector) => vector) })
    const [packed, plain] = [
      await world.ai.embed(['a', 'b'], { model }),
      await world.ai.embed(['a', 'b'], { model }),
    ]
    expect(packed.embeddings).toEqual(vectors)
    expect(plain.embeddings).toEqual(vectors)
    const many = Array.from({ length: 2_049 }, (_, index) => `text ${index}`)
    const answer = await world.ai.embed(many, { model })
    expect(
      world
        .bodies('/v1/embeddings')
        .slice(2)
        .map(({ input }) => (input as string[]).length),
    ).toEqual([2_048, 1])
    expect([answer.embeddings.length, answer.usage.inputTokens]).toEqual([2_049, 2_049 * 3])
    // $0.02 for a million.
    expect([answer.cost.status, String(answer.cost.amount)]).toEqual(['exact', '0.00012294'])
  })
})

describe('the quirks of the OpenAI API', () => {
  it('takes calls apart that came in one, and sends them and their results back in one', async () => {
    await using world = await openWorld()
    const uses = [1, 2].map((a) => ({ recipient_name: 'functions.add', parameters: { a } }))
    const wrapped = { name: 'parallel', arguments: JSON.stringify({ tool_uses: uses }), id: 'call_w' }
    world.server.reply({ toolCalls: [wrapped] }, 'Done.')
    const ran: unknown[] = []
    const add = tool({ ...ADD, run: (input) => (ran.push(input), 'ok') })
    const seen = await eventsOf(world.ai.streamMessage('hi', { tools: [add] }))
    expect(ran).toEqual([{ a: 1 }, { a: 2 }])
    const ids = seen.flatMap((event) => (event.type === 'tool-call' ? [event.call.id] : []))
    expect(ids).toEqual(['call_w_1', 'call_w_2'])
    expect(seen.some(({ type }) => type === 'tool-call-start')).toBe(false)
    const [, second] = world.bodies()
    expect(((second?.['input'] ?? []) as readonly object[]).slice(1)).toEqual([
      {
        type: 'function_call',
        id: expect.stringMatching(/^fc_/) as string,
        call_id: 'call_w',
        name: 'parallel',
        arguments: wrapped.arguments,
      },
      {
        type: 'function_call_output',
        call_id: 'call_w',
        output: '[{"name":"add","output":"ok"},{"name":"add","output":"ok"}]',
      },
    ])
  })

  it('leaves a tool alone that only has the name of one', async () => {
    await using world = await openWorld()
    world.server.reply({ toolCalls: [{ name: 'parallel', arguments: { tool_uses: ['x'] } }] })
    const { toolCalls } = await world.ai.sendMessage('hi', { tools: [{ ...ADD, name: 'parallel' }] })
    expect(toolCalls.map(({ name, arguments: given }) => [name, given])).toEqual([
      ['parallel', { tool_uses: ['x'] }],
    ])
  })

  it('keeps the phases of an answer, and sends them back', async () => {
    await using world = await openWorld()
    world.server.reply(
      {
        messages: [
          { text: 'Let me look.', phase: 'commentary' },
          { text: 'An oak.', phase: 'final_answer' },
        ],
      },
      'Yes.',
    )
    const first = await world.ai.sendMessage('hi')
    await world.ai.sendMessage([
      { role: 'user', content: 'hi' },
      ...first.messages,
      { role: 'user', content: 'Sure?' },
    ])
    const input = world.bodies()[1]?.['input'] as readonly { readonly phase?: string }[]
    expect(input.map(({ phase }) => phase)).toEqual([undefined, 'commentary', 'final_answer', undefined])
  })

  it('reads what was asked for by a schema out of the final answer, and not out of what was said before it', async () => {
    await using world = await openWorld()
    const messages = [
      { text: 'Let me look: {"city":"Rome"}', phase: 'commentary' },
      { text: '{"city":"Paris"}', phase: 'final_answer' },
    ] as const
    const output = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
    for (const streamed of [true, false]) {
      world.server.reply({ messages })
      const answer = await (streamed
        ? world.ai.streamMessage('hi', { output }).response
        : world.ai.sendMessage('hi', { output }))
      expect(answer.output).toEqual({ city: 'Paris' })
    }
  })
})
