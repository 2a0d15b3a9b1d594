import { once } from 'node:events'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { fakeOllama, type FakeOllama } from '../../src/testing/fake-ollama.ts'
import {
  Child,
  groat,
  groatProgram,
  MAIN,
  newPlace,
  parsed,
  startGroat,
  startGroatWith,
  type Place,
} from './child.ts'

// Each test starts programs, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let server: FakeOllama
let place: Place

beforeAll(async () => {
  server = await fakeOllama({
    models: ['llama3.2', { name: 'big:cloud', remoteHost: 'https://ollama.com:443' }],
  })
  place = newPlace({ OLLAMA_HOST: server.url })
})

// A reply that a call did not wait for is not for the next one.
beforeEach(() => server.reset())

afterAll(async () => {
  place[Symbol.dispose]()
  await server[Symbol.asyncDispose]()
})

test('the answer goes to stdout, one line on its cost to stderr', async () => {
  server.reply('The sky is blue.')
  const ended = await groatProgram(place, ['ask', 'Why?'])
  expect(ended).toMatchObject({ code: 0, stdout: 'The sky is blue.\n' })
  expect(ended.stderr).toMatch(/^free \(local\) · 2 in, 5 out tokens · ollama\/llama3\.2 · \d+\.\d s\n$/)
})

test('the first word is there while the server still holds the rest back', async () => {
  const gate = server.gate()
  server.reply({ text: 'one two three', gate, holdAfter: 1 })
  const child = startGroat(place, 'ask', 'Count')
  await child.saw('one')
  expect(child.stdout).not.toContain('two')
  gate.open()
  expect(await child.ended).toMatchObject({ code: 0, stdout: 'one two three\n' })
})

test('the call options reach the server', async () => {
  const args = ['--system', 'Be short', '--temperature', '0', '--max-output-tokens', '9', '--seed', '7']
  await groat(place, ['ask', ...args, '--stop', 'A', '--stop', 'B', 'Hi', 'there'])
  expect(server.requests.at(-1)?.body).toMatchObject({
    messages: [
      { role: 'system', content: 'Be short' },
      { role: 'user', content: 'Hi there' },
    ],
    options: { temperature: 0, num_predict: 9, seed: 7, stop: ['A', 'B'] },
    stream: true,
  })
})

test('a piped text comes after the question, and alone with -', async () => {
  await groat(place, ['ask', 'Sum this up'], 'a long text\n')
  expect(server.requests.at(-1)?.body).toMatchObject({
    messages: [{ content: 'Sum this up\n\na long text' }],
  })
  await groatProgram(place, ['ask', '-'], 'only this\n')
  expect(server.requests.at(-1)?.body).toMatchObject({ messages: [{ content: 'only this' }] })
})

test("a shell's pipe is read, a parent program's open one is not waited for", async () => {
  const shell = new Child('sh', ['-c', `echo piped | '${process.execPath}' '${MAIN}' ask first`], place)
  expect(await shell.ended).toMatchObject({ code: 0, stdout: 'You said: first\n\npiped\n' })
  expect(await startGroat(place, 'ask', 'alone').ended).toMatchObject({
    code: 0,
    stdout: 'You said: alone\n',
  })
})

test('--no-stream asks for a whole answer', async () => {
  server.reply('Whole.')
  expect(await groat(place, ['ask', '--no-stream', 'Hi'])).toMatchObject({ code: 0, stdout: 'Whole.\n' })
  expect(server.requests.at(-1)?.body).toMatchObject({ stream: false })
})

test('--json prints the answer as one object, its money as text', async () => {
  server.reply('Yes.')
  const ended = await groat(place, ['--json', 'ask', 'Hi', '--user', 'ada', '--tag', 'x'])
  expect(ended).toMatchObject({ code: 0, stderr: '' })
  expect(parsed(ended)).toMatchObject({
    text: 'Yes.',
    provider: 'ollama',
    cost: { status: 'free', amount: '0', source: 'local' },
    finishReason: { unified: 'stop' },
  })
})

test('a cloud model behind the server has an unknown cost, and says why', async () => {
  const { code, stderr } = await groat(place, ['ask', '--model', 'ollama/big:cloud', 'Hi'])
  expect(code).toBe(0)
  expect(stderr).toContain(
    'unknown (ollama/big:cloud runs in the cloud and no price for it is known: give it one',
  )
})

