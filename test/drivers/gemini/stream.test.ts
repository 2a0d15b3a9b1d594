import { describe, expect, it } from 'vitest'
import { geminiFixtures } from '../../fixtures/gemini/index.ts'
import { offline } from './world.ts'

const { readPieces, readRecords } = offline

const END = { usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5 } }
const record = (parts: readonly object[], candidate: object = {}, more: object = {}): object => ({
  candidates: [{ content: { role: 'model', parts }, ...candidate }],
  ...more,
})
const stop = (parts: readonly object[], reason: string = 'STOP'): object =>
  record(parts, { finishReason: reason }, END)

describe('an answer', () => {
  it.each(Object.values(geminiFixtures))(
    '$name is what was worked out by hand',
    async ({ bytes, expected }) => {
      const { fold, error } = await readPieces([bytes])
      expect(error).toBe(expected.error)
      expect([fold.text, fold.reasoning]).toEqual([expected.text, expected.reasoning])
      expect(fold.end?.finishReason.raw).toBe(expected.finishRaw)
      expect([fold.end?.usage.inputTokens, fold.end?.usage.outputTokens]).toEqual(expected.tokens)
      expect(fold.toolCalls.map(({ id, name, arguments: args }) => [id, name, args])).toEqual(
        expected.calls ?? [],
      )
      expect(fold.parts).toEqual(expected.parts ?? fold.parts)
    },
  )

  it('is the same however its bytes are cut', async () => {
    for (const { bytes, name } of Object.values(geminiFixtures)) {
      const whole = await readPieces([bytes])
      const single = await readPieces(Array.from(bytes, (byte) => Uint8Array.of(byte)))
      expect(single.fold.parts, name).toEqual(whole.fold.parts)
      expect([single.error, single.message], name).toEqual([whole.error, whole.message])
    }
  })

  it('keeps parts in their order, and joins none that is signed', async () => {
    const { fold, events } = await readRecords([
      record([
        { text: 'Think', thought: true },
        { text: 'ing', thought: true, thoughtSignature: 'QQ==' },
      ]),
      record([{ text: 'a' }, { text: 'b' }]),
      record([{ text: 'c', thoughtSignature: 'Qg==' }]),
      record([{ text: 'd' }, { functionCall: { name: 'f' }, thoughtSignature: 'Qw==' }]),
      stop([{ text: '', thoughtSignature: 'RA==' }]),
    ])
    expect(fold.parts).toEqual([
      { type: 'reasoning', text: 'Think' },
      {
        type: 'reasoning',
        text: 'ing',
        providerData: expect.objectContaining({ data: { thoughtSignature: 'QQ==' } }) as unknown,
      },
      { type: 'text', text: 'ab' },
      {
        type: 'text',
        text: 'c',
        providerData: expect.objectContaining({ data: { thoughtSignature: 'Qg==' } }) as unknown,
      },
      { type: 'text', text: 'd' },
      {
        type: 'tool-call',
        id: 'gemini_call_1',
        name: 'f',
        arguments: {},
        providerData: expect.objectContaining({ data: { thoughtSignature: 'Qw==' } }) as unknown,
      },
      {
        type: 'text',
        text: '',
        providerData: expect.objectContaining({ data: { thoughtSignature: 'RA==' } }) as unknown,
      },
    ])
    const types = events.map(({ type }) => type)
    const [thought, text] = ['reasoning', 'text'].map((kind) => [`${kind}-start`, `${kind}-end`]) as [
      string[],
      string[],
    ]
    expect(types.filter((type) => !type.endsWith('-delta'))).toEqual([
      'start',
      ...thought,
      ...thought,
      ...text,
      ...text,
      ...text,
      'tool-call',
      ...text,
      'end',
    ])
    expect(fold.end?.finishReason.unified).toBe('tool-calls')
  })

  it('is an array of records, too, where a server does not know alt=sse', async () => {
    const { fold } = await readRecords([[record([{ text: 'a' }]), stop([{ text: 'b' }])]], { stream: false })
    expect([fold.text, fold.end?.finishReason.unified]).toEqual(['ab', 'stop'])
  })

  it("keeps what Google's own tools did as it is, and says that there is a picture", async () => {
    const code = { executableCode: { language: 'PYTHON', code: '1+1' } }
    const picture = { inlineData: { mimeType: 'image/png', data: 'AAAA' }, thoughtSignature: 'QQ==' }
    const { fold } = await readRecords([record([code]), stop([picture])])
    expect(fold.parts.map((part) => 'providerData' in part && part.providerData)).toEqual([
      expect.objectContaining({ data: { part: code } }),
      expect.objectContaining({ data: { part: picture } }),
    ])
    expect(fold.warnings.map(({ code: said }) => said)).toEqual(['media-in-answer'])
  })

  it.each<[string, string]>([
    ['STOP', 'stop'],
    ['MAX_TOKENS', 'length'],
    ...[
      'SAFETY',
      'RECITATION',
      'BLOCKLIST',
      'PROHIBITED_CONTENT',
      'SPII',
      'LANGUAGE',
      'IMAGE_SAFETY',
      'IMAGE_PROHIBITED_CONTENT',
      'IMAGE_RECITATION',
    ].map((reason): [string, string] => [reason, 'content-filter']),
    ['OTHER', 'other'],
    ['NO_IMAGE', 'other'],
    ['IMAGE_OTHER', 'other'],
    ['FINISH_REASON_UNSPECIFIED', 'other'],
    ['SOMETHING_NEW', 'other'],
    ['constructor', 'other'],
  ])('that ends with %s ended by %s', async (raw, unified) => {
    const { fold, error } = await readRecords([{ candidates: [{ finishReason: raw }], ...END }])
    expect([fold.end?.finishReason, error]).toEqual([{ unified, raw }, undefined])
  })

  it.each(['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS', 'MALFORMED_RESPONSE'])(
    'that ends with %s is an error, of which the counts are known',
    async (reason) => {
      const { fold, error } = await readRecords([stop([{ text: 'call:' }], reason)])
      expect(error).toBe('response_invalid')
      expect([fold.text, fold.end?.usage.inputTokens, fold.end?.usage.outputTokens]).toEqual(['call:', 3, 2])
    },
  )
})

