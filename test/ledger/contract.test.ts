import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { createMemoryLedger } from '../../src/ledger/memory/index.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { LEDGER_CASES } from './contract.ts'

let folder = ''
let opened = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'groat-ledger-'))
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const STORES: Readonly<Record<string, () => Promise<Ledger>>> = {
  memory: async () => createMemoryLedger(),
  sqlite: () => openSqliteLedger({ path: join(folder, `${++opened}`, 'groat.db') }),
  'sqlite, from sums by hour': () =>
    openSqliteLedger({ path: join(folder, `${++opened}`, 'groat.db'), rollupEntriesMin: 0 }),
}

for (const [store, make] of Object.entries(STORES)) {
  describe(`a ledger in ${store}`, () => {
    for (const { name, run } of LEDGER_CASES) {
      // oxlint-disable-next-line vitest/expect-expect -- the cases assert with node:assert, for any runner
      test(name, async () => {
        const ledgers: Ledger[] = []
        const open = async (): Promise<Ledger> => {
          const ledger = await make()
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
}
