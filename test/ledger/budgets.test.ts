import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { BudgetLedger } from '../../src/ledger/budget-store.ts'
import { createMemoryLedger } from '../../src/ledger/memory/index.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { systemClock, systemRuntime, type Runtime } from '../../src/runtime.ts'
import type { BudgetPlace } from './budget-case.ts'
import { BUDGET_CASES } from './budget-contract.ts'
import { NOON } from './entries.ts'

let folder = ''
let opened = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'groat-budgets-'))
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const STORES: Readonly<Record<string, (runtime: Runtime) => Promise<BudgetLedger>>> = {
  memory: async (runtime) => createMemoryLedger({}, runtime),
  sqlite: (runtime) =>
    openSqliteLedger({ path: join(folder, `${++opened}.db`), synchronous: 'NORMAL' }, runtime),
}

for (const [store, make] of Object.entries(STORES)) {
  describe(`budgets in ${store}`, () => {
    for (const { name, run } of BUDGET_CASES) {
      // oxlint-disable-next-line vitest/expect-expect -- the cases assert with node:assert, for any runner
      test(name, async () => {
        let now = NOON
        const runtime = { ...systemRuntime, clock: { ...systemClock, now: () => now } }
        const ledgers: BudgetLedger[] = []
        const place: BudgetPlace = {
          open: async () => {
            const ledger = await make(runtime)
            ledgers.push(ledger)
            return ledger
          },
          setNow: (ms) => {
            now = ms
          },
        }
        try {
          await run(place)
        } finally {
          for (const ledger of ledgers) await ledger.close()
        }
      })
    }
  })
}
