import { AIError } from '../../core/errors.ts'
import type { ModelInfo } from '../../core/model-info.ts'
import type { ApiClient } from '../api-client.ts'
import type { RequestOptions } from '../rooms.ts'
import { MODELS_PATH } from './api.ts'

/** The models that the script names. */
export async function listModels(client: ApiClient, options: RequestOptions): Promise<readonly ModelInfo[]> {
  const { models } = (await client.json(MODELS_PATH, options)) as { models: readonly Partial<ModelInfo>[] }
  return models.map((model) => ({
    id: 'mock-1',
    capabilities: ['chat', 'stream'],
    raw: model,
    ...model,
    provider: client.provider,
  }))
}

export async function getModel(client: ApiClient, id: string, options: RequestOptions): Promise<ModelInfo> {
  const model = (await listModels(client, options)).find((one) => one.id === id)
  if (model) return model
  throw new AIError({
    code: 'model_not_found',
    message: `The script of the mock driver has no model ${id}: add it to its models`,
    provider: client.provider,
    model: id,
  })
}
