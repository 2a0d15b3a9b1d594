import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createAI, tool, ToolOutput, type Client, type MediaPart, type Message } from '../../src/index.ts'
import { demandOf } from '../../src/drivers/demand.ts'
import { takenMedia as openaiMedia } from '../../src/drivers/openai/wire.ts'
import { takenMedia as xaiMedia } from '../../src/drivers/xai/wire.ts'
import type { MediaOptions } from '../../src/drivers/rooms.ts'
import { systemRuntime, type Runtime } from '../../src/runtime.ts'
import { fakeGemini } from '../../src/testing/fake-gemini.ts'
import { fakeOllama } from '../../src/testing/fake-ollama.ts'
import { fakeOpenAI } from '../../src/testing/fake-openai.ts'
import { fakeXai } from '../../src/testing/fake-xai.ts'
import { errorOf } from './world.ts'

/** A PNG of one pixel. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const PDF = Buffer.from('%PDF-1.7').toString('base64')
const HOST = 'pictures.example'

/** A server that a name of the internet leads to here, so that whatever fetches from it is counted. */
const got: string[] = []
const lookups: string[] = []
const pictures = createServer(({ url }, response) => {
  got.push(url ?? '')
  response.end(Buffer.from(PNG, 'base64'))
})
let origin: string
beforeAll(async () => {
  await new Promise<void>((resolve) => pictures.listen(0, '127.0.0.1', resolve))
  origin = `http://${HOST}:${(pictures.address() as AddressInfo).port}`
})
afterAll(() => void pictures.close())
beforeEach(() => {
  got.length = 0
  lookups.length = 0
})

const lookup = async (host: string): Promise<object[]> => {
  lookups.push(host)
  return [{ address: '127.0.0.1' }]
}
const builtin: Runtime['builtin'] = (name) =>
  name === 'dns' ? { promises: { lookup } } : systemRuntime.builtin(name)

type Driver = 'openai' | 'chat' | 'compatible' | 'xai' | 'gemini' | 'gemini-2.5' | 'ollama'

const MODELS: Readonly<Record<Driver, string>> = {
  openai: 'gpt-6-luna',
  chat: 'gpt-6-luna',
  compatible: 'qwen3-vl',
  xai: 'grok-4.3',
  gemini: 'gemini-3.8-flash',
  'gemini-2.5': 'gemini-2.5-flash',
  ollama: 'gemma3',
}

interface World extends AsyncDisposable {
  readonly ai: Client
  readonly model: string
  readonly reply: (...replies: readonly object[]) => void
  /** The bodies that reached the model. */
  bodies(): readonly unknown[]
}

async function serverFor(driver: Driver) {
  switch (driver) {
    case 'openai':
      return fakeOpenAI({ models: [MODELS.openai] })
    case 'chat':
    case 'compatible':
      return fakeOpenAI({ models: [MODELS[driver]], dialect: 'chat' })
    case 'xai':
      return fakeXai()
    case 'gemini':
    case 'gemini-2.5':
      return fakeGemini({ models: [MODELS[driver]] })
    case 'ollama':
      return fakeOllama({
        models: [{ name: MODELS.ollama, capabilities: ['completion', 'vision', 'tools'] }],
      })
  }
}

async function openWorld(driver: Driver, media: MediaOptions = {}): Promise<World> {
  const server = await serverFor(driver)
  const base = 'baseUrl' in server ? server.baseUrl : server.url
  const isChat = driver === 'chat' || driver === 'compatible'
  const provider = {
    driver: isChat ? 'openai' : driver.replace(/-.*/, ''),
    baseUrl: base,
    model: MODELS[driver],
    media,
    ...(driver !== 'ollama' && { apiKey: 'test-key' }),
    ...(isChat && { dialect: 'chat' as const }),
    ...(driver === 'compatible' && { local: true }),
  }
  const ai = createAI({ providers: { it: provider }, runtime: { builtin } })
  const chats = /\/(?:responses|chat\/completions|api\/chat)$|enerateContent$/
  return {
    ai,
    model: MODELS[driver],
    reply: (...replies) => server.reply(...replies),
    bodies: () => server.requests.filter(({ path }) => chats.test(path)).map(({ body }) => body),
    [Symbol.asyncDispose]: async () => {
      await ai.close()
      await server.close()
    },
  }
}

const asking = (...parts: readonly MediaPart[]): Message => ({
  role: 'user',
  content: [{ type: 'text', text: 'What is it?' }, ...parts],
})

