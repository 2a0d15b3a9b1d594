import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { usd, type Cost, type LedgerEntry } from '../../src/index.ts'
import { exportEntries } from '../../src/ledger/export.ts'
import { booksOf, readCsv, STORES, textOf } from './books.ts'
import { entry, exact, FREE, line, NOON, UNKNOWN, usage } from './entries.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const HEADS =
  'id,kind,call_id,attempt_id,at,provider,model,requested_model,user,project,organization,key,tags,input_tokens,' +
  'cache_read_tokens,cache_write_tokens,output_tokens,reasoning_tokens,cost_status,cost_usd,cost_estimate_usd,' +
  'cost_reported_usd,cost_computed_usd,cost_source,cost_reason,cost_lines,price_list,service_tier,savings_usd,' +
  'savings_baseline,outcome,error,duration_ms'

describe.each(STORES)('an export of a ledger in %s', (store) => {
  test('is CSV with one row for each entry, exact amounts, and nothing where nothing is known', async () => {
    const bounded = { status: 'bounded', amount: usd('0.5'), estimate: usd('0.25'), reason: 'cut' } as const
    await using books = await booksOf(store, [
      entry({
        callId: 'c1',
        attemptId: 'c1/1',
        user: 'ada',
        tags: ['a', 'b'],
        cost: exact('0.000000000001'),
      }),
      entry({ callId: 'c2', attemptId: 'c2/1', cost: UNKNOWN, usage: usage(undefined, 0) }),
      entry({ callId: 'c3', attemptId: 'c3/1', cost: { ...bounded, lines: [] }, outcome: 'aborted' }),
      entry({
        callId: 'c4',
        attemptId: 'c4/1',
        cost: FREE,
        savings: { baseline: 'openai/x', amount: usd('2') },
      }),
    ])
    const text = await textOf(books.export({ format: 'csv' }))
    const [heads, first] = text.split('\r\n')
    expect(heads).toBe(HEADS)
    expect(first).toBe(
      'c1/1,attempt,c1,c1/1,2026-11-22T12:00:00.000Z,openai,gpt-6-luna-2026-08-01,gpt-6-luna,ada,,,,"[""a"",""b""]",' +
        '10,,,5,,exact,0.000000000001,,,,price-list,,"[{""kind"":""input"",""quantity"":10,""unit"":""token"",' +
        `""unitPrice"":""0.00105"",""amount"":""0.000000000001""}]",${'f'.repeat(64)},,,,ok,,12.625`,
    )
    const rows = readCsv(text)
    expect(rows.map((row) => [row['cost_status'], row['cost_usd'], row['cost_estimate_usd']])).toEqual([
      ['exact', '0.000000000001', ''],
      ['unknown', '', ''],
      ['bounded', '0.5', '0.25'],
      ['free', '0', ''],
    ])
    expect(rows[1]).toMatchObject({ input_tokens: '', output_tokens: '0', cost_reason: 'no price' })
    expect(rows[3]).toMatchObject({ savings_usd: '2', savings_baseline: 'openai/x', cost_source: 'local' })
  })

  test('quotes what would break a row, and comes back as it was', async () => {
    const wild = ['a,b', 'say "hi"', 'two\nlines', 'cr\r\nlf', ' spaces ', 'ümlaut 🎉', '"', ',', '']
    await using books = await booksOf(
      store,
      wild.map((user, index) => entry({ attemptId: `${index}`, user, tags: [user] })),
    )
    const rows = readCsv(await textOf(books.export({ format: 'csv' })))
    expect(rows.map((row) => row['user'])).toEqual(wild)
    expect(rows.map((row) => JSON.parse(row['tags'] ?? '') as unknown)).toEqual(wild.map((tag) => [tag]))
  })

  test('gives spreadsheets no formula to run, and leaves every other text alone', async () => {
    const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '=HYPERLINK("x","y")']
    const plain = ["'=1", 'a=1', '1-1', 'x@y.z', ' =1']
    await using books = await booksOf(
      store,
      [...formulas, ...plain].map((text, index) =>
        entry({ id: `${index}`, attemptId: `${index}`, user: text, model: text, error: text, key: text }),
      ),
    )
    const rows = readCsv(await textOf(books.export({ format: 'csv' })))
    const wanted = [...formulas.map((text) => `'${text}`), ...plain]
    for (const column of ['user', 'model', 'error', 'key'])
      expect(rows.map((row) => row[column])).toEqual(wanted)
    // Amounts are no text: that of a correction is a number below zero.
    await using corrected = await booksOf(store, [entry({ kind: 'correction', cost: exact('-0.5') })])
    expect(readCsv(await textOf(corrected.export({ format: 'csv' })))[0]?.['cost_usd']).toBe('-0.5')
  })

  test('is one JSON array with all that an entry has, money as decimal texts', async () => {
    const one = entry({ user: 'ada', usage: { ...usage(1, 2), raw: { tokens: [1] } } })
    await using books = await booksOf(store, [one, entry({ cost: UNKNOWN })])
    const written = JSON.parse(await textOf(books.export({ format: 'json' }))) as LedgerEntry[]
    const entries: LedgerEntry[] = []
    for await (const kept of books.entries()) entries.push(kept)
    expect(written).toEqual(JSON.parse(JSON.stringify(entries)))
    expect(written[0]).toMatchObject({
      user: 'ada',
      cost: { amount: '0.0105' },
      usage: { raw: { tokens: [1] } },
    })
    expect(written[1]?.cost).toEqual({ status: 'unknown', reason: 'no price', lines: [] })
  })

  test('of nothing is a head and no row, or an empty array', async () => {
    await using books = await booksOf(store, [entry({ user: 'ada' })])
    expect(await textOf(books.export({ format: 'csv', user: 'bob' }))).toBe(`${HEADS}\r\n`)
    expect(await textOf(books.export({ format: 'json', user: 'bob' }))).toBe('[]\n')
    expect(readCsv(await textOf(books.export({ format: 'csv', user: 'ada' })))).toHaveLength(1)
  })

  test('takes the filters of entries: from is in, to is not', async () => {
    await using books = await booksOf(
      store,
      [NOON - 1, NOON, NOON + 1].map((at) => entry({ at, tags: [`${at - NOON}`] })),
    )
    const ats = async (filter: object): Promise<unknown[]> => {
      const text = await textOf(books.export({ format: 'json', ...filter }))
      return (JSON.parse(text) as LedgerEntry[]).map(({ at }) => at - NOON)
    }
    expect(await ats({ from: NOON, to: NOON + 1 })).toEqual([0])
    expect(await ats({ tag: '1' })).toEqual([1])
    expect(await ats({ provider: 'openai' })).toEqual([-1, 0, 1])
    expect(await ats({ provider: 'xai' })).toEqual([])
  })

  test.each([
    [undefined, "'csv' or 'json'"],
    [{ format: 'xml' }, "'csv' or 'json'"],
    [{ format: 'csv', usr: 'ada' }, "did you mean 'user'?"],
    [{ format: 'csv', from: 2, to: 1 }, 'exchange them'],
  ])('refuses %j', async (options, message) => {
    await using books = await booksOf(store)
    await expect(textOf(books.export(options as never))).rejects.toMatchObject({
      code: 'request_invalid',
      message: expect.stringContaining(message) as string,
    })
  })
})

