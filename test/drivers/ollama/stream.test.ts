import { describe, expect, it } from 'vitest'
import type { AIResponse, StreamEvent } from '../../../src/index.ts'
import type { OllamaReply } from '../../../src/testing/fake-ollama.ts'
import { ollamaFixtures, type OllamaFixture } from '../../fixtures/ollama/index.ts'
import { readPieces } from './in-memory.ts'
import { errorOf, openWorld } from './world.ts'

const FIXTURES = Object.values(ollamaFixtures)
const failed = ({ expected }: OllamaFixture): boolean =>
  expected.error !== undefined || expected.incomplete === true
const ANSWERS = FIXTURES.filter((fixture) => !failed(fixture))
const FAILURES = FIXTURES.filter(failed)

interface Streamed {
  readonly events: readonly StreamEvent[]
  readonly response: AIResponse
}

/** The answer to one streamed call, and the events of it. */
async function streamed(reply: OllamaReply): Promise<Streamed> {
  await using world = await openWorld()
  world.server.reply(reply)
  const stream = world.ai.streamMessage('Hi')
  const events: StreamEvent[] = []
  for await (const event of stream) events.push(event)
  return { events, response: await stream.response }
}

async function whole(body: unknown): Promise<AIResponse> {
  await using world = await openWorld()
  world.server.reply({ body })
  return await world.ai.sendMessage('Hi')
}

/** What `stream: false` would have sent: one record with everything in it. */
function merged({ records, expected }: OllamaFixture): Record<string, unknown> {
  const read = records as readonly Record<string, unknown>[]
  const end = read.find((record) => record['done'] === true || 'done_reason' in record)
  const calls = read.flatMap(
    ({ message }) => (message as { tool_calls?: unknown[] } | undefined)?.tool_calls ?? [],
  )
  const message = {
    role: 'assistant',
    content: expected.text,
    ...(expected.reasoning !== '' && { thinking: expected.reasoning }),
    ...(calls.length > 0 && { tool_calls: calls }),
  }
  return { ...end, message }
}

const UNIFIED: Readonly<Record<string, string>> = { stop: 'stop', length: 'length' }

describe('an answer', () => {
  it.each(ANSWERS)('$name is what was worked out by hand', async ({ bytes, expected }) => {
    const { events, response } = await streamed({ raw: [bytes] })
    expect(response.text).toBe(expected.text)
    expect(response.reasoning).toBe(expected.reasoning)
    expect(response.finishReason.raw).toBe(expected.finishRaw)
    const calls = expected.toolCalls ?? []
    const unified = calls.length > 0 ? 'tool-calls' : (UNIFIED[expected.finishRaw ?? ''] ?? 'other')
    expect(response.finishReason.unified).toBe(unified)
    expect(response.toolCalls).toMatchObject(calls)
    expect(new Set(response.toolCalls.map(({ id }) => id)).size).toBe(calls.length)
    const { inputTokens, outputTokens, cacheReadTokens } = response.usage
    expect({ inputTokens, outputTokens, cacheReadTokens }).toEqual({
      inputTokens: expected.inputTokens,
      outputTokens: expected.outputTokens,
      cacheReadTokens: expected.cacheReadTokens,
    })
    expect(response.usage.reasoningTokens).toBeUndefined()
    expectWellFormed(events)
  })

  it.each(ANSWERS)('$name is the same whole as streamed', async (fixture) => {
    const { response } = await streamed({ raw: [fixture.bytes] })
    const one = await whole(merged(fixture))
    for (const field of ['text', 'reasoning', 'toolCalls', 'finishReason', 'usage', 'model', 'cost'] as const)
      expect(one[field], field).toEqual(response[field])
  })

  it.each(FAILURES)(
    '$name fails with what had arrived, and is never finished',
    async ({ bytes, expected }) => {
      await using world = await openWorld()
      world.server.default({ raw: [bytes] })
      const stream = world.ai.streamMessage('Hi')
      const seen: StreamEvent[] = []
      const error = await errorOf(
        (async () => {
          for await (const event of stream) seen.push(event)
        })(),
      )
      expect(error.partial?.text).toBe(expected.text)
      expect(error.partial?.usage).toBeUndefined()
      expect(seen.map((event) => (event.type === 'text-delta' ? event.text : '')).join('')).toBe(
        expected.text,
      )
      expect(seen.some(({ type }) => type === 'finish')).toBe(false)
      expect(error.status).toBe(expected.errorStatus)
      if (expected.error !== undefined)
        expect(error.details).toMatchObject({ midStream: true, said: expected.error })
      else expect(error.code).toBe('stream_interrupted')
      // Something had been shown: a second try would have repeated it.
      expect(world.chats()).toHaveLength(1)
    },
  )
})

