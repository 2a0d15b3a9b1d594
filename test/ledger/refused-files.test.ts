import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openLedger } from '../../src/ledger/open.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { systemRuntime } from '../../src/runtime.ts'
import { attemptsIn, entry } from './entries.ts'
import { watched } from './watched.ts'

let folder = ''
let path = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'groat-refused-'))
  path = join(folder, 'groat.db')
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

function refusal(says: string, retryable = false): unknown {
  const message = expect.stringContaining(says) as string
  return expect.objectContaining({ code: 'store_failed', retryable, message })
}

describe('a file that is not to be written is refused and left untouched', () => {
  async function expectRefused(says: string): Promise<void> {
    const before = readFileSync(path)
    await expect(openSqliteLedger({ path })).rejects.toEqual(refusal(says))
    expect(readFileSync(path).equals(before)).toBe(true)
  }

  test('no database', async () => {
    writeFileSync(path, 'Dear diary, '.repeat(1_000))
    await expectRefused('is not a SQLite database')
  })

  test('a file of one byte, which SQLite would take for an empty database', async () => {
    writeFileSync(path, 'x')
    await expectRefused('is not a SQLite database')
  })

  test('the database of another program', async () => {
    const database = new DatabaseSync(path)
    database.exec('CREATE TABLE entry (x)')
    database.close()
    await expectRefused('database of another program')
  })

  test('a ledger of a newer groat', async () => {
    const ledger = await openSqliteLedger({ path })
    await ledger.append(entry())
    await ledger.close()
    const database = new DatabaseSync(path)
    database.exec(`UPDATE meta SET value = '999' WHERE key = 'schema_version'`)
    database.close()
    await expectRefused('schema version 999, and this groat knows up to 3. Update groat')
    await expect(openSqliteLedger({ path })).rejects.toMatchObject({ details: { found: 999, known: 3 } })
  })

  test('a ledger that does not say its version', async () => {
    await (await openSqliteLedger({ path })).close()
    const database = new DatabaseSync(path)
    database.exec(`DELETE FROM meta`)
    database.close()
    await expectRefused('does not say which version')
  })
})

describe('a place that cannot be used', () => {
  test('a folder', async () => {
    await expect(openSqliteLedger({ path: folder })).rejects.toEqual(
      refusal('is a folder. Name a file in it'),
    )
  })

  test('below a file', async () => {
    writeFileSync(path, '')
    await expect(openSqliteLedger({ path: join(path, 'a', 'b.db') })).rejects.toEqual(
      refusal('cannot be made'),
    )
  })

  test.runIf(process.platform === 'linux')('below a folder that takes no files', async () => {
    await expect(openSqliteLedger({ path: '/proc/groat/groat.db' })).rejects.toEqual(
      refusal('cannot be made'),
    )
  })

  /** Root may write anywhere, so a process without rights tries. */
  function openWithoutRights(): string {
    const code = `
      import { openSqliteLedger } from ${JSON.stringify(join(import.meta.dirname, '../../src/ledger/sqlite/index.ts'))}
      process.setuid?.(65534)
      const error = await openSqliteLedger({ path: ${JSON.stringify(path)} }).catch((error) => error)
      console.log(error.code, error.retryable, error.message)`
    return spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }).stdout
  }

  test.runIf(process.getuid?.() === 0)('without the right to make the file', () => {
    expect(openWithoutRights()).toMatch(/^store_failed false .*cannot be made \(EACCES\)/)
  })

  test.runIf(process.getuid?.() === 0)('without the right to write the file', async () => {
    await (await openSqliteLedger({ path })).close()
    chmodSync(folder, 0o755)
    chmodSync(path, 0o444)
    expect(openWithoutRights()).toMatch(/^store_failed false .*cannot be (written|opened)/)
  })

  test('without SQLite in the runtime', async () => {
    const runtime = { ...systemRuntime, builtin: () => undefined }
    await expect(openSqliteLedger({ path }, runtime)).rejects.toEqual(refusal('Node 22.19'))
  })
})

