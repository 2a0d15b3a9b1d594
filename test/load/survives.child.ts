// Run by survives.test.ts in a process of its own, with --expose-gc: prints what is left after many calls.
import { createAI } from '../../src/index.ts'
import { createMemoryLedger } from '../../src/ledger/memory/index.ts'

const [url = '', sequential = '0', concurrent = '0'] = process.argv.slice(2)
// The entries that are kept are in memory before anything is measured.
const ledger = createMemoryLedger({ entriesMax: 1_000 })
const ai = createAI({ ledger, providers: { ollama: { baseUrl: url, model: 'llama3.2' } } })
const signal = new AbortController().signal

async function heapBytes(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}

async function call(index: number): Promise<void> {
  // All ways to end: whole, streamed, left early.
  if (index % 3 === 0) await ai.sendMessage('Hi', { signal, user: `u${index % 7}` })
  else if (index % 3 === 1) await ai.streamMessage('Hi', { signal }).response
  else for await (const event of ai.streamMessage('Hi', { signal })) if (event.type === 'text-delta') break
}

// The code is compiled and the caches are filled before anything is measured.
for (let index = 0; index < 2_000; index++) await call(index)
const before = await heapBytes()
for (let index = 0; index < Number(sequential); index++) await call(index)
const afterSequential = await heapBytes()
await Promise.all(Array.from({ length: Number(concurrent) }, (_, index) => call(index)))
const afterConcurrent = await heapBytes()
const [total] = await ai.ledger.totals()
await ai.close()
await new Promise((resolve) => setImmediate(resolve))
const left = process
  .getActiveResourcesInfo()
  .filter((name) => !name.startsWith('Pipe') && !name.startsWith('TTY'))
console.log(JSON.stringify({ before, afterSequential, afterConcurrent, attempts: total?.attempts, left }))
