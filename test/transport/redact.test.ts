import { format, inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redact, Secret } from '../../src/transport/redact.ts'
import { PROPORTIONAL_MAX, ratioOfWork } from './pieces.ts'

/** Every way in which a value may end up in a log. */
function shown(value: Secret): string {
  const copy: object = structuredClone(value)
  return [
    JSON.stringify(value),
    JSON.stringify({ key: value, keys: [value] }),
    inspect(value, { showHidden: true, depth: 9, getters: true }),
    inspect({ deep: { key: value } }, { showHidden: true, depth: 9 }),
    format('%s %o %O %j', value, value, value, value),
    String(value),
    [value].join('-'),
    ''.concat(value as unknown as string),
    JSON.stringify(Object.assign({}, value)),
    JSON.stringify(Object.entries(value)),
    JSON.stringify(Object.getOwnPropertyDescriptors(value)),
    Reflect.ownKeys(value).map(String).join(),
    inspect(copy, { showHidden: true }),
    new Error(String(value)).stack ?? '',
  ].join('\n')
}

describe('Secret', () => {
  it('gives the key to whoever asks for it, and nobody else', () => {
    const secret = new Secret('sk-abc')
    expect(secret.reveal()).toBe('sk-abc')
    expect([String(secret), [secret].join(''), JSON.stringify(secret), inspect(secret)]).toEqual([
      '[masked]',
      '[masked]',
      '"[masked]"',
      '[masked]',
    ])
    expect(Number(secret)).toBeNaN()
  })

  it('is nowhere to be seen: what is shown is the same for every key', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        const [kept, empty] = [text, ''].map((key) => shown(new Secret(key)))
        expect(kept).toBe(empty)
      }),
    )
  })
})

describe('redact', () => {
  it.each([
    ['Authorization: Bearer sk-abc.def_ghi', 'Authorization: Bearer [masked]'],
    ['bearer  abcdefgh', 'bearer [masked]'],
    ['Basic dXNlcjpwYXNz', 'Basic [masked]'],
    ['at http://user:pass@host:1/path', 'at http://[masked]@host:1/path'],
    ['at https://token@host', 'at https://[masked]@host'],
    ['at https://us:p@ss@host/', 'at https://[masked]@host/'],
    ['https://x/v1?key=AIza123&alt=sse', 'https://x/v1?key=[masked]&alt=sse'],
    ['https://x/v1?alt=sse&api_key=123', 'https://x/v1?alt=sse&api_key=[masked]'],
    ['nothing to hide, mail a@b.c', 'nothing to hide, mail a@b.c'],
    ['http://host/path@2 and a@b', 'http://host/path@2 and a@b'],
  ])('makes %j to %j', (text, expected) => {
    expect(redact(text)).toBe(expected)
  })

  it('takes out what it is given, the longest first, and nothing for an empty key', () => {
    const secrets = [new Secret('abc'), new Secret('abcdef'), new Secret('')]
    expect(redact('abcdef abc ab', secrets)).toBe('[masked] [masked] ab')
  })

  it('leaves nothing of a secret, wherever it stands', () => {
    const secret = fc
      .stringMatching(/^[A-Za-z0-9$.*+?^-]{6,40}$/)
      .filter((text) => !'[masked]'.includes(text))
    fc.assert(
      fc.property(fc.array(fc.string()), secret, (texts, key) => {
        expect(redact(texts.join(key), [new Secret(key)])).not.toContain(key)
      }),
    )
  })

  it('takes time in proportion to the text', () => {
    const texts: readonly ((length: number) => string)[] = [
      (length) => `https://${'a'.repeat(length)}`,
      (length) => 'https://'.repeat(length / 8),
      (length) => `https://${'@'.repeat(length)}`,
      (length) => 'Bearer '.repeat(length / 8),
    ]
    for (const textOf of texts) {
      const [short, long] = [textOf(2_000), textOf(32_000)]
      const ratio = ratioOfWork((size) => {
        for (let n = 0; n < 4; n += 1) redact(size === 1 ? short : long)
      })
      expect(ratio, short.slice(0, 20)).toBeLessThan(PROPORTIONAL_MAX)
    }
  })
})
