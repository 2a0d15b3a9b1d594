import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AIError } from '../../src/core/errors.ts'
import { SSE_DATA_CHARS_MAX, SseDecoder } from '../../src/transport/sse.ts'
import { pieces, PROPORTIONAL_MAX, ratioOfWork } from './pieces.ts'

function decode(parts: readonly Uint8Array[], dataCharsMax?: number): unknown[] {
  const decoder = new SseDecoder(dataCharsMax === undefined ? {} : { dataCharsMax })
  const out: unknown[] = []
  try {
    for (const part of parts) out.push(...decoder.push(part))
    out.push(...decoder.end())
  } catch (error) {
    if (!(error instanceof AIError)) throw error
    out.push({ error: error.code })
  }
  return out
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const data = (text: string): object => ({ event: undefined, data: text })

describe('SseDecoder', () => {
  it.each<[string, string, unknown[]]>([
    ['an event', 'data: {"a":1}\n\n', [data('{"a":1}')]],
    ['several at once', 'data: 1\n\ndata: 2\n\n', [data('1'), data('2')]],
    ['a name and an id', 'id: 7\nevent: delta\ndata: x\n\n', [{ event: 'delta', data: 'x', id: '7' }]],
    ['data of several lines', 'data: a\ndata: b\ndata\ndata: c\n\n', [data('a\nb\n\nc')]],
    ['data without a space', 'data:x\n\n', [data('x')]],
    ['one space is taken away and no more', 'data:  x \n\n', [data(' x ')]],
    ['data without a colon', 'data\n\n', [data('')]],
    ['comments', ': keep-alive\n\n:\n: x\ndata: 1\n: y\n\n', [data('1')]],
    ['unknown fields and retry', 'foo: bar\nretry: 10\nretry: no\nDATA: x\ndata: 1\n\n', [data('1')]],
    ['carriage returns and line feeds', 'data: 1\r\n\r\ndata: 2\r\n\r\n', [data('1'), data('2')]],
    ['carriage returns alone', 'data: 1\r\rdata: 2\r\rdata: 3\r\r', [data('1'), data('2'), data('3')]],
    ['a mixture of line ends', 'data: 1\r\n\ndata: 2\n\r\ndata: 3\r\r\n', [data('1'), data('2'), data('3')]],
    ['a name without data', 'event: ping\n\ndata: 1\n\n', [data('1')]],
    ['a byte order mark', '\uFEFFdata: 1\n\n', [data('1')]],
    ['an id with a null', 'id: a\0b\ndata: 1\n\n', [data('1')]],
    ['text of more than one byte', 'data: Grüße 👋\u2028x\n\n', [data('Grüße 👋\u2028x')]],
    ['no event without its blank line', 'data: 1\n\ndata: 2\n', [data('1')]],
    ['nothing', '', []],
  ])('reads %s', (_name, text, expected) => {
    const all = bytes(text)
    expect(decode([all])).toEqual(expected)
    expect(decode(Array.from(all, (byte) => Uint8Array.of(byte)))).toEqual(expected)
  })

  it('refuses an event that is too long, after those before it', () => {
    const all = bytes(`data: 1\n\ndata: ${'x'.repeat(200)}\n\ndata: 2\n\n`)
    const expected = [data('1'), { error: 'limit_exceeded' }]
    expect(decode([all], 100)).toEqual(expected)
    expect(
      decode(
        Array.from(all, (byte) => Uint8Array.of(byte)),
        100,
      ),
    ).toEqual(expected)
    const lines = bytes('data: xxxxxxxxx\n'.repeat(30))
    expect(decode([lines], 100)).toEqual([{ error: 'limit_exceeded' }])
    expect(SSE_DATA_CHARS_MAX).toBe(32 * 1024 * 1024)
  })

  it('gives the same events for every cut of the same bytes', () => {
    const field = fc.constantFrom(
      'data: a',
      'data:',
      'data',
      'event: e',
      'id: 1',
      ': c',
      'x: y',
      'retry: 1',
      '👋',
      '',
    )
    const end = fc.constantFrom('\n', '\r', '\r\n')
    const property = fc.property(
      fc.array(fc.tuple(field, end), { maxLength: 20 }),
      fc.array(fc.nat()),
      (lines, cuts) => {
        const all = bytes(lines.flat().join(''))
        expect(decode(pieces(all, cuts))).toEqual(decode([all]))
      },
    )
    fc.assert(property, { numRuns: 1_000 })
  })

  it('throws nothing but our errors, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat()), (all, cuts) => {
        expect(decode(pieces(all, cuts))).toEqual(decode([all]))
      }),
      { numRuns: 1_000 },
    )
  })

  it('takes time in proportion to the length of an event', () => {
    const ratio = ratioOfWork((mebibytes) => {
      const piece = new Uint8Array(1024).fill(0x61)
      const decoder = new SseDecoder()
      decoder.push(bytes('data: '))
      for (let n = 0; n < mebibytes * 1024; n += 1) decoder.push(piece)
      expect(decoder.push(bytes('\n\n'))).toHaveLength(1)
    })
    expect(ratio).toBeLessThan(PROPORTIONAL_MAX)
  })
})
