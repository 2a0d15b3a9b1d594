import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { AIError, Models, Progress } from '../../../src/index.ts'
import { WORK_RESUMES_MAX } from '../../../src/drivers/work.ts'
import { MANAGED } from './management-recordings.ts'
import { errorOf, openWorld, type World } from './world.ts'

// What a real Ollama put on the wire when it was asked about its models and for vectors: its answers are replayed to the
// calls that groat's users make, and groat's requests are those that were recorded. See recordings.test.ts.
const FOLDER = new URL('../../../../shared/recordings/ollama/', import.meta.url)
const present = existsSync(FOLDER)
if (!present) process.stdout.write(`skipped: no recordings of a real Ollama at ${FOLDER.pathname}\n`)

interface Recording {
  readonly request: { readonly method: string; readonly path: string; readonly body: unknown }
  readonly response: {
    readonly status: number
    readonly headers: Readonly<Record<string, string>>
    readonly chunks: readonly string[]
  }
}

type Name = (typeof MANAGED)[number]

const recording = (name: Name): Recording =>
  JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')) as Recording

/** A client whose server gives these answers, each at its own path. */
async function replaying(...names: readonly Name[]): Promise<World & { readonly models: Models }> {
  replayed.push(...names)
  const world = await openWorld()
  world.server.on('/api/show', { status: 404, body: '404 page not found' })
  for (const { request, response } of names.map(recording)) {
    const { status, headers, chunks } = response
    const contentType = headers['content-type'] ?? ''
    const isStream = contentType === 'application/x-ndjson'
    world.server.on(request.path, isStream ? { raw: chunks } : { status, body: chunks.join(''), contentType })
  }
  return { ...world, models: world.ai.provider('ollama').models }
}

const replayed: Name[] = []

/** What groat sent to the path of a recording. */
function sent(world: World, name: Name): unknown {
  const { method, path } = recording(name).request
  const [request] = world.server.requests.filter((one) => one.path === path)
  expect(request?.method).toBe(method)
  return request?.body
}

async function stepsOf(work: AsyncIterable<Progress>, steps: string[] = []): Promise<readonly string[]> {
  for await (const { status } of work) steps.push(status)
  return steps
}

const bodyOf = (name: Name): unknown => recording(name).request.body

describe.skipIf(!present)('what a real Ollama said of its models', () => {
  it.each([
    ['copy', (models: Models) => models.copy('tiny-chat', 'tiny-copy')],
    ['delete', (models: Models) => models.remove('tiny-copy')],
    ['delete-derived', (models: Models) => models.remove('tiny-derived')],
  ] as const)('is nothing, where all went well: %s', async (name, ask) => {
    await using world = await replaying(name)
    expect(await ask(world.models)).toBeUndefined()
    expect(sent(world, name)).toEqual(bodyOf(name))
  })

  it.each([
    ['copy-unknown', 'nosuch', (models: Models) => models.copy('nosuch', 'x')],
    ['delete-again', 'tiny-copy', (models: Models) => models.remove('tiny-copy')],
    ['show-unknown', 'nosuch', (models: Models) => models.get('nosuch')],
  ] as const)('is that it has none of that name: %s', async (name, model, ask) => {
    await using world = await replaying(name)
    const error = await errorOf(ask(world.models))
    expect(error).toMatchObject({ code: 'model_not_found', status: 404, model, retryable: false })
    expect(error.details['kind']).toBe('model-missing')
    expect(sent(world, name)).toMatchObject(bodyOf(name) as object)
  })

  it('is each step of making one of another', async () => {
    await using world = await replaying('create-from')
    const work = world.models.create('tiny-derived', {
      from: 'tiny-chat',
      system: 'You are brief.',
      parameters: { numPredict: 5 },
    })
    const layer = (digest: string): unknown => expect.stringContaining(` layer sha256:${digest}`)
    expect(await stepsOf(work)).toEqual([
      layer('1690025f'),
      layer('6adee4f4'),
      layer('d4c181f0'),
      layer('54f6b9ca'),
      'writing manifest',
      'success',
    ])
    expect(sent(world, 'create-from')).toEqual(bodyOf('create-from'))
  })

  it('is a failure after a good begin, where a file is not there', async () => {
    await using world = await replaying('create-bad-blob')
    const files = { 'x.gguf': `sha256:${'0'.repeat(64)}` }
    const steps: string[] = []
    const error = await errorOf(stepsOf(world.models.create('bad', { files }), steps))
    expect(steps).toEqual(['parsing GGUF'])
    expect(error).toMatchObject({ code: 'request_invalid', model: 'bad', retryable: false })
    expect(error.details).toMatchObject({ kind: 'bad-request', midStream: true })
    expect(error.status).toBeUndefined()
    expect(sent(world, 'create-bad-blob')).toEqual(bodyOf('create-bad-blob'))
  })

  it('is that it cannot reach the registry, which is tried again before it is said', async () => {
    await using world = await replaying('pull-offline')
    const pulling = errorOf(world.models.pull('nosuch-model').done)
    // The waits between the tries have no event: the clock is moved on until all of them are over.
    const soon = (): Promise<undefined> => new Promise((resolve) => setImmediate(resolve, undefined))
    let error: AIError | undefined
    while (!error) {
      error = await Promise.race([pulling, soon()])
      await world.clock.advance(1_000)
    }
    expect(error).toMatchObject({ code: 'provider_unavailable', model: 'nosuch-model', retryable: true })
    expect(error.details['kind']).toBe('registry-unreachable')
    expect(world.server.requests).toHaveLength(1 + WORK_RESUMES_MAX)
    expect(sent(world, 'pull-offline')).toEqual(bodyOf('pull-offline'))
  })

  it('is that one is loaded, or no longer', async () => {
    await using loaded = await replaying('load')
    expect(await loaded.models.load('tiny-chat')).toBeUndefined()
    expect(sent(loaded, 'load')).toMatchObject(bodyOf('load') as object)
    await using unloaded = await replaying('unload')
    expect(await unloaded.models.unload('tiny-jinja')).toBeUndefined()
    expect(sent(unloaded, 'unload')).toEqual({ ...(bodyOf('unload') as object), stream: false })
  })

  it('is which are loaded, with what they take and until when', async () => {
    await using world = await replaying('ps')
    expect(await world.models.running()).toMatchObject([
      {
        id: 'tiny-chat:latest',
        provider: 'ollama',
        contextLength: 4_096,
        size: 9_227_468,
        sizeVram: 0,
        expiresAt: '2026-11-22T10:39:19.816Z',
      },
    ])
  })

  it('is which stay for ever, and have no time', async () => {
    await using world = await replaying('ps-loaded')
    const running = await world.models.running()
    expect(
      running.map(({ id, contextLength, size, expiresAt }) => [id, contextLength, size, expiresAt]),
    ).toEqual([
      ['tiny-chat:latest', 4_096, 9_227_468, undefined],
      ['tiny-jinja:latest', 4_096, 9_227_468, undefined],
      ['tiny-embed:latest', 2_048, 12_205_424, '2026-11-22T10:39:31.315Z'],
    ])
  })
})

