import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isAIError } from '../../../src/core/errors.ts'
import type { BudgetLedger } from '../../../src/ledger/budget-store.ts'
import { parseUsd } from '../../../src/money/amount.ts'
import { budget, holdOf } from '../budget-case.ts'
import { entry, exact } from '../entries.ts'
import { isAvailable, START_MS, startServer, type Server } from './server.ts'

/** How long connections and the server are killed, in milliseconds. */
const CRASHING_MS = Number(process.env['GROAT_TEST_CRASH_MS'] ?? 6_000)
const TIMEOUT_MS = CRASHING_MS * 3 + 90_000
const CLIENTS = 16
const TERMINATE_MS = 150
/** The server itself is killed after so many terminations. */
const KILL_EVERY = 8
const LIMIT = parseUsd('0.02')
const OWN = { own: true, durable: true } as const

describe.skipIf(!isAvailable(OWN))('PostgreSQL that crashes', () => {
  let server: Server

  beforeAll(async () => {
    server = await startServer(OWN)
  }, START_MS)

  afterAll(() => server.stop())

  test(
    'loses no hold and no settlement that was acknowledged, and lets nobody overspend',
    async () => {
      const schema = 'groat_crash'
      const ledgers = [await server.open({ schema }), await server.open({ schema })]
      const [ledger] = ledgers as [BudgetLedger, BudgetLedger]
      await ledger.budgets.set(budget({ period: 'total', limit: LIMIT }))
      await ledger.budgets.set(budget({ scope: 'organization', id: '*', period: 'day', limit: null }))
      const held = new Set<string>()
      const settled = new Set<string>()
      const done = { refused: 0, failed: 0, rounds: 0, terminations: 0 }
      const deadline = performance.now() + CRASHING_MS
      const isTime = (): boolean => performance.now() < deadline

      const client = async (number: number): Promise<void> => {
        const { budgets } = ledgers[number % 2] ?? ledger
        for (let call = 0; isTime(); call++) {
          const id = `${number}-${call}`
          try {
            const attribution = { user: 'ada', organization: `o${call % 3}` }
            const reserved = await budgets.reserve(holdOf(id, '0.0005', { attribution }))
            if (reserved.status !== 'held') {
              done.refused++
              continue
            }
            held.add(id)
            const cost = call % 2 === 0 ? '0.0001' : '0.0002'
            await budgets.settle(id, entry({ id, attemptId: id, callId: id, cost: exact(cost) }))
            settled.add(id)
          } catch (error) {
            if (!isAIError(error) || error.code !== 'store_failed') throw error
            done.failed++
          }
        }
      }
      const crash = async (): Promise<void> => {
        while (isTime()) {
          await new Promise((resolve) => setTimeout(resolve, TERMINATE_MS))
          const killed = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'groat'`
          done.terminations += (await server.ask(killed)).length
          if (++done.rounds % KILL_EVERY !== 0) continue
          await server.kill()
          await server.start()
        }
      }
      await Promise.all([...Array.from({ length: CLIENTS }, (_, number) => client(number)), crash()])

      const rows = await server.ask(`SELECT h.id, h.state, e.id AS entry FROM ${schema}.hold AS h
        LEFT JOIN ${schema}.entry AS e ON e.id = h.id`)
      const found = new Map(rows.map((row) => [row['id'] as string, row]))
      expect([...held].filter((id) => !found.has(id))).toEqual([])
      expect([...settled].filter((id) => found.get(id)?.['state'] !== 'settled')).toEqual([])
      expect([...settled].filter((id) => found.get(id)?.['entry'] !== id)).toEqual([])
      const proof = await ledger.budgets.verify()
      expect(proof.discrepancies).toEqual([])
      const [window] = await ledger.budgets.windows({ user: 'ada' })
      expect((window?.settled ?? 0n) + (window?.reserved ?? 0n)).toBeLessThanOrEqual(LIMIT.picos)
      expect(window?.excess).toBe(0n)
      // The control: things were killed, and things were done.
      expect(done.terminations).toBeGreaterThan(3)
      expect(settled.size).toBeGreaterThan(50)
      if (process.env['GROAT_TEST_CRASH_MS'] !== undefined) {
        process.stdout.write(
          `${JSON.stringify({ ...done, held: held.size, settled: settled.size, ...proof })}\n`,
        )
      }
      for (const one of ledgers) await one.close()
    },
    TIMEOUT_MS,
  )
})