describe('a full disk', () => {
  /** Appends until a write is refused; gives what was acknowledged. */
  async function fill(ledger: Awaited<ReturnType<typeof openLedger>>): Promise<string[]> {
    const acknowledged: string[] = []
    for (;;) {
      const batch = Array.from({ length: 20 }, () => entry({ tags: ['x'.repeat(1_000)] }))
      const results = await Promise.allSettled(batch.map((one) => ledger.append(one)))
      for (const [index, result] of results.entries()) {
        if (result.status === 'fulfilled') acknowledged.push(batch[index]?.attemptId ?? '')
        else expect(result.reason).toEqual(refusal('no space left. Free some space', true))
      }
      if (results.some((result) => result.status === 'rejected')) return acknowledged
    }
  }

  test('refuses what it cannot keep, loses nothing acknowledged, and works again with space', async () => {
    const seen = watched()
    const ledger = await openSqliteLedger({ path }, seen.runtime)
    const database = seen.databases[0]
    database?.exec('PRAGMA max_page_count = 60')
    const acknowledged = await fill(ledger)
    expect(acknowledged.length).toBeGreaterThan(0)
    expect(await attemptsIn(ledger)).toEqual(acknowledged)
    await expect(
      ledger.append(entry({ tags: Array.from({ length: 32 }, (_, index) => String(index).repeat(500)) })),
    ).rejects.toEqual(refusal('no space left', true))
    database?.exec('PRAGMA max_page_count = 1000')
    await ledger.append(entry({ attemptId: 'later' }))
    expect(await attemptsIn(ledger)).toEqual([...acknowledged, 'later'])
    await ledger.close()
  })

  const mountable = ((): boolean => {
    const place = mkdtempSync(join(tmpdir(), 'groat-mount-'))
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', place]).status === 0
    if (mounted) spawnSync('umount', [place])
    rmSync(place, { recursive: true })
    return mounted
  })()

  test.runIf(mountable)('does the same on a real small disk (needs the right to mount)', async () => {
    const disk = join(folder, 'disk')
    mkdirSync(disk)
    spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=600k', 'tmpfs', disk])
    try {
      writeFileSync(join(disk, 'ballast'), 'x'.repeat(200_000))
      path = join(disk, 'groat.db')
      const ledger = await openSqliteLedger({ path })
      const acknowledged = await fill(ledger)
      expect(await attemptsIn(ledger)).toEqual(acknowledged)
      rmSync(join(disk, 'ballast'))
      await ledger.append(entry({ attemptId: 'later' }))
      await ledger.close()
      const again = await openSqliteLedger({ path })
      expect(await attemptsIn(again)).toEqual([...acknowledged, 'later'])
      await again.close()
    } finally {
      spawnSync('umount', ['-l', disk])
    }
  })
})

describe('openLedger', () => {
  test.each([
    ['postgres:ada:secret@db/groat', 'is named as'],
    ['postgresql://ada:secret@db/groat?schema=public', 'a schema of its own'],
    ['sqlite:', 'names no file'],
    ['sqlite::memory:', `named 'memory:'`],
    ['sqlite:~/groat.db', 'write the whole path'],
    ['memory', `'memory:' or 'sqlite:PATH'`],
    ['', `'memory:' or 'sqlite:PATH'`],
  ])('refuses %j', async (spec, says) => {
    const error: unknown = await openLedger(spec).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'config_invalid' })
    expect(String(error)).toContain(says)
    expect(String(error)).not.toContain('secret')
  })

  test('opens a ledger in memory, in a file, and gives back one that is open', async () => {
    const memory = await openLedger('memory:')
    expect(await openLedger(memory)).toBe(memory)
    const file = await openLedger(`sqlite:${path}`)
    await file.append(entry({ attemptId: 'a' }))
    await file.close()
    const again = await openLedger(`sqlite:${path}`)
    expect(await attemptsIn(again)).toEqual(['a'])
    await again.close()
  })
})
