import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAI, type AIResponse, type Client, type StreamEvent } from '../../src/index.ts'
import { isAIError } from '../../src/core/errors.ts'
import { CAPABILITIES } from '../../src/drivers/ollama/index.ts'
import { driverContract } from '../../src/testing/contract-cases.ts'
import { runContractCase, type ContractSubject } from '../../src/testing/driver-contract.ts'
import { findOllama } from './live-world.ts'
import { pause, type LiveOllama } from './ollama-server.ts'
import { tinyGguf } from './tiny-gguf.ts'
import type { Script } from './tiny-tokens.ts'

const live = await findOllama()

const MODEL = 'groat-live'
/** A file of its own: an Ollama may never answer again with a model whose stream was aborted. */
const ABORTED_MODEL = 'groat-live-aborted'
const CONTEXT = 512

const SCRIPT: Script = {
  '@text': { pieces: ['Rain', ' falls', ' on', ' tin', ' roofs.'] },
  // Half a character is no character yet.
  '@unicode': { pieces: ['Grüße ', new Uint8Array([0xf0, 0x9f]), new Uint8Array([0x98, 0x80]), ' 日本'] },
  '@empty': { pieces: [] },
  '@stop': { pieces: ['before ', 'ST', 'OP', ' after'] },
  '@loop': { pieces: ['tick ', 'tock '], endless: true },
}

const RAIN = 'Rain falls on tin roofs.'

/** Which sentences of the contract say something of a server that cannot be told what to answer. */
const LIVE_CASES: ReadonlySet<string> = new Set([
  'refuses bad input before any request',
  'stops at once for a signal that has fired, without a request',
  'lists its models and finds one of them',
  'is ready when it is there, without generating anything',
])

