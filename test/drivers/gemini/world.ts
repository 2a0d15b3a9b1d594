import { createAI, type AIConfig, type AIError, type Client } from '../../../src/index.ts'
import { isAIError } from '../../../src/core/errors.ts'
import type { Failure } from '../../../src/core/failure.ts'
import type { GeminiOptions } from '../../../src/drivers/gemini/index.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { fakeGemini, type FakeGemini, type FakeGeminiOptions } from '../../../src/testing/fake-gemini.ts'
import type { RecordedRequest } from '../../../src/testing/far-end.ts'

/** A client with a stand-in of its own. Time stands still for the client, but for its waits before a retry. */
export interface World extends AsyncDisposable {
  readonly server: FakeGemini
  readonly ai: Client
  readonly clock: FakeClock
  /** How long the client waited before each retry, in milliseconds. */
  readonly waits: readonly number[]
  /** The chat requests that the server got. */
  chats(): readonly RecordedRequest[]
  /** Their bodies. */
  bodies(): readonly Body[]
}

export type Body = Readonly<Record<string, unknown>>

export interface WorldOptions {
  readonly server?: FakeGeminiOptions
  readonly gemini?: GeminiOptions
  readonly config?: AIConfig
}

export const MODEL = 'gemini-3.8-flash'

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const server = await fakeGemini(options.server)
  const clock = new FakeClock({ startMs: Date.UTC(2026, 10, 22) })
  const gemini = { baseUrl: server.baseUrl, apiKey: 'test-key', model: MODEL, ...options.gemini }
  const ai = createAI({
    providers: { gemini },
    ...options.config,
    runtime: { clock, random: () => 0, env: {} },
  })
  const waits: number[] = []
  ai.on('providerRetried', ({ delayMs }) => {
    waits.push(delayMs)
    void clock.advance(delayMs)
  })
  const chats = (): readonly RecordedRequest[] =>
    server.requests.filter(({ path }) => path.endsWith('enerateContent'))
  return {
    server,
    ai,
    clock,
    waits,
    chats,
    bodies: () => chats().map(({ body }) => body as Body),
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
    provider: 'gemini',
    model: MODEL,
    status: 500,
    text,
    headers: {},
    retryAfterMs: undefined,
    path: `/models/${MODEL}:generateContent`,
    show: (shown) => shown,
    ...more,
  }
}
