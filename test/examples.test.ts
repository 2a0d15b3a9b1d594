import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fakeOllama, fakeXai, type FakeOllama, type FakeXai, type OllamaReply } from '../src/testing/index.ts'
import { QUIET, READS_AWAIT_USING } from './node.ts'

const ROOT = join(import.meta.dirname, '..')
const EXAMPLES = join(ROOT, 'examples')

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
  '15-budgets.ts':
    'not covered: user ada has $0.0005 a day\n' +
    'it could cost 0.00063913 and would fit with 1536 tokens of output\n' +
    'output-limit-lowered exact 0.00000245\nnot covered: user ada has $0.0005 a day\nbudget-fallback free 0\n' +
    'ada: $0.00000245 spent, $0.00 held, $0.00049755 left\n',
  '16-quotes.ts':
    'llama3.2: free\ngpt-oss:20b-cloud: at most $0.00033948\n' +
    '  input 564: $0.00003948\n  output 1000: $0.0003\n',
  '17-books.ts':
    'without a tag: 1 calls, $0.00000134 this month\nbatch: 2 calls, $0.00000268 this month\n' +
    'nightly: 1 calls, $0.00000134 this month\n2 rows of 33 columns\n' +
    '3 entries and 1 window: 0 discrepancies\n',
  '18-openai.ts':
    "A metal.\n{ symbol: 'Sn', number: 50 }\n" +
    'input: 6 x $0.0000001 = $0.0000006\ncache-read: 4 x $0.00000001 = $0.00000004\n' +
    'output: 4 x $0.0000005 = $0.000002\n499 requests are left\n',
  '19-compatible-servers.ts':
    'Blue, most of the time.\nthought: A colour?\nfree, because it is declared to be yours\n',
  '20-xai.ts': 'Tin is a metal.\ntogether $0.0065, by provider\n',
  '21-gemini.ts':
    'Blue is scattered most.\nBecause air scatters blue light.\n' +
    'input: 6 x $0.0000003 = $0.0000018\noutput: 9 x $0.0000025 = $0.0000225\n',
  '22-web-service.ts':
    'ada 200 You said: Why? $0.00000134\nada 200 You said: Why? $0.00000134\n' +
    'ada 429 Your limit for today is used up until 00:00:00 GMT\ngrace 200 You said: Why? $0.00000134\n',
  '23-batch.ts':
    '19 of 100 answered\n$0.00003249 of $0.0001 spent, $0.00 held\n' +
    '100 of 100 answered\n$0.000171 of $0.01 spent, $0.00 held\n',
  '24-report.ts':
    'project,tag,calls,input,output,usd,unknown\napp,,1,2,4,0.00000134,0\n' +
    'site,nightly,2,5,9,0.00000305,0\nsite,"retry, maybe",1,3,5,0.00000171,0\n',
}

/** What the stand-in answers where it does not repeat the question. */
const REPLIES: Readonly<Record<string, readonly (string | OllamaReply)[]>> = {
  '12-tools.ts': [
    { toolCalls: [{ name: 'get_weather', arguments: { city: 'Paris' } }] },
    'Yes, it is 21 degrees.',
  ],
}

let server: FakeOllama
let grok: FakeXai
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
  grok = await fakeXai()
  grok.default({ text: 'Tin is a metal.', serverToolUsage: { web_search_calls: 1 }, ticks: 65_000_000 })
  home = await mkdtemp(join(tmpdir(), 'groat-examples-'))
  if (!READS_AWAIT_USING) await compile()
}, 60_000)

afterAll(async () => {
  await server.close()
  await grok.close()
  await rm(home, { recursive: true })
})

/** Writes the examples as JavaScript into the home, as in a program that has the package. */
async function compile(): Promise<void> {
  const compilerOptions = {
    noEmit: false,
    declaration: false,
    paths: {},
    typeRoots: [join(ROOT, 'node_modules/@types')],
    rootDir: EXAMPLES,
    outDir: home,
  }
  const config = { extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: [join(EXAMPLES, '*.ts')] }
  await writeFile(join(home, 'tsconfig.json'), JSON.stringify(config))
  await writeFile(join(home, 'package.json'), '{ "type": "module" }')
  await mkdir(join(home, 'node_modules'))
  await symlink(ROOT, join(home, 'node_modules/groat'))
  await symlink(join(ROOT, 'node_modules/zod'), join(home, 'node_modules/zod'))
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  await promisify(execFile)(process.execPath, [tsc, '-p', home], { cwd: home })
}

describe('the examples', () => {
  it('are all here', () => {
    expect(readdirSync(EXAMPLES).toSorted()).toEqual(Object.keys(PRINTED))
  })

  it.each(Object.entries(PRINTED))('%s does what it says, with the built package', async (file, printed) => {
    const clouds = { XAI_BASE_URL: grok.baseUrl, XAI_API_KEY: 'xai-test' }
    const env = { PATH: process.env['PATH'], HOME: home, OLLAMA_HOST: server.url, ...clouds }
    server.reply(...(REPLIES[file] ?? []))
    const program = READS_AWAIT_USING ? join(EXAMPLES, file) : join(home, file.replace(/ts$/, 'js'))
    const args = [...QUIET, program]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: home, env })
    expect(stderr).toBe('')
    expect(stdout).toBe(printed)
  })
})
