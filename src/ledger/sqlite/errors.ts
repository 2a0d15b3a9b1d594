import { AIError } from '../../core/errors.ts'

/** The primary result codes of SQLite that groat tells apart. */
export const SQLITE = {
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  TOOBIG: 18,
  CONSTRAINT: 19,
  MISMATCH: 20,
  RANGE: 25,
  NOTADB: 26,
} as const

const NAMES_ANOTHER_PLACE = 'or name another place for the ledger'

/** What is said of a file that holds something else. */
export const NO_DATABASE: string = `is not a SQLite database, and was left as it is. Move it away, ${NAMES_ANOTHER_PLACE}`

/** What to say and whether a repeat can help, by primary result code. */
const ADVICE: Readonly<Record<number, { readonly says: string; readonly retryable: boolean }>> = {
  [SQLITE.PERM]: {
    says: `may not be used. Correct its permissions, ${NAMES_ANOTHER_PLACE}`,
    retryable: false,
  },
  [SQLITE.BUSY]: {
    says: 'is locked by another process. Wait until that is done, or end it',
    retryable: true,
  },
  [SQLITE.LOCKED]: {
    says: 'is locked by another process. Wait until that is done, or end it',
    retryable: true,
  },
  [SQLITE.READONLY]: {
    says: `cannot be written. Correct the permissions of the file and its folder, ${NAMES_ANOTHER_PLACE}`,
    retryable: false,
  },
  [SQLITE.IOERR]: { says: 'met an error of the disk. Check the disk and repeat', retryable: true },
  [SQLITE.CORRUPT]: {
    says: 'is damaged. Move it away and restore a backup; groat does not repair or overwrite it',
    retryable: false,
  },
  [SQLITE.FULL]: { says: 'has no space left. Free some space on the disk and repeat', retryable: true },
  [SQLITE.CANTOPEN]: {
    says: `cannot be opened. Check that its folder exists and can be written, ${NAMES_ANOTHER_PLACE}`,
    retryable: false,
  },
  [SQLITE.NOTADB]: { says: NO_DATABASE, retryable: false },
}

/** The primary result code of an error of `node:sqlite`; undefined for any other error. */
export function sqliteCode(error: unknown): number | undefined {
  const code: unknown = (error as { errcode?: unknown } | undefined)?.errcode
  // The low byte is the primary code; the rest says more than we need.
  return typeof code === 'number' ? code & 0xff : undefined
}

/** Whether another connection is in the way, so that waiting helps. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === SQLITE.BUSY || code === SQLITE.LOCKED
}

/** Makes a `store_failed` that says what to do next out of anything that was thrown by or around a database file. */
export function storeFailed(path: string, error: unknown): AIError {
  if (error instanceof AIError) return error
  const code = sqliteCode(error)
  const advice = code === undefined ? undefined : ADVICE[code]
  const told = error instanceof Error ? error.message : String(error)
  const says = advice?.says ?? `failed: ${told}`
  const details = { path, ...(code === undefined ? {} : { sqlite: code }) }
  const message = `The ledger ${path} ${says}.`
  return new AIError({ code: 'store_failed', message, retryable: advice?.retryable, details, cause: error })
}

/** A `store_failed` that no repeat can help. */
export function refusedFile(path: string, says: string, details: Record<string, unknown> = {}): AIError {
  const message = `The ledger ${path} ${says}.`
  return new AIError({ code: 'store_failed', message, retryable: false, details: { path, ...details } })
}
