/**
 * What budgets cost: a hold reserved and settled, per second, on one budget that every call needs; beside the same
 * statements grouped by hand in transactions of the same size, on the same disk in the same run. SQLite flushes on every
 * commit (synchronous FULL). Run: node bench/budgets.ts [folder]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { checkBudget } from '../src/budget/check-budget.ts'
import type { BudgetLedger, HoldRequest } from '../src/ledger/budget-store.ts'
import { keepEntry } from '../src/ledger/entry.ts'
import type { LedgerEntry } from '../src/ledger/ledger.ts'
import { createMemoryLedger } from '../src/ledger/memory/index.ts'
import { openSqliteLedger } from '../src/ledger/sqlite/index.ts'
import { encodeEntry, INSERT_ENTRY } from '../src/ledger/sqlite/rows.ts'
import { parseUsd } from '../src/money/amount.ts'
import { ZERO } from '../src/money/picos.ts'
import { systemRuntime } from '../src/runtime.ts'

/** Slices of one measurement; all have their turn in each, so that neighbours on the machine hit all alike. */
const SLICES = 15
/** The first of them warm up, and are not counted. */
const SLICES_WARM = 3
const IN_FLIGHT = [32, 256] as const
/** Calls of one slice: a fraction of a second. */
const CALLS = 2_048
/** What is aimed at: so much of the speed by hand. */
const AIM = 0.7

const BUDGET = checkBudget(
  { scope: 'organization', id: 'acme', period: 'total', limit: '9000000' },
  'config_invalid',
)
const HELD = parseUsd('0.02').picos
const COST = parseUsd('0.009255')

interface Attempt {
  readonly hold: HoldRequest
  readonly entry: LedgerEntry
}

/** A stand-in for a call's attempt: what is held for it, and the entry with which it ends. */
export function attempts(count: number): Attempt[] {
  return Array.from({ length: count }, () => {
    const callId = systemRuntime.id()
    const id = `${callId}/1`
    const attribution = { user: `user-${Math.floor(Math.random() * 1_000)}`, organization: 'acme' }
    const hold: HoldRequest = {
      id,
      callId,
      fingerprint: 'openai/gpt-6-luna',
      amount: HELD,
      callSpent: ZERO,
      ttlMs: 60_000,
      mode: 'enforce',
      attribution,
      provider: 'openai',
      model: 'gpt-6-luna',
    }
    const entry: LedgerEntry = {
      id,
      kind: 'attempt',
      callId,
      attemptId: id,
      at: Date.now(),
      provider: 'openai',
      model: 'gpt-6-luna-2026-08-01',
      requestedModel: 'gpt-6-luna',
      ...attribution,
      project: undefined,
      key: undefined,
      tags: [],
      usage: {
        inputTokens: 2_468,
        cacheReadTokens: 1_234,
        cacheWriteTokens: undefined,
        outputTokens: 1_234,
        reasoningTokens: 100,
        raw: { input_tokens: 2_468, output_tokens: 1_234, input_tokens_details: { cached_tokens: 1_234 } },
      },
      cost: {
        status: 'exact',
        source: 'price-list',
        priceList: 'a'.repeat(64),
        amount: COST,
        lines: [{ kind: 'input', quantity: 1_234, unit: 'token', unitPrice: '0.0000075', amount: COST }],
      },
      serviceTier: 'default',
      savings: undefined,
      outcome: 'ok',
      error: undefined,
      durationMs: 812.5,
    }
    return { hold, entry }
  })
}

async function perSecond(count: number, work: () => Promise<void> | void): Promise<number> {
  const started = performance.now()
  await work()
  return count / ((performance.now() - started) / 1_000)
}

/** Keeps `inFlight` calls going: each worker settles its hold when it is durable, and then reserves the next. */
export function throughStore(
  ledger: BudgetLedger,
  all: readonly Attempt[],
  inFlight: number,
): Promise<number> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let one = all[next++]; one !== undefined; one = all[next++]) {
      const reserved = await ledger.budgets.reserve(one.hold)
      if (reserved.status !== 'held') throw new Error(`A hold was ${reserved.status}`)
      await ledger.budgets.settle(one.hold.id, one.entry)
    }
  }
  return perSecond(all.length, async () => {
    await Promise.all(Array.from({ length: inFlight }, worker))
  })
}

const BALANCE = 'SELECT id, fingerprint, state, amount_picos, windows FROM hold WHERE id = ?'

/** The statements of a reserve and a settle that do the work, without any of the rules around them. */
class ByHand {
  readonly #statements = new Map<string, StatementSync>()
  readonly #database: DatabaseSync

  constructor(path: string) {
    this.#database = new DatabaseSync(path)
    this.#database.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  }

  #run(sql: string, ...values: readonly SQLInputValue[]): void {
    this.#prepared(sql).run(...values)
  }