describe.skipIf(!present)('what a real Ollama said when it was asked for vectors', () => {
  const model = 'ollama/tiny-embed'

  it('is one for each text, in order, with the tokens of all', async () => {
    await using world = await replaying('embed')
    const { input } = bodyOf('embed') as { input: string[] }
    const { embeddings, usage, cost, model: answered } = await world.ai.embed(input, { model })
    expect(embeddings.map((vector) => [vector.length, vector[0]])).toEqual([
      [64, 0.121621],
      [64, 0.1852545],
      [64, 0.24038184],
    ])
    for (const vector of embeddings) expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
    expect([usage.inputTokens, usage.outputTokens, answered]).toEqual([35, 0, 'tiny-embed'])
    // There is no description of the model to prove anything by.
    expect(cost.status).toBe('unknown')
    expect(sent(world, 'embed')).toEqual({ ...(bodyOf('embed') as object), truncate: false })
  })

  it('is a vector of the length that was asked for', async () => {
    await using world = await replaying('embed-dimensions')
    const { embeddings, usage } = await world.ai.embed('hello', { model, dimensions: 8 })
    expect(embeddings).toEqual([
      [0.3144806, -0.004103761, -0.5783675, -0.49894288, 0.48521638, 0.036365587, 0.22874539, 0.1689683],
    ])
    expect(usage.inputTokens).toBe(5)
    const asked = { ...(bodyOf('embed-dimensions') as object), input: ['hello'], truncate: false }
    expect(sent(world, 'embed-dimensions')).toEqual(asked)
  })

  it('is nothing for no texts, for which it is not even asked', async () => {
    await using world = await replaying('embed-empty')
    expect((await world.ai.embed([], { model })).embeddings).toEqual([])
    expect(world.server.requests).toEqual([])
  })

  it('is no answer where a text was sent and no vector came back', async () => {
    await using world = await replaying('embed-empty')
    const error = await errorOf(world.ai.embed('hello', { model, retries: 0 }))
    expect([error.code, error.model]).toEqual(['response_invalid', 'tiny-embed'])
  })

  it('is nothing where a model that only embeds is loaded', async () => {
    await using world = await replaying('chat-on-embed-model', 'embed-empty')
    expect(await world.models.load('tiny-embed')).toBeUndefined()
    expect(sent(world, 'embed-empty')).toMatchObject({ model: 'tiny-embed', input: [] })
  })

  it('is that a text is too long, and is not cut', async () => {
    await using world = await replaying('embed-too-long')
    const { input } = bodyOf('embed-too-long') as { input: string }
    const error = await errorOf(world.ai.embed(input, { model }))
    expect(error).toMatchObject({ code: 'context_too_long', status: 400, retryable: false })
    expect(error.details).toMatchObject({ kind: 'context-overflow', index: 0 })
    expect(sent(world, 'embed-too-long')).toEqual({
      ...(bodyOf('embed-too-long') as object),
      input: [input],
    })
  })

  it('is that a model which only chats has none', async () => {
    await using world = await replaying('embed-on-chat-model')
    const error = await errorOf(world.ai.embed('hello', { model: 'ollama/tiny-chat' }))
    expect(error).toMatchObject({ code: 'capability_unsupported', status: 501, retryable: false })
    expect(error.details['kind']).toBe('unsupported-feature')
  })

  it('is that a model which only embeds cannot chat', async () => {
    await using world = await replaying('chat-on-embed-model')
    const error = await errorOf(world.ai.sendMessage('hi', { model }))
    expect(error).toMatchObject({ code: 'capability_unsupported', status: 400, model: 'tiny-embed' })
    expect(sent(world, 'chat-on-embed-model')).toMatchObject(bodyOf('chat-on-embed-model') as object)
  })
})

describe.skipIf(!present)('the recordings of managing models', () => {
  it('are all replayed', () => {
    expect([...new Set(replayed)].toSorted()).toEqual([...MANAGED])
  })
})
