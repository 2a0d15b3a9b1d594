import { describe, expect, it } from 'vitest'
import type { AIResponse, CallOptions } from '../../../src/index.ts'
import { createAI } from '../../../src/index.ts'
import type { OllamaOptions } from '../../../src/drivers/ollama/index.ts'
import { estimateOf, promptSizeOf, utf8BytesOf } from '../../../src/drivers/context-window.ts'
import type { FakeOllamaModel } from '../../../src/testing/fake-ollama.ts'
import { errorOf, openWorld, type World } from './world.ts'

function open(model: Partial<FakeOllamaModel> = {}, ollama: OllamaOptions = {}): Promise<World> {
  return openWorld({ server: { models: [{ name: 'llama3.2', ...model }] }, ollama })
}

/** A text of about so many tokens, as long as nothing was learned: four bytes each. */
const textOf = (tokens: number): string => 'abc '.repeat(tokens)
const settings = (ollama: Readonly<Record<string, unknown>>): CallOptions => ({ providerOptions: { ollama } })
const codes = ({ warnings }: AIResponse): readonly string[] => warnings.map(({ code }) => code)

function windowsSent(world: World): readonly unknown[] {
  return world.chats().map(({ body }) => (body as { options?: { num_ctx?: number } }).options?.num_ctx)
}

function looks(world: World): number {
  return world.server.requests.filter(({ path }) => path === '/api/ps').length
}

describe('case 13: strict mode', () => {
  it('is on in every body, and nothing that a load depends on differs from the first', async () => {
    await using world = await open()
    await world.ai.sendMessage('Hi')
    await world.ai.sendMessage('Title?', { temperature: 0, maxOutputTokens: 9, seed: 1 })
    await world.ai.streamMessage('Summary?', { stop: 'x' }).response
    for (const { body } of world.chats()) expect(body).toMatchObject({ truncate: false, shift: false })
    expect(windowsSent(world)).toEqual([undefined, undefined, undefined])
  })
})

describe('the size of the window', () => {
  it('is left to the server while its own choice holds prompt and answer', async () => {
    await using world = await open()
    await world.ai.sendMessage(textOf(2_000))
    expect(world.chats()[0]?.body).not.toHaveProperty('options')
  })

  it.each<[string, number, CallOptions, number | undefined]>([
    ['a prompt that just fits with room for an answer', 2_040, {}, undefined],
    ['a prompt that does not', 2_050, {}, 8_192],
    ['a longer prompt', 5_000, {}, 16_384],
    ['a long answer', 1, { maxOutputTokens: 5_000 }, 8_192],
    ['an answer as long as the model can write', 1, { maxOutputTokens: 1_000_000 }, 131_072],
  ])('is a power of two that holds %s', async (_name, tokens, options, window) => {
    await using world = await open()
    await world.ai.sendMessage(textOf(tokens), options)
    expect(windowsSent(world)).toEqual([window])
  })

  it('is what the model was trained for where that is less than a power of two', async () => {
    await using world = await open({ contextLength: 40_960 })
    await world.ai.sendMessage(textOf(25_000))
    expect(windowsSent(world)).toEqual([40_960])
  })

  it('grows and never shrinks, so that a conversation has the model loaded a few times and not for every turn', async () => {
    await using world = await open()
    for (const tokens of [10, 2_100, 10, 5_000, 5_500, 10]) await world.ai.sendMessage(textOf(tokens))
    expect(windowsSent(world)).toEqual([undefined, 8_192, 8_192, 8_192, 8_192, 8_192])
  })

  it('starts from what the server was seen to choose', async () => {
    await using world = await open({ runningContext: 32_768 })
    await world.ai.sendMessage('Hi')
    await world.ai.sendMessage(textOf(15_000))
    expect(windowsSent(world)).toEqual([undefined, undefined])
    expect(looks(world)).toBe(1)
  })

  it("starts from the model's own PARAMETER num_ctx before it was seen to run", async () => {
    await using world = await open({ runningContext: 32_768 })
    await world.ai.sendMessage(textOf(15_000))
    expect(windowsSent(world)).toEqual([undefined])
  })

  it('counts tools, and the pictures of a conversation', async () => {
    await using world = await open({ capabilities: ['completion', 'vision', 'tools'] })
    const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ', 'base64')
    const image = { type: 'image', data: png } as const
    await world.ai.sendMessage({
      role: 'user',
      content: [image, image, image, image, { type: 'text', text: 'What?' }],
    })
    const input = {
      type: 'object',
      properties: { a: { type: 'string', description: textOf(3_000) } },
    } as const
    await world.ai.model('llama3.2').sendMessage('Hi', { tools: [{ name: 'f', input }] })
    expect(windowsSent(world)).toEqual([8_192, 8_192])
  })

  it('is what the configuration says, on every call', async () => {
    await using world = await open({}, { contextWindow: 2_048 })
    await world.ai.sendMessage('Hi')
    await world.ai.sendMessage('Hi', settings({ numCtx: 1_024 }))
    await world.ai.sendMessage('Hi')
    expect(windowsSent(world)).toEqual([2_048, 1_024, 2_048])
  })

  it('keeps within the bounds of the configuration', async () => {
    await using world = await open({}, { contextWindow: { min: 6_000, max: 12_000 } })
    for (const tokens of [1, 7_000, 11_000]) await world.ai.sendMessage(textOf(tokens))
    expect(windowsSent(world)).toEqual([8_192, 12_000, 12_000])
  })

  it('is asked for from the first call where the server might choose more than is allowed', async () => {
    await using world = await open({}, { contextWindow: { max: 8_192 } })
    await world.ai.sendMessage('Hi')
    expect(windowsSent(world)).toEqual([4_096])
  })

  it.each([0, -1, 1.5, { min: 9, max: 8 }, { max: 0 }, 'big'])('is none of %j', async (contextWindow) => {
    const options = { contextWindow } as OllamaOptions
    await using ai = createAI({ providers: { ollama: options } })
    expect(await errorOf(ai.sendMessage('Hi'))).toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('contextWindow') as unknown,
    })
  })

  it('is forgotten with the memory that it did not fit into, so that the next call works', async () => {
    await using world = await open()
    world.server.reply({ status: 500, error: 'llama-server reported out-of-memory during startup' })
    const error = await errorOf(world.ai.sendMessage(textOf(20_000)))
    expect(error.details['kind']).toBe('out-of-memory')
    await world.ai.sendMessage('Hi')
    expect(windowsSent(world)).toEqual([32_768, undefined])
  })
})

