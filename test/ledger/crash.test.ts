import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { attemptsIn } from './entries.ts'

const ROUNDS_MIN = 3
const ROUNDS_MAX = 12
/** No new round begins after this, in milliseconds. */
const ROUNDS_MS = 8_000
/** For a machine that is busy with other things, in milliseconds. */
const TIMEOUT_MS = 60_000
const ACKNOWLEDGED_MAX = 600
const WRITER = join(import.meta.dirname, 'writer.ts')

let folder = ''
let path = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'groat-crash-'))
  path = join(folder, 'groat.db')
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

function startWriter(prefix: string, count: number): ChildProcess {
  return spawn(process.execPath, [WRITER, path, prefix, String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** All ids that a writer said, up to its end; it is killed after so many of them. */
async function acknowledged(writer: ChildProcess, killAfter = Infinity): Promise<string[]> {
  let text = ''
  let lines = 0
  writer.stdout?.setEncoding('utf8').on('data', (piece: string) => {
    text += piece
    lines += piece.split('\n').length - 1
    if (lines >= killAfter) writer.kill('SIGKILL')
  })
  await once(writer, 'close')
  // What stands after the last line end was cut by the kill, and was not said.
  return text.split('\n').slice(0, -1)
}

test(
  'keeps every acknowledged entry exactly once when the process is killed in the middle of writing',
  async () => {
    const said: string[] = []
    const started = performance.now()
    const isTime = (): boolean => performance.now() - started < ROUNDS_MS
    for (let round = 0; round < ROUNDS_MIN || (round < ROUNDS_MAX && isTime()); round++) {
      const writer = startWriter(`round${round}`, 1_000_000)
      const ids = await acknowledged(writer, 1 + Math.floor(Math.random() * ACKNOWLEDGED_MAX))
      expect(writer.signalCode).toBe('SIGKILL')
      said.push(...ids)

      const database = new DatabaseSync(path)
      expect(database.prepare('PRAGMA integrity_check').get()).toMatchObject({ integrity_check: 'ok' })
      database.close()
      const ledger = await openSqliteLedger({ path })
      const kept = await attemptsIn(ledger)
      await ledger.close()
      const there = new Set(kept)
      expect(there.size, 'each attempt once').toBe(kept.length)
      expect(said.filter((id) => !there.has(id))).toEqual([])
    }
    expect(said.length).toBeGreaterThanOrEqual(ROUNDS_MIN)
  },
  TIMEOUT_MS,
)

test(
  'lets two processes write one file at once, from the making of the file on',
  async () => {
    const count = 400
    const ids = await Promise.all(['a', 'b'].map((prefix) => acknowledged(startWriter(prefix, count))))
    expect(ids.map((said) => said.length)).toEqual([count, count])
    const ledger = await openSqliteLedger({ path })
    const kept = await attemptsIn(ledger)
    expect(kept.toSorted()).toEqual(ids.flat().toSorted())
    const totals = await ledger.totals({ by: ['user'] })
    expect(totals.map((total) => total.calls)).toEqual([count, count])
    await ledger.close()
  },
  TIMEOUT_MS,
)
