import type { JsonSchema } from '../core/schema.ts'
import { isObject } from '../core/error-text.ts'
import { describedBy, wordsFor } from '../core/schema-words.ts'

/** How often a schema may stand within itself before the next time becomes a plain object. */
const SELF_REFERENCES_MAX = 2
/** Deepest nesting of a lowered schema, in levels. */
const DEPTH_MAX = 32
/** Most schemas in a lowered one, counted: references that refer to references multiply. */
const SCHEMAS_MAX = 2_000

/** A schema in the few words that every server understands. */
export interface LoweredSchema {
  /** Always `{ type: 'object', properties, required? }`. */
  readonly schema: JsonSchema
  /** What the schema says of the object as a whole, for a description beside it; empty where that is nothing. */
  readonly description: string
  /** Keywords that were rewritten or put into words. */
  readonly keywords: readonly string[]
}

type Fields = Record<string, unknown>

/**
 * Lowers the schema of an object to `type`, `description`, `enum`, `anyOf`, `properties`, `required` and `items`, at
 * every level: references are inlined, `allOf` is merged, `oneOf` becomes `anyOf`, `const` an `enum` of one,
 * `nullable` a type, and everything else words in the description. The order of properties is kept. What comes back is
 * for a model to read; values are to be checked by the original.
 */
export function lowerSchema(schema: JsonSchema): LoweredSchema {
  const lowering = new Lowering(schema)
  const lowered = lowering.lower(schema, [], 0)
  const { description, ...root } = withVariantsMerged(lowered)
  const { properties, required } = root
  return {
    schema: {
      type: 'object',
      properties: isObject(properties) ? properties : {},
      ...(Array.isArray(required) && required.length > 0 ? { required } : {}),
    },
    description: typeof description === 'string' ? description : '',
    keywords: [...lowering.keywords],
  }
}

class Lowering {
  readonly keywords = new Set<string>()
  readonly #root: JsonSchema
  #count = 0

  constructor(root: JsonSchema) {
    this.#root = root
  }

  /** `refs` are the references that led here, so that a schema within itself is seen. */
  lower(schema: unknown, refs: readonly string[], depth: number): Fields {
    if (schema === false) return { description: 'Must be left out' }
    if (!isObject(schema)) return {}
    const flat = depth > DEPTH_MAX ? undefined : this.#flatten(schema, refs)
    if (flat === undefined) {
      const { $ref: ref } = schema
      return cut(typeof ref === 'string' ? `The same again: ${nameOf(ref)}` : 'Nested too deeply to be told')
    }
    const { fields, via } = flat
    const below = (value: unknown): Fields => this.lower(value, via, depth + 1)
    const variants = this.#variantsOf(fields).map(below)
    return {
      ...typeOf(fields, this.keywords),
      ...(variants.length > 0 && { anyOf: variants }),
      ...(isObject(fields['properties']) && {
        properties: Object.fromEntries(
          Object.entries(fields['properties']).map(([name, value]) => [name, below(value)]),
        ),
      }),
      ...requiredOf(fields),
      ...(fields['items'] !== undefined && { items: below(fields['items']) }),
      ...this.#descriptionOf(fields),
    }
  }

  /** The schema with its references and `allOf` put in; undefined where it is within itself too often. */
  #flatten(
    schema: JsonSchema,
    refs: readonly string[],
  ): { readonly fields: Fields; readonly via: readonly string[] } | undefined {
    if (++this.#count > SCHEMAS_MAX) return undefined
    let { $ref: ref, allOf, ...fields }: Fields = schema
    let via = refs
    if (typeof ref === 'string') {
      this.keywords.add('$ref')
      const name = ref
      if (via.filter((one) => one === name).length >= SELF_REFERENCES_MAX) return undefined
      via = [...via, name]
      const target = this.#resolve(name)
      if (!isObject(target)) return { fields: { ...fields, description: `As ${name} says` }, via }
      const inner = this.#flatten(target, via)
      if (inner === undefined) return undefined
      ;({ via } = inner)
      fields = merged(inner.fields, fields)
    }
    if (!Array.isArray(allOf)) return { fields, via }
    this.keywords.add('allOf')
    for (const part of allOf as readonly unknown[]) {
      const inner = isObject(part) ? this.#flatten(part, via) : undefined
      if (inner === undefined) continue
      ;({ via } = inner)
      fields = merged(fields, inner.fields)
    }
    return { fields, via }
  }

  #resolve(ref: string): unknown {
    if (ref !== '#' && !ref.startsWith('#/')) return undefined
    let target: unknown = this.#root
    for (const step of ref.slice(2).split('/')) {
      if (step === '' && ref === '#') break
      const name = decodedPointer(step)
      const found: unknown = Array.isArray(target) ? target[Number(name)] : isObject(target) && target[name]
      target = found
    }
    return target
  }

  #variantsOf({ anyOf, oneOf }: Fields): readonly unknown[] {
    if (Array.isArray(oneOf)) this.keywords.add('oneOf')
    return [
      ...(Array.isArray(anyOf) ? (anyOf as unknown[]) : []),
      ...(Array.isArray(oneOf) ? (oneOf as unknown[]) : []),
    ]
  }

  #descriptionOf(fields: Fields): Fields {
    const words: string[] = []
    for (const [keyword, value] of Object.entries(fields)) {
      if (KEPT.has(keyword)) continue
      const said = wordsFor(keyword, value)
      if (said === undefined) continue
      this.keywords.add(keyword)
      words.push(said)
    }
    const { description, title } = fields
    const told = typeof description === 'string' ? description : typeof title === 'string' ? title : ''
    const text = describedBy(told, words)
    return text === '' ? {} : { description: text }
  }
}

