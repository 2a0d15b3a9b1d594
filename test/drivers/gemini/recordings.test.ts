import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { AIResponse, Part } from '../../../src/index.ts'
import { errorOf, openWorld } from './world.ts'

// What the real service put on the wire, which is no part of this repository: where it is at hand, it is replayed
// through a socket. What the driver must make of it was worked out by hand, cost included.
const FOLDER = new URL('../../../../shared/recordings/gemini/', import.meta.url)
const present = existsSync(FOLDER)
if (!present) process.stdout.write(`skipped: no recordings of the Gemini API at ${FOLDER.pathname}\n`)

interface Answer {
  readonly text: string
  readonly call?: readonly [name: string, args: Readonly<Record<string, unknown>>]
  readonly finish: 'stop' | 'tool-calls'
  /** Prompt, visible answer and thoughts, as the service counted them. */
  readonly counts: readonly [prompt: number, answer: number, thoughts: number]
  /** At $2 for a million tokens of input and $12 for one of output, thoughts included. */
  readonly cost: string
  /** On which part the signature stands, how long it is, and whether the part says nothing else. */
  readonly signature: { readonly at: number; readonly chars: number }
}

const STRAWBERRY = 'There are **3** "r"s in strawberry.\n\nHere is the breakdown: st**r**awbe**rr**y.'
const WEATHER = ['weather', { location: 'San Francisco' }] as const

/** Costs: 9 × 2 + 272 × 12 = 3,282 millionths of a dollar, and so on. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  'text.json': {
    text: STRAWBERRY.replace('"r"s', "r's"),
    finish: 'stop',
    counts: [9, 28, 244],
    cost: '0.003282',
    signature: { at: 0, chars: 100 },
  },
  'reasoning.json': {
    text: STRAWBERRY,
    finish: 'stop',
    counts: [9, 29, 282],
    cost: '0.00375',
    signature: { at: 0, chars: 100 },
  },
  'reasoning.chunks.txt': {
    text: STRAWBERRY,
    finish: 'stop',
    counts: [9, 29, 256],
    cost: '0.003438',
    signature: { at: 1, chars: 1_216 },
  },
  'tool-call.json': {
    text: '',
    call: WEATHER,
    finish: 'tool-calls',
    counts: [29, 15, 893],
    cost: '0.010954',
    signature: { at: 0, chars: 100 },
  },
  'tool-call.chunks.txt': {
    text: '',
    call: WEATHER,
    finish: 'tool-calls',
    counts: [29, 15, 45],
    cost: '0.000778',
    signature: { at: 0, chars: 396 },
  },
  'tool-call-gemini3.chunks.txt': {
    text: '',
    call: WEATHER,
    finish: 'tool-calls',
    counts: [29, 15, 804],
    cost: '0.009886',
    signature: { at: 0, chars: 5_488 },
  },
}

const MODEL = 'gemini-3-pro-preview'
const bytesOf = (name: string): string => readFileSync(new URL(name, FOLDER), 'utf8')

/** The recorded events as the service frames them. */
function framed(lines: string): string[] {
  return lines
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => `data: ${line}\r\n\r\n`)
}

async function replay(name: string): Promise<AIResponse> {
  await using world = await openWorld({
    gemini: { prices: 'gemini', model: MODEL },
    server: { models: [MODEL] },
  })
  const text = bytesOf(name)
  if (name.endsWith('.json')) {
    world.server.reply({ body: JSON.parse(text) })
    return await world.ai.sendMessage('Hi')
  }
  world.server.reply({ raw: framed(text) })
  return await world.ai.streamMessage('Hi').response
}

function signatureOf(part: Part | undefined): unknown {
  const data = part && 'providerData' in part ? part.providerData : undefined
  return (data as { data?: { thoughtSignature?: unknown } } | undefined)?.data?.thoughtSignature
}

describe.skipIf(!present)('what the real service put on the wire', () => {
  it.each(Object.entries(ANSWERS))('%s is what was worked out by hand', async (name, expected) => {
    const answer = await replay(name)
    const [prompt, visible, thoughts] = expected.counts
    expect(answer.text).toBe(expected.text)
    expect(answer.reasoning).toBe('')
    expect(answer.finishReason).toEqual({ unified: expected.finish, raw: 'STOP' })
    const calls = answer.toolCalls.map((call) => [call.name, call.arguments])
    expect(calls).toEqual(expected.call ? [expected.call] : [])
    expect(answer.model).toBe(MODEL)
    const { raw, ...usage } = answer.usage
    expect(usage).toMatchObject({
      inputTokens: prompt,
      outputTokens: visible + thoughts,
      reasoningTokens: thoughts,
      cacheReadTokens: 0,
    })
    expect(raw).toMatchObject({ totalTokenCount: prompt + visible + thoughts })
    expect([answer.cost.status, String(answer.cost.amount)]).toEqual(['exact', expected.cost])
    const signatures = answer.parts.map(signatureOf)
    const lengths = signatures.map((one) => (typeof one === 'string' ? one.length : undefined))
    const wanted = answer.parts.map((_, at) =>
      at === expected.signature.at ? expected.signature.chars : undefined,
    )
    expect(lengths).toEqual(wanted)
    expect(bytesOf(name)).toContain(String(signatures[expected.signature.at]))
  })

  it('429-retry-info.json is a rate limit of the minute, with the wait that it names', async () => {
    await using world = await openWorld()
    const body: unknown = JSON.parse(bytesOf('429-retry-info.json'))
    world.server.reply({ status: 429, body }, { text: 'Fine.' })
    const answer = await world.ai.sendMessage('Hi')
    expect([answer.text, world.waits]).toEqual(['Fine.', [34_400]])
    world.server.reply({ status: 429, body })
    const error = await errorOf(world.ai.sendMessage('Hi', { retries: 0 }))
    expect([error.code, error.status, error.retryAfterMs]).toEqual(['rate_limited', 429, 34_400])
  })

  it('covers every recording', async () => {
    const { readdirSync } = await import('node:fs')
    expect(readdirSync(FOLDER).toSorted()).toEqual(
      ['429-retry-info.json', ...Object.keys(ANSWERS)].toSorted(),
    )
  })
})
