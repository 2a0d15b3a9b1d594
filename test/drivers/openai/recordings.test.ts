import { createOpenAI } from '@ai-sdk/openai'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { AIResponse } from '../../../src/core/response.ts'
import { errorOf, openWorld } from './world.ts'

// Answers of the real API, which are no part of this repository: where they are at hand, they are sent through a socket
// again, and what the driver makes of them is compared with what was worked out by hand.
const FOLDER = new URL('../../../../shared/recordings/openai/', import.meta.url)
const present = existsSync(FOLDER)
if (!present) process.stdout.write(`skipped: no recordings of the real OpenAI at ${FOLDER.pathname}\n`)

interface Expected {
  readonly model: string
  /** How the text begins and ends. */
  readonly text: readonly [begins: string, ends: string]
  readonly reasoning: readonly [begins: string, ends: string]
  readonly calls: readonly (readonly [id: string, name: string, given: object])[]
  readonly finish: readonly [unified: string, raw: string]
  /** Input, cached, output, reasoning. */
  readonly tokens: readonly [number, number, number, number]
  /** Calls of OpenAI's own tools. */
  readonly tools: readonly (readonly [name: string, count: number])[]
  /** In dollars. */
  readonly cost: string
}

const PLAIN = {
  reasoning: ['', ''],
  calls: [],
  finish: ['stop', 'completed'],
  tools: [],
} as const satisfies Partial<Expected>

const sql = ['call_custom_sql_001', 'write_sql', { input: 'SELECT * FROM users WHERE age > 25' }] as const
const SQL: Expected = {
  ...PLAIN,
  model: 'gpt-5.2-codex',
  text: ['', ''],
  calls: [sql],
  finish: ['tool-calls', 'completed'],
  tokens: [50, 0, 20, 0],
  // 50 at $1.75 and 20 at $14 for a million.
  cost: '0.0003675',
}

/** The steps of one calculation, each a stream of its own. */
const step = (given: Pick<Expected, 'tokens' | 'cost'> & Partial<Expected>): Expected => ({
  ...PLAIN,
  model: 'gpt-5.1-codex-max',
  text: ['', ''],
  finish: ['tool-calls', 'completed'],
  ...given,
})

/** What each file holds: whole answers, or streams one after the other. */
const RECORDINGS: Readonly<Record<string, readonly Expected[]>> = {
  'responses-openai-phase.1.json': [
    {
      ...PLAIN,
      model: 'gpt-5.3-codex',
      text: ['I\u2019ll quickly check reliable', 'last-48-hours items.'],
      tokens: [7_243, 3_072, 423, 58],
      // 4,171 at $1.75, 3,072 at $0.175 and 423 at $14 for a million.
      cost: '0.01375885',
    },
  ],
  'responses-openai-phase.1.chunks.txt': [
    {
      ...PLAIN,
      model: 'gpt-5.3-codex',
      // Between the pieces that were kept others were left out; what is whole is told at the end of the item.
      text: ['Got it', 'morning brief with timestamps.'],
      tokens: [7_112, 3_072, 463, 64],
      // 4,040 at $1.75, 3,072 at $0.175 and 463 at $14 for a million.
      cost: '0.0140896',
    },
  ],
  'responses-openai-custom-tool.1.json': [SQL],
  'responses-openai-custom-tool.1.chunks.txt': [SQL],
  'responses-openai-reasoning-encrypted-content.1.json': [
    {
      ...PLAIN,
      model: 'gpt-5-mini-2025-08-07',
      text: ['12 + 7 = 19', 'Final result: 570'],
      reasoning: ['**Reporting final result**\n\nThe tool', "Let's finalize that!"],
      tokens: [865, 0, 163, 128],
      // 865 at $0.25 and 163 at $2 for a million.
      cost: '0.00054225',
    },
  ],
  'responses-openai-reasoning-encrypted-content.1.chunks.txt': [
    step({
      reasoning: ['**Calculating step-by-step using', 'reporting the final product.'],
      calls: [['call_AB6AaRZ1FYZB2RwS6A5vbdqn', 'calculator', { a: 12, b: 7, op: 'add' }]],
      tokens: [134, 0, 28, 0],
      // 134 at $1.25 and 28 at $10 for a million; the others alike.
      cost: '0.0004475',
    }),
    step({
      calls: [['call_Q6pW65MUgW9vF59BmItYGos3', 'calculator', { a: 19, b: 3, op: 'multiply' }]],
      tokens: [221, 0, 26, 0],
      cost: '0.00053625',
    }),
    step({
      calls: [['call_Zl5vIMnD7dVAjgU6FkhmiCZh', 'calculator', { a: 57, b: 10, op: 'multiply' }]],
      tokens: [260, 0, 26, 0],
      cost: '0.000585',
    }),
    step({
      text: ['The final result is **570**.', '**570**.'],
      finish: ['stop', 'completed'],
      tokens: [299, 0, 12, 0],
      cost: '0.00049375',
    }),
  ],
  'responses-openai-web-search-tool.1.json': [
    {
      ...PLAIN,
      model: 'gpt-5-mini-2025-08-07',
      text: ['Short answer first', 'today\u2019s tech pages?'],
      tokens: [19_681, 3_712, 3_773, 3_136],
      // One search; two pages of what was found were opened.
      tools: [['web-search', 1]],
      // 15,969 at $0.25, 3,712 at $0.025 and 3,773 at $2 for a million, and one search at a cent.
      cost: '0.02163105',
    },
  ],
}

