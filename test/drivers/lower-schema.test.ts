import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { toGrammarSchema } from '../../src/drivers/grammar-schema.ts'
import { lowerSchema } from '../../src/drivers/lower-schema.ts'

type Json = Readonly<Record<string, unknown>>

const property = (schema: unknown, more: Json = {}): unknown =>
  (lowerSchema({ type: 'object', properties: { it: schema }, ...more }).schema['properties'] as Json)['it']

describe('a lowered schema', () => {
  it.each<[string, unknown, unknown]>([
    ['const', { const: 'a' }, { type: 'string', enum: ['a'] }],
    ['a const that is null', { const: null }, { type: 'null', enum: [null] }],
    ['an enum without a type', { enum: ['a', 1] }, { type: ['string', 'number'], enum: ['a', 1] }],
    ['nullable', { type: 'string', nullable: true }, { type: ['string', 'null'] }],
    ['a nullable enum', { enum: ['a'], nullable: true }, { type: ['string', 'null'], enum: ['a', null] }],
    [
      'oneOf beside anyOf',
      { anyOf: [{ type: 'string' }], oneOf: [{ type: 'null' }] },
      { anyOf: [{ type: 'string' }, { type: 'null' }] },
    ],
    [
      'a title, where nothing else is said',
      { type: 'string', title: 'Name' },
      { type: 'string', description: 'Name' },
    ],
    [
      'a title beside a description',
      { title: 'Name', description: 'Full name' },
      { description: 'Full name' },
    ],
    ['true', true, {}],
    ['false', false, { description: 'Must be left out' }],
    ['what is no schema', 7, {}],
    ['an empty list of required names', { type: 'object', required: [] }, { type: 'object' }],
    ['the bounds of whole numbers', z.toJSONSchema(z.int()), { type: 'integer' }],
    [
      '$comment and other silent words',
      { type: 'string', $comment: 'x', readOnly: true },
      { type: 'string' },
    ],
    [
      'keywords of its own',
      { type: 'string', 'x-unit': 'km' },
      { type: 'string', description: 'X-unit: "km"' },
    ],
    ['format', { type: 'string', format: 'date-time' }, { type: 'string', description: 'Format date-time' }],
    [
      'a pattern with $& in it',
      { type: 'string', pattern: '^$&$' },
      { type: 'string', description: 'Matching the regular expression ^$&$' },
    ],
    [
      'examples',
      { type: 'string', description: 'Zone', examples: ['UTC', 'CET'] },
      { type: 'string', description: 'Zone (for example "UTC", "CET")' },
    ],
    [
      'bounds of lists',
      { type: 'array', items: { type: 'string', minLength: 2 }, uniqueItems: true, maxItems: 3 },
      {
        type: 'array',
        items: { type: 'string', description: 'At least 2 characters' },
        description: 'No item twice; at most 3 items',
      },
    ],
    [
      'other properties by schema',
      { type: 'object', additionalProperties: { type: 'number' } },
      { type: 'object', description: 'Other properties: {"type":"number"}' },
    ],
    ['other properties at will', { type: 'object', additionalProperties: true }, { type: 'object' }],
    ['not', { not: { type: 'string' } }, { description: 'Not: {"type":"string"}' }],
  ])('takes %s', (_, schema, expected) => {
    expect(property(schema)).toEqual(expected)
  })

  it('merges allOf, also through references', () => {
    const more = {
      $defs: {
        named: {
          type: 'object',
          description: 'Named.',
          properties: { name: { type: 'string' } },
          required: ['name'],
        },
      },
    }
    const schema = {
      allOf: [
        { $ref: '#/$defs/named' },
        {
          description: 'Aged.',
          properties: { age: { type: 'integer' }, name: { minLength: 1 } },
          required: ['age'],
        },
        true,
      ],
    }
    expect(property(schema, more)).toEqual({
      type: 'object',
      description: 'Named. Aged.',
      properties: {
        name: { type: 'string', description: 'At least 1 characters' },
        age: { type: 'integer' },
      },
      required: ['name', 'age'],
    })
    expect(property({ allOf: [{ enum: ['a', 'b'] }, { enum: ['b', 'c'] }] })).toEqual({
      type: 'string',
      enum: ['b'],
    })
  })

  it('keeps what stands beside a reference', () => {
    const more = { $defs: { 'a/b~c d': { type: 'string', description: 'Base' } } }
    expect(property({ $ref: '#/$defs/a~1b~0c%20d', description: 'Here' }, more)).toEqual({
      type: 'string',
      description: 'Base Here',
    })
  })

  it('stops a schema within itself after two of them, with a word about it', () => {
    const tree = {
      type: 'object',
      properties: { name: { type: 'string' }, children: { type: 'array', items: { $ref: '#' } } },
    }
    const node = (items: unknown): Json => ({
      type: 'object',
      properties: { name: { type: 'string' }, children: { type: 'array', items } },
    })
    expect(lowerSchema(tree)).toEqual({
      schema: node(node(node({ type: 'object', description: 'The same again: the whole' }))),
      description: '',
      keywords: ['$ref'],
    })
  })

  it('says of a reference that leads nowhere where it led', () => {
    for (const ref of ['#/$defs/%ZZ', 'https://example.com/schema', '#/$defs/missing', '#anchor'])
      expect(property({ $ref: ref })).toEqual({ description: `As ${ref} says` })
  })

  it('makes one object of several shapes', () => {
    const schema = {
      description: 'A shape',
      anyOf: [
        {
          type: 'object',
          properties: { kind: { const: 'circle' }, r: { type: 'number' } },
          required: ['kind', 'r'],
        },
        {
          type: 'object',
          properties: { kind: { const: 'square' }, side: { type: 'number' } },
          required: ['kind', 'side'],
        },
        { type: 'object', properties: { kind: { const: 'point' } }, required: ['kind'] },
      ],
    }
    expect(lowerSchema(schema)).toEqual({
      schema: {
        type: 'object',
        properties: {
          kind: {
            anyOf: [
              { type: 'string', enum: ['circle'] },
              { type: 'string', enum: ['square'] },
              { type: 'string', enum: ['point'] },
            ],
          },
          r: { type: 'number' },
          side: { type: 'number' },
        },
        required: ['kind'],
      },
      description: 'A shape (required are kind, r – or – kind, side – or – kind)',
      keywords: ['const'],
    })
  })

  it('does not grow beyond measure where references multiply', () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 30 }, (_, level) => [
        `d${level}`,
        {
          type: 'object',
          properties: { a: { $ref: `#/$defs/d${level + 1}` }, b: { $ref: `#/$defs/d${level + 1}` } },
        },
      ]),
    )
    const { schema } = lowerSchema({ type: 'object', properties: { it: { $ref: '#/$defs/d0' } }, $defs })
    expect(JSON.stringify(schema).length).toBeLessThan(2_000_000)
  })

  it('changes nothing that it was given, and says the same of what it lowered as it did before', () => {
    const schemaOf = (depth: number): fc.Arbitrary<Json> => {
      const below = (): fc.Arbitrary<Json> => (depth === 0 ? fc.constant({}) : schemaOf(depth - 1))
      return fc.record(
        {
          type: fc.constantFrom('object', 'string', 'integer', 'array'),
          description: fc.string({ maxLength: 5 }),
          const: fc.constantFrom('a', 1, null),
          nullable: fc.boolean(),
          minimum: fc.integer(),
          items: below(),
          properties: fc.dictionary(fc.constantFrom('a', 'b', '$ref', 'nullable'), below(), { maxKeys: 3 }),
          anyOf: fc.array(below(), { maxLength: 2 }),
          allOf: fc.array(below(), { maxLength: 2 }),
          $ref: fc.constantFrom('#', '#/properties/a', '#/nowhere'),
        },
        { requiredKeys: [], noNullPrototype: true },
      )
    }
    fc.assert(
      fc.property(schemaOf(3), (schema) => {
        const before = JSON.stringify(schema)
        const lowered = lowerSchema(schema)
        expect(JSON.stringify(schema)).toBe(before)
        expect(wordsIn(lowered.schema)).toEqual([])
        expect(lowerSchema(lowered.schema)).toEqual({ schema: lowered.schema, description: '', keywords: [] })
        expect(() => toGrammarSchema(schema)).not.toThrow()
      }),
      { numRuns: 200 },
    )
  })
})

