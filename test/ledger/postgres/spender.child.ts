/**
 * A process that spends from budgets in PostgreSQL: it reserves and settles until nothing more fits, and says what came
 * of it as one line of JSON. Run: node spender.child.ts NAME SCHEMA CALLS KIND, with the URL in LEDGER_URL.
 */
import { openPostgresLedger } from '../../../src/ledger/postgres/index.ts'
import type { HoldRequest } from '../../../src/ledger/budget-store.ts'
import { parseUsd } from '../../../src/money/amount.ts'
import { add, picos, ZERO } from '../../../src/money/picos.ts'
import { entry, exact } from '../entries.ts'

const TRIES_MAX = 2_000
const IN_FLIGHT = 8
const HOLD = parseUsd('0.01').picos
const COST = '0.007'

const [name = '', schema = '', calls = '0', kind = 'one'] = process.argv.slice(2)
const ledger = await openPostgresLedger({ url: process.env['LEDGER_URL'] ?? '', schema })
const said = { held: 0, refused: 0, gaveUp: 0, spent: ZERO }

/** One organisation for all, or windows of several scopes in ever other combinations. */
function attributionOf(call: number): HoldRequest['attribution'] {
  if (kind === 'one') return { organization: 'acme' }
  const pick = (of: number): string => `${(call * 7 + of * 13) % 5}`
  return { user: pick(1), project: pick(2), organization: pick(3), key: pick(4) }
}

async function call(number: number): Promise<void> {
  const id = `${name}-${number}`
  const attribution = attributionOf(number)
  const request = { id, callId: id, fingerprint: 'same', amount: HOLD, callSpent: ZERO, ttlMs: 600_000 }
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const reserved = await ledger.budgets.reserve({
      ...request,
      mode: 'enforce',
      attribution,
      provider: 'openai',
      model: 'gpt-6-luna',
    })
    if (reserved.status === 'unlimited') throw new Error('no budget')
    if (reserved.status === 'held') {
      said.held++
      await ledger.budgets.settle(id, entry({ id, attemptId: id, callId: id, cost: exact(COST) }))
      said.spent = add(said.spent, parseUsd(COST).picos)
      return
    }
    said.refused++
    const { limit, settled } = reserved.refused
    // What is only held may be given back; what is spent is not.
    if (limit !== null && settled + HOLD > limit) {
      said.gaveUp++
      return
    }
  }
  throw new Error('never settled')
}

let next = 0
async function work(): Promise<void> {
  while (next < Number(calls)) await call(next++)
}

// All at once on one budget; few at once make many small transactions, which meet more often.
await Promise.all(Array.from({ length: kind === 'one' ? Number(calls) : IN_FLIGHT }, work))
await ledger.close()
process.stdout.write(`${JSON.stringify({ ...said, spent: String(picos(said.spent)) })}\n`)
