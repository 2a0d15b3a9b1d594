import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { createAI, type Client, type ModelInfo, type Models, type Progress } from '../../../src/index.ts'
import { ProgressTotal, WORK_RESUMES_MAX } from '../../../src/drivers/work.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { fakeOllama, type FakeOllama, type OllamaReply } from '../../../src/testing/fake-ollama.ts'
import type { RecordedRequest } from '../../../src/testing/far-end.ts'
import { isSeenAtOnce } from '../../at-once.ts'
import { errorOf } from './world.ts'

/** Longest wait before work is taken up again, in milliseconds; the deadlines of a request are all longer. */
const WAIT_MS_MAX = 8_000

/** Time stands still, but for waits before another try: these pass at once, and are remembered. */
class HurriedClock extends FakeClock {
  readonly waits: number[] = []
  /** Whether waits never pass. */
  holds = false
  /** Called before a wait passes. */
  beforeWait = (): void => {}

  override after(ms: number, callback: () => void): () => void {
    if (ms > WAIT_MS_MAX) return super.after(ms, callback)
    this.waits.push(ms)
    const immediate = setImmediate(() => {
      if (!cancelled && !this.holds) callback()
    })
    let cancelled = false
    this.beforeWait()
    return () => {
      cancelled = true
      clearImmediate(immediate)
    }
  }
}

let server: FakeOllama
let clock: HurriedClock
let ai: Client
let models: Models

beforeEach(async () => {
  server = await fakeOllama({
    models: ['llama3.2', { name: 'bge', capabilities: ['embedding'] }, { name: 'qwen3:8b', sizeVram: 0 }],
    registry: [{ name: 'tiny:1b', size: 1_000_000 }],
  })
  clock = new HurriedClock()
  const providers = { ollama: { baseUrl: server.url, model: 'llama3.2' } }
  ai = createAI({ providers, runtime: { clock, random: () => 0, env: {} } })
  models = ai.provider('ollama').models
  return async () => {
    expect(server.queued).toBe(0)
    await ai.close()
    await server.close()
  }
})

async function stepsOf(work: AsyncIterable<Progress>): Promise<Progress[]> {
  const steps: Progress[] = []
  for await (const step of work) steps.push(step)
  return steps
}

const asked = (path: string): RecordedRequest[] => server.requests.filter((request) => request.path === path)
const bodiesOf = (path: string): unknown[] => asked(path).map(({ body }) => body)

const A = `sha256:${'a'.repeat(64)}`
const B = `sha256:${'b'.repeat(64)}`
const layer = (digest: string, total: number, completed?: number): Record<string, unknown> => ({
  status: `pulling ${digest.slice(7, 19)}`,
  digest,
  total,
  ...(completed === undefined ? {} : { completed }),
})
const MANIFEST = { status: 'pulling manifest' }
const SUCCESS = { status: 'success' }
const RETRIES = { error: 'max retries exceeded: Get "https://registry.ollama.ai/v2/": dial tcp: i/o timeout' }

