import { beforeEach, describe, expect, test, vi } from 'vitest'
import { barText, Rate, timeLeftText } from '../../src/cli/progress.ts'
import { drawnColumns, type Output } from '../../src/cli/terminal.ts'
import { fakeOllama, type FakeOllama } from '../../src/testing/fake-ollama.ts'
import { groat, groatProgram, newPlace, parsed, startAtTerminal, startGroat, type Place } from './child.ts'

// Some tests start programs, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

const DIGEST = `sha256:${'6a0746a1ec1a'.padEnd(64, '0')}`
const layer = (completed?: number): Record<string, unknown> => ({
  status: 'pulling 6a0746a1ec1a',
  digest: DIGEST,
  total: 2_000_000_000,
  ...(completed === undefined ? {} : { completed }),
})
const LINES = [
  { status: 'pulling manifest' },
  layer(),
  layer(500_000_000),
  layer(520_000_000),
  layer(2_000_000_000),
  { status: 'verifying sha256 digest' },
  { status: 'success' },
]

let server: FakeOllama
let place: Place

beforeEach(async () => {
  server = await fakeOllama({
    models: ['llama3.2', { name: 'qwen3:8b', size: 5_200_000_000, sizeVram: 3_900_000_000 }],
    registry: ['tiny:1b'],
  })
  place = newPlace({ OLLAMA_HOST: server.url })
  return async () => {
    place[Symbol.dispose]()
    await server.close()
  }
})

describe('pull', () => {
  test('prints plain lines where nobody watches, and in the end what to do with the model', async () => {
    server.once('/api/pull', { lines: LINES })
    expect(await groatProgram(place, ['pull', 'tiny:1b'])).toEqual({
      code: 0,
      stdout: 'tiny:1b is there: groat chat --model tiny:1b\n',
      stderr: [
        'pulling manifest',
        'pulling 6a0746a1ec1a  0 % of 2.0 GB',
        'pulling 6a0746a1ec1a  20 % of 2.0 GB',
        'pulling 6a0746a1ec1a  100 % of 2.0 GB',
        'verifying sha256 digest  100 % of 2.0 GB',
        'success  100 % of 2.0 GB',
        '',
      ].join('\n'),
    })
  })

  test('brings the model', async () => {
    expect((await groat(place, ['pull', 'tiny:1b'])).code).toBe(0)
    expect((await groat(place, ['models', 'tiny:1b'])).code).toBe(0)
  })

  test('prints a line of JSON for each step with --json, and nothing else', async () => {
    server.once('/api/pull', { lines: LINES })
    const { code, stdout, stderr } = await groat(place, ['pull', 'tiny:1b', '--json'])
    expect([code, stderr]).toEqual([0, ''])
    const steps = stdout
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line))
    expect(steps).toHaveLength(LINES.length)
    expect(steps[2]).toEqual({
      status: 'pulling 6a0746a1ec1a',
      completed: 500_000_000,
      total: 2_000_000_000,
      digest: DIGEST,
      layer: { completed: 500_000_000, total: 2_000_000_000 },
    })
  })

  test('draws a bar at a terminal, and takes it away at the end', async () => {
    const gate = server.gate()
    server.once('/api/pull', { lines: LINES, gate, holdAfter: 3 })
    const child = startAtTerminal(place, ['pull', 'tiny:1b'])
    await child.saw('500 MB of 2.0 GB')
    expect(child.stdout).toContain(' 25 %  [######------------------]  500 MB of 2.0 GB')
    gate.open()
    const { code, stdout } = await child.ended
    expect(code).toBe(0)
    expect(stdout).toContain('\r\u001b[2Ktiny:1b is there')
  })

  test('stops at Ctrl-C, closes the connection, and says how to go on', async () => {
    server.once('/api/pull', { lines: LINES, gate: server.gate(), holdAfter: 3 })
    const child = startGroat(place, 'pull', 'tiny:1b')
    await child.saw('20 %', 'stderr')
    child.process.kill('SIGINT')
    const { code, stderr, stdout } = await child.ended
    expect([code, stdout]).toEqual([130, ''])
    expect(stderr).toContain('stopped: groat pull tiny:1b goes on where it was\n')
    await server.idle()
  })

  test('of a model that there is not fails with 1, also in JSON', async () => {
    const failed = await groat(place, ['pull', 'nope'])
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('error: There is no such model in the registry for nope')
    expect(failed.stderr).toContain('model_not_found')
    const { code, stdout } = await groat(place, ['pull', 'nope', '--json'])
    const lines = stdout.trimEnd().split('\n')
    expect(code).toBe(1)
    expect(lines.map((line) => Object.keys(JSON.parse(line) as object))).toEqual([
      ['status', 'completed', 'total'],
      ['error'],
    ])
  })

  test.each([[['pull']], [['pull', 'a', 'b']]])('%j is wrong use', async (args) => {
    expect((await groat(place, args)).code).toBe(2)
  })

  test('lets no model name play with the terminal', async () => {
    const { stderr } = await groat(place, ['pull', 'x\u001b[2Jy'])
    expect(stderr).not.toContain('\u001b[2J')
  })
})

