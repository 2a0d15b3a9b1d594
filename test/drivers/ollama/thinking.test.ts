import { describe, expect, it } from 'vitest'
import type { CallOptions, Input } from '../../../src/index.ts'
import type { FakeOllamaModel, OllamaReply } from '../../../src/testing/fake-ollama.ts'
import { errorOf, openWorld, type World } from './world.ts'

const THINKER: FakeOllamaModel = {
  name: 'qwen3',
  family: 'qwen3',
  capabilities: ['completion', 'tools', 'thinking'],
}
const OSS: FakeOllamaModel = {
  name: 'gpt-oss:20b',
  family: 'gptoss',
  capabilities: ['completion', 'thinking'],
}
const PLAIN = 'llama3.2'

type Reasoning = NonNullable<CallOptions['reasoning']>

interface Setting {
  readonly model?: FakeOllamaModel | string
  readonly version?: string
  readonly reply?: OllamaReply
}

function open({ model = THINKER, version = '0.33.0' }: Setting = {}): Promise<World> {
  const name = typeof model === 'string' ? model : model.name
  return openWorld({ server: { models: [model], version }, ollama: { model: name } })
}

interface Sent {
  readonly think: unknown
  readonly warnings: readonly string[]
}

/** What was sent about thinking, and the warnings that the answer carries. */
async function sent(options: CallOptions, setting: Setting = {}, input: Input = 'Hi'): Promise<Sent> {
  await using world = await open(setting)
  const { warnings } = await world.ai.sendMessage(input, options)
  expect(world.chats()).toHaveLength(1)
  return { think: bodyOf(world)['think'], warnings: warnings.map(({ code }) => code) }
}

function bodyOf(world: World, index: number = 0): Record<string, unknown> {
  return world.chats()[index]?.body as Record<string, unknown>
}

