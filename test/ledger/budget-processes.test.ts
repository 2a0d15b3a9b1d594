import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { BudgetLedger } from '../../src/ledger/budget-store.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { systemClock, systemRuntime } from '../../src/runtime.ts'
import { budget, dollars } from './budget-case.ts'
import { attemptsIn } from './entries.ts'

const WORKER = join(import.meta.dirname, 'budget-worker.ts')
const PROCESSES = 4
/** Most that one call of a worker costs. */
const HOLD = dollars('0.004')
/** How long workers are killed for, in seconds: 30 show more, and take long for each run of the suite. */
const KILLING_S = Number(process.env['GROAT_TEST_CRASH_SECONDS'] ?? 6)
/** Longest time that a worker has from its beginning to its end, in milliseconds. */
const KILL_MS_MAX = 800
/** Fewest settlements that the test is content with, and how long it waits for them, in milliseconds. */
const SETTLEMENTS_MIN = 200
const WAIT_MS_MAX = 60_000
/** For a machine that is busy with other things, in milliseconds. */
const TIMEOUT_MS = 120_000 + KILLING_S * 1_000

let folder = ''
let path = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'groat-processes-'))
  path = join(folder, 'groat.db')
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** What a worker said, in full lines: what stands after the last line end was cut by its end. */
interface Said {
  /** What the stand-in billed, by attempt. */
  readonly sent: Map<string, bigint>
  readonly settled: string[]
}

interface Worker {
  readonly child: ChildProcess
  /** Resolves when it is ready to begin. */
  readonly ready: Promise<unknown>
  readonly begin: () => void
  readonly said: Promise<Said>
}

function startWorker(prefix: string, ttlMs: number, callers: number): Worker {
  const child = spawn(process.execPath, [WORKER, path, prefix, String(ttlMs), String(callers)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
  })
  const said = once(child, 'close').then(() => {
    const words = text
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(' '))
    return {
      sent: new Map(
        words.filter(([what]) => what === 'sent').map(([, id = '', cost = '0']) => [id, BigInt(cost)]),
      ),
      settled: words.filter(([what]) => what === 'settled').map(([, id = '']) => id),
    }
  })
  const ready = Promise.race([once(child.stdout, 'data'), once(child, 'close')])
  return { child, ready, begin: () => child.stdin.write('go\n'), said }
}

async function prepare(limit: string): Promise<void> {
  const ledger = await openSqliteLedger({ path })
  await ledger.budgets.set(budget({ period: 'total', limit }))
  await ledger.close()
}

function total(saids: readonly Said[]): bigint {
  return saids.flatMap(({ sent }) => [...sent.values()]).reduce((sum, cost) => sum + cost, 0n)
}

test(
  'four processes with 250 calls at once each fill one budget to within one call, and never above it',
  async () => {
    await prepare('8')
    const workers = Array.from({ length: PROCESSES }, (_, index) => startWorker(`p${index}`, 600_000, 250))
    await Promise.all(workers.map(({ ready }) => ready))
    for (const { begin } of workers) begin()
    const saids = await Promise.all(workers.map(({ said }) => said))
    expect(workers.map(({ child }) => child.exitCode)).toEqual([0, 0, 0, 0])
    const ledger = await openSqliteLedger({ path })
    const [window] = await ledger.budgets.windows()
    const spent = window?.settled ?? 0n
    expect(spent).toBe(total(saids))
    expect(spent).toBeLessThanOrEqual(dollars('8'))
    expect(spent).toBeGreaterThan(dollars('8') - HOLD)
    expect(window).toMatchObject({ reserved: 0n, excess: 0n })
    const proof = await ledger.budgets.verify()
    expect(proof).toMatchObject({ openHolds: 0, discrepancies: [] })
    expect((await ledger.totals())[0]?.cost.picos).toBe(spent)
    const kept = await attemptsIn(ledger)
    expect(kept.toSorted()).toEqual(saids.flatMap(({ settled }) => settled).toSorted())
    // More than one had a part in it; which get how much is SQLite's to say, and it is not fair.
    expect(saids.filter(({ settled }) => settled.length > 0).length).toBeGreaterThan(1)
    await ledger.close()
  },
  TIMEOUT_MS,
)

/** Opens the ledger a day later, so that all holds of killed processes are over. */
async function openLater(): Promise<BudgetLedger> {
  const clock = { ...systemClock, now: () => Date.now() + 86_400_000 }
  return openSqliteLedger({ path }, { ...systemRuntime, clock })
}

test(
  `keeps the books right while workers are killed at random for ${KILLING_S} s (GROAT_TEST_CRASH_SECONDS)`,
  async () => {
    const limit = `${20 * KILLING_S}`
    await prepare(limit)
    const saids: Said[] = []
    const began = performance.now()
    let [kills, settlements] = [0, 0]
    /** On a busy machine workers may be killed before they come to anything. */
    const isTime = (): boolean => {
      const ms = performance.now() - began
      return ms < KILLING_S * 1_000 || (settlements < SETTLEMENTS_MIN && ms < WAIT_MS_MAX)
    }
    const keepOneGoing = async (index: number): Promise<void> => {
      for (let round = 0; isTime(); round++) {
        const { child, ready, begin, said } = startWorker(`w${index}.${round}`, 300, 32)
        await ready
        begin()
        const cancel = systemClock.after(Math.random() * KILL_MS_MAX, () => child.kill('SIGKILL'))
        const heard = await said
        saids.push(heard)
        settlements += heard.settled.length
        cancel()
        if (child.signalCode === 'SIGKILL') kills++
      }
    }
    await Promise.all(Array.from({ length: PROCESSES }, (_, index) => keepOneGoing(index)))
    expect(kills).toBeGreaterThanOrEqual(PROCESSES)

    const database = new DatabaseSync(path)
    expect(database.prepare('PRAGMA integrity_check').get()).toMatchObject({ integrity_check: 'ok' })
    database.close()
    const online = await openSqliteLedger({ path })
    expect(await online.budgets.verify()).toMatchObject({ discrepancies: [] })
    await online.close()

    expect(settlements).toBeGreaterThanOrEqual(SETTLEMENTS_MIN)
    const ledger = await openLater()
    const proof = await ledger.budgets.verify()
    expect(proof).toMatchObject({ openHolds: 0, discrepancies: [] })
    const kept = new Set(await attemptsIn(ledger))
    expect(saids.flatMap(({ settled }) => settled).filter((id) => !kept.has(id))).toEqual([])
    const [window] = await ledger.budgets.windows()
    const counted = window?.settled ?? 0n
    // What the stand-in billed is all there, also that of attempts of which nobody heard again.
    expect(total(saids)).toBeLessThanOrEqual(counted)
    expect(total(saids)).toBeGreaterThan(0n)
    expect(counted).toBeLessThanOrEqual(dollars(limit))
    expect(window).toMatchObject({ reserved: 0n, excess: 0n })
    expect((await ledger.totals())[0]?.cost.picos).toBe(counted)
    await ledger.close()
  },
  TIMEOUT_MS,
)