const ALL = Object.entries(RECORDINGS).flatMap(([file, expected]) =>
  expected.map((one, index) => [file, index, one] as const),
)

type Event = Readonly<Record<string, unknown>>

/** The bytes of one answer, whole or as events; several streams can follow each other in a file. */
function recorded(
  file: string,
  index: number,
): { readonly body: Event } | { readonly events: readonly Event[] } {
  const text = readFileSync(new URL(file, FOLDER), 'utf8')
  if (file.endsWith('.json')) return { body: JSON.parse(text) as Event }
  const streams: Event[][] = []
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const event = JSON.parse(line) as Event
    if (event['type'] === 'response.created') streams.push([])
    streams.at(-1)?.push(event)
  }
  return { events: streams[index] ?? [] }
}

async function answerOf(file: string, index: number): Promise<AIResponse> {
  await using world = await openWorld()
  const reply = recorded(file, index)
  world.server.reply(reply)
  return 'body' in reply ? await world.ai.sendMessage('Hi') : await world.ai.streamMessage('Hi').response
}

/** What `@ai-sdk/openai` makes of the same bytes. */
async function readBySdk(file: string, index: number): Promise<Sdk> {
  const reply = recorded(file, index)
  const isWhole = 'body' in reply
  const body = isWhole
    ? JSON.stringify(reply.body)
    : reply.events
        .map((event) => `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`)
        .join('')
  const headers = { 'content-type': isWhole ? 'application/json' : 'text/event-stream' }
  const fetch = async (): Promise<Response> => new Response(body, { headers })
  const model = createOpenAI({ apiKey: 'none', fetch }).responses('gpt-5-mini')
  const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Hi' }] }]
  const read: Sdk = { text: '', reasoning: '', calls: [], finish: '', tokens: [] }
  if (isWhole) {
    const { content, finishReason, usage } = await model.doGenerate({ prompt, tools: SDK_TOOLS })
    for (const part of content) {
      if (part.type === 'text') read.text += part.text
      if (part.type === 'reasoning') read.reasoning += part.text
      if (part.type === 'tool-call' && part.providerExecuted !== true)
        read.calls.push([part.toolCallId, part.toolName, JSON.parse(part.input) as unknown])
    }
    read.finish = finishReason.unified
    read.tokens = countsOf(usage)
    return read
  }
  const { stream } = await model.doStream({ prompt, tools: SDK_TOOLS })
  for await (const part of stream) {
    if (part.type === 'text-delta') read.text += part.delta
    if (part.type === 'reasoning-delta') read.reasoning += part.delta
    if (part.type === 'tool-call')
      read.calls.push([part.toolCallId, part.toolName, JSON.parse(part.input) as unknown])
    if (part.type === 'finish') {
      read.finish = part.finishReason.unified
      read.tokens = countsOf(part.usage)
    }
  }
  return read
}

interface Sdk {
  text: string
  reasoning: string
  readonly calls: (readonly [string, string, unknown])[]
  finish: string
  tokens: (number | undefined)[]
}

interface SdkUsage {
  readonly inputTokens: { readonly total: number | undefined; readonly cacheRead: number | undefined }
  readonly outputTokens: { readonly total: number | undefined; readonly reasoning: number | undefined }
}

function countsOf({ inputTokens, outputTokens }: SdkUsage): (number | undefined)[] {
  return [inputTokens.total, inputTokens.cacheRead, outputTokens.total, outputTokens.reasoning]
}

const SDK_TOOLS = [
  { type: 'provider' as const, id: 'openai.custom' as const, name: 'write_sql', args: { name: 'write_sql' } },
]

