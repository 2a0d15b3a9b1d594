/**
 * What clients for Ollama make of eight hard cases: `npm run bench:clients [-- --json --slow --only NAME]`. Each
 * client meets the same stand-in server in each case, and a judge says what the run showed.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { fakeOllama } from '../../dist/testing/index.js'
import { CASES } from './cases.ts'
import { aiSdkOllama } from './clients/ai-sdk-ollama.ts'
import type { Adapter } from './clients/client.ts'
import { groat } from './clients/groat.ts'
import { langchain } from './clients/langchain.ts'
import { ollamaAiProviderV2 } from './clients/ollama-ai-provider-v2.ts'
import { ollama } from './clients/ollama.ts'
import { tanstack } from './clients/tanstack.ts'
import { report } from './report.ts'
import type { Case, Finding } from './trial.ts'

const ADAPTERS = [groat, ollama, aiSdkOllama, ollamaAiProviderV2, langchain, tanstack]

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, slow: { type: 'boolean' }, only: { type: 'string' } },
})
const { json = false, slow = false, only } = values
const adapters = ADAPTERS.filter(({ name }) => only === undefined || name.includes(only))

/** What libraries write while they are judged goes to the judge, not between the lines of the table. */
const written: string[] = []
const print = console.log.bind(console)
for (const method of ['log', 'info', 'warn', 'error', 'debug', 'dir'] as const) {
  console[method] = (...parts: unknown[]) => void written.push(parts.map(String).join(' '))
}
const stray: unknown[] = []
process.on('unhandledRejection', (reason) => stray.push(reason))

const findings: Finding[][] = []
for (const one of CASES) {
  const row: Promise<Finding>[] = []
  for (const adapter of adapters) {
    const judging = judge(one, adapter)
    if (!one.together) await judging
    row.push(judging)
  }
  findings.push(await Promise.all(row))
}

const versions = Object.fromEntries(
  adapters.flatMap(({ packages }) => packages.map((name) => [name, versionOf(name)])),
)
print(report({ adapters, cases: CASES, findings, versions, json, slow }))
// Whatever a client left hanging must not keep the process.
process.exit()

async function judge(one: Case, adapter: Adapter): Promise<Finding> {
  written.length = 0
  stray.length = 0
  const server = await fakeOllama(one.server)
  const client = adapter.open({ baseUrl: server.url })
  try {
    const found = await Promise.race([
      one.run({ adapter, client, server, console: written, slow }),
      sleep(one.limitMs, undefined, { ref: false }),
    ])
    if (!found) return { verdict: 'wrong', evidence: `hung: no end after ${one.limitMs / 1_000} s` }
    const loose = stray.length > 0 && !one.together ? '; and an unhandled rejection in the process' : ''
    return { ...found, evidence: found.evidence + loose }
  } catch (error) {
    return { verdict: 'wrong', evidence: `the case itself failed: ${String(error)}` }
  } finally {
    await server.close()
    await client.close?.()
  }
}

function versionOf(name: string): string {
  const folder = name === 'groat' ? '../..' : `./node_modules/${name}`
  const text = readFileSync(new URL(`${folder}/package.json`, import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
