import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AIResponse, CallOptions, Client, ModelPrice } from '../../../src/index.ts'
import { UNKNOWN_USAGE } from '../../../src/core/usage.ts'
import { OllamaDriver } from '../../../src/drivers/ollama/index.ts'
import { localityOf } from '../../../src/drivers/ollama/pricing.ts'
import { systemRuntime } from '../../../src/runtime.ts'
import type { FakeOllamaModel } from '../../../src/testing/fake-ollama.ts'
import { errorOf, openWorld, type World } from './world.ts'

const STUB = { remoteModel: 'gpt-oss:120b', remoteHost: 'https://ollama.com:443' }
const HERE: readonly FakeOllamaModel[] = [
  { name: 'llama3.2' },
  { name: 'gpt-oss-cloud' },
  { name: 'x:local' },
  { name: 'ada/gpt-oss-cloud' },
  { name: 'x:cloudy' },
  // Names that are passed on to the cloud, whatever is said of them.
  { name: 'gpt-oss:120b-cloud' },
  { name: 'GPT-OSS:20B-CLOUD' },
  { name: 'kimi:cloud' },
  { name: 'Kimi:Cloud' },
  { name: 'stub:120b-cloud', ...STUB },
  // A copy that hides it.
  { name: 'mine', ...STUB },
]

const PRICE = { input: '0.15', output: '0.60', cacheRead: '0.014' }
const priceOf = (model: string): ModelPrice => ({ provider: 'ollama', model, perMillionTokens: PRICE })

async function openWith(more: Parameters<typeof openWorld>[0] = {}): Promise<World> {
  return openWorld({ server: { models: HERE }, ...more })
}

/** The costs of a whole and of a streamed answer, and of their ledger entries: one and the same. */
async function costOf(ai: Client, options: CallOptions): Promise<AIResponse['cost']> {
  const whole = await ai.sendMessage('Hi', options)
  const streamed = await ai.streamMessage('Hi', options).response
  expect(streamed.cost.status).toBe(whole.cost.status)
  for await (const entry of ai.ledger.entries({ callId: whole.id })) expect(entry.cost).toEqual(whole.cost)
  return whole.cost
}

