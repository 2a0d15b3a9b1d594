import { isObject } from '../core/error-text.ts'
import { AIError } from '../core/errors.ts'
import type { Reasoning, Sampling } from '../core/request.ts'
import type { ToolDefinition } from '../core/tool.ts'

// What both of OpenAI's APIs have alike in the requests that a server of them reads.

type Wire = Readonly<Record<string, unknown>>

/** How an answer is to be sampled, and who asks. @throws AIError `request_invalid`, naming the field */
export function samplingOf(body: Wire, limits: readonly string[]): Sampling & { readonly user?: string } {
  const number = (name: string): number | undefined => valueOf(body, name, 'number')
  const text = (name: string): string | undefined => valueOf(body, name, 'string')
  const found = {
    maxOutputTokens: limits.map(number).find((limit) => limit !== undefined),
    temperature: number('temperature'),
    topP: number('top_p'),
    topK: number('top_k'),
    seed: number('seed'),
    stop: stopOf(body['stop']),
    serviceTier: text('service_tier'),
    user: text('safety_identifier') ?? text('user'),
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
}

function valueOf<T extends 'number' | 'string'>(
  body: Wire,
  name: string,
  type: T,
): (T extends 'number' ? number : string) | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== type) throw invalid(`${name} is a ${type === 'number' ? 'number' : 'text'}`)
  return value as T extends 'number' ? number : string
}

function stopOf(stop: unknown): string | readonly string[] | undefined {
  if (stop === undefined || stop === null) return undefined
  if (typeof stop === 'string') return stop
  if (Array.isArray(stop) && stop.every((one) => typeof one === 'string')) return stop
  throw invalid('stop is a text or an array of texts')
}

const EFFORTS: Readonly<Record<string, Reasoning>> = {
  none: 'off',
  minimal: 'minimal',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'max',
  max: 'max',
}

/** How hard the model is to think. @throws AIError `request_invalid`, naming the field */
export function reasoningOf(effort: unknown, field: string): Reasoning | undefined {
  if (effort === undefined || effort === null) return undefined
  const known = typeof effort === 'string' && Object.hasOwn(EFFORTS, effort) ? EFFORTS[effort] : undefined
  if (known === undefined) throw invalid(`${field} is one of ${Object.keys(EFFORTS).join(', ')}`)
  return known
}

/** A function of the caller. @throws AIError `request_invalid`, naming its place */
export function toolIn(described: unknown, where: string): ToolDefinition {
  const { name, description, parameters } = isObject(described) ? described : {}
  if (typeof name !== 'string' || name === '') throw invalid(`${where} is a function with a name`)
  return {
    name,
    ...(typeof description === 'string' && { description }),
    input: isObject(parameters) ? parameters : { type: 'object', properties: {} },
  }
}

/** The arguments of a call that was made before. @throws AIError `request_invalid`, naming their place */
export function argumentsIn(given: unknown, where: string): Wire {
  if (given === undefined || given === '') return {}
  try {
    const value: unknown = typeof given === 'string' ? JSON.parse(given) : given
    if (isObject(value)) return value
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw invalid(`${where}.arguments is a JSON object, as text`)
}

/** The error for a request that cannot be read. */
export function invalid(message: string): AIError {
  return new AIError({ code: 'request_invalid', message })
}