test.each([
  [['ask', '--model', 'nope', 'Hi'], 1, 'model_not_found', 'ollama pull nope'],
  [['ask', '--provider', 'olama', 'Hi'], 2, 'config_invalid', 'did you mean ollama?'],
  [['ask', '--temperature', '-1', 'Hi'], 2, 'request_invalid', 'temperature'],
  [['ask', '--temperature', 'hot', 'Hi'], 2, 'usage_invalid', "'hot' is invalid. Write a number."],
  [['ask', '--max-output-tokens', '0', 'Hi'], 2, 'request_invalid', '--max-output-tokens is a whole number'],
  [['ask', '--timeout', '0', 'Hi'], 2, 'usage_invalid', 'write seconds, above 0 and at most 86400'],
  [
    ['ask', '--provider', 'openai', 'Hi'],
    2,
    'request_invalid',
    'next:  name one, such as --model openai/MODEL',
  ],
  [['ask', '--temperatur', '1', 'Hi'], 2, 'usage_invalid', 'Did you mean --temperature?'],
  [['ask'], 2, 'usage_invalid', 'There is no question'],
  [['budget', 'remov', '--user', 'a'], 2, 'usage_invalid', 'did you mean remove?'],
  [['ledger', '--foo'], 2, 'usage_invalid', "unknown option '--foo'"],
  [['usage', 'extra'], 2, 'usage_invalid', 'see `groat usage --help`'],
  [['budget', 'set', '--user'], 2, 'usage_invalid', 'see `groat budget set --help`'],
  [['aks', 'Hi'], 2, 'usage_invalid', 'Did you mean ask?'],
] as const)('%j ends with %i and %s', async (args, code, errorCode, says) => {
  const ended = await groat(place, ['--json', ...args])
  expect(ended.code).toBe(code)
  expect(parsed(ended)).toMatchObject({ error: { code: errorCode } })
  expect(ended.stderr).toMatch(/^error: /)
  expect(ended.stderr).toContain(says)
  expect(ended.stderr).toContain(`code:  ${errorCode}\n`)
  expect(ended.stderr).not.toContain('    at ')
})

test('a server that is down ends with 1 and says what to do; --debug shows where', async () => {
  using away = newPlace({ OLLAMA_HOST: '127.0.0.1:1' })
  const { code, stdout, stderr } = await groatProgram(away, ['ask', 'Hi'])
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain('Cannot reach 127.0.0.1:1')
  expect(stderr).toContain('next:  see what groat finds there with `groat health ollama`\n')
  expect((await groat(away, ['--debug', 'ask', 'Hi'])).stderr).toContain('    at ')
})

test('--timeout ends a call that takes longer', async () => {
  server.reply({ text: 'late', delayMs: 60_000 })
  const { code, stderr } = await groat(place, ['ask', '--timeout', '0.2', 'Hi'])
  expect(code).toBe(1)
  expect(stderr).toContain('timed_out')
})

test('Ctrl-C stops the answer, books it, and ends with 130', async () => {
  const gate = server.gate()
  server.reply({ text: 'one two three', gate, holdAfter: 1 })
  const child = startGroat(place, 'ask', 'Count', '--user', 'stopper')
  await child.saw('one')
  child.process.kill('SIGINT')
  expect(await child.ended).toMatchObject({ code: 130, stdout: 'one\n' })
  expect(child.stderr).toMatch(/stopped after \d+\.\d s · booked as free \(local\)/)
  const usage = await groat(place, ['usage', '--user', 'stopper', '--json'])
  expect(parsed(usage)).toMatchObject({ sum: { calls: 1, freeAttempts: 1 } })
})

test('a reader who leaves ends the program quietly, and the call is booked', async () => {
  const gate = server.gate()
  server.reply({
    text: Array.from({ length: 50 }, (_, index) => `word${index}`).join(' '),
    gate,
    holdAfter: 1,
  })
  const child = startGroat(place, 'ask', 'Count', '--user', 'reader')
  await child.saw('word0')
  const { stdout } = child.process
  const closed = stdout && once(stdout, 'close')
  stdout?.destroy()
  await closed
  gate.open()
  const { code, stderr } = await child.ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(parsed(await groat(place, ['usage', '--user', 'reader', '--json']))).toMatchObject({
    sum: { calls: 1 },
  })
})

test('what cannot be written ends with 1 and says so', async () => {
  const full = startGroatWith(place, '> /dev/full', 'ask', 'Hi')
  const { code, stderr } = await full.ended
  expect(code).toBe(1)
  expect(stderr).toContain('error: Cannot write the output: ENOSPC: no space left on device.')
  expect(stderr).toContain('code:  output_failed\n')
  // Where only the remarks cannot be written, the answer is all that was asked for.
  const quiet = startGroatWith(place, '2> /dev/full', 'ask', 'Hi')
  expect(await quiet.ended).toMatchObject({ code: 0, stdout: 'You said: Hi\n' })
})
