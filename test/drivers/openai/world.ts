import { createAI, type AIConfig, type AIError, type Client } from '../../../src/index.ts'
import { isAIError } from '../../../src/core/errors.ts'
import type { OpenAIOptions } from '../../../src/drivers/openai/index.ts'
import type { Failure } from '../../../src/drivers/rooms.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { fakeOpenAI, type FakeOpenAI, type FakeOpenAIOptions } from '../../../src/testing/fake-openai.ts'

type Body = Readonly<Record<string, unknown>>

/** A client with a stand-in of its own. Time stands still for the client, but for its waits before a retry. */
export interface World extends AsyncDisposable {
  readonly server: FakeOpenAI
  readonly ai: Client
  readonly clock: FakeClock
  /** How long the client waited before each retry, in milliseconds. */
  readonly waits: readonly number[]
  /** The bodies of the requests to a path, oldest first. */
  bodies(path?: string): readonly Body[]
}

export interface WorldOptions {
  readonly server?: FakeOpenAIOptions
  readonly openai?: OpenAIOptions
  readonly config?: AIConfig
  readonly env?: Readonly<Record<string, string>>
}

/** Models of which something is known. */
export const MODELS = [
  'gpt-6-luna',
  'gpt-6-sol',
  'gpt-6.2-sol',
  'gpt-5.6-sol',
  'gpt-5.1',
  'gpt-4o',
  'text-embedding-3-small',
] as const

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const dialect = options.openai?.dialect
  const server = await fakeOpenAI({ models: MODELS, ...(dialect && { dialect }), ...options.server })
  const clock = new FakeClock({ startMs: Date.parse('2026-11-26T00:00:00Z') })
  const waits: number[] = []
  const ai = createAI({
    // The stand-in is billed as OpenAI itself is.
    providers: {
      openai: {
        baseUrl: server.baseUrl,
        apiKey: 'test-key',
        prices: 'openai',
        model: 'gpt-6-luna',
        ...options.openai,
      },
    },
    ...options.config,
    runtime: { clock, random: () => 0, env: options.env ?? {} },
  })
  ai.on('providerRetried', ({ delayMs }) => {
    waits.push(delayMs)
    void clock.advance(delayMs)
  })
  return {
    server,
    ai,
    clock,
    waits,
    bodies: (path = dialect === 'chat' ? '/v1/chat/completions' : '/v1/responses') =>
      server.requests.filter((request) => request.path === path).map(({ body }) => body as Body),
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
    provider: 'openai',
    model: 'gpt-6-luna',
    status: 500,
    text,
    headers: {},
    retryAfterMs: undefined,
    path: '/responses',
    show: (shown) => shown,
    ...more,
  }
}
