import type { Capability } from '../../core/capability.ts'
import { AIError } from '../../core/errors.ts'
import { isObject } from '../../core/error-text.ts'
import type { ModelInfo } from '../../core/model-info.ts'
import type { ReasoningLevel } from '../../core/reasoning-level.ts'
import type { ApiClient } from '../api-client.ts'
import type { RequestOptions } from '../rooms.ts'
import { MODELS_PATH, toModelPath } from './api.ts'

/** Models in one page, and most pages that are read: more than Google has ever had. */
const PAGE_SIZE = 1_000
const PAGES_MAX = 20

/** How a model is told to think: in levels, with a budget of tokens, or not at all. */
export type Thinking =
  | { readonly by: 'level'; readonly levels: readonly ReasoningLevel[]; readonly most: string }
  | { readonly by: 'budget'; readonly least: number; readonly most: number }
  | { readonly by: 'none' }

/** What decides how a request for a model is written. */
export interface Traits {
  readonly thinking: Thinking
  /** Signatures are demanded back, functions and Google's own tools can be mixed, JSON can be asked for beside tools. */
  readonly isGemini3: boolean
  /** Gemma has no place for a system message. */
  readonly hasSystem: boolean
  /** The Developer API refuses penalties for 2.5. */
  readonly hasPenalties: boolean
}

const LEVELS: Readonly<Record<'minimal' | 'low' | 'gemma', readonly ReasoningLevel[]>> = {
  minimal: ['minimal', 'low', 'medium', 'high'],
  low: ['low', 'medium', 'high'],
  gemma: ['minimal', 'high'],
}

/**
 * What is known of a model by its id. Ids are open-ended: an unknown one is taken for the newest generation, and only
 * older ones are named (vercel/ai packages/google, google-model-catalog.ts).
 */
export function traitsOf(model: string): Traits {
  const id = model.slice(model.lastIndexOf('/') + 1).toLowerCase()
  const isGemma = id.startsWith('gemma-')
  const isOld = /^gemini-(?:1|2)(?:[.-]|$)|^gemini-pro(?:-vision)?$|^gemini-robotics-er-1\.5/.test(id)
  return {
    thinking: thinkingOf(id),
    isGemini3: !isGemma && !isOld,
    hasSystem: !isGemma,
    hasPenalties: !id.startsWith('gemini-2.5'),
  }
}

function thinkingOf(id: string): Thinking {
  const byLevel = (levels: readonly ReasoningLevel[], most: string = 'high'): Thinking => {
    return { by: 'level', levels, most }
  }
  if (/^gemma-(?:[4-9]|\d\d)/.test(id)) return byLevel(LEVELS.gemma)
  if (id.startsWith('gemma-')) return { by: 'none' }
  if (id.startsWith('gemini-2.5-pro')) return { by: 'budget', least: 128, most: 32_768 }
  if (/^gemini-(?:2\.5-flash|robotics-er-1\.5)/.test(id)) return { by: 'budget', least: 0, most: 24_576 }
  if (/^gemini-(?:1|2)(?:[.-]|$)|^gemini-pro(?:-vision)?$|embedding|^text-/.test(id)) return { by: 'none' }
  if (id.startsWith('gemini-4-hydrogen')) return byLevel([...LEVELS.low, 'max'], 'xhigh')
  return byLevel(refusesMinimal(id) ? LEVELS.low : LEVELS.minimal)
}

/** Pro models, flash from 3.7 on and what moves with the newest flash have three levels; lite ones have four. */
function refusesMinimal(id: string): boolean {
  if (id === 'gemini-flash-latest' || id === 'gemini-pro-latest' || /^gemini-[4-9]/.test(id)) return true
  const [, major = '0', minor = '0', line] = /^gemini-(\d+)(?:\.(\d+))?-(pro|flash(?!-lite))/.exec(id) ?? []
  if (line === 'pro') return Number(major) >= 3
  return line === 'flash' && Number(major) === 3 && Number(minor) >= 7
}

/** All models of the service, page by page. @throws AIError */
export async function listModels(client: ApiClient, options: RequestOptions): Promise<readonly ModelInfo[]> {
  const models: ModelInfo[] = []
  const seen = new Set<string>()
  let token = ''
  for (let page = 0; page < PAGES_MAX; page++) {
    const more = token === '' ? '' : `&pageToken=${encodeURIComponent(token)}`
    const json = await client.json(`${MODELS_PATH}?pageSize=${PAGE_SIZE}${more}`, options)
    // A service without models leaves the field out.
    const listed = isObject(json) ? (json['models'] ?? []) : undefined
    if (!isObject(json) || !Array.isArray(listed)) throw unreadable(client.provider, MODELS_PATH)
    for (const one of listed) models.push(toModelInfo(client.provider, one))
    const next = json['nextPageToken']
    if (typeof next !== 'string' || next === '') return models
    // A page that leads back to itself would be read for ever.
    if (seen.has(next)) break
    seen.add(next)
    token = next
  }
  throw unreadable(client.provider, MODELS_PATH)
}

/** What the service knows of one model. @throws AIError `model_not_found` */
export async function getModel(client: ApiClient, id: string, options: RequestOptions): Promise<ModelInfo> {
  return toModelInfo(client.provider, await client.json(toModelPath(id), { ...options, model: id }))
}

function toModelInfo(provider: string, wire: unknown): ModelInfo {
  const name = isObject(wire) ? wire['name'] : undefined
  if (!isObject(wire) || typeof name !== 'string' || name === '') throw unreadable(provider, MODELS_PATH)
  const id = name.replace(/^models\//, '')
  const limits = {
    contextLength: countOf(wire['inputTokenLimit']),
    maxOutputTokens: countOf(wire['outputTokenLimit']),
  }
  return {
    id,
    provider,
    ...(limits.contextLength === undefined ? {} : { contextLength: limits.contextLength }),
    ...(limits.maxOutputTokens === undefined ? {} : { maxOutputTokens: limits.maxOutputTokens }),
    capabilities: capabilitiesOf(id, wire),
    local: false,
    raw: wire,
  }
}

function countOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : undefined
}

/** The list tells how a model is asked and whether it thinks; what it takes in is by its kind. */
function capabilitiesOf(id: string, wire: Readonly<Record<string, unknown>>): Capability[] {
  const told = wire['supportedGenerationMethods']
  const methods: readonly unknown[] = Array.isArray(told) ? told : []
  const embeds = methods.includes('embedContent') || methods.includes('batchEmbedContents')
  if (!methods.includes('generateContent')) return embeds ? ['embeddings'] : []
  const able: Capability[] = ['chat', 'stream']
  // Models that speak or draw do nothing else.
  if (/tts|image|audio/.test(id)) return /image/.test(id) ? [...able, 'vision'] : able
  if (id.startsWith('gemini-')) able.push('tools', 'parallel-tools', 'vision', 'audio', 'json-schema')
  if (id.startsWith('gemma-')) able.push('vision')
  if (wire['thinking'] === true) able.push('reasoning')
  if (embeds) able.push('embeddings')
  return able
}

/** The error for an answer that the Gemini API does not give. */
export function unreadable(provider: string, path: string): AIError {
  return new AIError({
    code: 'response_invalid',
    message: `The answer to ${path} is not one of the Gemini API: check baseUrl, which ends with its version`,
    provider,
  })
}