describe.skipIf(!present)('a recorded answer of OpenAI', () => {
  it.each(ALL)('%s (%i) is read and billed as a person would', async (file, index, expected) => {
    const { text, reasoning, model, usage, cost, finishReason, toolCalls } = await answerOf(file, index)
    const {
      text: [begins, ends],
      reasoning: [thinks, thought],
    } = expected
    expect([text.startsWith(begins), text.endsWith(ends), text === '']).toEqual([true, true, begins === ''])
    expect([reasoning.startsWith(thinks), reasoning.endsWith(thought), reasoning === '']).toEqual([
      true,
      true,
      thinks === '',
    ])
    expect(model).toBe(expected.model)
    expect(toolCalls.map((call) => [call.id, call.name, call.arguments])).toEqual(expected.calls)
    expect([finishReason.unified, finishReason.raw]).toEqual(expected.finish)
    const { inputTokens, cacheReadTokens, outputTokens, reasoningTokens } = usage
    expect([inputTokens, cacheReadTokens, outputTokens, reasoningTokens]).toEqual(expected.tokens)
    expect([cost.status, String(cost.amount)]).toEqual(['exact', expected.cost])
    expect(
      cost.lines.filter(({ kind }) => kind === 'tool-call').map(({ name, quantity }) => [name, quantity]),
    ).toEqual(expected.tools)
  })

  it.each(ALL)('%s (%i) is read by @ai-sdk/openai the same way', async (file, index) => {
    const ours = await answerOf(file, index)
    const theirs = await readBySdk(file, index)
    expect(theirs.reasoning).toBe(ours.reasoning)
    expect(theirs.tokens).toEqual([
      ours.usage.inputTokens,
      ours.usage.cacheReadTokens,
      ours.usage.outputTokens,
      ours.usage.reasoningTokens,
    ])
    expect(theirs.finish).toBe(ours.finishReason.unified)
    // It passes on a free text as it is, and has no object around it; we have objects only.
    const calls = ours.toolCalls.map(({ id, name, arguments: given }) => [
      id,
      name,
      name === 'write_sql' ? given['input'] : given,
    ])
    expect(theirs.calls).toEqual(calls)
    if (file === 'responses-openai-phase.1.chunks.txt') {
      // The recording has the first and last pieces only: it tells those, we take the rest from the end of the text.
      expect(theirs.text.length).toBeLessThan(ours.text.length)
      expect(theirs.text.startsWith('Got it')).toBe(true)
    } else expect(theirs.text).toBe(ours.text)
  })

  it('keeps the sealed thoughts of each step, with the whole value and not the first one', async () => {
    const { parts } = await answerOf('responses-openai-reasoning-encrypted-content.1.chunks.txt', 0)
    const reply = recorded('responses-openai-reasoning-encrypted-content.1.chunks.txt', 0)
    const events = 'events' in reply ? reply.events : []
    const whole = events.find(
      ({ type, item }) => type === 'response.output_item.done' && (item as Event)['type'] === 'reasoning',
    )?.['item']
    expect(parts[0]).toMatchObject({ type: 'reasoning', providerData: { data: { item: whole } } })
  })

  it.each([
    ['responses-openai-error.1.json', 429, 'quota_exhausted', 'quota'],
    ['responses-openai-error.1.chunks.txt', 200, 'quota_exhausted', 'quota'],
    [
      'responses-reasoning-model-temperature-error.json',
      400,
      'capability_unsupported',
      'unsupported-feature',
    ],
  ])('%s (HTTP %i) is %s', async (file, status, code, kind) => {
    await using world = await openWorld()
    const reply = recorded(file, 0)
    world.server.reply({ ...reply, status })
    const error = await errorOf(
      'body' in reply ? world.ai.sendMessage('Hi') : world.ai.streamMessage('Hi').response,
    )
    expect([error.code, error.details['kind'], error.retryable]).toEqual([code, kind, false])
    expect(world.bodies()).toHaveLength(1)
  })

  it('has vectors as they are', async () => {
    await using world = await openWorld()
    const reply = recorded('embedding.json', 0)
    world.server.once('/v1/embeddings', reply)
    const answer = await world.ai.embed(['a', 'b'], { model: 'text-embedding-3-small' })
    const { data } = 'body' in reply ? (reply.body as { data: { embedding: number[] }[] }) : { data: [] }
    expect(answer.embeddings).toEqual(data.map(({ embedding }) => embedding))
    // 12 at $0.02 for a million.
    expect([answer.usage.inputTokens, String(answer.cost.amount)]).toEqual([12, '0.00000024'])
  })

  it('is here for every recording, but for those of Chat Completions, which have a test of their own', () => {
    const named = [
      ...Object.keys(RECORDINGS),
      'embedding.json',
      'responses-openai-error.1.json',
      'responses-openai-error.1.chunks.txt',
      'responses-reasoning-model-temperature-error.json',
    ]
    const files = readdirSync(FOLDER).filter((file) => !file.startsWith('chat-'))
    expect(files.toSorted()).toEqual(named.toSorted())
  })
})
