import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toSubset } from '../../src/drivers/schema-subset.ts'
import type { JsonSchema } from '../../src/core/schema.ts'

const KNOWN = new Set([
  '$defs',
  '$ref',
  'type',
  'description',
  'enum',
  'items',
  'prefixItems',
  'anyOf',
  'oneOf',
  'properties',
  'required',
  'additionalProperties',
])
const write = (schema: JsonSchema): unknown => toSubset(schema, KNOWN).schema
const keywords = (schema: JsonSchema): readonly string[] => toSubset(schema, KNOWN).keywords

describe('a schema in the keywords that a provider knows', () => {
  it('is as it was where it has no others', () => {
    const schema = {
      type: 'object',
      properties: {
        b: { type: ['string', 'null'], description: 'B' },
        a: { type: 'array', items: { anyOf: [{ type: 'integer' }, { $ref: '#/$defs/c' }] } },
        pair: { prefixItems: [{ type: 'string' }, { type: 'number' }], items: false },
        open: { type: 'object', additionalProperties: { type: 'string' } },
        shut: { type: 'object', additionalProperties: false },
      },
      required: ['b'],
      $defs: { c: { enum: [1, 2] } },
    }
    expect(write(schema)).toEqual(schema)
    expect(JSON.stringify(write(schema))).toBe(JSON.stringify(schema))
    expect(keywords(schema)).toEqual([])
  })

  it('has const as an enum of one, at every level', () => {
    expect(write({ type: 'object', properties: { kind: { const: 'a' }, none: { const: null } } })).toEqual({
      type: 'object',
      properties: { kind: { enum: ['a'] }, none: { enum: [null] } },
    })
  })

  it('has what is not known as words, and says which it was; annotations are left out without one', () => {
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'string',
      minLength: 2,
      pattern: '^a',
      description: 'A name',
    }
    expect(write(schema)).toEqual({
      type: 'string',
      description: 'A name (at least 2 characters; matching the regular expression ^a)',
    })
    expect(keywords(schema)).toEqual(['minLength', 'pattern'])
    expect(keywords({ $comment: 'x', readOnly: true, type: 'string' })).toEqual([])
  })

  it('has nothing beside a reference but definitions', () => {
    expect(write({ $ref: '#/$defs/a', $defs: { a: { type: 'string' } } })).toEqual({
      $ref: '#/$defs/a',
      $defs: { a: { type: 'string' } },
    })
    expect(write({ $ref: '#/$defs/a', description: 'The first' })).toEqual({
      description: 'The first',
      anyOf: [{ $ref: '#/$defs/a' }],
    })
  })

  it('has $defs where there were definitions', () => {
    expect(
      write({ $ref: '#/definitions/a', definitions: { a: { const: 1 } }, $defs: { b: { type: 'null' } } }),
    ).toEqual({ $ref: '#/$defs/a', $defs: { a: { enum: [1] }, b: { type: 'null' } } })
  })

  it('has allOf of plain schemas as one, and of others as words', () => {
    expect(write({ allOf: [{ type: 'string' }], description: 'A' })).toEqual({
      type: 'string',
      description: 'A',
    })
    expect(
      write({
        type: 'object',
        properties: { a: { type: 'string' } },
        required: ['a'],
        allOf: [
          { properties: { b: { type: 'number' } }, required: ['b', 'a'] },
          { type: 'object', description: 'Both' },
        ],
      }),
    ).toEqual({
      type: 'object',
      description: 'Both',
      properties: { a: { type: 'string' }, b: { type: 'number' } },
      required: ['a', 'b'],
    })
    expect(keywords({ allOf: [{ $ref: '#/$defs/a' }, { type: 'object' }] })).toEqual(['allOf'])
  })

  it('is any value where it is none, and ends where it is too deep', () => {
    expect(write({ properties: { a: true, b: false } })).toEqual({ properties: { a: {}, b: false } })
    let deep: JsonSchema = { type: 'string' }
    for (let level = 0; level < 1_000; level++) deep = { items: deep }
    expect(JSON.stringify(write(deep)).length).toBeLessThan(1_000)
  })

  it('is one of known keywords, whatever it was', () => {
    const { schema } = fc.letrec((tie) => ({
      schema: fc.dictionary(
        fc.constantFrom(
          ...KNOWN,
          'const',
          'allOf',
          'minimum',
          'not',
          'definitions',
          'default',
          '$id',
          '__proto__',
        ),
        fc.oneof(
          { depthSize: 'small', maxDepth: 4 },
          fc.jsonValue(),
          tie('schema'),
          fc.array(tie('schema'), { maxLength: 2 }),
        ),
        { maxKeys: 5 },
      ),
    }))
    fc.assert(
      fc.property(schema, (one) => {
        const written = write(one) as object
        for (const keyword of Object.keys(written)) expect([...KNOWN]).toContain(keyword)
      }),
      { numRuns: 300 },
    )
  })
})