describe('what a model is seen to run with', () => {
  it('is asked for once, before the second call, and shown with the model', async () => {
    await using world = await open({ runningContext: 16_384 })
    await world.ai.sendMessage('Hi')
    expect(looks(world)).toBe(0)
    expect((await world.ai.models.get('llama3.2')).contextWindow).toBeUndefined()
    await world.ai.sendMessage('Hi')
    await world.ai.sendMessage('Hi')
    expect(looks(world)).toBe(1)
    expect(await world.ai.models.get('llama3.2')).toMatchObject({
      contextLength: 131_072,
      contextWindow: 16_384,
    })
  })

  it('is asked for again when the model is loaded in another way', async () => {
    await using world = await open()
    for (const numCtx of [undefined, undefined, 8_192, undefined, undefined]) {
      await world.ai.sendMessage('Hi', settings({ numCtx }))
    }
    expect(looks(world)).toBe(2)
    expect((await world.ai.models.get('llama3.2:latest')).contextWindow).toBe(8_192)
  })

  it('is no reason for a call to fail, and is not asked for for ever', async () => {
    await using world = await open()
    world.server.on('/api/ps', { status: 500, error: 'no' })
    for (let call = 0; call < 6; call++) await world.ai.sendMessage('Hi')
    expect(looks(world)).toBe(3)
  })

  it('is not waited for by a call that is aborted', async () => {
    await using world = await open()
    await world.ai.sendMessage('Hi')
    const gate = world.server.gate()
    world.server.on('/api/ps', { body: { models: [] }, gate, holdAfter: 0 })
    const leave = new AbortController()
    const call = errorOf(world.ai.sendMessage('Hi', { signal: leave.signal }))
    await expect.poll(() => looks(world)).toBe(1)
    leave.abort()
    expect((await call).code).toBe('aborted')
    gate.open()
  })

  it('is asked for by one of the calls that begin together, and not believed of another way to load it', async () => {
    await using world = await open()
    await world.ai.sendMessage('Hi')
    const gate = world.server.gate()
    world.server.once('/api/ps', {
      body: { models: [{ name: 'llama3.2:latest', context_length: 77 }] },
      headersGate: gate,
    })
    const first = world.ai.sendMessage('Hi')
    await gate.arrival()
    await world.ai.sendMessage('Hi')
    await world.ai.sendMessage('Hi', settings({ numCtx: 8_192 }))
    expect(looks(world)).toBe(1)
    gate.open()
    await first
    expect((await world.ai.models.get('llama3.2')).contextWindow).not.toBe(77)
  })

  it('says that a part of the model is not on the graphics card, once', async () => {
    await using world = await open({ size: 1_000, sizeVram: 250 })
    const seen = []
    for (let call = 0; call < 3; call++) seen.push(codes(await world.ai.sendMessage('Hi')))
    expect(seen).toEqual([[], ['partial-gpu'], []])
    await using cpu = await open({ size: 1_000, sizeVram: 0 })
    for (let call = 0; call < 2; call++) expect(codes(await cpu.ai.sendMessage('Hi'))).toEqual([])
  })

  it('is forgotten with the model that was replaced', async () => {
    await using world = await open()
    await world.ai.sendMessage('Hi', settings({ numCtx: 8_192 }))
    await world.ai.models.remove('llama3.2:latest')
    world.server.models.add({ name: 'llama3.2' })
    await world.ai.sendMessage('Hi')
    expect(windowsSent(world)).toEqual([8_192, undefined])
  })
})

