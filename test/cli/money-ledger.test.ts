import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { entry, exact, NOON } from '../ledger/entries.ts'
import { readCsv } from '../ledger/books.ts'
import { groat, groatProgram, parsed, startGroat, type Place } from './child.ts'
import { json, moneyPlace, ONE_CALL, textIn } from './money-place.ts'

// Each test starts programs, which takes seconds on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 })

let place: Place

beforeEach(() => {
  place = moneyPlace()
  return () => place[Symbol.dispose]()
})

/** Writes to the books behind groat's back. */
function manipulate(sql: string): void {
  const database = new DatabaseSync(join(place.folder, 'books.db'))
  database.exec(`DROP TRIGGER entry_never_changes; DROP TRIGGER entry_never_goes; ${sql}`)
  database.close()
}

describe('groat ledger verify', () => {
  beforeEach(async () => {
    await groat(place, ['budget', 'set', '1', '--user', 'ada', '--period', 'total'])
    await groat(place, ['ask', 'Hi', '--user', 'ada'])
    await groat(place, ['ask', 'Hi'])
  })

  test('proves books that add up', async () => {
    expect(await groatProgram(place, ['ledger', 'verify'])).toEqual({
      code: 0,
      stdout: 'the books add up · 2 entries, 1 windows, 1 holds (0 open)\n',
      stderr: '',
    })
    expect(await json(place, 'ledger', 'verify')).toEqual({
      code: 0,
      value: { entries: 2, windows: 1, holds: 1, openHolds: 0, discrepancies: [] },
    })
  })

  test.each([
    [
      'a window that says less than was spent',
      'UPDATE budget_window SET settled_picos = 1',
      /^wrong: The total of user "ada" from 1970-01-01T00:00:00.000Z says 1 picos settled and 0 reserved; its holds make 174000000 and 0$/m,
    ],
    [
      'an entry that was made cheaper',
      'UPDATE entry SET cost_picos = 1 WHERE user IS NOT NULL',
      /^wrong: The hold ".+\/1" is settled at 174000000 picos, and its entries say 1$/m,
    ],
    [
      'an entry that was taken out',
      'DELETE FROM entry WHERE user IS NOT NULL',
      /^wrong: The hold ".+\/1" is settled at 174000000 picos, and it has no entry$/m,
    ],
    [
      'a hold that was taken out',
      'DELETE FROM hold',
      /^wrong: The total of user "ada" .+ says 174000000 picos settled and 0 reserved; its holds make 0 and 0$/m,
    ],
  ])('finds %s', async (_, sql, says) => {
    manipulate(sql)
    const { code, stdout, stderr } = await groatProgram(place, ['ledger', 'verify'])
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
    expect(stdout).toMatch(says)
    expect(stdout).toMatch(/^the books do not add up: 1 fault · /m)
    const { code: jsonCode, value } = await json(place, 'ledger', 'verify')
    expect(jsonCode).toBe(1)
    expect(value['discrepancies']).toHaveLength(1)
    // Looking changes nothing: it is found again.
    expect((await groat(place, ['ledger', 'verify'])).code).toBe(1)
  })

  test('proves the books as a whole, and only those that there are', async () => {
    const { code, stderr } = await groat(place, ['ledger', 'verify', '--provider', 'cloud'])
    expect(code).toBe(2)
    expect(stderr).toContain('proved as a whole')
    expect((await groat(place, ['ledger', 'verify', '--user', 'ada'])).code).toBe(2)
    writeFileSync(join(place.folder, 'other.db'), 'no database')
    expect((await groat(place, ['ledger', 'verify', '--ledger', 'other.db'])).code).toBe(1)
  })
})

