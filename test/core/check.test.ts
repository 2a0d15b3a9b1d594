import { describe, expect, it } from 'vitest'
import { toMessages } from '../../src/core/check-input.ts'
import { checkOptions } from '../../src/core/check-options.ts'
import { MESSAGES_MAX, REQUEST_BYTES_MAX } from '../../src/core/limits.ts'
import type { Input } from '../../src/core/message.ts'
import { nearest } from '../../src/core/nearest.ts'
import type { CallOptions } from '../../src/core/request.ts'
import { usd } from '../../src/core/usd.ts'

const tool = { type: 'tool-result', id: 'a', name: 'clock', content: 12 } as const
const call = { type: 'tool-call', id: 'a', name: 'clock', arguments: {} } as const

describe('input', () => {
  it('is a text, a message or a conversation', () => {
    const message = { role: 'user', content: 'Hi' } as const
    expect(toMessages('Hi')).toEqual([message])
    expect(toMessages(message)).toEqual([message])
    expect(toMessages([message, message])).toEqual([message, message])
    expect(toMessages('Hi', 'Be brief')).toEqual([{ role: 'system', content: 'Be brief' }, message])
  })

  it('is passed on as it is, not copied', () => {
    const conversation = [{ role: 'user', content: 'Hi' }] as const
    expect(toMessages(conversation)).toBe(conversation)
  })

  it.each<[string, unknown, RegExp]>([
    ['an empty text', '', /empty/],
    ['white space', ' \n', /empty/],
    ['no message', [], /no message/],
    ['no content', [{ role: 'user' }], /no content/],
    ['no parts', { role: 'user', content: [] }, /no content/],
    ['empty parts', { role: 'user', content: [{ type: 'text', text: '' }] }, /empty/],
    ['an unknown role', { role: 'asistant', content: 'x' }, /did you mean assistant\?/],
    ['an unknown part', { role: 'user', content: [{ type: 'img', data: '' }] }, /unknown type "img"/],
    ['half a surrogate pair', 'a\uD83Db', /surrogate/],
    ['half a pair in a part', { role: 'user', content: [{ type: 'text', text: '\uDE00' }] }, /surrogate/],
    ['a tool message of text', { role: 'tool', content: 'x' }, /tool-result/],
    ['a picture by the system', { role: 'system', content: [{ type: 'image', data: 'x' }] }, /cannot hold/],
    ['a call by the user', { role: 'user', content: [call] }, /cannot hold a tool-call/],
    ['a result without a name', { role: 'tool', content: [{ ...tool, name: '' }] }, /id and a name/],
    [
      'a picture of nothing',
      { role: 'user', content: [{ type: 'image' }] },
      /exactly one of data, url and fileId/,
    ],
    [
      'a picture of two',
      { role: 'user', content: [{ type: 'image', url: 'x', fileId: 'y' }] },
      /exactly one/,
    ],
    ['a picture at a number', { role: 'user', content: [{ type: 'image', url: 7 }] }, /are texts/],
    [
      'a result with a text',
      { role: 'tool', content: [tool, { type: 'text', text: 'x' }] },
      /cannot hold a text/,
    ],
    ['a result with one picture', { role: 'tool', content: [{ ...tool, media: 'x' }] }, /array of parts/],
    [
      'a result with words as media',
      { role: 'tool', content: [{ ...tool, media: [{ type: 'text' }] }] },
      /only/,
    ],
    [
      'a result with nothing',
      { role: 'tool', content: [{ ...tool, media: [{ type: 'file' }] }] },
      /exactly one/,
    ],
    ['null', null, /not a message/],
    ['a number', 7, /not a message/],
  ])('is refused when it is %s', (_, input, message) => {
    expect(() => toMessages(input as Input)).toThrow(
      expect.objectContaining({ code: 'request_invalid', message: expect.stringMatching(message) as string }),
    )
  })

  it('takes a whole tool round, and an empty answer in the history', () => {
    const round = [
      { role: 'user', content: 'What time is it?' },
      { role: 'assistant', content: [call] },
      { role: 'tool', content: [tool] },
      { role: 'assistant', content: '' },
    ] as const
    expect(toMessages(round)).toHaveLength(4)
  })

  it('is refused when it is larger than groat sends, and says how large', () => {
    const large = 'x'.repeat(REQUEST_BYTES_MAX + 1)
    expect(() => toMessages(large)).toThrow(expect.objectContaining({ code: 'limit_exceeded' }))
    expect(toMessages('x'.repeat(REQUEST_BYTES_MAX))).toHaveLength(1)
    const many = Array.from({ length: MESSAGES_MAX + 1 }, () => ({ role: 'user', content: 'x' }) as const)
    expect(() => toMessages(many)).toThrow(expect.objectContaining({ code: 'limit_exceeded' }))
  })

  it('never shows the prompt in an error', () => {
    for (const bad of [{ role: 'user', content: 'SECRET \uD83D' }, [{ role: 'SECRET', content: 'SECRET' }]]) {
      const thrown = catchError(() => toMessages(bad as Input))
      expect(thrown.message.replace('the unknown role "SECRET"', '')).not.toContain('SECRET')
    }
  })
})