describe('how hard a model thinks', () => {
  it('is left to the model where the caller says nothing', async () => {
    expect(await sent({})).toEqual({ think: undefined, warnings: [] })
    expect(await sent({}, { model: OSS })).toEqual({ think: undefined, warnings: [] })
  })

  it.each<[Reasoning, unknown]>([
    ['off', false],
    [{ budgetTokens: 0 }, false],
    ['low', 'low'],
    ['medium', 'medium'],
    ['high', 'high'],
    ['max', 'max'],
  ])('is sent as it is asked: %j', async (reasoning, think) => {
    expect(await sent({ reasoning })).toEqual({ think, warnings: [] })
  })

  it.each<[Reasoning, string]>([
    ['minimal', 'low'],
    [{ budgetTokens: 1 }, 'low'],
    [{ budgetTokens: 2_048 }, 'low'],
    [{ budgetTokens: 2_049 }, 'medium'],
    [{ budgetTokens: 8_193 }, 'high'],
    [{ budgetTokens: 32_769 }, 'max'],
  ])('becomes the nearest level with a warning: %j', async (reasoning, think) => {
    expect(await sent({ reasoning })).toEqual({ think, warnings: ['reasoning-downgraded'] })
  })

  it.each<[string, Reasoning, unknown]>([
    ['0.22.0', 'max', 'max'],
    ['0.21.9', 'max', 'high'],
    ['0.11.1', 'high', 'high'],
    ['0.11.0', 'high', true],
    ['0.11.0', 'off', false],
    ['0.9', 'low', true],
    ['0.0.0', 'max', 'max'],
    ['main-dirty', 'max', 'max'],
  ])('is sent to a server of version %s as it takes it: %j', async (version, reasoning, think) => {
    const warnings = think === reasoning || think === false ? [] : ['reasoning-downgraded']
    expect(await sent({ reasoning }, { version })).toEqual({ think, warnings })
  })

  it.each<[Reasoning, string, readonly string[]]>([
    ['off', 'low', ['reasoning-downgraded']],
    ['minimal', 'low', ['reasoning-downgraded']],
    ['medium', 'medium', []],
    ['max', 'high', ['reasoning-downgraded']],
  ])('has three levels with gpt-oss, and no way to be off: %j', async (reasoning, think, warnings) => {
    expect(await sent({ reasoning }, { model: OSS })).toEqual({ think, warnings })
    const nameless = { ...OSS, name: 'someone/gpt-oss:20b', family: 'unknown' }
    expect(await sent({ reasoning }, { model: nameless })).toEqual({ think, warnings })
  })

  it('says what was asked and what was sent', async () => {
    await using world = await open({ version: '0.20.0' })
    const { warnings } = await world.ai.sendMessage('Hi', { reasoning: 'max' })
    expect(warnings).toEqual([
      {
        code: 'reasoning-downgraded',
        message: expect.stringContaining('high was sent') as unknown,
        details: { asked: 'max', sent: 'high' },
      },
    ])
  })

  it('asks for the version once, and only where a level needs it', async () => {
    await using world = await open()
    const versions = (): number => world.server.requests.filter(({ path }) => path === '/api/version').length
    await world.ai.sendMessage('Hi')
    await world.ai.sendMessage('Hi', { reasoning: 'off' })
    expect(versions()).toBe(0)
    await world.ai.sendMessage('Hi', { reasoning: 'high' })
    await world.ai.sendMessage('Hi', { reasoning: 'max' })
    expect(versions()).toBe(1)
    await world.clock.advance(300_000)
    await world.ai.sendMessage('Hi', { reasoning: 'max' })
    expect(versions()).toBe(2)
  })

  it('takes a server that does not say its version for a new one, and asks again', async () => {
    await using world = await open()
    world.server.on('/api/version', { status: 404, body: '404 page not found' })
    for (const index of [0, 1]) {
      await world.ai.sendMessage('Hi', { reasoning: 'max' })
      expect(bodyOf(world, index)['think']).toBe('max')
    }
    expect(world.server.requests.filter(({ path }) => path === '/api/version')).toHaveLength(2)
  })

  it.each([null, [], {}, { version: 33 }])('takes %j for no version', async (body) => {
    await using world = await open()
    world.server.on('/api/version', { body })
    expect((await world.ai.sendMessage('Hi', { reasoning: 'max' })).warnings).toEqual([])
    expect(bodyOf(world)['think']).toBe('max')
  })

  it('stops at once when the call is aborted while the version is asked for', async () => {
    await using world = await open()
    const gate = world.server.gate()
    world.server.on('/api/version', { body: { version: '0.1.0' }, gate, holdAfter: 0 })
    const leave = new AbortController()
    const call = errorOf(world.ai.sendMessage('Hi', { reasoning: 'max', signal: leave.signal }))
    await expect.poll(() => world.server.requests.some(({ path }) => path === '/api/version')).toBe(true)
    leave.abort()
    expect((await call).code).toBe('aborted')
    expect(world.chats()).toEqual([])
    gate.open()
  })

  it.each<[unknown, RegExp]>([
    ['hihg', /did you mean high\?/],
    ['on', /reasoning is one of off, minimal/],
    [{ budgetTokens: -1 }, /budgetTokens is a whole number/],
    [{ budgetTokens: '9' }, /budgetTokens is a whole number/],
    [{}, /budgetTokens is a whole number/],
  ])('refuses %j', async (reasoning, message) => {
    await using world = await open()
    const error = await errorOf(world.ai.sendMessage('Hi', { reasoning } as CallOptions))
    expect(error.code).toBe('request_invalid')
    expect(error.message).toMatch(message)
    expect(world.chats()).toEqual([])
  })
})

