import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { fakeOllama } from '../../src/testing/fake-ollama.ts'
import { groat, newPlace, parsed } from './child.ts'

// Each test starts programs, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

test('models sync keeps what it saw, and says what came, changed and went since', async () => {
  await using server = await fakeOllama({ models: ['llama3.2', 'tiny:1b'] })
  using place = newPlace({ OLLAMA_HOST: server.url })
  const catalog = join(place.folder, 'data', 'groat', 'models.json')
  const dry = await groat(place, ['models', 'sync', '--dry-run'])
  expect(dry).toMatchObject({ code: 0 })
  expect(dry.stdout).toBe(
    'ollama  2 models: 2 added, 0 changed, 0 removed\n  + llama3.2:latest\n  + tiny:1b\n',
  )
  expect(existsSync(catalog)).toBe(false)

  expect((await groat(place, ['models', 'sync'])).stdout).toContain('2 added')
  expect((await groat(place, ['models', 'sync'])).stdout).toBe(
    'ollama  2 models: 0 added, 0 changed, 0 removed\n',
  )

  await using other = await fakeOllama({ models: ['llama3.2', 'qwen3:8b'] })
  using later = { ...place, env: { ...place.env, OLLAMA_HOST: other.url }, [Symbol.dispose]: () => {} }
  const json = parsed(await groat(later, ['models', 'sync', '--json']))
  expect(json).toMatchObject({
    dryRun: false,
    providers: [
      { provider: 'ollama', status: 'synced', models: 2, added: ['qwen3:8b'], removed: ['tiny:1b'] },
    ],
  })
})

test('models sync ends with 1 when some providers fail, and with 2 when all do', async () => {
  await using server = await fakeOllama({ models: ['llama3.2'] })
  using place = newPlace({ OLLAMA_HOST: server.url })
  writeFileSync(
    join(place.folder, 'groat.config.json'),
    JSON.stringify({ providers: { ollama: {}, away: { driver: 'ollama', baseUrl: 'http://127.0.0.1:1' } } }),
  )
  const some = await groat(place, ['models', 'sync'])
  expect(some.code).toBe(1)
  expect(some.stdout).toMatch(/^ollama {2}1 model: 1 added[^]*failed {2}away: /)
  // What fails keeps what is known of it.
  using none = { ...place, env: { ...place.env, OLLAMA_HOST: '127.0.0.1:1' }, [Symbol.dispose]: () => {} }
  expect((await groat(none, ['models', 'sync'])).code).toBe(2)
  expect((await groat(place, ['models', 'sync'])).stdout).toContain('1 model: 0 added, 0 changed, 0 removed')
})

test('a list that cannot be kept is told of, with what to do', async () => {
  await using server = await fakeOllama({ models: ['llama3.2'] })
  using place = newPlace({ OLLAMA_HOST: server.url })
  // A file where the folder has to be, which holds for every user.
  writeFileSync(join(place.folder, 'data'), '')
  const { code, stderr } = await groat(place, ['models', 'sync', '--ledger', 'memory:'])
  expect(code).toBe(1)
  expect(stderr).toMatch(/^error: Cannot write .*models\.json: /)
  expect(stderr).toContain('next:  make the folder writable, or only compare, with --dry-run\n')
  expect((await groat(place, ['models', 'sync', '--dry-run', '--ledger', 'memory:'])).code).toBe(0)
})