/** Deltas lie between the start and the end of their own block, nothing is empty, and the finish is last. */
function expectWellFormed(events: readonly StreamEvent[]): void {
  let open: string | undefined
  for (const [index, event] of events.entries()) {
    const [kind = '', step] = event.type.split('-')
    expect(event.type === 'start').toBe(index === 0)
    expect(event.type === 'finish').toBe(index === events.length - 1)
    if (kind !== 'text' && kind !== 'reasoning') expect(open).toBeUndefined()
    else if (step === 'start') {
      expect(open).toBeUndefined()
      open = kind
    } else expect(open).toBe(kind)
    if (step === 'end') open = undefined
    if ('text' in event) expect(event.text).not.toBe('')
  }
}

const END = JSON.stringify({ message: { content: 'Hi' }, done: true, done_reason: 'stop' })

describe('the end of an answer', () => {
  it('is missing from a stream that just ends: one more try where nothing had arrived, and then the error', async () => {
    await using world = await openWorld()
    world.server.default({ raw: [''] })
    const error = await errorOf(world.ai.streamMessage('Hi', { retries: 2 }).response)
    expect([error.code, error.partial]).toEqual(['stream_interrupted', undefined])
    expect(world.chats()).toHaveLength(2)
  })

  it('is missing from a whole answer that says so: one more try, and then what had arrived', async () => {
    await using world = await openWorld()
    world.server.default({ text: 'again again', done: false })
    const error = await errorOf(world.ai.sendMessage('Hi', { retries: 2 }))
    expect([error.code, error.partial?.text]).toEqual(['stream_interrupted', 'again again'])
    expect(world.chats()).toHaveLength(2)
  })

  it('is missing where the connection breaks', async () => {
    await using world = await openWorld()
    world.server.reply({ text: 'one two three', cutAfter: 2, reset: true })
    const error = await errorOf(world.ai.streamMessage('Hi').response)
    expect([error.code, error.partial?.text]).toEqual(['stream_interrupted', 'one two'])
  })

  it('is an error in a whole answer that comes under 200', async () => {
    await using world = await openWorld()
    world.server.default({ body: { error: 'an error was encountered while running the model: EOF' } })
    const error = await errorOf(world.ai.sendMessage('Hi', { retries: 2 }))
    expect([error.code, error.details['kind']]).toEqual(['provider_unavailable', 'runner-crash'])
  })

  it('is one object without a line end where a model was only loaded or unloaded', async () => {
    for (const reason of ['load', 'unload']) {
      const { response } = await streamed({
        body: {
          model: 'llama3.2',
          message: { role: 'assistant', content: '' },
          done: true,
          done_reason: reason,
        },
      })
      expect(response.text).toBe('')
      expect(response.finishReason).toEqual({ unified: 'other', raw: reason })
      expect(response.usage.outputTokens).toBeUndefined()
    }
  })

  it.each<[string, OllamaReply]>([
    ['a line that is no JSON', { raw: [`${END}\n`, '<html>\n'] }],
    ['half a line, in the same piece', { raw: [`${END}\n{"mess`] }],
    ['an error', { raw: [`${END}\n{"error":"too late"}\n`] }],
    ['a reset connection', { raw: [`${END}\n`, ' '], cutAfter: 1, reset: true }],
  ])('is the end, whatever follows: %s', async (_name, reply) => {
    const { response } = await streamed(reply)
    expect([response.text, response.finishReason.unified, response.attempts.length]).toEqual([
      'Hi',
      'stop',
      1,
    ])
  })

  it('needs no reason', async () => {
    const { response } = await streamed({ lines: [{ message: { content: 'Hi' }, done: true }] })
    expect([response.text, response.finishReason]).toEqual(['Hi', { unified: 'other', raw: undefined }])
  })
})