/** What a user message with the part became on the wire, beside its text. */
async function sentFor(driver: Driver, part: MediaPart, media?: MediaOptions): Promise<unknown> {
  await using world = await openWorld(driver, media)
  await world.ai.sendMessage(asking(part))
  return world.bodies().map(beside)[0]
}

function beside(body: unknown): unknown {
  const { input, messages, contents } = body as Readonly<Record<string, readonly object[] | undefined>>
  const last = (input ?? messages ?? contents ?? []).at(-1) as Readonly<Record<string, unknown>>
  if (last['images'] !== undefined) return last['images']
  return ((last['content'] ?? last['parts']) as readonly unknown[]).slice(1)
}

describe('an address', () => {
  it('is the whole body that a provider gets, and nobody is asked for it here', async () => {
    await using world = await openWorld('openai')
    const url = `${origin}/a.png`
    await world.ai.sendMessage(asking({ type: 'image', url }))
    expect(world.bodies()).toEqual([
      {
        model: 'gpt-6-luna',
        input: [
          {
            role: 'user',
            content: [
              { type: 'input_text', text: 'What is it?' },
              { type: 'input_image', image_url: url, detail: 'auto' },
            ],
          },
        ],
        stream: false,
        store: false,
        include: ['reasoning.encrypted_content'],
      },
    ])
    expect([got, lookups]).toEqual([[], []])
  })

  it.each<[Driver, MediaPart, unknown]>([
    [
      'openai',
      { type: 'file', url: 'https://example.com/a.pdf' },
      { type: 'input_file', file_url: 'https://example.com/a.pdf' },
    ],
    [
      'openai',
      { type: 'file', url: 'https://example.com/a', mediaType: 'image/png' },
      { type: 'input_image', image_url: 'https://example.com/a', detail: 'auto' },
    ],
    [
      'chat',
      { type: 'image', url: 'https://example.com/a.png?b=c#d' },
      { type: 'image_url', image_url: { url: 'https://example.com/a.png?b=c#d' } },
    ],
    [
      'xai',
      { type: 'image', url: 'http://example.com/a.png' },
      { type: 'input_image', image_url: 'http://example.com/a.png', detail: 'auto' },
    ],
    [
      'xai',
      { type: 'file', url: 'https://example.com/a.pdf' },
      { type: 'input_file', file_url: 'https://example.com/a.pdf' },
    ],
    [
      'gemini',
      { type: 'image', url: 'https://example.com/A.JPG?size=1' },
      { fileData: { mimeType: 'image/jpeg', fileUri: 'https://example.com/A.JPG?size=1' } },
    ],
    [
      'gemini',
      { type: 'audio', url: 'https://example.com/a', mediaType: 'audio/wav' },
      { fileData: { mimeType: 'audio/wav', fileUri: 'https://example.com/a' } },
    ],
    [
      'gemini-2.5',
      {
        type: 'file',
        url: 'https://generativelanguage.googleapis.com/v1beta/files/abc',
        mediaType: 'application/pdf',
      },
      {
        fileData: {
          mimeType: 'application/pdf',
          fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/abc',
        },
      },
    ],
    [
      'gemini-2.5',
      { type: 'file', url: 'https://www.youtube.com/watch?v=9hE5-98ZeCg' },
      { fileData: { fileUri: 'https://www.youtube.com/watch?v=9hE5-98ZeCg' } },
    ],
  ])('goes to %s as it is: %j', async (driver, part, wire) => {
    // That groat may fetch changes nothing where the provider does.
    for (const media of [{}, { fetchUrls: true }, { fetchUrls: false }]) {
      expect(await sentFor(driver, part, media)).toEqual([wire])
    }
    expect([got, lookups]).toEqual([[], []])
  })

  it.each<[Driver, unknown]>([
    ['openai', { type: 'input_image', image_url: `data:image/png;base64,${PNG}`, detail: 'auto' }],
    ['chat', { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }],
    ['compatible', { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }],
    ['xai', { type: 'input_image', image_url: `data:image/png;base64,${PNG}`, detail: 'auto' }],
    ['gemini', { inlineData: { mimeType: 'image/png', data: PNG } }],
    ['gemini-2.5', { inlineData: { mimeType: 'image/png', data: PNG } }],
    ['ollama', PNG],
  ])('whose origin the configuration names is fetched for %s here', async (driver, wire) => {
    const part = { type: 'image', url: `${origin}/a.png` } as const
    expect(await sentFor(driver, part, { fetchUrls: [origin] })).toEqual([wire])
    expect([got, lookups]).toEqual([['/a.png'], [HOST]])
  })

  it.each<[Driver, MediaPart['type'], string]>([
    ['ollama', 'image', 'https://example.com/a.png'],
    ['compatible', 'image', 'https://example.com/a.png'],
    ['chat', 'file', 'https://example.com/a.pdf'],
    ['gemini-2.5', 'image', 'https://example.com/a.png'],
    ['gemini', 'image', 'http://example.com/a.png'],
    // Nobody outside can reach these.
    ['openai', 'image', 'http://127.0.0.1:8080/a.png'],
    ['openai', 'image', 'http://[::1]/a.png'],
    ['openai', 'image', 'http://0x7f.1/a.png'],
    ['openai', 'image', 'http://169.254.169.254/latest'],
    ['openai', 'file', 'https://10.0.0.1/a.pdf'],
    ['xai', 'image', 'http://localhost/a.png'],
    ['xai', 'image', 'http://app.localhost./a.png'],
    ['gemini', 'image', 'https://intranet/a.png'],
    ['gemini', 'image', 'https://metadata.google.internal/a.png'],
  ])(
    'that %s does not read, or could not, is refused and says what to do: %s %s',
    async (driver, type, url) => {
      await using world = await openWorld(driver)
      const error = await errorOf(world.ai.sendMessage(asking({ type, url })))
      expect([error.code, error.provider, error.details['sent']]).toEqual(['request_invalid', 'it', false])
      expect(error.message).toMatch(/pass the bytes as data, or allow it with media\.fetchUrls/)
      expect([world.bodies(), got, lookups]).toEqual([[], [], []])
    },
  )

  it('with a user in it goes nowhere', async () => {
    await using world = await openWorld('openai')
    const part = { type: 'image', url: 'https://ada:secret@example.com/a.png' } as const
    const error = await errorOf(world.ai.sendMessage(asking(part)))
    expect([error.code, error.message.includes('secret'), world.bodies()]).toEqual([
      'request_invalid',
      false,
      [],
    ])
  })

  it('in a file, or in itself, is no address that a provider reads', async () => {
    const url = `data:image/png;base64,${PNG}`
    expect(await sentFor('openai', { type: 'image', url })).toEqual([
      { type: 'input_image', image_url: url, detail: 'auto' },
    ])
    await using world = await openWorld('openai')
    const error = await errorOf(world.ai.sendMessage(asking({ type: 'image', url: 'file:///etc/passwd' })))
    expect([error.code, error.message]).toEqual(['request_invalid', expect.stringMatching(/readFiles/)])
  })

  it('of which Gemini cannot know what it leads to wants a media type', async () => {
    await using world = await openWorld('gemini')
    const part = { type: 'image', url: 'https://example.com/cat' } as const
    const error = await errorOf(world.ai.sendMessage(asking(part)))
    expect([error.code, error.message]).toEqual([
      'request_invalid',
      expect.stringMatching(/say its mediaType/),
    ])
    await world.ai.sendMessage(asking({ ...part, mediaType: 'image/webp' }))
    expect(world.bodies().map(beside)).toEqual([
      [{ fileData: { mimeType: 'image/webp', fileUri: 'https://example.com/cat' } }],
    ])
  })
})

