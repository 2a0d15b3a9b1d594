import type { AIConfig } from '../../../src/index.ts'
import { gemini, type GeminiOptions } from '../../../src/drivers/gemini/index.ts'
import type { Failure } from '../../../src/core/failure.ts'
import { fakeGemini, type FakeGemini, type FakeGeminiOptions } from '../../../src/testing/fake-gemini.ts'
import type { RecordedRequest } from '../../../src/testing/far-end.ts'
import { inMemory, type InMemory } from '../in-memory.ts'
import { failureOf, worldOf, type Body, type World as AnyWorld } from '../world.ts'

export { errorOf, START_MS, type Body } from '../world.ts'

export interface World extends AnyWorld<FakeGemini> {
  /** The chat requests that the server got. */
  chats(): readonly RecordedRequest[]
  /** Their bodies. */
  bodies(): readonly Body[]
}

export interface WorldOptions {
  readonly server?: FakeGeminiOptions
  readonly gemini?: GeminiOptions
  readonly config?: AIConfig
}

export const MODEL = 'gemini-3.8-flash'

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const { config } = options
  const server = await fakeGemini(options.server)
  const own = { baseUrl: server.baseUrl, apiKey: 'test-key', model: MODEL }
  const chats = (): readonly RecordedRequest[] =>
    server.requests.filter(({ path }) => path.endsWith('enerateContent'))
  return {
    ...worldOf(server, { providers: { gemini: { ...own, ...options.gemini } }, config }),
    chats,
    bodies: () => chats().map(({ body }) => body as Body),
  }
}

/** The driver without a network. */
export const offline: InMemory<GeminiOptions> = inMemory(gemini, MODEL)

/** A failure as the driver's rooms see it. */
export function failure(body: unknown, more: Partial<Failure> = {}): Failure {
  const path = `/models/${MODEL}:generateContent`
  return failureOf({ provider: 'gemini', model: MODEL, path }, body, more)
}
