import { createOpenAI } from '@ai-sdk/openai'
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Fold } from '../../../src/core/stream.ts'
import type { Usage } from '../../../src/core/usage.ts'
import { fromWire } from '../../../src/dialects/openai-chat/wire.ts'
import { readChunks } from './world.ts'

// Answers of the real APIs, which are no part of this repository: where they are at hand, they are read, and compared
// with what was worked out by hand.
const FOLDER = new URL('../../../../shared/recordings/', import.meta.url)
const present = existsSync(FOLDER)
if (!present) process.stdout.write(`skipped: no recordings of real APIs at ${FOLDER.pathname}\n`)

interface Expected {
  /** The whole text, or how it begins and ends. */
  readonly text: string | readonly [begins: string, ends: string]
  readonly reasoning: string | readonly [begins: string, ends: string]
  readonly calls: readonly { readonly id: string; readonly name: string; readonly arguments: object }[]
  readonly finish: readonly [unified: string, raw: string]
  readonly model: string
  readonly usage: Partial<Usage>
  /** What `@ai-sdk/openai` makes of the same bytes, where that is not the same. */
  readonly differs?: { readonly outputTokens: number; readonly reasoning: false; readonly why: string }
}

const WEATHER = { name: 'weather', arguments: { location: 'San Francisco' } }
const XAI =
  'it knows no reasoning_content, and takes the completion of xAI for all of the output, though reasoning is beside it'

const RECORDINGS: readonly (readonly [file: string, expected: Expected])[] = [
  [
    'openai/chat-text.json',
    {
      text: ['**Holiday Name:** Galaxy Day', 'dream beyond our world.'],
      reasoning: '',
      calls: [],
      finish: ['stop', 'stop'],
      model: 'gpt-4.1-nano-2025-04-14',
      usage: { inputTokens: 16, cacheReadTokens: 0, outputTokens: 363, reasoningTokens: 0 },
    },
  ],
  [
    'openai/chat-azure-model-router.chunks.txt',
    {
      text: 'Capital of Denmark.',
      reasoning: '',
      calls: [],
      finish: ['stop', 'stop'],
      model: 'gpt-5-nano-2025-08-07',
      usage: { inputTokens: 15, cacheReadTokens: 0, outputTokens: 78, reasoningTokens: 64 },
    },
  ],
  [
    'xai/chat-tool-call.json',
    {
      text: '',
      reasoning: ['First, the user is asking about the weather', "advance the user's request."],
      calls: [{ id: 'call_93562515', ...WEATHER }],
      finish: ['tool-calls', 'tool_calls'],
      model: 'grok-3-mini',
      // 26 visible and 189 reasoning; 291 + 26 + 189 is the total of 506.
      usage: { inputTokens: 291, cacheReadTokens: 244, outputTokens: 215, reasoningTokens: 189 },
      differs: { outputTokens: 26, reasoning: false, why: XAI },
    },
  ],
  [
    'xai/chat-tool-call.chunks.txt',
    {
      text: '',
      reasoning: 'First, the user is',
      calls: [{ id: 'call_55117580', ...WEATHER }],
      finish: ['tool-calls', 'tool_calls'],
      model: 'grok-3-mini',
      // 26 visible and 196 reasoning; 291 + 26 + 196 is the total of 513.
      usage: { inputTokens: 291, cacheReadTokens: 290, outputTokens: 222, reasoningTokens: 196 },
      differs: { outputTokens: 26, reasoning: false, why: XAI },
    },
  ],
]

function textOf(file: string): string {
  return readFileSync(new URL(file, FOLDER), 'utf8')
}

function chunksOf(file: string): unknown[] {
  return textOf(file)
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line))
}

function folded(file: string): Fold {
  if (!file.endsWith('.json')) return readChunks(chunksOf(file)).fold
  const fold = new Fold()
  for (const event of fromWire(JSON.parse(textOf(file))).events) fold.apply(event)
  return fold
}

function expectText(actual: string, expected: Expected['text']): void {
  if (typeof expected === 'string') return expect(actual).toBe(expected)
  expect(actual.startsWith(expected[0])).toBe(true)
  expect(actual.endsWith(expected[1])).toBe(true)
}

/** What the AI SDK's own provider makes of the same bytes. */
async function asOthersRead(
  file: string,
): Promise<{ text: string; calls: unknown[]; finish: string; tokens: unknown[] }> {
  const isWhole = file.endsWith('.json')
  const frames = isWhole ? [] : chunksOf(file).map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`)
  const body = isWhole ? textOf(file) : `${frames.join('')}data: [DONE]\n\n`
  const headers = { 'content-type': isWhole ? 'application/json' : 'text/event-stream' }
  const provider = createOpenAI({ apiKey: 'none', fetch: async () => new Response(body, { headers }) })
  const model = provider.chat('gpt-4.1-nano')
  const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Hi' }] }]
  let text = ''
  const calls: unknown[] = []
  const tokens = (usage: {
    inputTokens: { total?: number | undefined }
    outputTokens: { total?: number | undefined }
  }): unknown[] => [usage.inputTokens.total, usage.outputTokens.total]
  if (isWhole) {
    const { content, finishReason, usage } = await model.doGenerate({ prompt })
    for (const part of content) {
      if (part.type === 'text') text += part.text
      if (part.type === 'tool-call') calls.push([part.toolCallId, part.toolName, JSON.parse(part.input)])
    }
    return { text, calls, finish: finishReason.unified, tokens: tokens(usage) }
  }
  const { stream } = await model.doStream({ prompt })
  let end: { finish: string; tokens: unknown[] } = { finish: '', tokens: [] }
  for await (const part of stream) {
    if (part.type === 'text-delta') text += part.delta
    if (part.type === 'tool-call') calls.push([part.toolCallId, part.toolName, JSON.parse(part.input)])
    if (part.type === 'finish') end = { finish: part.finishReason.unified, tokens: tokens(part.usage) }
  }
  return { text, calls, ...end }
}

describe.skipIf(!present)('a recorded answer of Chat Completions', () => {
  it.each(RECORDINGS)('%s is read as a person would', (file, expected) => {
    const fold = folded(file)
    expectText(fold.text, expected.text)
    expectText(fold.reasoning, expected.reasoning)
    expect(fold.toolCalls).toEqual(expected.calls)
    expect(fold.model).toBe(expected.model)
    const [unified, raw] = expected.finish
    expect(fold.end?.finishReason).toEqual({ unified, raw })
    expect(fold.end?.usage).toMatchObject(expected.usage)
  })

  it.each(RECORDINGS)(
    '%s is read by @ai-sdk/openai the same way, or it is known why not',
    async (file, expected) => {
      const fold = folded(file)
      const others = await asOthersRead(file)
      expect(others.text).toBe(fold.text)
      expect(others.calls).toEqual(fold.toolCalls.map(({ id, name, arguments: given }) => [id, name, given]))
      expect(others.finish).toBe(expected.finish[0])
      const { inputTokens, outputTokens } = fold.end?.usage ?? {}
      expect(others.tokens).toEqual([inputTokens, expected.differs?.outputTokens ?? outputTokens])
    },
  )

  it('is here for every recording of this dialect', async () => {
    const { readdirSync } = await import('node:fs')
    const found = ['openai', 'xai'].flatMap((folder) =>
      readdirSync(new URL(`${folder}/`, FOLDER))
        .filter((name) => name.startsWith('chat-'))
        .map((name) => `${folder}/${name}`),
    )
    expect(found.toSorted()).toEqual(RECORDINGS.map(([file]) => file).toSorted())
  })
})