describe('case 14: a model that cannot think', () => {
  it('is not asked to, and one warning says so', async () => {
    expect(await sent({ reasoning: 'high' }, { model: PLAIN })).toEqual({
      think: undefined,
      warnings: ['reasoning-unsupported'],
    })
    expect(await sent({ reasoning: 'off' }, { model: PLAIN })).toEqual({ think: false, warnings: [] })
    expect(await sent({}, { model: PLAIN })).toEqual({ think: undefined, warnings: [] })
  })

  it('is tried once more without, where the server says so first, and is known from then on', async () => {
    await using world = await open({ model: PLAIN })
    world.server.on('/api/show', { status: 404, body: '404 page not found' })
    const first = await world.ai.sendMessage('Hi', { reasoning: 'high' })
    expect(first.attempts.map(({ outcome }) => outcome)).toEqual(['error', 'ok'])
    expect(first.warnings.map(({ code }) => code)).toEqual(['reasoning-unsupported'])
    const second = await world.ai.sendMessage('Hi', { reasoning: 'max' })
    expect(second.warnings.map(({ code }) => code)).toEqual(['reasoning-unsupported'])
    expect(world.chats().map(({ body }) => (body as { think?: unknown }).think)).toEqual([
      'high',
      undefined,
      undefined,
    ])
  })

  it('fails with its reason where retries are off, and works the next time', async () => {
    await using world = await open({ model: PLAIN })
    world.server.on('/api/show', { status: 404, body: '404 page not found' })
    const error = await errorOf(world.ai.sendMessage('Hi', { reasoning: 'high', retries: 0 }))
    expect(error).toMatchObject({ code: 'capability_unsupported', retryable: true, retriesMax: 1 })
    expect((await world.ai.sendMessage('Hi', { reasoning: 'high', retries: 0 })).text).toBe('You said: Hi')
  })

  it('is not tried again where nothing was asked of it', async () => {
    await using world = await open({ model: PLAIN })
    world.server.default({ status: 400, error: '"llama3.2" does not support thinking' })
    const error = await errorOf(world.ai.sendMessage('Hi'))
    expect([error.code, world.chats().length]).toEqual(['capability_unsupported', 1])
  })
})

describe('case 16: an answer that is all thought', () => {
  it('ends with its length and says that thinking took the room, in both modes', async () => {
    await using world = await open()
    world.server.default({ thinking: 'well so and thus and so', text: 'never' })
    const whole = await world.ai.sendMessage('Hi', { maxOutputTokens: 4 })
    const streamed = await world.ai.streamMessage('Hi', { maxOutputTokens: 4 }).response
    for (const answer of [whole, streamed]) {
      expect(answer.text).toBe('')
      expect(answer.finishReason).toEqual({ unified: 'length', raw: 'length', detail: 'thinking-exhausted' })
      expect(answer.warnings).toEqual([
        {
          code: 'thinking-exhausted',
          message: expect.stringContaining('raise maxOutputTokens, or turn reasoning down') as unknown,
          details: {
            inputTokens: 2,
            outputTokens: 4,
            maxOutputTokens: 4,
            contextWindow: answer === whole ? undefined : 4096,
          },
        },
      ])
    }
  })

  it('tells of it before the end of the stream', async () => {
    await using world = await open()
    world.server.default({ thinking: 'well so', text: 'never' })
    const types: string[] = []
    for await (const { type } of world.ai.streamMessage('Hi', { maxOutputTokens: 2 })) types.push(type)
    expect(types.slice(-3)).toEqual(['reasoning-end', 'warning', 'finish'])
  })

  it('is not said of an answer that has text, a call of a tool, or another end', async () => {
    await using world = await open()
    world.server.reply(
      { thinking: 'well', text: 'yes no', doneReason: 'length' },
      { thinking: 'well', doneReason: 'stop' },
      { thinking: 'well', toolCalls: [{ name: 'f' }], doneReason: 'length' },
    )
    for (let call = 0; call < 3; call++) {
      const { finishReason, warnings } = await world.ai.sendMessage('Hi')
      expect([finishReason.detail, warnings]).toEqual([undefined, []])
    }
  })
})

