/**
 * A process that holds and settles against the budget of ada in a ledger file, with many calls at once, and says what
 * it did: `sent ID PICOS` when the hold is durable and the stand-in of a provider has billed, `settled ID` when the
 * entry is. It says `ready`, begins when it is told to on its standard input, and ends when the budget is full.
 * Run: node budget-worker.ts PATH PREFIX TTL_MS CALLERS
 */
import { once } from 'node:events'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { picos } from '../../src/money/picos.ts'
import { ended, holdOf } from './budget-case.ts'
import { exactPicos } from './entries.ts'

/** What is held for each call, in picos: what it costs is at most that. */
const HOLD_PICOS = 4_000_000_000n

const [path = '', prefix = '', ttlMs = '60000', callers = '1'] = process.argv.slice(2)
const ledger = await openSqliteLedger({ path })
let next = 0
let inFlight = 0
let waiting: (() => void)[] = []

/** Until a call of this process has ended; without one, until the others had their turn. */
function untilRoom(): Promise<void> {
  return new Promise((resolve) => {
    if (inFlight > 0) waiting.push(resolve)
    else setImmediate(resolve)
  })
}

/** To a pipe this is done when it returns: what is said has happened. */
function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

async function caller(): Promise<void> {
  for (;;) {
    const id = `${prefix}-${next++}`
    const hold = holdOf(id, '0', { amount: picos(HOLD_PICOS), ttlMs: Number(ttlMs) })
    const reserved = await ledger.budgets.reserve(hold)
    if (reserved.status === 'refused') {
      // What others hold may come back in part; what is spent does not.
      if (reserved.refused.reserved === 0n) return
      await untilRoom()
      continue
    }
    inFlight++
    const cost = HOLD_PICOS - BigInt(Math.floor(Math.random() * 3_000_000_000))
    say(`sent ${id} ${cost}`)
    await ledger.budgets.settle(id, ended(id, exactPicos(cost), { at: Date.now() }))
    say(`settled ${id}`)
    inFlight--
    for (const go of waiting.splice(0)) go()
    waiting = []
  }
}

if (process.argv[1] === import.meta.filename) {
  say('ready')
  await once(process.stdin, 'data')
  process.stdin.destroy()
  await Promise.all(Array.from({ length: Number(callers) }, caller))
  await ledger.close()
}
