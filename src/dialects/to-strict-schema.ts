import { isObject } from '../core/error-text.ts'
import type { JsonSchema } from '../core/schema.ts'
import { describedBy, wordsFor } from '../core/schema-words.ts'
import { isStrictSchema } from './strict-schema.ts'

/** A schema as it is sent, and whether the model can be held to it. */
export interface StrictSchema {
  readonly schema: JsonSchema
  readonly strict: boolean
  /** Keywords that were put into words, so that the model can be held to the rest. */
  readonly keywords: readonly string[]
}

/** Keywords that no strict schema may have, and that a description can say. */
const PUT_INTO_WORDS: ReadonlySet<string> = new Set([
  'minLength',
  'maxLength',
  'uniqueItems',
  'contains',
  'minContains',
  'maxContains',
  'minProperties',
  'maxProperties',
  'propertyNames',
  'patternProperties',
  'contentEncoding',
  'contentMediaType',
  'not',
])

/** Formats that OpenAI knows; others are put into words. */
const FORMATS: ReadonlySet<unknown> = new Set([
  'date-time',
  'time',
  'date',
  'duration',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uuid',
])

/** Deepest nesting that is rewritten, in levels; a deeper one is not strict anyway. */
const DEPTH_MAX = 64

/**
 * Makes a schema strict where that changes nothing of what fits it but for the worse of it: other properties are
 * forbidden where they are not spoken of, `oneOf` becomes `anyOf`, and what cannot be said is put into descriptions. One
 * with optional properties, or with something else that would change its meaning, goes as it is and without `strict`.
 * Values are to be checked by the original in either case.
 */
export function toStrictSchema(schema: JsonSchema, wanted: boolean = true): StrictSchema {
  const { $schema: _, $id: __, ...plain } = schema
  if (!wanted) return { schema: plain, strict: false, keywords: [] }
  const keywords = new Set<string>()
  const lowered = lower(rooted(plain), keywords, 0)
  if (isObject(lowered) && isStrictSchema(lowered))
    return { schema: lowered, strict: true, keywords: [...keywords].toSorted() }
  return { schema: plain, strict: false, keywords: [] }
}

/** A root that only refers to one of its definitions is that definition. */
function rooted(schema: JsonSchema): JsonSchema {
  const { $ref: ref, $defs: definitions, ...others } = schema
  if (typeof ref !== 'string' || !ref.startsWith('#/$defs/') || !isObject(definitions)) return schema
  const target = definitions[ref.slice('#/$defs/'.length)]
  return isObject(target) ? { ...target, ...others, $defs: definitions } : schema
}

function lower(schema: unknown, keywords: Set<string>, depth: number): unknown {
  if (!isObject(schema) || depth > DEPTH_MAX) return schema
  const lowered: Record<string, unknown> = {}
  const words: string[] = []
  for (const [keyword, value] of Object.entries(schema)) {
    if (!isInWords(keyword, value)) lowered[keyword] = value
    else {
      const said = wordsFor(keyword, value)
      if (said !== undefined) words.push(said)
      keywords.add(keyword)
    }
  }
  if (Array.isArray(lowered['oneOf']) && lowered['anyOf'] === undefined) {
    lowered['anyOf'] = lowered['oneOf']
    delete lowered['oneOf']
    keywords.add('oneOf')
  }
  for (const keyword of ['anyOf', 'allOf']) {
    const parts = lowered[keyword]
    if (Array.isArray(parts))
      lowered[keyword] = parts.map((part: unknown) => lower(part, keywords, depth + 1))
  }
  if (isObject(lowered['items'])) lowered['items'] = lower(lowered['items'], keywords, depth + 1)
  for (const keyword of ['properties', '$defs', 'definitions']) {
    const named = lowered[keyword]
    if (!isObject(named)) continue
    lowered[keyword] = Object.fromEntries(
      Object.entries(named).map(([name, one]) => [name, lower(one, keywords, depth + 1)]),
    )
  }
  if (isObject(lowered['properties']) || lowered['type'] === 'object') closed(lowered)
  const { description } = lowered
  const text = describedBy(typeof description === 'string' ? description : '', words)
  return text === '' ? lowered : { ...lowered, description: text }
}

function isInWords(keyword: string, value: unknown): boolean {
  return PUT_INTO_WORDS.has(keyword) || (keyword === 'format' && !FORMATS.has(value))
}

/** An object that says nothing of other properties has none. */
function closed(schema: Record<string, unknown>): void {
  const others = schema['additionalProperties']
  if (others === undefined) schema['additionalProperties'] = false
  if (isObject(schema['properties']) && Object.keys(schema['properties']).length === 0)
    schema['required'] ??= []
  if (schema['properties'] === undefined && others === undefined) delete schema['additionalProperties']
}