describe('conformance case 29: a pull', () => {
  it('sums up interleaved layers, and never goes backwards, whatever the server says', async () => {
    server.once('/api/pull', {
      lines: [
        MANIFEST,
        layer(A, 1_000),
        layer(B, 500),
        layer(A, 1_000, 600),
        layer(B, 500, 100),
        // A part is fetched again.
        layer(A, 1_000, 400),
        layer(A, 1_000, 700),
        layer(B, 500, 500),
        layer(A, 1_000, 1_000),
        // This one is there already.
        layer('sha256:cc', 20, 20),
        { status: 'verifying sha256 digest' },
        SUCCESS,
      ],
    })
    const steps = await stepsOf(models.pull('tiny:1b'))
    expect(steps.map(({ completed, total }) => [completed, total])).toEqual([
      [0, 0],
      [0, 1_000],
      [0, 1_500],
      [600, 1_500],
      [700, 1_500],
      [700, 1_500],
      [800, 1_500],
      [1_200, 1_500],
      [1_500, 1_500],
      [1_520, 1_520],
      [1_520, 1_520],
      [1_520, 1_520],
    ])
    expect(steps[5]).toEqual({
      status: 'pulling aaaaaaaaaaaa',
      completed: 700,
      total: 1_500,
      digest: A,
      layer: { completed: 400, total: 1_000 },
    })
    expect(steps.at(-1)).toEqual({ status: 'success', completed: 1_520, total: 1_520 })
    expect(bodiesOf('/api/pull')).toEqual([{ model: 'tiny:1b' }])
  })

  it('of a model that the registry has not is model_not_found, although the status is 200', async () => {
    const steps: string[] = []
    const pulling = (async () => {
      for await (const { status } of models.pull('nope')) steps.push(status)
    })()
    const error = await errorOf(pulling)
    expect(error).toMatchObject({
      code: 'model_not_found',
      model: 'nope',
      provider: 'ollama',
      retryable: false,
    })
    expect(error.details).toMatchObject({ kind: 'not-in-registry', midStream: true })
    expect(steps).toEqual(['pulling manifest'])
    expect(asked('/api/pull')).toHaveLength(1)
  })

  it('that ends without a word of success is interrupted', async () => {
    server.once('/api/pull', { lines: [MANIFEST, layer(A, 10, 10)] })
    const error = await errorOf(models.pull('tiny:1b').done)
    expect(error).toMatchObject({
      code: 'stream_interrupted',
      retryable: true,
      model: 'tiny:1b',
      provider: 'ollama',
    })
    expect(error.message).toContain('goes on where it was')
  })

  it('is taken up again after "max retries exceeded", and its sum goes on', async () => {
    server.once(
      '/api/pull',
      { lines: [MANIFEST, layer(A, 100, 60), RETRIES] },
      { lines: [MANIFEST, layer(A, 100, 40), layer(A, 100, 100), SUCCESS] },
    )
    const steps = await stepsOf(models.pull('tiny:1b'))
    expect(steps.map(({ completed }) => completed)).toEqual([0, 60, 60, 60, 100, 100])
    expect(asked('/api/pull')).toHaveLength(2)
    expect(clock.waits).toEqual([250])
  })
})

