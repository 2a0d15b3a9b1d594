import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createAI, type AIResponse, type Client, type ErrorCode, type ModelInfo } from '../../../src/index.ts'
import { toError } from '../../../src/drivers/ollama/errors.ts'
import { MANAGED, NEVER_ASKED } from './management-recordings.ts'
import { errorOf, failure } from './world.ts'

// What a real Ollama put on the wire, which is no part of this repository: where it is at hand, it is replayed byte
// for byte through a socket. What the driver must make of it was worked out by hand.
const FOLDER = new URL('../../../../shared/recordings/ollama/', import.meta.url)
const present = existsSync(FOLDER)
if (!present) process.stdout.write(`skipped: no recordings of a real Ollama at ${FOLDER.pathname}\n`)

interface Recording {
  readonly request: { readonly method: string; readonly path: string }
  readonly response: {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly chunks: readonly string[]
  }
}

interface Answer {
  readonly text: string
  readonly reasoning?: string
  readonly calls?: readonly (readonly [name: string, args: Readonly<Record<string, unknown>>])[]
  /** @default 'stop', or 'tool-calls' where there are calls */
  readonly finish?: string
  /** Input and output. */
  readonly tokens: readonly [number | undefined, number | undefined]
}

interface Failing {
  readonly code: ErrorCode
  readonly kind?: string
  readonly details?: Readonly<Record<string, unknown>>
  readonly partial?: string
}

const FOX = 'The quick brown fox jumps over the lazy dog, then it naps.'
const PARIS = '{"city":"Paris","sunny":true,"temp":21}'
const TAGS = '<tool_call>\n{"name":"get_weather","arguments":{"city":"Paris"}}\n</tool_call>'
const REASONED = { text: 'The answer is 42.', reasoning: 'First I reason a little.\n' }
const RAMBLING = { text: '', reasoning: 'hm well so and thus and thus and thus ', finish: 'length' }
const weatherIn = (city: string): NonNullable<Answer['calls']>[number] => ['get_weather', { city }]
const timeIn = (zone: string): NonNullable<Answer['calls']>[number] => ['get_time', { zone }]

/** What Ollama's own templates (`tiny-chat`) and llama-server's (`tiny-jinja`) agree on, but for the prompt's tokens. */
const BOTH: Readonly<Record<string, (prompt: number) => Answer>> = {
  text: (prompt) => ({ text: FOX, tokens: [prompt + 7, 14] }),
  'text-whole': (prompt) => ({ text: FOX, tokens: [prompt + 7, 14] }),
  one: (prompt) => ({ text: 'ok', tokens: [prompt, 2] }),
  empty: (prompt) => ({ text: '', tokens: [prompt, 1] }),
  unicode: (prompt) => ({ text: 'Grüße: 😀日本 — fin.', tokens: [prompt, 7] }),
  stop: (prompt) => ({ text: 'before ', tokens: [prompt, 3] }),
  length: (prompt) => ({
    text: 'tick tock tick tock tick tock tick ',
    finish: 'length',
    tokens: [prompt, 7],
  }),
  think: (prompt) => ({ ...REASONED, tokens: [prompt, 17] }),
  'think-true-whole': (prompt) => ({ ...REASONED, tokens: [prompt, 17] }),
  'think-false': (prompt) => ({ text: 'No thoughts, just 42.', tokens: [prompt, 6] }),
  'think-length': (prompt) => ({ ...RAMBLING, tokens: [prompt, 9] }),
  'tool-without-tools': (prompt) => ({ text: TAGS, tokens: [prompt, 17] }),
  'keep-alive-forever': (prompt) => ({ text: 'ok', tokens: [prompt, 2] }),
  logprobs: (prompt) => ({ text: 'ok', tokens: [prompt, 2] }),
  'json-mode': (prompt) => ({ text: PARIS, tokens: [prompt, 13] }),
  'json-schema': (prompt) => ({ text: PARIS, tokens: [prompt, 13] }),
}