describe('where a model runs, and so what it costs', () => {
  it.each(['llama3.2', 'LLAMA3.2:latest', 'gpt-oss-cloud', 'x:local', 'ada/gpt-oss-cloud', 'x:cloudy'])(
    '%s is free, proven by the weights on the disk of the server',
    async (model) => {
      await using world = await openWith()
      expect(await costOf(world.ai, { model })).toMatchObject({ status: 'free', source: 'local' })
    },
  )

  it.each(['gpt-oss:120b-cloud', 'GPT-OSS:20B-CLOUD', 'kimi:cloud', 'Kimi:Cloud', 'stub:120b-cloud', 'mine'])(
    '%s is in the cloud, and its cost unknown, never zero',
    async (model) => {
      await using world = await openWith()
      const cost = await costOf(world.ai, { model })
      expect([cost.status, cost.amount]).toEqual(['unknown', undefined])
      expect(cost).toMatchObject({ reason: expect.stringContaining('cloud') })
    },
  )

  it('is what the answer says, where the server said something else of the model before', async () => {
    await using world = await openWith()
    world.server.default({ text: 'Hi', ...STUB })
    expect(await costOf(world.ai, { model: 'llama3.2' })).toMatchObject({ status: 'unknown' })
    world.server.default({ text: 'Hi', last: { remote_model: 'kimi-k2' } })
    expect(await costOf(world.ai, { model: 'x:local' })).toMatchObject({ status: 'unknown' })
    world.server.default({ text: 'Hi', remoteHost: 'https://elsewhere.example' })
    expect(await costOf(world.ai, { model: 'x:local' })).toMatchObject({ status: 'unknown' })
  })

  it('is what the description says, where the answer says nothing', async () => {
    await using world = await openWith()
    world.server.default({
      lines: [{ message: { content: 'Hi' }, done: true, done_reason: 'stop', eval_count: 1 }],
    })
    const { cost } = await world.ai.streamMessage('Hi', { model: 'mine' }).response
    expect(cost.status).toBe('unknown')
  })

  it.each([
    ['an old server without /api/show', { status: 404, body: '404 page not found' }],
    ['a proxy that hides it', { status: 403, body: '' }],
    ['a description without a format', { body: { details: {}, model_info: {} } }],
    [
      'a description of something that is no weights',
      { body: { details: { format: 'gguf' }, model_info: {} } },
    ],
    ['an empty description', { body: {} }],
  ])('is not known with %s, and nothing is free then', async (_name, reply) => {
    await using world = await openWith()
    world.server.on('/api/show', reply)
    expect(await costOf(world.ai, { model: 'llama3.2' })).toMatchObject({
      status: 'unknown',
      reason: expect.stringContaining('not proven to be local'),
    })
  })

  it('is asked for again soon after the server could not tell', async () => {
    await using world = await openWith()
    const ask = async (): Promise<string> => (await world.ai.sendMessage('Hi')).cost.status
    world.server.once('/api/show', { status: 503, error: 'server busy' })
    expect(await ask()).toBe('unknown')
    expect(await ask()).toBe('unknown')
    await world.clock.advance(10_000)
    expect(await ask()).toBe('free')
    expect(world.server.requests.filter(({ path }) => path === '/api/show')).toHaveLength(2)
  })

  it('is asked once for calls that start together, and again after five minutes', async () => {
    await using world = await openWith()
    const shows = (): number => world.server.requests.filter(({ path }) => path === '/api/show').length
    await Promise.all(Array.from({ length: 20 }, () => world.ai.sendMessage('Hi')))
    expect(shows()).toBe(1)
    await world.clock.advance(299_999)
    await world.ai.sendMessage('Hi')
    expect(shows()).toBe(1)
    await world.clock.advance(1)
    await world.ai.sendMessage('Hi')
    expect(shows()).toBe(2)
  })

  it('stays what it was for an answer that lasts longer than the description is believed', async () => {
    await using world = await openWith()
    const [answering, showing] = [world.server.gate(), world.server.gate()]
    world.server.reply({ text: 'one two', headersGate: answering }, 'Second')
    const long = world.ai.sendMessage('Hi')
    await answering.arrival()
    await world.clock.advance(300_000)
    world.server.once('/api/show', { status: 500, error: 'slow', headersGate: showing })
    const second = world.ai.sendMessage('Hi')
    await showing.arrival()
    answering.open()
    expect((await long).cost.status).toBe('free')
    showing.open()
    expect((await second).cost.status).toBe('unknown')
  })
})

describe('what the user declares', () => {
  it('makes free what could not be proven, and says that it was declared', async () => {
    await using world = await openWith({ ollama: { local: true } })
    world.server.on('/api/show', { status: 404, body: '404 page not found' })
    expect(await costOf(world.ai, { model: 'llama3.2' })).toMatchObject({
      status: 'free',
      source: 'declared',
    })
  })

  it('adds nothing to what is proven', async () => {
    await using world = await openWith({ ollama: { local: true } })
    expect(await costOf(world.ai, { model: 'llama3.2' })).toMatchObject({ status: 'free', source: 'local' })
  })

  it.each(['gpt-oss:120b-cloud', 'kimi:cloud', 'mine'])(
    'never makes %s free, which is in the cloud',
    async (model) => {
      await using world = await openWith({ ollama: { local: true } })
      expect(await costOf(world.ai, { model })).toMatchObject({ status: 'unknown', amount: undefined })
    },
  )

  it('prices even what is local, where it says that nothing is free', async () => {
    await using world = await openWith({ ollama: { local: false } })
    expect(await costOf(world.ai, { model: 'llama3.2' })).toMatchObject({ status: 'unknown' })
    await using priced = await openWith({
      ollama: { local: false },
      config: { prices: [priceOf('llama3.2')] },
    })
    priced.server.default({ text: 'Hi', promptTokens: 2, outputTokens: 1 })
    // 2 × $0.15 and 1 × $0.60, per million.
    expect(String((await costOf(priced.ai, { model: 'llama3.2' })).amount)).toBe('0.0000009')
  })

  it('means the same as nothing where it is auto', async () => {
    await using world = await openWith({ ollama: { local: 'auto' } })
    expect((await costOf(world.ai, { model: 'llama3.2' })).status).toBe('free')
    expect((await costOf(world.ai, { model: 'mine' })).status).toBe('unknown')
  })
})