describe('case 12: a prompt that was cut without a word', () => {
  const answered = async (
    promptTokens: number,
    given: CallOptions = settings({ numCtx: 4_096 }),
  ): Promise<AIResponse> => {
    await using world = await open()
    world.server.reply({
      lines: [
        {
          model: 'llama3.2',
          message: { content: 'Yes' },
          done: true,
          done_reason: 'stop',
          prompt_eval_count: promptTokens,
          eval_count: 2,
        },
      ],
    })
    return await world.ai.streamMessage(textOf(9_000), given).response
  }

  it('is seen by what is left of it: half of the window and two, or the window', async () => {
    for (const [promptTokens, sign] of [
      [2_050, 'half-window'],
      [4_095, 'window-filled'],
      [4_096, 'window-filled'],
    ] as const) {
      const { warnings } = await answered(promptTokens)
      expect(warnings).toMatchObject([
        {
          code: 'possible-truncation',
          details: { expected: 9_008, actual: promptTokens, contextWindow: 4_096, sign },
        },
      ])
      expect(warnings[0]?.message).toContain(`about 9008 tokens and the server read ${promptTokens}`)
    }
  })

  it('is seen in any window, also one that is no power of two', async () => {
    for (const [promptTokens, sign] of [
      [2_999, undefined],
      [3_000, 'half-window'],
      [3_004, 'half-window'],
      [3_005, undefined],
      [5_998, undefined],
      [5_999, 'window-filled'],
      [6_000, 'window-filled'],
      [6_001, undefined],
    ] as const) {
      const { warnings } = await answered(promptTokens, settings({ numCtx: 6_000 }))
      expect(
        warnings.map(({ details }) => details['sign']),
        `${promptTokens}`,
      ).toEqual(sign ? [sign] : [])
    }
  })

  it('is seen although the server was asked for a window that it does not run with', async () => {
    for (const [promptTokens, sign] of [
      [2_050, 'half-window'],
      [4_095, 'window-filled'],
      [4_096, 'window-filled'],
      [2_047, 'window-filled'],
      [1_026, 'half-window'],
      [2_046, undefined],
      [2_049, undefined],
      [1_023, undefined],
      [514, undefined],
      [4_097, undefined],
    ] as const) {
      const { warnings } = await answered(promptTokens, {})
      const details = { expected: 9_008, actual: promptTokens, contextWindow: 16_384, sign }
      expect(warnings, `${promptTokens}`).toMatchObject(
        sign === undefined ? [] : [{ code: 'possible-truncation', details }],
      )
    }
  })

  it('is not seen in a count that is as expected, or merely lower', async () => {
    for (const promptTokens of [9_008, 9_000, 8_192, 8_191, 7_000, 3_000]) {
      expect(codes(await answered(promptTokens, settings({ numCtx: 16_384 })))).toEqual([])
    }
  })

  it('is seen in a count far below what was learned of the model', async () => {
    await using world = await open()
    const body = (count: number): object => ({
      model: 'llama3.2',
      message: { content: 'Yes' },
      done: true,
      done_reason: 'stop',
      prompt_eval_count: count,
      eval_count: 1,
    })
    world.server.reply(...[1_508, 1_200, 1_900, 3_008].map((count) => ({ body: body(count) })))
    expect(codes(await world.ai.sendMessage(textOf(1_500), settings({ numCtx: 2_048 })))).toEqual([])
    const small = settings({ numCtx: 2_048 })
    expect((await world.ai.sendMessage(textOf(3_000), small)).warnings).toMatchObject([
      { code: 'possible-truncation', details: { sign: 'far-below-estimate', actual: 1_200 } },
    ])
    for (let call = 0; call < 2; call++)
      expect(codes(await world.ai.sendMessage(textOf(3_000), small))).toEqual([])
  })

  it('is not learned from: the next estimate is as before', async () => {
    await using world = await open()
    world.server.reply({ text: 'Yes', promptTokens: 2_050 })
    await world.ai.sendMessage(textOf(9_000), settings({ numCtx: 16_384 }))
    await world.ai.sendMessage(textOf(15_000))
    expect(windowsSent(world)).toEqual([16_384, 32_768])
  })

  it('is told apart from an answer that went on after its beginning was forgotten', async () => {
    await using world = await open()
    // The last token may lie beyond the window by one.
    world.server.reply({ text: 'Yes', promptTokens: 3_000, outputTokens: 1_097 })
    expect(codes(await world.ai.sendMessage(textOf(2_990), settings({ numCtx: 4_096 })))).toEqual([])
    world.server.reply({ text: 'Yes', promptTokens: 3_000, outputTokens: 1_098 })
    const answer = await world.ai.sendMessage(textOf(2_990), settings({ numCtx: 4_096 }))
    expect(answer.warnings).toMatchObject([
      { code: 'possible-truncation', details: { sign: 'window-shifted' } },
    ])
    expect(answer.warnings[0]?.message).toMatch(/^The answer went on/)
  })

  it('is not seen where another program has had the model loaded with more', async () => {
    await using world = await open()
    await world.ai.sendMessage('Hi')
    await world.ai.sendMessage('Hi')
    world.server.reply({ text: 'Yes', promptTokens: 5_000 })
    expect(codes(await world.ai.sendMessage('Hi'))).toEqual([])
    await world.ai.sendMessage('Hi')
    expect(looks(world)).toBe(2)
  })
})

