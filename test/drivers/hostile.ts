import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAIError, type AIError } from '../../src/core/errors.ts'
import type { Embedded } from '../../src/core/driver.ts'
import type { Failure } from '../../src/core/failure.ts'
import type { EmbedRequest } from '../../src/core/request.ts'
import type { Step } from '../../src/core/wire.ts'
import { faultsOf } from './event-order.ts'
import type { InMemory, Read } from './in-memory.ts'

/** A driver that is to be sent anything, and the words of its protocol. */
export interface Victim<Options> {
  readonly offline: InMemory<Options>
  /** Names of fields in its records, and words that they hold. */
  readonly names: readonly string[]
  readonly words?: readonly string[]
  /** Words that the field `type` holds, where records have one. */
  readonly types?: readonly string[]
  /** Real streams, to be changed. */
  readonly streams: readonly Uint8Array[]
  readonly toError: (failure: Failure) => AIError
  readonly failure: (text: string, more: Partial<Failure>) => Failure
  readonly fromWire: (json: unknown) => Step<unknown>
}

type Words = Pick<Victim<never>, 'names' | 'words' | 'types'>

/** Values that are like a record of the service, with anything in the place of anything. */
function recordsOf({ names, words = [], types = [] }: Words): fc.Arbitrary<unknown> {
  const { record } = fc.letrec<{ value: unknown; record: unknown }>((tie) => {
    const leaf = fc.oneof(
      fc.string(),
      fc.double(),
      fc.integer(),
      fc.boolean(),
      fc.constantFrom<unknown>(...words, ...types, ''),
      fc.constantFrom<unknown>(null, 1e308, -1, Number.MAX_SAFE_INTEGER, 0.5),
    )
    const object = fc.dictionary(fc.constantFrom(...names, '__proto__'), tie('value'), { maxKeys: 6 })
    const typed =
      types.length > 0
        ? fc
            .tuple(fc.constantFrom(...types), object)
            .map(([type, rest]): unknown => ({ ...rest, type, output_index: 0 }))
        : object
    return {
      value: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        leaf,
        fc.array(tie('value'), { maxLength: 3 }),
        object,
        typed,
      ),
      record: fc.oneof(typed, object, tie('value')),
    }
  })
  return record
}

/** What ends ends once, and a failure may still tell of its counts. */
function expectEnd({ events, error }: Read): void {
  expect(events.filter(({ type }) => type === 'end').length).toBeLessThanOrEqual(1)
  if (error === undefined) expect(events.at(-1)?.type).toBe('end')
  expect(faultsOf(events, true)).toEqual([])
}

/** No byte sequence makes a driver throw anything but an `AIError`, hang, or grow past its limits. */
export function describeHostile<Options>(victim: Victim<Options>): void {
  const { offline, streams, toError, failure, fromWire } = victim
  const { readPieces, readRecords } = offline
  const record = recordsOf(victim)
  const model = offline.request().model

  describe('no answer of a server', () => {
    const types = ['text/event-stream', 'application/json', undefined]
    const headers = fc.constantFrom(...types.map((type) => (type ? { 'content-type': type } : {})))

    it('makes the driver throw anything but an AIError, in pieces of any bytes', async () => {
      const pieces = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 })
      await fc.assert(
        fc.asyncProperty(pieces, fc.boolean(), headers, async (bytes, stream, header) => {
          const read = await readPieces(bytes, { stream, headers: header })
          expect(read.error === undefined).toBe(read.fold.end !== undefined)
        }),
        { numRuns: 300 },
      )
    })

    it('does it as records that are wrong in any place', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(record, { maxLength: 6 }), fc.boolean(), async (records, stream) => {
          const read = await readRecords(records, { stream })
          expectEnd(read)
          const { usage, billing } = read.fold.end ?? {}
          if (!usage) return
          const { lines } = offline.driver().bill(model, usage, billing)
          for (const { quantity } of lines) expect(Number.isSafeInteger(quantity) && quantity >= 0).toBe(true)
          const taken = lines.filter(({ kind }) => /^(?:input|cache)/.test(kind))
          if (usage.inputTokens !== undefined)
            expect(taken.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(usage.inputTokens)
        }),
        { numRuns: 600 },
      )
    })

    it('does it as real streams with bytes changed, left out or put in', async () => {
      const all = Buffer.concat(streams)
      const added = fc.uint8Array({ maxLength: 40 })
      await fc.assert(
        fc.asyncProperty(
          fc.nat({ max: all.length }),
          fc.nat({ max: 40 }),
          added,
          async (at, removed, more) => {
            await readPieces([Buffer.concat([all.subarray(0, at), more, all.subarray(at + removed)])])
          },
        ),
        { numRuns: 300 },
      )
    })

    it('does it as an error, whatever its status and its text', () => {
      const statuses = fc.option(fc.integer({ min: 300, max: 599 }), { nil: undefined })
      fc.assert(
        fc.property(record, statuses, (error, status) => {
          const texts = [error, { error }, [{ error }]].map((one) => JSON.stringify(one))
          for (const text of [...texts, `<p>${status}</p>`])
            expect(isAIError(toError(failure(text, { status })))).toBe(true)
        }),
        { numRuns: 300 },
      )
    })

    it('makes it recurse without an end', () => {
      const deep = '['.repeat(5_000) + ']'.repeat(5_000)
      expect(fromWire(JSON.parse(deep)).failure).toBe('not a record')
    })

    it('grows beyond its limit: an event that never ends is refused', async () => {
      const piece = new TextEncoder().encode('x'.repeat(8 * 1024 * 1024))
      const { error } = await readPieces([new TextEncoder().encode('data: '), ...Array(5).fill(piece)])
      expect(error).toBe('limit_exceeded')
    })
  })
}

/** The same for an answer with anything in the place of its vectors. */
export function describeHostileVectors(
  words: Words,
  vectorsIn: (value: unknown, request: EmbedRequest) => Omit<Embedded, 'warnings'>,
): void {
  describe('no answer with vectors', () => {
    it('makes the driver throw anything but an AIError, or is taken where it has none', () => {
      fc.assert(
        fc.property(recordsOf(words), (value) => {
          try {
            const found = vectorsIn(value, { model: 'm', values: ['a'], providerOptions: {} })
            expect(found.embeddings.flat().every((one) => Number.isFinite(one))).toBe(true)
          } catch (error) {
            expect(isAIError(error)).toBe(true)
          }
        }),
      )
    })
  })
}