/** Keywords that are kept or rewritten, and so need no words. */
const KEPT: ReadonlySet<string> = new Set([
  'type',
  'description',
  'enum',
  'const',
  'nullable',
  'anyOf',
  'oneOf',
  'properties',
  'required',
  'items',
])

function typeOf({ type, enum: choices, const: only, nullable }: Fields, keywords: Set<string>): Fields {
  if (only !== undefined) keywords.add('const')
  if (nullable === true) keywords.add('nullable')
  const named: unknown[] = type === undefined ? [] : Array.isArray(type) ? type : [type]
  const listed: unknown[] = only !== undefined ? [only] : Array.isArray(choices) ? choices : []
  const values = nullable === true && listed.length > 0 ? [...new Set([...listed, null])] : listed
  // A type that the choices imply helps templates, which print it.
  const types = named.length > 0 ? named : [...new Set(values.map(jsonTypeOf))]
  const all = nullable === true && types.length > 0 ? [...new Set([...types, 'null'])] : types
  return {
    ...(all.length > 0 && { type: all.length === 1 ? all[0] : all }),
    ...(values.length > 0 && { enum: values }),
  }
}

function jsonTypeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

function requiredOf({ required }: Fields): Fields {
  return Array.isArray(required) && required.length > 0 ? { required } : {}
}

/** Both schemas in one: a value must fit each of them. */
function merged(first: Fields, second: Fields): Fields {
  const both: Fields = { ...first, ...second }
  const { properties: a, required: needed, description: told, enum: choices } = first
  const { properties: b } = second
  if (isObject(a) && isObject(b)) {
    const shared = Object.entries(b).map(([name, value]) => {
      return [name, Object.hasOwn(a, name) ? { allOf: [a[name], value] } : value]
    })
    both['properties'] = { ...a, ...(Object.fromEntries(shared) as Fields) }
  }
  if (Array.isArray(needed) && Array.isArray(second['required']))
    both['required'] = [...new Set<unknown>([...(needed as unknown[]), ...(second['required'] as unknown[])])]
  if (Array.isArray(choices) && Array.isArray(second['enum'])) {
    const allowed = new Set((second['enum'] as unknown[]).map((one) => JSON.stringify(one)))
    both['enum'] = choices.filter((one) => allowed.has(JSON.stringify(one)))
  }
  if (typeof told === 'string' && typeof second['description'] === 'string' && told !== second['description'])
    both['description'] = `${told} ${second['description']}`
  return both
}

/** An object that can be of several shapes, as one with the properties of all of them. */
function withVariantsMerged(root: Fields): Fields {
  const { anyOf, ...rest } = root
  if (!Array.isArray(anyOf)) return root
  const variants = (anyOf as readonly Fields[]).filter((one) => isObject(one['properties']))
  const properties: Fields = { ...(rest['properties'] as Fields | undefined) }
  for (const variant of variants) {
    for (const [name, value] of Object.entries(variant['properties'] as Fields)) {
      const known = properties[name]
      if (known === undefined) properties[name] = value
      else if (JSON.stringify(known) !== JSON.stringify(value)) properties[name] = either(known, value)
    }
  }
  const own = namesIn(rest['required'])
  const [first = [], ...others] = variants.map((variant) => namesIn(variant['required']))
  const always = first.filter((name) => others.every((names) => names.includes(name)))
  const shapes = variants.map((one) => namesIn(one['required']).join(', ') || 'nothing')
  const told = typeof rest['description'] === 'string' ? rest['description'] : ''
  return {
    ...rest,
    properties,
    required: [...new Set([...own, ...always])],
    description: describedBy(told, [`required are ${shapes.join(' – or – ')}`]),
  }
}

function either(known: unknown, value: unknown): Fields {
  const earlier = isObject(known) && Array.isArray(known['anyOf']) ? (known['anyOf'] as unknown[]) : [known]
  return { anyOf: [...earlier, value] }
}

function namesIn(required: unknown): readonly string[] {
  return Array.isArray(required) ? required.filter((name) => typeof name === 'string') : []
}

function cut(description: string): Fields {
  return { type: 'object', description }
}

function nameOf(ref: unknown): string {
  const last = typeof ref === 'string' ? ref.slice(ref.lastIndexOf('/') + 1) : ''
  return last === '' || last === '#' ? 'the whole' : decodedPointer(last)
}

/** One step of a JSON pointer in an address (RFC 6901). */
function decodedPointer(step: string): string {
  const unescaped = step.replaceAll('~1', '/').replaceAll('~0', '~')
  try {
    return decodeURIComponent(unescaped)
  } catch {
    return unescaped
  }
}
