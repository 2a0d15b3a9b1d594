import { createAI, type AIConfig, type AIError, type Client } from '../../../src/index.ts'
import { isAIError } from '../../../src/core/errors.ts'
import type { OllamaOptions } from '../../../src/drivers/ollama/index.ts'
import type { Failure } from '../../../src/drivers/rooms.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { fakeOllama, type FakeOllama, type FakeOllamaOptions } from '../../../src/testing/fake-ollama.ts'
import type { RecordedRequest } from '../../../src/testing/far-end.ts'

/** A client with a stand-in of its own. Time stands still for the client, but for its waits before a retry. */
export interface World extends AsyncDisposable {
  readonly server: FakeOllama
  readonly ai: Client
  readonly clock: FakeClock
  /** The chat requests that the server got. */
  chats(): readonly RecordedRequest[]
}

export interface WorldOptions {
  readonly server?: FakeOllamaOptions
  readonly ollama?: OllamaOptions
  readonly config?: AIConfig
  readonly env?: Readonly<Record<string, string>>
  /** Lets waits before a retry pass at once. @default true */
  readonly hurry?: boolean
}

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const server = await fakeOllama(options.server)
  const clock = new FakeClock()
  const ai = createAI({
    providers: { ollama: { baseUrl: server.url, ...options.ollama } },
    ...options.config,
    runtime: { clock, random: () => 0, env: options.env ?? {} },
  })
  if (options.hurry ?? true) ai.on('providerRetried', ({ delayMs }) => void clock.advance(delayMs))
  return {
    server,
    ai,
    clock,
    chats: () => server.requests.filter(({ path }) => path === '/api/chat'),
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
export function failure(text: string, more: Partial<Failure> = {}): Failure {
  return {
    provider: 'ollama',
    model: 'llama3.2',
    status: 500,
    text,
    headers: {},
    retryAfterMs: undefined,
    path: '/api/chat',
    show: (shown) => shown,
    ...more,
  }
}
