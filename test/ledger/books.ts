import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAI } from '../../src/index.ts'
import type { Client, Ledger, LedgerEntry } from '../../src/index.ts'
import { createMemoryLedger } from '../../src/ledger/memory/index.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite/index.ts'

/** The stores that books are asked of in tests, by name. */
export const STORES = ['memory', 'sqlite'] as const

/** Entries that are written at once: a ledger refuses to queue more than some. */
const BATCH_ENTRIES = 10_000

/** A client over a ledger with these entries. */
export async function booksOf(
  store: (typeof STORES)[number],
  entries: readonly LedgerEntry[] = [],
): Promise<Client['ledger'] & AsyncDisposable> {
  const folder = mkdtempSync(join(tmpdir(), 'groat-books-'))
  const ledger: Ledger =
    store === 'memory' ? createMemoryLedger() : await openSqliteLedger({ path: join(folder, 'groat.db') })
  for (let start = 0; start < entries.length; start += BATCH_ENTRIES) {
    await Promise.all(entries.slice(start, start + BATCH_ENTRIES).map((entry) => ledger.append(entry)))
  }
  const ai = createAI({ ledger })
  return Object.assign(ai.ledger, {
    [Symbol.asyncDispose]: async () => {
      await ai.close()
      rmSync(folder, { recursive: true, force: true })
    },
  })
}

/** All of a text that comes in pieces. */
export async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const piece of pieces) text += piece
  return text
}

/** The rows of a CSV file by RFC 4180: what a reader of it gets. */
export function readCsv(text: string): Record<string, string>[] {
  const rows: string[][] = []
  let row: string[] = []
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy
  for (let found = cell.exec(text); found !== null; found = cell.exec(text)) {
    const [, quoted, plain = '', end] = found
    row.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'))
    if (end === ',') continue
    rows.push(row)
    row = []
  }
  const read = rows.map((cells) => cells.length)
  const [names = [], ...others] = rows
  if (!text.endsWith('\r\n') || new Set(read).size !== 1) throw new Error('This is no CSV file of RFC 4180')
  return others.map((cells) => Object.fromEntries(names.map((name, index) => [name, cells[index] ?? ''])))
}
