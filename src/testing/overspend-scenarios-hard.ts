import type { MeteredPrice, MeteredReply } from './metered-provider.ts'
import type { OverspendLimit, OverspendScenario } from './overspend.ts'
import { METERED_MODEL } from './overspend-stage.ts'

const PRICE: MeteredPrice = { input: '0.1', output: '10' }
const MODELS = { [METERED_MODEL]: PRICE }
const CALL_MOST = '0.0011'

function limitOf(limit: string): readonly [OverspendLimit] {
  return [{ scope: 'user', id: 'ada', period: 'total', limit }]
}

const USUAL = { limits: limitOf('0.02'), models: MODELS, callMost: CALL_MOST } as const

const failures: readonly OverspendScenario[] = [
  {
    ...USUAL,
    name: 'crash',
    about: 'Processes are killed in the middle of their calls, and started again',
    needs: ['processes'],
    limits: limitOf('0.03'),
    manner: { tokenMs: 1 },
    run: async (stage) => {
      for (let life = 0; life < 3; life++) {
        const worker = await stage.spawn()
        const calls = worker.calls(6)
        await stage.arrived(stage.provider.requestCount + 3, [calls])
        await worker.kill()
      }
      await stage.all(10)
      await stage.fillUp()
    },
  },
  {
    ...USUAL,
    name: 'retry-storm',
    about:
      'Of three requests one is refused for nothing (429), one fails when it was paid for (500); all are retried',
    run: async (stage) => {
      const replies: readonly MeteredReply[] = [{ status: 429 }, { status: 500, billsError: true }, {}]
      let requests = 0
      stage.provider.default(() => replies[requests++ % replies.length] ?? {})
      await stage.all(40, { retries: 5 })
      await stage.fillUp({ retries: 5 })
    },
  },
  {
    ...USUAL,
    name: 'free-with-paid-fallback',
    about: 'A model that costs nothing fails, and one that costs something is asked in its place',
    models: { ...MODELS, 'free-1': { input: '0', output: '0' } },
    run: async (stage) => {
      const { provider } = stage
      provider.default(({ body }) => {
        return (body as { model?: unknown }).model === 'free-1' ? { status: 500 } : { tokenMs: 0.2 }
      })
      await stage.all(60, { model: 'free-1', fallback: METERED_MODEL })
      await stage.fillUp({ model: 'free-1', fallback: METERED_MODEL })
    },
  },
]

