import { describe, expect, it } from 'vitest'
import type { Message, Part } from '../../../src/core/message.ts'
import { fromWire as fromChatWire } from '../../../src/dialects/openai-chat/wire.ts'
import { pricesOf } from '../../../src/drivers/xai/models.ts'
import { errorOf, openWorld, type World } from './world.ts'

// The cases that every driver for xAI must pass, in the order in which they were written down.

const WEATHER = {
  name: 'weather',
  input: { type: 'object', properties: { city: { type: 'string' } } },
} as const

/** Counts as they go on the wire. */
function counts(
  input: number,
  output: number,
  reasoning: number,
  total: number,
  cached: number = 0,
): Record<string, unknown> {
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: total,
  }
}

function handle({ ai }: World, model: string = 'grok-4.3'): ReturnType<World['ai']['provider']> {
  return ai.provider('xai').model(model)
}

describe('xAI, case by case', () => {
  it('1: answers a text, with the output counted by the total', async () => {
    await using world = await openWorld()
    world.server.reply({ text: 'Because.', usage: counts(32, 119, 110, 151) })
    const answer = await handle(world).sendMessage('Why?')
    expect([answer.text, answer.finishReason]).toEqual(['Because.', { unified: 'stop', raw: 'completed' }])
    expect(answer.usage).toMatchObject({ inputTokens: 32, outputTokens: 119, reasoningTokens: 110 })
  })

  it('2: reads counts of Chat Completions, where reasoning is beside the output', () => {
    const usage = {
      prompt_tokens: 12,
      prompt_tokens_details: { cached_tokens: 2 },
      completion_tokens: 1,
      completion_tokens_details: { reasoning_tokens: 228 },
      total_tokens: 241,
      cost_in_usd_ticks: 1_176_500,
    }
    const step = fromChatWire({
      model: 'grok-3-mini',
      choices: [{ message: { content: 'x' }, finish_reason: 'stop' }],
      usage,
    })
    expect(step.events.at(-1)).toMatchObject({
      usage: { inputTokens: 12, cacheReadTokens: 2, outputTokens: 229, reasoningTokens: 228 },
    })
  })

  it('2: costs what the ticks say, and the sum of our own is the same', async () => {
    await using world = await openWorld({ server: { models: ['grok-3-mini'] } })
    world.server.reply({
      text: 'x',
      usage: { ...counts(12, 229, 228, 241, 2), cost_in_usd_ticks: 1_176_500 },
    })
    const { cost } = await handle(world, 'grok-3-mini').sendMessage('Hi')
    // 10 at $0.30, 2 at $0.075 and 229 at $0.50 for a million.
    expect(cost).toMatchObject({ status: 'exact', source: 'provider' })
    expect(String(cost.amount)).toBe('0.00011765')
    expect(cost.status === 'exact' && [String(cost.reported), String(cost.computed)]).toEqual([
      '0.00011765',
      '0.00011765',
    ])
  })

  it('2: costs our own sum where no ticks are told, or none are charged', async () => {
    await using world = await openWorld({ server: { models: ['grok-3-mini'] } })
    for (const ticks of [{}, { cost_in_usd_ticks: 0 }]) {
      world.server.reply({ text: 'x', usage: { ...counts(12, 229, 228, 241, 2), ...ticks } })
      const { cost } = await handle(world, 'grok-3-mini').sendMessage('Hi')
      expect([cost.status, 'source' in cost && cost.source, String(cost.amount)]).toEqual([
        'exact',
        'price-list',
        '0.00011765',
      ])
    }
  })

  it('3: counts 119 of output, whether reasoning is in it or beside it', async () => {
    await using world = await openWorld()
    for (const [output, total] of [
      [9, 151],
      [119, 151],
    ] as const) {
      world.server.reply({ text: 'x', usage: counts(32, output, 110, total) })
      expect((await handle(world).sendMessage('Hi')).usage.outputTokens).toBe(119)
    }
  })

  it('4: takes more cached than read for what came beside it, and nothing is negative', async () => {
    await using world = await openWorld()
    world.server.reply({ text: 'x', usage: counts(100, 1, 0, 101, 500) })
    const { usage, cost } = await handle(world).sendMessage('Hi')
    expect(usage).toMatchObject({ inputTokens: 600, cacheReadTokens: 500 })
    expect(cost.lines.map(({ kind, quantity }) => [kind, quantity])).toEqual([
      ['input', 100],
      ['cache-read', 500],
      ['output', 1],
    ])
  })

  it('5: is dearer from 200,000 tokens of input on, and not one before', async () => {
    await using world = await openWorld()
    const costs: string[] = []
    for (const input of [199_999, 200_000]) {
      world.server.reply({ text: 'x', usage: counts(input, 0, 1, input + 1) })
      costs.push(String((await handle(world).sendMessage('Hi')).cost.amount))
    }
    // $1.25 and $2.50 for a million, and one token of output at $2.50 and $5.
    expect(costs).toEqual(['0.25000125', '0.500005'])
  })

  it('6: adds the fees of its own tools where no ticks are told', async () => {
    await using world = await openWorld()
    const details = {
      server_side_tool_usage_details: { web_search_calls: 3, code_interpreter_calls: 1, x_search_calls: 0 },
    }
    world.server.reply({ text: 'x', usage: { ...counts(1_000, 100, 0, 1_100), ...details } })
    const { cost } = await handle(world).sendMessage('Hi', {
      providerOptions: { xai: { webSearch: true, codeExecution: true } },
    })
    // 1,000 at $1.25 and 100 at $2.50 for a million, and four calls at half a cent.
    expect(String(cost.amount)).toBe('0.0215')
    expect(
      cost.lines.slice(-2).map(({ name, quantity, amount }) => [name, quantity, String(amount)]),
    ).toEqual([
      ['web-search', 3, '0.015'],
      ['code-execution', 1, '0.005'],
    ])
  })

  it('7: ends with tool-calls where a function is called, although the status is completed', async () => {
    await using world = await openWorld()
    world.server.reply({
      toolCalls: [{ id: 'call_77', name: 'weather', arguments: '{"city":"San  Francisco"}' }],
    })
    const events = []
    const stream = handle(world).streamMessage('Weather?', { tools: [WEATHER] })
    for await (const event of stream) events.push(event)
    const answer = await stream.response
    expect(answer.finishReason).toEqual({ unified: 'tool-calls', raw: 'completed' })
    expect(answer.toolCalls).toMatchObject([
      { id: 'call_77', name: 'weather', arguments: { city: 'San  Francisco' } },
    ])
    expect(events.filter((event) => event.type === 'tool-call-delta')).toMatchObject([
      { argumentsText: '{"city":"San  Francisco"}' },
    ])
  })

  it('8: makes no call of the caller of what xAI looked up itself', async () => {
    await using world = await openWorld()
    const serverCalls = [
      { type: 'x_search_call', name: 'x_semantic_search', arguments: '{"query":"xai"}' },
      {
        type: 'custom_tool_call',
        name: 'x_keyword_search',
        arguments: '{"query":"xai"}',
        callId: 'xs_call_1',
      },
      // Whatever its id is like: nobody but xAI has tools of this type here.
      { type: 'custom_tool_call', name: 'view_x_video', arguments: '{"url":"x"}', callId: 'call_1' },
      { type: 'web_search_call', name: 'web_search', arguments: '{"query":"xai"}' },
    ]
    world.server.reply({ text: 'Found it.', serverCalls }, { text: 'Found it.', serverCalls })
    const options = { tools: [WEATHER], providerOptions: { xai: { xSearch: true, webSearch: true } } }
    for (const answer of [
      await handle(world).streamMessage('Look it up', options).response,
      await handle(world).sendMessage('Look it up', options),
    ]) {
      expect([answer.text, answer.toolCalls, answer.finishReason.unified]).toEqual(['Found it.', [], 'stop'])
    }
  })

  it('8: sends none of what xAI looked up itself back, and its thoughts and words all the same', async () => {
    await using world = await openWorld()
    const serverCalls = [
      { type: 'web_search_call', name: 'web_search', arguments: '{"query":"xai"}' },
      {
        type: 'custom_tool_call',
        name: 'x_keyword_search',
        arguments: '{"query":"xai"}',
        callId: 'xs_call_1',
      },
    ]
    world.server.reply({ reasoning: 'Look.', text: 'Found it.', serverCalls }, { text: 'Sure.' })
    const { messages } = await handle(world).sendMessage('Look it up', {
      providerOptions: { xai: { webSearch: true } },
    })
    await handle(world).sendMessage([
      { role: 'user', content: 'Look it up' },
      ...messages,
      { role: 'user', content: 'Sure?' },
    ])
    const input = world.bodies()[1]?.['input'] as readonly Readonly<Record<string, unknown>>[]
    expect(input.map(({ type, role }) => (type === 'reasoning' ? type : role))).toEqual([
      'user',
      'reasoning',
      'assistant',
      'user',
    ])
  })

  it('9: gives thoughts back exactly as they were, while nothing is stored', async () => {
    await using world = await openWorld()
    world.server.reply(
      {
        reasoning: ['First this.', 'Then that.'],
        encrypted: 'c2VhbGVk',
        toolCalls: [{ id: 'call_1', name: 'weather', arguments: { city: 'Oslo' } }],
      },
      { text: 'Warm.' },
    )
    const tool = { ...WEATHER, run: () => 'warm' }
    const answer = await handle(world).streamMessage('Weather?', { tools: [tool] }).response
    expect(answer.text).toBe('Warm.')
    const [first, second] = world.bodies()
    expect(first).toMatchObject({ store: false, include: ['reasoning.encrypted_content'] })
    const input = second?.['input'] as readonly Readonly<Record<string, unknown>>[]
    expect(input.map(({ type, role }) => type ?? role)).toEqual([
      'user',
      'reasoning',
      'function_call',
      'function_call_output',
    ])
    expect(input[1]).toEqual({
      type: 'reasoning',
      id: 'rs_00000000-0000-4000-8000-000000000001',
      summary: [
        { type: 'summary_text', text: 'First this.' },
        { type: 'summary_text', text: 'Then that.' },
      ],
      status: 'completed',
      encrypted_content: 'c2VhbGVk',
    })
    expect(input[2]).toMatchObject({ call_id: 'call_1', name: 'weather', arguments: '{"city":"Oslo"}' })
  })

  it('9: tells the thoughts of another model nothing of what was kept', async () => {
    await using world = await openWorld()
    world.server.reply({ reasoning: 'Hm.', encrypted: 'c2VhbGVk', text: 'Yes.' }, { text: 'No.' })
    const { messages } = await handle(world).sendMessage('Really?')
    await handle(world, 'grok-4.7').sendMessage([
      { role: 'user', content: 'Really?' },
      ...messages,
      { role: 'user', content: 'Sure?' },
    ])
    expect(JSON.stringify(world.bodies()[1])).not.toMatch(/c2VhbGVk|rs_/)
    expect(world.bodies()[1]?.['input']).toMatchObject([{}, { role: 'assistant', content: 'Yes.' }, {}])
  })

  it('10: takes JSON under 200 in place of a stream for the error that it is, and tries again', async () => {
    await using world = await openWorld()
    const fault = { code: 'The service is currently unavailable', error: 'Service temporarily unavailable' }
    world.server.reply({ fault }, { fault })
    const error = await errorOf(handle(world).streamMessage('Hi', { retries: 1 }).response)
    expect([error.code, error.retryable, world.bodies().length]).toEqual(['provider_unavailable', true, 2])
    expect(error.message).toContain('The service is currently unavailable')
    world.server.reply({ fault }, { text: 'Here.' })
    expect((await handle(world).streamMessage('Hi', { retries: 1 }).response).text).toBe('Here.')
  })

  it('11: takes a wrong key for a wrong key, although it is 400', async () => {
    await using world = await openWorld({ server: { keys: ['xai-right'] } })
    const error = await errorOf(handle(world).sendMessage('Hi'))
    expect([error.code, error.status, error.retryable]).toEqual(['authentication_failed', 400, false])
    expect(error.message).not.toContain('xai-test')
  })

  it('12: never tries again when credits are used up, as 429 or 403, and does when it was only too fast', async () => {
    await using world = await openWorld()
    const spent = 'Your team has either used all available credits or reached its monthly spending limit.'
    world.server.reply({ status: 429, fault: { code: 'Some resource has been exhausted', error: spent } })
    world.server.reply({
      status: 403,
      fault: { code: 'permission-denied', error: 'personal-team-blocked:spending-limit' },
    })
    for (const requests of [1, 2]) {
      const error = await errorOf(handle(world).sendMessage('Hi', { retries: 2 }))
      expect([error.code, error.retryable, world.bodies().length]).toEqual([
        'quota_exhausted',
        false,
        requests,
      ])
    }
    const fast = {
      status: 429,
      fault: { code: 'Some resource has been exhausted', error: 'Too many requests' },
    } as const
    world.server.reply(fast, { text: 'Now.' })
    const answer = await handle(world).sendMessage('Hi', { retries: 2 })
    expect([answer.text, answer.attempts.length]).toEqual(['Now.', 2])
  })

  it('13: says both sizes of a conversation that is too long', async () => {
    await using world = await openWorld()
    const error = "This model's maximum prompt length is 131072 but the request contains 200000 tokens."
    world.server.reply({ status: 400, fault: { code: 'Client specified an invalid argument', error } })
    const thrown = await errorOf(handle(world).sendMessage('Hi'))
    expect(thrown.code).toBe('context_too_long')
    expect(thrown.details).toMatchObject({ contextSize: 131_072, promptTokens: 200_000 })
  })

  it('14: leaves the level of thinking out where every one is refused, and says so', async () => {
    await using world = await openWorld({ server: { models: ['grok-4.20-0309-non-reasoning', 'grok-4.7'] } })
    world.server.default({ text: 'x' })
    const silent = await handle(world, 'grok-4.20-0309-non-reasoning').sendMessage('Hi', {
      reasoning: 'medium',
    })
    expect(world.bodies()[0]).not.toHaveProperty('reasoning')
    expect(silent.warnings).toMatchObject([{ code: 'option-ignored', details: { option: 'reasoning' } }])
    const low = await handle(world, 'grok-4.7').sendMessage('Hi', { reasoning: 'off' })
    expect(world.bodies()[1]).toMatchObject({ reasoning: { effort: 'low' } })
    expect(low.warnings).toMatchObject([
      { code: 'reasoning-downgraded', details: { asked: 'off', sent: 'low' } },
    ])
  })

  it('15: lists prices in dollars for a million tokens, and knows a model by its other names', async () => {
    const prices = { input: 12_500, cached: 2_000, output: 25_000 }
    await using world = await openWorld({
      server: { models: [{ id: 'grok-4.3', aliases: ['grok-latest'], prices }] },
    })
    const model = await world.ai.provider('xai').models.get('grok-latest')
    expect([model.id, pricesOf(model).input]).toEqual(['grok-4.3', '1.25'])
  })
})

