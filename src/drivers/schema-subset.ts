import { isObject } from '../core/error-text.ts'
import { describedBy, wordsFor } from '../core/schema-words.ts'
import type { JsonSchema } from '../core/schema.ts'

/** Deepest nesting of a schema that is looked at, in levels. */
const DEPTH_MAX = 64

/** A schema in the keywords that a provider knows. */
export interface SchemaSubset {
  readonly schema: JsonSchema
  /** Keywords that were rewritten or put into words: the provider does not hold the model to them as they were. */
  readonly keywords: readonly string[]
}

/** Keywords that say nothing about a value, and are left out without a word. */
const SILENT: ReadonlySet<string> = new Set(['$schema', '$comment', 'readOnly', 'writeOnly', 'deprecated'])

/** Keywords that hold one schema, several by name, or a list of them. */
const ONE: ReadonlySet<string> = new Set(['items', 'additionalProperties'])
const NAMED: ReadonlySet<string> = new Set(['properties', '$defs'])
const LISTED: ReadonlySet<string> = new Set(['anyOf', 'oneOf', 'prefixItems'])

/**
 * Writes a schema in a subset of JSON Schema, with its references and the order of its properties as they are: `const`
 * becomes an `enum` of one, `definitions` become `$defs`, `allOf` is merged where that is plain, a reference with words
 * beside it stands in an `anyOf`, and what the provider does not know becomes words in the description.
 */
export function toSubset(schema: JsonSchema, known: ReadonlySet<string>): SchemaSubset {
  const writing = new Writing(known)
  const written = writing.write(schema, 0)
  return { schema: isObject(written) ? written : {}, keywords: [...writing.keywords] }
}

class Writing {
  readonly keywords = new Set<string>()
  readonly #known: ReadonlySet<string>

  constructor(known: ReadonlySet<string>) {
    this.#known = known
  }

  write(schema: unknown, depth: number): unknown {
    if (!isObject(schema)) return schema === false ? false : {}
    if (depth > DEPTH_MAX) return {}
    const { $ref: ref, ...beside } = this.#merged(renamed(schema))
    if (typeof ref !== 'string') return this.#fields(beside, depth)
    return this.#reference(ref.replace(/^#\/definitions\//, '#/$defs/'), beside, depth)
  }

  /** A reference has nothing but definitions beside it. */
  #reference(ref: string, beside: JsonSchema, depth: number): JsonSchema {
    const { $defs, ...rest } = this.#fields(beside, depth)
    const definitions = $defs === undefined ? {} : { $defs }
    if (Object.keys(rest).length === 0) return { $ref: ref, ...definitions }
    return { ...rest, anyOf: [{ $ref: ref }], ...definitions }
  }

  #fields(schema: JsonSchema, depth: number): Record<string, unknown> {
    const written: Record<string, unknown> = {}
    const words: string[] = []
    for (const [keyword, value] of Object.entries(schema)) {
      if (SILENT.has(keyword) || value === undefined) continue
      if (this.#known.has(keyword)) written[keyword] = this.#keyword(keyword, value, depth)
      else if (keyword === 'const') written['enum'] = [value]
      else {
        const said = wordsFor(keyword, value)
        if (said === undefined) continue
        this.keywords.add(keyword)
        words.push(said)
      }
    }
    if (words.length > 0) {
      const { description } = written
      written['description'] = describedBy(typeof description === 'string' ? description : '', words)
    }
    return written
  }

  #keyword(keyword: string, value: unknown, depth: number): unknown {
    if (ONE.has(keyword)) return typeof value === 'boolean' ? value : this.write(value, depth + 1)
    if (LISTED.has(keyword)) {
      return Array.isArray(value) ? value.map((one: unknown) => this.write(one, depth + 1)) : []
    }
    if (!NAMED.has(keyword) || !isObject(value)) return value
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, this.write(one, depth + 1)]))
  }

  /** `allOf` of plain schemas as one; of anything else it stays, to become words. */
  #merged(schema: JsonSchema): JsonSchema {
    const { allOf, ...rest } = schema
    if (!Array.isArray(allOf) || this.#known.has('allOf')) return schema
    const parts: readonly unknown[] = allOf
    const [only] = parts
    if (parts.length === 1 && isObject(only) && rest['$ref'] === undefined) return { ...only, ...rest }
    if (!parts.every((part) => isObject(part) && part['$ref'] === undefined)) return schema
    let merged: JsonSchema = rest
    for (const part of parts) if (isObject(part)) merged = both(merged, part)
    return merged
  }
}

function renamed({ definitions, ...schema }: JsonSchema): JsonSchema {
  if (!isObject(definitions)) return schema
  return { ...schema, $defs: { ...definitions, ...(isObject(schema['$defs']) ? schema['$defs'] : {}) } }
}

/** What fits both: of two plain objects, the properties of both. */
function both(one: JsonSchema, other: JsonSchema): JsonSchema {
  const properties = { ...fieldsOf(one['properties']), ...fieldsOf(other['properties']) }
  const required = [...listOf(one['required']), ...listOf(other['required'])]
  return {
    ...other,
    ...one,
    ...(Object.keys(properties).length === 0 ? {} : { properties }),
    ...(required.length === 0 ? {} : { required: [...new Set(required)] }),
  }
}

function fieldsOf(value: unknown): JsonSchema {
  return isObject(value) ? value : {}
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
