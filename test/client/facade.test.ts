import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAI, type AIResponse, type Client, type Input } from '../../src/index.ts'
import { ollama } from '../../src/drivers/ollama/index.ts'
import { fakeOllama, type FakeOllama } from '../../src/testing/index.ts'
import { QUIET } from '../node.ts'

let server: FakeOllama
let ai: Client

beforeEach(async () => {
  server = await fakeOllama({ models: ['llama3.2', 'qwen3:8b', 'hf.co/user/repo:q4'] })
  ai = createAI({ providers: { ollama: { baseUrl: server.url, model: 'llama3.2' } } })
})

afterEach(async () => {
  await ai.close()
  await server.close()
})

function chats(): { model: string; messages: unknown; stream: boolean }[] {
  const bodies = server.requests
    .filter((request) => request.path === '/api/chat')
    .map((request) => request.body)
  return bodies as { model: string; messages: unknown; stream: boolean }[]
}

const HI = [{ role: 'user', content: 'Hi' }]
const TALK: Input = [
  { role: 'system', content: 'Be brief' },
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Hello' },
  { role: 'user', content: 'Bye' },
]

interface Way {
  readonly way: string
  readonly send: () => Promise<AIResponse>
  readonly model?: string
  readonly messages?: unknown
  readonly streams?: boolean
}

const WAYS: readonly Way[] = [
  { way: 'a text through the default provider', send: () => ai.sendMessage('Hi') },
  { way: 'a text through a provider', send: () => ai.provider('ollama').sendMessage('Hi') },
  { way: 'a message', send: () => ai.sendMessage({ role: 'user', content: 'Hi' }) },
  { way: 'a conversation', send: () => ai.sendMessage(TALK), messages: TALK },
  {
    way: 'a model of a provider',
    send: () => ai.provider('ollama').model('qwen3:8b').sendMessage('Hi'),
    model: 'qwen3:8b',
  },
  {
    way: 'provider and model at once',
    send: () => ai.model('ollama/qwen3:8b').sendMessage('Hi'),
    model: 'qwen3:8b',
  },
  {
    way: 'a model with slashes',
    send: () => ai.model('hf.co/user/repo:q4').sendMessage('Hi'),
    model: 'hf.co/user/repo:q4',
  },
  { way: 'the option model', send: () => ai.sendMessage('Hi', { model: 'qwen3:8b' }), model: 'qwen3:8b' },
  {
    way: 'options of a handle',
    send: () => ai.with({ system: 'Be brief' }).sendMessage('Hi'),
    messages: [{ role: 'system', content: 'Be brief' }, ...HI],
  },
  { way: 'a stream, read to its end', send: () => readToEnd(ai.streamMessage('Hi')), streams: true },
  { way: 'a stream, awaited', send: () => ai.provider('ollama').streamMessage('Hi').response, streams: true },
  {
    way: 'a stream of a conversation',
    send: () => ai.model('ollama/qwen3:8b').streamMessage(TALK).response,
    model: 'qwen3:8b',
    messages: TALK,
    streams: true,
  },
]

async function readToEnd(stream: ReturnType<Client['streamMessage']>): Promise<AIResponse> {
  for await (const event of stream) void event
  return stream.response
}

describe('every way in', () => {
  it.each(WAYS)('$way: one POST with all messages, one of each event, one entry', async (one) => {
    const told: string[] = []
    for (const name of ['messageSent', 'responseGenerated', 'costCalculated', 'messageFailed'] as const) {
      ai.on(name, () => void told.push(name))
    }
    const answer = await one.send()
    expect(chats()).toEqual([
      expect.objectContaining({
        model: one.model ?? 'llama3.2',
        messages: one.messages ?? HI,
        stream: one.streams ?? false,
      }),
    ])
    expect(told).toEqual(['messageSent', 'responseGenerated', 'costCalculated'])
    expect(await Array.fromAsync(ai.ledger.entries())).toMatchObject([{ callId: answer.id, outcome: 'ok' }])
    expect(answer).toMatchObject({
      provider: 'ollama',
      model: one.model ?? 'llama3.2',
      cost: { status: 'free' },
    })
    expect(answer.text).not.toBe('')
  })

  it('asks what a model is once, and only before its first call', async () => {
    await ai.sendMessage('Hi')
    await ai.sendMessage('Hi')
    await Promise.all([1, 2, 3].map(() => ai.model('qwen3:8b').sendMessage('Hi')))
    expect(server.requests.map((request) => request.path)).toEqual([
      '/api/show',
      '/api/chat',
      // How it runs is asked for once, after its first answer.
      '/api/ps',
      '/api/chat',
      '/api/show',
      '/api/chat',
      '/api/chat',
      '/api/chat',
    ])
  })
})

