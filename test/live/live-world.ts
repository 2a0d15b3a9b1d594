import { createAI, type AIError, type Client } from '../../src/index.ts'
import { isAIError } from '../../src/core/errors.ts'
import { openOllama, type LiveOllama } from './ollama-server.ts'
import { createTiny } from './tiny-models.ts'

/**
 * The server of a file of tests; undefined where there is none, which is said. Where one is required
 * (GROAT_LIVE=required), its absence is a failure.
 */
export async function findOllama(): Promise<LiveOllama | undefined> {
  const found = await openOllama()
  if (typeof found !== 'string') {
    process.stdout.write(`live: Ollama ${found.version} at ${found.url}\n`)
    return found
  }
  process.stdout.write(`skipped: ${found}\n`)
  if (process.env['GROAT_LIVE'] === 'required') throw new Error(`GROAT_LIVE=required, but ${found}`)
  return undefined
}

/** Waits for a first byte, in milliseconds: a model may have to be loaded, and a server may hang. */
const FIRST_BYTE_MS = 45_000

/** A client and the tiny models that its tests are about. */
export interface LiveWorld extends AsyncDisposable {
  readonly server: LiveOllama
  readonly ai: Client
}

/** A client of its own, which knows nothing of the models yet. */
export function clientOf({ server }: Pick<LiveWorld, 'server'>): Client {
  const ollama = { baseUrl: server.url, timeouts: { firstByteMs: FIRST_BYTE_MS } }
  return createAI({ providers: { ollama }, runtime: { env: {} } })
}

/** Makes tiny models on a server; closing the world removes them and ends the server. */
export async function openLiveWorld(server: LiveOllama, models: readonly string[]): Promise<LiveWorld> {
  for (const name of models) await createTiny(server, name)
  const ai = clientOf({ server })
  return {
    server,
    ai,
    [Symbol.asyncDispose]: async () => {
      try {
        await ai.close()
        for (const name of models) await server.call('DELETE', '/api/delete', { model: name })
      } finally {
        await server.close()
      }
    },
  }
}

/** The error that a promise fails with. */
export async function failureOf(promise: Promise<unknown>): Promise<AIError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (isAIError(error)) return error
  throw new Error('expected an AIError', { cause: error })
}
