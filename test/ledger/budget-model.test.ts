import fc from 'fast-check'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BudgetLedger, HoldRequest } from '../../src/ledger/budget-store.ts'
import { createMemoryLedger } from '../../src/ledger/memory/index.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { Amount } from '../../src/money/amount.ts'
import { picos } from '../../src/money/picos.ts'
import { systemClock, systemRuntime, type Runtime } from '../../src/runtime.ts'
import { budget, holdOf, HOUR, MINUTE } from './budget-case.ts'
import { COMMANDS, runCommands, type Command } from './budget-model.ts'
import { NOON } from './entries.ts'

let folder = ''
let files = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'groat-model-'))
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const STORES: Readonly<Record<string, (runtime: Runtime) => Promise<BudgetLedger>>> = {
  memory: async (runtime) => createMemoryLedger({}, runtime),
  sqlite: (runtime) =>
    openSqliteLedger({ path: join(folder, `${++files}.db`), synchronous: 'NORMAL' }, runtime),
}

/** Without these, the commands would say nothing; they happen in every run, whatever is drawn. */
const NEEDED = [
  'reserve "held"',
  'reserve "refused"',
  'reserve "replayed"',
  'reserve "unlimited"',
  'reserve "an error"',
  'settle {"state":"settled","crossed":[]}',
  'settle {"state":"settled","crossed":[0.8,0.95]}',
  'settle {"state":"corrected","crossed":[]}',
  'settle {"state":"repeated","crossed":[]}',
  'assume 1',
]

const limit = (picos: bigint): Command => ({
  do: 'set',
  budget: budget({ period: 'total', limit: new Amount(picos) }),
})
const reserve = (id: string, amount: bigint, more: Partial<HoldRequest> = {}): Command => ({
  do: 'reserve',
  request: holdOf(id, '0', { amount: picos(amount), ttlMs: MINUTE, ...more }),
})
const settle = (id: string, cost: bigint): Command => ({ do: 'settle', id, cost })
const EACH_ONCE: readonly Command[] = [
  limit(40n),
  reserve('a', 40n, { attribution: { user: 'bob' } }),
  reserve('b', 40n),
  reserve('b', 40n),
  reserve('c', 1n),
  settle('b', 40n),
  settle('b', 40n),
  reserve('b', 40n),
  limit(100n),
  reserve('d', 5n),
  { do: 'wait', ms: HOUR },
  { do: 'assume' },
  settle('d', 5n),
  settle('d', 5n),
  settle('e', 5n),
]

test.each(Object.entries(STORES))(
  'random commands do to %s what they do to a model in bigints',
  async (store, make) => {
    const seen = new Set<string>()
    await fc.assert(
      fc.asyncProperty(COMMANDS, async (commands) => {
        let now = NOON
        const ledgers: BudgetLedger[] = []
        const runtime = { ...systemRuntime, clock: { ...systemClock, now: () => now } }
        const open = async (): Promise<BudgetLedger> => {
          const ledger = await make(runtime)
          ledgers.push(ledger)
          return ledger
        }
        const setNow = (ms: number): void => {
          now = ms
        }
        try {
          for (const one of await runCommands({ open, setNow }, commands)) seen.add(one)
        } finally {
          for (const ledger of ledgers) await ledger.close()
        }
      }),
      { numRuns: store === 'memory' ? 1_000 : 80, examples: [[EACH_ONCE]] },
    )
    expect(NEEDED.filter((one) => !seen.has(one))).toEqual([])
  },
  60_000,
)
