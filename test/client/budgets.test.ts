import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createAI, usd, type AIConfig, type Client, type Ledger } from '../../src/index.ts'
import { createMemoryLedger } from '../../src/ledger/memory/index.ts'
import { FakeClock, mock } from '../../src/testing/index.ts'

let folder = ''
let opened = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'groat-budgets-'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** 2026-11-22T07:30:00Z, a Sunday. */
const NOW = Date.UTC(2026, 10, 22, 7, 30)
/** What a call costs: 10 tokens in at $1 a million, 100 out at $2. */
const ONE_CALL = '0.00021'

function clientOn(store: string, more: AIConfig = {}): Client {
  return createAI({
    providers: {
      mock: mock({ replies: () => ({ text: 'Hello', usage: { inputTokens: 10, outputTokens: 100 } }) }),
    },
    prices: [{ provider: 'mock', model: 'mock-1', perMillionTokens: { input: '1', output: '2' } }],
    ledger: store === 'memory' ? 'memory:' : `sqlite:${join(folder, `${++opened}.db`)}`,
    runtime: { clock: new FakeClock({ startMs: NOW }) },
    ...more,
  })
}

const ADA = { scope: 'user', id: 'ada', period: 'day' } as const

describe.each(['memory', 'sqlite'])('ai.budgets on a ledger in %s', (store) => {
  test('sets, gets, lists, changes and removes', async () => {
    await using ai = clientOn(store)
    expect(await ai.budgets.list()).toEqual([])
    expect(await ai.budgets.get(ADA)).toBeUndefined()
    const set = await ai.budgets.set({ ...ADA, limit: '5.00' })
    expect(set).toEqual({
      ...ADA,
      limit: usd('5'),
      timeZone: 'UTC',
      unpriced: 'deny',
      mode: 'enforce',
      thresholds: [0.8, 0.95],
      onLimit: 'reject',
    })
    expect(await ai.budgets.get(ADA)).toEqual(set)
    await ai.budgets.set({
      scope: 'key',
      id: '*',
      period: 'total',
      limit: null,
      onLimit: { fallback: 'a/b' },
    })
    await ai.budgets.set({ ...ADA, limit: usd('0.000000000001'), thresholds: [0.5] })
    expect(await ai.budgets.list()).toMatchObject([
      { ...ADA, limit: usd('0.000000000001'), thresholds: [0.5] },
      { scope: 'key', id: '*', limit: null, onLimit: { fallback: 'a/b' } },
    ])
    expect(await ai.budgets.remove({ ...ADA, period: 'week' })).toBe(false)
    expect(await ai.budgets.remove(ADA)).toBe(true)
    expect(await ai.budgets.remove(ADA)).toBe(false)
    expect(await ai.budgets.list()).toHaveLength(1)
  })

  test('says how each period stands, and when it ends', async () => {
    await using ai = clientOn(store)
    const periods = ['hour', 'day', 'week', 'month', 'total', 'call'] as const
    for (const period of periods) await ai.budgets.set({ ...ADA, period, limit: '1' })
    const site = { scope: 'project', id: 'site', period: 'day' } as const
    await ai.budgets.set({ ...site, limit: null, timeZone: 'America/New_York' })
    await ai.sendMessage('Hi', { user: 'ada', project: 'site' })
    const status = await ai.budgets.status({ user: 'ada', project: 'site' })
    const told = status.map(({ budget, id, spent, held, remaining, resetsAt }) =>
      [budget.scope, id, budget.period, spent, held, remaining, resetsAt].map(String).join(' '),
    )
    expect(new Set(told)).toEqual(
      new Set([
        `project site day ${ONE_CALL} 0 null 2026-11-23T05:00:00.000Z`,
        `user ada day ${ONE_CALL} 0 0.99979 2026-11-23T00:00:00.000Z`,
        `user ada hour ${ONE_CALL} 0 0.99979 2026-11-22T08:00:00.000Z`,
        `user ada month ${ONE_CALL} 0 0.99979 2026-12-01T00:00:00.000Z`,
        `user ada total ${ONE_CALL} 0 0.99979 null`,
        `user ada week ${ONE_CALL} 0 0.99979 2026-11-23T00:00:00.000Z`,
      ]),
    )
    expect(await ai.ledger.verify()).toMatchObject({ entries: 1, holds: 1, openHolds: 0, discrepancies: [] })
  })

  test("gives each id of '*' a standing of its own, also one that has spent nothing yet", async () => {
    await using ai = clientOn(store, { budgets: [{ ...ADA, id: '*', limit: '1' }] })
    await ai.sendMessage('Hi', { user: 'ada' })
    await ai.sendMessage('Hi', { user: 'bob' })
    await ai.sendMessage('Hi')
    const spent = async (ids?: object): Promise<string[]> =>
      (await ai.budgets.status(ids)).map((one) => `${one.id} of ${one.budget.id}: ${String(one.spent)}`)
    expect(await spent({ user: 'ada' })).toEqual([`ada of *: ${ONE_CALL}`])
    expect(await spent({ user: 'eve' })).toEqual(['eve of *: 0'])
    // Who was only asked about may be among them by now, with nothing spent.
    expect(await spent()).toEqual(
      expect.arrayContaining([`ada of *: ${ONE_CALL}`, `bob of *: ${ONE_CALL}`]) as string[],
    )
    expect(await spent({ project: 'site' })).toEqual([])
  })

  test('keeps what was spent when a limit is changed, and when it is removed and set again', async () => {
    await using ai = clientOn(store)
    await ai.budgets.set({ ...ADA, limit: '1' })
    await ai.sendMessage('Hi', { user: 'ada' })
    await ai.budgets.set({ ...ADA, limit: '0.0001' })
    expect(await ai.budgets.status({ user: 'ada' })).toMatchObject([
      { spent: usd(ONE_CALL), remaining: usd('0') },
    ])
    await expect(ai.sendMessage('Hi', { user: 'ada' })).rejects.toMatchObject({ code: 'budget_exceeded' })
    await ai.budgets.remove(ADA)
    expect(await ai.budgets.status({ user: 'ada' })).toEqual([])
    // The control: without the limit it passes.
    await ai.sendMessage('Hi', { user: 'ada' })
    await ai.budgets.set({ ...ADA, limit: '1' })
    expect(await ai.budgets.status({ user: 'ada' })).toMatchObject([{ spent: usd(ONE_CALL) }])
    expect((await ai.ledger.verify()).discrepancies).toEqual([])
  })

  test.each([
    [{ ...ADA, limit: 5 }, 'limit'],
    [{ ...ADA, limit: '-1' }, 'limit'],
    [{ ...ADA, limit: '0.0000000000001' }, 'limit'],
    [{ ...ADA, limit: '9000000.000000000001' }, 'limit'],
    [{ ...ADA }, 'limit'],
    [{ ...ADA, limit: '1', scope: 'team' }, 'scope'],
    [{ ...ADA, limit: '1', id: '' }, 'id'],
    [{ ...ADA, limit: '1', id: 'x'.repeat(10_240) }, 'id'],
    [{ ...ADA, limit: '1', period: 'year' }, 'period'],
    [{ ...ADA, limit: '1', timeZone: 'Mars/Base' }, 'timeZone'],
    [{ ...ADA, limit: '1', thresholds: [80] }, 'thresholds'],
    [{ ...ADA, limit: '1', onLimit: 'stop' }, 'onLimit'],
    [{ ...ADA, limit: '1', tresholds: [] }, 'tresholds'],
    [undefined, 'A budget is an object'],
  ])('refuses %j, and the limit before it still holds', async (budget, says) => {
    await using ai = clientOn(store)
    await ai.budgets.set({ ...ADA, limit: '0.001' })
    await expect(ai.budgets.set(budget as never)).rejects.toMatchObject({
      code: 'request_invalid',
      message: expect.stringContaining(says) as string,
    })
    expect(await ai.budgets.list()).toMatchObject([{ ...ADA, limit: usd('0.001') }])
  })

  test.each([
    [{ team: 'a' }, 'use user, project, organization, key'],
    [{ usr: 'a' }, "did you mean 'user'?"],
    [{ user: 5 }, "'user' is a string"],
    [null, "{ user: 'ada' }"],
  ])('does not say how %j stand', async (ids, says) => {
    await using ai = clientOn(store)
    await expect(ai.budgets.status(ids as never)).rejects.toMatchObject({
      code: 'request_invalid',
      message: expect.stringContaining(says) as string,
    })
  })

  test('a closed client says so', async () => {
    const ai = clientOn(store)
    await ai.budgets.set({ ...ADA, limit: '1' })
    await ai.close()
    const closed = { code: 'store_failed', message: expect.stringContaining('closed') as string }
    await expect(ai.budgets.list()).rejects.toMatchObject(closed)
    await expect(ai.budgets.set({ ...ADA, limit: '2' })).rejects.toMatchObject(closed)
    await expect(ai.budgets.status()).rejects.toMatchObject(closed)
    await expect(ai.ledger.verify()).rejects.toMatchObject(closed)
  })
})

