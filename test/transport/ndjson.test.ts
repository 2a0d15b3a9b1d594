import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AIError } from '../../src/core/errors.ts'
import { NDJSON_LINE_BYTES_MAX, NdjsonDecoder } from '../../src/transport/ndjson.ts'
import { Secret } from '../../src/transport/redact.ts'
import { pieces, PROPORTIONAL_MAX, ratioOfWork } from './pieces.ts'

/** What a decoder gives for some pieces: its values, and at the end the code of its error. */
function decode(parts: readonly Uint8Array[], lineBytesMax?: number): unknown[] {
  const decoder = new NdjsonDecoder(lineBytesMax === undefined ? {} : { lineBytesMax })
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

describe('NdjsonDecoder', () => {
  it.each<[string, string, unknown[]]>([
    ['one line', '{"a":1}\n', [{ a: 1 }]],
    ['many lines at once', '1\n2\n3\n', [1, 2, 3]],
    ['a last line without its end', '1\n2', [1, 2]],
    ['carriage returns', '{"a":1}\r\n"b"\r\n', [{ a: 1 }, 'b']],
    ['blank lines', '\n\n1\n  \n\r\n2\n\n', [1, 2]],
    ['text of more than one byte', '"Grüße 👋"\n', ['Grüße 👋']],
    ['separators that are no line ends in JSON', '"a\u2028b\u2029c\u0085d"\n', ['a\u2028b\u2029c\u0085d']],
    ['a byte order mark at the beginning', '\uFEFF1\n2\n', [1, 2]],
    ['a byte order mark elsewhere', '1\n\uFEFF2\n3', [1, { error: 'response_invalid' }]],
    ['nothing', '', []],
    ['only white space', ' \n\t', []],
    ['a line that is no JSON', '1\n<html>\n2\n', [1, { error: 'response_invalid' }]],
    ['a cut value', '1\n{"a":', [1, { error: 'response_invalid' }]],
  ])('reads %s', (_name, text, expected) => {
    const all = bytes(text)
    expect(decode([all])).toEqual(expected)
    expect(decode(Array.from(all, (byte) => Uint8Array.of(byte)))).toEqual(expected)
  })

  it('hands out the values before an error first, and then only the error', () => {
    const decoder = new NdjsonDecoder()
    expect(decoder.push(bytes('1\nno\n2\n'))).toEqual([1])
    expect(() => decoder.push(bytes('3\n'))).toThrow(AIError)
    expect(() => decoder.end()).toThrow(AIError)
  })

  it('shows a bounded excerpt of a bad line, without secrets', () => {
    const decoder = new NdjsonDecoder({ secrets: [new Secret('sk-12345678')] })
    const line = `Incorrect key sk-12345678, header Bearer abcdefgh. ${'x'.repeat(1_000)}\n`
    let error: unknown
    try {
      decoder.push(bytes(line))
    } catch (thrown) {
      error = thrown
    }
    const shown = JSON.stringify(error)
    expect(shown).toContain('Incorrect key [masked], header Bearer [masked]')
    expect(shown.length).toBeLessThan(800)
    expect(error).toMatchObject({ code: 'response_invalid', retryable: false })
    // The platform's own error would quote the line as it is.
    expect(error).not.toHaveProperty('cause')
  })

  it.each([9, 10, 11, 100])('allows a line of 10 bytes and none longer (%i)', (length) => {
    const line = bytes(`${'1'.repeat(length)}\n1\n`)
    const expected = length <= 10 ? [Number('1'.repeat(length)), 1] : [{ error: 'limit_exceeded' }]
    expect(decode([line], 10)).toEqual(expected)
    expect(
      decode(
        Array.from(line, (byte) => Uint8Array.of(byte)),
        10,
      ),
    ).toEqual(expected)
  })

  it('has a limit of 32 MiB', () => {
    const decoder = new NdjsonDecoder()
    const piece = new Uint8Array(1024 * 1024).fill(0x31)
    for (let mebibytes = 0; mebibytes < 32; mebibytes += 1) decoder.push(piece)
    expect(NDJSON_LINE_BYTES_MAX).toBe(32 * 1024 * 1024)
    expect(() => decoder.push(Uint8Array.of(0x31))).toThrow(/more than 33554432 bytes/)
  })

  it('gives the same values for every cut of the same bytes', () => {
    const line = fc.oneof(fc.json(), fc.constantFrom('', ' ', '\r', 'no', '{"a":', '"👋\u2028"', '\uFEFF1'))
    const property = fc.property(
      fc.array(line, { maxLength: 8 }),
      fc.constantFrom('', '\n', '\r\n'),
      fc.constantFrom(4, 20, 1_000),
      fc.array(fc.nat()),
      (lines, last, max, cuts) => {
        const all = bytes(lines.join('\n') + last)
        expect(decode(pieces(all, cuts), max)).toEqual(decode([all], max))
      },
    )
    fc.assert(property, { numRuns: 500 })
  })

  it('throws nothing but our errors, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat()), (all, cuts) => {
        expect(decode(pieces(all, cuts))).toEqual(decode([all]))
      }),
      { numRuns: 1_000 },
    )
  })

  it('takes time in proportion to the length of a line', () => {
    const ratio = ratioOfWork((mebibytes) => {
      const piece = new Uint8Array(1024).fill(0x61)
      const decoder = new NdjsonDecoder()
      decoder.push(bytes('"'))
      for (let n = 0; n < mebibytes * 1024; n += 1) decoder.push(piece)
      expect(decoder.push(bytes('"\n'))).toHaveLength(1)
    })
    expect(ratio).toBeLessThan(PROPORTIONAL_MAX)
  })
})
