import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { fakeOllama, type FakeOllama } from '../../src/testing/fake-ollama.ts'
import { groat, newPlace, startAtTerminal, startGroat, type Place } from './child.ts'

// Each test starts programs, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let server: FakeOllama
let place: Place

beforeAll(async () => {
  server = await fakeOllama({ models: ['llama3.2', 'qwen3'] })
  place = newPlace({ OLLAMA_HOST: server.url, TERM: 'xterm' })
})

// A reply that a call did not wait for is not for the next one.
beforeEach(() => server.reset())

afterAll(async () => {
  place[Symbol.dispose]()
  await server[Symbol.asyncDispose]()
})

const hasScript = spawnSync('script', ['--version']).status === 0

test('piped lines become answers; all messages are sent; the end of the input ends it', async () => {
  server.reply('One.', 'Two.')
  const { code, stdout, stderr } = await groat(
    place,
    ['chat', '--system', 'Be short'],
    'first\nsecond\n/cost\n',
  )
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'One.\nTwo.\n' })
  expect(stderr).toContain('so far free')
  expect(stderr).toContain('2 calls, 14 tokens in, 4 out, free')
  expect(server.requests.at(-1)?.body).toMatchObject({
    messages: [
      { role: 'system', content: 'Be short' },
      { role: 'user', content: 'first' },
      { role: 'assistant', content: 'One.' },
      { role: 'user', content: 'second' },
    ],
  })
})

test('commands change the model and the system message, forget, and leave', async () => {
  const lines = ['a', '/model qwen3', '/system Be kind', '/new', 'b', '/modle x', '/help', '/exit', 'never']
  const { code, stderr } = await groat(place, ['chat'], lines.join('\n'))
  expect(code).toBe(0)
  expect(server.requests.at(-1)?.body).toMatchObject({
    model: 'qwen3',
    messages: [
      { role: 'system', content: 'Be kind' },
      { role: 'user', content: 'b' },
    ],
  })
  expect(stderr).toContain('/system TEXT')
  expect(stderr).toContain('there is no /modle')
})

test('a failure is told, the conversation goes on, and the exit code of a pipe says it', async () => {
  server.reply({ status: 400, error: 'bad' }, 'Fine.')
  const { code, stdout, stderr } = await groat(place, ['chat'], 'one\ntwo\n')
  expect({ code, stdout }).toEqual({ code: 2, stdout: 'Fine.\n' })
  expect(stderr).toContain('error: ')
  expect(server.requests.at(-1)?.body).toMatchObject({ messages: [{ role: 'user', content: 'two' }] })
})

test('SIGINT stops the answer and not the program', async () => {
  const gate = server.gate()
  server.reply({ text: 'one two three', gate, holdAfter: 1 }, 'Again.')
  const child = startGroat(place, 'chat')
  child.write('count\n')
  await child.saw('one')
  child.process.kill('SIGINT')
  await child.saw('booked as free (local)', 'stderr')
  child.write('go on\n')
  await child.saw('Again.')
  child.process.stdin?.end()
  expect(await child.ended).toMatchObject({ code: 0 })
  expect(server.requests.at(-1)?.body).toMatchObject({
    messages: [{ content: 'count' }, { role: 'assistant', content: 'one' }, { content: 'go on' }],
  })
})

test.skipIf(!hasScript)('at a terminal Ctrl-C stops the answer, and Ctrl-D leaves', async () => {
  const gate = server.gate()
  server.reply({ text: 'one two three', gate, holdAfter: 1 }, 'Again.')
  const child = startAtTerminal(place, ['chat'])
  await child.saw('> ')
  child.write('count\r')
  await child.saw('one')
  child.write('\u0003')
  // What is typed before the next prompt is there goes to the terminal, not to groat.
  await child.saw(/booked as free \(local\)[^]*> /)
  child.write('go on\r')
  await child.saw('Again.')
  await child.saw(/so far free[^]*> /)
  child.write('\u0004')
  const { code, stdout } = await child.ended
  expect(code).toBe(0)
  expect(stdout).toContain('2 calls')
  expect(stdout).not.toContain('two')
})

test.skipIf(!hasScript)('at an empty prompt the second Ctrl-C leaves', async () => {
  const child = startAtTerminal(place, ['chat'])
  await child.saw('> ')
  child.write('\u0003')
  await child.saw('Ctrl-C again')
  child.write('\u0003')
  expect((await child.ended).code).toBe(0)
})

test.skipIf(!hasScript)('a model that loads is said to be waited for; colours obey NO_COLOR', async () => {
  const gate = server.gate()
  server.reply({ text: 'Ready.', headersGate: gate })
  const child = startAtTerminal(place, ['ask', 'Hi'])
  // On a busy machine it is drawn late, with more seconds.
  await child.saw(/waiting for llama3\.2 to load… \d+ s/)
  gate.open()
  expect((await child.ended).stdout).toContain('\r\u001b[2KReady.\r\n\u001b[2mfree')
  const plain = startAtTerminal({ ...place, env: { ...place.env, NO_COLOR: '1' } }, ['ask', 'Hi'])
  // Nor does a busy machine, which has it say what is waited for, make it colour that.
  expect((await plain.ended).stdout.replaceAll('\u001b[2K', '')).not.toContain('\u001b[')
})

test.skipIf(!hasScript)(
  'Ctrl-C says what it waits for while the ledger is locked, and again ends it',
  async () => {
    const ledger = join(place.folder, 'locked.db')
    await groat(place, ['usage', '--ledger', ledger])
    using other = new DatabaseSync(ledger)
    other.exec('BEGIN IMMEDIATE')
    const child = startAtTerminal(place, ['ask', 'Hi', '--ledger', ledger])
    await child.saw('waiting for ')
    child.write('\u0003')
    await child.saw('stopping, once it is booked; Ctrl-C again ends at once…')
    child.write('\u0003')
    expect((await child.ended).code).toBe(130)
  },
)
