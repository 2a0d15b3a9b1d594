import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Amount, formatUsd, parseUsd } from '../../src/money/amount.ts'
import { formatDecimal, MoneyError, parseDecimal } from '../../src/money/decimal.ts'
import { add, compare, picos, subtract, sum, ZERO } from '../../src/money/picos.ts'
import { divideRoundingUp, roundDown, roundHalfEven, roundUp, split } from '../../src/money/rounding.ts'

const amounts = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(picos)
const decimals = fc.integer({ min: 0, max: 12 })

describe('decimal text', () => {
  it.each([
    ['0', 0n],
    ['5', 5_000_000_000_000n],
    ['5.00', 5_000_000_000_000n],
    ['0.0105', 10_500_000_000n],
    ['-0.5', -500_000_000_000n],
    ['0.000000000001', 1n],
    ['0.0000000000010', 1n],
    ['9223372036854775807', 9_223_372_036_854_775_807_000_000_000_000n],
  ])('reads %s exactly', (text, value) => {
    expect(parseDecimal(text)).toBe(value)
  })

  it.each([
    '',
    ' ',
    '1.',
    '.5',
    '1,000',
    '1e3',
    '+1',
    '0x10',
    'NaN',
    '--1',
    '1.2.3',
    '$5',
    '٣',
    '9'.repeat(65),
  ])('refuses %j', (text) => {
    expect(() => parseDecimal(text)).toThrow(MoneyError)
  })

  it('reads 64 characters, and shows 40 of what it cannot read', () => {
    expect(formatDecimal(parseDecimal('9'.repeat(64)))).toBe('9'.repeat(64))
    const failure = (text: string): RegExp => new RegExp(`: "${text}"\\. Write`)
    expect(() => parseDecimal('x'.repeat(40))).toThrow(failure('x'.repeat(40)))
    expect(() => parseDecimal('x'.repeat(41))).toThrow(failure(`${'x'.repeat(40)}…`))
  })

  it('refuses a digit below one pico, and says so', () => {
    expect(() => parseDecimal('0.0000000000001')).toThrow(/below one pico/)
  })

  it.each([5, 0.1, null, undefined, 5n, {}])('refuses %s, which is no text', (value) => {
    expect(() => parseDecimal(value as string)).toThrow(MoneyError)
  })

  it('writes what it reads, for every amount', () => {
    fc.assert(fc.property(amounts, (value) => parseDecimal(formatDecimal(value)) === value))
  })

  it('writes the shortest text', () => {
    fc.assert(
      fc.property(amounts, (value) => {
        const text = formatDecimal(value)
        expect(text).toMatch(/^-?(0|[1-9]\d*)(\.\d*[1-9])?$/)
      }),
    )
  })
})

describe('picos', () => {
  it('add like whole numbers', () => {
    fc.assert(
      fc.property(amounts, amounts, amounts, (a, b, c) => {
        expect(add(a, b)).toBe(add(b, a))
        expect(add(add(a, b), c)).toBe(add(a, add(b, c)))
        expect(add(a, ZERO)).toBe(a)
        expect(subtract(add(a, b), b)).toBe(a)
        expect(sum([a, b, c])).toBe(a + b + c)
      }),
    )
  })

  it('compare as they are ordered', () => {
    expect([
      compare(picos(4n), picos(5n)),
      compare(picos(5n), picos(5n)),
      compare(picos(6n), picos(5n)),
    ]).toEqual([-1, 0, 1])
    fc.assert(fc.property(amounts, amounts, (a, b) => Math.sign(Number(a - b)) === compare(a, b)))
  })

  it('add a hundred thousand calls of one token at $0.15 per million to exactly $0.015', () => {
    const perToken = parseDecimal('0.15') / 1_000_000n
    let total = ZERO
    for (let call = 0; call < 100_000; call++) total = add(total, picos(perToken))
    expect(formatDecimal(total)).toBe('0.015')
  })
})

