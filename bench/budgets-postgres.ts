/**
 * What a reservation and its settlement cost in PostgreSQL where all calls meet in one row: the ledger, beside the same
 * function called by hand with groups of the same size, plain statements grouped by hand, and one transaction for each
 * operation. All take turns in one run on one server: DATABASE_URL, or one of its own that flushes to the disk.
 * Run: node bench/budgets-postgres.ts
 */
import pg from 'pg'
import type { BudgetLedger, HoldRequest } from '../src/ledger/budget-store.ts'
import { keepEntry } from '../src/ledger/entry.ts'
import type { LedgerEntry } from '../src/ledger/ledger.ts'
import { inSchema } from '../src/ledger/postgres/connection.ts'
import { COLUMNS, encodeEntry } from '../src/ledger/postgres/rows.ts'
import { parseUsd } from '../src/money/amount.ts'
import { ZERO } from '../src/money/picos.ts'
import { systemRuntime } from '../src/runtime.ts'
import { startServer } from '../test/ledger/postgres/server.ts'

const ROUNDS = Number(process.argv[2] ?? 5)
const SIZES = [32, 200] as const
/** Calls of one round, by size; plain ways get a part of them. */
const CALLS: Readonly<Record<number, number>> = { 32: 1_600, 200: 4_000 }
const PLAIN_PART = 0.125
const SCHEMA = 'groat_bench'
const HOLD = parseUsd('0.01').picos
const COST = parseUsd('0.009255')
/** Least share of the speed by hand that is aimed at. */
const AIM = 0.7

interface Call {
  readonly hold: HoldRequest
  readonly entry: LedgerEntry
}

function makeCall(): Call {
  const id = systemRuntime.id()
  const attribution = { organization: 'acme', user: `user-${Math.floor(Math.random() * 1_000)}` }
  const base = { provider: 'openai', model: 'gpt-6-luna' }
  const line = {
    kind: 'output',
    quantity: 1_234,
    unit: 'token',
    unitPrice: '0.0000075',
    amount: COST,
  } as const
  return {
    hold: {
      ...base,
      id,
      callId: id,
      fingerprint: 'openai/gpt-6-luna',
      amount: HOLD,
      callSpent: ZERO,
      ttlMs: 600_000,
      mode: 'enforce',
      attribution,
    },
    entry: {
      ...base,
      id,
      kind: 'attempt',
      callId: id,
      attemptId: id,
      at: Date.now(),
      requestedModel: 'gpt-6-luna',
      user: attribution.user,
      project: undefined,
      organization: 'acme',
      key: undefined,
      tags: [],
      usage: {
        inputTokens: 2_468,
        cacheReadTokens: undefined,
        cacheWriteTokens: undefined,
        outputTokens: 1_234,
        reasoningTokens: 100,
        raw: { input_tokens: 2_468, output_tokens: 1_234 },
      },
      cost: { status: 'exact', source: 'price-list', priceList: 'a'.repeat(64), amount: COST, lines: [line] },
      serviceTier: undefined,
      savings: undefined,
      outcome: 'ok',
      error: undefined,
      durationMs: 812.5,
    },
  }
}

function reserveOperation({ hold }: Call): object {
  const { user, organization } = hold.attribution
  return {
    kind: 'reserve',
    id: hold.id,
    call_id: hold.callId,
    fingerprint: hold.fingerprint,
    amount: hold.amount.toString(),
    call_spent: '0',
    ttl_ms: hold.ttlMs,
    enforce: true,
    user_id: user,
    organization_id: organization,
    tags: [],
    provider: hold.provider,
    model: hold.model,
  }
}

function settleOperation({ entry }: Call): object {
  return { kind: 'settle', id: entry.attemptId, entry: encodeEntry(keepEntry(entry)) }
}

const sql = (text: string): string => inSchema(text, SCHEMA)

/** Calls per second. */
async function measure(calls: number, work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return calls / ((performance.now() - started) / 1_000)
}

async function inFlight(
  calls: readonly Call[],
  size: number,
  one: (call: Call) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let call = calls[next++]; call !== undefined; call = calls[next++]) await one(call)
  }
  await Promise.all(Array.from({ length: size }, worker))
}

function throughLedger({ budgets }: BudgetLedger, calls: readonly Call[], size: number): Promise<number> {
  return measure(calls.length, () =>
    inFlight(calls, size, async (call) => {
      const { status } = await budgets.reserve(call.hold)
      if (status !== 'held') throw new Error(status)
      await budgets.settle(call.entry.attemptId, call.entry)
    }),
  )
}

const WORK = sql('SELECT groat.work($1::jsonb, $2::int) AS answer')

async function work(client: pg.Pool | pg.Client, operations: readonly object[]): Promise<void> {
  const json = JSON.stringify(operations.map((operation, n) => ({ n, ...operation })))
  const { rows } = await client.query<{ answer: { answers: unknown[] } }>(WORK, [json, 500])
  if (rows[0]?.answer.answers.length !== operations.length) throw new Error('not all were answered')
}

function byHand(client: pg.Client, calls: readonly Call[], size: number): Promise<number> {
  return measure(calls.length, async () => {
    for (let index = 0; index < calls.length; index += size) {
      const group = calls.slice(index, index + size)
      await work(client, group.map(reserveOperation))
      await work(client, group.map(settleOperation))
    }
  })
}

