import { expect, test } from 'vitest'
import type { BudgetLedger } from '../../src/ledger/budget-store.ts'
import { createMemoryLedger, type MemoryLedgerOptions } from '../../src/ledger/memory/index.ts'
import { systemClock } from '../../src/runtime.ts'
import { assertClean, budget, hold, holdOf, HOUR, settle, spend, standings } from './budget-case.ts'
import { NOON } from './entries.ts'

let now = NOON

function create(options: MemoryLedgerOptions): BudgetLedger {
  now = NOON
  return createMemoryLedger(options, { clock: { ...systemClock, now: () => now } })
}

const FULL = {
  code: 'store_failed',
  retryable: false,
  message: expect.stringContaining('sqlite:PATH') as string,
}

test('keeps open holds up to a number, and refuses more; closed ones make room, and their money stays counted', async () => {
  const ledger = create({ holdsMax: 3 })
  await ledger.budgets.set(budget({ limit: '10' }))
  for (const id of ['a', 'b', 'c']) await hold(ledger, id, '1')
  await expect(hold(ledger, 'd', '1')).rejects.toMatchObject(FULL)
  expect(await standings(ledger)).toEqual(['0.00 + 3.00 of 10.00'])
  for (const id of ['a', 'b', 'c']) await settle(ledger, id, '0.5')
  for (const id of ['d', 'e', 'f', 'g']) await spend(ledger, id, '0.25')
  expect(await standings(ledger)).toEqual(['2.50 + 0.00 of 10.00'])
  expect(await ledger.budgets.verify()).toMatchObject({ holds: 3, openHolds: 0, discrepancies: [] })
})

test('keeps windows up to a number, and refuses more; those that are over make room', async () => {
  const ledger = create({ windowsMax: 3 })
  await ledger.budgets.set(budget({ id: '*', period: 'hour' }))
  const user = (name: string): Parameters<typeof hold>[3] => ({ attribution: { user: name } })
  for (const name of ['a', 'b', 'c']) await hold(ledger, name, '0.5', { ...user(name), ttlMs: 2 * HOUR })
  await expect(hold(ledger, 'd', '0.5', user('d'))).rejects.toMatchObject(FULL)
  expect(await ledger.budgets.windows()).toHaveLength(3)
  await settle(ledger, 'a', '0.5')
  await settle(ledger, 'b', '0.5')
  now += HOUR
  // That of c is over, and still holds money: it stays until that is settled.
  await hold(ledger, 'd', '1', user('d'))
  await hold(ledger, 'e', '1', user('a'))
  expect(await standings(ledger)).toEqual(['0.00 + 1.00 of 1.00', '0.00 + 1.00 of 1.00'])
  const settled = await settle(ledger, 'c', '0.25')
  expect(settled.windows).toHaveLength(1)
  await assertClean(ledger, 2)
})

test('keeps holds of many calls in bounded memory, exact to the last', async () => {
  const ledger = create({ holdsMax: 100, entriesMax: 10 })
  await ledger.budgets.set(budget({ period: 'total', limit: '100' }))
  for (let index = 0; index < 5_000; index++) await spend(ledger, `${index}`, '0.001')
  expect(await standings(ledger)).toEqual(['5.00 + 0.00 of 100.00'])
  expect(await ledger.budgets.verify()).toMatchObject({ holds: 100, entries: 10, discrepancies: [] })
})

test('takes a time that is not whole', async () => {
  const ledger = create({})
  now = NOON + 0.5
  await ledger.budgets.set(budget())
  await hold(ledger, 'a', '0.5', { ttlMs: 0.25 })
  now = NOON + 0.9
  expect(await ledger.budgets.assume()).toBe(0)
  now = NOON + 1
  expect(await ledger.budgets.assume()).toBe(1)
})

test.each([{ holdsMax: 0 }, { windowsMax: Number.NaN }])('refuses the options %j', (options) => {
  expect(() => createMemoryLedger(options)).toThrow(
    expect.objectContaining({ code: 'config_invalid' }) as Error,
  )
})

test('does not mix the budgets of two ledgers', async () => {
  const [one, other] = [create({}), create({})]
  await one.budgets.set(budget({ limit: '0' }))
  expect(await other.budgets.reserve(holdOf('a', '1'))).toEqual({ status: 'unlimited' })
})
