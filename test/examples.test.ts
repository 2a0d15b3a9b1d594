import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fakeOllama, type FakeOllama, type OllamaReply } from '../src/testing/index.ts'

const EXAMPLES = join(import.meta.dirname, '../examples')

/** What each example prints when the stand-in repeats what it was asked. */
const PRINTED: Readonly<Record<string, string>> = {
  '01-first-answer.ts':
    'You said: Why is the sky blue?\n6 tokens in, 8 tokens out\nfree, because the model is local\n',
  '02-streaming.ts': 'You said: Tell me a story\nstop after 7 tokens\n',
  '03-conversation.ts':
    'My name is Ada. -> You said: My name is Ada.\nWhat is my name? -> You said: What is my name?\n',
  '04-who-spent-what.ts':
    'ada, engine: 2 calls, $0.00, 0 unknown\ngrace, compiler: 1 calls, $0.00, 0 unknown\n',
  '05-your-own-prices.ts':
    'input: 2 x $0.00000007 = $0.00000014\noutput: 4 x $0.0000003 = $0.0000012\ntogether $0.00000134\n',
  '06-errors.ts':
    'model_not_found (do not try again)\n' +
    'Ollama has no model no-such-model: get it with `ollama pull no-such-model`, or see `groat models`\n',
  '07-abort-and-timeout.ts': 'left after 3 words, booked 1 attempt\n',
  '08-middleware-and-events.ts': 'llama3.2 read 5 tokens: free\n',
  '09-testing-your-app.ts': 'the test passed\n',
  '10-embeddings.ts':
    '3 vectors for 13 tokens: free\nthe first and the third: 1.00\nthe second is another matter\n',
  '11-models.ts': 'success: all of its bytes\nall-minilm:latest stays for ever\nnew: my-copy:latest\n',
  '12-tools.ts': 'get_weather {"city":"Paris"}\nYes, it is 21 degrees.\n2 rounds, 15 tokens in, free\n',
  '13-structured-output.ts': 'text: 1 minutes, 1 ingredients\n',
  '14-images.ts': 'You said: Which colour is it?\nllama3.2: capability_unsupported (vision)\n',
}

/** What the stand-in answers where it does not repeat the question. */
const REPLIES: Readonly<Record<string, readonly (string | OllamaReply)[]>> = {
  '12-tools.ts': [
    { toolCalls: [{ name: 'get_weather', arguments: { city: 'Paris' } }] },
    'Yes, it is 21 degrees.',
  ],
}

let server: FakeOllama
let home: string

beforeAll(async () => {
  const cloud = {
    name: 'gpt-oss:20b-cloud',
    remoteHost: 'https://ollama.com:443',
    remoteModel: 'gpt-oss:20b',
  }
  const embedder = { name: 'all-minilm', capabilities: ['embedding'] }
  const seeing = { name: 'gemma3', capabilities: ['completion', 'vision'] }
  server = await fakeOllama({ models: ['llama3.2', cloud, embedder, seeing] })
  home = await mkdtemp(join(tmpdir(), 'groat-examples-'))
})

afterAll(async () => {
  await server.close()
  await rm(home, { recursive: true })
})

describe('the examples', () => {
  it('are all here', () => {
    expect(readdirSync(EXAMPLES).toSorted()).toEqual(Object.keys(PRINTED))
  })

  it.each(Object.entries(PRINTED))('%s does what it says, with the built package', async (file, printed) => {
    const env = { PATH: process.env['PATH'], HOME: home, OLLAMA_HOST: server.url }
    server.reply(...(REPLIES[file] ?? []))
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(EXAMPLES, file)], {
      cwd: home,
      env,
    })
    expect(stderr).toBe('')
    expect(stdout).toBe(printed)
  })
})
