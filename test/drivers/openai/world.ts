import type { AIConfig } from '../../../src/index.ts'
import { openai, type OpenAIOptions } from '../../../src/drivers/openai/index.ts'
import type { Failure } from '../../../src/drivers/rooms.ts'
import { fakeOpenAI, type FakeOpenAI, type FakeOpenAIOptions } from '../../../src/testing/fake-openai.ts'
import { inMemory, type InMemory } from '../in-memory.ts'
import { failureOf, worldOf, type Body, type World as AnyWorld } from '../world.ts'

export { errorOf } from '../world.ts'

export interface World extends AnyWorld<FakeOpenAI> {
  /** The bodies of the requests to a path, oldest first. */
  bodies(path?: string): readonly Body[]
}

export interface WorldOptions {
  readonly server?: FakeOpenAIOptions
  readonly openai?: OpenAIOptions
  readonly config?: AIConfig
  readonly env?: Readonly<Record<string, string>>
}

const MODEL = 'gpt-6-luna'

/** Models of which something is known. */
export const MODELS = [
  MODEL,
  'gpt-6-sol',
  'gpt-6.2-sol',
  'gpt-5.6-sol',
  'gpt-5.1',
  'gpt-4o',
  'text-embedding-3-small',
] as const

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const { config, env } = options
  const dialect = options.openai?.dialect
  const server = await fakeOpenAI({ models: MODELS, ...(dialect && { dialect }), ...options.server })
  // The stand-in is billed as OpenAI itself is.
  const own = { baseUrl: server.baseUrl, apiKey: 'test-key', prices: 'openai', model: MODEL }
  return {
    ...worldOf(server, { providers: { openai: { ...own, ...options.openai } }, config, env }),
    bodies: (path = dialect === 'chat' ? '/v1/chat/completions' : '/v1/responses') =>
      server.requests.filter((request) => request.path === path).map(({ body }) => body as Body),
  }
}

/** The driver without a network. */
export const offline: InMemory<OpenAIOptions> = inMemory(openai, MODEL)

/** A failure as the driver's rooms see it. */
export function failure(body: unknown, more: Partial<Failure> = {}): Failure {
  return failureOf({ provider: 'openai', model: MODEL, path: '/responses' }, body, more)
}
