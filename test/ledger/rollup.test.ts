import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { BudgetLedger } from '../../src/ledger/budget-store.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { ROLLUP_BATCH } from '../../src/ledger/sqlite/rollup.ts'
import { entry, exact, FREE, NOON } from './entries.ts'
import { watched } from './watched.ts'

let folder = ''
let ledgers: BudgetLedger[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'groat-rollup-'))
})

afterEach(async () => {
  for (const ledger of ledgers) await ledger.close()
  ledgers = []
  rmSync(folder, { recursive: true, force: true })
})

async function open(rollupEntriesMin: number): Promise<{
  readonly ledger: BudgetLedger
  readonly sql: (text: string) => void
  readonly seen: ReturnType<typeof watched>
}> {
  const seen = watched()
  const ledger = await openSqliteLedger({ path: join(folder, 'groat.db'), rollupEntriesMin }, seen.runtime)
  ledgers.push(ledger)
  return { ledger, sql: (text) => seen.databases[0]?.exec(text), seen }
}

async function costs(ledger: BudgetLedger, hours: number = 1): Promise<unknown[]> {
  const totals = await ledger.totals({ by: ['user'], from: NOON, to: NOON + hours * 3_600_000 })
  return totals.map(({ group, calls, attempts, cost }) => [group.user, calls, attempts, String(cost)])
}

async function fill(ledger: BudgetLedger): Promise<void> {
  await ledger.append(entry({ user: 'ada', callId: 'one', cost: exact('1') }))
  await ledger.append(
    entry({ user: 'ada', callId: 'one', cost: FREE, provider: 'ollama', model: 'llama3.2' }),
  )
  await ledger.append(entry({ user: 'bob', cost: exact('2') }))
}

const RIGHT = [
  ['ada', 1, 2, '1'],
  ['bob', 1, 1, '2'],
]

test('answers from the rollup where there are entries enough, and not below', async () => {
  const { ledger, sql } = await open(4)
  await fill(ledger)
  expect(await costs(ledger)).toEqual(RIGHT)
  await ledger.append(entry({ user: 'bob', cost: exact('4') }))
  expect(await costs(ledger)).toEqual([RIGHT[0], ['bob', 2, 2, '6']])
  // What is changed behind its back shows where the answer comes from.
  sql(`UPDATE rollup_cell SET cost_high = cost_high + 1000000 WHERE user = 'bob'`)
  expect(await costs(ledger)).toEqual([RIGHT[0], ['bob', 2, 2, '7']])
  // Half hours, tags and calls are not in it: those come from the entries.
  const [bob] = await ledger.totals({ user: 'bob', from: NOON, to: NOON + 1 })
  expect(String(bob?.cost)).toBe('6')
  const [tagged] = await ledger.totals({ by: ['tag'], user: 'bob' })
  expect(String(tagged?.cost)).toBe('6')
})

test('is proven against the entries, and made anew from them', async () => {
  const { ledger, sql } = await open(0)
  await fill(ledger)
  await costs(ledger)
  expect((await ledger.budgets.verify()).discrepancies).toEqual([])
  for (const change of [
    `UPDATE rollup_cell SET attempts = attempts + 1 WHERE user = 'bob'`,
    `UPDATE rollup_cell SET calls = calls + 1 WHERE user = 'bob'`,
    `DELETE FROM rollup_call`,
    `DELETE FROM rollup_cell WHERE user = 'bob'`,
    `INSERT INTO rollup_cell SELECT 99, hour + 1, labels, user, project, organization, key, provider, model, 0, 0, 0, 0, 0,
      0, 0, 0, 0, 0, 0, 0, 0 FROM rollup_cell WHERE user = 'bob'`,
  ]) {
    sql(change)
    const { discrepancies } = await ledger.budgets.verify()
    expect(discrepancies.map(({ message }) => message).join(), change).toMatch(/rollup/)
    await ledger.rebuild?.()
    expect((await ledger.budgets.verify()).discrepancies).toEqual([])
    expect(await costs(ledger)).toEqual(RIGHT)
  }
})

test('is brought up to date in small transactions, in the order of writing', async () => {
  const { ledger, seen } = await open(0)
  const count = ROLLUP_BATCH * 2 + 1
  await Promise.all(
    Array.from({ length: count }, (_, index) => ledger.append(entry({ at: NOON + index, user: 'ada' }))),
  )
  const before = seen.commits
  expect((await ledger.totals({ by: ['user'] }))[0]?.attempts).toBe(count)
  expect(seen.commits - before).toBe(3)
  await ledger.totals({ by: ['user'] })
  expect(seen.commits - before).toBe(3)
})

test('leaves the answer to the entries where it cannot be written', async () => {
  const { ledger, sql } = await open(0)
  await fill(ledger)
  sql('PRAGMA query_only = ON')
  expect(await costs(ledger)).toEqual(RIGHT)
  sql('PRAGMA query_only = OFF')
  expect(await costs(ledger)).toEqual(RIGHT)
})

test('is shared by two that have the file open, also when both bring it up to date', async () => {
  const [one, other] = [await open(0), await open(0)]
  await fill(one.ledger)
  expect(await Promise.all([costs(one.ledger), costs(other.ledger)])).toEqual([RIGHT, RIGHT])
  await other.ledger.append(entry({ user: 'bob', cost: exact('4'), at: NOON + 3_600_000 }))
  expect(await costs(one.ledger, 2)).toEqual([RIGHT[0], ['bob', 2, 2, '6']])
  expect(await costs(other.ledger, 1)).toEqual(RIGHT)
})
