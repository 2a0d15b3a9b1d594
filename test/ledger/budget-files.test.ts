import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BudgetLedger } from '../../src/ledger/budget-store.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { APPLICATION_ID, MIGRATIONS } from '../../src/ledger/sqlite/migrations.ts'
import { systemClock, systemRuntime, type Runtime } from '../../src/runtime.ts'
import {
  all,
  assertClean,
  budget,
  ended,
  hold,
  holdOf,
  HOUR,
  refusal,
  settle,
  spend,
  standings,
} from './budget-case.ts'
import { attemptsIn, collect, DAY, entry, NOON, usage } from './entries.ts'
import { watched } from './watched.ts'

let folder = ''
let path = ''
let now = NOON
let open: (BudgetLedger | DatabaseSync)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'groat-budget-files-'))
  path = join(folder, 'groat.db')
  now = NOON
})

afterEach(async () => {
  for (const one of open) {
    if (one instanceof DatabaseSync) one.close()
    else await one.close()
  }
  open = []
  rmSync(folder, { recursive: true, force: true })
})

const CLOCKED: Runtime = { ...systemRuntime, clock: { ...systemClock, now: () => now } }

async function openLedger(runtime = CLOCKED): Promise<BudgetLedger> {
  const ledger = await openSqliteLedger({ path }, runtime)
  open.push(ledger)
  return ledger
}

/** Another connection to the same file, as another program would have it. */
function connect(): DatabaseSync {
  const database = new DatabaseSync(path)
  open.push(database)
  return database
}

function refused(says: string, retryable: boolean): unknown {
  const message = expect.stringContaining(says) as string
  return expect.objectContaining({ code: 'store_failed', retryable, message })
}

