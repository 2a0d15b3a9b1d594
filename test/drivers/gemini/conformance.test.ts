import { describe, expect, it } from 'vitest'
import type { AIResponse, Message, Tool } from '../../../src/index.ts'
import { addUsage } from '../../../src/core/usage.ts'
import { NO_SIGNATURE } from '../../../src/drivers/gemini/tools.ts'
import type { GeminiReply } from '../../../src/testing/fake-gemini.ts'
import { errorOf, openWorld, START_MS, type Body, type World } from './world.ts'

// The conformance cases of the Gemini API, by their numbers, each against a real socket.

const WEATHER: Tool = {
  name: 'get_weather',
  input: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  run: () => ({ celsius: 21 }),
}
const SIGNATURE = 'c2lnbmF0dXJlIG9mIGEgcGFydA=='

type Turn = { role: string; parts: Record<string, unknown>[] }
const turnsOf = (body: Body | undefined): Turn[] => (body?.['contents'] ?? []) as Turn[]

/** What a request with these options sent: its body. */
async function sent(
  options: Parameters<World['ai']['sendMessage']>[1],
  input: Parameters<World['ai']['sendMessage']>[0] = 'Hi',
): Promise<{ body: Body; answer: AIResponse }> {
  await using world = await openWorld({
    server: { models: ['gemini-3.8-flash', 'gemini-2.5-flash', 'gemini-2.5-pro'] },
  })
  world.server.default('Fine.')
  const answer = await world.ai.sendMessage(input, options)
  return { body: world.bodies()[0] ?? {}, answer }
}

