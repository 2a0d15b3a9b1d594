import { expect, it } from 'vitest'
import { durationMs, exhaustedMs, toRateLimits } from '../../src/dialects/openai-rate-limits.ts'

it.each([
  ['1s', 1_000],
  ['20ms', 20],
  ['6m0s', 360_000],
  ['1h2m3s', 3_723_000],
  ['1m12.345s', 72_345],
  ['1d', 86_400_000],
  ['500us', 1],
  ['12', 12_000],
  ['0.5', 500],
  ['', undefined],
  [undefined, undefined],
  ['soon', undefined],
  ['1s later', undefined],
  ['-1s', undefined],
  ['9'.repeat(40), undefined],
])('reads %s as %s ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms)
})

it('has only what was told', () => {
  expect(toRateLimits({})).toBeUndefined()
  expect(toRateLimits({ 'x-ratelimit-remaining-tokens': 'many' })).toBeUndefined()
  expect(toRateLimits({ 'x-ratelimit-remaining-tokens': '7' })).toEqual({ tokens: { remaining: 7 } })
})

it('waits for the limit that is used up, and for the later of two', () => {
  const limits = (requests: string, tokens: string): Record<string, string> => ({
    'x-ratelimit-remaining-requests': requests,
    'x-ratelimit-reset-requests': '2s',
    'x-ratelimit-remaining-tokens': tokens,
    'x-ratelimit-reset-tokens': '3s',
  })
  expect([limits('1', '1'), limits('0', '1'), limits('0', '0')].map(exhaustedMs)).toEqual([
    undefined,
    2_000,
    3_000,
  ])
  expect(exhaustedMs({ 'x-ratelimit-remaining-tokens': '0' })).toBeUndefined()
})
