import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isObject } from '../../../src/core/error-text.ts'
import type { ChatRequest } from '../../../src/core/request.ts'
import { OPENAI_RESPONSES, toWire } from '../../../src/dialects/openai-responses/wire.ts'
import { openaiFixtures } from '../../fixtures/openai/index.ts'
import { faultsOf } from '../event-order.ts'
import { cutAt, type Read } from '../in-memory.ts'
import { offline } from './world.ts'

const { readPieces, readRecords, request } = offline

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
      expect(faultsOf(events, true), name).toEqual([])
    }
  })

  it('gives what a whole answer of the same items gives', async () => {
    const text = new TextDecoder().decode(bytesOf('only-at-the-end'))
    const last = /data: (\{"type":"response.completed".*\})/.exec(text)?.[1] ?? ''
    const { response } = JSON.parse(last) as { response: object }
    const whole = await readRecords([response], { stream: false })
    const streamed = await readPieces([bytesOf('only-at-the-end')])
    expect(whole.fold.parts).toEqual(streamed.fold.parts)
    expect(whole.fold.end).toEqual(streamed.fold.end)
  })

  it('has what stands beside a text in raw, streamed or whole, and its text once', async () => {
    const annotations = [{ type: 'url_citation', url: 'https://oak.example', start_index: 0, end_index: 3 }]
    const logprobs = [{ token: 'An', logprob: -0.1 }]
    const content = [
      { type: 'output_text', text: 'Look. ', annotations: [], logprobs: [] },
      { type: 'output_text', text: 'An oak.', annotations, logprobs },
    ]
    const item = { type: 'message', role: 'assistant', status: 'completed', content }
    const plain = { ...item, content: content.slice(0, 1) }
    const response = { object: 'response', id: 'resp_1', status: 'completed', output: [plain, item] }
    const done = [plain, item].map((one, output_index) => ({
      type: 'response.output_item.done',
      output_index,
      item: one,
    }))
    const last = { type: 'response.completed', response: { ...response, output: [] } }
    for (const { fold } of [
      await readRecords([...done, last]),
      await readRecords([response], { stream: false }),
    ]) {
      expect(fold.text).toBe('Look. Look. An oak.')
      expect(fold.end?.raw).toEqual({
        object: 'response',
        id: 'resp_1',
        status: 'completed',
        output: [{ type: 'message', content: [{}, { annotations, logprobs }] }],
      })
    }
    const { fold } = await readPieces([bytesOf('text')])
    expect(fold.end?.raw).not.toHaveProperty('output')
  })

  it('keeps a thought that is sealed in the whole answer only, in its place', async () => {
    const thought = { type: 'reasoning', id: 'rs_1', summary: [] }
    const sealed = { ...thought, encrypted_content: 'c2VhbGVk' }
    const call = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'plant', arguments: '{}' }
    const done = [thought, call].map((item, output_index) => ({
      type: 'response.output_item.done',
      output_index,
      item,
    }))
    const last = { type: 'response.completed', response: { status: 'completed', output: [sealed, call] } }
    const { fold } = await readRecords([...done, last])
    const parts = fold.parts.map((part) => {
      const owned = 'providerData' in part ? part.providerData : undefined
      return isObject(owned) ? { ...part, providerData: owned['data'] } : part
    })
    const messages = [{ role: 'assistant', content: parts }] as ChatRequest['messages']
    const { body } = toWire({ ...request(), messages }, { quirks: OPENAI_RESPONSES })
    expect(body['input']).toEqual([sealed, call])
    // Where it never is, it stays out, and so does the id that it was tied to.
    const unsealed = await readRecords([...done, { ...last, response: { status: 'completed', output: [] } }])
    expect(unsealed.fold.parts.map(({ type }) => type)).toEqual(['reasoning', 'tool-call'])
  })

  it('takes an error without a type for the error that it names', async () => {
    const error = { error: { message: 'Slow down', code: 'rate_limit_exceeded' } }
    const read = await readRecords([{ type: 'response.created', response: { id: 'resp_1' } }, error])
    expect(read.error).toBe('rate_limited')
  })

  it('waits for the first word to know in which dialect it is', async () => {
    const chunk = {
      object: 'chat.completion.chunk',
      model: 'm',
      choices: [{ delta: { content: 'Hi' }, finish_reason: 'stop' }],
    }
    const text = `data: \n\ndata: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`
    const { fold, error } = await readPieces([new TextEncoder().encode(text)])
    expect([fold.text, error]).toEqual(['Hi', undefined])
  })

  it('reads over events without data, and a word of the end that is none, in the middle', async () => {
    const whole = await readPieces([bytesOf('text')])
    const text = new TextDecoder()
      .decode(bytesOf('text'))
      .replaceAll('\n\n', '\n\ndata: \n\ndata: [DONE]\n\n')
    expect((await readPieces([new TextEncoder().encode(text)])).events).toEqual(whole.events)
  })

  it('bills calls of the tools that there are, and nothing for a name that every object has', async () => {
    const output = ['constructor', 'toString', 'web_search_call'].map((type) => ({
      type,
      status: 'completed',
    }))
    const { fold } = await readRecords([{ object: 'response', status: 'completed', output }], {
      stream: false,
    })
    expect(fold.end?.billing).toEqual(expect.objectContaining({ toolCalls: { 'web-search': 1 } }))
  })

  it('says where a picture is, which no part of an answer can be', async () => {
    const drawn = { type: 'image_generation_call', id: 'ig_1', status: 'completed', result: 'iVBORw0KGgo=' }
    const answer = (item: object): object => ({ object: 'response', status: 'completed', output: [item] })
    const { fold } = await readRecords([answer(drawn)], { stream: false })
    expect(fold.warnings.map(({ code }) => code)).toEqual(['media-in-answer'])
    expect(fold.parts).toMatchObject([{ text: '', providerData: { data: { item: drawn } } }])
    const failed = await readRecords([answer({ ...drawn, result: null })], { stream: false })
    expect(failed.fold.warnings).toEqual([])
  })

  it('takes an answer that was cancelled, or is none, for no answer', async () => {
    const read = async (json: unknown): Promise<unknown> =>
      (await readRecords([json], { stream: false })).error
    expect(await read({ object: 'response', status: 'cancelled', output: [] })).toBe('provider_unavailable')
    // Nothing of it is there yet: an empty answer would look like a success.
    for (const status of ['queued', 'in_progress'])
      expect(await read({ object: 'response', status, output: [] })).toBe('provider_unavailable')
    expect(await read({ object: 'response', status: 'completed' })).toBe('response_invalid')
    expect(await read([])).toBe('response_invalid')
    expect(await read({ object: 'response', status: 'completed', output: [] })).toBeUndefined()
  })
})
