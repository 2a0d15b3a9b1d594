import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { tool, type MediaPart, type Part } from '../../../src/index.ts'
import { errorOf, openWorld, type WorldOptions } from './world.ts'

/** A PNG of one pixel; its base64 has both signs that the alphabet for addresses writes in another way. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const WAV = Buffer.from('RIFF\x24\0\0\0WAVEfmt ', 'latin1').toString('base64')
const HEAD = { model: 'llama3.2', stream: false, truncate: false, shift: false }

const models = (...capabilities: string[]): WorldOptions => ({
  server: { models: [{ name: 'llama3.2', capabilities: ['completion', ...capabilities] }] },
})
const SEEING = models('vision')
const asking = (...parts: Part[]): readonly Part[] => [{ type: 'text', text: 'What is it?' }, ...parts]

/** The messages that reached the server for one user message. */
async function messagesFor(content: readonly Part[], options: WorldOptions = SEEING): Promise<unknown> {
  await using world = await openWorld(options)
  await world.ai.sendMessage({ role: 'user', content })
  return ((world.chats()[0]?.body ?? {}) as { messages?: unknown }).messages
}

describe('conformance 20: a picture', () => {
  it.each<[string, Omit<MediaPart, 'type'>]>([
    ['base64', { data: PNG }],
    ['base64 of the alphabet for addresses', { data: PNG.replaceAll('+', '-').replaceAll('/', '_') }],
    ['a data URL', { data: `data:image/png;base64,${PNG}` }],
    ['a data URL as address', { url: `data:image/png;base64,${PNG}` }],
    ['bytes', { data: new Uint8Array(Buffer.from(PNG, 'base64')) }],
  ])('given as %s is bare base64 beside the text', async (_, given) => {
    await using world = await openWorld(SEEING)
    await world.ai.sendMessage({ role: 'user', content: asking({ type: 'image', ...given }) })
    expect(world.chats()[0]?.body).toEqual({
      ...HEAD,
      messages: [{ role: 'user', content: 'What is it?', images: [PNG] }],
    })
  })

  it('with two texts, and a second picture, is one message', async () => {
    const image = { type: 'image', data: PNG } as const
    expect(
      await messagesFor([{ type: 'text', text: 'One ' }, image, { type: 'text', text: 'turn' }, image]),
    ).toEqual([{ role: 'user', content: 'One turn', images: [PNG, PNG] }])
  })

  it('needs no text', async () => {
    expect(await messagesFor([{ type: 'image', data: PNG }])).toEqual([
      { role: 'user', content: '', images: [PNG] },
    ])
  })

  it('given as a file is a picture all the same, and one of another kind is refused', async () => {
    expect(await messagesFor(asking({ type: 'file', data: PNG }))).toMatchObject([{ images: [PNG] }])
    await using world = await openWorld(SEEING)
    const data = Buffer.from('%PDF-1.7').toString('base64')
    const error = await errorOf(
      world.ai.sendMessage({ role: 'user', content: asking({ type: 'file', data }) }),
    )
    expect([error.code, error.message]).toEqual([
      'request_invalid',
      expect.stringMatching(/application\/pdf/),
    ])
    expect(world.chats()).toEqual([])
  })

  it('that is none is refused before any chat request, with the provider and the model', async () => {
    await using world = await openWorld(SEEING)
    const part = { type: 'image', data: Buffer.from('hello').toString('base64') } as const
    const error = await errorOf(world.ai.sendMessage({ role: 'user', content: asking(part) }))
    expect([error.code, error.provider, error.model]).toEqual(['request_invalid', 'ollama', 'llama3.2'])
    expect(world.chats()).toEqual([])
  })

  it.each(['https://example.com/cat.png', 'http://127.0.0.1:1/cat.png', 'file:///etc/passwd'])(
    'at %s is refused before any chat request, where nothing allows it',
    async (url) => {
      await using world = await openWorld(SEEING)
      const error = await errorOf(
        world.ai.sendMessage({ role: 'user', content: asking({ type: 'image', url }) }),
      )
      expect(error.code).toBe('request_invalid')
      expect(world.chats()).toEqual([])
    },
  )

  it('at an address that is allowed is fetched once for all rounds, and without the key of the provider', async () => {
    const asked: object[] = []
    const pictures = createServer(({ headers }, response) => {
      asked.push(headers)
      response.end(Buffer.from(PNG, 'base64'))
    })
    await new Promise<void>((resolve) => pictures.listen(0, '127.0.0.1', resolve))
    const origin = `http://127.0.0.1:${(pictures.address() as AddressInfo).port}`
    await using world = await openWorld({
      ...models('vision', 'tools'),
      ollama: {
        apiKey: 'sk-secret-of-the-provider',
        headers: { 'x-proxy': 'secret' },
        media: { fetchUrls: [origin] },
      },
    })
    world.server.reply({ toolCalls: [{ name: 'look' }] }, 'A pixel.')
    const look = tool({ name: 'look', input: { type: 'object' }, run: () => 'closely' })
    const content = asking({ type: 'image', url: `${origin}/pixel.png` })
    await world.ai.sendMessage({ role: 'user', content }, { tools: [look] })
    pictures.close()
    expect(world.chats().map(({ body }) => (body as { messages: unknown[] }).messages[0])).toEqual([
      { role: 'user', content: 'What is it?', images: [PNG] },
      { role: 'user', content: 'What is it?', images: [PNG] },
    ])
    expect(world.chats()[0]?.headers['authorization']).toBe('Bearer sk-secret-of-the-provider')
    expect(asked).toHaveLength(1)
    expect(JSON.stringify(asked)).not.toContain('secret')
  })

  it('for a model that sees nothing is refused before it is sent or fetched', async () => {
    await using world = await openWorld({
      ...models('tools'),
      ollama: { media: { fetchUrls: ['http://127.0.0.1:1'] } },
    })
    for (const part of [
      { type: 'image', data: PNG },
      { type: 'image', url: 'http://127.0.0.1:1/a.png' },
    ] as const) {
      const error = await errorOf(world.ai.sendMessage({ role: 'user', content: asking(part) }))
      expect([error.code, error.details['capability']]).toEqual(['capability_unsupported', 'vision'])
    }
    expect(world.chats()).toEqual([])
  })

  it('for a model of which nothing is known is sent, and the refusal of the server is the same code', async () => {
    await using world = await openWorld()
    world.server.on('/api/show', { status: 404, body: '404 page not found' })
    const message = 'Multimodal data provided, but model does not support multimodal requests.'
    world.server.reply({
      status: 400,
      error: JSON.stringify({ error: { code: 400, message, type: 'invalid_request_error' } }),
    })
    const error = await errorOf(
      world.ai.sendMessage({ role: 'user', content: asking({ type: 'image', data: PNG }) }),
    )
    expect([error.code, error.status]).toEqual(['capability_unsupported', 400])
    expect(error.message).not.toContain(PNG)
  })
})

describe('a sound', () => {
  it('goes where pictures go, for a model that hears', async () => {
    expect(await messagesFor(asking({ type: 'audio', data: WAV }), models('audio'))).toEqual([
      { role: 'user', content: 'What is it?', images: [WAV] },
    ])
  })

  it('is refused for a model that only sees', async () => {
    await using world = await openWorld(SEEING)
    const error = await errorOf(
      world.ai.sendMessage({ role: 'user', content: asking({ type: 'audio', data: WAV }) }),
    )
    expect([error.code, error.details['capability']]).toEqual(['capability_unsupported', 'audio'])
    expect(world.chats()).toEqual([])
  })
})