const KEPT = new Set(['type', 'description', 'enum', 'anyOf', 'properties', 'required', 'items'])

/** The keywords that a server would drop. */
function wordsIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  return Object.entries(schema).flatMap(([name, value]: [string, unknown]) => {
    if (!KEPT.has(name)) return [name]
    if (name === 'properties') return Object.values(value as Json).flatMap(wordsIn)
    if (name === 'anyOf') return (value as unknown[]).flatMap(wordsIn)
    return name === 'items' ? wordsIn(value) : []
  })
}

describe('a schema for a grammar', () => {
  const ANYTHING = { type: ['object', 'array', 'string', 'number', 'boolean', 'null'] }

  it.each<[string, Json, Json, readonly string[]]>([
    [
      'what it knows',
      { type: 'string', minLength: 2, maxLength: 20 },
      { type: 'string', minLength: 2, maxLength: 20 },
      [],
    ],
    [
      'a small pattern, written out',
      { type: 'string', pattern: '^(\\d{4})-[\\w-]+$' },
      { type: 'string', pattern: '^([0-9]{4})-[A-Za-z0-9_-]+$' },
      [],
    ],
    [
      'escapes of signs',
      { type: 'string', pattern: '^a\\.b\\/c\\-d?$' },
      { type: 'string', pattern: '^a\\.b/c-d?$' },
      [],
    ],
    ['a choice in a group', { type: 'string', pattern: '^(?:a|b)$' }, { type: 'string' }, ['pattern']],
    [
      'a plain choice in a group',
      { type: 'string', pattern: '^(a|b)$' },
      { type: 'string', pattern: '^(a|b)$' },
      [],
    ],
    ...[
      'a',
      '^a',
      '^.*$',
      '^[^a]+$',
      '^(?!a)b$',
      '^a|b$',
      '^\\p{L}$',
      '^(a$',
      '^a)$',
      '^*a$',
      '^(|a)$',
      '^()$',
      '^a+?$',
      '^a{501}$',
      '^$',
      '^\\bword$',
      '^[a\\]]$',
      '^a"$',
    ].map((pattern): [string, Json, Json, readonly string[]] => [
      `the pattern ${pattern}`,
      { type: 'string', pattern },
      { type: 'string' },
      ['pattern'],
    ]),
    [
      'formats that it knows',
      { type: 'string', format: 'date-time' },
      { type: 'string', format: 'date-time' },
      [],
    ],
    ['other formats', { type: 'string', format: 'email' }, { type: 'string' }, ['format']],
    [
      'large bounds',
      { type: 'string', minLength: 501, maxLength: 1e9 },
      { type: 'string' },
      ['minLength', 'maxLength'],
    ],
    [
      'large bounds of lists',
      { type: 'array', items: { type: 'null' }, maxItems: 501 },
      { type: 'array', items: { type: 'null' } },
      ['maxItems'],
    ],
    [
      'whole bounds',
      { type: 'integer', minimum: 1, maximum: 9 },
      { type: 'integer', minimum: 1, maximum: 9 },
      [],
    ],
    [
      'odd bounds',
      { type: 'integer', minimum: 0.5, maximum: 1e300 },
      { type: 'integer' },
      ['minimum', 'maximum'],
    ],
    ['the widest bounds', { type: 'integer', minimum: Number.MIN_SAFE_INTEGER }, { type: 'integer' }, []],
    ['anything', {}, ANYTHING, []],
    ['anything with a name', { description: 'x' }, { ...ANYTHING, description: 'x' }, []],
    ['an empty enum', { type: 'string', enum: [] }, { type: 'string' }, []],
    [
      'a tuple that is closed',
      { type: 'array', prefixItems: [true], items: false },
      { type: 'array', prefixItems: [ANYTHING] },
      [],
    ],
    ['a reference to elsewhere', { $ref: 'https://example.com/x' }, ANYTHING, ['$ref']],
    ['a reference to nowhere', { $ref: '#/$defs/b', $defs: {} }, { ...ANYTHING, $defs: {} }, ['$ref']],
    ['a reference with escapes', { $ref: '#/$defs/a~1b', $defs: {} }, { ...ANYTHING, $defs: {} }, ['$ref']],
  ])('takes %s', (_, schema, expected, keywords) => {
    expect(toGrammarSchema(schema)).toEqual({ schema: expected, keywords })
  })

  it('moves a schema that refers to itself into its definitions', () => {
    const tree = {
      type: 'object',
      properties: {
        next: { $ref: '#' },
        leaf: { $ref: '#/$defs/leaf' },
        again: { $ref: '#/properties/leaf' },
      },
      additionalProperties: { type: 'number' },
      $defs: { leaf: { type: 'string' }, whole: { type: 'null' } },
    }
    expect(toGrammarSchema(tree).schema).toEqual({
      $ref: '#/$defs/whole_',
      $defs: {
        leaf: { type: 'string' },
        whole: { type: 'null' },
        whole_: {
          type: 'object',
          properties: {
            next: { $ref: '#/$defs/whole_' },
            leaf: { $ref: '#/$defs/leaf' },
            again: { $ref: '#/$defs/whole_/properties/leaf' },
          },
          additionalProperties: { type: 'number' },
        },
      },
    })
  })
})
