import type { Capability } from '../../core/capability.ts'
import { AIError } from '../../core/errors.ts'
import { isObject } from '../../core/error-text.ts'
import type { ModelInfo } from '../../core/model-info.ts'
import type { ApiClient } from '../api-client.ts'
import type { RequestOptions } from '../rooms.ts'
import { MODELS_PATH } from './api.ts'

/** The models of the service. @throws AIError; a service that is down is never an empty list */
export async function listModels(client: ApiClient, options: RequestOptions): Promise<readonly ModelInfo[]> {
  const json = await client.json(MODELS_PATH, options)
  const models = isObject(json) ? json['models'] : undefined
  if (!Array.isArray(models)) throw unreadable(client.provider)
  return models.map((one: unknown) => toModelInfo(client.provider, one))
}

/** What the service knows of one model. @throws AIError `model_not_found` */
export async function getModel(client: ApiClient, id: string, options: RequestOptions): Promise<ModelInfo> {
  const path = `${MODELS_PATH}/${encodeURIComponent(id)}`
  return toModelInfo(client.provider, await client.json(path, { ...options, model: id }))
}

function toModelInfo(provider: string, wire: unknown): ModelInfo {
  if (!isObject(wire) || typeof wire['id'] !== 'string') throw unreadable(provider)
  const { id, contextLength } = wire
  const capabilities: readonly Capability[] =
    wire['embeds'] === true ? ['embeddings'] : ['chat', 'stream', 'tools', 'parallel-tools', 'json-schema']
  const limits = typeof contextLength === 'number' ? { contextLength } : {}
  return { id, provider, ...limits, capabilities, local: false, raw: wire }
}

function unreadable(provider: string): AIError {
  return new AIError({
    code: 'response_invalid',
    message: `The answer to ${MODELS_PATH} is not one of Acme: check baseUrl`,
    provider,
  })
}
