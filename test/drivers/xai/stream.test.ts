import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAIError } from '../../../src/core/errors.ts'
import { Fold } from '../../../src/core/stream.ts'
import { XaiDriver } from '../../../src/drivers/xai/index.ts'
import { systemRuntime } from '../../../src/runtime.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import type { Exchange } from '../../../src/transport/transport.ts'
import { xaiFixtures } from '../../fixtures/xai/index.ts'

interface Read {
  readonly fold: Fold
  readonly error: string | undefined
}

/** Reads an answer in these pieces by way of the whole driver, without a socket: thousands of cuts take seconds. */
async function readPieces(
  pieces: readonly Uint8Array[],
  headers: Exchange['headers'] = {},
  stream: boolean = true,
): Promise<Read> {
  const exchange: Exchange = {
    status: 200,
    headers,
    abort: () => {},
    consume: async (take) => {
      for (const piece of pieces) await take(piece)
    },
  }
  const runtime = { ...systemRuntime, clock: new FakeClock(), env: {} }
  const transport = { send: async () => exchange, close: async () => {} }
  const driver = new XaiDriver({ apiKey: 'xai-test' }, { provider: 'xai', runtime, transport })
  const fold = new Fold()
  const request = {
    model: 'grok-4.3',
    messages: [{ role: 'user', content: 'Hi' } as const],
    stream,
    providerOptions: {},
  }
  const write = (events: readonly Parameters<Fold['apply']>[0][]): void =>
    events.forEach((event) => fold.apply(event))
  try {
    await driver.attempt(request, { signal: undefined, timeLeftMs: undefined, write })
  } catch (thrown) {
    if (!isAIError(thrown)) throw thrown
    return { fold, error: thrown.code }
  }
  return { fold, error: undefined }
}

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

  it('throws nothing but an AIError, whatever the bytes are', async () => {
    const bytes = xaiFixtures.map((one) => Buffer.from(one.bytes).toString('latin1'))
    const pieces = fc.array(
      fc.oneof(
        fc
          .tuple(fc.constantFrom(...bytes), fc.nat(2_000), fc.nat(2_000))
          .map(([text, from, size]) => text.slice(from, from + size)),
        fc.constantFrom(
          'data: {}\n\n',
          'data: null\n\n',
          'data: [DONE]\n\n',
          'data: {"type":"response.completed"}\n\n',
          '\n\n',
          'event: error\n',
        ),
        fc.json().map((json) => `data: ${json}\n\n`),
        fc.string(),
      ),
      { maxLength: 6 },
    )
    const headers = fc.constantFrom(
      {},
      { 'content-type': 'text/event-stream' },
      { 'content-type': 'application/json' },
    )
    await fc.assert(
      fc.asyncProperty(pieces, headers, fc.boolean(), async (texts, header, stream) => {
        const { error, fold } = await readPieces(
          texts.map((text) => Buffer.from(text, 'latin1')),
          header,
          stream,
        )
        // It ends, or it fails: there is nothing between.
        expect(error === undefined).toBe(fold.end !== undefined)
      }),
      { numRuns: 500 },
    )
  })
})
