import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { fakeOllama, fakeOpenAI, type FakeOllama } from '../../src/testing/index.ts'
import { groat, groatProgram, newPlace, parsed, type Place } from './child.ts'

// Each test starts programs, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let server: FakeOllama
let place: Place

beforeAll(async () => {
  server = await fakeOllama({ models: ['llama3.2', { name: 'tiny:1b', size: 900_000_000 }] })
})

beforeEach(() => {
  place = newPlace({ OLLAMA_HOST: server.url })
  return () => place[Symbol.dispose]()
})

afterAll(() => server[Symbol.asyncDispose]())

test('without a command it prints the help; --version prints the version', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect((await groat(place, [])).stdout).toContain('Usage: groat')
  expect(await groatProgram(place, ['--version'])).toMatchObject({
    code: 0,
    stdout: `${version}\n`,
    stderr: '',
  })
  expect(await groat(place, ['ask', '--help'])).toMatchObject({ code: 0, stderr: '' })
})

describe('models', () => {
  test('lists them as a table', async () => {
    const { code, stdout } = await groat(place, ['models'])
    expect(code).toBe(0)
    expect(stdout.split('\n').slice(0, 3)).toEqual([
      'MODEL              SIZE  PARAMETERS  QUANTIZATION  CONTEXT  LOCAL  CAPABILITIES',
      'llama3.2:latest  2.0 GB        3.2B  Q4_K_M        131,072  yes    chat stream tools parallel-tools',
      'tiny:1b          900 MB        3.2B  Q4_K_M        131,072  yes    chat stream tools parallel-tools',
    ])
  })

  test('shows one, and refuses one that is not there', async () => {
    expect((await groat(place, ['models', 'tiny:1b'])).stdout).toMatch(/^tiny:1b\n  provider +ollama\n/)
    expect(parsed(await groat(place, ['models', 'tiny:1b', '--json']))).toMatchObject({
      id: 'tiny:1b',
      local: true,
    })
    expect((await groat(place, ['models', 'nope'])).code).toBe(1)
  })
})

describe('health', () => {
  test('is ready with 0, degraded with 0, down with 1', async () => {
    expect(await groat(place, ['health'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^ollama {2}ready {2}\d+ ms {2}version 0\.33\.0/) as string,
    })
    const degraded = await groat(place, ['health', 'ollama', '--model', 'nope'])
    expect(degraded.code).toBe(0)
    expect(degraded.stdout).toMatch(/degraded[^]*ollama pull nope/)
    using away = newPlace({ OLLAMA_HOST: '127.0.0.1:1' })
    const down = await groat(away, ['health', '--json'])
    expect(down.code).toBe(1)
    expect(parsed(down)).toMatchObject({ status: 'down', details: { ollama: { status: 'down' } } })
    expect((await groat(place, ['health', 'olama'])).code).toBe(2)
  })
})

describe('usage', () => {
  test('has nothing to say of an empty ledger', async () => {
    expect(await groat(place, ['usage'])).toMatchObject({ code: 0, stdout: 'nothing booked yet\n' })
    expect(parsed(await groat(place, ['usage', '--json']))).toMatchObject({
      totals: [],
      sum: { attempts: 0 },
    })
  })

  test('sums up by what is asked for, and filters', async () => {
    for (const user of ['ada', 'ada', 'bob']) await groat(place, ['ask', 'Hi', '--user', user])
    const { stdout } = await groat(place, ['usage', '--by', 'user,model', '--since', '1h'])
    expect(stdout.split('\n')).toEqual([
      'USER   MODEL     CALLS  INPUT  OUTPUT   COST  FREE',
      'ada    llama3.2      2      4       8  $0.00     2',
      'bob    llama3.2      1      2       4  $0.00     1',
      'total                3      6      12  $0.00     3',
      '',
    ])
    const bob = parsed(await groat(place, ['usage', '--user', 'bob', '--json']))
    expect(bob).toMatchObject({ sum: { calls: 1, cost: '0' } })
    expect((await groat(place, ['usage', '--until', '2020-01-01'])).stdout).toBe('nothing booked yet\n')
    // A provider that is not configured may be in the books.
    expect(await groat(place, ['usage', '--provider', 'gone'])).toMatchObject({
      code: 0,
      stdout: 'nothing booked yet\n',
    })
  })

  test.each([
    [['--by', 'usr'], 'did you mean user?'],
    [['--since', 'yesterday'], 'is not a time'],
    [['--since', '2026-02-30'], 'is not a time'],
  ])('refuses %j', async (args, says) => {
    const { code, stderr } = await groat(place, ['usage', ...args])
    expect(code).toBe(2)
    expect(stderr).toContain(says)
  })
})

