import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  EMBED_BATCH_CHARS_MAX,
  EMBED_BATCH_MAX,
  EMBED_DIVISIONS_MAX,
  embedInBatches,
} from '../../../src/drivers/embed-batches.ts'
import { AIError } from '../../../src/core/errors.ts'
import type { EmbedOptions } from '../../../src/core/request.ts'
import type { EmbedResponse } from '../../../src/core/response.ts'
import { UNKNOWN_USAGE } from '../../../src/core/usage.ts'
import type { OllamaReply } from '../../../src/testing/fake-ollama.ts'
import type { RecordedRequest, Scripted } from '../../../src/testing/far-end.ts'
import { errorOf, openWorld, type World } from './world.ts'

const CRASH = 'do embedding request: Post "http://127.0.0.1:4/embedding": EOF'
const NAN = 'embedding contains NaN or Inf values'

let world: World

beforeEach(async () => {
  const models = [
    { name: 'bge', capabilities: ['embedding'], contextLength: 16 },
    { name: 'llama3.2' },
    { name: 'both', capabilities: ['completion', 'embedding'] },
    { name: 'bge:cloud', capabilities: ['embedding'], remoteHost: 'https://ollama.com:443' },
  ]
  world = await openWorld({ server: { models }, ollama: { model: 'bge' } })
  return () => world[Symbol.asyncDispose]()
})

const embed = (values: string | readonly string[], options?: EmbedOptions): Promise<EmbedResponse> =>
  world.ai.provider('ollama').embed(values, options)

interface Body {
  readonly model: string
  readonly input: readonly string[]
  readonly [name: string]: unknown
}

const bodies = (): Body[] =>
  world.server.requests.filter(({ path }) => path === '/api/embed').map(({ body }) => body as Body)

/** A server whose runner dies of some texts. */
function failingFor(
  isBad: (text: string) => boolean,
  error: string,
  status: number = 400,
): Scripted<OllamaReply> {
  return ({ body }: RecordedRequest) => {
    const { input } = body as Body
    if (input.some(isBad)) return { status, error }
    // A vector tells which text it is of: its only number is the text's.
    return {
      body: {
        model: 'bge',
        embeddings: input.map((text) => [Number(text) + 1]),
        prompt_eval_count: input.length,
      },
    }
  }
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index))
const vectorsFor = (count: number): number[][] => numbers(count).map((text) => [Number(text) + 1])

describe('conformance case 31: embeddings', () => {
  it('asks nothing for no texts', async () => {
    const answer = await embed([])
    expect(answer.embeddings).toEqual([])
    expect(String(answer.cost.amount)).toBe('0')
    expect(world.server.requests).toEqual([])
  })

  it('sends a batch of three as one request, and keeps its order', async () => {
    const texts = ['first words', 'second', 'first words']
    const { embeddings } = await embed(texts)
    expect(bodies()).toEqual([{ model: 'bge', input: texts, truncate: false }])
    expect(embeddings).toHaveLength(3)
    expect(embeddings[0]).toEqual(embeddings[2])
    expect(embeddings[0]).not.toEqual(embeddings[1])
    const alone = await embed('second')
    expect(alone.embeddings).toEqual([embeddings[1]])
  })

  it('names an overflow for what it is, without a retry', async () => {
    const long = 'word '.repeat(20)
    const error = await errorOf(embed(['short', long, 'short too']))
    expect(error).toMatchObject({ code: 'context_too_long', model: 'bge', status: 400, retryable: false })
    expect(error.details).toMatchObject({ kind: 'context-overflow', longestIndex: 1 })
    expect(error.message).toContain('shorten or split')
    expect(bodies()).toHaveLength(1)
    expect((await errorOf(embed(long))).details).toMatchObject({ index: 0 })
  })

  it.each([
    ['a crash', CRASH, 400],
    ['a bare EOF', 'EOF', 500],
    ['numbers that are none', NAN, 400],
  ])('halves a batch that fails by %s, and names the text that is to blame', async (_, error, status) => {
    world.server.on(
      '/api/embed',
      failingFor((text) => text === '5', error, status),
    )
    const failed = await errorOf(embed(numbers(8)))
    expect(failed.details).toMatchObject({ index: 5 })
    expect(failed.message).toContain('index 5')
    expect(failed.retryable).toBe(false)
    expect(bodies().map(({ input }) => input.join(''))).toEqual(['01234567', '0123', '4567', '45', '4', '5'])
  })

  it('gives all vectors where the halves do what the whole could not', async () => {
    world.server.on('/api/embed', ({ body }) => {
      const { input } = body as Body
      if (input.length > 2) return { status: 400, error: CRASH }
      return {
        body: { model: 'bge', embeddings: input.map((text) => [Number(text) + 1]), prompt_eval_count: 10 },
      }
    })
    const { embeddings, usage, attempts } = await embed(numbers(5))
    expect(embeddings).toEqual(vectorsFor(5))
    // Three requests went well.
    expect(usage.inputTokens).toBe(30)
    expect(attempts).toHaveLength(1)
  })
})

