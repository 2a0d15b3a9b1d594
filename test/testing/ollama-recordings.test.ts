import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fakeOllama, type FakeOllama, type OllamaReply } from '../../src/testing/fake-ollama.ts'
import { rawRequest, type RawAnswer } from './raw-client.ts'

// Answers of a real Ollama, which are not part of this repository: where they are at hand, the stand-in is held to them.
const folder = new URL('../../../shared/recordings/ollama/', import.meta.url)
const present = existsSync(folder)
if (!present) process.stdout.write(`skipped: no recordings of a real Ollama at ${folder.pathname}\n`)

interface Recording {
  request: { method: string; path: string; body: unknown }
  response: { status: number; headers: Record<string, string>; chunks: string[] }
}

interface Message {
  content: string
  thinking?: string
  tool_calls?: { function: { name: string; arguments: Record<string, unknown> } }[]
}

const recording = (name: string): Recording =>
  JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'))

/** What a value is made of: keys in order, types, and whether a number is whole. Lists count by their first item. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])]
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).map(([key, item]) => [key, shapeOf(item)])
  }
  if (typeof value === 'number') return Number.isInteger(value) ? 'whole' : 'number'
  return value === null ? 'null' : typeof value
}

const recordsOf = (pieces: readonly (Buffer | string)[]): unknown[] =>
  pieces.map((piece): unknown => JSON.parse(String(piece)))

/** The reply that makes the stand-in say what the real model said. */
function scriptOf({ response }: Recording): OllamaReply {
  const records = recordsOf(response.chunks) as { message?: Message; done?: boolean }[]
  const messages = records.map(({ message }) => message ?? { content: '' })
  const toolCalls = messages.flatMap(({ tool_calls: calls = [] }) =>
    calls.map(({ function: { name, arguments: args } }) => ({ name, arguments: args })),
  )
  const texts = messages.map(({ content }) => content).filter((content) => content !== '')
  return {
    // A whole answer does not tell its tokens.
    ...(records.length > 1 ? { chunks: texts } : { text: texts.join('') }),
    thinking: messages.map(({ thinking }) => thinking ?? '').filter((thinking) => thinking !== ''),
    toolCalls,
    ...(records.at(-1)?.done === false && { done: false }),
  }
}

function headerShape(headers: Readonly<Record<string, string>>): unknown {
  const { date: _date, 'content-length': _length, ...rest } = headers
  return { ...rest, names: Object.keys(headers) }
}

const headersOf = ({ headers }: RawAnswer): Record<string, string> =>
  Object.fromEntries(headers.map(([name, value]) => [name.toLowerCase(), value]))

async function replay(server: FakeOllama, { request }: Recording): Promise<RawAnswer> {
  return rawRequest(server.url, request.method, request.path, request.body ?? undefined)
}