describe('the id of a file', () => {
  it.each<[Driver, MediaPart['type'], unknown]>([
    ['openai', 'image', { type: 'input_image', file_id: 'file-1', detail: 'auto' }],
    ['openai', 'file', { type: 'input_file', file_id: 'file-1' }],
    ['chat', 'file', { type: 'file', file: { file_id: 'file-1' } }],
    ['xai', 'file', { type: 'input_file', file_id: 'file-1' }],
  ])('goes to %s, of a part of type %s', async (driver, type, wire) => {
    expect(await sentFor(driver, { type, fileId: 'file-1' })).toEqual([wire])
  })

  it.each<[Driver, MediaPart['type']]>([
    ['chat', 'image'],
    ['compatible', 'file'],
    ['xai', 'image'],
    ['gemini', 'file'],
    ['ollama', 'image'],
  ])('is refused where %s takes none, of a part of type %s', async (driver, type) => {
    await using world = await openWorld(driver)
    const error = await errorOf(world.ai.sendMessage(asking({ type, fileId: 'file-1' })))
    expect([error.code, error.message]).toEqual([
      'request_invalid',
      expect.stringMatching(/takes no file id/),
    ])
    expect(world.bodies()).toEqual([])
  })
})

/** What went back to the model for a tool that gave some media with its words. */
async function resultFor(driver: Driver, ...media: readonly MediaPart[]): Promise<unknown> {
  await using world = await openWorld(driver)
  world.reply({ toolCalls: [{ name: 'draw', id: 'call_1' }] }, { text: 'A pixel.' })
  const draw = tool({
    name: 'draw',
    input: { type: 'object' },
    run: () => new ToolOutput({ drawn: 1 }, media),
  })
  const { text } = await world.ai.sendMessage('Draw', { tools: [draw] })
  expect(text).toBe('A pixel.')
  const { input, contents } = world.bodies()[1] as Readonly<Record<string, readonly object[] | undefined>>
  return (input ?? contents ?? []).at(-1)
}

