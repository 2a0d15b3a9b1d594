import { createAI, type AIConfig, type Client } from '../../../src/index.ts'
import type { OllamaOptions } from '../../../src/drivers/ollama/index.ts'
import type { Failure } from '../../../src/drivers/rooms.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { fakeOllama, type FakeOllama, type FakeOllamaOptions } from '../../../src/testing/fake-ollama.ts'
import type { RecordedRequest } from '../../../src/testing/far-end.ts'

export { errorOf } from '../world.ts'

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
