import { refused } from './errors.ts'
import type { Ask, Database } from './connection.ts'
import { PERIODS, WORK } from './functions.ts'
import { SETTING } from './setting.ts'
import { HOLD_TOLD, TABLES } from './tables.ts'

/** One step forward of the schema. Tables of a step are never changed once released; functions are made anew by a later one. */
interface Migration {
  readonly version: number
  readonly sql: string
}

/** All steps, in order; the last one's version is the newest that this groat knows. */
const MIGRATIONS: readonly Migration[] = [
  { version: 1, sql: TABLES + PERIODS + WORK + SETTING },
  { version: 2, sql: HOLD_TOLD + WORK },
]

/** The newest version that this groat knows. */
export const VERSION: number = MIGRATIONS.at(-1)?.version ?? 0

/**
 * Brings the schema up to date. One that is, is only read: then the user needs no right to make anything.
 *
 * @throws AIError `store_failed` for a schema of another program or of a newer groat, which stays as it is
 */
export async function migrate(database: Database): Promise<void> {
  await database.write(async (ask) => {
    await checkServer(ask, database)
    if ((await versionOf(ask, database)) === VERSION) return
    await ask('BEGIN')
    try {
      // One process at a time; the others find that it is done.
      await ask('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`groat:${database.schema}`])
      const version = await versionOf(ask, database)
      if (version === 0) await ask(`CREATE SCHEMA IF NOT EXISTS "${database.schema}"`)
      for (const migration of MIGRATIONS) if (migration.version > version) await ask(migration.sql)
      if (version < VERSION) {
        const note = `INSERT INTO groat.meta (key, value) VALUES ('application', 'groat'), ('schema_version', $1)
          ON CONFLICT (key) DO UPDATE SET value = excluded.value`
        await ask(note, [String(VERSION)])
      }
      await ask('COMMIT')
    } catch (error) {
      await ask('ROLLBACK').catch(() => undefined)
      throw error
    }
  })
}

/** Oldest PostgreSQL that has everything that is used. */
const SERVER_MIN = 140_000

async function checkServer(ask: Ask, { place }: Database): Promise<void> {
  const [row] = await ask(
    `SELECT current_setting('server_encoding') AS encoding, current_setting('server_version_num') AS version,
      current_setting('server_version') AS name`,
  )
  if (Number(row?.['version']) < SERVER_MIN) {
    throw refused(place, `is version ${row?.['name']}, and groat needs 14 or newer. Update the server`)
  }
  if (row?.['encoding'] === 'UTF8') return
  throw refused(
    place,
    `has the encoding ${row?.['encoding']}, which cannot hold every text. Make the database with ENCODING 'UTF8'`,
  )
}

/** The version of the schema; zero where there is none. @throws AIError */
async function versionOf(ask: Ask, { place, schema }: Database): Promise<number> {
  const [found] = await ask(
    `SELECT count(*) FILTER (WHERE relname = 'meta' AND relkind = 'r') AS meta, count(*) AS relations
      FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = $1`,
    [schema],
  )
  if (found?.['relations'] === '0') return 0
  const foreign = `has a schema '${schema}' of another program, which was left as it is. Name another: ?schema=NAME`
  if (found?.['meta'] !== '1') throw refused(place, foreign)
  const rows = await ask(`SELECT key, value FROM groat.meta`)
  const meta = new Map(rows.map((row) => [row['key'], row['value']]))
  if (meta.get('application') !== 'groat') throw refused(place, foreign)
  const version = Number(meta.get('schema_version'))
  if (!Number.isSafeInteger(version) || version < 1) {
    throw refused(
      place,
      'does not say which version its schema has. Restore a backup, or name another schema',
    )
  }
  if (version <= VERSION) return version
  const says =
    `was written by a newer groat: schema '${schema}' has version ${version}, and this groat knows up to ` +
    `${VERSION}. Update groat, or name another schema`
  throw refused(place, says, { found: version, known: VERSION })
}
