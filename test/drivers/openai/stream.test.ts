import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openaiFixtures } from '../../fixtures/openai/index.ts'
import { cutAt, readPieces, type Read } from './in-memory.ts'

interface Expected {
  readonly text?: string
  readonly reasoning?: string
  readonly calls?: readonly (readonly [id: string, given: object])[]
  /** Unified, raw, and the finer word where there is one. */
  readonly finish?: readonly string[]
  /** Input and output; undefined where they were not told. */
  readonly tokens?: readonly (number | undefined)[]
  readonly error?: string
  /** Types of the parts. */
  readonly parts?: readonly string[]
}

const STOP = ['stop', 'completed'] as const
const TWELVE = [11, 7] as const
const OAK: Expected = { text: 'An oak.', finish: STOP, tokens: TWELVE, parts: ['text'] }

const EXPECTED: Readonly<Record<string, Expected>> = {
  text: { ...OAK, text: 'An oak 🌳 — 你好.' },
  'text-bare': OAK,
  'text-no-last-line': OAK,
  empty: { finish: STOP, tokens: [3, 1] },
  'only-at-the-end': { ...OAK, reasoning: 'A tree.', parts: ['reasoning', 'text'] },
  'done-without-deltas': OAK,
  'reasoning-tools': {
    reasoning: 'First roots.\n\nThen leaves.',
    calls: [['call_1', { tree: 'oak' }]],
    finish: ['tool-calls', 'completed'],
    tokens: [20, 30],
    parts: ['reasoning', 'tool-call'],
  },
  'reasoning-sealed': { ...OAK, tokens: [20, 30], parts: ['reasoning', 'text'] },
  'reasoning-raw': { ...OAK, reasoning: 'Roots first.', parts: ['reasoning', 'text'] },
  phases: {
    text: 'Let me look.An oak.',
    finish: STOP,
    tokens: [500, 20],
    parts: ['text', 'reasoning', 'reasoning', 'text'],
  },
  refusal: {
    text: 'I will not.',
    finish: ['content-filter', 'completed', 'refusal'],
    tokens: TWELVE,
    parts: ['text'],
  },
  'two-calls': {
    calls: [
      ['call_0', { tree: 'oak' }],
      ['call_1', { tree: 'ash' }],
    ],
    finish: ['tool-calls', 'completed'],
    tokens: TWELVE,
    parts: ['tool-call', 'tool-call'],
  },
  'call-bad-json': {
    calls: [['call_0', { value: '{"tree": oak' }]],
    finish: ['tool-calls', 'completed'],
    tokens: TWELVE,
    parts: ['tool-call'],
  },
  length: { text: 'An o', finish: ['length', 'max_output_tokens'], tokens: [11, 16], parts: ['text'] },
  'length-in-call': { finish: ['length', 'max_output_tokens'], tokens: [11, 16] },
  filtered: { text: 'An ', finish: ['content-filter', 'content_filter'], tokens: [11, 16], parts: ['text'] },
  'error-nested': { error: 'provider_unavailable' },
  'error-flat': { text: 'An ', error: 'rate_limited', parts: ['text'] },
  failed: { text: 'An ', error: 'content_filtered', parts: ['text'] },
  // The pieces do not make the whole; what is missing is taken from the end.
  gaps: OAK,
  'never-ended': OAK,
  'cut-in-event': { text: 'An oak.', error: 'stream_interrupted', parts: ['text'] },
  cut: { text: 'An oa', error: 'stream_interrupted', parts: ['text'] },
  'unknown-and-after': { ...OAK, text: 'An [DONE] oak' },
  uncounted: { ...OAK, tokens: [undefined, undefined] },
  transformed: OAK,
  'chat-in-place': { ...OAK, finish: ['stop', 'stop'] },
}

function seen({ fold, error }: Read): Expected {
  const { end } = fold
  const { unified, raw, detail } = end?.finishReason ?? {}
  const parts = fold.snapshot().map(({ type }) => type)
  return {
    ...(fold.text !== '' && { text: fold.text }),
    ...(fold.reasoning !== '' && { reasoning: fold.reasoning }),
    ...(fold.toolCalls.length > 0 && {
      calls: fold.toolCalls.map((call) => [call.id, call.arguments] as const),
    }),
    ...(end && { finish: [unified ?? '', raw ?? '', ...(detail === undefined ? [] : [detail])] }),
    ...(end && { tokens: [end.usage.inputTokens, end.usage.outputTokens] }),
    ...(error !== undefined && { error }),
    ...(parts.length > 0 && { parts }),
  }
}

