import { createAI, type AIConfig, type AIError, type Client } from '../../src/index.ts'
import { isAIError } from '../../src/core/errors.ts'
import type { Failure } from '../../src/core/failure.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'

/** A JSON object. */
export type Body = Readonly<Record<string, unknown>>

/** A client of a stand-in. Time stands still for the client, but for its waits before a retry. */
export interface World<Server> extends AsyncDisposable {
  readonly server: Server
  readonly ai: Client
  readonly clock: FakeClock
  /** How long the client waited before each retry, in milliseconds. */
  readonly waits: readonly number[]
}

export interface ClientOptions {
  readonly providers: NonNullable<AIConfig['providers']>
  readonly config?: AIConfig | undefined
  readonly env?: Readonly<Record<string, string>> | undefined
}

/** What time it is for the client when it begins, in milliseconds since the Unix epoch. */
export const START_MS: number = Date.UTC(2026, 10, 26)

/** Opens a client of a stand-in; both are closed with the world. */
export function worldOf<Server extends { close(): Promise<void> }>(
  server: Server,
  { providers, config, env = {} }: ClientOptions,
): World<Server> {
  const clock = new FakeClock({ startMs: START_MS })
  const ai = createAI({ providers, ...config, runtime: { clock, random: () => 0, env } })
  const waits: number[] = []
  ai.on('providerRetried', ({ delayMs }) => {
    waits.push(delayMs)
    void clock.advance(delayMs)
  })
  return {
    server,
    ai,
    clock,
    waits,
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

/** A failure as the rooms of a driver see it; a body that is no text is written as JSON. */
export function failureOf(
  where: Pick<Failure, 'provider' | 'model' | 'path'>,
  body: unknown,
  more: Partial<Failure>,
): Failure {
  return {
    ...where,
    status: 500,
    text: typeof body === 'string' ? body : JSON.stringify(body),
    headers: {},
    retryAfterMs: undefined,
    show: (shown) => shown,
    ...more,
  }
}