describe('a conversation that does not fit', () => {
  const overflow = (promptTokens: number, contextSize: number): { status: number; error: string } => ({
    status: 400,
    error: JSON.stringify({
      error: {
        code: 400,
        type: 'exceed_context_size_error',
        n_prompt_tokens: promptTokens,
        n_ctx: contextSize,
        message: `request (${promptTokens} tokens) exceeds the available context size (${contextSize} tokens)`,
      },
    }),
  })

  it('is sent once more with the window that the server has shown to be needed', async () => {
    await using world = await open()
    world.server.reply(overflow(7_000, 4_096))
    const answer = await world.ai.sendMessage(textOf(2_000))
    expect(answer.attempts.map(({ outcome }) => outcome)).toEqual(['error', 'ok'])
    expect(windowsSent(world)).toEqual([undefined, 16_384])
    // What it has learned holds for the next one, too.
    await world.ai.sendMessage(textOf(5_000))
    expect(windowsSent(world).at(-1)).toBe(32_768)
  })

  it.each<[string, Partial<FakeOllamaModel>, OllamaOptions, CallOptions]>([
    ['the model takes no more', { contextLength: 4_096 }, {}, {}],
    ['the configuration allows no more', {}, { contextWindow: { max: 4_096 } }, {}],
    ['the configuration says how much', {}, { contextWindow: 4_096 }, {}],
    ['the call says how much', {}, {}, settings({ numCtx: 4_096 })],
  ])('fails with both numbers where %s', async (_name, model, ollama, options) => {
    await using world = await open(model, ollama)
    world.server.default(overflow(7_000, 4_096))
    const error = await errorOf(world.ai.sendMessage(textOf(2_000), options))
    expect(error).toMatchObject({
      code: 'context_too_long',
      retryable: false,
      details: { promptTokens: 7_000, contextSize: 4_096 },
    })
    expect(world.chats()).toHaveLength(1)
  })

  it('fails where the server runs with less than it was asked for', async () => {
    await using world = await open()
    world.server.default(overflow(7_000, 4_096))
    const error = await errorOf(world.ai.sendMessage(textOf(3_000)))
    expect(error.code).toBe('context_too_long')
    expect(windowsSent(world)).toEqual([8_192])
  })

  it('is refused before it is sent where it is longer than the model can ever take', async () => {
    await using world = await open({ contextLength: 2_048 })
    const error = await errorOf(world.ai.sendMessage(textOf(20_000)))
    expect(error).toMatchObject({
      code: 'context_too_long',
      provider: 'ollama',
      model: 'llama3.2',
      details: { promptTokens: 20_008, contextSize: 2_048, estimated: true, estimate: { low: 2_500 } },
    })
    expect(world.chats()).toEqual([])
    // What only may be too long is the server's to judge.
    await errorOf(world.ai.sendMessage(textOf(10_000)))
    expect(world.chats()).toHaveLength(1)
  })

  it('is refused by what was learned of the model', async () => {
    await using world = await open({ contextLength: 2_048 })
    world.server.reply({ text: 'Yes', promptTokens: 1_008 })
    await world.ai.sendMessage(textOf(1_000))
    const error = await errorOf(world.ai.sendMessage(textOf(9_000)))
    expect(error.details).toMatchObject({ estimated: true, estimate: { low: 2_250 } })
  })
})

