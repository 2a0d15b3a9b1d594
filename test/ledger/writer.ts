/**
 * A process that appends to a ledger file and says each attempt that is durable: one id a line.
 * Run: node writer.ts PATH PREFIX COUNT
 */
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { entry } from './entries.ts'

const IN_FLIGHT = 16
const [path = '', prefix = '', count = '0'] = process.argv.slice(2)

const ledger = await openSqliteLedger({ path })
let next = 0

async function work(): Promise<void> {
  while (next < Number(count)) {
    const id = `${prefix}-${next++}`
    await ledger.append(entry({ id, callId: id, attemptId: id, user: prefix }))
    // To a pipe this is done when it returns: what is said is durable.
    process.stdout.write(`${id}\n`)
  }
}

await Promise.all(Array.from({ length: IN_FLIGHT }, work))
await ledger.close()