describe('case 35: a conversation that ends with an answer', () => {
  const history: Input = [
    { role: 'user', content: 'Write a poem' },
    { role: 'assistant', content: 'Roses are' },
  ]

  it('is gone on with, without thinking, by a model that would think first', async () => {
    await using world = await open()
    const { warnings } = await world.ai.sendMessage(history)
    expect(bodyOf(world)).toMatchObject({ think: false, messages: history })
    expect(warnings.map(({ code }) => code)).toEqual(['prefill-without-reasoning'])
  })

  it('gets a user message where thinking is wanted', async () => {
    await using world = await open()
    const { warnings } = await world.ai.sendMessage(history, { reasoning: 'low' })
    expect(bodyOf(world)).toMatchObject({
      think: 'low',
      messages: [...history, { role: 'user', content: 'Continue.' }],
    })
    expect(warnings.map(({ code }) => code)).toEqual(['history-continued'])
  })

  it('gets a user message where thinking cannot be switched off', async () => {
    await using world = await open({ model: OSS })
    const { warnings } = await world.ai.sendMessage(history)
    expect(bodyOf(world)['think']).toBeUndefined()
    expect(bodyOf(world)['messages']).toHaveLength(3)
    expect(warnings.map(({ code }) => code)).toEqual(['history-continued'])
  })

  it('is sent as it is where nobody thinks', async () => {
    const plain = await sent({}, { model: PLAIN }, history)
    expect(plain).toEqual({ think: undefined, warnings: [] })
    expect(await sent({ reasoning: 'off' }, {}, history)).toEqual({ think: false, warnings: [] })
  })

  it('is mended once where only the server knows, and is known from then on', async () => {
    await using world = await open()
    world.server.on('/api/show', { status: 404, body: '404 page not found' })
    const refusal = {
      error: { code: 400, message: 'Assistant response prefill is incompatible with enable_thinking.' },
    }
    world.server.reply({ status: 400, error: JSON.stringify(refusal) })
    const answer = await world.ai.sendMessage(history)
    expect(answer.warnings.map(({ code }) => code)).toEqual(['prefill-without-reasoning'])
    await world.ai.sendMessage(history)
    expect(world.chats().map(({ body }) => (body as { think?: unknown }).think)).toEqual([
      undefined,
      false,
      false,
    ])
  })

  it('is a fault of the history where the server refuses it all the same', async () => {
    await using world = await open()
    world.server.default({
      status: 400,
      error: 'Assistant response prefill is incompatible with enable_thinking.',
    })
    const error = await errorOf(world.ai.sendMessage('Hi'))
    expect([error.code, error.details['kind'], world.chats().length]).toEqual([
      'request_invalid',
      'bad-history',
      1,
    ])
  })
})

describe('a model that thinks at temperature 0', () => {
  it('is warned of, once for a model', async () => {
    await using world = await open()
    const codes: (readonly string[])[] = []
    for (const options of [{ temperature: 0 }, { temperature: 0 }, {}]) {
      codes.push((await world.ai.sendMessage('Hi', options)).warnings.map(({ code }) => code))
    }
    expect(codes).toEqual([['reasoning-at-temperature-0'], [], []])
  })

  it('is warned of once also where it runs in the cloud', async () => {
    const remote = { remoteModel: 'qwen3', remoteHost: 'https://ollama.com:443' }
    await using world = await open({ model: { ...THINKER, ...remote } })
    const codes: (readonly string[])[] = []
    for (let call = 0; call < 2; call++) {
      codes.push((await world.ai.sendMessage('Hi', { temperature: 0 })).warnings.map(({ code }) => code))
    }
    expect(codes).toEqual([['reasoning-at-temperature-0'], []])
  })

  it('is not where it does not think', async () => {
    expect((await sent({ temperature: 0, reasoning: 'off' })).warnings).toEqual([])
    expect((await sent({ temperature: 0 }, { model: PLAIN })).warnings).toEqual([])
    expect((await sent({ temperature: 0.1 })).warnings).toEqual([])
  })
})