describe.skipIf(!live)('a real Ollama', { timeout: 60_000 }, () => {
  let server: LiveOllama
  let ai: Client

  beforeAll(async () => {
    if (!live) return
    server = live
    const more = { template: '{{ .Prompt }}', parameters: { num_ctx: CONTEXT, num_thread: 1 } }
    for (const name of [MODEL, ABORTED_MODEL])
      await server.create(name, tinyGguf({ name, script: SCRIPT }), more)
    const timeouts = { firstByteMs: 45_000 }
    ai = createAI({
      providers: { ollama: { baseUrl: server.url, model: MODEL, timeouts, contextWindow: CONTEXT } },
      runtime: { env: {} },
    })
  }, 120_000)

  afterAll(async () => {
    await ai?.close()
    if (!live) return
    try {
      for (const name of [MODEL, ABORTED_MODEL]) await live.remove(name)
    } finally {
      await live.close()
    }
  }, 60_000)

  async function streamed(text: string, options: Parameters<Client['streamMessage']>[1] = {}) {
    const stream = ai.streamMessage(text, options)
    const events: StreamEvent[] = []
    for await (const event of stream) events.push(event)
    return { events, response: await stream.response }
  }

  async function codeOf(promise: Promise<unknown>): Promise<string> {
    const error: unknown = await promise.then(
      () => 'answered',
      (thrown: unknown) => thrown,
    )
    return isAIError(error) ? error.code : String(error)
  }

  const countsOf = ({ usage }: AIResponse): unknown => [usage.inputTokens, usage.outputTokens]

  it('answers a text, with exact counts and proven free', async () => {
    const answer = await ai.sendMessage('Say @text')
    expect(answer.text).toBe(RAIN)
    expect(answer.finishReason).toEqual({ unified: 'stop', raw: 'stop' })
    // Four bytes and a trigger; five pieces and the end.
    expect(countsOf(answer)).toEqual([5, 6])
    expect(answer.cost).toMatchObject({ status: 'free', source: 'local' })
    expect(answer.cost.lines.map(({ kind, quantity }) => [kind, quantity])).toEqual([
      ['input', 5],
      ['output', 6],
    ])
    expect(answer.timing.provider?.['totalMs']).toBeGreaterThan(0)
    expect(answer.timing.provider?.['totalMs']).toBeLessThan(60_000)
  })

  it('streams it piece by piece, and the same as a whole', async () => {
    const whole = await ai.sendMessage('Say @text')
    const { events, response } = await streamed('Say @text')
    const texts = events.flatMap((event) => (event.type === 'text-delta' ? [event.text] : []))
    expect(texts).toEqual(SCRIPT['@text']?.pieces)
    expect([events[0]?.type, events.at(-1)?.type]).toEqual(['start', 'finish'])
    for (const field of ['text', 'parts', 'finishReason', 'model', 'cost'] as const)
      expect(response[field], field).toEqual(whole[field])
    expect(countsOf(response)).toEqual(countsOf(whole))
  })

  it('counts one token for each byte of a prompt', async () => {
    for (const text of ['', 'Hi ', 'naïve ', '日本語 😀 ']) {
      const answer = await ai.sendMessage(`${text}@empty`)
      expect(countsOf(answer), text).toEqual([Buffer.byteLength(text) + 1, 1])
      expect(answer.text).toBe('')
    }
  })

  it('never gives half a character', async () => {
    const { events, response } = await streamed('@unicode')
    expect(response.text).toBe('Grüße 😀 日本')
    for (const event of events) if (event.type === 'text-delta') expect(event.text).not.toContain('\ufffd')
  })

  it('ends before a stop text, which is no part of the answer', async () => {
    const { response } = await streamed('@stop', { stop: 'STOP' })
    expect([response.text, response.finishReason.unified]).toEqual(['before ', 'stop'])
  })

  it('ends at the length that was asked for', async () => {
    for (const response of [
      (await streamed('@loop', { maxOutputTokens: 7 })).response,
      await ai.sendMessage('@loop', { maxOutputTokens: 7 }),
    ]) {
      expect(response.text).toBe('tick tock tick tock tick tock tick ')
      expect([response.finishReason.unified, response.usage.outputTokens]).toEqual(['length', 7])
    }
  })

  it('ends with the window, and does not forget its beginning', async () => {
    const { response } = await streamed('@loop')
    const { inputTokens = 0, outputTokens = 0 } = response.usage
    expect(response.finishReason.unified).toBe('length')
    expect(inputTokens + outputTokens).toBeGreaterThan(CONTEXT - 8)
    expect(inputTokens + outputTokens).toBeLessThanOrEqual(CONTEXT)
  })

  it('refuses what is longer than the window, with both sizes, in place of cutting it', async () => {
    const text = 'x'.repeat(2_000)
    for (const options of [{}, { system: 'Be brief' }]) {
      const error: unknown = await ai.sendMessage(`${text}@text`, options).catch((thrown: unknown) => thrown)
      expect(
        isAIError(error) && [error.code, error.details['promptTokens'], error.details['contextSize']],
      ).toEqual(['context_too_long', 2_001, CONTEXT])
    }
  })

  it('takes a larger window where one is asked for', async () => {
    const text = 'x'.repeat(2_000)
    const answer = await ai.sendMessage(`${text}@text`, { providerOptions: { ollama: { numCtx: 4_096 } } })
    expect([answer.text, ...(countsOf(answer) as number[])]).toEqual([RAIN, 2_001, 6])
  })

  it('takes every setting that the driver knows, together and at their edges', async () => {
    const sampling = { temperature: 5, topP: 1, topK: 1_000, seed: 7, maxOutputTokens: 64, stop: ['@', '#'] }
    const loading = { numCtx: CONTEXT, numBatch: 64, numGpu: 0, mainGpu: 0, useMmap: false, numThread: 1 }
    const penalties = { repeatLastN: 0, repeatPenalty: 1.1, presencePenalty: 1, frequencyPenalty: 1 }
    const ollama = {
      ...loading,
      ...penalties,
      numKeep: 0,
      minP: 0,
      typicalP: 1,
      draftNumPredict: 4,
      keepAlive: '90',
    }
    const answer = await ai.sendMessage('@text', { ...sampling, providerOptions: { ollama } })
    // It was loaded with others before.
    const codes = answer.warnings.map(({ code }) => code)
    expect([answer.text, codes]).toEqual([RAIN, ['load-profile-changed']])
  })

  it.each(['-1', '300', '5m', 60, 0, Number.POSITIVE_INFINITY])('takes keepAlive %j', async (keepAlive) => {
    expect((await ai.sendMessage('@text', { providerOptions: { ollama: { keepAlive } } })).text).toBe(RAIN)
  })

  it('takes reasoning off for a model that cannot reason', async () => {
    expect((await ai.sendMessage('@text', { reasoning: 'off' })).text).toBe(RAIN)
  })

  it('answers calls that come together, each its own', async () => {
    const texts = ['@text', '@stop', '@empty', '@unicode', '@text']
    const answers = await Promise.all(texts.map((text) => ai.sendMessage(text)))
    expect(answers.map(({ text }) => text)).toEqual([RAIN, 'before STOP after', '', 'Grüße 😀 日本', RAIN])
  })

  it('has no model that was never made, and says so before an answer is asked for', async () => {
    expect(await codeOf(ai.sendMessage('Hi', { model: 'groat-live-nobody' }))).toBe('model_not_found')
    expect(await codeOf(ai.provider('ollama').models.get('groat-live-nobody'))).toBe('model_not_found')
  })

  it('lists and describes the models that were made', async () => {
    const { models } = ai.provider('ollama')
    const ids = (await models.list()).map(({ id }) => id)
    expect(ids).toEqual(expect.arrayContaining([`${MODEL}:latest`, `${ABORTED_MODEL}:latest`]))
    const model = await models.get(MODEL)
    expect(model).toMatchObject({ local: true, family: 'llama', contextLength: 8_192 })
    expect(model.capabilities).toEqual(['chat', 'stream'])
  })

  it('is ready', async () => {
    const health = await ai.provider('ollama').health()
    expect(health).toMatchObject({ status: 'ready', issues: [], details: { version: server.version } })
  })

  describe('held to the contract', () => {
    const subject: ContractSubject = {
      name: 'ollama × live',
      capabilities: CAPABILITIES,
      billing: 'free',
      down: {},
      open: async () => ({
        providers: { ollama: { baseUrl: server.url, model: MODEL } },
        provider: 'ollama',
        model: MODEL,
        // What a real server got is not seen, and it cannot be told what to say.
        far: { reply: () => {}, chatRequests: () => [], close: async () => {} },
      }),
    }
    const cases = driverContract.filter(
      ({ name, lacks }) => LIVE_CASES.has(name) || (lacks !== undefined && !CAPABILITIES.includes(lacks)),
    )
    it('has the cases that are meant for it', () => {
      const names = new Set(cases.map(({ name }) => name))
      expect([...LIVE_CASES].filter((name) => !names.has(name))).toEqual([])
    })
    it.each(cases)('$name', (one) => runContractCase(one, subject))
  })

  // Last: a server may not recover from these.
  describe('left in the middle', () => {
    it('stops at an abort and at an early break, and books both', async () => {
      const handle = ai.provider('ollama').model(ABORTED_MODEL).with({ user: 'leaver' })
      const controller = new AbortController()
      const stream = handle.streamMessage('@loop', { signal: controller.signal, maxOutputTokens: 400 })
      const seen = codeOf(
        (async () => {
          for await (const event of stream) if (event.type === 'text-delta') controller.abort()
        })(),
      )
      expect(await seen).toBe('aborted')
      await reload(server)
      for await (const event of handle.streamMessage('@loop')) if (event.type === 'text-delta') break
      await reload(server)
      const outcomes: string[] = []
      for await (const { outcome, cost } of ai.ledger.entries({ user: 'leaver' }))
        outcomes.push(`${outcome} ${cost.status}`)
      expect(outcomes).toEqual(['aborted free', 'aborted free'])
      expect((await handle.sendMessage('@text')).text).toBe(RAIN)
      // Siblings never noticed.
      expect((await ai.sendMessage('@text')).text).toBe(RAIN)
    })
  })
})

/** Unloads the model whose stream was left, and waits until it is gone: what Ollama needs to get over it. */
async function reload(server: LiveOllama): Promise<void> {
  await server.call('POST', '/api/chat', { model: ABORTED_MODEL, messages: [], keep_alive: 0, stream: false })
  for (let tries = 0; tries < 100; tries++) {
    const { models } = (await server.call('GET', '/api/ps')) as { models: readonly { name: string }[] }
    if (!models.some(({ name }) => name === `${ABORTED_MODEL}:latest`)) return
    await pause(100)
  }
}