describe('ps', () => {
  test('shows what is loaded, how much of it on a GPU, and until when', async () => {
    expect((await groat(place, ['ps'])).stdout).toBe('no model is loaded\n')
    await load('llama3.2', -1)
    await load('qwen3:8b', 600)
    const { code, stdout } = await groat(place, ['ps'])
    expect(code).toBe(0)
    expect(stdout.split('\n')).toEqual([
      'MODEL              SIZE    GPU  CONTEXT  UNTIL',
      'llama3.2:latest  2.0 GB  100 %    4,096  for ever',
      'qwen3:8b         5.2 GB   75 %    4,096  in 10 min',
      '',
    ])
  })

  test('prints JSON', async () => {
    await load('llama3.2', -1)
    const listed = parsed(await groat(place, ['ps', '--json'])) as unknown as object[]
    expect(listed).toMatchObject([{ id: 'llama3.2:latest', contextLength: 4_096 }])
    expect(listed[0]).not.toHaveProperty('expiresAt')
  })

  test('fails with 1 where nobody is there', async () => {
    using away = newPlace({ OLLAMA_HOST: '127.0.0.1:1' })
    expect((await groat(away, ['ps'])).code).toBe(1)
  })

  test.each([
    ['a moment', 30_000, /in \d\d s/],
    ['hours', 5 * 3_600_000, /in 5 h/],
    ['a time that is over', -1_000, /now/],
  ])('says %s in words', async (_, leftMs, wanted) => {
    const expires_at = new Date(Date.now() + leftMs).toISOString()
    server.once('/api/ps', { body: { models: [{ name: 'x', size: 0, size_vram: 0, expires_at }] } })
    const { stdout } = await groat(place, ['ps'])
    expect(stdout).toMatch(wanted)
    // Nothing is known of its size before it is loaded.
    expect(stdout).toMatch(/\?/)
  })
})

describe('the bar', () => {
  const half = { status: 'pulling x', digest: DIGEST, completed: 1_000_000_000, total: 2_000_000_000 }

  test('says percent, bytes, rate and the time that is left, on one line', () => {
    const text = ' 50 %  [############------------]  1.0 GB of 2.0 GB  12.5 MB/s  1 min 20 s'
    expect(barText(half, 12_500_000)).toBe(text)
    expect(text.length).toBeLessThan(80)
  })

  test('says the bare status where no bytes are told of', () => {
    expect(barText({ status: 'writing manifest', completed: 5, total: 5 }, 1)).toBe('writing manifest')
    expect(barText(half, undefined)).toMatch(/GB$/)
  })

  test('fits on one line of a narrow terminal, and of one that does not say how wide it is', async () => {
    const widths = [{ columns: 40 }, { columns: 200 }, { columns: 0 }, {}] as Output[]
    expect(widths.map(drawnColumns)).toEqual([39, 199, 79, 79])
    const gate = server.gate()
    server.once('/api/pull', { lines: LINES, gate, holdAfter: 3 })
    const child = startAtTerminal(place, ['pull', 'tiny:1b'], 30)
    await child.saw(' 25 %  [######')
    gate.open()
    const { stdout } = await child.ended
    // Each drawing clears the line that it stands on.
    const drawn = stdout.split('\r\u001b[2K').slice(1, -1)
    expect(drawn).toContain(' 25 %  [######---------------')
    expect(drawn.filter((text) => text.length > 29)).toEqual([])
  })

  test('measures over the last seconds, and not what was there before', () => {
    const rate = new Rate(0)
    expect(rate.perSecond).toBeUndefined()
    rate.add(1_000, 500)
    expect(rate.perSecond).toBeUndefined()
    rate.add(2_000, 600)
    expect(rate.perSecond).toBe(100)
    for (let second = 3; second <= 20; second++) rate.add(second * 1_000, 600 + (second - 2) * 10)
    expect(rate.perSecond).toBe(10)
  })

  test.each([
    [0.2, '1 s'],
    [59.5, '1 min 0 s'],
    [200, '3 min 20 s'],
    [3_900, '1 h 5 min'],
  ])('writes %s seconds as %s', (seconds, text) => expect(timeLeftText(seconds)).toBe(text))
})

async function load(model: string, keepAlive: number): Promise<void> {
  await fetch(`${server.url}/api/chat`, {
    method: 'POST',
    body: JSON.stringify({ model, messages: [], keep_alive: keepAlive }),
  })
}
