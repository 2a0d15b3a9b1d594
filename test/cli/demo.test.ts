import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { fakeOllama } from '../../src/testing/fake-ollama.ts'
import { groat, groatProgram, newPlace, parsed } from './child.ts'

// Each test starts programs, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

test('with nothing there the stand-in plays, says so, and leaves the own books alone', async () => {
  using place = newPlace({ OLLAMA_HOST: '127.0.0.1:1' })
  const { code, stdout, stderr } = await groatProgram(place, ['demo'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const ledger = join(place.folder, 'groat-demo', 'ledger.db')
  expect(stdout).toContain('Cannot reach 127.0.0.1:1')
  expect(stdout).toContain("groat's own stand-in")
  expect(stdout).toContain('the sky looks blue.')
  expect(stdout).toContain('Cost     free (local), proven:')
  expect(stdout).toContain(ledger)
  expect(stdout).toContain('1 call in this ledger')
  expect(stdout).toContain(`npx groat usage --ledger ${ledger}`)
  expect(stdout).toContain('ollama pull llama3.2')
  const lines = stdout.trimEnd().split('\n')
  expect(lines.length).toBeLessThanOrEqual(27)
  const tooLong = lines.filter((line) => line.length > 80 && !line.includes(place.folder))
  expect(tooLong).toEqual([])
  expect(stdout).not.toContain('\u001b')
  expect(existsSync(join(place.folder, 'data'))).toBe(false)
  const again = parsed(await groatProgram(place, ['demo', '--json']))
  expect(again).toMatchObject({
    standIn: true,
    total: { calls: 2, freeAttempts: 2 },
    entry: { outcome: 'ok' },
  })
})

test('with a server it asks its smallest model that can chat, and books in the own ledger', async () => {
  await using server = await fakeOllama({
    models: [
      'llama3.2',
      { name: 'embed', capabilities: ['embedding'], size: 1_000_000 },
      { name: 'small:1b', size: 900_000_000 },
      { name: 'cloudy:cloud', remoteHost: 'https://ollama.com:443' },
    ],
  })
  server.reply('Because of the air.')
  using place = newPlace({ OLLAMA_HOST: server.url })
  const { code, stdout } = await groatProgram(place, ['demo'])
  expect(code).toBe(0)
  expect(stdout).toContain(`the Ollama at ${server.url} (OLLAMA_HOST), version 0.33.0`)
  expect(stdout).toContain('small:1b')
  expect(stdout).toContain('  Because of the air.')
  expect(stdout).toContain(join(place.folder, 'data/groat/ledger.db'))
  expect(server.requests.filter(({ path }) => path === '/api/chat')).toHaveLength(1)
  expect(parsed(await groat(place, ['usage', '--json']))).toMatchObject({ sum: { calls: 1 } })
})

test('a server without a model that chats is said to be one, and the stand-in plays', async () => {
  await using server = await fakeOllama({ models: [{ name: 'embed', capabilities: ['embedding'] }] })
  using place = newPlace({ OLLAMA_HOST: server.url })
  const ended = await groatProgram(place, ['demo'])
  expect(ended.code).toBe(0)
  expect(ended.stdout.replace(/\s+/g, ' ')).toContain('it has no model on its disk that can chat')
  expect(ended.stdout).toContain("groat's own stand-in")
})

test('a server that fails is told of, and the stand-in plays on', async () => {
  await using server = await fakeOllama()
  server.reply({ status: 500, error: 'out of memory' })
  using place = newPlace({ OLLAMA_HOST: server.url })
  const ended = await groatProgram(place, ['demo'])
  expect(ended.code).toBe(0)
  expect(ended.stdout).toContain('Failed')
  expect(ended.stdout).toContain("groat's own stand-in")
  expect(ended.stdout).toContain('free (local)')
})
