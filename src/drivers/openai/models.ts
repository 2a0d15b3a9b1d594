import type { Capability } from '../../core/capability.ts'
import { AIError } from '../../core/errors.ts'
import { isObject } from '../../core/error-text.ts'
import type { ModelInfo } from '../../core/model-info.ts'
import type { ApiClient } from '../api-client.ts'
import { dateOf } from '../date-of.ts'
import type { RequestOptions } from '../rooms.ts'
import { MODELS_PATH } from './api.ts'

/** How a model can be told to think, in OpenAI's own words, least first. */
export type Effort = 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'

/** What decides how a request for a model is written. */
export interface Traits {
  /** Efforts that it takes; empty for one that does not think, undefined for one of which nothing is known. */
  readonly efforts: readonly Effort[] | undefined
  /** Whether it does not think where nothing is said, so that `temperature` and `topP` are taken. */
  readonly restsByDefault: boolean
}

const THINKING: Readonly<Record<string, readonly Effort[]>> = {
  first: ['minimal', 'low', 'medium', 'high'],
  classic: ['low', 'medium', 'high'],
  resting: ['none', 'low', 'medium', 'high'],
  extra: ['none', 'low', 'medium', 'high', 'xhigh'],
  pro: ['medium', 'high', 'xhigh'],
  all: ['none', 'low', 'medium', 'high', 'xhigh', 'max'],
  always: ['low', 'medium', 'high', 'xhigh', 'max'],
  hard: ['high'],
}

/** By exact id, or such an id with a date (earendil-works/pi openai.json; vercel/ai openai-model-catalog.ts). */
const EFFORTS: Readonly<Record<string, readonly string[]>> = {
  first: ['gpt-5', 'gpt-5-mini', 'gpt-5-nano'],
  hard: ['gpt-5-pro'],
  resting: ['gpt-5.1'],
  extra: ['gpt-5.2', 'gpt-5.3-codex', 'gpt-5.4', 'gpt-5.4-mini', 'gpt-5.4-nano', 'gpt-5.5'],
  pro: ['gpt-5.2-pro', 'gpt-5.4-pro', 'gpt-5.5-pro'],
  all: [
    'gpt-5.6',
    'gpt-5.6-sol',
    'gpt-5.6-terra',
    'gpt-5.6-luna',
    'gpt-6-sol',
    'gpt-6-luna',
    'gpt-6.1-terra',
  ],
  always: ['gpt-6-astra', 'gpt-6.1-sol', 'gpt-6.2-astra', 'gpt-6.2-sol'],
  classic: ['o1', 'o1-pro', 'o3', 'o3-mini', 'o3-pro', 'o4-mini'],
}

const EFFORTS_OF: ReadonlyMap<string, readonly Effort[]> = new Map(
  Object.entries(EFFORTS).flatMap(([kind, ids]) => ids.map((id) => [id, THINKING[kind] ?? []] as const)),
)

/** Those that can rest and do where nothing is said; from 5.6 on they think then. */
const RESTING: ReadonlySet<string> = new Set([
  'gpt-5.1',
  'gpt-5.2',
  'gpt-5.4',
  'gpt-5.4-mini',
  'gpt-5.4-nano',
  'gpt-5.5',
])

/** Models from before there were any that think. */
const THOUGHTLESS = /^(?:gpt-3\.5|gpt-4|chatgpt-4o|davinci|babbage)/

/** What is known of a model by its id. */
export function traitsOf(model: string): Traits {
  const id = baseOf(model)
  if (THOUGHTLESS.test(id)) return { efforts: [], restsByDefault: true }
  const efforts = EFFORTS_OF.get(id)
  return { efforts, restsByDefault: efforts === undefined || RESTING.has(id) }
}

/** The id of a model without the date of its version, and without what a fine-tuned one has around it. */
function baseOf(model: string): string {
  const tuned = /^ft:([^:]+):/.exec(model)?.[1] ?? model
  return tuned.replace(/-\d{4}-\d{2}-\d{2}$/, '')
}

/** The models that the key may use. @throws AIError; a server that is down is never an empty list */
export async function listModels(client: ApiClient, options: RequestOptions): Promise<readonly ModelInfo[]> {
  const json = await client.json(MODELS_PATH, options)
  // Together has the list without anything around it.
  const models = isObject(json) ? json['data'] : json
  if (!Array.isArray(models)) throw unreadable(client.provider)
  return models.map((model: unknown) => toModelInfo(client.provider, model))
}

/** What the service knows of one model. @throws AIError `model_not_found` */
export async function getModel(client: ApiClient, id: string, options: RequestOptions): Promise<ModelInfo> {
  // Fine-tuned ids have colons, those of compatible servers slashes.
  const path = `${MODELS_PATH}/${id.split('/').map(encodeURIComponent).join('/')}`
  return toModelInfo(client.provider, await client.json(path, { ...options, model: id }))
}

/** Where compatible servers say how much a model takes in: OpenRouter, vLLM, Groq, Mistral. */
const CONTEXT_FIELDS = ['context_length', 'max_model_len', 'context_window', 'max_context_length'] as const

function toModelInfo(provider: string, wire: unknown): ModelInfo {
  const id = isObject(wire) ? wire['id'] : undefined
  if (!isObject(wire) || typeof id !== 'string' || id === '') throw unreadable(provider)
  const contextLength = CONTEXT_FIELDS.map((field) => wire[field]).find(
    (one) => Number.isSafeInteger(one) && Number(one) > 0,
  )
  const modifiedAt = dateOf(wire['created'])
  return {
    id,
    provider,
    capabilities: capabilitiesOf(id),
    ...(typeof contextLength === 'number' && { contextLength }),
    ...(modifiedAt !== undefined && { modifiedAt }),
    raw: wire,
  }
}

/** The list says nothing of what models can do: it is by their names, and nothing for names that are not known. */
function capabilitiesOf(id: string): Capability[] {
  const base = baseOf(id)
  if (/embedding/.test(base)) return ['embeddings']
  if (/audio|realtime|transcribe|tts|whisper|image|dall-e|moderation|sora|search-preview/.test(base))
    return []
  const { efforts } = traitsOf(base)
  if (!/^(?:gpt-|o\d|chat-latest|chatgpt-)/.test(base) || base.startsWith('gpt-oss')) return []
  const able: Capability[] = ['chat', 'stream', 'tools', 'parallel-tools']
  if (!/^gpt-3\.5|^gpt-4(?:-0613)?$|^o3-mini|^o1-mini/.test(base)) able.push('vision', 'json-schema')
  if (efforts !== undefined && efforts.length > 0) able.push('reasoning')
  return able
}

/** The day on which a listed model is switched off, `YYYY-MM-DD`; undefined where none is announced. */
export function shutdownOf({ raw }: Pick<ModelInfo, 'raw'>): string | undefined {
  const date = isObject(raw) ? raw['shutdown_date'] : undefined
  return typeof date === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(date) ? date : undefined
}

/** The error for an answer that OpenAI does not give. */
export function unreadable(provider: string): AIError {
  return new AIError({
    code: 'response_invalid',
    message: `The answer to ${MODELS_PATH} is not a list of models: check that baseUrl is right (it usually ends with /v1)`,
    provider,
  })
}
