import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BUDGET_SCOPES } from '../../../src/core/budget.ts'
import { parseUsd } from '../../../src/money/amount.ts'
import { budget, hold, settle } from '../budget-case.ts'
import { isAvailable, START_MS, startServer, type Server } from './server.ts'

const SPENDER = join(import.meta.dirname, 'spender.child.ts')
const TIMEOUT_MS = 120_000

interface Said {
  readonly held: number
  readonly refused: number
  readonly gaveUp: number
  readonly spent: string
}

describe.skipIf(!isAvailable())('several processes on one PostgreSQL', () => {
  let server: Server

  beforeAll(async () => {
    server = await startServer()
  }, START_MS)

  afterAll(() => server.stop())

  async function spendIn(schema: string, processes: number, calls: number, kind: string): Promise<Said[]> {
    const env = { ...process.env, LEDGER_URL: server.url }
    const children = Array.from({ length: processes }, (_, number) =>
      spawn(process.execPath, [SPENDER, `p${number}`, schema, String(calls), kind], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      }),
    )
    return Promise.all(
      children.map(async (child) => {
        const [said] = await Promise.all([text(child.stdout), once(child, 'exit')])
        return JSON.parse(said) as Said
      }),
    )
  }

  test(
    'do not overspend one budget with 4 × 250 calls at once, and fill it to within one call',
    async () => {
      const schema = 'groat_one_budget'
      const ledger = await server.open({ schema })
      const limit = parseUsd('5')
      await ledger.budgets.set(budget({ scope: 'organization', id: 'acme', limit }))
      const said = await spendIn(schema, 4, 250, 'one')
      const [window] = await ledger.budgets.windows({ organization: 'acme' })
      const spent = said.reduce((sum, one) => sum + BigInt(one.spent), 0n)
      expect(window).toMatchObject({ reserved: 0n, excess: 0n, settled: spent })
      expect(spent).toBeLessThanOrEqual(limit.picos)
      expect(spent).toBeGreaterThan(limit.picos - parseUsd('0.01').picos)
      // The control: without a limit they would have spent seven dollars.
      expect(said.reduce((sum, one) => sum + one.gaveUp, 0)).toBe(
        1_000 - Number(spent / parseUsd('0.007').picos),
      )
      expect(await ledger.budgets.verify()).toMatchObject({ openHolds: 0, discrepancies: [] })
      expect((await ledger.totals())[0]?.cost.picos).toBe(spent)
      await ledger.close()
    },
    TIMEOUT_MS,
  )

  test(
    'do not wait for each other for ever over several windows, from their making on',
    async () => {
      const schema = 'groat_windows'
      const ledger = await server.open({ schema })
      for (const scope of BUDGET_SCOPES) {
        for (const period of ['hour', 'day', 'total'] as const) {
          await ledger.budgets.set(budget({ scope, id: '*', period, limit: '2' }))
        }
      }
      const deadlocks = async (): Promise<unknown> => {
        const [row] = await server.ask(
          `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`,
        )
        return row?.['deadlocks']
      }
      const before = await deadlocks()
      const said = await spendIn(schema, 4, 200, 'many')
      expect(said.map(({ held, gaveUp }) => held + gaveUp)).toEqual([200, 200, 200, 200])
      expect(await deadlocks()).toBe(before)
      expect(await ledger.budgets.verify()).toMatchObject({ windows: 60, openHolds: 0, discrepancies: [] })
      await ledger.close()
    },
    TIMEOUT_MS,
  )

  test('make one schema when they come at once', async () => {
    const ledgers = await Promise.all(
      Array.from({ length: 6 }, () => server.open({ schema: 'groat_at_once' })),
    )
    for (const ledger of ledgers) await ledger.close()
    const rows = await server.ask(`SELECT value FROM groat_at_once.meta WHERE key = 'schema_version'`)
    expect(rows).toEqual([{ value: '2' }])
  })

  test('bring a schema of version 1 up to date, with the holds that are open in it', async () => {
    const old = await server.open({ schema: 'groat_version_1' })
    await old.budgets.set(budget({ limit: '1' }))
    await hold(old, 'a', '0.9')
    await old.close()
    await server.ask('ALTER TABLE groat_version_1.hold DROP COLUMN told')
    await server.ask(`UPDATE groat_version_1.meta SET value = '1' WHERE key = 'schema_version'`)
    const ledger = await server.open({ schema: 'groat_version_1' })
    expect((await settle(ledger, 'a', '0.9')).windows[0]?.crossed).toEqual([0.8])
    expect((await settle(ledger, 'a', '0.9')).windows[0]?.crossed).toEqual([0.8])
    expect(await ledger.budgets.verify()).toMatchObject({ holds: 1, openHolds: 0, discrepancies: [] })
    await ledger.close()
  })
})
