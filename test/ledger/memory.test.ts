import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { createMemoryLedger } from '../../src/ledger/memory/index.ts'
import { attemptsIn, collect, DAY, entry, exact, NOON } from './entries.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

describe('a memory ledger', () => {
  test('keeps the newest entries, and totals of all', async () => {
    const ledger = createMemoryLedger({ entriesMax: 3 })
    for (let index = 0; index < 10; index++) {
      await ledger.append(entry({ attemptId: `${index}`, user: `user${index % 2}`, cost: exact('1') }))
    }
    expect(await attemptsIn(ledger)).toEqual(['7', '8', '9'])
    const totals = await ledger.totals({ by: ['user'] })
    expect(totals.map(({ group, calls, cost }) => [group.user, calls, String(cost)])).toEqual([
      ['user0', 5, '5'],
      ['user1', 5, '5'],
    ])
  })

  test('knows an attempt as long as it keeps its entry', async () => {
    const ledger = createMemoryLedger({ entriesMax: 2 })
    for (const attemptId of ['a', 'b', 'a', 'b', 'c', 'b']) await ledger.append(entry({ attemptId }))
    expect((await ledger.totals())[0]?.attempts).toBe(3)
    await ledger.append(entry({ attemptId: 'a' }))
    expect((await ledger.totals())[0]?.attempts).toBe(4)
  })

  test('answers for whole days and for what it keeps, and refuses what it would have to guess', async () => {
    const ledger = createMemoryLedger({ entriesMax: 2 })
    for (const at of [NOON - DAY, NOON - DAY + 1, NOON, NOON + 1])
      await ledger.append(entry({ at, callId: 'x' }))
    const attempts = async (from: number, to?: number): Promise<number | undefined> =>
      (await ledger.totals({ from, to }))[0]?.attempts
    const midnight = NOON - DAY / 2
    expect(await attempts(midnight - DAY, midnight)).toBe(2)
    expect(await attempts(midnight - DAY, NOON + 2)).toBe(4)
    expect(await attempts(NOON, NOON + 1)).toBe(1)
    const refused = {
      code: 'store_failed',
      retryable: false,
      message: expect.stringContaining('sqlite:') as string,
    }
    await expect(attempts(NOON - DAY + 1, midnight)).rejects.toMatchObject(refused)
    await expect(ledger.totals({ callId: 'x' })).rejects.toMatchObject(refused)
  })

  test('folds older days together when there are too many cells, then labels, and always has the sum', async () => {
    const ledger = createMemoryLedger({ cellsMax: 10, entriesMax: 1 })
    const total = async (): Promise<string> => String((await ledger.totals())[0]?.cost)
    for (let day = 0; day < 20; day++) {
      await ledger.append(
        entry({ at: NOON + day * DAY, user: day % 2 === 0 ? 'ada' : 'bob', cost: exact('1') }),
      )
    }
    expect(await total()).toBe('20')
    const users = await ledger.totals({ by: ['user'] })
    expect(users.map(({ group, cost }) => `${group.user} ${String(cost)}`)).toEqual(['ada 10', 'bob 10'])
    await expect(ledger.totals({ by: ['day'] })).rejects.toMatchObject({ code: 'store_failed' })
    const newest = NOON + 19 * DAY - DAY / 2
    expect((await ledger.totals({ by: ['day'], from: newest }))[0]?.group.day).toBe('2026-12-11')
    for (let user = 0; user < 100; user++) await ledger.append(entry({ user: `${user}`, cost: exact('1') }))
    expect(await total()).toBe('120')
    await expect(ledger.totals({ by: ['user'] })).rejects.toMatchObject({ code: 'store_failed' })
  })

  test('hands out entries that nobody can change', async () => {
    const ledger = createMemoryLedger()
    await ledger.append(entry({ tags: ['a'] }))
    for await (const kept of ledger.entries()) {
      expect(() => Object.assign(kept, { user: 'eve' })).toThrow(TypeError)
      expect(() => (kept.tags as string[]).push('b')).toThrow(TypeError)
    }
    expect(await collect(ledger)).toMatchObject([{ user: undefined, tags: ['a'] }])
  })

  test('does not grow with the number of calls', async () => {
    const ledger = createMemoryLedger({ entriesMax: 100, cellsMax: 100 })
    const run = async (): Promise<number> => {
      for (let index = 0; index < 20_000; index++) {
        await ledger.append(entry({ user: `user${index}`, at: NOON + index * 60_000 }))
      }
      collectGarbage()
      return process.memoryUsage().heapUsed
    }
    const first = await run()
    const growth = (await run()) - first
    // Kept in full, 20,000 entries would be some 20 MB.
    expect(growth).toBeLessThan(2_000_000)
  })

  test.each([{ entriesMax: 0 }, { entriesMax: 1.5 }, { cellsMax: -1 }, { cellsMax: Number.NaN }])(
    'refuses the options %j',
    (options) => {
      expect(() => createMemoryLedger(options)).toThrow(
        expect.objectContaining({ code: 'config_invalid' }) as Error,
      )
    },
  )
})
