import { createXai } from '@ai-sdk/xai'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Cost } from '../../../src/core/cost.ts'
import type { AIResponse } from '../../../src/core/response.ts'
import type { DriverFinish } from '../../../src/core/stream.ts'
import { INITIAL, reduceChunk } from '../../../src/dialects/openai-chat/stream.ts'
import { fromWire } from '../../../src/dialects/openai-chat/wire.ts'
import { toAddress } from '../../../src/drivers/xai/api.ts'
import { toBill } from '../../../src/drivers/xai/pricing.ts'
import { costOf } from '../../../src/pricing/cost-of.ts'
import { createPriceList } from '../../../src/pricing/create-price-list.ts'
import { systemRuntime } from '../../../src/runtime.ts'
import { openWorld } from './world.ts'

// Answers of the real API, which are no part of this repository: where they are at hand, they are sent through a socket
// again, and what the driver makes of them is compared with what was worked out by hand.
const FOLDER = new URL('../../../../shared/recordings/xai/', import.meta.url)
const present = existsSync(FOLDER)
if (!present) process.stdout.write(`skipped: no recordings of the real xAI at ${FOLDER.pathname}\n`)

interface Expected {
  readonly model: string
  /** How the text begins and ends. */
  readonly text: readonly [begins: string, ends: string]
  readonly reasoning: readonly [begins: string, ends: string]
  /** Input, cached, output, reasoning. */
  readonly tokens: readonly [number, number, number, number]
  /** Calls of xAI's own tools. */
  readonly tools: readonly (readonly [name: string, count: number])[]
  readonly cost: string
}

const RECORDINGS: readonly (readonly [file: string, expected: Expected])[] = [
  [
    'responses-text-with-reasoning.chunks.txt',
    {
      model: 'grok-code-fast-1',
      text: ['### Overview of Sonoran Cuisine\n', 'in Tucson or markets in Hermosillo.'],
      reasoning: ['First, the question is: "What is specifically notable', ''],
      tokens: [216, 192, 923, 323],
      tools: [],
      // 24 at $0.20, 192 at $0.02 and 923 at $1.50 for a million.
      cost: '0.00139314',
    },
  ],
  [
    'responses-web-search.json',
    {
      model: 'grok-4-fast-reasoning',
      text: ['xAI is an American artificial intelligence company', ''],
      reasoning: ['', ''],
      tokens: [1_941, 947, 583, 380],
      tools: [['web-search', 1]],
      // 994 at $0.20, 947 at $0.05 and 583 at $0.50 for a million, and one search at half a cent.
      cost: '0.00553765',
    },
  ],
  [
    'responses-code-execution.json',
    {
      model: 'grok-4-fast-reasoning',
      text: ['55', '55'],
      reasoning: ['', ''],
      tokens: [1_606, 1_235, 292, 190],
      tools: [['code-execution', 1]],
      // 371 at $0.20, 1,235 at $0.05 and 292 at $0.50 for a million, and one run at half a cent.
      cost: '0.00528195',
    },
  ],
]

const CHAT_RECORDINGS: readonly (readonly [file: string, cost: string])[] = [
  // 47 at $0.30, 244 at $0.075 and 26 + 189 at $0.50 for a million: 1,399,000 ticks.
  ['chat-tool-call.json', '0.0001399'],
  // 1 at $0.30, 290 at $0.075 and 26 + 196 at $0.50 for a million: 1,330,500 ticks.
  ['chat-tool-call.chunks.txt', '0.00013305'],
]

function textOf(file: string): string {
  return readFileSync(new URL(file, FOLDER), 'utf8')
}

function eventsOf(file: string): Readonly<Record<string, unknown>>[] {
  const lines = textOf(file).split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Record<string, unknown>)
}

async function answerOf(file: string): Promise<AIResponse> {
  await using world = await openWorld()
  const isWhole = file.endsWith('.json')
  world.server.reply(isWhole ? { body: JSON.parse(textOf(file)) as unknown } : { events: eventsOf(file) })
  const handle = world.ai.provider('xai')
  return isWhole ? await handle.sendMessage('Hi') : await handle.streamMessage('Hi').response
}

