import type { Cost, CostLine } from '../../src/core/cost.ts'
import { UNKNOWN_USAGE, type Usage } from '../../src/core/usage.ts'
import type { Ledger, LedgerEntry, LedgerFilter } from '../../src/ledger/ledger.ts'
import { Amount, parseUsd, ZERO_AMOUNT } from '../../src/money/amount.ts'

/** 2026-11-22T12:00:00Z */
export const NOON = Date.UTC(2026, 10, 22, 12)
export const DAY = 86_400_000

/** The most picos that a signed 64-bit integer holds: 9.22 million dollars. */
export const INT64_MAX: bigint = 2n ** 63n - 1n

let made = 0

/** An entry with ids of its own and everything else the same, unless told otherwise; its id is that of the attempt. */
export function entry(more: Partial<LedgerEntry> = {}): LedgerEntry {
  const number = ++made
  const attemptId = more.attemptId ?? `call-${number}/1`
  return {
    id: attemptId,
    kind: 'attempt',
    callId: `call-${number}`,
    attemptId,
    at: NOON,
    provider: 'openai',
    model: 'gpt-6-luna-2026-08-01',
    requestedModel: 'gpt-6-luna',
    user: undefined,
    project: undefined,
    organization: undefined,
    key: undefined,
    tags: [],
    usage: usage(10, 5),
    cost: exact('0.0105'),
    serviceTier: undefined,
    savings: undefined,
    outcome: 'ok',
    error: undefined,
    durationMs: 12.625,
    ...more,
  }
}

export function usage(inputTokens: number | undefined, outputTokens: number | undefined): Usage {
  return { ...UNKNOWN_USAGE, inputTokens, outputTokens }
}

export function line(amount: Amount): CostLine {
  return { kind: 'input', quantity: 10, unit: 'token', unitPrice: '0.00105', amount }
}

export function exact(dollars: string): Cost {
  const amount = parseUsd(dollars)
  return { status: 'exact', source: 'price-list', priceList: 'f'.repeat(64), amount, lines: [line(amount)] }
}

export function exactPicos(picos: bigint): Cost {
  return { status: 'exact', source: 'provider', priceList: 'list', amount: new Amount(picos), lines: [] }
}

export const FREE: Cost = { status: 'free', source: 'local', amount: ZERO_AMOUNT, lines: [] }
export const UNKNOWN: Cost = { status: 'unknown', amount: undefined, reason: 'no price', lines: [] }

export async function collect(ledger: Ledger, filter?: LedgerFilter): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = []
  for await (const one of ledger.entries(filter)) entries.push(one)
  return entries
}

export async function attemptsIn(ledger: Ledger, filter?: LedgerFilter): Promise<string[]> {
  return (await collect(ledger, filter)).map((one) => one.attemptId)
}
