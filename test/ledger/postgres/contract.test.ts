import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Ledger } from '../../../src/ledger/ledger.ts'
import { LEDGER_CASES } from '../contract.ts'
import { isAvailable, START_MS, startServer, type Server } from './server.ts'

describe.skipIf(!isAvailable())('a ledger in PostgreSQL', () => {
  let server: Server

  beforeAll(async () => {
    server = await startServer()
  }, START_MS)

  afterAll(() => server.stop())

  for (const { name, run } of LEDGER_CASES) {
    // oxlint-disable-next-line vitest/expect-expect -- the cases assert with node:assert, for any runner
    test(name, async () => {
      const ledgers: Ledger[] = []
      const open = async (): Promise<Ledger> => {
        const ledger = await server.open()
        ledgers.push(ledger)
        return ledger
      }
      try {
        await run({ open })
      } finally {
        for (const ledger of ledgers) await ledger.close()
      }
    })
  }
})