describe('an answer that is all thoughts', () => {
  const ended = async (
    parts: readonly object[],
    usageMetadata: object,
    finishReason: string,
  ): Promise<unknown[]> => {
    const { fold } = await readRecords([
      { candidates: [{ content: { parts }, finishReason }], usageMetadata },
    ])
    return [fold.end?.finishReason.detail, fold.warnings.map(({ code }) => code)]
  }

  it('because its room was used up says so, and no other does', async () => {
    const thought = [{ text: 'Hm', thought: true }]
    const counts = { promptTokenCount: 1, thoughtsTokenCount: 100 }
    expect(await ended(thought, counts, 'MAX_TOKENS')).toEqual(['thinking-exhausted', ['thinking-exhausted']])
    expect(await ended([], counts, 'MAX_TOKENS')).toEqual(['thinking-exhausted', ['thinking-exhausted']])
    expect(await ended([...thought, { text: '' }], counts, 'MAX_TOKENS')).toEqual([
      'thinking-exhausted',
      ['thinking-exhausted'],
    ])
    expect(await ended([...thought, { text: 'So' }], counts, 'MAX_TOKENS')).toEqual([undefined, []])
    expect(await ended([{ functionCall: { name: 'f' } }], counts, 'MAX_TOKENS')).toEqual([undefined, []])
    expect(await ended([], { promptTokenCount: 1 }, 'MAX_TOKENS')).toEqual([undefined, []])
    expect(await ended(thought, counts, 'STOP')).toEqual([undefined, []])
  })
})

describe('the counts', () => {
  const usage = async (usageMetadata: unknown): Promise<unknown[]> => {
    const { fold } = await readRecords([{ candidates: [{ finishReason: 'STOP' }], usageMetadata }])
    const { inputTokens, cacheReadTokens, outputTokens, reasoningTokens } = fold.end?.usage ?? {}
    return [inputTokens, cacheReadTokens, outputTokens, reasoningTokens]
  }

  it('are those that were told, with zero for what is left out beside them', async () => {
    const U = undefined
    expect(await usage(undefined)).toEqual([U, U, U, U])
    expect(await usage({})).toEqual([U, U, U, U])
    expect(await usage({ promptTokenCount: 5 })).toEqual([5, 0, U, 0])
    expect(await usage({ promptTokenCount: 5, totalTokenCount: 5 })).toEqual([5, 0, 0, 0])
    expect(await usage({ promptTokenCount: 5, totalTokenCount: 9 })).toEqual([5, 0, 4, 0])
    // Counts that contradict each other tell nothing.
    expect(await usage({ promptTokenCount: 5, totalTokenCount: 3 })).toEqual([5, 0, U, 0])
    expect(await usage({ promptTokenCount: 5, thoughtsTokenCount: 4, totalTokenCount: 9 })).toEqual([
      5, 0, 4, 4,
    ])
    expect(await usage({ promptTokenCount: 'x', candidatesTokenCount: -1 })).toEqual([U, U, U, U])
  })
})
