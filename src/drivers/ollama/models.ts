import type { Capability } from '../../core/capability.ts'
import { AIError } from '../../core/errors.ts'
import type { ModelInfo } from '../../core/model-info.ts'
import type { ApiClient } from '../api-client.ts'
import { isObject } from '../error-text.ts'
import type { RequestOptions } from '../rooms.ts'
import { SHOW_PATH, TAGS_PATH } from './api.ts'
import { localityOf } from './pricing.ts'

/** Time for a model's description, in milliseconds: the server answers from disk. */
const DESCRIBE_TIMEOUT_MS = 30_000

/** Ollama's words for what a model can do, in groat's (docs: api.md, "capabilities"). */
const CAPABILITIES_OF: Readonly<Record<string, readonly Capability[]>> = {
  completion: ['chat', 'stream'],
  tools: ['tools', 'parallel-tools'],
  vision: ['vision'],
  audio: ['audio'],
  thinking: ['reasoning'],
  embedding: ['embeddings'],
}

interface WireModel {
  readonly name?: unknown
  readonly size?: unknown
  readonly digest?: unknown
  readonly modified_at?: unknown
  readonly remote_host?: unknown
  readonly remote_model?: unknown
  readonly capabilities?: unknown
  readonly details?: unknown
  readonly model_info?: unknown
}

/** The models that the server has, newest first. @throws AIError; a server that is down is never an empty list */
export async function listModels(client: ApiClient, options: RequestOptions): Promise<readonly ModelInfo[]> {
  const json = (await client.json(TAGS_PATH, options)) as { models?: unknown } | null
  const models = json?.models
  // Servers of some versions write null for an empty list.
  if (models === null) return []
  if (!Array.isArray(models)) throw unreadable(client.provider, TAGS_PATH)
  return models.map((model: unknown) => {
    const name = isObject(model) ? text(model['name']) : undefined
    if (!isObject(model) || name === undefined) throw unreadable(client.provider, TAGS_PATH)
    return toModelInfo(client, name, model)
  })
}

/** What the server knows of one model. @throws AIError `model_not_found` */
export async function getModel(client: ApiClient, id: string, options: RequestOptions): Promise<ModelInfo> {
  const json = await client.json(SHOW_PATH, { ...options, body: { model: id }, model: id })
  if (!isObject(json)) throw unreadable(client.provider, SHOW_PATH)
  return toModelInfo(client, id, json)
}

/**
 * What must be known before a request: where the model runs, and what it can do. A server that cannot tell (an old
 * one, a proxy that hides the path) is no reason to refuse a call: then nothing is known of the model.
 */
export async function describe(
  client: ApiClient,
  id: string,
  options: RequestOptions,
): Promise<ModelInfo | undefined> {
  try {
    return await getModel(client, id, { timeoutMs: DESCRIBE_TIMEOUT_MS, ...options })
  } catch (error) {
    const goesOn = error instanceof AIError && error.status !== undefined && error.code !== 'model_not_found'
    if (goesOn) return undefined
    throw error
  }
}

function toModelInfo(client: ApiClient, id: string, wire: WireModel): ModelInfo {
  const details = isObject(wire.details) ? wire.details : {}
  const info = isObject(wire.model_info) ? wire.model_info : {}
  const architecture = text(info['general.architecture'])
  const contextLength = number(details['context_length']) ?? number(info[`${architecture}.context_length`])
  const named = Array.isArray(wire.capabilities) ? (wire.capabilities as unknown[]) : []
  const locality = localityOf({
    model: id,
    hostname: new URL(client.address.baseUrl).hostname,
    described: { ...wire, details, model_info: info },
  })
  return {
    id,
    provider: client.provider,
    capabilities: named.flatMap((name) => CAPABILITIES_OF[String(name)] ?? []),
    ...present('contextLength', contextLength),
    ...present('local', locality === 'unknown' ? undefined : locality === 'local'),
    ...present('size', number(wire.size)),
    ...present('digest', text(wire.digest)),
    ...present('family', text(details['family'])),
    ...present('parameters', text(details['parameter_size'])),
    ...present('quantization', text(details['quantization_level'])),
    ...present('modifiedAt', text(wire.modified_at)),
    raw: wire,
  }
}

function present<Name extends string, Value>(name: Name, value: Value | undefined): { [K in Name]?: Value } {
  return value === undefined ? {} : ({ [name]: value } as { [K in Name]?: Value })
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined
}

/** The error for an answer that no Ollama server gives. */
export function unreadable(provider: string, path: string): AIError {
  return new AIError({
    code: 'response_invalid',
    message: `The answer to ${path} is not one of an Ollama server: check baseUrl`,
    provider,
  })
}
