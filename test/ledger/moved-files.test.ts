import fs, { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { BudgetLedger } from '../../src/ledger/budget-store.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'
import { systemRuntime, type Runtime } from '../../src/runtime.ts'
import { budget, hold, holdOf, settle, standings } from './budget-case.ts'
import { entry } from './entries.ts'

let folder = ''
let path = ''
let opened: BudgetLedger[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'groat-moved-files-'))
  path = join(folder, 'groat.db')
})

afterEach(async () => {
  for (const ledger of opened) await ledger.close()
  opened = []
  rmSync(folder, { recursive: true, force: true })
})

async function open(runtime?: Runtime): Promise<BudgetLedger> {
  const ledger = await openSqliteLedger({ path }, runtime)
  opened.push(ledger)
  return ledger
}

const message = expect.stringContaining('was moved, replaced or deleted while it was open') as string
const MOVED: unknown = expect.objectContaining({ code: 'store_failed', retryable: false, message })

describe('a file that is not where it was', () => {
  const MOVES: Readonly<Record<string, () => void>> = {
    deleted: () => rmSync(path),
    'moved away': () => renameSync(path, `${path}.old`),
    replaced: () => {
      copyFileSync(path, `${path}.copy`)
      renameSync(`${path}.copy`, path)
    },
  }

  test.each(Object.entries(MOVES))('takes no more holds and entries when it was %s', async (_, move) => {
    const ledger = await open()
    await ledger.budgets.set(budget({ limit: '1' }))
    await hold(ledger, 'a', '0.6')
    move()
    await expect(ledger.budgets.reserve(holdOf('b', '0.1'))).rejects.toEqual(MOVED)
    await expect(settle(ledger, 'a', '0.5')).rejects.toEqual(MOVED)
    await expect(ledger.append(entry({ id: 'c', attemptId: 'c' }))).rejects.toEqual(MOVED)
  })

  test('is another one on another disk, whatever its number is', async () => {
    let disk = 1n
    const statSync = (of: string, options: { bigint: true; throwIfNoEntry: false }): unknown => {
      const found = fs.statSync(of, options)
      return found && Object.assign(found, { dev: disk })
    }
    const moved = { ...fs, statSync }
    const ledger = await open({
      ...systemRuntime,
      builtin: (name) => (name === 'node:fs' ? moved : systemRuntime.builtin(name)),
    })
    await ledger.append(entry({ id: 'a', attemptId: 'a' }))
    disk = 2n
    await expect(ledger.append(entry({ id: 'b', attemptId: 'b' }))).rejects.toEqual(MOVED)
  })

  test('takes them again when it is back', async () => {
    const ledger = await open()
    await ledger.budgets.set(budget({ limit: '1' }))
    await hold(ledger, 'a', '0.6')
    renameSync(path, `${path}.old`)
    await expect(ledger.budgets.reserve(holdOf('b', '0.1'))).rejects.toEqual(MOVED)
    renameSync(`${path}.old`, path)
    await settle(ledger, 'a', '0.5')
    expect(await standings(ledger)).toEqual(['0.50 + 0.00 of 1.00'])
  })
})