const bytesOf = (name: string): Uint8Array => openaiFixtures[name] ?? new Uint8Array()

describe('a stream of OpenAI', () => {
  it.each(Object.entries(EXPECTED))('%s is read as it is meant', async (name, expected) => {
    expect(seen(await readPieces([bytesOf(name)]))).toEqual(expected)
  })

  it('is expected in every way that is kept here', () => {
    expect(Object.keys(EXPECTED).toSorted()).toEqual(Object.keys(openaiFixtures).toSorted())
  })

  it.each(Object.keys(EXPECTED))('%s is the same however it is cut', async (name) => {
    const bytes = bytesOf(name)
    const whole = await readPieces([bytes])
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat({ max: bytes.length }), { maxLength: 40 }), async (cuts) => {
        const cut = await readPieces(
          cutAt(
            bytes,
            cuts.toSorted((a, b) => a - b),
          ),
        )
        expect(cut.events).toEqual(whole.events)
        expect(cut.error).toBe(whole.error)
      }),
      { numRuns: 20 },
    )
    expect((await readPieces(Array.from(bytes, (byte) => Uint8Array.of(byte)))).events).toEqual(whole.events)
  })

  it('keeps the sealed thought from its end, with its summaries as they were', async () => {
    const { fold } = await readPieces([bytesOf('reasoning-tools')])
    expect(fold.parts).toEqual([
      {
        type: 'reasoning',
        text: 'First roots.\n\nThen leaves.',
        providerData: {
          provider: 'openai',
          model: 'gpt-6-luna',
          data: {
            dialect: 'openai-responses',
            item: {
              id: 'rs_0',
              type: 'reasoning',
              summary: [
                { type: 'summary_text', text: 'First roots.' },
                { type: 'summary_text', text: 'Then leaves.' },
              ],
              encrypted_content: 'whole',
            },
          },
        },
      },
      {
        type: 'tool-call',
        id: 'call_1',
        name: 'plant',
        arguments: { tree: 'oak' },
        providerData: {
          provider: 'openai',
          model: 'gpt-6-luna',
          data: { dialect: 'openai-responses', fields: { id: 'fc_1' } },
        },
      },
    ])
  })

  it('counts searches that are billed, and not the pages that were opened', async () => {
    const { fold } = await readPieces([bytesOf('phases')])
    expect(fold.end?.billing).toMatchObject({ toolCalls: { 'web-search': 1 }, serviceTier: 'default' })
    expect(fold.parts.map((part) => ('text' in part ? part.text : ''))).toEqual([
      'Let me look.',
      '',
      '',
      'An oak.',
    ])
  })

  it('says what was thrown away of the conversation', async () => {
    const { fold } = await readPieces([bytesOf('transformed')])
    expect(fold.warnings.map(({ code, details }) => [code, details])).toEqual([
      ['input-transformed', { reasons: ['model_mismatch'] }],
    ])
  })

  it('starts once, and ends with its end', async () => {
    for (const name of Object.keys(EXPECTED)) {
      const { events, error } = await readPieces([bytesOf(name)])
      // An error before the first word is told by itself.
      const starts = events.flatMap(({ type }, at) => (type === 'start' ? [at] : []))
      expect(starts, name).toEqual(name === 'error-nested' ? [] : [0])
      if (error === undefined) expect(events.at(-1)?.type, name).toBe('end')
    }
  })

  it('gives what a whole answer of the same items gives', async () => {
    const text = new TextDecoder().decode(bytesOf('only-at-the-end'))
    const last = /data: (\{"type":"response.completed".*\})/.exec(text)?.[1] ?? ''
    const { response } = JSON.parse(last) as { response: object }
    const whole = await readPieces([new TextEncoder().encode(JSON.stringify(response))], false)
    const streamed = await readPieces([bytesOf('only-at-the-end')])
    expect(whole.fold.parts).toEqual(streamed.fold.parts)
    expect(whole.fold.end).toEqual(streamed.fold.end)
  })

  it('takes an answer that was cancelled, or is none, for no answer', async () => {
    const read = async (json: unknown): Promise<unknown> =>
      (await readPieces([new TextEncoder().encode(JSON.stringify(json))], false)).error
    expect(await read({ object: 'response', status: 'cancelled', output: [] })).toBe('provider_unavailable')
    expect(await read({ object: 'response', status: 'completed' })).toBe('response_invalid')
    expect(await read([])).toBe('response_invalid')
    expect(await read({ object: 'response', status: 'completed', output: [] })).toBeUndefined()
  })
})