describe('the ledger', () => {
  test('is a file in the data folder of the user, or where it is named', async () => {
    await groat(place, ['ask', 'Hi'])
    expect(readFileSync(join(place.folder, 'data/groat/ledger.db')).subarray(0, 6).toString()).toBe('SQLite')
    await groat(place, ['ask', 'Hi', '--ledger', 'own.db'])
    expect(parsed(await groat(place, ['usage', '--ledger', 'own.db', '--json']))).toMatchObject({
      sum: { calls: 1 },
    })
  })

  test('that cannot be written ends with 1 before anything is sent', async () => {
    const sent = server.requestCount
    writeFileSync(join(place.folder, 'file'), '')
    const { code, stderr } = await groat(place, ['ask', 'Hi', '--ledger', 'file/ledger.db'])
    expect(code).toBe(1)
    expect(stderr).toContain('store_failed')
    expect(stderr).toContain('--ledger PATH')
    expect(server.requestCount).toBe(sent)
  })

  test('of a newer version is left alone', async () => {
    await groat(place, ['ask', 'Hi', '--ledger', 'new.db'])
    const database = new DatabaseSync(join(place.folder, 'new.db'))
    database.exec(`UPDATE meta SET value = '999' WHERE key = 'schema_version'`)
    database.close()
    const { code, stderr } = await groat(place, ['usage', '--ledger', 'new.db'])
    expect(code).toBe(1)
    expect(stderr).toContain('newer groat')
  })
})

describe('configuration', () => {
  test('options go over the environment, and that over the file', async () => {
    writeFileSync(
      join(place.folder, 'groat.config.json'),
      JSON.stringify({ providers: { ollama: { model: 'from-file' } }, ledger: 'memory:' }),
    )
    const modelOf = async (env: NodeJS.ProcessEnv, ...args: string[]): Promise<unknown> => {
      const ended = await groat({ ...place, env: { ...place.env, ...env } }, ['--json', 'ask', 'Hi', ...args])
      return (parsed(ended)['error'] as { model: string }).model
    }
    expect(await modelOf({})).toBe('from-file')
    expect(await modelOf({ GROAT_MODEL: 'from-env' })).toBe('from-env')
    expect(await modelOf({ GROAT_MODEL: 'from-env' }, '--model', 'from-option')).toBe('from-option')
  })

  test('a model names its provider with it, where nothing is configured', async () => {
    await using openai = await fakeOpenAI({ models: ['gpt-6-luna'] })
    const env = { ...place.env, OPENAI_BASE_URL: openai.baseUrl, OPENAI_API_KEY: 'any' }
    const here: Place = { ...place, env }
    const answered = async (more: NodeJS.ProcessEnv, ...args: string[]): Promise<unknown[]> => {
      const ended = await groat({ ...here, env: { ...env, ...more } }, ['--json', 'ask', 'Hi', ...args])
      const { provider, model } = parsed(ended)
      return [provider, model]
    }
    expect(await answered({}, '--model', 'openai/gpt-6-luna')).toEqual(['openai', 'gpt-6-luna'])
    expect(await answered({ GROAT_MODEL: 'openai/gpt-6-luna' })).toEqual(['openai', 'gpt-6-luna'])
    expect(await answered({ GROAT_MODEL: 'openai/gpt-6-luna' }, '--model', 'ollama/llama3.2')).toEqual([
      'ollama',
      'llama3.2',
    ])
    // Only what was configured, or chosen, is looked after.
    expect((await groat(here, ['health'])).stdout).toMatch(/^ollama .*\n$/)
    // Where providers are configured, a model whose id begins like another one stays theirs.
    const config = { providers: { mine: { driver: 'ollama', model: 'llama3.2' } } }
    writeFileSync(join(place.folder, 'groat.config.json'), JSON.stringify(config))
    const { code, stderr } = await groat(here, ['ask', 'Hi', '--model', 'openai/gpt-oss-20b'])
    expect(code).toBe(1)
    expect(stderr).toContain('Ollama has no model openai/gpt-oss-20b')
    expect(openai.requests).toHaveLength(2)
  })

  test('a slip of the finger ends with 2 and names the file, the path and the nearest key', async () => {
    const file = join(place.folder, 'mine.json')
    writeFileSync(file, JSON.stringify({ providers: { ollama: { baseURL: 'x', apiKey: 'sk-secret' } } }))
    const { code, stderr } = await groatProgram(place, ['--config', 'mine.json', 'health'])
    expect(code).toBe(2)
    expect(stderr).toContain(file)
    expect(stderr).toContain('providers.ollama.baseURL; did you mean baseUrl?')
    expect(stderr).not.toContain('sk-secret')
  })
})
