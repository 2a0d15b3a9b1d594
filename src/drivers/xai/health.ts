import { isAIError } from '../../core/errors.ts'
import type { Health } from '../../core/health.ts'
import { isObject } from '../../core/error-text.ts'
import type { ApiClient } from '../api-client.ts'
import type { ProbeOptions } from '../rooms.ts'
import { API_KEY_PATH } from './api.ts'
import { listModels, namesOf } from './models.ts'

/** Time for a probe where none is given, in milliseconds. */
const PROBE_TIMEOUT_MS = 5_000

/** Marks of a key that answers no call, and what they mean. */
const BLOCKS: Readonly<Record<string, string>> = {
  api_key_blocked: 'The API key is blocked: see https://console.x.ai',
  api_key_disabled: 'The API key is switched off: see https://console.x.ai',
  team_blocked: 'The xAI team is blocked: see https://console.x.ai',
}

/** Asks about the key, and for the list of models: reads that cost nothing and generate nothing. */
export async function probe(
  client: ApiClient,
  options: ProbeOptions,
): Promise<Omit<Health, 'provider' | 'latencyMs'>> {
  const { model, signal } = options
  const query = { signal, timeoutMs: options.timeoutMs ?? PROBE_TIMEOUT_MS }
  try {
    const key = await client.json(API_KEY_PATH, query)
    const blocks = Object.entries(BLOCKS).filter(([mark]) => isObject(key) && key[mark] === true)
    if (blocks.length > 0) return { status: 'down', issues: blocks.map(([, issue]) => issue), details: {} }
    const models = await listModels(client, query)
    const isThere =
      model === undefined || models.some((one) => one.id === model || namesOf(one).includes(model))
    return {
      status: isThere ? 'ready' : 'degraded',
      issues: isThere
        ? []
        : [`xAI has no model ${model} for this key: see \`groat models\` for those that it has`],
      details: { models: models.length, ...(model === undefined ? {} : { defaultModelThere: isThere }) },
    }
  } catch (error) {
    const message = isAIError(error) ? error.message : String(error)
    return { status: 'down', issues: [message], details: { address: client.address.baseUrl } }
  }
}
