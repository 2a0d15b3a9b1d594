import { describe, expect, it } from 'vitest'
import { isStrictSchema } from '../../src/dialects/strict-schema.ts'
import { toStrictSchema } from '../../src/dialects/to-strict-schema.ts'

const closed = (properties: object): object => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  additionalProperties: false,
})
const open = (
  properties: object,
  required: readonly string[] = Object.keys(properties),
): Record<string, unknown> => ({
  type: 'object',
  properties,
  required,
})

describe('a schema that OpenAI is to hold a model to', () => {
  it.each<readonly [what: string, given: Record<string, unknown>, sent: object, keywords: readonly string[]]>(
    [
      [
        'fits as it is',
        closed({ a: { type: 'string' } }) as Record<string, unknown>,
        closed({ a: { type: 'string' } }),
        [],
      ],
      [
        'says nothing of other properties',
        open({ a: open({ b: { type: 'null' } }) }),
        closed({ a: closed({ b: { type: 'null' } }) }),
        [],
      ],
      ['has nothing in it', { type: 'object', properties: {} }, closed({}), []],
      [
        'names its standard',
        { $schema: 'x', $id: 'y', ...open({ a: { type: 'string' } }) },
        closed({ a: { type: 'string' } }),
        [],
      ],
      [
        'has bounds of texts and lists',
        open({
          a: { type: 'string', minLength: 2, maxLength: 9 },
          b: { type: 'array', items: { type: 'string', format: 'uri' }, uniqueItems: true },
        }),
        closed({
          a: { type: 'string', description: 'At least 2 characters; at most 9 characters' },
          b: {
            type: 'array',
            items: { type: 'string', description: 'Format uri' },
            description: 'No item twice',
          },
        }),
        ['format', 'maxLength', 'minLength', 'uniqueItems'],
      ],
      [
        'keeps what OpenAI knows',
        open({ a: { type: 'string', format: 'date', pattern: '^2' }, b: { type: 'number', minimum: 1 } }),
        closed({ a: { type: 'string', format: 'date', pattern: '^2' }, b: { type: 'number', minimum: 1 } }),
        [],
      ],
      [
        'is one of several',
        open({ a: { oneOf: [{ type: 'string' }, open({ b: { type: 'string' } })] } }),
        closed({ a: { anyOf: [{ type: 'string' }, closed({ b: { type: 'string' } })] } }),
        ['oneOf'],
      ],
      [
        'refers to itself',
        {
          $ref: '#/$defs/Node',
          $defs: { Node: open({ next: { anyOf: [{ $ref: '#/$defs/Node' }, { type: 'null' }] } }) },
        },
        {
          ...closed({ next: { anyOf: [{ $ref: '#/$defs/Node' }, { type: 'null' }] } }),
          $defs: { Node: closed({ next: { anyOf: [{ $ref: '#/$defs/Node' }, { type: 'null' }] } }) },
        },
        [],
      ],
    ],
  )('is strict where it %s', (_, given, sent, keywords) => {
    const { schema, strict, keywords: told } = toStrictSchema(given)
    expect([strict, schema, told]).toEqual([true, sent, keywords])
    expect(isStrictSchema(schema)).toBe(true)
  })

  it.each<readonly [what: string, given: Record<string, unknown>]>([
    ['has an optional property', open({ a: { type: 'string' } }, [])],
    ['lets other properties be', { ...open({ a: { type: 'string' } }), additionalProperties: true }],
    ['has other properties of a kind', { type: 'object', additionalProperties: { type: 'string' } }],
    ['is no object', { type: 'array', items: { type: 'string' } }],
    ['is several at its root', { anyOf: [open({ a: { type: 'string' } })] }],
    ['is all of several', open({ a: { allOf: [{ type: 'string' }, { minLength: 1 }] } })],
    ['says nothing of a value', open({ a: {} })],
    ['refers to what is not there', { $ref: '#/$defs/Gone', $defs: {} }],
    ['refers to somewhere else', { $ref: 'https://schemas.example/a' }],
    ['depends', { ...open({ a: { type: 'string' } }), if: {}, else: {} }],
    [
      'is too deep',
      Array.from({ length: 80 }).reduce<Record<string, unknown>>((inner) => open({ a: inner }), open({})),
    ],
  ])('goes as it is where it %s', (_, given) => {
    expect(toStrictSchema(given)).toEqual({ schema: given, strict: false, keywords: [] })
  })

  it('goes as it is where nobody wants it strict', () => {
    const given = open({ a: { type: 'string' } })
    expect(toStrictSchema({ $schema: 'x', ...given }, false)).toEqual({
      schema: given,
      strict: false,
      keywords: [],
    })
  })
})