describe.skipIf(!present)('the stand-in and recordings of a real server', () => {
  let server: FakeOllama

  beforeAll(async () => {
    const common = { contextLength: 8_192, embeddingLength: 384 }
    server = await fakeOllama({
      models: [
        {
          ...common,
          name: 'tiny-chat',
          capabilities: ['completion', 'tools', 'insert', 'thinking'],
          runningContext: 4_096,
        },
        { ...common, name: 'tiny-jinja', capabilities: ['completion', 'tools', 'thinking'], route: 'native' },
        { ...common, name: 'tiny-plain', capabilities: ['completion'] },
        {
          ...common,
          name: 'tiny-embed',
          capabilities: ['embedding'],
          contextLength: 2_048,
          embeddingLength: 64,
        },
        { ...common, name: 'tiny-builtin', capabilities: ['completion', 'tools'] },
      ],
    })
  })
  afterAll(() => server.close())

  test.each([
    'root',
    'version',
    'unknown-model',
    'unknown-model-stream-false',
    'show-unknown',
    'bad-json',
    'no-model',
    'not-found-path',
    'wrong-method',
    'plain-think',
    'plain-tools',
    'chat-on-embed-model',
    'tiny-chat-bad-option-type',
    'tiny-chat-stop-as-string',
    'tiny-chat-keep-alive-string-number',
    'tiny-chat-arguments-as-string',
    'tiny-jinja-bad-option-type',
    'tiny-jinja-arguments-as-string',
  ])('%s: the same body', async (name) => {
    const recorded = recording(name)
    const answer = await replay(server, recorded)
    const version =
      name === 'version' ? recorded.response.chunks.join('').replace('0.0.0', '0.33.0') : undefined
    expect(answer.body).toBe(version ?? recorded.response.chunks.join(''))
    expect(answer.statusLine).toContain(` ${recorded.response.status} `)
    expect(headerShape(headersOf(answer))).toEqual(headerShape(recorded.response.headers))
  })

  test.each(['ps', 'load', 'unload'])('%s: the same shape', async (name) => {
    if (name === 'ps') await replay(server, recording('load'))
    const recorded = recording(name)
    const answer = await replay(server, recorded)
    expect(shapeOf(JSON.parse(answer.body))).toEqual(shapeOf(JSON.parse(recorded.response.chunks.join(''))))
    expect(answer.statusLine).toContain(' 200 ')
    expect(headerShape(headersOf(answer))).toEqual(headerShape(recorded.response.headers))
  })

  // Longer here or shorter there, and so framed otherwise.
  test.each(['tags', 'show-chat', 'show-plain'])('%s: the same shape of the body', async (name) => {
    const recorded = recording(name)
    const answer = await replay(server, recorded)
    expect(shapeOf(JSON.parse(answer.body))).toEqual(shapeOf(JSON.parse(recorded.response.chunks.join(''))))
    expect(answer.statusLine).toContain(' 200 ')
  })

  test.each(['tiny-chat-overflow-strict', 'tiny-jinja-overflow-strict'])(
    '%s: the same but for the counts',
    async (name) => {
      const recorded = recording(name)
      // It counts words, not tokens: fewer.
      const body = { ...(recorded.request.body as object), options: { num_ctx: 32 } }
      const answer = await replay(server, { ...recorded, request: { ...recorded.request, body } })
      const plain = (text: string): string => text.replaceAll(/\d+/g, 'N')
      expect(plain(answer.body)).toBe(plain(recorded.response.chunks.join('').trimEnd()))
      expect(answer.statusLine).toContain(' 400 ')
      expect(headerShape(headersOf(answer))).toEqual(headerShape(recorded.response.headers))
    },
  )

  const spoken = [
    'text',
    'text-whole',
    'one',
    'empty',
    'unicode',
    'length',
    'stutter',
    'stutter-whole',
    'think',
    'think-false',
    'think-length',
    'think-true-whole',
    'tool',
    'tool-whole',
    'tools-two',
    'tool-no-args',
    'say-then-tool',
    'think-then-tool',
    'tool-without-tools',
    'keep-alive-forever',
  ].flatMap((name) => [`tiny-chat-${name}`, `tiny-jinja-${name}`])

  test.each(spoken)('%s: the same records', async (name) => {
    const recorded = recording(name)
    server.reply(scriptOf(recorded))
    const answer = await replay(server, recorded)
    expect(server.queued).toBe(0)
    const own = recordsOf(answer.pieces)
    const real = recordsOf(recorded.response.chunks)
    expect(own.map(shapeOf)).toEqual(real.map(shapeOf))
    const said = (records: unknown[]): unknown =>
      (records as { message?: Message; done_reason?: string }[]).map(({ message, done_reason }) => [
        message?.content,
        message?.thinking,
        done_reason,
      ])
    expect(said(own)).toEqual(said(real))
    expect(headerShape(headersOf(answer))).toEqual(headerShape(recorded.response.headers))
  })

  test.each(['embed-empty', 'embed-on-chat-model', 'copy-unknown', 'delete-again'])(
    '%s: the same body as the real one',
    async (name) => {
      const recorded = recording(name)
      const answer = await replay(server, recorded)
      expect(answer.body).toBe(recorded.response.chunks.join(''))
      expect(answer.statusLine).toContain(` ${recorded.response.status} `)
      expect(headerShape(headersOf(answer))).toEqual(headerShape(recorded.response.headers))
    },
  )

  test('embed-too-long: the same body, for more words than the model takes', async () => {
    const recorded = recording('embed-too-long')
    // It counts words, not tokens.
    const body = { ...(recorded.request.body as object), input: 'x '.repeat(2_048) }
    const answer = await replay(server, { ...recorded, request: { ...recorded.request, body } })
    expect(answer.body).toBe(recorded.response.chunks.join(''))
    expect(answer.statusLine).toContain(' 400 ')
    expect(headerShape(headersOf(answer))).toEqual(headerShape(recorded.response.headers))
  })

  test.each(['embed', 'embed-dimensions'])('%s: the same shape, and vectors of length 1', async (name) => {
    const recorded = recording(name)
    const answer = await replay(server, recorded)
    const own = JSON.parse(answer.body) as { embeddings: number[][] }
    const real = JSON.parse(recorded.response.chunks.join('')) as { embeddings: number[][] }
    expect(shapeOf(own)).toEqual(shapeOf(real))
    expect(own.embeddings.map((vector) => vector.length)).toEqual(real.embeddings.map(({ length }) => length))
    for (const vector of own.embeddings) expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
    expect(answer.statusLine).toContain(' 200 ')
    expect(headerShape(headersOf(answer))).toEqual(headerShape(recorded.response.headers))
  })

  test.each(['create-from', 'create-bad-blob', 'copy', 'delete', 'delete-derived'])(
    '%s: the same lines but for what the digests are',
    async (name) => {
      const recorded = recording(name)
      const answer = await replay(server, recorded)
      const plain = (text: string): string => text.replaceAll(/(?<=sha256:)[0-9a-f]{64}/g, 'DIGEST')
      expect(answer.pieces.map(String).map(plain)).toEqual(recorded.response.chunks.map(plain))
      expect(answer.statusLine).toContain(' 200 ')
      expect(headerShape(headersOf(answer))).toEqual(headerShape(recorded.response.headers))
    },
  )

  test('pull-offline: the same lines, where the test scripts what went wrong', async () => {
    const recorded = recording('pull-offline')
    server.once('/api/pull', { lines: recordsOf(recorded.response.chunks) })
    const answer = await replay(server, recorded)
    expect(answer.pieces.map(String)).toEqual(recorded.response.chunks)
    expect(headerShape(headersOf(answer))).toEqual(headerShape(recorded.response.headers))
  })

  test.each(['tiny-chat-stop', 'tiny-jinja-stop'])('%s: the text ends before the stop text', async (name) => {
    const recorded = recording(name)
    server.reply({ chunks: ['before ', 'STOP', ' after'] })
    const answer = await replay(server, recorded)
    expect(recordsOf(answer.pieces).map(shapeOf)).toEqual(recordsOf(recorded.response.chunks).map(shapeOf))
  })
})