/** With two tools in the prompt. */
const BOTH_WITH_TOOLS: Readonly<Record<string, (prompt: number) => Answer>> = {
  tool: (prompt) => ({ text: '', calls: [weatherIn('Paris')], tokens: [prompt, 17] }),
  'tool-whole': (prompt) => ({ text: '', calls: [weatherIn('Paris')], tokens: [prompt, 17] }),
  'tools-two': (prompt) => ({ text: '', calls: [weatherIn('Oslo'), timeIn('UTC')], tokens: [prompt, 31] }),
  'say-then-tool': (prompt) => ({ text: 'Let me check. ', calls: [weatherIn('Rome')], tokens: [prompt, 19] }),
  'think-then-tool': (prompt) => ({
    text: '',
    reasoning: 'I need the weather.\n',
    calls: [weatherIn('Cairo')],
    tokens: [prompt, 23],
  }),
}

const forBoth = (of: typeof BOTH, prompts: readonly [chat: number, jinja: number]): [string, Answer][] =>
  Object.entries(of).flatMap(([name, answer]): [string, Answer][] => [
    [`tiny-chat-${name}`, answer(prompts[0])],
    [`tiny-jinja-${name}`, answer(prompts[1])],
  ])

const AGAIN = 'again '

const ANSWERS: readonly (readonly [string, Answer])[] = [
  ...forBoth(BOTH, [7, 21]),
  ...forBoth(BOTH_WITH_TOOLS, [377, 422]),
  ['tiny-chat-json-schema-think-unset', { text: FOX, tokens: [7, 14] }],
  ['tiny-jinja-json-schema-think-unset', { text: '{"city":"","sunny":false,"temp":0}', tokens: [21, 35] }],
  ['tiny-chat-tool-no-args', { text: '', calls: [['get_time', {}]], tokens: [377, 12] }],
  ['tiny-jinja-tool-no-args', { text: '', calls: [timeIn('')], tokens: [422, 35] }],
  // A call that cannot be read, and one of an unknown tool: dropped by one, forced into another by the other.
  ['tiny-chat-tool-bad', { text: '', tokens: [377, 13] }],
  ['tiny-jinja-tool-bad', { text: '', calls: [weatherIn('')], tokens: [422, 29] }],
  ['tiny-chat-tool-ghost', { text: '', tokens: [377, 11] }],
  ['tiny-jinja-tool-ghost', { text: '', calls: [timeIn('')], tokens: [422, 52] }],
  ['tiny-chat-tool-broken', { text: 'Well, now ', tokens: [377, 4] }],
  ['tiny-chat-tool-result', { text: 'It is sunny and 21 degrees in Paris.', tokens: [504, 9] }],
  ['tiny-jinja-tool-result', { text: 'It is sunny and 21 degrees in Paris.', tokens: [548, 9] }],
  ['tiny-jinja-stutter', { text: AGAIN.repeat(60), finish: 'length', tokens: [21, 60] }],
  ['tiny-jinja-stutter-whole', { text: AGAIN.repeat(60), finish: 'length', tokens: [21, 60] }],
  // Cut without a word: what groat's own requests do not allow.
  ['tiny-chat-overflow-default', { text: 'ok', tokens: [505, 2] }],
  ['tiny-jinja-overflow-default', { text: 'ok', tokens: [465, 2] }],
  ['tiny-chat-overflow-single', { text: 'ok', tokens: [258, 2] }],
  ['load', { text: '', finish: 'other', tokens: [undefined, undefined] }],
  ['unload', { text: '', finish: 'other', tokens: [undefined, undefined] }],
]

const overflow = (promptTokens: number): Failing => ({
  code: 'context_too_long',
  kind: 'context-overflow',
  details: { promptTokens, contextSize: 512 },
})
const BAD: Failing = { code: 'request_invalid', kind: 'bad-request' }
const UNSUPPORTED: Failing = { code: 'capability_unsupported', kind: 'unsupported-feature' }