describe('an answer that ended by its length', () => {
  const ended = async (
    reply: { readonly text: string; readonly promptTokens: number; readonly outputTokens: number },
    options: CallOptions,
  ): Promise<AIResponse> => {
    await using world = await open()
    world.server.reply({ ...reply, doneReason: 'length' })
    return await world.ai.sendMessage('Hi', options)
  }

  it('says that the window was full where the limit of the call was not reached', async () => {
    for (const text of ['', 'half an ans']) {
      const reply = { text, promptTokens: 1_800, outputTokens: 248 }
      const answer = await ended(reply, { maxOutputTokens: 500, ...settings({ numCtx: 2_048 }) })
      expect(answer.finishReason.detail).toBe('context-full')
      expect(answer.warnings).toMatchObject([
        {
          code: 'context-full',
          message:
            'The context window was full before the answer was complete: shorten the conversation, or raise ' +
            'contextWindow or providerOptions.ollama.numCtx',
          details: { inputTokens: 1_800, outputTokens: 248, maxOutputTokens: 500, contextWindow: 2_048 },
        },
      ])
    }
  })

  it('does not blame the window where the limit of the call was reached', async () => {
    const reply = { text: 'x', promptTokens: 1_800, outputTokens: 248 }
    const answer = await ended(reply, { maxOutputTokens: 248, ...settings({ numCtx: 2_048 }) })
    expect([answer.finishReason.detail, answer.warnings]).toEqual([undefined, []])
  })

  it('knows a full window of any size where it was told', async () => {
    const numCtx = settings({ numCtx: 3_000 })
    for (const [outputTokens, seen] of [
      [998, []],
      [999, ['context-full']],
      [1_000, ['context-full']],
    ] as const)
      expect(codes(await ended({ text: '', promptTokens: 2_000, outputTokens }, numCtx))).toEqual(seen)
  })

  it('knows a full window by its size where it was not told', async () => {
    for (const outputTokens of [95, 96])
      expect(codes(await ended({ text: '', promptTokens: 4_000, outputTokens }, {}))).toEqual([
        'context-full',
      ])
    expect(codes(await ended({ text: '', promptTokens: 4_000, outputTokens: 6 }, {}))).toEqual([])
  })
})

describe('an estimate', () => {
  it('counts the bytes of a short text, and samples a long one', () => {
    for (const text of ['', 'abc', 'äöü', '日本語', '👩‍👩‍👧', 'a\u2028b', 'é'.repeat(900)]) {
      expect(utf8BytesOf(text), text).toBe(new TextEncoder().encode(text).length)
    }
    expect(utf8BytesOf('日本語 '.repeat(1_000))).toBeCloseTo(10_000, -2)
    expect(utf8BytesOf('a'.repeat(100_000))).toBe(100_000)
  })

  it('counts texts and names, and pictures by their number', () => {
    const size = promptSizeOf(
      [{ role: 'user', content: 'abcd', images: ['AAAA', 'BBBB'] }],
      [{ type: 'function', function: { name: 'f', ok: true } }],
    )
    expect(size).toEqual({ chars: 13, bytes: 35, messages: 1, media: 2 })
  })

  it('has bars that are narrower once something was learned', () => {
    const size = { chars: 4_000, bytes: 4_000, messages: 1, media: 1 }
    expect(estimateOf(size, undefined)).toEqual({ low: 125, expected: 1_776, high: 2_276 })
    expect(estimateOf(size, 4)).toEqual({ low: 250, expected: 1_776, high: 2_026 })
  })
})
