import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AIError, ERROR_CODES, isAIError, type ErrorCode } from '../../src/core/errors.ts'
import { Fold, type DriverEvent } from '../../src/core/stream.ts'
import { addUsage, toUsage, UNKNOWN_USAGE, type Usage } from '../../src/core/usage.ts'
import { uuidV7 } from '../../src/runtime.ts'

describe('an error', () => {
  it('is retryable by its code, unless it says otherwise', () => {
    for (const [code, { retryable }] of Object.entries(ERROR_CODES)) {
      expect(new AIError({ code: code as ErrorCode, message: 'x' }).retryable).toBe(retryable)
    }
    expect(new AIError({ code: 'provider_unavailable', message: 'x', retryable: false }).retryable).toBe(
      false,
    )
  })

  it('is known from another copy of groat, and nothing else is', () => {
    const foreign = { isAIError: true, code: 'aborted' }
    expect(
      [new AIError({ code: 'aborted', message: 'x' }), foreign].every(
        isAIError as (value: unknown) => boolean,
      ),
    ).toBe(true)
    const others = [new Error('x'), null, undefined, 'aborted', { code: 'aborted' }]
    expect(others.some((one) => isAIError(one))).toBe(false)
    expect([isAIError(foreign, 'aborted'), isAIError(foreign, 'timed_out')]).toEqual([true, false])
  })

  it('keeps everything when it learns more, its stack included', () => {
    const cause = new Error('why')
    const error = new AIError({
      code: 'rate_limited',
      message: 'slow',
      status: 429,
      retryAfterMs: 5,
      cause,
      retriesMax: 1,
    })
    const more = error.with({ provider: 'ollama', details: { kind: 'busy' } })
    expect(more).toMatchObject({
      code: 'rate_limited',
      status: 429,
      retryAfterMs: 5,
      retriesMax: 1,
      provider: 'ollama',
    })
    expect([more.cause, more.stack, more.details]).toEqual([cause, error.stack, { kind: 'busy' }])
  })

  it('is called AIError in logs and has no cause in JSON', () => {
    const error = new AIError({ code: 'network_failed', message: 'gone', cause: new Error('SECRET') })
    expect(inspect(error)).toContain('AIError: gone')
    expect(JSON.stringify(error)).not.toContain('SECRET')
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ code: 'network_failed', retryable: true })
  })
})

describe('usage', () => {
  const told = fc.record({
    inputTokens: fc.option(fc.nat(), { nil: undefined }),
    cacheReadTokens: fc.option(fc.nat(), { nil: undefined }),
    outputTokens: fc.option(fc.nat(), { nil: undefined }),
    reasoningTokens: fc.option(fc.nat(), { nil: undefined }),
  })

  it('takes only counts for counts', () => {
    const usage = toUsage({
      inputTokens: -1,
      outputTokens: 1.5,
      cacheReadTokens: '3',
      reasoningTokens: Number.NaN,
    })
    expect(usage).toEqual(UNKNOWN_USAGE)
    expect(toUsage({ inputTokens: 0 }).inputTokens).toBe(0)
  })

  it('never has a part larger than its whole, and settles at once', () => {
    fc.assert(
      fc.property(told, (counts) => {
        const usage = toUsage(counts)
        expect((usage.cacheReadTokens ?? 0) <= (usage.inputTokens ?? Infinity)).toBe(true)
        expect((usage.reasoningTokens ?? 0) <= (usage.outputTokens ?? Infinity)).toBe(true)
        expect(toUsage(usage)).toEqual(usage)
      }),
    )
  })

  it('is not known as a sum where one of its terms is not', () => {
    const one: Usage = toUsage({ inputTokens: 3, outputTokens: 5 })
    const two: Usage = toUsage({ inputTokens: 4 })
    expect(addUsage([one, two])).toMatchObject({ inputTokens: 7, outputTokens: undefined })
    expect(addUsage([])).toEqual(UNKNOWN_USAGE)
    expect(addUsage([one])).toBe(one)
  })
})

describe('the fold', () => {
  const end: DriverEvent = {
    type: 'end',
    finishReason: { unified: 'stop', raw: 'stop' },
    usage: UNKNOWN_USAGE,
  }

  function fold(...events: DriverEvent[]): Fold {
    const result = new Fold()
    for (const event of events) result.apply(event)
    return result
  }

  it('makes parts of what belongs together, in order of arrival', () => {
    const call = { id: 'a', name: 'clock', arguments: {} }
    const result = fold(
      { type: 'start', model: 'm', id: 'r1' },
      { type: 'reasoning-start' },
      { type: 'reasoning-delta', text: 'Hm' },
      { type: 'reasoning-delta', text: 'm.' },
      { type: 'reasoning-end', providerData: 'sig' },
      { type: 'text-start' },
      { type: 'text-delta', text: 'Hel' },
      { type: 'text-delta', text: 'lo' },
      { type: 'text-end' },
      { type: 'tool-call-start', id: 'a', name: 'clock' },
      { type: 'tool-call-delta', id: 'a', argumentsText: '{}' },
      { type: 'tool-call', call },
      { type: 'text-start' },
      { type: 'text-delta', text: '!' },
      end,
    )
    expect(result.parts).toEqual([
      { type: 'reasoning', text: 'Hmm.', providerData: 'sig' },
      { type: 'text', text: 'Hello' },
      { type: 'tool-call', ...call },
      { type: 'text', text: '!' },
    ])
    expect([result.text, result.reasoning, result.model, result.id]).toEqual(['Hello!', 'Hmm.', 'm', 'r1'])
    expect(result.toolCalls).toEqual([call])
  })

  it('shows an unfinished part without ending it', () => {
    const result = fold({ type: 'text-delta', text: 'Hal' })
    expect(result.snapshot()).toEqual([{ type: 'text', text: 'Hal' }])
    expect(result.parts).toEqual([])
    result.apply({ type: 'text-delta', text: 'lo' })
    result.apply(end)
    expect(result.parts).toEqual([{ type: 'text', text: 'Hallo' }])
  })

  it('gives the same answer however the text was cut', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (pieces) => {
        const deltas = pieces.map((text): DriverEvent => ({ type: 'text-delta', text }))
        expect(fold(...deltas, end).text).toBe(pieces.join(''))
      }),
    )
  })
})

describe('an id', () => {
  it('is a UUID of version 7 that sorts by time', () => {
    const random = fc.uuid({ version: 4 })
    const times = fc.integer({ min: 0, max: 2 ** 48 - 2 })
    fc.assert(
      fc.property(times, random, random, (time, a, b) => {
        const [earlier, later] = [uuidV7(time, a), uuidV7(time + 1, b)]
        expect(earlier).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
        expect(earlier < later).toBe(true)
      }),
    )
  })
})
