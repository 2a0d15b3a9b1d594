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

/** The validator is loaded when something has to be validated. */
async function loadCheck(schema: JsonSchema): Promise<(value: unknown) => readonly string[]> {
  const { Validator } = await import('@cfworker/json-schema')
  const validator = new Validator(schema, DRAFT, false)
  return (value) => {
    const { valid, errors } = validator.validate(value)
    if (valid) return []
    // An error of a part is repeated by each whole around it: the innermost ones say what is wrong.
    const places = errors.map((error) => error.instanceLocation)
    const innermost = errors.filter(
      (error) => !places.some((place) => place.startsWith(`${error.instanceLocation}/`)),
    )
    return innermost.slice(0, ISSUES_MAX).map(({ instanceLocation, error }) => {
      const where = instanceLocation.replace(/^#\/?/, '').replaceAll('/', '.')
      return where === '' ? error : `${where}: ${error}`
    })
  }
}