describe('options', () => {
  it.each<[CallOptions]>([
    [{ temperature: 0, topP: 1, topK: 1, maxOutputTokens: 1, seed: -1, stop: 'END' }],
    [{ stop: ['a', 'b'], tags: ['x'], user: 'ada', timeoutMs: 1, retries: 0 }],
    [{ signal: new AbortController().signal, middleware: [], providerOptions: { ollama: { numCtx: 1 } } }],
    [{ temperature: undefined } as unknown as CallOptions],
  ])('%j are fine', (options) => {
    expect(() => checkOptions(options)).not.toThrow()
  })

  it.each<[Record<string, unknown>, RegExp]>([
    [{ temperature: Number.NaN }, /temperature is a number of 0 or more/],
    [{ temperature: -0.1 }, /temperature/],
    [{ temperature: Infinity }, /temperature/],
    [{ temperature: '0.5' }, /temperature/],
    [{ topP: 0 }, /topP/],
    [{ topP: 1.01 }, /topP/],
    [{ topK: 0 }, /topK is a whole number of 1 or more/],
    [{ maxOutputTokens: 0 }, /maxOutputTokens/],
    [{ maxOutputTokens: 1.5 }, /maxOutputTokens/],
    [{ seed: 2 ** 53 }, /seed/],
    [{ stop: '' }, /stop/],
    [{ stop: ['a', ''] }, /stop/],
    [{ retries: 11 }, /retries is a whole number from 0 to 10/],
    [{ retries: -1 }, /retries/],
    [{ timeoutMs: 0 }, /timeoutMs/],
    [{ user: '' }, /user is a text/],
    [{ user: 'x'.repeat(257) }, /256 characters/],
    [{ user: 'a\0b' }, /user has a NUL character/],
    [{ tags: ['a', 'a\0b'] }, /tags .* NUL/],
    [{ tags: 'x' }, /tags/],
    [{ signal: {} }, /AbortSignal/],
    [{ middleware: ['retry'] }, /middleware/],
    [{ providerOptions: { ollama: 1 } }, /providerOptions/],
    [{ system: '' }, /system/],
    [{ temprature: 1 }, /no call option temprature; did you mean temperature\?/],
    [{ maxTokens: 1 }, /no call option maxTokens/],
  ])('%j are refused', (options, message) => {
    expect(() => checkOptions(options)).toThrow(
      expect.objectContaining({ code: 'request_invalid', message: expect.stringMatching(message) as string }),
    )
  })
})

describe('usd', () => {
  it('is an exact amount of a decimal text', () => {
    expect(usd('5.00').picos).toBe(5_000_000_000_000n)
  })

  it.each([5, '5 dollars', '1e3', '0.0000000000001'])('refuses %s with a typed error', (value) => {
    expect(() => usd(value as string)).toThrow(expect.objectContaining({ code: 'request_invalid' }))
  })
})

describe('the nearest name', () => {
  it.each([
    ['temprature', 'temperature'],
    ['baseURL', 'baseUrl'],
    ['olama', 'ollama'],
    ['modle', 'model'],
    ['zzz', undefined],
  ])('of %s is %s', (word, expected) => {
    expect(nearest(word, ['temperature', 'baseUrl', 'ollama', 'model'])).toBe(expected)
  })
})

function catchError(run: () => unknown): Error {
  try {
    run()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