describe('an embedding', () => {
  it('is free on the own server, with its counts in the books', async () => {
    const { usage, cost, model, provider, id } = await embed(['one two', 'three'])
    // One for each text and one for each word.
    expect(usage).toMatchObject({ inputTokens: 5, outputTokens: 0 })
    expect(cost).toMatchObject({ status: 'free', source: 'local' })
    expect([provider, model]).toEqual(['ollama', 'bge'])
    const entries = []
    for await (const entry of world.ai.ledger.entries({ callId: id })) entries.push(entry)
    expect(entries).toMatchObject([{ outcome: 'ok', usage: { inputTokens: 5, outputTokens: 0 } }])
  })

  it('is not free in the cloud, and says so where no price is known', async () => {
    const { cost } = await embed('hello', { model: 'bge:cloud' })
    expect(cost).toMatchObject({ status: 'unknown', amount: undefined })
  })

  it('does not know a count that was not told', async () => {
    world.server.once('/api/embed', { body: { model: 'bge', embeddings: [[1]] } })
    const { usage } = await embed('hello')
    expect([usage.inputTokens, usage.outputTokens]).toEqual([undefined, 0])
  })

  it('says on the wire what was asked for', async () => {
    await embed('hello', {
      dimensions: 4,
      providerOptions: { ollama: { keepAlive: '300', numCtx: 8, numThread: 2 } },
    })
    expect(bodies()).toEqual([
      {
        model: 'bge',
        input: ['hello'],
        truncate: false,
        dimensions: 4,
        keep_alive: 300,
        options: { num_ctx: 8, num_thread: 2 },
      },
    ])
  })

  it('is as long as asked for, or says that the model cannot', async () => {
    const short = await embed('hello', { dimensions: 4 })
    expect(short.embeddings[0]).toHaveLength(4)
    expect(short.warnings).toEqual([])
    const same = await embed('hello', { dimensions: 500 })
    expect(same.embeddings[0]).toHaveLength(8)
    expect(same.warnings).toMatchObject([
      { code: 'option-ignored', details: { option: 'dimensions', asked: 500, given: 8 } },
    ])
  })

  it('tells of a setting that Ollama gave up', async () => {
    const { warnings } = await embed('hello', { providerOptions: { ollama: { mirostat: 1 } } })
    expect(warnings).toMatchObject([{ code: 'option-ignored', details: { option: 'mirostat' } }])
  })

  it.each([
    ['a setting that there is not', 'hello', { providerOptions: { ollama: { numCtxx: 1 } } }],
    ['a window that is none', 'hello', { providerOptions: { ollama: { numCtx: 0 } } }],
    ['dimensions that are none', 'hello', { dimensions: 0.5 }],
    ['an empty text', ['a', ''], {}],
    ['half a pair', 'a\uD83D', {}],
  ] as const)('is refused for %s, before any text leaves', async (_, values, options) => {
    expect((await errorOf(embed(values, options))).code).toBe('request_invalid')
    expect(bodies()).toEqual([])
  })

  it('is refused for a model that is known not to make any, without loading it', async () => {
    const error = await errorOf(embed('hello', { model: 'llama3.2' }))
    expect(error).toMatchObject({ code: 'capability_unsupported', details: { capability: 'embeddings' } })
    expect(bodies()).toEqual([])
    expect((await embed('hello', { model: 'both' })).embeddings).toHaveLength(1)
  })

  it('is asked for where nothing is known of the model, and the refusal of the server is understood', async () => {
    world.server.on('/api/show', { status: 404, body: '404 page not found' })
    const error = await errorOf(embed('hello', { model: 'llama3.2' }))
    expect(error).toMatchObject({ code: 'capability_unsupported', status: 501 })
    expect(bodies()).toHaveLength(1)
  })

  it('of a model that is not there is one that is missing', async () => {
    expect((await errorOf(embed('hello', { model: 'gone' }))).code).toBe('model_not_found')
  })

  it.each([
    ['too few vectors', { model: 'bge', embeddings: [[1]] }],
    ['no vectors', { model: 'bge' }],
    ['an empty vector', { model: 'bge', embeddings: [[1], []] }],
    ['what is no number', { model: 'bge', embeddings: [[1], [null]] }],
    ['another thing', ['hello']],
  ])('is not made of %s', async (_, body) => {
    world.server.once('/api/embed', { body })
    expect((await errorOf(embed(['a', 'b']))).code).toBe('response_invalid')
  })

  it('is tried again where the server is busy', async () => {
    world.server.once('/api/embed', {
      status: 503,
      error: 'server busy, please try again.  maximum pending requests exceeded',
    })
    const { attempts } = await embed('hello')
    expect(attempts.map(({ outcome }) => outcome)).toEqual(['error', 'ok'])
  })

  it('of one text that crashes the runner is tried once more, and no more', async () => {
    world.server.on('/api/embed', { status: 400, error: CRASH })
    expect(await errorOf(embed('hello'))).toMatchObject({
      code: 'provider_unavailable',
      details: { index: 0 },
    })
    expect(bodies()).toHaveLength(2)
  })

  it('stops for its signal, also between two halves', async () => {
    const controller = new AbortController()
    world.server.once('/api/embed', () => {
      controller.abort()
      return { status: 400, error: CRASH }
    })
    const error = await errorOf(embed(numbers(8), { signal: controller.signal }))
    expect(error.code).toBe('aborted')
    expect(bodies()).toHaveLength(1)
  })
})