describe('the address', () => {
  const localAt = (baseUrl: string, local: boolean | 'auto' = true, model: string = 'llama3.2'): string => {
    const transport = { send: () => Promise.reject(new Error('nothing is sent')), close: async () => {} }
    const driver = new OllamaDriver(
      { baseUrl, local },
      { provider: 'ollama', runtime: systemRuntime, transport },
    )
    return driver.bill(model, UNKNOWN_USAGE, undefined).locality
  }

  it('of a server that was not asked yet proves nothing but what a name says', () => {
    const at = (model: string): string[] =>
      ([true, 'auto', false] as const).map((local) => localAt('http://box:1', local, model))
    expect(at('oak')).toEqual(['declared', 'unknown', 'unknown'])
    expect(at('oak:local')).toEqual(['local', 'local', 'unknown'])
    expect(at('oak:cloud')).toEqual(['remote', 'remote', 'remote'])
  })

  it.each(['ollama.com', 'https://ollama.com', 'https://api.ollama.com', 'https://OLLAMA.COM.'])(
    '%s is the cloud, whatever the name of the model and whatever is declared',
    (baseUrl) => expect(localAt(baseUrl)).toBe('remote'),
  )

  it.each(['https://notollama.com', 'https://ollama.com.example', 'http://192.168.1.7:11434'])(
    '%s is not',
    (baseUrl) => expect(localAt(baseUrl)).toBe('declared'),
  )

  it('outweighs the description of a model', () => {
    const described = { details: { format: 'gguf' }, size: 2_000_000_000 }
    expect(localityOf({ model: 'x', hostname: 'ollama.com', described })).toBe('remote')
    expect(localityOf({ model: 'x', hostname: 'box', described })).toBe('local')
    expect(localityOf({ model: 'x', hostname: 'box', described: { ...described, size: 384 } })).toBe(
      'unknown',
    )
  })
})

describe('a description of a model', () => {
  const GGUF = { details: { format: 'gguf' }, size: 10_000 }
  const SHOWN = { details: { format: 'gguf' }, model_info: { 'general.architecture': 'llama' } }

  it.each<[string, Parameters<typeof localityOf>[0]['described'], string]>([
    ['weights of some size', GGUF, 'local'],
    ['weights of another kind', { ...GGUF, details: { format: 'safetensors' } }, 'local'],
    ['weights that are shown without a size', SHOWN, 'local'],
    ['a file that is too small for weights', { ...GGUF, size: 9_999 }, 'unknown'],
    ['a small file, whatever else is shown', { ...SHOWN, size: 9_999 }, 'unknown'],
    ['no kind of weights', { ...GGUF, details: {} }, 'unknown'],
    ['a kind that nobody knows', { ...GGUF, details: { format: 'onnx' } }, 'unknown'],
    ['an architecture that is no name', { ...SHOWN, model_info: { 'general.architecture': 7 } }, 'unknown'],
    ['a host elsewhere', { ...GGUF, remote_host: 'https://ollama.com:443' }, 'remote'],
    ['a model elsewhere', { ...GGUF, remote_model: 'kimi-k2' }, 'remote'],
    ['nothing', {}, 'unknown'],
  ])('with %s', (_name, described, locality) => {
    expect(localityOf({ model: 'oak', hostname: 'box', described })).toBe(locality)
  })

  it('is not needed for a name that says where it runs', () => {
    const of = (model: string): string => localityOf({ model, hostname: 'box', described: {} })
    expect(['oak', 'oak:local', 'oak:Local', 'oak:1b-local', ':cloud'].map(of)).toEqual([
      'unknown',
      'local',
      'local',
      'unknown',
      'remote',
    ])
    expect(['box:5000/oak-cloud', 'box:5000/oak:x-cloud', 'cloud', '-cloud'].map(of)).toEqual([
      'unknown',
      'remote',
      'unknown',
      'unknown',
    ])
  })
})