describe.skipIf(!present)('a recorded answer of xAI', () => {
  it.each(RECORDINGS)('%s is read and billed as a person would', async (file, expected) => {
    const { text, reasoning, model, usage, cost, finishReason, toolCalls } = await answerOf(file)
    const [begins, ends] = expected.text
    expect([text.startsWith(begins), text.endsWith(ends), model]).toEqual([true, true, expected.model])
    expect([reasoning.startsWith(expected.reasoning[0]), reasoning === '']).toEqual([
      true,
      expected.reasoning[0] === '',
    ])
    expect([toolCalls, finishReason]).toEqual([[], { unified: 'stop', raw: 'completed' }])
    const { inputTokens, cacheReadTokens, outputTokens, reasoningTokens } = usage
    expect([inputTokens, cacheReadTokens, outputTokens, reasoningTokens]).toEqual(expected.tokens)
    expect([cost.status, String(cost.amount)]).toEqual(['exact', expected.cost])
    expect(
      cost.lines.filter(({ kind }) => kind === 'tool-call').map(({ name, quantity }) => [name, quantity]),
    ).toEqual(expected.tools)
  })

  it.each(RECORDINGS)('%s is read by @ai-sdk/xai the same way', async (file) => {
    const ours = await answerOf(file)
    const isWhole = file.endsWith('.json')
    const frames = isWhole
      ? []
      : eventsOf(file).map((event) => `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`)
    const body = isWhole ? textOf(file) : `${frames.join('')}data: [DONE]\n\n`
    const headers = { 'content-type': isWhole ? 'application/json' : 'text/event-stream' }
    const model = createXai({ apiKey: 'none', fetch: async () => new Response(body, { headers }) }).responses(
      'grok-4.3',
    )
    const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Hi' }] }]
    let [text, reasoning, finish] = ['', '', '']
    let tokens: unknown[] = []
    const clientCalls: string[] = []
    if (isWhole) {
      const { content, finishReason, usage } = await model.doGenerate({ prompt })
      for (const part of content) {
        if (part.type === 'text') text += part.text
        if (part.type === 'reasoning') reasoning += part.text
        if (part.type === 'tool-call' && part.providerExecuted !== true) clientCalls.push(part.toolName)
      }
      finish = finishReason.unified
      tokens = [usage.inputTokens.total, usage.outputTokens.total]
    } else {
      const { stream } = await model.doStream({ prompt })
      for await (const part of stream) {
        if (part.type === 'text-delta') text += part.delta
        if (part.type === 'reasoning-delta') reasoning += part.delta
        if (part.type === 'finish') {
          finish = part.finishReason.unified
          tokens = [part.usage.inputTokens.total, part.usage.outputTokens.total]
        }
      }
    }
    expect(text).toBe(ours.text)
    expect(reasoning).toBe(ours.reasoning)
    expect([clientCalls, finish]).toEqual([[], 'stop'])
    expect(tokens).toEqual([ours.usage.inputTokens, ours.usage.outputTokens])
  })

  it.each(CHAT_RECORDINGS)('%s costs by its ticks what our own sum says', async (file, expected) => {
    let state = INITIAL
    const events = file.endsWith('.json')
      ? fromWire(JSON.parse(textOf(file))).events
      : eventsOf(file).flatMap((chunk) => {
          const step = reduceChunk(state, chunk)
          state = step.state
          return [...step.events]
        })
    const { usage, billing } = events.at(-1) as DriverFinish
    const options = { apiKey: 'xai-test' }
    const bill = toBill({
      options,
      address: toAddress(options, {}),
      model: 'grok-3-mini',
      profile: undefined,
      usage,
      facts: billing,
    })
    const prices = await createPriceList([], systemRuntime.sha256)
    const cost: Cost = costOf(bill, usage, { provider: 'xai', at: Date.UTC(2026, 1, 11) }, prices)
    expect(cost).toMatchObject({ status: 'exact', source: 'provider' })
    expect(cost.status === 'exact' && [String(cost.amount), String(cost.computed)]).toEqual([
      expected,
      expected,
    ])
  })

  it('is here for every recording', () => {
    const files = [...RECORDINGS, ...CHAT_RECORDINGS].map(([file]) => file)
    expect(readdirSync(FOLDER).toSorted()).toEqual(files.toSorted())
  })
})
