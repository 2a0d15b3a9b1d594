import { describe, expect, test } from 'vitest'
import type { SeriesPoint } from '../../src/index.ts'
import { booksOf, STORES } from './books.ts'
import { DAY, entry, exact, FREE, UNKNOWN } from './entries.ts'

const HOUR = 3_600_000
/** The last moment of November 2026, in UTC. */
const MONTH_END = Date.UTC(2026, 11, 1) - 1

/** What a point says, in short. */
function told({ at, group, calls, cost, unknownAttempts }: SeriesPoint): unknown[] {
  return [at, ...Object.values(group), calls, String(cost), unknownAttempts]
}

describe.each(STORES)('a series over a ledger in %s', (store) => {
  test('has exact sums for each step that something happened in, in the order of time', async () => {
    await using books = await booksOf(store, [
      entry({ at: MONTH_END + 1, cost: exact('0.000000000001') }),
      entry({ at: MONTH_END, cost: exact('0.1') }),
      entry({ at: MONTH_END - HOUR, cost: exact('0.2') }),
      entry({ at: MONTH_END - HOUR, cost: UNKNOWN }),
      entry({ at: MONTH_END - 40 * DAY, cost: FREE }),
    ])
    expect((await books.series({ step: 'hour' })).map(told)).toEqual([
      ['2026-10-21T23', 1, '0', 0],
      ['2026-11-30T22', 2, '0.2', 1],
      ['2026-11-30T23', 1, '0.1', 0],
      ['2026-12-01T00', 1, '0.000000000001', 0],
    ])
    expect((await books.series({ step: 'day' })).map(told)).toEqual([
      ['2026-10-21', 1, '0', 0],
      ['2026-11-30', 3, '0.3', 1],
      ['2026-12-01', 1, '0.000000000001', 0],
    ])
    expect((await books.series({ step: 'month' })).map(told)).toEqual([
      ['2026-10', 1, '0', 0],
      ['2026-11', 3, '0.3', 1],
      ['2026-12', 1, '0.000000000001', 0],
    ])
  })

  test('is split by other dimensions, and counts an entry for each of its tags', async () => {
    await using books = await booksOf(store, [
      entry({ at: MONTH_END, user: 'ada', tags: ['batch', 'nightly'], cost: exact('1') }),
      entry({ at: MONTH_END, user: 'bob', tags: ['batch'], cost: exact('0.25') }),
      entry({ at: MONTH_END + 1, user: 'ada', cost: exact('2') }),
    ])
    expect((await books.series({ step: 'month', by: ['tag'] })).map(told)).toEqual([
      ['2026-11', 'batch', 2, '1.25', 0],
      ['2026-11', 'nightly', 1, '1', 0],
      ['2026-12', undefined, 1, '2', 0],
    ])
    expect((await books.series({ step: 'day', by: ['user'], tag: 'batch' })).map(told)).toEqual([
      ['2026-11-30', 'ada', 1, '1', 0],
      ['2026-11-30', 'bob', 1, '0.25', 0],
    ])
  })

  test('takes the filters of totals: from is in, to is not', async () => {
    const at = Date.UTC(2026, 10, 22, 7)
    await using books = await booksOf(store, [
      entry({ at: at - 1, cost: exact('1') }),
      entry({ at, cost: exact('2'), model: 'a' }),
      entry({ at: at + HOUR - 1, cost: exact('4'), model: 'b' }),
      entry({ at: at + HOUR, cost: exact('8') }),
    ])
    const within = { from: at, to: at + HOUR }
    expect((await books.series({ step: 'hour', ...within })).map(told)).toEqual([
      ['2026-11-22T07', 2, '6', 0],
    ])
    expect((await books.series({ step: 'hour', ...within, model: 'b' })).map(told)).toEqual([
      ['2026-11-22T07', 1, '4', 0],
    ])
    expect(await books.series({ step: 'day', to: at - DAY })).toEqual([])
  })

  test.each([
    [undefined, "{ step: 'day' }"],
    [{ step: 'week' }, "Unknown step of a series 'week': use one of hour, day, month"],
    [{ step: 'days' }, "did you mean 'day'?"],
    [{ step: 'day', by: 'model' }, 'list'],
    [{ step: 'day', by: ['month'] }, 'one step'],
    [{ step: 'day', by: ['usr'] }, "did you mean 'user'?"],
    [{ step: 'day', usr: 'ada' }, "did you mean 'user'?"],
    [{ step: 'day', from: 'yesterday' }, 'milliseconds'],
    [{ step: 'day', from: 2, to: 1 }, 'exchange them'],
  ])('refuses %j', async (query, message) => {
    await using books = await booksOf(store)
    await expect(books.series(query as never)).rejects.toMatchObject({
      code: 'request_invalid',
      message: expect.stringContaining(message) as string,
    })
  })
})
