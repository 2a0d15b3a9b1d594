import { createAI, type AIConfig, type AIError, type Client } from '../../../src/index.ts'
import { isAIError } from '../../../src/core/errors.ts'
import type { Failure } from '../../../src/drivers/rooms.ts'
import type { XaiOptions } from '../../../src/drivers/xai/index.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { fakeXai, type FakeXai, type FakeXaiOptions } from '../../../src/testing/fake-xai.ts'

/** A client with a stand-in of its own. Time stands still for the client, but for its waits before a retry. */
export interface World extends AsyncDisposable {
  readonly server: FakeXai
  readonly ai: Client
  readonly clock: FakeClock
  /** The bodies of the requests that the model got. */
  bodies(): readonly Readonly<Record<string, unknown>>[]
}

export interface WorldOptions {
  readonly server?: FakeXaiOptions
  readonly xai?: XaiOptions
  readonly config?: AIConfig
}

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const server = await fakeXai(options.server)
  const clock = new FakeClock({ startMs: Date.UTC(2026, 10, 26) })
  const ai = createAI({
    // The prices are those of xAI, although it is not asked at its own address.
    providers: { xai: { baseUrl: server.baseUrl, apiKey: 'xai-test', prices: 'xai', ...options.xai } },
    ...options.config,
    runtime: { clock, random: () => 0, env: {} },
  })
  ai.on('providerRetried', ({ delayMs }) => void clock.advance(delayMs))
  return {
    server,
    ai,
    clock,
    bodies: () =>
      server.requests
        .filter(({ path }) => path === '/v1/responses')
        .map(({ body }) => body as Readonly<Record<string, unknown>>),
    [Symbol.asyncDispose]: async () => {
      await ai.close()
      await server.close()
    },
  }
}

/** The error that a promise fails with. */
export async function errorOf(promise: Promise<unknown>): Promise<AIError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (isAIError(error)) return error
  throw new Error(`expected an AIError, got ${error === undefined ? 'an answer' : 'something else'}`, {
    cause: error,
  })
}

/** A failure as the driver's rooms see it. */
export function failure(body: unknown, status: number | undefined, more: Partial<Failure> = {}): Failure {
  return {
    provider: 'xai',
    model: 'grok-4.3',
    status,
    text: typeof body === 'string' ? body : JSON.stringify(body),
    headers: {},
    retryAfterMs: undefined,
    path: '/responses',
    show: (shown) => shown,
    ...more,
  }
}
