import { isAIError } from '../../core/errors.ts'
import type { Health } from '../../core/health.ts'
import { isObject } from '../../core/error-text.ts'
import type { ApiClient } from '../api-client.ts'
import type { ProbeOptions } from '../rooms.ts'
import { MODELS_PATH } from './api.ts'
import { getModel, unreadable } from './models.ts'

/** Time for a probe where none is given, in milliseconds. */
const PROBE_TIMEOUT_MS = 5_000

/** Asks for one line of the list of models, and for the model that calls will use: reads that cost nothing. */
export async function probe(
  client: ApiClient,
  options: ProbeOptions,
): Promise<Omit<Health, 'provider' | 'latencyMs'>> {
  const { model, signal } = options
  const query = { signal, timeoutMs: options.timeoutMs ?? PROBE_TIMEOUT_MS }
  try {
    const json = await client.json(`${MODELS_PATH}?pageSize=1`, query)
    if (!isObject(json)) throw unreadable(client.provider, MODELS_PATH)
    if (model === undefined) return { status: 'ready', issues: [], details: {} }
    const missing = await getModel(client, model, query).then(
      () => undefined,
      (error: unknown) =>
        isAIError(error) && error.code === 'model_not_found' ? error.message : Promise.reject(error),
    )
    return {
      status: missing === undefined ? 'ready' : 'degraded',
      issues: missing === undefined ? [] : [missing],
      details: { defaultModelThere: missing === undefined },
    }
  } catch (error) {
    const message = isAIError(error) ? error.message : String(error)
    return { status: 'down', issues: [message], details: { address: client.address.baseUrl } }
  }
}
