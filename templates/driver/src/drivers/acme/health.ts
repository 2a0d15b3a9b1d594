import { isAIError } from '../../core/errors.ts'
import type { Health } from '../../core/health.ts'
import type { ApiClient } from '../api-client.ts'
import type { ProbeOptions } from '../rooms.ts'
import { listModels } from './models.ts'

/** Time for a probe where none is given, in milliseconds. */
const PROBE_TIMEOUT_MS = 5_000

/** Asks for the list of models: a read that generates nothing and costs nothing. */
export async function probe(
  client: ApiClient,
  options: ProbeOptions,
): Promise<Omit<Health, 'provider' | 'latencyMs'>> {
  const query = { signal: options.signal, timeoutMs: options.timeoutMs ?? PROBE_TIMEOUT_MS }
  try {
    const models = await listModels(client, query)
    const { model } = options
    const missing = model !== undefined && !models.some(({ id }) => id === model)
    return {
      status: missing ? 'degraded' : 'ready',
      issues: missing ? [`Acme has no model ${model}: see \`groat models\``] : [],
      details: { models: models.length },
    }
  } catch (error) {
    const message = isAIError(error) ? error.message : String(error)
    return { status: 'down', issues: [message], details: { address: client.address.baseUrl } }
  }
}