describe('the conformance cases', () => {
  it('1: keeps thoughts apart from the text of a whole answer', async () => {
    await using world = await openWorld()
    world.server.reply({ chunks: ['Four', '.'], thinking: 'Two and two.' })
    const answer = await world.ai.sendMessage('2 + 2?', { reasoning: 'high' })
    expect([answer.reasoning, answer.text, answer.finishReason]).toEqual([
      'Two and two.',
      'Four.',
      { unified: 'stop', raw: 'STOP' },
    ])
    expect(world.bodies()[0]).toEqual({
      contents: [{ role: 'user', parts: [{ text: '2 + 2?' }] }],
      generationConfig: { thinkingConfig: { includeThoughts: true, thinkingLevel: 'high' } },
    })
  })

  it('2: bills cached, tool-use, answer and thought tokens to the last digit, by the price of the day', async () => {
    await using world = await openWorld({ gemini: { prices: 'gemini' } })
    const reply: GeminiReply = {
      text: 'Fine.',
      promptTokens: 5_000,
      cachedTokens: 4_096,
      toolUseTokens: 200,
      outputTokens: 100,
      thoughtTokens: 400,
    }
    world.server.reply(reply, reply)
    const answer = await world.ai.sendMessage('Hi')
    expect(answer.usage).toMatchObject({
      inputTokens: 5_200,
      cacheReadTokens: 4_096,
      outputTokens: 500,
      reasoningTokens: 400,
    })
    expect(answer.cost.lines.map(({ kind, quantity }) => [kind, quantity])).toEqual([
      ['input', 1_104],
      ['cache-read', 4_096],
      ['output', 500],
    ])
    expect([answer.cost.status, String(answer.cost.amount)]).toEqual(['exact', '0.0030102'])
    await world.clock.advance(Date.UTC(2027, 0, 2) - START_MS)
    expect(String((await world.ai.sendMessage('Hi')).cost.amount)).toBe('0.0060204')
  })

  it('3: bills the whole request at the long price above 200,000 tokens, and not at them', async () => {
    const model = 'gemini-3.1-pro-preview'
    await using world = await openWorld({ gemini: { prices: 'gemini', model }, server: { models: [model] } })
    const inputCosts: string[] = []
    for (const promptTokens of [200_000, 200_001]) {
      world.server.reply({ text: 'Fine.', promptTokens, outputTokens: 1 })
      const { cost } = await world.ai.sendMessage('Hi')
      inputCosts.push(
        ...cost.lines.filter(({ kind }) => kind === 'input').map(({ amount }) => String(amount)),
      )
    }
    // 200,000 × $2 and 200,001 × $4, per million.
    expect(inputCosts).toEqual(['0.4', '0.800004'])
  })

  it('4: replaces the counts of each frame, and sums none', async () => {
    await using world = await openWorld()
    const frame = (text: string, candidatesTokenCount: number, end: object = {}): object => ({
      candidates: [{ content: { role: 'model', parts: [{ text }] }, ...end }],
      usageMetadata: { promptTokenCount: 7, candidatesTokenCount, thoughtsTokenCount: 185 },
    })
    world.server.reply({ records: [frame('a', 5), frame('b', 23), frame('', 23, { finishReason: 'STOP' })] })
    const answer = await world.ai.streamMessage('Hi').response
    expect([answer.text, answer.usage.outputTokens, answer.usage.inputTokens]).toEqual(['ab', 208, 7])
  })

  it('5: gives a call back with its own id and signature, and its result as an object', async () => {
    await using world = await openWorld()
    world.server.reply(
      { toolCalls: [{ name: 'get_weather', args: { city: 'Paris' }, id: 'fc-1', signature: SIGNATURE }] },
      'Warm.',
    )
    const answer = await world.ai.sendMessage('Is it warm?', { tools: [WEATHER] })
    expect(answer.text).toBe('Warm.')
    expect(turnsOf(world.bodies()[1])).toEqual([
      { role: 'user', parts: [{ text: 'Is it warm?' }] },
      {
        role: 'model',
        parts: [
          {
            functionCall: { id: 'fc-1', name: 'get_weather', args: { city: 'Paris' } },
            thoughtSignature: SIGNATURE,
          },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { id: 'fc-1', name: 'get_weather', response: { output: { celsius: 21 } } } },
        ],
      },
    ])
  })

  it('6: gives parallel calls back with the one signature that came, and both results in one turn', async () => {
    await using world = await openWorld()
    const calls = ['Paris', 'Rome'].map((city) => ({ name: 'get_weather', args: { city } }))
    world.server.reply({ toolCalls: calls }, 'Warm.')
    await world.ai.sendMessage('Is it warm?', { tools: [WEATHER] })
    const [, model, results, ...rest] = turnsOf(world.bodies()[1])
    expect(rest).toEqual([])
    expect(model?.parts.map((part) => typeof part['thoughtSignature'])).toEqual(['string', 'undefined'])
    expect(model?.parts[0]?.['thoughtSignature']).not.toBe(NO_SIGNATURE)
    expect([results?.role, results?.parts.length]).toEqual(['user', 2])
  })

  it('7: gives calls of another provider the stand-in for a signature, and what was kept with them is left out', async () => {
    const theirs = { provider: 'openai', model: 'gpt-6-sol', data: { thoughtSignature: SIGNATURE, id: 'x' } }
    const history: readonly Message[] = [
      { role: 'user', content: 'Is it warm?' },
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'Let me look.', providerData: theirs },
          {
            type: 'tool-call',
            id: 'call_äb',
            name: 'get_weather',
            arguments: { city: 'Paris' },
            providerData: theirs,
          },
        ],
      },
      {
        role: 'tool',
        content: [{ type: 'tool-result', id: 'call_äb', name: 'get_weather', content: 'warm' }],
      },
    ]
    const { body } = await sent({ tools: [WEATHER] }, history)
    expect(turnsOf(body).slice(1)).toEqual([
      {
        role: 'model',
        parts: [
          {
            functionCall: { id: 'call__b', name: 'get_weather', args: { city: 'Paris' } },
            thoughtSignature: NO_SIGNATURE,
          },
        ],
      },
      {
        role: 'user',
        parts: [{ functionResponse: { id: 'call__b', name: 'get_weather', response: { output: 'warm' } } }],
      },
    ])
    expect(JSON.stringify(body)).not.toContain(SIGNATURE)
    const older = await sent({ tools: [WEATHER], model: 'gemini-2.5-flash' }, history)
    expect(JSON.stringify(older.body)).not.toContain('thoughtSignature')
  })

  it('8: keeps the signature of a part without text as a part of its own, and gives it back', async () => {
    await using world = await openWorld()
    world.server.default({ chunks: ['Hi', ' there'], signature: SIGNATURE })
    const answer = await world.ai.streamMessage('Hi').response
    expect(answer.parts.map((part) => [part.type, 'text' in part ? part.text : ''])).toEqual([
      ['text', 'Hi there'],
      ['text', ''],
    ])
    const next: Message = { role: 'user', content: 'And?' }
    // Through JSON, as a conversation that was stored.
    const stored = JSON.parse(JSON.stringify(answer.messages)) as Message[]
    await world.ai.sendMessage([{ role: 'user', content: 'Hi' }, ...stored, next])
    expect(turnsOf(world.bodies()[1])[1]).toEqual({
      role: 'model',
      parts: [{ text: 'Hi there' }, { text: '', thoughtSignature: SIGNATURE }],
    })
    const other = 'gemini-2.5-flash'
    await world.ai.sendMessage([{ role: 'user', content: 'Hi' }, ...stored, next], { model: other })
    expect(turnsOf(world.bodies()[2])[1]).toEqual({ role: 'model', parts: [{ text: 'Hi there' }] })
  })

  it('9: says that a prompt was blocked as a content filter, billed, and takes an unspecified block for none', async () => {
    await using world = await openWorld({ gemini: { prices: 'gemini' } })
    world.server.reply({ blockReason: 'SAFETY', promptTokens: 1_000 })
    const blocked = await world.ai.sendMessage('Hi')
    expect(blocked.finishReason).toEqual({
      unified: 'content-filter',
      raw: 'SAFETY',
      detail: 'prompt-blocked',
    })
    expect([blocked.usage.inputTokens, blocked.usage.outputTokens]).toEqual([1_000, 0])
    // 1,000 × $0.75 per million: a prompt that is blocked is billed.
    expect(String(blocked.cost.amount)).toBe('0.00075')
    world.server.reply({ blockReason: 'BLOCK_REASON_UNSPECIFIED' })
    expect((await errorOf(world.ai.sendMessage('Hi', { retries: 0 }))).code).toBe('stream_interrupted')
  })

  it('10: takes a stream that closes without a reason for one that was cut, and keeps its text', async () => {
    await using world = await openWorld()
    world.server.reply({ chunks: ['The ', 'sky'], end: false })
    const error = await errorOf(world.ai.streamMessage('Hi').response)
    expect([error.code, error.partial?.text]).toEqual(['stream_interrupted', 'The sky'])
  })

  it('11: reads an error in the middle of a stream by its name, where it has no number', async () => {
    await using world = await openWorld()
    world.server.reply({
      chunks: ['The '],
      error: { code: null, status: 'UNAVAILABLE', message: 'The model is overloaded.' },
    })
    const error = await errorOf(world.ai.streamMessage('Hi').response)
    expect([error.code, error.status, error.retryable, error.partial?.text]).toEqual([
      'provider_unavailable',
      503,
      true,
      'The ',
    ])
  })

  it('12: waits as long as a limit of the minute says, and for no quota of the day', async () => {
    await using world = await openWorld()
    const limited = (quotaId: string, retryDelay: string, message = 'Quota exceeded.'): GeminiReply => ({
      status: 429,
      error: {
        message,
        details: [
          { '@type': 'type.googleapis.com/google.rpc.QuotaFailure', violations: [{ quotaId }] },
          { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay },
        ],
      },
    })
    const minute = limited('GenerateRequestsPerMinutePerProjectPerModel-FreeTier', '34.4s')
    world.server.reply(minute, 'Fine.')
    expect((await world.ai.sendMessage('Hi')).text).toBe('Fine.')
    expect(world.waits).toEqual([34_400])
    const day = limited('GenerateRequestsPerDayPerProjectPerModel-FreeTier', '35640s')
    const none = limited('GenerateRequestsPerMinute', '1s', 'Quota exceeded, limit: 0, model: gemini')
    for (const reply of [day, none, { ...day, inArray: true }]) {
      world.server.reply(reply)
      expect((await errorOf(world.ai.sendMessage('Hi'))).code).toBe('quota_exhausted')
    }
    // A wait of hours is not waited for, whatever the quota is called.
    world.server.reply(limited('GenerateRequestsPerProject', '35640s'))
    const hours = await errorOf(world.ai.sendMessage('Hi'))
    expect([hours.code, hours.retryable, hours.retryAfterMs]).toEqual(['rate_limited', true, 35_640_000])
    expect([world.server.queued, world.waits.length]).toEqual([0, 1])
  })

  it('13: tells a wrong key and a prompt that is too long apart from other bad requests', async () => {
    await using wrong = await openWorld({ server: { keys: ['the-right-key'] } })
    const key = await errorOf(wrong.ai.sendMessage('Hi'))
    expect([key.code, key.status]).toEqual(['authentication_failed', 400])
    await using small = await openWorld({
      server: { models: [{ name: 'gemini-3.8-flash', inputTokenLimit: 10 }] },
    })
    const long = await errorOf(small.ai.sendMessage('one two three four five six seven eight nine ten'))
    expect([long.code, long.details['promptTokens'], long.details['contextSize']]).toEqual([
      'context_too_long',
      11,
      10,
    ])
  })

  it('14: goes on with a long answer when the token is sent with the same request', async () => {
    const model = 'gemini-4-argon'
    await using world = await openWorld({ gemini: { model }, server: { models: [model] } })
    world.server.reply(
      {
        text: 'One, ',
        finishReason: 'CONTINUATION',
        candidate: { continuationToken: 'hop-2' },
        promptTokens: 10,
        outputTokens: 4,
      },
      { text: 'two.', promptTokens: 14, outputTokens: 3, usage: { initialPromptTokenCount: 10 } },
    )
    const first = await world.ai.sendMessage('Count', { maxOutputTokens: 100_000 })
    expect(first.finishReason).toEqual({ unified: 'length', raw: 'CONTINUATION', detail: 'continuation' })
    const token = first.warnings.find(({ code }) => code === 'continuation')?.details['continuationToken']
    const second = await world.ai.sendMessage('Count', {
      maxOutputTokens: 100_000,
      providerOptions: { gemini: { continuationToken: token } },
    })
    expect(world.bodies()[1]).toEqual({ ...world.bodies()[0], continuationToken: 'hop-2' })
    expect(first.text + second.text).toBe('One, two.')
    const usage = addUsage([first.usage, second.usage])
    expect([usage.inputTokens, usage.outputTokens, second.finishReason.unified]).toEqual([24, 7, 'stop'])
  })

  it("15: turns 'off' into what a model can do, with a warning where that is not off", async () => {
    const thinking = async (model: string): Promise<unknown[]> => {
      const { body, answer } = await sent({ model, reasoning: 'off' })
      const config = body['generationConfig'] as Body
      return [config['thinkingConfig'], answer.warnings.map(({ code }) => code)]
    }
    expect(await thinking('gemini-2.5-flash')).toEqual([{ thinkingBudget: 0 }, []])
    expect(await thinking('gemini-2.5-pro')).toEqual([{ thinkingBudget: 128 }, ['reasoning-downgraded']])
    expect(await thinking('gemini-3.8-flash')).toEqual([{ thinkingLevel: 'low' }, ['reasoning-downgraded']])
  })

  it('16: sends a schema as JSON Schema, const as an enum of one, references as they are', async () => {
    const output = {
      type: 'object',
      properties: {
        kind: { const: 'city' },
        size: { oneOf: [{ type: 'integer' }, { $ref: '#/$defs/range' }] },
      },
      $defs: {
        range: { type: 'object', properties: { from: { $ref: '#/$defs/step' } } },
        step: { type: 'number' },
      },
    }
    await using world = await openWorld()
    world.server.reply('{"kind":"city","size":1}')
    const { warnings } = await world.ai.sendMessage('Hi', { output })
    expect(world.bodies()[0]?.['generationConfig']).toEqual({
      responseMimeType: 'application/json',
      responseJsonSchema: { ...output, properties: { ...output.properties, kind: { enum: ['city'] } } },
    })
    expect(warnings).toEqual([])
  })

  it("17: leaves Google's own tools out where no tool may be called", async () => {
    const gemini = { googleSearch: true }
    const none = await sent({ tools: [WEATHER], toolChoice: 'none', providerOptions: { gemini } })
    expect(none.body['tools']).toEqual([
      {
        functionDeclarations: [{ name: 'get_weather', parametersJsonSchema: WEATHER.input }],
      },
    ])
    expect(none.body['toolConfig']).toEqual({ functionCallingConfig: { mode: 'NONE' } })
    const search = await sent({ providerOptions: { gemini } })
    expect(search.body['tools']).toEqual([{ googleSearch: {} }])
  })

  it('18: embeds 250 texts in batches of 100, 100 and 50, in order', async () => {
    await using world = await openWorld()
    const texts = Array.from({ length: 250 }, (_, index) => `text ${index}`)
    const model = 'gemini-embedding-001'
    const all = await world.ai.embed(texts, { model })
    const sizes = world.server.requests.map(({ body }) => (body as { requests: unknown[] }).requests.length)
    expect([all.embeddings.length, sizes]).toEqual([250, [100, 100, 50]])
    const [one] = (await world.ai.embed([texts[249] ?? ''], { model })).embeddings
    expect(all.embeddings[249]).toEqual(one)
    expect(all.embeddings[248]).not.toEqual(one)
  })

  it('19: speaks generateContent and no Interactions, whose model names are refused by the service', async () => {
    await using world = await openWorld()
    const error = await errorOf(world.ai.sendMessage('Hi', { model: 'deep-research-preview' }))
    expect([error.code, world.server.requests.map(({ path }) => path)]).toEqual([
      'model_not_found',
      ['/v1beta/models/deep-research-preview:generateContent'],
    ])
  })

  it('20: reads all pages of the models, without the prefix of their names, with their limits', async () => {
    const models = Array.from({ length: 1_003 }, (_, index) => `gemini-${index}`)
    await using world = await openWorld({ server: { models } })
    const listed = await world.ai.provider('gemini').models.list()
    expect(listed.map(({ id }) => id)).toEqual(models)
    expect(world.server.requests.map(({ query }) => query)).toEqual([
      '?pageSize=1000',
      '?pageSize=1000&pageToken=1000',
    ])
    expect([listed[0]?.contextLength, listed[0]?.maxOutputTokens]).toEqual([1_048_576, 65_536])
  })
})
