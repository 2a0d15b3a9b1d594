import type { Capability } from '../../core/capability.ts'
import { AIError } from '../../core/errors.ts'
import { isObject } from '../../core/error-text.ts'
import type { ModelInfo } from '../../core/model-info.ts'
import type { ReasoningLevel } from '../../core/reasoning-level.ts'
import type { ApiClient } from '../api-client.ts'
import { dateOf } from '../date-of.ts'
import type { RequestOptions } from '../rooms.ts'
import { LANGUAGE_MODELS_PATH } from './api.ts'

/** What decides how a request for a model is written, and what its API does not say of it. */
export interface Traits {
  /** Levels that the model takes, the default one first where it is known; none where every value is refused. */
  readonly levels: readonly ReasoningLevel[]
  readonly reasons: boolean
  readonly contextLength: number | undefined
}

const ALL: readonly ReasoningLevel[] = ['low', 'medium', 'high', 'max']

/**
 * By id, the first that fits; aliases have the beginning of their model's name. What is not known is taken for the newest
 * kind (docs.x.ai models; vercel/ai packages/xai, supports-reasoning-effort.ts).
 */
const TRAITS: readonly (readonly [RegExp, Traits])[] = [
  [/^grok-4\.20-multi-agent/, { levels: ALL, reasons: true, contextLength: 1_000_000 }],
  [/^grok-4\.20.*non-reasoning/, { levels: [], reasons: false, contextLength: 1_000_000 }],
  [/^grok-4\.20/, { levels: [], reasons: true, contextLength: 1_000_000 }],
  [/^grok-4\.3/, { levels: ['off', ...ALL], reasons: true, contextLength: 1_000_000 }],
  [/^grok-4\.5/, { levels: ['low', 'medium', 'high'], reasons: true, contextLength: 500_000 }],
  [/^grok-4\.[67]/, { levels: ALL, reasons: true, contextLength: 500_000 }],
  [/^grok-build/, { levels: [], reasons: true, contextLength: 256_000 }],
  [/^grok-3-mini/, { levels: ['low', 'high'], reasons: true, contextLength: 131_072 }],
  [/^grok-(?:2|3)/, { levels: [], reasons: false, contextLength: 131_072 }],
  [/^grok-4.*non-reasoning/, { levels: [], reasons: false, contextLength: undefined }],
  [/^grok-(?:4|code)(?:-|$)/, { levels: [], reasons: true, contextLength: undefined }],
]

const UNKNOWN: Traits = { levels: ALL, reasons: true, contextLength: undefined }

/** What is known of a model by its id. */
export function traitsOf(model: string): Traits {
  const id = model.slice(model.lastIndexOf('/') + 1).toLowerCase()
  return TRAITS.find(([pattern]) => pattern.test(id))?.[1] ?? UNKNOWN
}

/** The models that the key may use. @throws AIError */
export async function listModels(client: ApiClient, options: RequestOptions): Promise<readonly ModelInfo[]> {
  const json = await client.json(LANGUAGE_MODELS_PATH, options)
  const models = isObject(json) ? json['models'] : undefined
  if (!Array.isArray(models)) throw unreadable(client.provider)
  return models.map((model: unknown) => toModelInfo(client.provider, model))
}

/** One model by its id or one of its other names; `id` is then the one that bills name. @throws AIError `model_not_found` */
export async function getModel(client: ApiClient, id: string, options: RequestOptions): Promise<ModelInfo> {
  const models = await listModels(client, options)
  const found = models.find((model) => model.id === id) ?? models.find((model) => namesOf(model).includes(id))
  if (found) return found
  throw new AIError({
    code: 'model_not_found',
    message: `xAI has no model ${id} for this key: see \`groat models\` for those that it has`,
    provider: client.provider,
    model: id,
  })
}

/** The other names of a model, which move with time. */
export function namesOf({ raw }: Pick<ModelInfo, 'raw'>): readonly string[] {
  const aliases = isObject(raw) ? raw['aliases'] : undefined
  return Array.isArray(aliases) ? aliases.filter((alias) => typeof alias === 'string') : []
}

function toModelInfo(provider: string, wire: unknown): ModelInfo {
  const id = isObject(wire) ? wire['id'] : undefined
  if (!isObject(wire) || typeof id !== 'string' || id === '') throw unreadable(provider)
  const { reasons, contextLength } = traitsOf(id)
  const sees = Array.isArray(wire['input_modalities']) && wire['input_modalities'].includes('image')
  const capabilities: Capability[] = ['chat', 'stream', 'tools', 'parallel-tools', 'json-schema']
  if (sees) capabilities.push('vision')
  if (reasons) capabilities.push('reasoning')
  const modifiedAt = dateOf(wire['created'])
  return {
    id,
    provider,
    capabilities,
    ...(contextLength !== undefined && { contextLength }),
    ...(modifiedAt !== undefined && { modifiedAt }),
    raw: wire,
  }
}

/** What a listed model costs for a million tokens, in dollars as decimal texts. */
export interface ListedPrices {
  readonly input?: string
  readonly cacheRead?: string
  readonly output?: string
}

/** The API writes cents for a hundred million tokens: dollars for a million are that with the point moved by four. */
const DECIMALS = 4

/** The prices in a record of the list: those of short requests; long ones are not told. */
export function pricesOf({ raw }: Pick<ModelInfo, 'raw'>): ListedPrices {
  const wire = isObject(raw) ? raw : {}
  const input = dollarsOf(wire['prompt_text_token_price'])
  const cacheRead = dollarsOf(wire['cached_prompt_text_token_price'])
  const output = dollarsOf(wire['completion_text_token_price'])
  return {
    ...(input !== undefined && { input }),
    ...(cacheRead !== undefined && { cacheRead }),
    ...(output !== undefined && { output }),
  }
}

function dollarsOf(cents: unknown): string | undefined {
  if (!Number.isSafeInteger(cents) || (cents as number) < 0) return undefined
  const digits = String(cents).padStart(DECIMALS + 1, '0')
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, '')
  return digits.slice(0, -DECIMALS) + (fraction === '' ? '' : `.${fraction}`)
}

/** The error for an answer that xAI does not give. */
export function unreadable(provider: string): AIError {
  return new AIError({
    code: 'response_invalid',
    message: `The answer to ${LANGUAGE_MODELS_PATH} is not one of xAI: check baseUrl`,
    provider,
  })
}
