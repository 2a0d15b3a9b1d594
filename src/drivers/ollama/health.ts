import { isAIError } from '../../core/errors.ts'
import type { Health } from '../../core/health.ts'
import type { ApiClient } from '../api-client.ts'
import { isObject } from '../../core/error-text.ts'
import type { ProbeOptions, RequestOptions } from '../rooms.ts'
import { VERSION_PATH } from './api.ts'
import { listModels, normalizeName, unreadable } from './models.ts'

/** Time for a probe where none is given, in milliseconds. */
const PROBE_TIMEOUT_MS = 5_000
/** A server that takes longer than this to say its version is degraded, in milliseconds. */
const SLOW_MS = 2_000

/** Time for the version alone, in milliseconds: a call waits for it. */
const VERSION_TIMEOUT_MS = 5_000

/** The server's version; undefined where it does not say one in time, which is no reason to refuse a call. */
export async function version(client: ApiClient, options: RequestOptions): Promise<string | undefined> {
  try {
    const said = await client.json(VERSION_PATH, { timeoutMs: VERSION_TIMEOUT_MS, ...options })
    return isObject(said) && typeof said['version'] === 'string' ? said['version'] : undefined
  } catch (error) {
    if (options.signal?.aborted) throw error
    return undefined
  }
}

/** Asks for the version and the list of models: two reads that load nothing and generate nothing. */
export async function probe(
  client: ApiClient,
  options: ProbeOptions,
): Promise<Omit<Health, 'provider' | 'latencyMs'>> {
  const query = { signal: options.signal, timeoutMs: options.timeoutMs ?? PROBE_TIMEOUT_MS }
  const startedMs = options.elapsed()
  try {
    const said = await client.json(VERSION_PATH, query)
    const version = isObject(said) ? said['version'] : undefined
    if (typeof version !== 'string') throw unreadable(client.provider, VERSION_PATH)
    const slow = options.elapsed() - startedMs > SLOW_MS
    const models = await listModels(client, query)
    const wanted = options.model === undefined ? undefined : normalizeName(options.model)
    const installed = wanted === undefined || models.some((model) => normalizeName(model.id) === wanted)
    const issues = [
      ...(slow ? [`The server took more than ${SLOW_MS} ms to say its version`] : []),
      ...(installed
        ? []
        : [`The model ${options.model} is not there: get it with \`ollama pull ${options.model}\``]),
    ]
    return {
      status: issues.length === 0 ? 'ready' : 'degraded',
      issues,
      details: {
        version,
        models: models.length,
        ...(wanted === undefined ? {} : { defaultModelInstalled: installed }),
      },
    }
  } catch (error) {
    const message = isAIError(error) ? error.message : String(error)
    return { status: 'down', issues: [message], details: { address: client.address.baseUrl } }
  }
}
