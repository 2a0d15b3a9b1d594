import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AIError } from '../../src/core/errors.ts'
import type { AIErrorOptions } from '../../src/core/errors.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import {
  parseRetryAfter,
  RETRY_AFTER_MS_MAX,
  retryAfterMs,
  retryDelayMs,
  wait,
} from '../../src/transport/retry.ts'
import { failureOf } from './far-end.ts'

const error = (options: Partial<AIErrorOptions> = {}): AIError =>
  new AIError({ code: 'provider_unavailable', message: 'Down.', ...options })

describe('retryDelayMs', () => {
  const delay = (
    options: Partial<AIErrorOptions>,
    retriesDone = 0,
    retriesMax = 2,
    chance = 0,
  ): number | undefined =>
    retryDelayMs({ error: error(options), retriesDone, retriesMax, random: () => chance })

  it('doubles from half to whole of 500 ms up to 8 s', () => {
    const least = Array.from({ length: 8 }, (_, done) => delay({}, done, 10, 0))
    const most = Array.from({ length: 8 }, (_, done) => delay({}, done, 10, 1))
    expect(least).toEqual([250, 500, 1_000, 2_000, 4_000, 4_000, 4_000, 4_000])
    expect(most).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000, 8_000])
  })

  it('stops at the number of retries, that of the call or that of the error', () => {
    expect([delay({}, 1, 2), delay({}, 2, 2), delay({}, 0, 0)]).toEqual([500, undefined, undefined])
    expect([delay({ retriesMax: 1 }, 0, 5), delay({ retriesMax: 1 }, 1, 5)]).toEqual([250, undefined])
    expect(delay({ retriesMax: 9 }, 2, 2)).toBeUndefined()
  })

  it('does not retry what cannot get better', () => {
    expect(delay({ code: 'authentication_failed' })).toBeUndefined()
    expect(delay({ code: 'provider_unavailable', retryable: false })).toBeUndefined()
    expect(delay({ code: 'response_invalid', retryable: true })).toBe(250)
    expect(delay({ code: 'aborted', retryable: true })).toBeUndefined()
  })

  it('waits at least as long as the provider asked, and not at all where that is too long', () => {
    expect(delay({ retryAfterMs: 3_000 })).toBe(3_000)
    expect(delay({ retryAfterMs: 3_000 }, 4, 9, 1)).toBe(8_000)
    expect(delay({ retryAfterMs: RETRY_AFTER_MS_MAX })).toBe(60_000)
    expect(delay({ retryAfterMs: RETRY_AFTER_MS_MAX + 1 })).toBeUndefined()
    expect(delay({ retryAfterMs: 0 })).toBe(250)
  })
})

describe('parseRetryAfter', () => {
  const now = Date.UTC(2026, 0, 1)

  it.each<[string | undefined, number | undefined]>([
    ['2', 2_000],
    ['0', 0],
    ['1.5', 1_500],
    ['0.0001', 1],
    [' 3 ', 3_000],
    ['Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
    ['Wed, 31 Dec 2025 23:59:59 GMT', 0],
    ['Thursday, 01-Jan-26 00:01:00 GMT', 60_000],
    [undefined, undefined],
    ['', undefined],
    ['soon', undefined],
    ['-1', undefined],
    ['NaN', undefined],
    ['Infinity', undefined],
    ['1e3', undefined],
    ['2026', 2_026_000],
    ['Thu, 99 Foo 2026', undefined],
  ])('reads %j as %j', (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected)
  })

  it('never gives a negative number or none at all', () => {
    const text = fc.oneof(
      fc.string(),
      fc.float().map(String),
      fc.date().map(String),
      fc.stringMatching(/^\d{1,400}$/),
    )
    fc.assert(
      fc.property(text, (value) => {
        const ms = parseRetryAfter(value, now)
        expect(ms === undefined || (Number.isFinite(ms) && ms >= 0)).toBe(true)
      }),
    )
  })

  it('prefers milliseconds where a response has both', () => {
    expect(retryAfterMs({ 'retry-after': '2', 'retry-after-ms': '150.2' }, now)).toBe(151)
    expect(retryAfterMs({ 'retry-after': '2', 'retry-after-ms': '-5' }, now)).toBe(2_000)
    expect(retryAfterMs({}, now)).toBeUndefined()
  })
})

describe('wait', () => {
  it('waits, and leaves nothing behind', async () => {
    const clock = new FakeClock()
    const { signal } = new AbortController()
    let done = false
    const waiting = wait(clock, 500, signal).then(() => (done = true))
    await clock.advance(499)
    expect(done).toBe(false)
    await clock.advance(1)
    await waiting
    expect([clock.timers, getEventListeners(signal, 'abort')]).toEqual([0, []])
  })

  it('ends at once when the signal fires', async () => {
    const clock = new FakeClock()
    const controller = new AbortController()
    const failed = failureOf(wait(clock, 500, controller.signal))
    controller.abort('enough')
    expect(await failed).toMatchObject({ code: 'aborted', cause: 'enough' })
    expect([clock.timers, getEventListeners(controller.signal, 'abort')]).toEqual([0, []])
  })

  it('does not begin when the signal has fired', async () => {
    const clock = new FakeClock()
    expect(await failureOf(wait(clock, 500, AbortSignal.abort('no')))).toMatchObject({
      code: 'aborted',
      cause: 'no',
    })
    expect(clock.timers).toBe(0)
  })
})
