import type * as FileSystem from 'node:fs'
import type * as Path from 'node:path'
import type * as Sqlite from 'node:sqlite'
import type { DatabaseSync } from 'node:sqlite'
import { AIError } from '../../core/errors.ts'
import type { Runtime } from '../../runtime.ts'
import { NO_DATABASE, refusedFile, SQLITE, sqliteCode, storeFailed } from './errors.ts'
import { BUSY_BLOCK_MS, whenFree } from './locks.ts'
import { APPLICATION_ID, MIGRATIONS } from './migrations.ts'

/** Largest write-ahead log that stays on disk after a checkpoint, in bytes. */
const WAL_BYTES_MAX = 64 * 1024 * 1024
/** Only the owner may read a new ledger: it says who used what. */
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/** Smallest SQLite database that is not empty, in bytes: one page. */
const DATABASE_BYTES_MIN = 512

const MOVED =
  'was moved, replaced or deleted while it was open, and what is written now would be lost. Put it back where it was, ' +
  'or start the program again with what is there'

/** Whether a commit waits for the disk (`FULL`) or for the system only. */
export type Synchronous = 'FULL' | 'NORMAL'

interface FileOptions {
  readonly path: string
  readonly synchronous: Synchronous
  readonly lockWaitMs: number
}

/** An open, migrated ledger file. */
export interface LedgerFile {
  readonly database: DatabaseSync
  /** Absolute. */
  readonly path: string
  /** @throws AIError where another file, or none, is there by now: what is written to this one nobody else would find */
  checkPlace(): void
  /** Makes another connection, which only reads and is its maker's to close. */
  connect(): DatabaseSync
}

/**
 * Opens a ledger file, makes it and its folder where they are missing, and brings its schema up to date.
 *
 * @throws AIError `store_failed`
 */
export async function openFile(options: FileOptions, runtime: Runtime): Promise<LedgerFile> {
  const fs = needBuiltin(runtime, 'node:fs') as typeof FileSystem
  const paths = needBuiltin(runtime, 'node:path') as typeof Path
  const sqlite = needBuiltin(runtime, 'node:sqlite') as typeof Sqlite
  const path = paths.resolve(options.path)
  try {
    makePlace(fs, paths, path)
    const open = (): DatabaseSync => openDatabase(sqlite, path, options.synchronous)
    const database = await whenFree(open, options.lockWaitMs, runtime)
    const number = (): string => {
      // A snapshot of the disk that takes its place has the same numbers of files.
      const found = fs.statSync(path, { bigint: true, throwIfNoEntry: false })
      return found ? `${found.dev}/${found.ino}` : 'none'
    }
    const opened = number()
    const checkPlace = (): void => {
      if (number() !== opened) throw refusedFile(path, MOVED)
    }
    const connect = (): DatabaseSync =>
      new sqlite.DatabaseSync(path, { readOnly: true, timeout: BUSY_BLOCK_MS })
    return { path, database, checkPlace, connect }
  } catch (error) {
    throw storeFailed(path, error)
  }
}

function needBuiltin(runtime: Runtime, name: string): unknown {
  const builtin = runtime.builtin(name)
  if (builtin !== undefined) return builtin
  const message =
    `A SQLite ledger needs Node 22.19 or newer: there is no ${name} here. ` +
    `Use a newer Node, or the ledger 'memory:'.`
  throw new AIError({ code: 'store_failed', message, retryable: false })
}

/** Makes the folder and, if there is none, an empty file with narrow permissions, which SQLite's side files inherit. */
function makePlace(fs: typeof FileSystem, paths: typeof Path, path: string): void {
  try {
    const found = fs.statSync(path, { throwIfNoEntry: false })
    if (found?.isDirectory() === true) {
      throw refusedFile(path, 'is a folder. Name a file in it, such as groat.db')
    }
    if (found !== undefined) {
      if (!found.isFile()) throw refusedFile(path, 'is no ordinary file. Name another place for the ledger')
      // SQLite takes a file of one byte for an empty one, and would overwrite it.
      if (found.size > 0 && found.size < DATABASE_BYTES_MIN) throw refusedFile(path, NO_DATABASE)
      return
    }
    makeFolder(fs, paths, paths.dirname(path))
    // Never an open and close of a file that is there: closing it would drop this process's other locks on it.
    fs.closeSync(fs.openSync(path, 'ax', FILE_MODE))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (error instanceof AIError) throw error
    if (code === 'EEXIST') return
    if (code === 'ENOSPC') throw Object.assign(new Error('disk full'), { errcode: SQLITE.FULL })
    const details = { cause: code }
    throw refusedFile(
      path,
      `cannot be made (${code}). Check that its folder can be written, or name another place`,
      details,
    )
  }
}