describe('a conversation with xAI', () => {
  it('goes on from another provider, with its calls and results paired and nothing of it kept', async () => {
    await using world = await openWorld()
    world.server.reply({ text: 'Warm.' })
    const data = {
      provider: 'other',
      model: 'other',
      data: { dialect: 'openai-responses', item: { id: 'rs_9' } },
    }
    const parts: Part[] = [
      { type: 'reasoning', text: 'Need it.', providerData: data },
      {
        type: 'tool-call',
        id: `toolu_${'x'.repeat(90)}`,
        name: 'weather',
        arguments: { city: 'Oslo' },
        providerData: data,
      },
    ]
    const history: Message[] = [
      { role: 'user', content: 'Weather?' },
      { role: 'assistant', content: parts },
      {
        role: 'tool',
        content: [{ type: 'tool-result', id: `toolu_${'x'.repeat(90)}`, name: 'weather', content: 'warm' }],
      },
    ]
    expect((await handle(world).sendMessage(history, { tools: [WEATHER] })).text).toBe('Warm.')
    const input = world.bodies()[0]?.['input'] as readonly Readonly<Record<string, unknown>>[]
    expect(input.map(({ type, role }) => type ?? role)).toEqual([
      'user',
      'function_call',
      'function_call_output',
    ])
    expect(input[1]?.['call_id']).toBe(input[2]?.['call_id'])
    expect(String(input[1]?.['call_id']).length).toBeLessThanOrEqual(64)
  })

  it('learns that a new model takes no level, and asks again without', async () => {
    await using world = await openWorld({ server: { models: ['grok-9'] } })
    const error = 'Model grok-9 does not support parameter reasoningEffort.'
    world.server.reply(
      { status: 400, fault: { code: 'Client specified an invalid argument', error } },
      { text: 'Yes.' },
    )
    const answer = await handle(world, 'grok-9').sendMessage('Really?', { reasoning: 'high' })
    expect(answer.text).toBe('Yes.')
    expect(world.bodies().map(({ reasoning }) => reasoning)).toEqual([{ effort: 'high' }, undefined])
    await handle(world, 'grok-9').sendMessage('Sure?', { reasoning: 'high' })
    expect(world.bodies()[2]).not.toHaveProperty('reasoning')
  })
})
