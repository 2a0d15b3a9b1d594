import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fakeOllama, type FakeOllama } from '../../src/testing/fake-ollama.ts'
import { ollamaFixtures, type OllamaFixture } from '../fixtures/ollama/index.ts'

interface Call {
  id?: string
  function: { name: string; arguments: Record<string, unknown> }
}

interface Line {
  message?: { content: string; thinking?: string; tool_calls?: Call[] }
  done?: boolean
  done_reason?: string
  error?: string
  StatusCode?: number
  prompt_eval_count?: number
  prompt_eval_cached_count?: number
  eval_count?: number
}

/** The plainest reading of a stream that there is: it shares no code with the driver. */
function readPlainly({ records }: OllamaFixture): unknown {
  let text = ''
  let reasoning = ''
  const toolCalls: unknown[] = []
  let end: Line | undefined
  for (const record of records as readonly Line[]) {
    text += record.message?.content ?? ''
    reasoning += record.message?.thinking ?? ''
    for (const { id, function: called } of record.message?.tool_calls ?? []) {
      toolCalls.push({ ...(id && { id }), name: called.name, arguments: called.arguments })
    }
    end = record
    if (record.done === true || record.error !== undefined) break
  }
  const { done_reason, prompt_eval_count, eval_count, prompt_eval_cached_count, error, StatusCode } =
    end ?? {}
  return {
    text,
    reasoning,
    finishRaw: done_reason,
    inputTokens: prompt_eval_count,
    outputTokens: eval_count,
    ...(prompt_eval_cached_count !== undefined && { cacheReadTokens: prompt_eval_cached_count }),
    ...(toolCalls.length > 0 && { toolCalls }),
    ...(error !== undefined && { error }),
    ...(StatusCode !== undefined && { errorStatus: StatusCode }),
    ...(error === undefined && done_reason === undefined && { incomplete: true }),
  }
}

describe('fixtures', () => {
  let server: FakeOllama
  beforeAll(async () => {
    server = await fakeOllama()
  })
  afterAll(() => server.close())

  test.each(Object.values(ollamaFixtures))('$name says what was worked out by hand', (fixture) => {
    expect(readPlainly(fixture)).toEqual(fixture.expected)
  })

  test.each(Object.values(ollamaFixtures))('$name comes through in any pieces', async (fixture) => {
    for (const splitBytes of [1, 7, 100_000]) {
      server.reply({ raw: [fixture.bytes], splitBytes })
      const response = await fetch(`${server.url}/api/chat`, { method: 'POST' })
      expect(Buffer.from(await response.arrayBuffer()).equals(fixture.bytes)).toBe(true)
    }
  })
})
