import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StreamEvent } from '../../../src/index.ts'
import { ollamaFixtures } from '../../fixtures/ollama/index.ts'
import { cutAt, readPieces } from './in-memory.ts'
import { openWorld } from './world.ts'

const FIXTURES = Object.values(ollamaFixtures)
const CR = 13
const LF = 10

const told = async (pieces: readonly Uint8Array[]): Promise<string> =>
  JSON.stringify(await readPieces(pieces))

/** Every line feed of the bytes replaced. */
function withLineEnds(bytes: Uint8Array, ends: readonly number[]): Uint8Array {
  return Uint8Array.from([...bytes].flatMap((byte) => (byte === LF ? ends : [byte])))
}

describe.each(FIXTURES)('$name, however its bytes arrive', ({ bytes }) => {
  it('is the same at every single place where it can be cut', async () => {
    const whole = await told([bytes])
    const different: number[] = []
    for (let at = 1; at < bytes.length; at++) {
      if ((await told(cutAt(bytes, [at]))) !== whole) different.push(at)
    }
    expect(different).toEqual([])
  })

  it('is the same byte by byte', async () => {
    const each = cutAt(
      bytes,
      Array.from({ length: bytes.length - 1 }, (_, index) => index + 1),
    )
    expect(each).toHaveLength(bytes.length)
    expect(await told(each)).toBe(await told([bytes]))
  })

  it('is the same with CRLF, with blank lines, and without a last line end', async () => {
    const whole = await told([bytes])
    const trimmed = bytes.subarray(0, bytes.length - (bytes.at(-1) === LF ? 1 : 0))
    expect(await told([withLineEnds(bytes, [CR, LF])])).toBe(whole)
    expect(await told([withLineEnds(bytes, [LF, CR, LF, 32, LF])])).toBe(whole)
    expect(await told([trimmed])).toBe(whole)
  })
})

it('is the same for any cuts of any fixture, also with empty pieces', async () => {
  const cuts = fc.constantFrom(...FIXTURES).chain(({ bytes }) =>
    fc.record({
      bytes: fc.constant(bytes),
      offsets: fc
        .array(fc.nat({ max: bytes.length }), { maxLength: 40 })
        .map((offsets) => offsets.toSorted((a, b) => a - b)),
    }),
  )
  await fc.assert(
    fc.asyncProperty(cuts, async ({ bytes, offsets }) => {
      expect(await told(cutAt(bytes, offsets))).toBe(await told([bytes]))
    }),
    { numRuns: 500 },
  )
})

describe('through a socket', () => {
  const eventsOf = async (stream: AsyncIterable<StreamEvent>): Promise<unknown[]> => {
    const events: unknown[] = []
    try {
      for await (const event of stream) events.push(event)
    } catch (error) {
      events.push(error instanceof Error ? error.message : error)
    }
    return events
  }

  it.each(FIXTURES)('$name is the same in any pieces', async ({ bytes }) => {
    await using world = await openWorld()
    const once = async (splitBytes?: number | readonly number[]): Promise<unknown[]> => {
      world.server.reply({ raw: [bytes], ...(splitBytes !== undefined && { splitBytes }) })
      return eventsOf(world.ai.streamMessage('Hi', { retries: 0 }))
    }
    const whole = await once()
    for (const split of [1, 7, 64, [3], [bytes.length - 1]]) expect(await once(split)).toEqual(whole)
    const cuts = fc.sample(fc.array(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 12 }), {
      numRuns: 4,
      seed: 1843,
    })
    for (const offsets of cuts) expect(await once(offsets)).toEqual(whole)
  })
})