const counts: readonly OverspendScenario[] = [
  {
    name: 'unknown-model',
    about: 'A model whose price nobody knows is asked for: it is not free',
    limits: limitOf('0.02'),
    models: { ...MODELS, 'unknown-1': { input: '5', output: '50' } },
    unpriced: ['unknown-1'],
    run: async (stage) => {
      await stage.all(40, { model: 'unknown-1' })
    },
  },
  {
    ...USUAL,
    name: 'silent-usage',
    about: 'The provider tells no counts',
    manner: { tells: 'nothing', tokenMs: 0.2 },
    run: async (stage) => {
      await stage.all(30)
      await stage.all(30, { stream: true })
      await stage.fillUp()
    },
  },
  {
    name: 'liar',
    about: 'The provider writes, and bills, three times the output limit that it was sent',
    limits: limitOf('0.0105'),
    models: MODELS,
    // Whatever bound is sent, one call can lie by 200 tokens; the one after it must not be sent.
    most: '0.0125',
    manner: { ignoresLimit: true, outputTokens: 300 },
    run: async (stage) => {
      for (let call = 0; call < 15; call++) await stage.call()
    },
  },
  {
    name: 'no-output-limit',
    about: 'Nobody says how long the answers may be, and they would be long',
    limits: limitOf('0.3'),
    models: MODELS,
    manner: { outputTokens: 20_000 },
    // Up to 16,384 tokens may be let in where nobody said.
    callMost: '0.17',
    run: async (stage) => {
      await stage.all(10, { maxOutputTokens: undefined })
      await stage.fillUp({ maxOutputTokens: undefined })
    },
  },
  {
    name: 'long-context',
    about: 'Prompts are long enough for the second tier of the price, which counts for the whole request',
    limits: limitOf('0.03'),
    models: { [METERED_MODEL]: { ...PRICE, longContext: { above: 2_000, input: '0.2', output: '20' } } },
    // 12,000 bytes are at most so many tokens.
    callMost: '0.0047',
    manner: { tokenMs: 0.2 },
    run: async (stage) => {
      const prompt = 'long words '.repeat(1_090)
      await stage.all(40, { prompt })
      await stage.fillUp({ prompt })
    },
  },
  {
    name: 'dense-input',
    about: 'Prompts of digits, in which every byte is a token',
    limits: limitOf('0.1'),
    models: { [METERED_MODEL]: { input: '10', output: '10' } },
    bytesPerToken: 1,
    // 2,000 bytes, a thousand tokens for what is around them, and 100 of output.
    callMost: '0.031',
    manner: { tokenMs: 0.2 },
    run: async (stage) => {
      const prompt = '31415926535897932384'.repeat(100)
      await stage.all(20, { prompt })
      await stage.fillUp({ prompt })
    },
  },
  {
    ...USUAL,
    name: 'tool-rounds',
    about: 'Every call is four rounds of tools and an answer, each of them a request that is billed',
    needs: ['tools'],
    manner: { toolRounds: 4, outputTokens: 50, tokenMs: 0.2 },
    run: async (stage) => {
      await stage.all(6, { tools: true })
      await stage.fillUp({ tools: true })
    },
  },
  {
    name: 'embeddings',
    about: 'Texts are made vectors of, which is billed by their input',
    needs: ['embeddings'],
    limits: limitOf('0.003'),
    models: { 'embed-1': { input: '1', output: '0' } },
    // 400 bytes, and a thousand tokens for what is around them.
    callMost: '0.0014',
    run: async (stage) => {
      const change = { model: 'embed-1', embed: 1, prompt: 'four'.repeat(100), maxOutputTokens: undefined }
      await stage.all(60, change)
      await stage.fillUp(change)
    },
  },
]

/** Answers that were paid for, and cannot be read or counted. */
const spoilt: readonly OverspendScenario[] = [
  {
    ...USUAL,
    name: 'spoilt-answer',
    about: 'Every answer with status 200 ends in its middle, and is no JSON',
    manner: { spoils: 500 },
    run: async (stage) => {
      for (let call = 0; call < 40; call++) await stage.call()
    },
  },
  {
    ...USUAL,
    name: 'spoilt-stream',
    about:
      'Every stream ends with an error in it, of a kind that costs nothing where it comes in place of an answer',
    manner: { spoils: 429 },
    run: async (stage) => {
      for (let call = 0; call < 40; call++) await stage.call({ stream: true })
    },
  },
  {
    ...USUAL,
    name: 'zero-counts',
    about: 'The provider says that a request and its answer had no tokens at all',
    manner: { tells: 'zeros' },
    run: async (stage) => {
      for (let call = 0; call < 20; call++) {
        await stage.call()
        await stage.call({ stream: true })
      }
    },
  },
  {
    name: 'embedding-batches',
    about: 'Texts need two requests, of which the first is billed and the second refused',
    needs: ['embeddings'],
    limits: limitOf('0.4'),
    models: { 'embed-1': { input: '1', output: '0' } },
    run: async (stage) => {
      let requests = 0
      stage.provider.on('/v1/embeddings', () => (requests++ % 2 === 0 ? {} : { status: 429 }))
      const change = { model: 'embed-1', embed: 3_000, prompt: 'four'.repeat(10), maxOutputTokens: undefined }
      for (let call = 0; call < 25; call++) await stage.call(change)
    },
  },
]

/** What goes wrong at the provider, and with what is known of it. */
export const hardTimes: readonly OverspendScenario[] = [...failures, ...counts, ...spoilt]