describe('a pull', () => {
  it('brings a model that can be used at once', async () => {
    await models.pull('tiny:1b').done
    expect((await models.list()).map(({ id }) => id)).toContain('tiny:1b')
    expect((await ai.model('ollama/tiny:1b').sendMessage('Hi')).cost.status).toBe('free')
  })

  it('of a model that is there says that nothing is left to do', async () => {
    const steps = await stepsOf(models.pull('llama3.2'))
    expect(steps[1]).toMatchObject({ completed: 2_019_393_189, total: 2_019_393_189 })
  })

  it(`gives up after ${WORK_RESUMES_MAX} times without a byte, with waits that grow`, async () => {
    server.on('/api/pull', { lines: [MANIFEST, layer(A, 100, 60), RETRIES] })
    const error = await errorOf(models.pull('tiny:1b').done)
    expect(error).toMatchObject({ code: 'provider_unavailable', details: { kind: 'registry-unreachable' } })
    // The first failure came after some bytes, which begins the count anew.
    expect(asked('/api/pull')).toHaveLength(1 + WORK_RESUMES_MAX)
    expect(clock.waits).toEqual([250, 500, 1_000, 2_000, 4_000])
  })

  it('may fail more often than that while bytes arrive in between', async () => {
    for (let part = 1; part <= WORK_RESUMES_MAX + 3; part++) {
      server.once('/api/pull', { lines: [MANIFEST, layer(A, 100, part), RETRIES] })
    }
    server.once('/api/pull', { lines: [layer(A, 100, 100), SUCCESS] })
    await models.pull('tiny:1b').done
    expect(new Set(clock.waits)).toEqual(new Set([250]))
  })

  it('stops waiting for the next try when its signal fires', async () => {
    const controller = new AbortController()
    clock.holds = true
    clock.beforeWait = () => setImmediate(() => controller.abort())
    server.once('/api/pull', { lines: [MANIFEST, RETRIES] })
    expect((await errorOf(models.pull('tiny:1b', { signal: controller.signal }).done)).code).toBe('aborted')
    expect(asked('/api/pull')).toHaveLength(1)
  })

  it('is not taken up again where its time would be over', async () => {
    server.once('/api/pull', { lines: [MANIFEST, RETRIES] })
    const error = await errorOf(models.pull('tiny:1b', { timeoutMs: 100 }).done)
    expect(error.details).toMatchObject({ kind: 'registry-unreachable' })
    expect(asked('/api/pull')).toHaveLength(1)
  })

  it.each([
    ['left', undefined],
    ['aborted', new AbortController()],
  ])('that is %s closes its connection', async (_, controller) => {
    const gate = server.gate()
    server.once('/api/pull', { lines: [MANIFEST, layer(A, 10, 5), SUCCESS], gate, holdAfter: 2 })
    const work = models.pull('tiny:1b', controller ? { signal: controller.signal } : {})
    const pulling = (async () => {
      for await (const { completed } of work) {
        if (completed === 0) continue
        if (!controller) break
        controller.abort()
      }
    })()
    if (controller) expect((await errorOf(pulling)).code).toBe('aborted')
    else await pulling
    const [request] = asked('/api/pull')
    const isClosed = (): boolean => request?.socketClosedAt !== undefined
    expect(await isSeenAtOnce(isClosed)).toBe(true)
    // Whoever waits for its end is told that there is none.
    expect((await errorOf(work.done)).code).toBe('aborted')
  })

  it('that was left before it began says so too', async () => {
    const work = models.pull('tiny:1b')
    await work[Symbol.asyncIterator]().return?.()
    expect((await errorOf(work.done)).code).toBe('aborted')
    expect(server.requests).toEqual([])
  })

  it('has steps without a name where the server gives none', async () => {
    server.once('/api/pull', { lines: [{ digest: A, total: 10, completed: 4 }, SUCCESS] })
    expect(
      (await stepsOf(models.pull('tiny:1b'))).map(({ status, completed }) => [status, completed]),
    ).toEqual([
      ['', 4],
      ['success', 4],
    ])
  })

  it('that is cut off in the middle is interrupted', async () => {
    server.once('/api/pull', { lines: [MANIFEST, layer(A, 10, 5), SUCCESS], cutAfter: 2 })
    expect((await errorOf(models.pull('tiny:1b').done)).code).toBe('stream_interrupted')
  })

  it('comes in any pieces, and lines after the end do no harm', async () => {
    const lines = [MANIFEST, layer(A, 10), layer(A, 10, 10), SUCCESS, { status: 'more' }]
    server.once('/api/pull', { lines, splitBytes: 1, crlf: true, noLastNewline: true })
    const steps = await stepsOf(models.pull('tiny:1b'))
    expect(steps.map(({ status }) => status)).toEqual([
      'pulling manifest',
      'pulling aaaaaaaaaaaa',
      'pulling aaaaaaaaaaaa',
      'success',
    ])
  })

  it.each([
    [
      'pull model manifest: 412: \n\nThe model you are attempting to pull requires a newer version of Ollama.',
      'provider_unavailable',
      'server-too-old',
    ],
    ['unauthorized: access denied', 'authentication_failed', 'registry-refused'],
    [
      'realm host "evil.test" does not match original host "registry.ollama.ai"',
      'authentication_failed',
      'registry-refused',
    ],
    ['write /models/blobs/sha256-aa-partial-0: no space left on device', 'provider_unavailable', 'disk-full'],
    [
      'max retries exceeded: write /models/blobs/x: no space left on device',
      'provider_unavailable',
      'disk-full',
    ],
    ['insecure protocol http', 'request_invalid', 'bad-request'],
    ['pull model manifest: 400: {"error":"Repository is not GGUF"}', 'request_invalid', 'bad-request'],
    [
      'this model requires MLX support, but the MLX runtime is not available',
      'capability_unsupported',
      'unsupported-feature',
    ],
    ['something new', 'provider_unavailable', 'server-error'],
  ])('that fails with %j is %s', async (text, code, kind) => {
    server.once('/api/pull', { lines: [MANIFEST, { error: text }] })
    const error = await errorOf(models.pull('tiny:1b').done)
    expect(error).toMatchObject({ code, details: { kind } })
    expect(error.message).toMatch(/tiny:1b/)
    expect(asked('/api/pull')).toHaveLength(1)
  })

  it.each([
    [
      'pull model manifest: Get "https://registry.ollama.ai/v2/": dial tcp: lookup registry.ollama.ai: no such host',
    ],
    [
      'pull model manifest: 503: <!DOCTYPE html><html><head><title>503</title></head><body>Down</body></html>',
    ],
    ['pull model manifest: 500: Internal Server Error'],
    ['max retries exceeded: unexpected EOF'],
    ['digest mismatch, file must be downloaded again: want sha256:aa, got sha256:bb'],
    ['read tcp 10.0.0.1:5->10.0.0.2:443: read: connection reset by peer'],
  ])('that fails with %j is taken up again', async (error) => {
    server.once('/api/pull', { lines: [MANIFEST, { error }] })
    await models.pull('tiny:1b').done
    expect(asked('/api/pull')).toHaveLength(2)
  })

  it('shows no HTML of a proxy', async () => {
    const page = '<!DOCTYPE html><html><head><title>502</title></head><body>Bad gateway</body></html>'
    server.on('/api/pull', { lines: [MANIFEST, { error: `pull model manifest: 502: ${page}` }] })
    const { message } = await errorOf(models.pull('tiny:1b').done)
    expect(message).toContain('pull model manifest: 502: 502 Bad gateway')
    expect(message).not.toContain('<')
  })

  it.each([[''], ['a b']])('of %j is a bad request', async (name) => {
    expect((await errorOf(models.pull(name).done)).code).toBe('request_invalid')
  })

  it('of a line that is no record, or no JSON, is an error', async () => {
    server.once('/api/pull', { lines: [MANIFEST, 'words'] }, { raw: ['{"status":"a"}\n', '<html>\n'] })
    expect((await errorOf(models.pull('tiny:1b').done)).code).toBe('provider_unavailable')
    expect((await errorOf(models.pull('tiny:1b').done)).code).toBe('response_invalid')
  })

  it('that nobody answers is down', async () => {
    await server.close()
    expect((await errorOf(models.pull('tiny:1b').done)).code).toBe('network_failed')
  })

  it('has its model described anew, by whatever spelling it is called', async () => {
    const chat = ai.model('ollama/LLAMA3.2')
    await chat.sendMessage('Hi')
    await chat.sendMessage('Hi')
    expect(asked('/api/show')).toHaveLength(1)
    await models.pull('library/llama3.2:latest').done
    await chat.sendMessage('Hi')
    expect(asked('/api/show')).toHaveLength(2)
  })
})