test('what a provider says it charged stands beside what the price list makes of it', async () => {
  const cost: Cost = {
    status: 'exact',
    source: 'provider',
    amount: usd('0.0105'),
    reported: usd('0.0105'),
    computed: usd('0.01'),
    priceList: 'list',
    lines: [line(usd('0.01'))],
  }
  const read = async function* (): AsyncIterable<LedgerEntry> {
    yield entry({ cost })
  }
  const rows = readCsv(await textOf(exportEntries({ entries: read }, { format: 'csv' })))
  expect(rows[0]).toMatchObject({
    cost_usd: '0.0105',
    cost_reported_usd: '0.0105',
    cost_computed_usd: '0.01',
    cost_source: 'provider',
  })
})

test('100,000 entries of a file pass through without being held', async () => {
  const COUNT = 100_000
  const entries = Array.from({ length: COUNT }, (_, index) =>
    entry({ at: NOON + index, user: `user-${index % 100}`, cost: exact('0.000000000001') }),
  )
  await using books = await booksOf('sqlite', entries)
  entries.length = 0
  const pass = async (
    each: (row: string) => void,
    most = Infinity,
  ): Promise<[rows: number, mostBytes: number]> => {
    let [rows, mostBytes] = [-1, 0]
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    for await (const row of books.export({ format: 'csv' })) {
      each(row)
      if (++rows % 20_000 !== 0 || rows === 0) continue
      collectGarbage()
      mostBytes = Math.max(mostBytes, process.memoryUsage().heapUsed - before)
      if (rows >= most) break
    }
    return [rows, mostBytes]
  }
  let sum = 0n
  const [rows, mostBytes] = await pass(
    (row) => (sum += BigInt(row.includes(',exact,0.000000000001,') ? 1 : 0)),
  )
  expect({ rows, sum }).toEqual({ rows: COUNT, sum: BigInt(COUNT) })
  expect(mostBytes).toBeLessThan(12_000_000)
  // The control: whoever holds them is found out.
  const held: string[] = []
  const [heldRows, heldBytes] = await pass((row) => held.push(row), 60_000)
  expect(held).toHaveLength(heldRows + 1)
  expect(heldBytes).toBeGreaterThan(16_000_000)
}, 200_000)
