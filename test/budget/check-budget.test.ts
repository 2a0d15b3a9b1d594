import { describe, expect, test } from 'vitest'
import { checkBudget, checkBudgetName } from '../../src/budget/check-budget.ts'
import type { BudgetInput } from '../../src/core/budget.ts'
import { isAIError } from '../../src/core/errors.ts'
import { Amount, parseUsd } from '../../src/money/amount.ts'

const GOOD: BudgetInput = { scope: 'user', id: 'ada', period: 'month', limit: '20.00' }

function refusal(more: object, code: 'config_invalid' | 'request_invalid' = 'request_invalid'): string {
  try {
    checkBudget({ ...GOOD, ...more }, code)
  } catch (error) {
    if (!isAIError(error) || error.code !== code) throw error
    return error.message
  }
  throw new Error(`${Object.keys(more).join()} was taken`)
}

describe('checkBudget', () => {
  test('completes what is left out, and freezes all of it', () => {
    const budget = checkBudget(GOOD, 'config_invalid')
    expect(budget).toEqual({
      scope: 'user',
      id: 'ada',
      period: 'month',
      limit: parseUsd('20'),
      timeZone: 'UTC',
      unpriced: 'deny',
      mode: 'enforce',
      thresholds: [0.8, 0.95],
      onLimit: 'reject',
    })
    expect(Object.isFrozen(budget) && Object.isFrozen(budget.thresholds)).toBe(true)
  })

  test('takes limits as text, as an Amount of any copy of groat, and none', () => {
    const limitOf = (limit: unknown): unknown =>
      checkBudget({ ...GOOD, limit } as BudgetInput, 'config_invalid').limit
    expect(limitOf('0')).toEqual(parseUsd('0'))
    expect(limitOf('0.000000000001')).toEqual(new Amount(1n))
    expect(limitOf('9000000')).toEqual(parseUsd('9000000'))
    expect(limitOf(parseUsd('1.5'))).toEqual(parseUsd('1.5'))
    expect(limitOf({ picos: 5n, currency: 'USD' })).toEqual(new Amount(5n))
    expect(limitOf(null)).toBeNull()
    expect(refusal({ limit: 5n })).toContain('a bigint')
  })

  test('takes the widest of everything', () => {
    const thresholds = Array.from({ length: 10 }, (_, index) => (index + 1) / 10)
    const budget = checkBudget(
      {
        ...GOOD,
        id: '😀'.repeat(128),
        timeZone: 'Asia/Kathmandu',
        thresholds,
        onLimit: { fallback: 'ollama/library/llama3.2:1b' },
      },
      'config_invalid',
    )
    expect(budget.timeZone).toBe('Asia/Kathmandu')
    expect(budget.thresholds).toEqual(thresholds)
    expect(budget.onLimit).toEqual({ fallback: 'ollama/library/llama3.2:1b' })
    expect(checkBudget({ ...GOOD, thresholds: [] }, 'config_invalid').thresholds).toEqual([])
  })

  test.each<readonly [object, string]>([
    [{ limit: '-0.01' }, 'below zero'],
    [{ limit: '0.0000000000001' }, 'below one pico'],
    [{ limit: '9000000.000000000001' }, 'above $9,000,000'],
    [{ limit: 5 }, "a number; write dollars as text, such as '5.00'"],
    [{ limit: undefined }, "'limit' is missing"],
    [{ limit: {} }, 'an object'],
    [{ limit: '5 dollars' }, 'is no amount of dollars'],
    [{ limit: '1e3' }, 'is no amount of dollars'],
    [{ id: '' }, "'id' is empty"],
    [{ id: 7 }, "'id' is a string"],
    [{ id: 'x'.repeat(10_000) }, '10000 characters, and ids have at most 256'],
    [{ id: 'a\ud800' }, 'lone surrogate'],
    [{ id: 'a\0b' }, "'id' has a NUL character"],
    [{ scope: 'users' }, "'users': did you mean 'user'?"],
    [{ scope: 'team' }, "'team': use one of user, project, organization, key"],
    [{ scope: undefined }, "'scope' is missing"],
    [{ period: 'montly' }, "'montly': did you mean 'month'?"],
    [{ period: 'x'.repeat(10_000) }, '…'],
    [{ timeZone: 'Europe/Berln' }, "did you mean 'Europe/Berlin'?"],
    [{ timeZone: '' }, 'no time zone'],
    [{ timeZone: '+05:30' }, 'no time zone'],
    [{ timeZone: 5 }, 'no time zone'],
    [{ timeZone: 'x'.repeat(10_000) }, 'no time zone'],
    [{ unpriced: 'maybe' }, "'maybe': use one of deny, allow"],
    [{ mode: 'observ' }, "did you mean 'observe'?"],
    [{ mode: {} }, "'mode' is no text: use one of enforce, observe"],
    [{ thresholds: 0.8 }, 'a list of shares'],
    [{ thresholds: [0] }, 'above 0 and up to 1'],
    [{ thresholds: [80] }, 'above 0 and up to 1'],
    [{ thresholds: [Number.NaN] }, 'above 0 and up to 1'],
    [{ thresholds: ['0.8'] }, 'has no number'],
    [{ thresholds: [0.9, 0.8] }, 'has 0.8 after 0.9; shares rise'],
    [{ thresholds: [0.8, 0.8] }, 'shares rise'],
    [{ thresholds: [0.1234567] }, 'at most 6 decimals'],
    [{ thresholds: Array.from({ length: 11 }, (_, index) => (index + 1) / 20) }, 'more than 10 shares'],
    [{ onLimit: 'fall back' }, "'reject', 'fit' or a fallback"],
    [{ onLimit: {} }, "'reject', 'fit' or a fallback"],
    [{ onLimit: { fallback: 'llama3.2' } }, "'provider/model'"],
    [{ onLimit: { fallback: 'ollama/' } }, "'provider/model'"],
    [{ onLimit: { fallback: 'ollama/a\0b' } }, "'provider/model'"],
    [{ onLimit: { fallback: 'ollama/x', model: 'y' } }, "'reject', 'fit' or a fallback"],
    [{ onlimit: 'fit' }, "'onlimit' is unknown: did you mean 'onLimit'?"],
    [{ ['x'.repeat(10_000)]: 1 }, 'is unknown: use one of'],
  ])('refuses %j and says why', (more, says) => {
    const message = refusal(more)
    expect(message).toContain(says)
    expect(message.length).toBeLessThan(300)
  })

  test.each([undefined, null, 5, 'user', []])('refuses %j, which is no budget', (input) => {
    expect(() => checkBudget(input as unknown as BudgetInput, 'config_invalid')).toThrow(
      expect.objectContaining({ code: 'config_invalid' }) as Error,
    )
  })

  test('throws with the code of the caller, and names the field', () => {
    expect(refusal({ limit: '-1' }, 'config_invalid')).toContain('below zero')
    expect(() => checkBudget({ ...GOOD, limit: '-1' }, 'request_invalid')).toThrow(
      expect.objectContaining({ code: 'request_invalid', details: { field: 'limit' } }) as Error,
    )
  })

  test('checks which budget is meant, and nothing else of it', () => {
    expect(checkBudgetName({ scope: 'key', id: '*', period: 'call' }, 'request_invalid')).toEqual({
      scope: 'key',
      id: '*',
      period: 'call',
    })
    const bad = { scope: 'key', id: '', period: 'call' } as const
    expect(() => checkBudgetName(bad, 'request_invalid')).toThrow(/'id' is empty/)
    const more = { scope: 'key', id: 'k', period: 'call', limit: '1' } as const
    expect(() => checkBudgetName(more, 'request_invalid')).toThrow(/'limit' is unknown/)
  })
})