describe('conformance case 30: empty bodies', () => {
  it('copies with an empty answer', async () => {
    await models.copy('llama3.2', 'mine')
    expect(bodiesOf('/api/copy')).toEqual([{ source: 'llama3.2', destination: 'mine' }])
    const [mine, original] = await Promise.all([find('mine:latest'), find('llama3.2:latest')])
    expect(mine?.digest).toBe(original?.digest)
  })

  it('removes with a JSON body on a DELETE, and an empty answer', async () => {
    await models.remove('qwen3:8b')
    const [request] = asked('/api/delete')
    expect(request).toMatchObject({ method: 'DELETE', body: { model: 'qwen3:8b' } })
    expect(request?.headers['content-type']).toBe('application/json')
    expect(await find('qwen3:8b')).toBeUndefined()
  })

  it.each([
    ['copy', () => models.copy('gone', 'x'), 'model_not_found'],
    ['copy to nothing', () => models.copy('llama3.2', ''), 'request_invalid'],
    ['remove', () => models.remove('gone'), 'model_not_found'],
    ['remove nothing', () => models.remove(''), 'request_invalid'],
  ])('fails with its own error: %s', async (_, act, code) => {
    expect((await errorOf(act())).code).toBe(code)
  })

  it('knows nothing old of a model that was removed and made again', async () => {
    const chat = ai.model('ollama/llama3.2')
    await chat.sendMessage('Hi')
    await models.remove('llama3.2')
    expect((await errorOf(chat.sendMessage('Hi'))).code).toBe('model_not_found')
    await models.copy('qwen3:8b', 'llama3.2')
    await chat.sendMessage('Hi')
    expect(asked('/api/show')).toHaveLength(3)
  })

  it('bills a call that is under way by what was known when it began', async () => {
    const gate = server.gate()
    server.reply({ text: 'one two', gate, holdAfter: 1 })
    const answering = ai.model('ollama/llama3.2').sendMessage('Hi')
    await gate.arrival()
    await models.remove('llama3.2')
    gate.open()
    expect((await answering).cost).toMatchObject({ status: 'free', source: 'local' })
  })
})

