import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Client, Models, Progress, RunningModel } from '../../src/index.ts'
import { failureOf, findOllama, openLiveWorld, type LiveWorld } from './live-world.ts'
import { pause } from './ollama-server.ts'
import { tinyGguf } from './tiny-gguf.ts'
import { CHAT_CONTEXT, CHAT_MODEL, EMBED_CONTEXT, EMBED_MODEL, SAYS, VECTOR_SIZE } from './tiny-models.ts'

const live = await findOllama()

const UNKNOWN = 'groat-live-nobody'
const COPY = 'groat-live-copy'
const DERIVED = 'groat-live-derived'
const MADE = 'groat-live-made'

const lengthOf = (vector: readonly number[]): number => Math.hypot(...vector)
const likeness = (one: readonly number[] = [], other: readonly number[] = []): number =>
  one.reduce((sum, value, index) => sum + value * (other[index] ?? Number.NaN), 0)

describe.skipIf(!live)('a real Ollama', { timeout: 60_000 }, () => {
  let world: LiveWorld
  let ai: Client
  let models: Models

  beforeAll(async () => {
    if (!live) return
    world = await openLiveWorld(live, [CHAT_MODEL, EMBED_MODEL])
    ai = world.ai
    models = ai.provider('ollama').models
  }, 120_000)
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
  }, 60_000)

  async function stepsOf(work: AsyncIterable<Progress>): Promise<Progress[]> {
    const steps: Progress[] = []
    for await (const step of work) steps.push(step)
    return steps
  }

  const names = async (): Promise<readonly string[]> => (await models.list()).map(({ id }) => id)

  describe('asked for vectors', () => {
    const TEXTS = ['hello world', 'hello there world', 'Grüße, 日本 😀']
    const embed = (values: string | readonly string[], more: Parameters<Client['embed']>[1] = {}) =>
      ai.embed(values, { model: `ollama/${EMBED_MODEL}`, ...more })

    it('gives one of length 1 for each text, in order, for a token a byte and free', async () => {
      const answer = await embed(TEXTS)
      expect(answer.embeddings.map((vector) => vector.length)).toEqual(TEXTS.map(() => VECTOR_SIZE))
      for (const vector of answer.embeddings) expect(lengthOf(vector)).toBeCloseTo(1, 5)
      expect(answer.usage.inputTokens).toBe(Buffer.byteLength(TEXTS.join('')))
      expect([answer.cost.status, answer.attempts.length, answer.warnings]).toEqual(['free', 1, []])
      const alone = await embed(TEXTS[1] ?? '')
      expect(likeness(alone.embeddings[0], answer.embeddings[1])).toBeCloseTo(1, 4)
      expect(likeness(alone.embeddings[0], answer.embeddings[0])).toBeGreaterThan(
        likeness(alone.embeddings[0], answer.embeddings[2]),
      )
    })

    it('gives vectors of the length that was asked for, again of length 1', async () => {
      const [short = []] = (await embed('hello', { dimensions: 16 })).embeddings
      const [long = []] = (await embed('hello')).embeddings
      expect([short.length, long.length]).toEqual([16, VECTOR_SIZE])
      expect(lengthOf(short)).toBeCloseTo(1, 5)
      const begin = long.slice(0, 16)
      for (const [index, value] of begin.entries())
        expect(short[index]).toBeCloseTo(value / lengthOf(begin), 4)
    })

    it('gives none for no texts', async () => {
      expect((await embed([])).embeddings).toEqual([])
    })

    it('refuses a text that is too long, and names it, in place of cutting it', async () => {
      const error = await failureOf(embed(['short', 'x'.repeat(EMBED_CONTEXT + 100)]))
      expect([error.code, error.details['kind'], error.details['longestIndex']]).toEqual([
        'context_too_long',
        'context-overflow',
        1,
      ])
    })

    it('refuses a model that only chats, and an answer of one that only embeds', async () => {
      const embedded = await failureOf(ai.embed('hello', { model: `ollama/${CHAT_MODEL}` }))
      const answered = await failureOf(ai.sendMessage('hello', { model: `ollama/${EMBED_MODEL}` }))
      expect([embedded.code, answered.code]).toEqual(['capability_unsupported', 'capability_unsupported'])
      const { capabilities, contextLength } = await models.get(EMBED_MODEL)
      expect([capabilities, contextLength]).toEqual([['embeddings'], EMBED_CONTEXT])
    })
  })

  describe('told which models to hold in memory', () => {
    async function runningOf(name: string): Promise<RunningModel | undefined> {
      return (await models.running()).find(({ id }) => id === `${name}:latest`)
    }

    /** An unloaded model is listed until its process has ended. */
    async function goneFrom(name: string): Promise<boolean> {
      for (let tries = 0; tries < 100; tries++) {
        if (!(await runningOf(name))) return true
        await pause(100)
      }
      return false
    }

    beforeEach(async () => {
      for (const name of [CHAT_MODEL, EMBED_MODEL]) {
        if (!(await runningOf(name))) continue
        await models.unload(name)
        await goneFrom(name)
      }
    })

    it('loads one for the time that was said, and frees it', async () => {
      await models.load(CHAT_MODEL, { keepAlive: '10m' })
      const running = await runningOf(CHAT_MODEL)
      expect(running).toMatchObject({ provider: 'ollama', contextLength: CHAT_CONTEXT, sizeVram: 0 })
      expect(running?.size).toBeGreaterThan(0)
      const stays = Date.parse(running?.expiresAt ?? '') - Date.now()
      expect(stays / 60_000).toBeGreaterThan(9)
      expect(stays / 60_000).toBeLessThan(11)
      await models.unload(CHAT_MODEL)
      expect(await goneFrom(CHAT_MODEL)).toBe(true)
    })

    it('loads one for ever, with the window that was said, and answers with it as it is', async () => {
      await models.load(CHAT_MODEL, { keepAlive: -1, settings: { numCtx: 2_048 } })
      const running = await runningOf(CHAT_MODEL)
      expect([running?.contextLength, running?.expiresAt]).toEqual([2_048, undefined])
      expect((await ai.sendMessage('@text', { model: `ollama/${CHAT_MODEL}` })).text).toBe(SAYS.text)
      expect((await runningOf(CHAT_MODEL))?.contextLength).toBe(2_048)
    })

    it('loads one that only embeds', async () => {
      await models.load(EMBED_MODEL)
      expect(await runningOf(EMBED_MODEL)).toMatchObject({ contextLength: EMBED_CONTEXT })
    })

    it('has none to load that was never made', async () => {
      const error = await failureOf(models.load(UNKNOWN))
      expect([error.code, error.model]).toEqual(['model_not_found', UNKNOWN])
    })
  })

  describe('told to make, copy and remove models', () => {
    it('makes one of another, with a system message and settings of its own', async () => {
      const steps = await stepsOf(
        models.create(DERIVED, {
          from: CHAT_MODEL,
          system: 'You are brief.',
          parameters: { numPredict: 3, numCtx: 1_024 },
        }),
      )
      expect(steps.at(-1)?.status).toBe('success')
      expect(steps.some(({ status }) => status.startsWith('using existing layer'))).toBe(true)
      const handle = ai.provider('ollama').model(DERIVED)
      const plain = await ai.sendMessage('@text', { model: `ollama/${CHAT_MODEL}` })
      const answer = await handle.sendMessage('@text')
      expect(SAYS.text.startsWith(answer.text)).toBe(true)
      expect([answer.finishReason.unified, answer.usage.outputTokens]).toEqual(['length', 3])
      // What the Go template writes for it: two marks, two line feeds and `system`.
      expect(answer.usage.inputTokens).toBe((plain.usage.inputTokens ?? 0) + 'You are brief.'.length + 10)
      // A call's own option goes before the model's.
      expect((await handle.sendMessage('@text', { maxOutputTokens: 60 })).text).toBe(SAYS.text)
      await models.remove(DERIVED)
      expect((await failureOf(models.get(DERIVED))).code).toBe('model_not_found')
    })

    it('makes one of a file that it is sent, and takes the file once', async () => {
      const script = { '@hello': { text: 'Hello from a file.' } }
      const files = { 'made.gguf': new Uint8Array(tinyGguf({ name: MADE, script })) }
      const create = () => stepsOf(models.create(MADE, { files, template: '{{ .Prompt }}' }))
      for (const steps of [await create(), await create()]) {
        expect(steps[0]?.status).toBe('uploading made.gguf')
        expect(steps.at(-1)?.status).toBe('success')
        expect(steps.at(-1)?.completed).toBeGreaterThanOrEqual(files['made.gguf'].length)
      }
      const answer = await ai.sendMessage('@hello', { model: `ollama/${MADE}` })
      expect([answer.text, answer.cost.status]).toEqual(['Hello from a file.', 'free'])
      await models.unload(MADE)
      await models.remove(MADE)
      expect(await names()).not.toContain(`${MADE}:latest`)
    })

    it('makes none of what it does not have', async () => {
      const digest = `sha256:${'0'.repeat(64)}`
      const bad = await failureOf(models.create(MADE, { files: { 'x.gguf': digest } }).done)
      expect([bad.code, bad.details['kind']]).toEqual(['request_invalid', 'bad-request'])
      expect(await names()).not.toContain(`${MADE}:latest`)
    })

    it('copies one, and the copy has the same content', async () => {
      await models.copy(CHAT_MODEL, COPY)
      const [original, copy] = [await models.get(CHAT_MODEL), await models.get(COPY)]
      expect(copy.capabilities).toEqual(original.capabilities)
      const digests = new Map((await models.list()).map(({ id, digest }) => [id, digest]))
      expect(digests.get(`${COPY}:latest`)).toBe(digests.get(`${CHAT_MODEL}:latest`))
      expect((await ai.sendMessage('@text', { model: `ollama/${COPY}` })).text).toBe(SAYS.text)
      const missing = await failureOf(models.copy(UNKNOWN, `${COPY}-2`))
      expect(missing.code).toBe('model_not_found')
    })

    it('removes one, which is then not found, and cannot be removed again', async () => {
      await models.copy(CHAT_MODEL, COPY)
      const before = await models.list()
      await models.remove(COPY)
      const changes = await models.sync(before)
      expect(changes.removed.map(({ id }) => id)).toEqual([`${COPY}:latest`])
      for (const ask of [
        () => models.get(COPY),
        () => models.remove(COPY),
        () => ai.sendMessage('@text', { model: `ollama/${COPY}` }),
      ])
        expect((await failureOf(ask())).code).toBe('model_not_found')
      // The other name of the same content is still there.
      expect((await ai.sendMessage('@text', { model: `ollama/${CHAT_MODEL}` })).text).toBe(SAYS.text)
    })
  })
})
