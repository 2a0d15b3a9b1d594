import type { JsonSchema } from '../core/schema.ts'
import { isObject } from '../core/error-text.ts'

// What llama.cpp makes a grammar of (ggml-org/llama.cpp common/json-schema-to-grammar.cpp and src/llama-grammar.cpp at
// b10488). It refuses the whole request for what it cannot make one of, and passes over what it does not know.

/** Most repetitions that a grammar holds; llama.cpp gives up at 2,000, and nesting multiplies. */
const REPETITIONS_MAX = 500
/** Deepest nesting of a schema that is looked at, in levels. */
const DEPTH_MAX = 64

/** Formats that have rules; all others are no bound there. */
const FORMAT = /^(?:date|time|date-time|uuid[1-5]?)$/

/** Any JSON value: without a type, llama.cpp takes it for an object. */
const ANYTHING: JsonSchema = { type: ['object', 'array', 'string', 'number', 'boolean', 'null'] }

/** A schema that a grammar can be made of. */
export interface GrammarSchema {
  readonly schema: JsonSchema
  /** Keywords that were left out: the server does not hold the model to them. */
  readonly keywords: readonly string[]
}

/** Leaves out of a schema what a grammar cannot hold. Values are to be checked by the original. */
export function toGrammarSchema(schema: JsonSchema): GrammarSchema {
  const writing = new Writing(schema)
  const written = writing.write(schema, 0)
  return { schema: writing.hoisted(written), keywords: [...writing.keywords] }
}

class Writing {
  readonly keywords = new Set<string>()
  /** Where the whole schema stands when it is within itself: a bare `#` is refused. */
  readonly #home: string
  readonly #root: JsonSchema
  #refersToItself = false

  constructor(root: JsonSchema) {
    const taken = isObject(root['$defs']) ? root['$defs'] : {}
    let name = 'whole'
    while (Object.hasOwn(taken, name)) name += '_'
    this.#home = name
    this.#root = root
    this.#refersToItself = refersToRoot(root, 0)
  }

  write(schema: unknown, depth: number): JsonSchema {
    if (!isObject(schema) || depth > DEPTH_MAX) return ANYTHING
    const { $ref: ref } = schema
    if (typeof ref === 'string') return this.#reference(ref, schema, depth)
    const written: Record<string, unknown> = {}
    for (const [keyword, value] of Object.entries(schema)) {
      const kept = this.#keyword(keyword, value, schema, depth)
      if (kept !== undefined) written[keyword] = kept
    }
    return Object.keys(written).some((keyword) => SHAPES.has(keyword)) ? written : { ...ANYTHING, ...written }
  }

