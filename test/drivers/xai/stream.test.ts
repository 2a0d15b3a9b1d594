import { describe, expect, it } from 'vitest'
import { xaiFixtures } from '../../fixtures/xai/index.ts'
import type { Read } from '../in-memory.ts'
import { offline } from './world.ts'

const { readPieces } = offline

const seen = ({ fold, error }: Read): unknown => [fold.text, fold.parts, fold.end, error]

describe('a stream of xAI', () => {
  it.each(xaiFixtures)('$name becomes what a person would make of it', async ({ bytes, expected }) => {
    const { fold, error } = await readPieces([bytes])
    const { inputTokens, cacheReadTokens, outputTokens, reasoningTokens } = fold.end?.usage ?? {}
    expect([fold.text, fold.reasoning, error]).toEqual([
      expected.text,
      expected.reasoning ?? '',
      expected.error,
    ])
    expect(fold.toolCalls.map((call) => [call.id, call.name, call.arguments])).toEqual(
      expected.toolCalls ?? [],
    )
    expect(fold.end?.finishReason.unified).toBe(expected.finish)
    expect([inputTokens, cacheReadTokens, outputTokens, reasoningTokens]).toEqual(expected.tokens)
  })

  it.each(xaiFixtures)('$name is the same wherever its bytes are cut', async ({ bytes }) => {
    const whole = seen(await readPieces([bytes]))
    const each = [...bytes].map((byte) => Uint8Array.of(byte))
    expect(seen(await readPieces(each))).toEqual(whole)
    for (let at = 1; at < bytes.length; at += 97) {
      expect(seen(await readPieces([bytes.subarray(0, at), bytes.subarray(at)]))).toEqual(whole)
    }
  })
})