function oneByOne(pool: pg.Pool, calls: readonly Call[], size: number): Promise<number> {
  return measure(calls.length, () =>
    inFlight(calls, size, async (call) => {
      await work(pool, [reserveOperation(call)])
      await work(pool, [settleOperation(call)])
    }),
  )
}

const RESERVE = sql(`UPDATE groat.budget_window SET reserved_picos = reserved_picos + $2
  WHERE id = $1 AND settled_picos + reserved_picos + $2 <= limit_picos`)
const HOLD_ROW =
  sql(`INSERT INTO groat.hold (id, call_id, fingerprint, state, amount_picos, windows, provider, model,
  tags, created_at, expires_at) VALUES ($1, $1, 'f', 'open', $2, ARRAY[$3::bigint], 'openai', 'gpt-6-luna', '{}', $4, $5)`)
const CLOSE = sql(
  `UPDATE groat.hold SET state = 'settled', actual_picos = $2, closed_at = $3 WHERE id = $1 AND state = 'open'`,
)
const SETTLE =
  sql(`UPDATE groat.budget_window SET reserved_picos = reserved_picos - $2, settled_picos = settled_picos + $3
  WHERE id = $1`)
const ENTRY = sql(`INSERT INTO groat.entry (${COLUMNS.join(', ')})
  SELECT ${COLUMNS.join(', ')} FROM jsonb_populate_record(NULL::groat.entry, $1::jsonb) ON CONFLICT (id) DO NOTHING`)

function plainStatements(
  client: pg.Client,
  window: string,
  calls: readonly Call[],
  size: number,
): Promise<number> {
  const query = (name: string, text: string, values: readonly unknown[]): Promise<pg.QueryResult> =>
    client.query({ name, text, values: [...values] })
  return measure(calls.length, async () => {
    for (let index = 0; index < calls.length; index += size) {
      const group = calls.slice(index, index + size)
      await client.query('BEGIN')
      for (const { hold } of group) {
        await query('reserve', RESERVE, [window, HOLD])
        await query('hold', HOLD_ROW, [hold.id, HOLD, window, Date.now(), Date.now() + hold.ttlMs])
      }
      await client.query('COMMIT')
      await client.query('BEGIN')
      for (const { entry } of group) {
        await query('close', CLOSE, [entry.id, COST.picos, Date.now()])
        await query('settle', SETTLE, [window, HOLD, COST.picos])
        await query('entry', ENTRY, [JSON.stringify(encodeEntry(keepEntry(entry)))])
      }
      await client.query('COMMIT')
    }
  })
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

const made = (count: number): Call[] => Array.from({ length: count }, makeCall)

const server = await startServer({ durable: true })
try {
  const ledger = await server.open({ schema: SCHEMA })
  await ledger.budgets.set({
    scope: 'organization',
    id: 'acme',
    period: 'total',
    limit: parseUsd('9000000'),
    timeZone: 'UTC',
    unpriced: 'deny',
    mode: 'enforce',
    thresholds: [0.8, 0.95],
    onLimit: 'reject',
  })
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  const pool = new pg.Pool({ connectionString: server.url, max: 32 })
  await throughLedger(ledger, made(200), 32)
  const window = String((await client.query(sql('SELECT id FROM groat.budget_window'))).rows[0]?.id)
  for (const size of SIZES) {
    const figures = {
      ledger: [] as number[],
      hand: [] as number[],
      plain: [] as number[],
      single: [] as number[],
    }
    for (let round = -1; round < ROUNDS; round++) {
      const count = CALLS[size] ?? 1_000
      const few = Math.max(size, Math.floor(count * PLAIN_PART))
      const results = {
        hand: await byHand(client, made(count), size),
        ledger: await throughLedger(ledger, made(count), size),
        plain: await plainStatements(client, window, made(few), size),
        single: await oneByOne(pool, made(few), size),
      }
      // The first round warms up.
      if (round < 0) continue
      for (const name of ['ledger', 'hand', 'plain', 'single'] as const) figures[name].push(results[name])
    }
    const hand = median(figures.hand)
    const report = (what: string, values: readonly number[]): void =>
      console.log(
        `${what.padEnd(56)} ${median(values).toFixed(0).padStart(6)} calls/s  × ${(median(values) / hand).toFixed(2)}`,
      )
    report(`PostgreSQL ledger, one hot row, ${size} in flight`, figures.ledger)
    report(`the same function by hand, ${size} in a transaction`, figures.hand)
    report(`plain statements by hand, ${size} in a transaction`, figures.plain)
    report(`one transaction each, 32 connections, ${size} in flight`, figures.single)
    const reached = median(figures.ledger) / hand >= AIM
    console.log(`aim: at least × ${AIM} of by hand: ${reached ? 'reached' : 'not reached'}`)
  }
  const { discrepancies } = await ledger.budgets.verify()
  console.log(`books: ${discrepancies.length === 0 ? 'clean' : JSON.stringify(discrepancies)}`)
  await pool.end()
  await client.end()
  await ledger.close()
} finally {
  await server.stop()
}
