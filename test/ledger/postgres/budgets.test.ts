import { afterAll, beforeAll, describe, test } from 'vitest'
import type { BudgetLedger } from '../../../src/ledger/budget-store.ts'
import type { BudgetPlace } from '../budget-case.ts'
import { BUDGET_CASES } from '../budget-contract.ts'
import { NOON } from '../entries.ts'
import { holdClock, type DatabaseClock } from './database-clock.ts'
import { isAvailable, START_MS, startServer, type Server } from './server.ts'

describe.skipIf(!isAvailable())('budgets in PostgreSQL', () => {
  let server: Server
  let opened = 0

  beforeAll(async () => {
    server = await startServer()
  }, START_MS)

  afterAll(() => server.stop())

  for (const { name, run } of BUDGET_CASES) {
    // oxlint-disable-next-line vitest/expect-expect -- the cases assert with node:assert, for any runner
    test(name, async () => {
      let now = NOON
      const clocks: DatabaseClock[] = []
      const ledgers: BudgetLedger[] = []
      const place: BudgetPlace = {
        open: async () => {
          const schema = `groat_budgets_${++opened}`
          const ledger = await server.open({ schema })
          ledgers.push(ledger)
          clocks.push(await holdClock(server, schema, now))
          return ledger
        },
        setNow: async (ms) => {
          now = ms
          await Promise.all(clocks.map((clock) => clock.set(ms)))
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