  /** The schema with itself among its definitions, where it refers to itself. */
  hoisted(written: JsonSchema): JsonSchema {
    if (!this.#refersToItself) return written
    const { $defs, definitions, ...whole } = written
    return {
      $ref: `#/$defs/${this.#home}`,
      $defs: { ...(isObject($defs) && $defs), [this.#home]: whole },
      ...(definitions !== undefined && { definitions }),
    }
  }

  #reference(ref: string, schema: JsonSchema, depth: number): JsonSchema {
    const { $defs, definitions } = schema
    const kept = {
      ...(isObject($defs) && { $defs: this.#each($defs, depth) }),
      ...(isObject(definitions) && { definitions: this.#each(definitions, depth) }),
    }
    if (ref === '#') return { $ref: `#/$defs/${this.#home}`, ...kept }
    // Its pointers have no escapes, and what is elsewhere is not fetched.
    if (!/^#\/[^~%]+$/.test(ref) || !this.#leadsSomewhere(ref)) {
      this.keywords.add('$ref')
      return { ...ANYTHING, ...kept }
    }
    const moved = this.#refersToItself && !/^#\/(?:\$defs|definitions)\//.test(ref)
    return { $ref: moved ? `#/$defs/${this.#home}${ref.slice(1)}` : ref, ...kept }
  }

  #leadsSomewhere(ref: string): boolean {
    let target: unknown = this.#root
    for (const step of ref.slice(2).split('/')) {
      if (typeof target !== 'object' || target === null || !Object.hasOwn(target, step)) return false
      target = (target as Readonly<Record<string, unknown>>)[step]
    }
    return true
  }

  #keyword(keyword: string, value: unknown, schema: JsonSchema, depth: number): unknown {
    switch (keyword) {
      case 'properties':
      case '$defs':
      case 'definitions':
        return isObject(value) ? this.#each(value, depth) : undefined
      case 'anyOf':
      case 'oneOf':
      case 'allOf':
      case 'prefixItems':
        return Array.isArray(value) ? value.map((one) => this.write(one, depth + 1)) : undefined
      case 'items':
        // False closes a tuple, which it is by itself.
        return value === false ? undefined : this.write(value, depth + 1)
      case 'additionalProperties':
        return isObject(value) ? this.write(value, depth + 1) : value
      case 'enum':
        return Array.isArray(value) && value.length > 0 ? value : undefined
      case 'pattern':
        return typeof value === 'string' ? (grammarPattern(value) ?? this.#without(keyword)) : undefined
      case 'format':
        return typeof value === 'string' && FORMAT.test(value) ? value : this.#without(keyword)
      case 'minLength':
      case 'maxLength':
      case 'minItems':
      case 'maxItems':
        return isCount(value) && value <= REPETITIONS_MAX ? value : this.#without(keyword)
      case 'minimum':
      case 'maximum':
      case 'exclusiveMinimum':
      case 'exclusiveMaximum':
        return this.#bound(keyword, value, schema)
      default:
        return value
    }
  }

  /** Bounds are held for whole numbers only, and the widest ones say nothing. */
  #bound(keyword: string, value: unknown, { type }: JsonSchema): unknown {
    if (type !== 'integer') return value
    if (value === Number.MAX_SAFE_INTEGER || value === Number.MIN_SAFE_INTEGER) return undefined
    return Number.isSafeInteger(value) ? value : this.#without(keyword)
  }

  #each(schemas: JsonSchema, depth: number): JsonSchema {
    return Object.fromEntries(
      Object.entries(schemas).map(([name, value]) => [name, this.write(value, depth + 1)]),
    )
  }

  #without(keyword: string): undefined {
    this.keywords.add(keyword)
    return undefined
  }
}

/** Keywords that say what a value is; without one of them anything may come. */
const SHAPES: ReadonlySet<string> = new Set([
  'type',
  'enum',
  'const',
  'anyOf',
  'oneOf',
  'allOf',
  'properties',
  'additionalProperties',
  'items',
  'prefixItems',
  'pattern',
  'format',
])

function refersToRoot(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX * 2) return false
  if (isObject(value) && value['$ref'] === '#') return true
  return Object.values(value).some((one) => refersToRoot(one, depth + 1))
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** A piece of a pattern: a plain character, a class of some, the ends of a group and of a choice, or how often. */
const PIECE =
  /\\[dw.+*?()[\]{}|^$/-]|\[(?:[A-Za-z0-9_ .,:;=@#%&+/-]|\\[dw-])+\]|[A-Za-z0-9_ ,:;=@#%&/<>~!'-]|[()|*+?]|\{\d{1,3}(?:,\d{0,3})?\}/y

/**
 * A pattern as a grammar can hold it, or undefined: anchored at both ends, without looking around, without what could
 * write a quote into the middle of a JSON string (a dot, a negated class), and with `\d` and `\w` written out.
 */
function grammarPattern(pattern: string): string | undefined {
  const inner = /^\^(.*)\$$/s.exec(pattern)?.[1]
  if (inner === undefined) return undefined
  let open = 0
  // Whether something stands before, for a quantifier, a choice or the end of a group.
  let begun = false
  let quantified = false
  let written = ''
  for (let at = 0; at < inner.length;) {
    PIECE.lastIndex = at
    const piece = PIECE.exec(inner)?.[0]
    if (piece === undefined) return undefined
    at += piece.length
    const quantifier = /^(?:[*+?]|\{\d)/.test(piece)
    if (!begun && (quantifier || piece === '|' || piece === ')')) return undefined
    if (quantifier && (quantified || timesIn(piece) > REPETITIONS_MAX)) return undefined
    if (piece === '(') open++
    // A choice outside of a group would part the anchors as well.
    if ((piece === ')' && --open < 0) || (piece === '|' && open === 0)) return undefined
    begun = piece !== '(' && piece !== '|'
    quantified = quantifier
    written += writtenOut(piece)
  }
  return open === 0 && begun ? `^${written}$` : undefined
}

function timesIn(quantifier: string): number {
  return Math.max(0, ...(quantifier.match(/\d+/g) ?? []).map(Number))
}

/** Of escapes, a grammar knows only those of signs that mean something in a pattern. */
function writtenOut(piece: string): string {
  if (piece === '\\d') return '[0-9]'
  if (piece === '\\w') return '[A-Za-z0-9_]'
  if (piece === '\\/' || piece === '\\-') return piece.slice(1)
  if (!piece.startsWith('[')) return piece
  const dash = piece.includes('\\-') ? '-' : ''
  const inner = piece
    .slice(1, -1)
    .replaceAll('\\-', '')
    .replaceAll('\\d', '0-9')
    .replaceAll('\\w', 'A-Za-z0-9_')
  return `[${inner}${dash}]`
}