const FAILURES: readonly (readonly [string, Failing])[] = [
  ['tiny-chat-overflow-strict', overflow(3307)],
  ['tiny-jinja-overflow-strict', overflow(3321)],
  ['tiny-chat-overflow-single-strict', overflow(3008)],
  ['tiny-jinja-overflow-single-strict', overflow(3022)],
  ['tiny-jinja-overflow-single', overflow(3022)],
  ['tiny-chat-stutter', { code: 'stream_interrupted', partial: AGAIN.repeat(31) }],
  ['tiny-chat-stutter-whole', { code: 'stream_interrupted', partial: AGAIN.repeat(31) }],
  ['tiny-jinja-tool-broken', { code: 'response_invalid', kind: 'model-output-fault', partial: 'Well, now ' }],
  ...['tiny-chat', 'tiny-jinja'].flatMap((model): [string, Failing][] => [
    [`${model}-bad-option-type`, BAD],
    [`${model}-stop-as-string`, BAD],
    [`${model}-keep-alive-string-number`, BAD],
    [`${model}-arguments-as-string`, BAD],
    [`${model}-image-to-text-model`, UNSUPPORTED],
  ]),
  ['plain-think', UNSUPPORTED],
  ['plain-tools', UNSUPPORTED],
  ['chat-on-embed-model', UNSUPPORTED],
  ['unknown-model', { code: 'model_not_found', kind: 'model-missing' }],
  ['unknown-model-stream-false', { code: 'model_not_found', kind: 'model-missing' }],
  ['no-model', BAD],
  ['bad-json', BAD],
  ['wrong-method', { code: 'config_invalid', kind: 'no-such-endpoint' }],
]

/** Answers to paths that the driver does not ask: what its table makes of the error all the same. */
const OTHER_FAILURES: readonly (readonly [string, Failing])[] = [
  ['not-found-path', { code: 'config_invalid', kind: 'no-such-endpoint' }],
  ['show-unknown', { code: 'model_not_found', kind: 'model-missing' }],
  ['copy-unknown', { code: 'model_not_found', kind: 'model-missing' }],
  ['delete-again', { code: 'model_not_found', kind: 'model-missing' }],
  ['embed-on-chat-model', UNSUPPORTED],
  ['embed-too-long', { code: 'context_too_long', kind: 'context-overflow' }],
]

const MODELS = ['tags', 'show-chat', 'show-jinja', 'show-plain', 'show-embed', 'version'] as const

const recording = (name: string): Recording =>
  JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')) as Recording