describe('rounding', () => {
  it('brackets every amount, at every number of decimals', () => {
    fc.assert(
      fc.property(amounts, decimals, (value, places) => {
        const step = 10n ** BigInt(12 - places)
        const [down, up, even] = [
          roundDown(value, places),
          roundUp(value, places),
          roundHalfEven(value, places),
        ]
        expect(down <= value && value <= up).toBe(true)
        expect(up - down === 0n || up - down === step).toBe(true)
        expect(even === down || even === up).toBe(true)
        const distance = even > value ? even - value : value - even
        expect(distance * 2n <= step).toBe(true)
      }),
    )
  })

  it.each([
    ['0.125', 2, '0.12'],
    ['0.135', 2, '0.14'],
    ['-0.125', 2, '-0.12'],
    ['2.5', 0, '2'],
    ['3.5', 0, '4'],
  ])('rounds the tie %s at %i decimals to the even %s', (text, places, rounded) => {
    expect(formatDecimal(roundHalfEven(parseDecimal(text), places))).toBe(rounded)
  })

  it('divides up, towards positive infinity', () => {
    expect([divideRoundingUp(7n, 2n), divideRoundingUp(6n, 2n), divideRoundingUp(-7n, 2n)]).toEqual([
      4n,
      3n,
      -3n,
    ])
  })

  it.each([-1, 13, 0.5, Number.NaN])('refuses %s decimals', (places) => {
    expect(() => roundUp(ZERO, places)).toThrow(MoneyError)
  })
})

describe('splitting', () => {
  const weights = fc
    .array(fc.bigInt({ min: 0n, max: 1_000n }), { minLength: 1, maxLength: 20 })
    .filter((all) => all.some((weight) => weight > 0n))

  it('loses nothing, and no share is off by more than one pico', () => {
    fc.assert(
      fc.property(amounts, weights, (value, all) => {
        const shares = split(value, all)
        const whole = all.reduce((total, weight) => total + weight, 0n)
        expect(sum(shares)).toBe(value)
        for (const [index, share] of shares.entries()) {
          const weight = all[index] ?? 0n
          const off = share * whole - value * weight
          expect((off < 0n ? -off : off) < whole).toBe(true)
          if (weight === 0n) expect(share).toBe(0n)
        }
      }),
    )
  })

  it('gives what does not divide to those who lost most, not to the first', () => {
    expect(split(picos(2n), [3n, 1n, 1n, 1n])).toEqual([1n, 1n, 0n, 0n])
    expect(split(picos(-2n), [3n, 1n, 1n, 1n])).toEqual([-1n, -1n, 0n, 0n])
  })

  it('gives it to the first of those who lost the same', () => {
    expect(split(picos(7n), [1n, 1n, 1n, 1n])).toEqual([2n, 2n, 2n, 1n])
  })

  it.each([[[]], [[0n, 0n]], [[1n, -1n]], [[3n, -1n]]])('refuses the weights %s', (all) => {
    expect(() => split(ZERO, all)).toThrow(MoneyError)
  })
})

describe('an amount', () => {
  it('prints and serialises as a plain decimal', () => {
    const amount = parseUsd('0.0105')
    expect([String(amount), amount.currency]).toEqual(['0.0105', 'USD'])
    expect(JSON.stringify({ amount })).toBe('{"amount":"0.0105"}')
  })

  it.each([
    ['5', '$5.00'],
    ['0', '$0.00'],
    ['0.0105', '$0.0105'],
    ['-0.5', '-$0.50'],
  ])('of %s is shown as %s', (text, shown) => {
    expect(formatUsd(parseUsd(text))).toBe(shown)
  })

  it('cannot be changed, and is not made of a number', () => {
    const amount = new Amount(5n)
    expect(() => Object.assign(amount, { picos: 6n })).toThrow(TypeError)
    expect(() => new Amount(5 as unknown as bigint)).toThrow(MoneyError)
  })
})

it('an Amount shows itself as what it is', () => {
  expect(inspect({ amount: parseUsd('0.0105') })).toBe('{ amount: Amount $0.0105 }')
})
