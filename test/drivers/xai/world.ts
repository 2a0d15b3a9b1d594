import type { AIConfig } from '../../../src/index.ts'
import { xai, type XaiOptions } from '../../../src/drivers/xai/index.ts'
import type { Failure } from '../../../src/drivers/rooms.ts'
import { fakeXai, type FakeXai, type FakeXaiOptions } from '../../../src/testing/fake-xai.ts'
import { inMemory, type InMemory } from '../in-memory.ts'
import { failureOf, worldOf, type Body, type World as AnyWorld } from '../world.ts'

export { errorOf } from '../world.ts'

export interface World extends AnyWorld<FakeXai> {
  /** The bodies of the requests that the model got, oldest first. */
  bodies(): readonly Body[]
}

export interface WorldOptions {
  readonly server?: FakeXaiOptions
  readonly xai?: XaiOptions
  readonly config?: AIConfig
}

const MODEL = 'grok-4.3'

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const { config } = options
  const server = await fakeXai(options.server)
  // The prices are those of xAI, although it is not asked at its own address.
  const own = { baseUrl: server.baseUrl, apiKey: 'xai-test', prices: 'xai' }
  return {
    ...worldOf(server, { providers: { xai: { ...own, ...options.xai } }, config }),
    bodies: () =>
      server.requests.filter(({ path }) => path === '/v1/responses').map(({ body }) => body as Body),
  }
}

/** The driver without a network. */
export const offline: InMemory<XaiOptions> = inMemory(xai, MODEL)

/** A failure as the driver's rooms see it. */
export function failure(body: unknown, more: Partial<Failure> = {}): Failure {
  return failureOf({ provider: 'xai', model: MODEL, path: '/responses' }, body, more)
}