describe('a handle', () => {
  it('never changes: each choice gives another one', async () => {
    const handle = ai.provider('ollama')
    const other = handle.model('qwen3:8b').with({ temperature: 0 })
    const answers = await Promise.all([
      handle.sendMessage('Hi'),
      other.sendMessage('Hi'),
      handle.sendMessage('Hi'),
    ])
    expect(answers.map((answer) => answer.model)).toEqual(['llama3.2', 'qwen3:8b', 'llama3.2'])
  })

  it('lists and describes the models of its provider', async () => {
    const names = (await ai.models.list()).map((model) => model.id)
    expect(names.toSorted()).toEqual(['hf.co/user/repo:q4', 'llama3.2:latest', 'qwen3:8b'])
    expect(await ai.models.get('qwen3:8b')).toMatchObject({ id: 'qwen3:8b', local: true })
  })
})

describe('a configuration', () => {
  it.each<[string, unknown, RegExp]>([
    ['an unknown key', { provders: {} }, /no key provders.*did you mean providers\?/],
    ['an unknown provider key', { providers: { ollama: { baseURL: 'x' } } }, /did you mean baseUrl\?/],
    ['a name without a driver', { providers: { olama: {} } }, /no driver olama; did you mean ollama\?/],
    ['an unknown driver', { providers: { home: { driver: 'lama' } } }, /no driver lama/],
    [
      'an unknown default',
      { default: 'olama' },
      /no provider olama; did you mean ollama\? Configured are: ollama/,
    ],
    ['an address that is no text', { providers: { ollama: { baseUrl: 5 } } }, /ollama.baseUrl is a string/],
    ['no providers', { providers: {} }, /1 to 100 providers/],
    ['a name with a slash', { providers: { 'a/b': { driver: 'ollama' } } }, /no slash/],
    ['a durability that does not exist', { durability: 'never' }, /'before' or 'after'/],
    ['no object', 7, /is an object/],
  ])('is refused at once for %s', (_, config, message) => {
    expect(() => createAI(config as object)).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: expect.stringMatching(message) as string }),
    )
  })

  it('may have several of one driver, by any name, or a driver made by hand', async () => {
    const both = createAI({
      default: 'work',
      providers: {
        home: ollama({ baseUrl: server.url }),
        work: { driver: 'ollama', baseUrl: server.url, model: 'qwen3:8b' },
      },
    })
    expect((await both.sendMessage('Hi')).provider).toBe('work')
    const home = await both
      .model('home/llama3.2')
      .sendMessage('Hi', { providerOptions: { ollama: { numCtx: 8 } } })
    expect([home.provider, home.model]).toEqual(['home', 'llama3.2'])
    expect(chats()[1]).toMatchObject({ options: { num_ctx: 8 } })
    await both.close()
  })

  it('names a provider only if it is there', async () => {
    expect(() => ai.provider('olama')).toThrow(/no provider olama; did you mean ollama\?/)
    await expect(ai.model('olama/llama3.2').sendMessage('Hi')).rejects.toThrow(/did you mean ollama\?/)
  })
})

describe('health', () => {
  it('is of one provider, or of all with the worst on top', async () => {
    const both = createAI({
      providers: { here: ollama({ baseUrl: server.url }), gone: ollama({ baseUrl: 'http://127.0.0.1:1' }) },
    })
    expect(await both.provider('here').health()).toMatchObject({
      provider: 'here',
      status: 'ready',
      issues: [],
    })
    const all = await both.health()
    expect(all).toMatchObject({
      status: 'down',
      details: { here: { status: 'ready' }, gone: { status: 'down' } },
    })
    expect(all.issues).toEqual([expect.stringMatching(/^gone: /)])
    await both.close()
  })
})

describe('AI, the ready client', () => {
  it('answers with no more than an import, from the environment alone', async () => {
    const home = await mkdtemp(join(tmpdir(), 'groat-'))
    const program = `
      import { AI } from ${JSON.stringify(join(import.meta.dirname, '../../src/index.ts'))}
      const answer = await AI.provider('ollama').sendMessage('Hi')
      const [total] = await AI.ledger.totals()
      console.log(JSON.stringify({ text: answer.text, cost: answer.cost.status, calls: total.calls }))
      await AI.close()
    `
    const env = { PATH: process.env['PATH'], HOME: home, XDG_DATA_HOME: home, OLLAMA_HOST: server.url }
    const child = spawn(process.execPath, [...QUIET, '--input-type=module-typescript', '-e', program], {
      cwd: home,
      env,
    })
    let printed = ''
    let failed = ''
    child.stdout.on('data', (data) => (printed += String(data)))
    child.stderr.on('data', (data) => (failed += String(data)))
    await once(child, 'close')
    await rm(home, { recursive: true })
    expect(failed).toBe('')
    expect(JSON.parse(printed)).toEqual({ text: expect.any(String) as string, cost: 'free', calls: 1 })
    expect(chats()).toHaveLength(1)
  })
})
