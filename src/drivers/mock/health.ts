import { isAIError } from '../../core/errors.ts'
import type { Health } from '../../core/health.ts'
import type { ApiClient } from '../api-client.ts'
import type { ProbeOptions } from '../rooms.ts'
import { listModels } from './models.ts'

export async function probe(
  client: ApiClient,
  options: ProbeOptions,
): Promise<Omit<Health, 'provider' | 'latencyMs'>> {
  try {
    const models = await listModels(client, options)
    return { status: 'ready', issues: [], details: { models: models.length } }
  } catch (error) {
    return { status: 'down', issues: [isAIError(error) ? error.message : String(error)], details: {} }
  }
}