describe('groat ledger export', () => {
  test('writes CSV to stdout, all of it or what is asked for', async () => {
    await groat(place, ['ask', 'Hi', '--user', '=cmd|"calc"!A1', '--tag', 'a,b'])
    await groat(place, ['ask', 'Hi', '--user', 'ada', '--project', 'two\nlines'])
    const { code, stdout, stderr } = await groatProgram(place, ['ledger', 'export'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(`,"'=cmd|""calc""!A1",`)
    expect(readCsv(stdout)).toMatchObject([
      { user: `'=cmd|"calc"!A1`, tags: '["a,b"]', cost_usd: ONE_CALL, cost_status: 'exact' },
      { user: 'ada', project: 'two\nlines', tags: '', cost_usd: ONE_CALL, input_tokens: '1000' },
    ])
    expect(readCsv((await groatProgram(place, ['ledger', 'export', '--user', 'ada'])).stdout)).toHaveLength(1)
    expect(readCsv((await groat(place, ['ledger', 'export', '--tag', 'a,b'])).stdout)).toHaveLength(1)
    expect(readCsv((await groat(place, ['ledger', 'export', '--model', 'gone/x'])).stdout)).toHaveLength(0)
    expect(readCsv((await groat(place, ['ledger', 'export', '--until', '1h'])).stdout)).toHaveLength(0)
    expect(readCsv((await groat(place, ['ledger', 'export', '--since', '1h'])).stdout)).toHaveLength(2)
  })

  test('writes JSON with --json or --format json, money as texts', async () => {
    await groat(place, ['ask', 'Hi', '--user', 'ada'])
    const { stdout } = await groatProgram(place, ['ledger', 'export', '--json'])
    const entries = JSON.parse(stdout) as object[]
    expect(entries).toMatchObject([{ user: 'ada', cost: { amount: ONE_CALL, status: 'exact' } }])
    expect((await groat(place, ['ledger', 'export', '--format', 'json'])).stdout).toBe(stdout)
    expect((await groat(place, ['ledger', 'export', '--json', '--format', 'csv'])).stdout).toMatch(
      /^id,kind,/,
    )
  })

  test('writes a file that only its owner can read, over an older one and behind a link', async () => {
    await groat(place, ['ask', 'Hi'])
    writeFileSync(join(place.folder, 'old.csv'), 'old')
    symlinkSync('old.csv', join(place.folder, 'link.csv'))
    expect(await groatProgram(place, ['ledger', 'export', '--out', 'link.csv'])).toEqual({
      code: 0,
      stdout: '',
      stderr: '1 entry written to link.csv\n',
    })
    expect(readCsv(textIn(place, 'old.csv'))).toHaveLength(1)
    expect(statSync(join(place.folder, 'old.csv')).mode & 0o777).toBe(0o600)
    const { value } = await json(place, 'ledger', 'export', '--out', 'new.json', '--user', 'nobody')
    expect(value).toEqual({ file: join(place.folder, 'new.json'), format: 'json', entries: 0 })
    expect(textIn(place, 'new.json')).toBe('[]\n')
    expect(readdirSync(place.folder).filter((name) => name.includes('.part'))).toEqual([])
  })

  test.each([
    ['nowhere/out.csv', 'ENOENT: no such file or directory'],
    ['folder', 'it is there and is no file'],
    ['groat.config.ts/out.csv', 'ENOTDIR'],
    // In place of a device: whoever writes as root must not put a file there.
    ['pipe', 'it is there and is no file'],
  ])('cannot write %s, says so, and ends with 1', async (out, says) => {
    mkdirSync(join(place.folder, 'folder'))
    execFileSync('mkfifo', [join(place.folder, 'pipe')])
    const { code, stderr } = await groat(place, ['ledger', 'export', '--out', out])
    expect(code).toBe(1)
    expect(stderr).toContain(`Cannot write ${out}: ${says}`)
    expect(stderr).not.toContain('.part')
    expect(stderr).toContain('next:  name a file')
    expect(parsed(await groat(place, ['ledger', 'export', '--json', '--out', out]))).toMatchObject({
      error: { code: 'output_failed' },
    })
    expect(readdirSync(join(place.folder, 'folder'))).toEqual([])
    expect(statSync(join(place.folder, 'pipe')).isFIFO()).toBe(true)
  })

  test('refuses what it does not know', async () => {
    expect((await groat(place, ['ledger', 'export', '--format', 'xml'])).stderr).toContain('csv, json')
    expect((await groat(place, ['ledger', 'export', '--since', 'soon'])).code).toBe(2)
    expect((await groat(place, ['ledger', 'export', '--by', 'user'])).code).toBe(2)
    const { code, stderr } = await groat(place, ['ledger', 'exprt'])
    expect(code).toBe(2)
    expect(stderr).toContain('did you mean export?')
    expect(await groat(place, ['ledger'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Usage: groat ledger') as string,
      stderr: '',
    })
  })

  describe('of many entries', () => {
    const COUNT = 30_000

    beforeEach(async () => {
      const ledger = await openSqliteLedger({ path: join(place.folder, 'books.db') })
      const many = Array.from({ length: COUNT }, () => entry({ at: NOON, cost: exact('0.000000000001') }))
      await Promise.all(many.map((one) => ledger.append(one)))
      await ledger.close()
    })

    test('stops at Ctrl-C with 130, and leaves no file that looks complete', async () => {
      writeFileSync(join(place.folder, 'out.csv'), 'old')
      const child = startGroat(place, 'ledger', 'export', '--out', 'out.csv')
      // It has begun when its unfinished file is there.
      const isUnfinished = (name: string): boolean => name.startsWith('out.csv.') && name.endsWith('.part')
      while (!readdirSync(place.folder).some(isUnfinished) && child.process.exitCode === null)
        await new Promise((resolve) => setImmediate(resolve))
      child.process.kill('SIGINT')
      expect(await child.ended).toMatchObject({ code: 130, stderr: 'stopped: out.csv was not written\n' })
      expect(textIn(place, 'out.csv')).toBe('old')
      expect(readdirSync(place.folder).filter(isUnfinished)).toEqual([])
      // The control: what is not stopped is written whole.
      expect((await groatProgram(place, ['ledger', 'export', '--out', 'out.csv'])).stderr).toContain('30,000')
      expect(readCsv(textIn(place, 'out.csv'))).toHaveLength(COUNT)
    })

    test('killed, it leaves the old file as it was', async () => {
      const child = startGroat(place, 'ledger', 'export', '--out', 'out.csv')
      while (
        !readdirSync(place.folder).some((name) => name.endsWith('.part')) &&
        child.process.exitCode === null
      )
        await new Promise((resolve) => setImmediate(resolve))
      child.process.kill('SIGKILL')
      expect((await child.ended).code).toBeNull()
      expect(existsSync(join(place.folder, 'out.csv'))).toBe(false)
    })

    test('a reader that leaves ends it quietly', async () => {
      const child = startGroat(place, 'ledger', 'export')
      await child.saw('attempt')
      child.process.stdout?.destroy()
      expect(await child.ended).toMatchObject({ code: 0, stderr: '' })
      expect(child.stdout.split('\n').length).toBeLessThan(COUNT)
    })
  })
})