describe('media in the result of a tool', () => {
  const picture = { type: 'image', data: PNG } as const

  it('go to OpenAI after the words', async () => {
    const media = [
      picture,
      { type: 'file', data: PDF, name: 'a.pdf' },
      { type: 'image', url: 'https://example.com/a.png' },
      { type: 'file', fileId: 'file-1' },
    ] as const
    expect(await resultFor('openai', ...media)).toEqual({
      type: 'function_call_output',
      call_id: 'call_1',
      output: [
        { type: 'input_text', text: '{"drawn":1}' },
        { type: 'input_image', image_url: `data:image/png;base64,${PNG}`, detail: 'auto' },
        { type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${PDF}` },
        { type: 'input_image', image_url: 'https://example.com/a.png', detail: 'auto' },
        { type: 'input_file', file_id: 'file-1' },
      ],
    })
  })

  it('go to xAI, which takes pictures there', async () => {
    expect(await resultFor('xai', picture)).toEqual({
      type: 'function_call_output',
      call_id: 'call_1',
      output: [
        { type: 'input_text', text: '{"drawn":1}' },
        { type: 'input_image', image_url: `data:image/png;base64,${PNG}`, detail: 'auto' },
      ],
    })
  })

  it('go to Gemini inside of the result', async () => {
    expect(await resultFor('gemini', picture)).toMatchObject({
      role: 'user',
      parts: [
        {
          functionResponse: {
            name: 'draw',
            response: { output: { drawn: 1 } },
            parts: [{ inlineData: { mimeType: 'image/png', data: PNG } }],
          },
        },
      ],
    })
  })

  it.each<[Driver, MediaPart]>([
    ['chat', picture],
    ['compatible', picture],
    ['ollama', picture],
    ['gemini-2.5', picture],
    ['xai', { type: 'file', data: PDF }],
  ])('are refused where %s takes none, and never left out: %j', async (driver, part) => {
    await using world = await openWorld(driver)
    const history: Message[] = [
      { role: 'user', content: 'Draw' },
      { role: 'assistant', content: [{ type: 'tool-call', id: 'call_1', name: 'draw', arguments: {} }] },
      {
        role: 'tool',
        content: [{ type: 'tool-result', id: 'call_1', name: 'draw', content: 'Here', media: [part] }],
      },
    ]
    const error = await errorOf(world.ai.sendMessage(history))
    expect([error.code, error.message]).toEqual([
      'request_invalid',
      expect.stringMatching(/takes no \w+ part in a result of a tool \(draw\): /),
    ])
    expect(world.bodies()).toEqual([])
  })

  it('by an address are read by nobody for Gemini, and so refused', async () => {
    const error = await errorOf(resultFor('gemini', { type: 'image', url: `${origin}/a.png` }))
    expect([error.code, error.message]).toEqual([
      'request_invalid',
      expect.stringMatching(/allow it with media\.fetchUrls/),
    ])
    expect([got, lookups]).toEqual([[], []])
  })

  it('need a model that sees', async () => {
    await using server = await fakeOllama({ models: [{ name: 'm', capabilities: ['completion', 'tools'] }] })
    await using ai = createAI({ providers: { ollama: { baseUrl: server.url, model: 'm' } } })
    const content = [{ type: 'tool-result', id: 'a', name: 'draw', content: '', media: [picture] }] as const
    const error = await errorOf(ai.sendMessage([{ role: 'tool', content }]))
    expect([error.code, error.details['capability']]).toEqual(['capability_unsupported', 'vision'])
  })

  it('that are none are a failure of the tool', async () => {
    await using world = await openWorld('openai')
    world.reply({ toolCalls: [{ name: 'draw', id: 'call_1' }] }, { text: 'Oh.' })
    const run = (): ToolOutput => new ToolOutput('Here', ['cat.png' as unknown as MediaPart])
    await world.ai.sendMessage('Draw', { tools: [tool({ name: 'draw', input: { type: 'object' }, run })] })
    expect((world.bodies()[1] as { input: readonly object[] }).input.at(-1)).toEqual({
      type: 'function_call_output',
      call_id: 'call_1',
      output: 'Error: The media of draw are no parts',
    })
  })
})

describe("a server of one's own", () => {
  it('is given no addresses to read, over any API', () => {
    expect(openaiMedia('m', { local: true })).toEqual({})
    expect(xaiMedia('m', { local: true }).messages).toEqual({ urls: {}, fileIds: ['file'] })
    expect(xaiMedia('m', { local: true }).results).toEqual({ urls: {}, types: ['image'] })
  })
})

describe('the most that a request can be billed for', () => {
  const demand = (content: Message['content'], role: 'user' | 'tool' = 'user'): unknown => {
    const request = { model: 'm', messages: [{ role, content }], stream: false, providerOptions: {} }
    const { inputTokens, inputKinds } = demandOf(request)
    return [inputTokens, inputKinds]
  }
  const result = { type: 'tool-result', id: 'a', name: 'draw', content: 'Here' } as const

  it.each<[string, MediaPart, readonly string[]]>([
    ['a picture at an address', { type: 'image', url: 'https://example.com/a.png' }, ['input-image']],
    ['a picture by its id', { type: 'image', fileId: 'file-1' }, ['input-image']],
    ['a sound', { type: 'audio', url: 'https://example.com/a.wav' }, ['input-audio']],
    ['a file with a name that tells', { type: 'file', url: 'https://example.com/a.pdf' }, ['input-image']],
    [
      'a file of which nothing is said',
      { type: 'file', url: 'https://youtu.be/a' },
      ['input-image', 'input-audio', 'input-video'],
    ],
  ])('is not known with %s, in a message or a result', (_, part, kinds) => {
    const expected = [undefined, ['input', 'cache-write', ...kinds]]
    expect(demand([part])).toEqual(expected)
    expect(demand([{ ...result, media: [part] }], 'tool')).toEqual(expected)
  })

  it('is known with a result that has none', () => {
    const bytes = JSON.stringify(result).length
    expect(demand([result], 'tool')).toEqual([512 + bytes + 32, ['input', 'cache-write']])
    expect(demand([{ ...result, media: [] }], 'tool')).toEqual([
      512 + bytes + ',"media":[]'.length + 32,
      ['input', 'cache-write'],
    ])
  })
})

describe('a part that has no place', () => {
  it.each<Driver>(['openai', 'chat', 'xai', 'ollama'])(
    'in a message of a tool is refused for %s, whoever put it there',
    async (driver) => {
      await using world = await openWorld(driver)
      const result = { type: 'tool-result', id: 'a', name: 'draw', content: 'Here' } as const
      const error = await errorOf(
        world.ai.sendMessage('Hi', {
          middleware: [
            (call, next) =>
              next({
                ...call,
                request: {
                  ...call.request,
                  messages: [{ role: 'tool', content: [result, { type: 'text', text: 'And more' }] }],
                },
              }),
          ],
        }),
      )
      expect([error.code, error.message]).toEqual([
        'request_invalid',
        expect.stringMatching(/tool message cannot hold a text part/),
      ])
      expect(world.bodies()).toEqual([])
    },
  )

  it.each<Driver>(['openai', 'chat', 'xai'])('in an answer is refused for %s', async (driver) => {
    await using world = await openWorld(driver)
    const error = await errorOf(
      world.ai.sendMessage([
        { role: 'user', content: 'Draw' },
        {
          role: 'assistant',
          content: [
            { type: 'text', text: 'Here' },
            { type: 'image', data: PNG },
          ],
        },
        { role: 'user', content: 'Another one' },
      ]),
    )
    expect([error.code, error.message]).toEqual([
      'request_invalid',
      expect.stringMatching(/answer cannot hold an image part/),
    ])
    expect(world.bodies()).toEqual([])
  })
})