/** Not `recursive: true`: Node's own walk never ends where a folder says that it is not there, as /proc does. */
function makeFolder(fs: typeof FileSystem, paths: typeof Path, folder: string): void {
  const missing: string[] = []
  let above = folder
  while (!fs.existsSync(above) && paths.dirname(above) !== above) {
    missing.unshift(above)
    above = paths.dirname(above)
  }
  for (const path of missing) {
    try {
      fs.mkdirSync(path, { mode: FOLDER_MODE })
    } catch (error) {
      // Another process may have made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

function openDatabase(sqlite: typeof Sqlite, path: string, synchronous: Synchronous): DatabaseSync {
  const database = new sqlite.DatabaseSync(path, { timeout: BUSY_BLOCK_MS })
  try {
    // Before anything is written: a file that is not ours stays as it is.
    const isNew = checkOwner(database, path)
    if (!isNew) checkVersion(versionOf(database), path)
    database.exec('PRAGMA journal_mode = WAL')
    database.exec(`PRAGMA synchronous = ${synchronous}`)
    database.exec('PRAGMA foreign_keys = ON')
    database.exec('PRAGMA trusted_schema = OFF')
    database.exec(`PRAGMA journal_size_limit = ${WAL_BYTES_MAX}`)
    migrate(database, path)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Whether the file is empty. @throws AIError for a database of another program */
function checkOwner(database: DatabaseSync, path: string): boolean {
  // One statement is one snapshot: another process may be making the file just now.
  const found = database
    .prepare(
      'SELECT (SELECT application_id FROM pragma_application_id) AS owner, ' +
        '(SELECT count(*) FROM sqlite_schema) AS objects',
    )
    .get()
  if (found?.['owner'] === APPLICATION_ID) return false
  if (found?.['owner'] === 0 && found['objects'] === 0) return true
  throw refusedFile(
    path,
    'is a database of another program, and was left as it is. Name another place for the ledger',
  )
}

function versionOf(database: DatabaseSync): number {
  const row = database.prepare(`SELECT value FROM meta WHERE key = 'schema_version'`).get()
  return Number(row?.['value'] ?? Number.NaN)
}

function checkVersion(found: number, path: string): void {
  const known = MIGRATIONS.at(-1)?.version ?? 0
  if (!Number.isSafeInteger(found)) {
    throw refusedFile(
      path,
      'does not say which version its schema has. Restore a backup, or name another place',
    )
  }
  if (found <= known) return
  const says =
    `was written by a newer groat: it has schema version ${found}, and this groat knows up to ${known}. ` +
    `Update groat, or name another place for the ledger`
  throw refusedFile(path, says, { found, known })
}

/** Brings the schema up to date in one transaction, which also keeps two processes from doing it both. */
function migrate(database: DatabaseSync, path: string): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    let version = 0
    if (!checkOwner(database, path)) {
      version = versionOf(database)
      checkVersion(version, path)
    } else {
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
    }
    const note = `INSERT INTO meta (key, value) VALUES ('schema_version', ?)
      ON CONFLICT (key) DO UPDATE SET value = excluded.value`
    for (const migration of MIGRATIONS) {
      if (migration.version <= version) continue
      database.exec(migration.sql)
      database.prepare(note).run(String(migration.version))
    }
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/** Whether an error is about one statement's own values, and not about the file or the transaction. */
export function isOwnFault(error: unknown): boolean {
  const code = sqliteCode(error)
  if (code === undefined) return true
  return (
    code === SQLITE.CONSTRAINT || code === SQLITE.MISMATCH || code === SQLITE.TOOBIG || code === SQLITE.RANGE
  )
}