describe('what only some servers send', () => {
  it('is no error where the error is null or empty', async () => {
    for (const error of [null, '']) {
      const end = { message: { content: 'Fine' }, done: true, done_reason: 'stop', error }
      expect((await streamed({ lines: [end] })).response.text).toBe('Fine')
    }
  })

  it('is one text where a list of tool calls is empty or null', async () => {
    const lines = [null, []].map((calls) => ({ message: { content: 'x', tool_calls: calls }, done: false }))
    const { response } = await streamed({ lines: [...lines, { done: true, done_reason: 'stop' }] })
    expect(response.parts).toEqual([{ type: 'text', text: 'xx' }])
  })

  it('marks arguments that are no object, and keeps them in one', async () => {
    const call = { id: 'c1', function: { name: 'add', arguments: [1, 2] } }
    const { response } = await streamed({
      lines: [{ message: { content: '', tool_calls: [call] }, done: true, done_reason: 'stop' }],
    })
    expect(response.toolCalls).toEqual([
      { id: 'c1', name: 'add', arguments: { value: [1, 2] }, issues: ['arguments is not an object'] },
    ])
  })

  it('keeps the end of the budget apart from the end of the answer, also where tools were called', async () => {
    const call = { function: { name: 'add', arguments: {} } }
    const { response } = await streamed({
      lines: [{ message: { content: '', tool_calls: [call] }, done: true, done_reason: 'length' }],
    })
    expect(response.finishReason).toEqual({ unified: 'length', raw: 'length' })
  })

  it('is response_invalid where a page comes in place of an answer', async () => {
    for (const mode of ['whole', 'stream']) {
      await using world = await openWorld()
      world.server.default({ status: 200, body: '<html>Sign in to the hotel network</html>' })
      const call = mode === 'whole' ? world.ai.sendMessage('Hi') : world.ai.streamMessage('Hi').response
      const error = await errorOf(call)
      expect([error.code, error.model, error.provider]).toEqual(['response_invalid', 'llama3.2', 'ollama'])
      expect(world.chats()).toHaveLength(1)
    }
  })

  it('keeps what came before a line that cannot be read', async () => {
    await using world = await openWorld()
    world.server.reply({ raw: ['{"message":{"content":"So far"}}\n{"message":{"con\n'] })
    const error = await errorOf(world.ai.streamMessage('Hi').response)
    expect([error.code, error.partial?.text]).toEqual(['response_invalid', 'So far'])
  })
})

describe('counts and times', () => {
  const endWith = (more: Readonly<Record<string, unknown>>): OllamaReply => ({ text: 'Hi', last: more })

  it('are not told where the server did not tell them, and are not zero then', async () => {
    const { response } = await streamed({ text: 'Hi', promptTokens: 0, outputTokens: 0 })
    const { inputTokens, outputTokens, cacheReadTokens } = response.usage
    expect([inputTokens, outputTokens, cacheReadTokens]).toEqual([undefined, undefined, undefined])
  })

  it.each<[unknown, number | undefined]>([
    [0, 0],
    [9, 9],
    [10, 10],
    [11, 10],
    [undefined, undefined],
    [null, undefined],
    [-1, undefined],
    [1.5, undefined],
    ['9', undefined],
  ])('take %j cached of 10 for %j', async (cached, expected) => {
    const counts = { prompt_eval_count: 10, prompt_eval_cached_count: cached }
    expect((await streamed(endWith(counts))).response.usage.cacheReadTokens).toBe(expected)
  })

  it('are milliseconds made of nanoseconds', async () => {
    const durations = {
      total_duration: 41_000_000,
      load_duration: 2_500_000,
      prompt_eval_duration: 9_000_001,
    }
    const { response } = await streamed(endWith({ ...durations, eval_duration: 3_600_000_000_000 }))
    expect(response.timing.provider).toEqual({
      totalMs: 41,
      loadMs: 2.5,
      inputMs: 9.000001,
      outputMs: 3_600_000,
    })
  })

  it('are kept as the server told them, for disputes', async () => {
    const { response } = await streamed({ text: 'Hi', promptTokens: 12, outputTokens: 3, cachedTokens: 4 })
    const raw = { prompt_eval_count: 12, eval_count: 3, prompt_eval_cached_count: 4 }
    expect(response.usage.raw).toEqual(raw)
    expect(response.raw).toMatchObject({ ...raw, done_reason: 'stop' })
  })
})

describe('a line of ten million bytes', () => {
  const line = (bytes: number): Buffer =>
    Buffer.from(
      `{"model":"oak","message":{"content":"${'é'.repeat(bytes / 2)}"},"done":true,"done_reason":"stop"}\n`,
    )

  it('comes through a socket', async () => {
    const { response } = await streamed({ raw: [line(10_000_000)], splitBytes: 65_536 })
    expect(response.text).toHaveLength(5_000_000)
  })

  it('takes four times the work of a quarter of it, not sixteen times', async () => {
    const cpuMs = async (bytes: number): Promise<number> => {
      const whole = line(bytes)
      const pieces = Array.from({ length: Math.ceil(whole.length / 4_096) }, (_, index) =>
        whole.subarray(index * 4_096, (index + 1) * 4_096),
      )
      let best = Number.POSITIVE_INFINITY
      for (let run = 0; run < 3; run++) {
        const before = process.cpuUsage()
        expect((await readPieces(pieces)).error).toBeUndefined()
        const { user, system } = process.cpuUsage(before)
        best = Math.min(best, (user + system) / 1_000)
      }
      return best
    }
    const quarter = await cpuMs(2_500_000)
    expect(await cpuMs(10_000_000)).toBeLessThan(Math.max(quarter, 10) * 10)
  })
})
