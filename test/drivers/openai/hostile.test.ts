import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isAIError } from '../../../src/core/errors.ts'
import { toError } from '../../../src/drivers/openai/errors.ts'
import { fromEmbedWire, fromWire } from '../../../src/drivers/openai/wire.ts'
import { openaiFixtures } from '../../fixtures/openai/index.ts'
import { driver, readPieces } from './in-memory.ts'
import { failure } from './world.ts'

const NAMES = [
  'type',
  'response',
  'item',
  'output_index',
  'content_index',
  'summary_index',
  'delta',
  'text',
  'id',
  'name',
  'call_id',
  'arguments',
  'input',
  'content',
  'summary',
  'status',
  'output',
  'usage',
  'input_tokens',
  'output_tokens',
  'total_tokens',
  'input_tokens_details',
  'output_tokens_details',
  'cached_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'audio_tokens',
  'error',
  'code',
  'message',
  'incomplete_details',
  'reason',
  'service_tier',
  'tool_usage',
  'web_search',
  'num_requests',
  'action',
  'choices',
  'object',
  'phase',
  'model',
  'input_transformations',
  '__proto__',
]

const TYPES = [
  'response.created',
  'response.output_item.added',
  'response.output_item.done',
  'response.output_text.delta',
  'response.output_text.done',
  'response.refusal.delta',
  'response.reasoning_summary_text.delta',
  'response.reasoning_text.done',
  'response.function_call_arguments.delta',
  'response.custom_tool_call_input.delta',
  'response.completed',
  'response.incomplete',
  'response.failed',
  'error',
  'message',
  'reasoning',
  'function_call',
  'custom_tool_call',
  'web_search_call',
  'output_text',
  'refusal',
  'completed',
]

/** Values that are like an event of the service, with anything in the place of anything. */
const { record } = fc.letrec<{ value: unknown; record: unknown }>((tie) => {
  const leaf = fc.oneof(
    fc.string(),
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(...TYPES),
    fc.constantFrom<unknown>(null, 1e308, -1, Number.MAX_SAFE_INTEGER, 0.5),
  )
  const object = fc.dictionary(fc.constantFrom(...NAMES), tie('value'), { maxKeys: 6 })
  const typed = fc
    .tuple(fc.constantFrom(...TYPES), object)
    .map(([type, rest]) => ({ ...rest, type, output_index: 0 }))
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

const ALL = Buffer.concat(Object.values(openaiFixtures).map((bytes) => Buffer.from(bytes)))

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

  it('does it as events that are wrong in any place', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { maxLength: 6 }), fc.boolean(), async (records, stream) => {
        const text = stream
          ? records.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('')
          : JSON.stringify(records[0] ?? null)
        const { events, fold, error } = await readPieces([new TextEncoder().encode(text)], stream)
        expect(events.filter(({ type }) => type === 'end').length).toBeLessThanOrEqual(1)
        if (error === undefined) expect(events.at(-1)?.type).toBe('end')
        const { usage, billing } = fold.end ?? {}
        if (!usage) return
        const { lines } = driver().bill('gpt-6-luna', usage, billing)
        for (const { quantity } of lines) expect(Number.isSafeInteger(quantity) && quantity >= 0).toBe(true)
        const input = lines.filter(({ kind }) => /^(?:input|cache)/.test(kind))
        if (usage.inputTokens !== undefined)
          expect(input.reduce((sum, { quantity }) => sum + quantity, 0)).toBe(usage.inputTokens)
      }),
      { numRuns: 1_500 },
    )
  })

  it('does it as real streams with bytes changed, left out or put in', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: ALL.length }),
        fc.nat({ max: 40 }),
        fc.uint8Array({ maxLength: 40 }),
        async (at, removed, added) => {
          await readPieces([Buffer.concat([ALL.subarray(0, at), added, ALL.subarray(at + removed)])])
        },
      ),
      { numRuns: 300 },
    )
  })

  it('does it as an error, whatever its status and its text', () => {
    fc.assert(
      fc.property(
        record,
        fc.option(fc.integer({ min: 300, max: 599 }), { nil: undefined }),
        (error, status) => {
          for (const text of [JSON.stringify(error), JSON.stringify({ error }), `<p>${status}</p>`])
            expect(isAIError(toError(failure(text, { status })))).toBe(true)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('does it as vectors', () => {
    fc.assert(
      fc.property(record, (data) => {
        try {
          const { embeddings } = fromEmbedWire(
            { data: [data] },
            { model: 'm', values: ['a'], providerOptions: {} },
          )
          expect(embeddings.flat().every((one) => Number.isFinite(one))).toBe(true)
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
    expect(error).toBe('limit_exceeded')
  })

  it('has more items than are read', async () => {
    const items = Array.from({ length: 3_000 }, (_, index) => ({
      type: 'response.output_item.done',
      output_index: index,
      item: { type: 'function_call', name: 'f', call_id: `c${index}`, arguments: '{}' },
    }))
    const text = [...items, { type: 'response.completed', response: { status: 'completed', output: [] } }]
      .map((one) => `data: ${JSON.stringify(one)}\n\n`)
      .join('')
    const { fold } = await readPieces([new TextEncoder().encode(text)])
    expect(fold.toolCalls).toHaveLength(2_048)
  })
})