describe('conformance case 32: load and unload', () => {
  it('loads with the settings of the calls that follow, and takes the plain object for an answer', async () => {
    await models.load('llama3.2', { keepAlive: '-1', settings: { numCtx: 2_048 } })
    expect(bodiesOf('/api/chat')).toEqual([
      {
        model: 'llama3.2',
        messages: [],
        stream: false,
        truncate: false,
        shift: false,
        keep_alive: -1,
        options: { num_ctx: 2_048 },
      },
    ])
    const [running] = await models.running()
    expect(running).toMatchObject({ id: 'llama3.2:latest', provider: 'ollama', contextLength: 2_048 })
  })

  it('stays for ever where the server says a year that nobody lives to see', async () => {
    await models.load('llama3.2', { keepAlive: -1 })
    await models.load('qwen3:8b', { keepAlive: '5m' })
    const running = await models.running()
    const raws = running.map(({ raw }) => (raw as { expires_at: string }).expires_at)
    expect(Number(raws[0]?.slice(0, 4))).toBeGreaterThan(2_300)
    expect(running.map(({ expiresAt }) => expiresAt)).toEqual([
      undefined,
      new Date(Date.parse(raws[1] ?? '')).toISOString(),
    ])
    expect(running.map(({ size, sizeVram }) => [size, sizeVram])).toEqual([
      [2_019_393_189, 2_019_393_189],
      [2_019_393_189, 0],
    ])
  })

  it('loads a model that only embeds the one way that it takes', async () => {
    await models.load('bge', { keepAlive: 600 })
    expect(bodiesOf('/api/embed')).toEqual([{ model: 'bge', input: [], truncate: false, keep_alive: 600 }])
    expect((await models.running()).map(({ id }) => id)).toEqual(['bge:latest'])
    await models.unload('bge')
    expect(await models.running()).toEqual([])
  })

  it('unloads, also what is not loaded', async () => {
    await models.load('llama3.2')
    await models.unload('llama3.2')
    await models.unload('llama3.2')
    expect(bodiesOf('/api/chat').slice(1)).toEqual(
      Array.from({ length: 2 }, () => ({ model: 'llama3.2', messages: [], stream: false, keep_alive: 0 })),
    )
    expect(await models.running()).toEqual([])
  })

  it.each([
    ['a model that is not there', () => models.load('gone'), 'model_not_found'],
    ['no model', () => models.load(''), 'request_invalid'],
    ['to unload what is not there', () => models.unload('gone'), 'model_not_found'],
    ['a stay of no time', () => models.load('llama3.2', { keepAlive: 0 }), 'request_invalid'],
    ['a stay that is no time', () => models.load('llama3.2', { keepAlive: 'long' }), 'request_invalid'],
    [
      'a setting that there is not',
      () => models.load('llama3.2', { settings: { numCtxx: 1 } }),
      'request_invalid',
    ],
  ])('refuses %s', async (_, act, code) => {
    expect((await errorOf(act())).code).toBe(code)
    expect(await models.running()).toEqual([])
  })

  it('does not take another answer for a load', async () => {
    server.once('/api/chat', { body: { models: [] } })
    expect((await errorOf(models.load('llama3.2'))).code).toBe('response_invalid')
  })

  it('stops a load for its signal', async () => {
    const gate = server.gate()
    server.once('/api/chat', { body: {}, headersGate: gate })
    const controller = new AbortController()
    const loading = models.load('llama3.2', { signal: controller.signal })
    await gate.arrival()
    controller.abort()
    expect((await errorOf(loading)).code).toBe('aborted')
  })
})

describe('what runs', () => {
  it.each([
    ['null for an empty list', { models: null }],
    ['no list', {}],
  ])('is nothing where the server says %s', async (_, body) => {
    server.once('/api/ps', { body })
    expect(await models.running()).toEqual([])
  })

  it('leaves out what is not told, and what is no time', async () => {
    server.once('/api/ps', { body: { models: [{ name: 'x', expires_at: 'soon' }] } })
    expect(await models.running()).toEqual([
      { id: 'x', provider: 'ollama', raw: { name: 'x', expires_at: 'soon' } },
    ])
  })

  it.each([[[]], [{ models: [1] }], [{ models: [{}] }], [{ models: 'x' }]])(
    'cannot be read from %j',
    async (body) => {
      server.once('/api/ps', { body })
      expect((await errorOf(models.running())).code).toBe('response_invalid')
    },
  )
})

