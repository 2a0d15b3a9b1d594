import fc from 'fast-check'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { BudgetLedger } from '../../src/ledger/budget-store.ts'
import { createMemoryLedger } from '../../src/ledger/memory/index.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { systemClock, systemRuntime, type Runtime } from '../../src/runtime.ts'
import { COMMANDS, runCommands } from './budget-model.ts'
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

/** Without these, the commands would say nothing. */
const NEEDED = ['reserve "held"', 'reserve "refused"', 'settle {"state":"settled","crossed":[]}']
/** In so many runs as memory has, these happen as well. */
const NEEDED_ALSO = [
  'reserve "replayed"',
  'reserve "unlimited"',
  'reserve "an error"',
  'settle {"state":"settled","crossed":[0.8,0.95]}',
  'settle {"state":"corrected","crossed":[]}',
  'settle {"state":"repeated","crossed":[]}',
  'assume 1',
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
      { numRuns: store === 'memory' ? 1_000 : 80 },
    )
    const needed = store === 'memory' ? [...NEEDED, ...NEEDED_ALSO] : NEEDED
    expect(needed.filter((one) => !seen.has(one))).toEqual([])
  },
  60_000,
)
