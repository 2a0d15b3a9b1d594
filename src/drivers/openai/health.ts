import { isAIError } from '../../core/errors.ts'
import type { Health } from '../../core/health.ts'
import type { ApiClient } from '../api-client.ts'
import type { ProbeOptions } from '../rooms.ts'
import { listModels, shutdownOf } from './models.ts'

/** Time for a probe where none is given, in milliseconds. */
const PROBE_TIMEOUT_MS = 5_000

/** Asks for the list of models: a read that costs nothing and generates nothing. */
export async function probe(
  client: ApiClient,
  options: ProbeOptions,
): Promise<Omit<Health, 'provider' | 'latencyMs'>> {
  const { model, signal } = options
  const query = { signal, timeoutMs: options.timeoutMs ?? PROBE_TIMEOUT_MS }
  try {
    const models = await listModels(client, query)
    const found = models.find((one) => one.id === model)
    const isMissing = model !== undefined && !found
    const shutdown = found && shutdownOf(found)
    const issues = [
      ...(isMissing
        ? [`There is no model ${model} for this key: see \`groat models\` for those that there are`]
        : []),
      ...(shutdown === undefined
        ? []
        : [`The model ${model} is switched off on ${shutdown}: move to another one`]),
    ]
    return {
      status: issues.length === 0 ? 'ready' : 'degraded',
      issues,
      details: { models: models.length, ...(model === undefined ? {} : { defaultModelThere: !isMissing }) },
    }
  } catch (error) {
    const message = isAIError(error) ? error.message : String(error)
    return { status: 'down', issues: [message], details: { address: client.address.baseUrl } }
  }
}