describe('making a model', () => {
  it('of another one, with its own settings', async () => {
    const steps = await stepsOf(
      models.create('brief', {
        from: 'llama3.2',
        system: 'You are brief.',
        parameters: { numCtx: 2_048, temperature: 0, stop: ['END'] },
        license: ['MIT', 'none'],
        template: '{{ .Prompt }}',
      }),
    )
    expect(steps.at(-1)).toEqual({ status: 'success', completed: 0, total: 0 })
    expect(bodiesOf('/api/create')).toEqual([
      {
        model: 'brief',
        from: 'llama3.2',
        system: 'You are brief.',
        template: '{{ .Prompt }}',
        license: ['MIT', 'none'],
        parameters: { num_ctx: 2_048, temperature: 0, stop: ['END'] },
      },
    ])
    expect(await find('brief:latest')).toBeDefined()
  })

  it('of files: brings those that are not there, each once, and counts their bytes', async () => {
    const weights = new TextEncoder().encode('GGUF weights \u{1f600}')
    const adapter = Uint8Array.from([0, 255, 254, 10, 13])
    const digestOf = (bytes: Uint8Array): string =>
      `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    const create = (): Promise<Progress[]> =>
      stepsOf(models.create('own', { files: { 'm.gguf': weights }, adapters: { 'a.gguf': adapter } }))
    const steps = await create()
    const sum = weights.length + adapter.length
    expect(steps.slice(0, 4)).toMatchObject([
      { status: 'uploading m.gguf', completed: 0, total: weights.length },
      { status: 'uploading m.gguf', completed: weights.length, total: weights.length },
      { status: 'uploading a.gguf', completed: weights.length, total: sum },
      { status: 'uploading a.gguf', completed: sum, total: sum, digest: digestOf(adapter) },
    ])
    expect(steps.at(-1)).toEqual({ status: 'success', completed: sum, total: sum })
    expect(bodiesOf('/api/create')).toEqual([
      { model: 'own', files: { 'm.gguf': digestOf(weights) }, adapters: { 'a.gguf': digestOf(adapter) } },
    ])
    const [posted] = server.requests.filter(
      ({ method, path }) => method === 'POST' && path.includes('/blobs/'),
    )
    expect(posted?.headers['content-type']).toBe('application/octet-stream')
    expect(posted?.bodyBytes).toEqual(Buffer.from(weights))
    await create()
    const uploads = server.requests.filter(
      ({ method, path }) => method === 'POST' && path.includes('/blobs/'),
    )
    expect(uploads).toHaveLength(2)
  })

  it('of files by their digest uploads nothing', async () => {
    const error = await errorOf(
      models.create('bad', { files: { 'x.gguf': `sha256:${'0'.repeat(64)}` } }).done,
    )
    expect(error).toMatchObject({ code: 'request_invalid' })
    expect(server.requests.map(({ path }) => path)).toEqual(['/api/create'])
  })

  it.each([
    ['nothing', 'x', {}, 'request_invalid'],
    ['a model that is nowhere', 'x', { from: 'gone' }, 'model_not_found'],
    ['a path that leads out', 'x', { files: { '../x': A } }, 'request_invalid'],
    ['an empty digest', 'x', { files: { x: '' } }, 'request_invalid'],
    ['no name', '', { from: 'llama3.2' }, 'request_invalid'],
  ])('of %s fails', async (_, name, options, code) => {
    expect((await errorOf(models.create(name, options).done)).code).toBe(code)
  })

  it.each<[string, OllamaReply, string]>([
    [
      'is damaged on the way',
      { status: 400, error: 'digest mismatch, expected "sha256:00", got "sha256:11"' },
      'request_invalid',
    ],
    [
      'finds a full disk',
      { status: 500, error: 'write /models/blobs/x: no space left on device' },
      'provider_unavailable',
    ],
  ])('stops at a file that %s', async (_, reply, code) => {
    const bytes = Uint8Array.of(1, 2)
    const path = `/api/blobs/sha256:${createHash('sha256').update(bytes).digest('hex')}`
    server.once(`POST ${path}`, reply)
    expect((await errorOf(models.create('x', { files: { 'x.gguf': bytes } }).done)).code).toBe(code)
    expect(asked('/api/create')).toEqual([])
  })

  it('stops where the server cannot say whether a file is there', async () => {
    const bytes = Uint8Array.of(1)
    const path = `/api/blobs/sha256:${createHash('sha256').update(bytes).digest('hex')}`
    server.once(`HEAD ${path}`, { status: 500, body: '' })
    expect(
      (await errorOf(models.create('x', { files: { 'x.gguf': bytes }, timeoutMs: 60_000 }).done)).status,
    ).toBe(500)
  })
})

describe('a push', () => {
  it('tells how far it is', async () => {
    const steps = await stepsOf(models.push('llama3.2'))
    expect(steps.map(({ status }) => status.slice(0, 8))).toContain('pushing ')
    expect(steps.at(-1)).toMatchObject({ status: 'success', completed: 2_019_395_252, total: 2_019_395_252 })
    expect(bodiesOf('/api/push')).toEqual([{ model: 'llama3.2' }])
  })

  it('of a model that is not there says so', async () => {
    expect((await errorOf(models.push('gone').done)).code).toBe('model_not_found')
  })

  it('into a name of somebody else is refused', async () => {
    const error =
      'you are not authorized to push to this namespace, create the model under a namespace you own'
    server.once('/api/push', { lines: [{ status: 'retrieving manifest' }, { error }] })
    expect((await errorOf(models.push('ada/x').done)).code).toBe('authentication_failed')
  })
})

describe('sync', () => {
  it('tells what was added, changed and removed since the last time', async () => {
    const first = await models.sync()
    expect(first.added.map(({ id }) => id)).toEqual(first.models.map(({ id }) => id))
    expect(first).toMatchObject({ changed: [], removed: [], at: '2026-01-01T00:00:00.000Z' })
    expect(await ai.provider('ollama').models.sync()).toMatchObject({ added: [], changed: [], removed: [] })
    await models.copy('llama3.2', 'mine')
    await models.remove('qwen3:8b')
    await models.create('bge', { from: 'bge', system: 'x' }).done
    const next = await models.sync()
    const ids = (list: readonly ModelInfo[]): string[] => list.map(({ id }) => id)
    expect([ids(next.added), ids(next.changed), ids(next.removed)]).toEqual([
      ['mine:latest'],
      ['bge:latest'],
      ['qwen3:8b'],
    ])
  })

  it('compares with a list that was kept', async () => {
    const { models: kept } = await models.sync()
    await models.remove('bge')
    await models.sync()
    const stored = JSON.parse(JSON.stringify(kept)) as readonly ModelInfo[]
    expect((await models.sync(stored)).removed.map(({ id }) => id)).toEqual(['bge:latest'])
    expect((await models.sync([])).added).toHaveLength(2)
  })

  it('goes by the date where there is no digest', async () => {
    const old: ModelInfo = {
      id: 'llama3.2:latest',
      provider: 'ollama',
      capabilities: [],
      raw: {},
      modifiedAt: 'then',
    }
    expect((await models.sync([old])).changed.map(({ id }) => id)).toEqual(['llama3.2:latest'])
  })

  it('of a server that is down rejects, and forgets nothing', async () => {
    await models.sync()
    server.once('/api/tags', { status: 500, error: 'model list cache unavailable' })
    expect((await errorOf(models.sync())).code).toBe('provider_unavailable')
    expect((await models.sync()).added).toEqual([])
  })
})

describe('the sum of a work', () => {
  it('never falls, and never exceeds what is known of the whole', () => {
    const total = new ProgressTotal()
    const tell = [
      { digest: 'a', completed: 5 },
      { digest: 'a', total: 10, completed: 3 },
      { digest: 'b', total: 7, completed: 9 },
      { digest: 'a', total: 8, completed: 8 },
      {},
    ]
    const sums = tell.map((one) => total.add(one)).map(({ completed, total }) => [completed, total])
    expect(sums).toEqual([
      [5, 5],
      [5, 10],
      [14, 19],
      [17, 19],
      [17, 19],
    ])
  })
})

async function find(id: string): Promise<ModelInfo | undefined> {
  return (await models.list()).find((model) => model.id === id)
}