describe('a batch', () => {
  const request = { model: 'm', providerOptions: {} }
  const crash = new AIError({ code: 'provider_unavailable', message: 'crashed' })

  it(`is cut after ${EMBED_BATCH_MAX} texts`, async () => {
    world.server.on(
      '/api/embed',
      failingFor(() => false, ''),
    )
    const count = 2 * EMBED_BATCH_MAX + 1
    const { embeddings, usage } = await embed(numbers(count))
    expect(bodies().map(({ input }) => input.length)).toEqual([EMBED_BATCH_MAX, EMBED_BATCH_MAX, 1])
    expect(embeddings).toEqual(vectorsFor(count))
    expect(usage.inputTokens).toBe(count)
  })

  it('does not know its count where one part did not tell it', async () => {
    world.server.once('/api/embed', ({ body }) => ({
      body: { embeddings: (body as Body).input.map(() => [1]) },
    }))
    world.server.on(
      '/api/embed',
      failingFor(() => false, ''),
    )
    expect((await embed(numbers(EMBED_BATCH_MAX + 1))).usage.inputTokens).toBeUndefined()
  })

  it('is cut where its texts are large, and a text that is larger goes alone', async () => {
    const half = 'x'.repeat(EMBED_BATCH_CHARS_MAX / 2)
    const sizes: number[][] = []
    await embedInBatches(
      { ...request, values: [half, half, 'a', `${half}${half}b`, 'c'] },
      {
        send: async (values) => {
          sizes.push(values.map(({ length }) => length))
          return { embeddings: values.map(() => [1]), usage: UNKNOWN_USAGE, model: 'm', warnings: [] }
        },
        mayBeOneText: () => false,
      },
    )
    const { length } = half
    expect(sizes).toEqual([[length, length], [1], [2 * length + 1], [1]])
  })

  it('is not halved for ever where no part of it works', async () => {
    let asked = 0
    const values = numbers(EMBED_BATCH_MAX)
    const failing = embedInBatches(
      { ...request, values },
      {
        send: async (part) => {
          asked++
          if (part.length > 2) throw crash
          return { embeddings: part.map(() => [1]), usage: UNKNOWN_USAGE, model: 'm', warnings: [] }
        },
        mayBeOneText: () => true,
      },
    )
    expect((await errorOf(failing)).code).toBe('provider_unavailable')
    expect(asked).toBeLessThanOrEqual(2 * EMBED_DIVISIONS_MAX + 1)
  })

  it('is not halved for what is no fault of a text', async () => {
    world.server.on('/api/embed', {
      status: 500,
      error: 'llama-server reported out-of-memory during startup',
    })
    expect((await errorOf(embed(numbers(4)))).details).toMatchObject({ kind: 'out-of-memory' })
    expect(bodies()).toHaveLength(1)
  })
})

afterEach(() => expect(world.server.queued).toBe(0))
