import { isObject } from '../core/error-text.ts'
import type { JsonSchema } from '../core/schema.ts'

/** Limits of schemas that a model can be held to (openai/openai-node docs: structured outputs). */
const STRICT_DEPTH_MAX = 10
const STRICT_PROPERTIES_MAX = 5_000
const STRICT_ENUM_VALUES_MAX = 1_000
const STRICT_CHARS_MAX = 120_000

/** Keywords that a schema must not have to be strict. */
const REFUSED_KEYWORDS: readonly string[] = [
  'allOf',
  'oneOf',
  'not',
  'if',
  'then',
  'else',
  'dependentRequired',
  'dependentSchemas',
  'dependencies',
  'propertyNames',
  'patternProperties',
  'unevaluatedProperties',
  'prefixItems',
]

/** One of these says what a value is. */
const TELLING_KEYWORDS: readonly string[] = ['type', 'anyOf', '$ref', 'enum', 'const']

interface Counts {
  properties: number
  values: number
  chars: number
}

/**
 * Whether OpenAI takes a schema as strict: an object at the root, every property required and no others allowed, and
 * none of the keywords that are outside its subset. What does not fit is sent as it is without `strict`, since making
 * it fit would change what it means.
 */
export function isStrictSchema(schema: JsonSchema): boolean {
  if (schema['type'] !== 'object' || schema['anyOf'] !== undefined) return false
  const counts = { properties: 0, values: 0, chars: 0 }
  return (
    isStrict(schema, 1, counts) &&
    counts.properties <= STRICT_PROPERTIES_MAX &&
    counts.values <= STRICT_ENUM_VALUES_MAX &&
    counts.chars <= STRICT_CHARS_MAX
  )
}

function isStrict(schema: unknown, depth: number, counts: Counts): boolean {
  if (!isObject(schema) || depth > STRICT_DEPTH_MAX) return false
  if (REFUSED_KEYWORDS.some((keyword) => schema[keyword] !== undefined)) return false
  if (TELLING_KEYWORDS.every((keyword) => schema[keyword] === undefined)) return false
  const { pattern, items, anyOf, $defs = {}, definitions = {} } = schema
  if (typeof pattern === 'string' && /\(\?[=!<]/.test(pattern)) return false
  count(schema, counts)
  const inside = [...listOf(items), ...listOf(anyOf), ...valuesOf($defs), ...valuesOf(definitions)]
  return isStrictObject(schema, depth, counts) && inside.every((one) => isStrict(one, depth + 1, counts))
}

function isStrictObject(schema: JsonSchema, depth: number, counts: Counts): boolean {
  const { type, properties, required, additionalProperties } = schema
  const isOne =
    type === 'object' || (Array.isArray(type) && type.includes('object')) || properties !== undefined
  if (!isOne) return true
  if (additionalProperties !== false) return false
  const names = isObject(properties) ? Object.keys(properties) : []
  const needed = new Set<unknown>(Array.isArray(required) ? required : [])
  if (!names.every((name) => needed.has(name))) return false
  counts.properties += names.length
  for (const name of names) counts.chars += name.length
  return valuesOf(properties).every((property) => isStrict(property, depth + 1, counts))
}

function count(schema: JsonSchema, counts: Counts): void {
  const values: readonly unknown[] = Array.isArray(schema['enum']) ? schema['enum'] : []
  counts.values += values.length
  for (const value of values) counts.chars += typeof value === 'string' ? value.length : 0
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return []
  return Array.isArray(value) ? (value as unknown[]) : [value]
}

function valuesOf(value: unknown): readonly unknown[] {
  return isObject(value) ? Object.values(value) : []
}
