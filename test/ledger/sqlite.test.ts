import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { BATCH_MAX, GroupCommit, QUEUED_MAX } from '../../src/ledger/sqlite/group-commit.ts'
import { openSqliteLedger, type SqliteLedgerOptions } from '../../src/ledger/sqlite/index.ts'
import { systemClock, systemRuntime, type Clock } from '../../src/runtime.ts'
import { attemptsIn, collect, entry, exactPicos, FREE, INT64_MAX } from './entries.ts'
import { watched } from './watched.ts'

let folder = ''
let path = ''
let open: (Ledger | DatabaseSync)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'groat-sqlite-'))
  path = join(folder, 'new', 'groat.db')
})

afterEach(async () => {
  for (const one of open) {
    if (one instanceof DatabaseSync) one.close()
    else await one.close()
  }
  open = []
  rmSync(folder, { recursive: true, force: true })
})

async function openLedger(more: Partial<SqliteLedgerOptions> = {}, runtime = systemRuntime): Promise<Ledger> {
  const ledger = await openSqliteLedger({ path, ...more }, runtime)
  open.push(ledger)
  return ledger
}

/** Another connection to the same file, as another program would have it. */
function connect(): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 0 })
  open.push(database)
  return database
}

describe('the file', () => {
  test('gives back after opening again what was written before', async () => {
    const ledger = await openLedger()
    const written = [entry({ cost: FREE }), entry({ cost: exactPicos(INT64_MAX) })]
    for (const one of written) await ledger.append(one)
    await ledger.close()
    const again = await openLedger()
    expect(await collect(again)).toEqual(written)
    await again.append(written[0] ?? entry())
    expect(await collect(again)).toHaveLength(2)
  })

  test('is private, write-ahead, flushed on each commit, and strict', async () => {
    const seen = watched()
    await openLedger({}, seen.runtime)
    const pragma = (name: string): unknown =>
      Object.values(seen.databases[0]?.prepare(`PRAGMA ${name}`).get() ?? {})[0]
    expect(['journal_mode', 'synchronous', 'foreign_keys'].map(pragma)).toEqual(['wal', 2, 1])
    const tables = connect()
      .prepare(`SELECT name, strict FROM pragma_table_list WHERE name NOT LIKE 'sqlite%'`)
      .all()
    expect(tables.length).toBeGreaterThan(1)
    expect(tables.filter((table) => table['strict'] !== 1)).toEqual([])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700)
  })

  test('is flushed by the system where NORMAL is asked for', async () => {
    const seen = watched()
    await openLedger({ synchronous: 'NORMAL' }, seen.runtime)
    expect(seen.databases[0]?.prepare('PRAGMA synchronous').get()).toMatchObject({ synchronous: 1 })
  })

  test('refuses to change or lose an entry', async () => {
    const ledger = await openLedger()
    await ledger.append(entry({ user: 'ada' }))
    const database = connect()
    expect(() => database.exec(`UPDATE entry SET user = 'eve'`)).toThrow(/append-only/)
    expect(() => database.exec('DELETE FROM entry')).toThrow(/append-only/)
    expect((await collect(ledger))[0]?.user).toBe('ada')
  })

  test.each([
    { path: '' },
    { path: 'a\0b' },
    { synchronous: 'OFF' as 'FULL' },
    { lockWaitMs: Number.NaN },
    { rollupEntriesMin: -1 },
  ])('refuses the options %j', async (more) => {
    await expect(openLedger(more)).rejects.toMatchObject({ code: 'config_invalid' })
  })
})

