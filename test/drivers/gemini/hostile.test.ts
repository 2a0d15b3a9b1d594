import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toError } from '../../../src/drivers/gemini/errors.ts'
import { fromEmbedWire, fromWire } from '../../../src/drivers/gemini/wire.ts'
import { isAIError } from '../../../src/core/errors.ts'
import { geminiFixtures } from '../../fixtures/gemini/index.ts'
import { driver, readPieces } from './in-memory.ts'
import { failure } from './world.ts'

/** Values that are like a record of the service, with anything in the place of anything. */
const { record } = fc.letrec<{ value: unknown; record: unknown }>((tie) => {
  const names = fc.constantFrom(
    'candidates',
    'content',
    'parts',
    'text',
    'thought',
    'thoughtSignature',
    'functionCall',
    'id',
    'name',
    'args',
    'finishReason',
    'finishMessage',
    'promptFeedback',
    'blockReason',
    'usageMetadata',
    'promptTokenCount',
    'error',
    'candidatesTokenCount',
    'thoughtsTokenCount',
    'toolUsePromptTokenCount',
    'cachedContentTokenCount',
    'modelVersion',
    'promptTokensDetails',
    'modality',
    'tokenCount',
    'groundingMetadata',
    'webSearchQueries',
    'groundingChunks',
    'serviceTier',
    'responseId',
    'continuationToken',
    'inlineData',
    'status',
    'code',
    'message',
    'details',
    '__proto__',
  )
  const leaf = fc.oneof(
    fc.string(),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(
      null,
      'STOP',
      'SAFETY',
      'MALFORMED_FUNCTION_CALL',
      'AUDIO',
      'IMAGE',
      1e308,
      -1,
      Number.MAX_SAFE_INTEGER,
    ),
  )
  const object = fc.dictionary(names, tie('value'), { maxKeys: 6 })
  return {
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaf,
      fc.array(tie('value'), { maxLength: 3 }),
      object,
    ),
    record: fc.oneof(object, tie('value')),
  }
})

const ALL = Buffer.concat(Object.values(geminiFixtures).map(({ bytes }) => bytes))

describe('no answer of a server', () => {
  it('makes the driver throw anything but an AIError, in pieces of any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }),
        fc.boolean(),
        async (pieces, stream) => {
          const { error, fold } = await readPieces(pieces, stream)
          expect(error === undefined).toBe(fold.end !== undefined)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('does it as records that are wrong in any place', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 5 }), fc.boolean(), async (records, stream) => {
        const text = stream
          ? records.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('')
          : JSON.stringify(records[0] ?? null)
        const { events, fold, error } = await readPieces([new TextEncoder().encode(text)], stream)
        expect(events.filter(({ type }) => type === 'end').length).toBeLessThanOrEqual(1)
        if (error === undefined) expect(events.at(-1)?.type).toBe('end')
        const { usage, billing } = fold.end ?? {}
        if (!usage) return
        const bill = driver().bill('gemini-3.8-flash', usage, billing)
        for (const { quantity } of bill.lines)
          expect(Number.isSafeInteger(quantity) && quantity >= 0).toBe(true)
      }),
      { numRuns: 1_000 },
    )
  })

  it('does it as real streams with bytes changed, left out or put in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: ALL.length }),
        fc.nat({ max: 40 }),
        fc.uint8Array({ maxLength: 40 }),
        async (at, removed, added) => {
          const bytes = Buffer.concat([ALL.subarray(0, at), added, ALL.subarray(at + removed)])
          await readPieces([bytes])
        },
      ),
      { numRuns: 300 },
    )
  })

  it('does it as an error, whatever its status and its text', () => {
    fc.assert(
      fc.property(record, fc.integer({ min: 300, max: 599 }), (error, status) => {
        for (const text of [JSON.stringify(error), JSON.stringify({ error }), JSON.stringify([{ error }])])
          expect(isAIError(toError(failure(text ?? '', { status })))).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('does it as vectors', () => {
    fc.assert(
      fc.property(record, (embeddings) => {
        try {
          fromEmbedWire({ embeddings }, { model: 'm', values: ['a'], providerOptions: {} })
        } catch (error) {
          expect(isAIError(error)).toBe(true)
        }
      }),
    )
  })

  it('makes it recurse without an end', () => {
    const deep = '['.repeat(5_000) + ']'.repeat(5_000)
    expect(fromWire(JSON.parse(deep)).failure).toBe('not a record')
  })

  it('grows beyond its limit: an event that never ends is refused', async () => {
    const piece = new TextEncoder().encode('x'.repeat(8 * 1024 * 1024))
    const { error } = await readPieces([
      new TextEncoder().encode('data: '),
      piece,
      piece,
      piece,
      piece,
      piece,
    ])
    expect(error).toMatch(/^limit_exceeded/)
  })
})
