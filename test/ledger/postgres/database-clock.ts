import type { Server } from './server.ts'

/** The clock of one ledger's database, which tests set. */
export interface DatabaseClock {
  set(ms: number): Promise<void>
}

/** Puts a clock that stands still in place of the database's own, for one schema. */
export async function holdClock(server: Server, schema: string, ms: number): Promise<DatabaseClock> {
  await server.ask(`CREATE TABLE "${schema}".test_clock (ms bigint NOT NULL)`)
  await server.ask(`INSERT INTO "${schema}".test_clock VALUES ($1)`, [ms])
  await server.ask(
    `CREATE OR REPLACE FUNCTION "${schema}".clock() RETURNS bigint LANGUAGE sql VOLATILE AS
      'SELECT ms FROM "${schema}".test_clock'`,
  )
  return {
    async set(to) {
      await server.ask(`UPDATE "${schema}".test_clock SET ms = $1`, [to])
    },
  }
}