describe('zero that means something', () => {
  const model = 'gpt-oss:120b-cloud'

  it('is not zero where a price is known, to the last pico-dollar', async () => {
    await using world = await openWith({ config: { prices: [priceOf(model)] } })
    world.server.default({ text: 'Hi', promptTokens: 1_000, cachedTokens: 400, outputTokens: 250, ...STUB })
    const cost = await costOf(world.ai, { model })
    // 600 × 0.15 = 90, 400 × 0.014 = 5.6, 250 × 0.60 = 150: 245.6 per million.
    expect([cost.status, String(cost.amount)]).toEqual(['exact', '0.0002456'])
    expect(cost.lines.map(({ kind, quantity, amount }) => [kind, quantity, String(amount)])).toEqual([
      ['input', 600, '0.00009'],
      ['cache-read', 400, '0.0000056'],
      ['output', 250, '0.00015'],
    ])
    const [total] = await world.ai.ledger.totals()
    expect(String(total?.cost)).toBe('0.0004912')
  })

  it('is exact for counts that are larger than any answer', async () => {
    await using world = await openWith({ config: { prices: [priceOf(model)] } })
    const most = 10_000_000_000_003
    world.server.default({ text: 'Hi', promptTokens: most, outputTokens: most, ...STUB })
    const { cost, usage } = await world.ai.sendMessage('Hi', { model })
    expect([usage.inputTokens, usage.outputTokens]).toEqual([most, most])
    // 10,000,000,000,003 × 0.75, per million.
    expect(String(cost.amount)).toBe('7500000.00000225')
  })

  it('is bounded where a price is known and the counts are not, or are nonsense', async () => {
    await using world = await openWith({ config: { prices: [priceOf(model)] } })
    for (const counts of [
      {},
      { eval_count: 1e300 },
      { eval_count: -5 },
      { eval_count: '12' },
      { eval_count: 1.5 },
    ]) {
      world.server.reply({ text: 'Hi', promptTokens: 0, outputTokens: 0, ...STUB, last: counts })
      const { cost } = await world.ai.sendMessage('Hi', { model })
      // 546 tokens are the most that the input can have, and the 2 bytes of 'Hi' have at most 2: more than zero is booked.
      expect([cost.status, cost.amount === undefined]).toEqual(['bounded', false])
      expect((cost.amount?.picos ?? 0n) > 0n).toBe(true)
    }
  })

  it('is nothing for an attempt that was refused, and bounded for one that broke off', async () => {
    await using world = await openWith({ config: { prices: [priceOf(model)] } })
    const costs = async (): Promise<string[]> => {
      const list: string[] = []
      for await (const { cost } of world.ai.ledger.entries({}))
        list.push(`${cost.status} ${String(cost.amount)}`)
      return list
    }
    world.server.reply(
      { status: 503, error: 'server busy' },
      { text: 'Hi', promptTokens: 2, outputTokens: 1, ...STUB },
    )
    const answer = await world.ai.sendMessage('Hi', { model })
    expect(String(answer.cost.amount)).toBe('0.0000009')
    expect((await costs()).toSorted()).toEqual(['exact 0', 'exact 0.0000009'])
    world.server.reply({ text: 'one two three', cutAfter: 2 })
    await errorOf(world.ai.streamMessage('Hi', { model }).response)
    expect((await costs()).filter((one) => /^bounded 0\.000\d+$/.test(one))).toHaveLength(1)
  })

  it('is free with unchanged counts for any local model and any counts', async () => {
    await using world = await openWith()
    const part = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,20}$/)
    const tag = part.filter((text) => text !== 'cloud' && !text.endsWith('-cloud'))
    const name = fc
      .record({ namespace: fc.option(part), model: part, tag: fc.option(tag) })
      .map(
        (one) =>
          `${one.namespace === null ? '' : `${one.namespace}/`}${one.model}${one.tag === null ? '' : `:${one.tag}`}`,
      )
    const count = fc.oneof(fc.nat({ max: 10_000 }), fc.maxSafeNat()).map((value) => Math.max(1, value))
    await fc.assert(
      fc.asyncProperty(name, count, count, async (model, promptTokens, outputTokens) => {
        world.server.models.add({ name: model })
        world.server.reply({ text: 'Hi', promptTokens, outputTokens })
        const { cost, usage } = await world.ai.provider('ollama').model(model).sendMessage('Hi')
        expect(cost).toMatchObject({ status: 'free', source: 'local' })
        expect(String(cost.amount)).toBe('0')
        expect([usage.inputTokens, usage.outputTokens]).toEqual([promptTokens, outputTokens])
        expect(cost.lines.map(({ quantity }) => quantity)).toEqual([promptTokens, outputTokens])
      }),
      { numRuns: 100 },
    )
  })
})