describe('a ledger of your own without budgets', () => {
  function plainLedger(): Ledger {
    const inner = createMemoryLedger()
    return {
      append: (entry) => inner.append(entry),
      entries: (filter) => inner.entries(filter),
      totals: (query) => inner.totals(query),
      close: () => inner.close(),
    }
  }

  test('books calls, and refuses limits and their proof by name', async () => {
    await using ai = clientOn('memory', { ledger: plainLedger() })
    await ai.sendMessage('Hi', { user: 'ada' })
    expect((await ai.ledger.totals())[0]?.calls).toBe(1)
    const refused = { code: 'config_invalid', message: expect.stringContaining("'sqlite:PATH'") as string }
    await expect(ai.budgets.set({ ...ADA, limit: '1' })).rejects.toMatchObject(refused)
    await expect(ai.budgets.status()).rejects.toMatchObject(refused)
    await expect(ai.ledger.verify()).rejects.toMatchObject(refused)
  })

  test('with limits in the configuration refuses every call', async () => {
    await using ai = clientOn('memory', { ledger: plainLedger(), budgets: [{ ...ADA, limit: '1' }] })
    await expect(ai.sendMessage('Hi', { user: 'ada' })).rejects.toMatchObject({
      code: 'config_invalid',
      details: { key: 'budgets' },
    })
  })
})

test('a budget of one id stands there as soon as it is set, and is listed once', async () => {
  await using ai = createAI({ providers: { mock: mock() } })
  await ai.budgets.set({ scope: 'user', id: 'ada', period: 'day', limit: '5.00' })
  await ai.budgets.set({ scope: 'user', id: '*', period: 'month', limit: '9.00' })
  const standing = (await ai.budgets.status()).map(({ budget, id, spent }) => [
    budget.period,
    id,
    String(spent),
  ])
  expect(standing).toEqual([
    ['month', 'ada', '0'],
    ['day', 'ada', '0'],
  ])
})

test('sums that are kept are made anew from the entries, and stay what they were', async () => {
  await using ai = clientOn('sqlite')
  await ai.sendMessage('Hi', { user: 'ada' })
  const before = await ai.ledger.totals({ by: ['user', 'hour'] })
  expect(await ai.ledger.rebuild()).toBe(true)
  expect(await ai.ledger.totals({ by: ['user', 'hour'] })).toEqual(before)
  expect(String(before[0]?.cost)).toBe(ONE_CALL)
  expect((await ai.ledger.verify()).discrepancies).toEqual([])
  await using memory = clientOn('memory')
  expect(await memory.ledger.rebuild()).toBe(false)
})