describe('writes at once', () => {
  test('share transactions', async () => {
    const seen = watched()
    const ledger = await openLedger({}, seen.runtime)
    const count = BATCH_MAX * 2 + 1
    await Promise.all(Array.from({ length: count }, () => ledger.append(entry())))
    expect(seen.commits).toBe(3)
    expect(await collect(ledger)).toHaveLength(count)
  })

  test('share transactions also when they come in different turns of the microtask queue', async () => {
    const seen = watched()
    const ledger = await openLedger({}, seen.runtime)
    await Promise.all(
      Array.from({ length: 64 }, async (_, turns) => {
        for (let turn = 0; turn < turns; turn++) await Promise.resolve()
        await ledger.append(entry())
      }),
    )
    expect(seen.commits).toBe(1)
  })

  test('are acknowledged only after the commit', async () => {
    const seen = watched()
    const ledger = await openLedger({}, seen.runtime)
    let acknowledged = 0
    const other = connect().prepare('SELECT count(*) AS count FROM entry')
    seen.beforeCommit = () => {
      expect(acknowledged).toBe(0)
      expect(other.get()).toEqual({ count: 0 })
    }
    const one = async (): Promise<void> => {
      await ledger.append(entry())
      acknowledged++
      expect(other.get()).toEqual({ count: 2 })
    }
    await Promise.all([one(), one()])
    expect(acknowledged).toBe(2)
  })

  test('do not fail because of a neighbour that the database refuses', async () => {
    const ledger = await openLedger()
    connect().exec(`CREATE TRIGGER refuse BEFORE INSERT ON entry WHEN NEW.user = 'bad'
      BEGIN SELECT RAISE(ABORT, 'refused in this test'); END`)
    const users = ['good', 'bad', 'good']
    const results = await Promise.allSettled(users.map((user) => ledger.append(entry({ user }))))
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(results[1]).toMatchObject({ reason: { code: 'store_failed' } })
    expect((await collect(ledger)).map((one) => one.user)).toEqual(['good', 'good'])
  })

  test('are all rejected, and none is there, where their commit fails; the next ones are written', async () => {
    const seen = watched()
    const ledger = await openLedger({}, seen.runtime)
    await ledger.append(entry({ attemptId: 'before' }))
    seen.beforeCommit = () => {
      throw Object.assign(new Error('disk I/O error'), { errcode: 10 })
    }
    const results = await Promise.allSettled([ledger.append(entry()), ledger.append(entry())])
    for (const result of results) {
      expect(result).toMatchObject({ reason: { code: 'store_failed', retryable: true } })
    }
    seen.beforeCommit = () => {}
    await ledger.append(entry({ attemptId: 'after' }))
    expect(await attemptsIn(ledger)).toEqual(['before', 'after'])
  })

  test('are refused beyond a number, and only those beyond it', async () => {
    await openLedger()
    const commits = new GroupCommit({ database: connect(), path, checkPlace: () => {} }, 0, systemRuntime)
    let done = 0
    const jobs = Array.from({ length: QUEUED_MAX }, () => commits.run(() => void done++))
    await expect(commits.run(() => {})).rejects.toMatchObject({ code: 'store_failed', retryable: true })
    await Promise.all(jobs)
    expect(done).toBe(QUEUED_MAX)
    await commits.run(() => {})
  })
})

describe('a file that another process holds', () => {
  /** A clock on which waiting takes no time, and which tells when someone waits. */
  function clock(onWait: (waits: number) => void): Clock {
    let now = 0
    let waits = 0
    return {
      now: () => systemClock.now(),
      elapsed: () => now,
      after: (ms, callback) => {
        now += ms
        onWait(++waits)
        return systemClock.after(0, callback)
      },
    }
  }

  test('is waited for without blocking, and what came meanwhile is written together', async () => {
    let other: DatabaseSync | undefined
    let late: Promise<void> | undefined
    const onWait = (waits: number): void => {
      if (waits === 2) late = ledger.append(entry({ attemptId: 'late' }))
      if (waits === 4) other?.exec('COMMIT')
    }
    const seen = watched({ clock: clock(onWait) })
    const ledger = await openLedger({}, seen.runtime)
    other = connect()
    other.exec('BEGIN IMMEDIATE')
    await ledger.append(entry({ attemptId: 'early' }))
    await late
    expect(seen.commits).toBe(1)
    expect(await attemptsIn(ledger)).toEqual(['early', 'late'])
  })

  test('is given up after a while with an error that says so; later writes work', async () => {
    let waits = 0
    const runtime = { ...systemRuntime, clock: clock(() => waits++) }
    const ledger = await openLedger({ lockWaitMs: 500 }, runtime)
    const other = connect()
    other.exec('BEGIN IMMEDIATE')
    const error = expect.objectContaining({
      code: 'store_failed',
      retryable: true,
      message: expect.stringContaining('locked by another process') as string,
    }) as unknown
    await expect(ledger.append(entry())).rejects.toEqual(error)
    // Pauses of 4 to 50 ms: far from a spin.
    expect(waits).toBeGreaterThan(9)
    expect(waits).toBeLessThan(126)
    other.exec('ROLLBACK')
    await ledger.append(entry({ attemptId: 'later' }))
    expect(await attemptsIn(ledger)).toEqual(['later'])
  })

  test('is waited for also when it is opened', async () => {
    await (await openLedger()).close()
    const other = connect()
    other.exec('BEGIN IMMEDIATE')
    const onWait = (waits: number): void => {
      if (waits === 3) other.exec('COMMIT')
    }
    await openLedger({}, { ...systemRuntime, clock: clock(onWait) })
    other.exec('BEGIN IMMEDIATE')
    const late = openLedger({ lockWaitMs: 100 }, { ...systemRuntime, clock: clock(() => {}) })
    await expect(late).rejects.toMatchObject({ code: 'store_failed', retryable: true })
    other.exec('ROLLBACK')
  })
})
