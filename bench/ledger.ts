/**
 * What an append costs: the SQLite ledger (synchronous FULL) beside the same prepared statement grouped by hand in
 * transactions of the same size, in the same run, and the memory ledger. Run: node bench/ledger.ts [folder]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { keepEntry } from '../src/ledger/entry.ts'
import type { Ledger, LedgerEntry } from '../src/ledger/ledger.ts'
import { createMemoryLedger } from '../src/ledger/memory/index.ts'
import { openSqliteLedger } from '../src/ledger/sqlite/index.ts'
import { encodeEntry, INSERT_ENTRY } from '../src/ledger/sqlite/rows.ts'
import { parseUsd } from '../src/money/amount.ts'
import { systemRuntime } from '../src/runtime.ts'

const ROUNDS = 5
const GROUPS = [1, 32, 256] as const
/** Appends of one round, by group size: about a second each. */
const APPENDS: Readonly<Record<number, number>> = { 1: 1_000, 32: 8_192, 256: 16_384 }

const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'groat-bench-'))

interface Figure {
  readonly perSecond: number
  readonly cpuMicros: number
}

function entry(): LedgerEntry {
  const id = systemRuntime.id()
  const lines = (['input', 'cache-read', 'output'] as const).map((kind) => ({
    kind,
    quantity: 1_234,
    unit: 'token' as const,
    unitPrice: '0.0000025',
    amount: parseUsd('0.003085'),
  }))
  return {
    id: `${id}/1`,
    kind: 'attempt',
    callId: id,
    attemptId: `${id}/1`,
    at: Date.now(),
    provider: 'openai',
    model: 'gpt-6-luna-2026-08-01',
    requestedModel: 'gpt-6-luna',
    user: `user-${Math.floor(Math.random() * 1_000)}`,
    project: 'project-1',
    organization: undefined,
    key: undefined,
    tags: ['bench'],
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
      amount: parseUsd('0.009255'),
      lines,
    },
    serviceTier: 'default',
    savings: undefined,
    outcome: 'ok',
    error: undefined,
    durationMs: 812.5,
  }
}

async function measure(count: number, work: () => Promise<void> | void): Promise<Figure> {
  const started = performance.now()
  const cpu = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: count / ((performance.now() - started) / 1_000), cpuMicros: (user + system) / count }
}

/** Keeps `inFlight` appends going: each worker appends the next entry when its last is durable. */
function throughLedger(ledger: Ledger, entries: readonly LedgerEntry[], inFlight: number): Promise<Figure> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let one = entries[next++]; one !== undefined; one = entries[next++]) await ledger.append(one)
  }
  return measure(entries.length, async () => {
    await Promise.all(Array.from({ length: inFlight }, worker))
  })
}

function byHand(database: DatabaseSync, entries: readonly LedgerEntry[], size: number): Promise<Figure> {
  const insert = database.prepare(INSERT_ENTRY)
  const [begin, commit] = [database.prepare('BEGIN IMMEDIATE'), database.prepare('COMMIT')]
  const rows = entries.map((one) => encodeEntry(keepEntry(one)))
  return measure(entries.length, () => {
    for (let index = 0; index < rows.length; index += size) {
      begin.run()
      for (const row of rows.slice(index, index + size)) insert.run(...row)
      commit.run()
    }
  })
}

function median(figures: readonly Figure[], of: keyof Figure): number {
  const values = figures.map((figure) => figure[of]).toSorted((a, b) => a - b)
  return values[Math.floor(values.length / 2)] ?? Number.NaN
}

function report(name: string, figures: readonly Figure[], base: readonly Figure[] = figures): void {
  const [speed, cpu] = [median(figures, 'perSecond'), median(figures, 'cpuMicros')]
  console.log(
    `${name.padEnd(34)} ${speed.toFixed(0).padStart(8)}/s ${cpu.toFixed(1).padStart(7)} µs CPU   ` +
      `speed × ${(speed / median(base, 'perSecond')).toFixed(2)}  CPU × ${(cpu / median(base, 'cpuMicros')).toFixed(2)}`,
  )
}

const made = (count: number): LedgerEntry[] => Array.from({ length: count }, entry)

try {
  const handPath = join(folder, 'hand.db')
  await (await openSqliteLedger({ path: handPath })).close()
  const hand = new DatabaseSync(handPath)
  hand.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON')
  const ledger = await openSqliteLedger({ path: join(folder, 'ledger.db') })
  const memory = createMemoryLedger()
  for (const size of GROUPS) {
    const figures: Record<'hand' | 'ledger' | 'memory', Figure[]> = { hand: [], ledger: [], memory: [] }
    for (let round = 0; round < ROUNDS; round++) {
      const count = APPENDS[size] ?? 1_000
      figures.hand.push(await byHand(hand, made(count), size))
      figures.ledger.push(await throughLedger(ledger, made(count), size))
      figures.memory.push(await throughLedger(memory, made(16_384), size))
    }
    report(`by hand, ${size} in a transaction`, figures.hand)
    report(`SQLite ledger, ${size} in flight`, figures.ledger, figures.hand)
    report(`memory ledger, ${size} in flight`, figures.memory, figures.hand)
  }
  hand.close()
  await ledger.close()
} finally {
  rmSync(folder, { recursive: true, force: true })
}