describe.skipIf(!present)('what a real Ollama put on the wire', () => {
  let server: Server
  let ai: Client
  /** By path; what is not here is a 404 as of an old server. */
  const replies = new Map<string, Recording>()

  beforeAll(async () => {
    server = createServer((incoming, outgoing) => {
      incoming.resume()
      const { status, headers, chunks } = replies.get(incoming.url ?? '')?.response ?? {
        status: 404,
        headers: {},
        chunks: ['404 page not found'],
      }
      incoming.once('end', () => {
        outgoing.writeHead(status, headers)
        const send = ([chunk, ...rest]: readonly string[]): void => {
          if (chunk === undefined) outgoing.end()
          else outgoing.write(chunk, () => setImmediate(send, rest))
        }
        send(chunks)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    ai = createAI({ providers: { ollama: { baseUrl: `http://127.0.0.1:${port}` } }, runtime: { env: {} } })
  })
  afterAll(async () => {
    await ai?.close()
    server?.closeAllConnections()
    server?.close()
  })

  /** Replays a recording to a call of the mode in which it was recorded, or of both where it was refused. */
  function replay(name: string, stream: boolean): Promise<AIResponse> {
    replies.clear()
    replies.set('/api/chat', recording(name))
    const handle = ai.provider('ollama').model('tiny').with({ retries: 0 })
    return stream ? handle.streamMessage('Hi').response : handle.sendMessage('Hi')
  }

  it.each(ANSWERS)('%s is an answer', async (name, expected) => {
    const calls = expected.calls ?? []
    for (const stream of name.endsWith('-whole') ? [false, true] : [true]) {
      const answer = await replay(name, stream)
      expect(answer.text).toBe(expected.text)
      expect(answer.reasoning).toBe(expected.reasoning ?? '')
      expect(answer.toolCalls.map((call) => [call.name, call.arguments])).toEqual(calls)
      expect(answer.toolCalls.every(({ id }) => /^(call_)?\w{8,32}$/.test(id))).toBe(true)
      expect(answer.finishReason.unified).toBe(expected.finish ?? (calls.length > 0 ? 'tool-calls' : 'stop'))
      expect([answer.usage.inputTokens, answer.usage.outputTokens]).toEqual(expected.tokens)
      // There is no description of the model to prove anything by.
      expect(answer.cost.status).toBe('unknown')
    }
  })

  it.each(FAILURES)('%s is a failure', async (name, expected) => {
    const { status, headers } = recording(name).response
    const streamable = status !== 200 || headers['content-type'] === 'application/x-ndjson'
    const whole = status !== 200 || !streamable
    for (const stream of [...(streamable ? [true] : []), ...(whole ? [false] : [])]) {
      const error = await errorOf(replay(name, stream))
      expect(error.code).toBe(expected.code)
      expect(error.details['kind']).toBe(expected.kind)
      expect(error.details).toMatchObject(expected.details ?? {})
      expect(error.status).toBe(status === 200 ? undefined : status)
      expect(error.partial?.text).toBe(expected.partial)
    }
  })

  it.each(OTHER_FAILURES)('%s is a failure that the table knows', (name, expected) => {
    const { request, response } = recording(name)
    const error = toError(failure(response.chunks.join(''), { status: response.status, path: request.path }))
    expect([error.code, error.details['kind']]).toEqual([expected.code, expected.kind])
  })

  it('lists the models that it had, with what is known of them', async () => {
    replies.clear()
    replies.set('/api/tags', recording('tags'))
    const models = await ai.provider('ollama').models.list()
    const facts = models.map(({ id, capabilities, local, family, quantization }: ModelInfo) => {
      return `${id} (${family} ${quantization}, local: ${local}): ${capabilities.toSorted().join(' ')}`
    })
    expect(facts.toSorted()).toEqual([
      'tiny-builtin:latest (llama F16, local: true): chat parallel-tools stream tools',
      'tiny-chat:latest (llama F16, local: true): chat parallel-tools reasoning stream tools',
      'tiny-embed:latest (llama F16, local: true): embeddings',
      expect.stringMatching(/^tiny-jinja:latest \(llama F16, local: true\): chat/),
      'tiny-plain:latest (llama F16, local: true): chat stream',
    ])
  })

  it.each([
    ['show-chat', ['chat', 'parallel-tools', 'reasoning', 'stream', 'tools'], 8192],
    ['show-jinja', ['chat', 'parallel-tools', 'reasoning', 'stream', 'tools'], 8192],
    ['show-plain', ['chat', 'stream'], 8192],
    ['show-embed', ['embeddings'], 2048],
  ])('%s says what the model can do, and that it is local', async (name, capabilities, contextLength) => {
    replies.clear()
    replies.set('/api/show', recording(name))
    const model = await ai.provider('ollama').models.get('tiny')
    expect(model.capabilities.toSorted()).toEqual(capabilities)
    expect(model).toMatchObject({ local: true, contextLength, family: 'llama' })
  })

  it('is ready by its version and its list', async () => {
    replies.clear()
    replies.set('/api/version', recording('version'))
    replies.set('/api/tags', recording('tags'))
    const health = await ai.provider('ollama').model('tiny-chat').health()
    expect(health).toMatchObject({ status: 'ready', issues: [], details: { version: '0.0.0', models: 5 } })
  })

  it('is replayed whole: every recording is in one of the lists, here or in management-recordings.test.ts', () => {
    const used = [...ANSWERS, ...FAILURES, ...OTHER_FAILURES].map(([name]) => name)
    const all = readdirSync(FOLDER).map((file) => file.replace(/\.json$/, ''))
    const named = [...used, ...MODELS, ...MANAGED, ...Object.keys(NEVER_ASKED)]
    expect([...new Set(named)].toSorted()).toEqual(all.toSorted())
  })
})
