import { createGoogle } from '@ai-sdk/google'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { geminiFixtures } from '../../fixtures/gemini/index.ts'
import type { Read } from '../in-memory.ts'
import { offline } from './world.ts'

// The same recorded bytes through groat and through the provider of the AI SDK, of which they come.
const FOLDER = new URL('../../../../shared/recordings/gemini/', import.meta.url)
const present = existsSync(FOLDER)
if (!present) process.stdout.write(`skipped: no recordings of the Gemini API at ${FOLDER.pathname}\n`)
const NAMES = present ? readdirSync(FOLDER).filter((name) => !name.startsWith('429')) : []

interface Summary {
  readonly text: string
  readonly calls: readonly (readonly [name: string, args: unknown])[]
  readonly finish: string | undefined
  readonly input: number | undefined
  readonly cached: number | undefined
  readonly output: number | undefined
  readonly reasoning: number | undefined
}

function framed(name: string): Uint8Array {
  const text = readFileSync(new URL(name, FOLDER), 'utf8')
  if (name.endsWith('.json')) return new TextEncoder().encode(text)
  const events = text.split('\n').filter((line) => line.trim() !== '')
  return new TextEncoder().encode(events.map((line) => `data: ${line}\r\n\r\n`).join(''))
}

function ours({ fold }: Read): Summary {
  const { usage, finishReason } = fold.end ?? {}
  return {
    text: fold.text,
    calls: fold.toolCalls.map((call) => [call.name, call.arguments]),
    finish: finishReason?.unified,
    input: usage?.inputTokens,
    cached: usage?.cacheReadTokens,
    output: usage?.outputTokens,
    reasoning: usage?.reasoningTokens,
  }
}

async function theirs(body: Uint8Array, isStream: boolean): Promise<Summary> {
  const type = isStream ? 'text/event-stream' : 'application/json'
  const google = createGoogle({
    apiKey: 'a-key-for-nobody',
    fetch: async () => new Response(Uint8Array.from(body).buffer, { headers: { 'content-type': type } }),
  })
  const model = google('gemini-3-pro-preview')
  const prompt = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'Hi' }] }]
  if (!isStream) {
    const { content, usage, finishReason } = await model.doGenerate({ prompt })
    return summary(content, usage, finishReason)
  }
  const { stream } = await model.doStream({ prompt })
  const parts: Content[] = []
  for await (const part of stream) {
    if (part.type === 'text-delta') parts.push({ type: 'text', text: part.delta })
    else if (part.type === 'tool-call') parts.push(part)
    else if (part.type === 'finish') return summary(parts, part.usage, part.finishReason)
  }
  throw new Error('the stream had no end')
}

type Generated = Awaited<ReturnType<ReturnType<ReturnType<typeof createGoogle>>['doGenerate']>>
type Content = Generated['content'][number]

function summary(
  content: readonly Content[],
  { inputTokens, outputTokens }: Generated['usage'],
  finishReason: Generated['finishReason'],
): Summary {
  return {
    text: content.map((part) => (part.type === 'text' ? part.text : '')).join(''),
    calls: content.flatMap((part) =>
      part.type === 'tool-call' ? [[part.toolName, JSON.parse(part.input) as unknown] as const] : [],
    ),
    finish: finishReason.unified,
    input: inputTokens.total,
    cached: inputTokens.cacheRead,
    output: outputTokens.total,
    reasoning: outputTokens.reasoning,
  }
}

// No difference is left: both count thoughts inside the output and tool-use tokens inside the input.
describe('the AI SDK, with what was made by hand', () => {
  const whole = Object.values(geminiFixtures).filter(({ expected }) => !('error' in expected))
  it.each(whole)('reads $name as groat does', async ({ bytes }) => {
    const read = await offline.readPieces([bytes])
    expect(ours(read)).toEqual(await theirs(bytes, true))
  })
})

describe.skipIf(!present)('the AI SDK', () => {
  it.each(NAMES)('reads %s as groat does', async (name) => {
    const isStream = !name.endsWith('.json')
    const read = await offline.readPieces([framed(name)], { stream: isStream })
    expect(read.error).toBeUndefined()
    expect(ours(read)).toEqual(await theirs(framed(name), isStream))
  })
})