  #get(sql: string, ...values: readonly SQLInputValue[]): Record<string, unknown> | undefined {
    return this.#prepared(sql).get(...values)
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      statement.setReadBigInts(true)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  reserve({ hold }: Attempt): void {
    const { id, callId, fingerprint, amount, provider, model, attribution } = hold
    this.#get(BALANCE, id)
    this.#get(
      'SELECT * FROM budget_window WHERE budget_id = ? AND counted_id = ? ORDER BY starts_at DESC LIMIT 1',
      1,
      'acme',
    )
    this.#run(
      `INSERT INTO hold (id, call_id, fingerprint, state, amount_picos, provider, model, attribution, windows,
        created_at, expires_at) VALUES (?, ?, ?, 'open', ?, ?, ?, ?, '[1]', ?, ?)`,
      id,
      callId,
      fingerprint,
      amount,
      provider,
      model,
      JSON.stringify(attribution),
      Date.now(),
      Date.now() + 60_000,
    )
    this.#run(
      `UPDATE budget_window SET reserved_picos = reserved_picos + ?1
        WHERE id = 1 AND settled_picos + reserved_picos + ?1 <= limit_picos`,
      amount,
    )
  }

  settle({ hold, entry }: Attempt): void {
    this.#get(BALANCE, hold.id)
    this.#run(INSERT_ENTRY, ...encodeEntry(keepEntry(entry)))
    this.#run(
      `UPDATE hold SET state = 'settled', actual_picos = ?, closed_at = ? WHERE id = ? AND state = 'open'`,
      COST.picos,
      Date.now(),
      hold.id,
    )
    this.#get('SELECT * FROM budget_window WHERE id = ?', 1)
    this.#run(
      `UPDATE budget_window SET reserved_picos = reserved_picos - ?, settled_picos = settled_picos + ? WHERE id = 1`,
      hold.amount,
      COST.picos,
    )
  }

  measure(all: readonly Attempt[], size: number): Promise<number> {
    const [begin, commit] = [this.#database.prepare('BEGIN IMMEDIATE'), this.#database.prepare('COMMIT')]
    return perSecond(all.length, () => {
      for (let index = 0; index < all.length; index += size) {
        const group = all.slice(index, index + size)
        begin.run()
        for (const one of group) this.reserve(one)
        commit.run()
        begin.run()
        for (const one of group) this.settle(one)
        commit.run()
      }
    })
  }

  close(): void {
    this.#database.close()
  }
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

/** Calls per second of each slice, by what did them. */
type Speeds = Record<string, number[]>

function report(speeds: Speeds): void {
  const base = speeds['by hand'] ?? []
  for (const [name, slices] of Object.entries(speeds)) {
    const ratio = median(slices.map((speed, slice) => speed / (base[slice] ?? Number.NaN)))
    const told = slices === base ? '' : ` × ${ratio.toFixed(2)} of by hand (aim ${AIM})`
    console.log(`  ${name.padEnd(10)} ${median(slices).toFixed(0).padStart(7)}/s${told}`)
  }
}

async function measure(
  does: Readonly<Record<string, (all: readonly Attempt[]) => Promise<number>>>,
): Promise<Speeds> {
  const speeds: Speeds = {}
  const names = Object.keys(does)
  for (let slice = -SLICES_WARM; slice < SLICES; slice++) {
    for (const name of slice % 2 === 0 ? names : names.toReversed()) {
      const speed = await does[name]?.(attempts(CALLS))
      if (slice >= 0 && speed !== undefined) (speeds[name] ??= []).push(speed)
    }
  }
  return Object.fromEntries(names.map((name) => [name, speeds[name] ?? []]))
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'groat-bench-'))
  try {
    const handPath = join(folder, 'hand.db')
    const made = await openSqliteLedger({ path: handPath })
    await made.budgets.set(BUDGET)
    await throughStore(made, attempts(1), 1)
    await made.close()
    const hand = new ByHand(handPath)
    const sqlite = await openSqliteLedger({ path: join(folder, 'ledger.db') })
    const memory = createMemoryLedger()
    for (const ledger of [sqlite, memory]) await ledger.budgets.set(BUDGET)
    for (const inFlight of IN_FLIGHT) {
      console.log(`Holds reserved and settled per second, ${inFlight} in flight (in a transaction by hand):`)
      report(
        await measure({
          'by hand': (all) => hand.measure(all, inFlight),
          SQLite: (all) => throughStore(sqlite, all, inFlight),
          memory: (all) => throughStore(memory, all, inFlight),
        }),
      )
    }
    const proof = await sqlite.budgets.verify()
    if (proof.discrepancies.length > 0 || proof.openHolds > 0) throw new Error('The books do not add up')
    hand.close()
    await sqlite.close()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) await main()