describe('a file of version 1', () => {
  /** What groat 0.1 wrote: its schema as it was released, which never changes. */
  const V1_SHA256 = '877bcfad609c9fa9826f94f919fa33c474b76656e90bcc6f9cab7174da7b882c'
  const WRITE_V1 = `INSERT INTO entry (id, call_id, attempt_id, at, provider, model, requested_model, user, tags,
    input_tokens, output_tokens, usage_raw, cost_status, cost_picos, cost_source, cost_reason, cost_price_list, cost_lines,
    outcome, error, duration_ms) VALUES (?, ?, ?, ?, 'openai', 'm', 'm', 'ada', '["t"]', 10, 5, ?, ?, ?, ?, ?, ?, ?, 'ok', NULL, 12.5)`

  function makeV1(): DatabaseSync {
    const [first] = MIGRATIONS
    const database = connect()
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA application_id = ${APPLICATION_ID}`)
    database.exec(first?.sql ?? '')
    database.exec(`INSERT INTO meta VALUES ('schema_version', '1')`)
    const write = database.prepare(WRITE_V1)
    const lines = '[["input",10,"token","0.001","10500000000"]]'
    write.run(
      'random 1',
      'c1',
      'c1/1',
      NOON,
      null,
      'exact',
      10_500_000_000,
      'price-list',
      null,
      'f'.repeat(64),
      lines,
    )
    write.run('random 2', 'c1', 'c1/2', NOON + 1, '{"x":1}', 'unknown', null, null, 'no price', null, '[]')
    write.run('random 2', 'c2', 'c2/1', NOON - 5, null, 'free', 0, 'local', null, null, '[]')
    return database
  }

  test('has the schema that was released', () => {
    const sql = MIGRATIONS[0]?.sql ?? ''
    expect(createHash('sha256').update(sql).digest('hex')).toBe(V1_SHA256)
  })

  test('keeps every entry, in order, with the id of its attempt, and then takes budgets', async () => {
    makeV1()
    const ledger = await openLedger()
    const kept = await collect(ledger)
    expect(kept.map(({ id, attemptId, kind, at, cost }) => [id, attemptId, kind, at, cost.status])).toEqual([
      ['c1/1', 'c1/1', 'attempt', NOON, 'exact'],
      ['c1/2', 'c1/2', 'attempt', NOON + 1, 'unknown'],
      ['c2/1', 'c2/1', 'attempt', NOON - 5, 'free'],
    ])
    expect(kept[0]).toEqual({
      ...entry({
        attemptId: 'c1/1',
        callId: 'c1',
        model: 'm',
        requestedModel: 'm',
        user: 'ada',
        tags: ['t'],
      }),
      cost: kept[0]?.cost,
      durationMs: 12.5,
    })
    expect(kept[1]?.usage).toEqual({ ...usage(10, 5), raw: { x: 1 } })
    expect(String(kept[0]?.cost.lines[0]?.amount)).toBe('0.0105')
    // An attempt that is booked again after the update is still known.
    await ledger.append(entry({ attemptId: 'c1/1' }))
    expect(await attemptsIn(ledger)).toHaveLength(3)
    expect((await ledger.totals())[0]).toMatchObject({
      calls: 2,
      attempts: 3,
      freeAttempts: 1,
      unknownAttempts: 1,
    })
    await ledger.budgets.set(budget())
    await spend(ledger, 'a', '0.5')
    await assertClean(ledger, 0)
    expect(() => connect().exec('DELETE FROM entry')).toThrow(/append-only/)
  })

  test('is left as it was where the update fails, and is updated when it can be', async () => {
    const database = makeV1()
    database.exec('CREATE TABLE budget (x)')
    await expect(openSqliteLedger({ path })).rejects.toMatchObject({ code: 'store_failed' })
    expect(database.prepare('SELECT count(*) AS count FROM entry').get()).toEqual({ count: 3 })
    expect(database.prepare(`SELECT value FROM meta WHERE key = 'schema_version'`).get()).toEqual({
      value: '1',
    })
    database.exec('DROP TABLE budget')
    expect(await attemptsIn(await openLedger())).toHaveLength(3)
  })
})

describe('a file of version 2', () => {
  /** What groat 0.2 wrote. */
  const V2_SHA256 = 'be82d5322e9417ca6f1d28a36f2e4d12dc8eafc55912d6255edbe6a59ba4541a'

  test('has the schema that was released', () => {
    const sql = MIGRATIONS[1]?.sql ?? ''
    expect(createHash('sha256').update(sql).digest('hex')).toBe(V2_SHA256)
  })

  test('keeps its holds, settled and open, and tells from then on what a repeated settlement told of', async () => {
    const before = await openLedger()
    await before.budgets.set(budget({ limit: '1' }))
    await spend(before, 'a', '0.5')
    await hold(before, 'b', '0.4')
    await before.close()
    connect().exec(
      `ALTER TABLE hold DROP COLUMN told; UPDATE meta SET value = '2' WHERE key = 'schema_version'`,
    )
    const ledger = await openLedger()
    expect(await settle(ledger, 'a', '0.5')).toEqual({ state: 'repeated', windows: [] })
    const settled = await settle(ledger, 'b', '0.4')
    expect(settled.windows.map(({ crossed }) => crossed)).toEqual([[0.8]])
    expect(await settle(ledger, 'b', '0.4')).toEqual({ ...settled, state: 'repeated' })
    await assertClean(ledger, 0)
  })
})

describe('the proof of a file', () => {
  const WRONG: Readonly<Record<string, string>> = {
    'spent less than its holds': 'UPDATE budget_window SET settled_picos = settled_picos - 1',
    'reserved more than its holds': 'UPDATE budget_window SET reserved_picos = reserved_picos + 1',
    'a hold that cost less than its entry': `UPDATE hold SET actual_picos = actual_picos - 1 WHERE id = 'a'`,
    'an entry that is gone': `DROP TRIGGER entry_never_goes; DELETE FROM entry WHERE id = 'a'`,
    'an assumption that is gone': `DROP TRIGGER entry_never_goes; DELETE FROM entry WHERE id = 'c/assumed'`,
    'an entry that costs more': `DROP TRIGGER entry_never_changes; UPDATE entry SET cost_picos = 9 WHERE id = 'a'`,
    'a hold that is gone': `DELETE FROM hold WHERE id = 'b'`,
  }

  test.each(Object.entries(WRONG))('finds %s', async (_, tampering) => {
    const ledger = await openLedger()
    await ledger.budgets.set(budget({ limit: '1' }))
    await spend(ledger, 'a', '0.25')
    await hold(ledger, 'b', '0.125')
    await hold(ledger, 'c', '0.125', { ttlMs: 0 })
    await ledger.budgets.assume()
    await assertClean(ledger, 1)
    connect().exec(tampering)
    const { discrepancies } = await ledger.budgets.verify()
    expect(discrepancies.length).toBeGreaterThan(0)
    expect(discrepancies[0]?.message).toMatch(/picos/)
  })

  test('lets calls be held and booked meanwhile, and is of one moment', async () => {
    const ledger = await openLedger()
    await ledger.budgets.set(budget({ limit: '1' }))
    const ids = Array.from({ length: 3_000 }, (_, index) => `a${index}`)
    await Promise.all(ids.map((id) => hold(ledger, id, '0.0001')))
    await Promise.all(ids.slice(1).map((id) => settle(ledger, id, '0.0001')))
    const ended: string[] = []
    const proof = ledger.budgets.verify().finally(() => ended.push('proof'))
    await spend(ledger, 'late', '0.1')
    ended.push('call')
    expect(await proof).toEqual({ windows: 1, holds: 3_000, openHolds: 1, entries: 2_999, discrepancies: [] })
    expect(ended).toEqual(['call', 'proof'])
    // What is on a later page is looked at, too.
    connect().exec(`UPDATE hold SET actual_picos = 1 WHERE id = 'a999'`)
    expect((await ledger.budgets.verify()).discrepancies.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^The day of user "ada" from .* says 399900000000 picos settled/),
      'The hold "a999" is settled at 1 picos, and its entries say 100000000',
    ])
  })

  test('cannot be made wrong beyond the limit: the database itself refuses', async () => {
    const ledger = await openLedger()
    await ledger.budgets.set(budget({ limit: '1' }))
    await spend(ledger, 'a', '0.25')
    const database = connect()
    for (const change of [
      'reserved_picos = 800000000000',
      'settled_picos = -1',
      'limit_picos = 1',
      'fired = -1',
    ]) {
      expect(() => database.exec(`UPDATE budget_window SET ${change}`)).toThrow(/CHECK/)
    }
    // Where SQLite would make a float of what does not fit, strict tables refuse.
    const above =
      'UPDATE budget_window SET excess_picos = 9223372036854775807; UPDATE budget_window SET excess_picos = excess_picos + 1'
    expect(() => database.exec(above)).toThrow(/REAL/)
  })
})

describe('budgets in a file', () => {
  test('are there again after opening, with what was held and spent', async () => {
    const ledger = await openLedger()
    await ledger.budgets.set(budget({ limit: '1', onLimit: { fallback: 'ollama/x' } }))
    await spend(ledger, 'a', '0.25')
    await hold(ledger, 'b', '0.5')
    await ledger.close()
    const again = await openLedger()
    expect(await again.budgets.list()).toEqual([budget({ limit: '1', onLimit: { fallback: 'ollama/x' } })])
    expect(await standings(again)).toEqual(['0.25 + 0.50 of 1.00'])
    await refusal(again, 'c', '0.26')
    expect((await settle(again, 'b', '0.5')).state).toBe('settled')
    await assertClean(again, 0)
  })

  test('count holds as spent that expired while nobody had the file open', async () => {
    const ledger = await openLedger()
    await ledger.budgets.set(budget({ period: 'total', limit: '1' }))
    await hold(ledger, 'a', '0.5')
    await ledger.close()
    now = NOON + HOUR
    const again = await openLedger()
    expect(await standings(again)).toEqual(['0.50 + 0.00 of 1.00'])
    expect((await all(again)).map(({ kind }) => kind)).toEqual(['assumption'])
    // A file in which nothing expired is not written to.
    await again.close()
    const seen = watched({ clock: CLOCKED.clock })
    await openLedger(seen.runtime)
    expect(seen.commits).toBe(0)
  })

  test('go by the latest time that any process saw: a clock that was put back reopens nothing', async () => {
    const ledger = await openLedger()
    await ledger.budgets.set(budget({ limit: '1' }))
    await spend(ledger, 'a', '1')
    await ledger.close()
    now = NOON - 40 * DAY
    const again = await openLedger()
    const { refused: window } = await refusal(again, 'b', '0.01')
    expect(window.startsAt).toBe(NOON - 12 * HOUR)
    // Also for an id that has no window yet: no new window is opened in the past.
    await again.budgets.set(budget({ id: '*' }))
    const held = await hold(again, 'c', '0.5', { attribution: { user: 'bob' } })
    expect(held.windows[0]?.startsAt).toBe(NOON - 12 * HOUR)
  })

  test('that another process changes count from the next call on', async () => {
    const [one, other] = [await openLedger(), await openLedger()]
    await one.budgets.set(budget({ limit: '1' }))
    await hold(other, 'a', '0.5')
    await one.budgets.set(budget({ limit: '0.5', thresholds: [0.25] }))
    await refusal(other, 'b', '0.1')
    await settle(one, 'a', '0.25')
    expect(await other.budgets.applicable({ user: 'ada' })).toEqual([
      budget({ limit: '0.5', thresholds: [0.25] }),
    ])
    const settled = await spend(other, 'c', '0.05')
    expect(settled.windows[0]?.crossed).toEqual([])
    await one.budgets.remove(budget())
    expect(await other.budgets.reserve(holdOf('d', '9'))).toEqual({ status: 'unlimited' })
  })

  test('write an entry and its settlement together or not at all, and can be asked again', async () => {
    const seen = watched({ clock: CLOCKED.clock })
    const ledger = await openLedger(seen.runtime)
    await ledger.budgets.set(budget({ limit: '1' }))
    await hold(ledger, 'a', '0.5')
    seen.beforeCommit = () => {
      throw Object.assign(new Error('disk I/O error'), { errcode: 10 })
    }
    const results = await Promise.allSettled([
      ledger.budgets.set(budget({ limit: '9' })),
      settle(ledger, 'a', '0.25'),
      ledger.budgets.reserve(holdOf('b', '0.25')),
    ])
    for (const result of results) expect(result).toMatchObject({ reason: refused('error of the disk', true) })
    // Another process changes the budget meanwhile: what was not written is not remembered in its place.
    const other = await openLedger()
    await other.budgets.set(budget({ limit: '1', thresholds: [0.25] }))
    expect(await ledger.budgets.applicable({ user: 'ada' })).toEqual([
      budget({ limit: '1', thresholds: [0.25] }),
    ])
    expect(await all(ledger)).toEqual([])
    expect(await standings(ledger)).toEqual(['0.00 + 0.50 of 1.00'])
    seen.beforeCommit = () => {}
    await refusal(ledger, 'b', '0.75')
    expect((await settle(ledger, 'a', '0.25')).state).toBe('settled')
    expect(await standings(ledger)).toEqual(['0.25 + 0.00 of 1.00'])
    await assertClean(ledger, 0)
  })

  test('undo a hold that fails half-way, and hold its neighbours in the same transaction', async () => {
    const seen = watched({ clock: CLOCKED.clock })
    const ledger = await openLedger(seen.runtime)
    await ledger.budgets.set(budget({ id: '*', limit: '1' }))
    connect().exec(`CREATE TRIGGER refuse BEFORE UPDATE ON budget_window WHEN NEW.counted_id = 'bad'
      BEGIN SELECT RAISE(ABORT, 'refused in this test'); END`)
    const users = ['ada', 'bad', 'bob', 'bad', 'ada']
    const before = seen.commits
    const results = await Promise.allSettled([
      ...users.map((user, index) =>
        ledger.budgets.reserve(holdOf(`${index}`, '0.25', { attribution: { user } })),
      ),
      ledger.append(entry()),
    ])
    const wanted = ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled']
    expect(results.map(({ status }) => status)).toEqual(wanted)
    expect(results[1]).toMatchObject({ reason: { code: 'store_failed' } })
    expect(seen.commits).toBe(before + 1)
    expect(await standings(ledger)).toEqual(['0.00 + 0.50 of 1.00', '0.00 + 0.25 of 1.00'])
    expect((await collect(ledger)).length).toBe(1)
    await assertClean(ledger, 3)
  })

  test('hold nothing and lose nothing on a full disk, and go on with space', async () => {
    const seen = watched({ clock: CLOCKED.clock })
    const ledger = await openLedger(seen.runtime)
    await ledger.budgets.set(budget({ period: 'total', limit: '1000' }))
    const database = seen.databases[0]
    database?.exec('PRAGMA max_page_count = 90')
    const held: string[] = []
    for (let number = 0; ; number++) {
      const ids = Array.from({ length: 20 }, (_, index) => `${number}.${index}`)
      const tags = [String(number).repeat(400)]
      const results = await Promise.allSettled(
        ids.map((id) => hold(ledger, id, '0.01', { attribution: { user: 'ada', tags } })),
      )
      held.push(...ids.filter((_, index) => results[index]?.status === 'fulfilled'))
      const failed = results.find(({ status }) => status === 'rejected')
      if (failed === undefined) continue
      expect(failed).toMatchObject({ reason: refused('no space left', true) })
      break
    }
    expect(held.length).toBeGreaterThan(0)
    await assertClean(ledger, held.length)
    const [last = ''] = held
    const told = ended(last, '0.01', {
      tags: Array.from({ length: 32 }, (_, index) => String(index).repeat(500)),
    })
    await expect(ledger.budgets.settle(last, told)).rejects.toEqual(refused('no space left', true))
    await assertClean(ledger, held.length)
    database?.exec('PRAGMA max_page_count = 1000')
    expect((await ledger.budgets.settle(last, told)).state).toBe('settled')
    await assertClean(ledger, held.length - 1)
  })

  test('hold nothing in a file that may not be written', async () => {
    const seen = watched({ clock: CLOCKED.clock })
    const ledger = await openLedger(seen.runtime)
    await ledger.budgets.set(budget({ limit: '1' }))
    seen.databases[0]?.exec('PRAGMA query_only = ON')
    await expect(hold(ledger, 'a', '0.1')).rejects.toEqual(refused('cannot be written', false))
    expect(await ledger.budgets.applicable({ user: 'ada' })).toHaveLength(1)
    seen.databases[0]?.exec('PRAGMA query_only = OFF')
    await hold(ledger, 'a', '1')
  })

  test('stop counting before their numbers end, with an error and not with a wrong sum', async () => {
    const ledger = await openLedger()
    await ledger.budgets.set(budget({ period: 'total', limit: null }))
    await hold(ledger, 'a', '9000000')
    await expect(hold(ledger, 'b', '0.01')).rejects.toEqual(refused('counted nine million dollars', false))
    await settle(ledger, 'a', '9200000')
    expect(await standings(ledger)).toEqual(['9200000.00 + 0.00 of no limit'])
    await assertClean(ledger, 0)
  })
})
