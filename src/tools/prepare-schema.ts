import { AIError } from '../core/errors.ts'
import type { JsonSchema, PreparedSchema, Schema, StandardIssue, StandardSchema } from '../core/schema.ts'

/** Most issues that are told of one value. */
const ISSUES_MAX = 20
const DRAFT = '2020-12'

/** Each schema is prepared once, as long as someone holds it. */
const prepared = new WeakMap<object, PreparedSchema>()

/**
 * Makes a schema ready: its JSON Schema for the provider, and its own check for what comes back.
 *
 * @throws AIError `request_invalid` for a library that does not tell its JSON Schema, where none was given
 */
export function prepareSchema(schema: Schema, what: string, jsonSchema?: JsonSchema): PreparedSchema {
  const known = prepared.get(schema)
  if (known) return known
  const ready = isStandard(schema) ? fromStandard(schema, what, jsonSchema) : fromJsonSchema(schema)
  prepared.set(schema, ready)
  return ready
}

function isStandard(schema: Schema): schema is StandardSchema {
  return typeof schema['~standard'] === 'object' && schema['~standard'] !== null
}

function fromStandard(schema: StandardSchema, what: string, given: JsonSchema | undefined): PreparedSchema {
  const { vendor, validate, jsonSchema } = schema['~standard']
  const told = given ?? jsonSchema?.input({ target: `draft-${DRAFT}` })
  if (!told) {
    throw new AIError({
      code: 'request_invalid',
      message: `The schema of ${what} is of ${vendor}, which does not tell its JSON Schema: give jsonSchema beside it`,
    })
  }
  const { $schema: _, ...rest } = told
  return {
    jsonSchema: rest,
    validate: async (value) => {
      const result = await validate(value)
      return result.issues
        ? { issues: result.issues.slice(0, ISSUES_MAX).map(toText) }
        : { value: result.value }
    },
  }
}

function toText({ message, path = [] }: StandardIssue): string {
  const where = path.map((step) => String(typeof step === 'object' ? step.key : step)).join('.')
  return where === '' ? message : `${where}: ${message}`
}

function fromJsonSchema(schema: JsonSchema): PreparedSchema {
  let check: Promise<(value: unknown) => readonly string[]> | undefined
  return {
    jsonSchema: schema,
    validate: async (value) => {
      check ??= loadCheck(schema)
      const issues = (await check)(value)
      return issues.length === 0 ? { value } : { issues }
    },
  }
}

/** Keywords whose errors repeat what is wrong further in. */
const REPEATING: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  'additionalProperties',
  'items',
  'prefixItems',
  '$ref',
  'allOf',
  'then',
  'else',
  'dependentSchemas',
])

/** Whether an error is one further in; at the same place, only where it does not repeat another one itself. */
function isWithin(inner: string, place: string, repeats: boolean): boolean {
  return inner.startsWith(`${place}/`) || (inner === place && !repeats)
}

/** Deepest nesting of a schema in which `nullable` is looked for, in levels. */
const DEPTH_MAX = 64

/** `nullable`, which OpenAPI has and JSON Schema has not, as JSON Schema says it. */
function withNull(schema: JsonSchema): JsonSchema {
  return nullableAsType(schema, 0) as JsonSchema
}

function nullableAsType(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return value
  if (Array.isArray(value)) return value.map((one) => nullableAsType(one, depth + 1))
  const own = Object.entries(value).map(([name, one]) => {
    return [name, VALUES.has(name) ? (one as unknown) : nullableAsType(one, depth + 1)] as const
  })
  const schema: Readonly<Record<string, unknown>> = Object.fromEntries(own)
  if (schema['nullable'] !== true) return schema
  const { type, enum: choices } = schema
  if (type === undefined && choices === undefined) return { anyOf: [schema, { type: 'null' }] }
  // In place, so that references through it still point to what they did.
  return {
    ...schema,
    ...(type !== undefined && { type: [type, 'null'].flat() }),
    ...(Array.isArray(choices) && { enum: [...(choices as unknown[]), null] }),
  }
}

/** Keywords that hold values, and no schemas. */
const VALUES: ReadonlySet<string> = new Set(['const', 'enum', 'default', 'examples'])

/** The validator is loaded when something has to be validated. */
async function loadCheck(schema: JsonSchema): Promise<(value: unknown) => readonly string[]> {
  const { Validator } = await import('@cfworker/json-schema')
  const validator = new Validator(withNull(schema), DRAFT, false)
  return (value) => {
    const { valid, errors } = validator.validate(value)
    if (valid) return []
    // An error of a part is repeated by each whole around it, which says no more than that there is one.
    const said = errors.filter(({ keyword }) => keyword !== 'false')
    const own = said.filter(({ keyword, instanceLocation: place }) => {
      const repeats = REPEATING.has(keyword)
      return (
        !repeats || !said.some((one) => isWithin(one.instanceLocation, place, REPEATING.has(one.keyword)))
      )
    })
    return own.slice(0, ISSUES_MAX).map(({ instanceLocation, error }) => {
      const where = instanceLocation.replace(/^#\/?/, '').replaceAll('/', '.')
      return where === '' ? error : `${where}: ${error}`
    })
  }
}
