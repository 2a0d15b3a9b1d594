import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { inspect } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openLedger } from '../../../src/ledger/open.ts'
import { openPostgresLedger } from '../../../src/ledger/postgres/index.ts'
import { budget, ended, hold, settle } from '../budget-case.ts'
import { assertError, failure } from '../contract-case.ts'
import { attemptsIn, entry } from '../entries.ts'
import { isAvailable, PASSWORD, START_MS, startServer, type Server } from './server.ts'

const OPEN = new URL('../../../src/ledger/postgres/index.ts', import.meta.url).href
const QUEUED_MAX = 65_536

/** Everything that can be read of a value, however deep. */
function allOf(value: unknown): string {
  return `${inspect(value, { depth: 20, showHidden: true })}${JSON.stringify(value)}${String(value)}`
}

function expectNoSecret(value: unknown): void {
  const said = allOf(value)
  for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), 's3cret']) expect(said).not.toContain(secret)
}

/** What a program says on both of its outputs until it ends by itself. */
async function said(
  program: string,
  env: Record<string, string>,
  flags: readonly string[] = [],
): Promise<string> {
  const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', program], {
    env: { ...process.env, ...env },
  })
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return out + errors
}

describe('the address of a ledger in PostgreSQL', () => {
  test.each([
    ['postgres:ada:s3cret@db/groat', undefined, 'is named as'],
    ['postgres://ada:s3cret@db/%zz', 'No Quotes', 'a schema of its own'],
    ['postgres://ada:s3cret@db:port/groat', undefined, 'is named as'],
    ['mysql://ada:s3cret@db/groat', undefined, 'is named as'],
    ['postgres://ada:s3cret@db/groat?schema=pg_mine', undefined, 'a schema of its own'],
    ['postgres://ada:s3cret@db/groat?schema=', undefined, 'a schema of its own'],
    ['postgres://ada:s3cret@db/groat', 'x'.repeat(64), 'a schema of its own'],
    ['postgres://ada:s3cret@db/groat', `a"; DROP TABLE x; --`, 'a schema of its own'],
    [undefined, undefined, 'is named as'],
  ])('refuses %j and schema %j', async (url, schema, says) => {
    const error = await failure(openPostgresLedger({ url: url as string, schema }))
    assertError(error, 'config_invalid', false)
    expect(error.message).toContain(says)
    expectNoSecret(error)
  })

  test.each([{ writeMs: 0 }, { readMs: 1.5 }, { retryMs: -1 }, { retryMs: Number.NaN }])(
    'refuses %j',
    async (more) => {
      const error = await failure(openPostgresLedger({ url: 'postgres://db/groat', ...more }))
      assertError(error, 'config_invalid', false)
      expect(error.message).toContain('milliseconds')
    },
  )

  test('needs pg, and says how to install it', async () => {
    const hooks = `import { registerHooks } from 'node:module'; registerHooks({ resolve(name, context, next) {
      if (name === 'pg') throw Object.assign(new Error('no pg'), { code: 'ERR_MODULE_NOT_FOUND' }); return next(name, context) } })`
    const program = `const { openPostgresLedger } = await import('${OPEN}')
      await openPostgresLedger({ url: 'postgres://ada:s3cret@db/groat' }).catch((e) => console.log(e.code, e.message))`
    const words = await said(program, {}, ['--import', `data:text/javascript,${encodeURIComponent(hooks)}`])
    expect(words.trim()).toBe(
      `config_invalid A ledger on PostgreSQL needs the package 'pg', which is not installed. Run: npm install pg`,
    )
  })

  test('says that nothing listens there', async () => {
    const error = await failure(openLedger('postgres://ada:s3cret@127.0.0.1:1/groat'))
    assertError(error, 'store_failed', true)
    expect(error.message).toBe(
      'The ledger on PostgreSQL (127.0.0.1:1/groat) cannot be reached. Check that the server runs, and its host and port.',
    )
    expectNoSecret(error)
  })

  test('says that nobody knows the host', async () => {
    const error = await failure(openLedger('postgres://ada:s3cret@no-such-host.invalid/groat'))
    assertError(error, 'store_failed', true)
    expect(error.message).toContain('Check its name')
    expectNoSecret(error)
  })
})

describe.skipIf(!isAvailable({ own: true }))('a PostgreSQL that is there', () => {
  let server: Server

  beforeAll(async () => {
    server = await startServer({ own: true })
  }, START_MS)

  afterAll(() => server.stop())

  test.each([
    [
      'a wrong password',
      (url: URL) => Object.assign(url, { password: 's3cret' }),
      '28P01',
      'accept the password',
    ],
    [
      'an unknown user',
      (url: URL) => Object.assign(url, { username: 'mallory' }),
      '28P01',
      'accept the password',
    ],
    ['no database', (url: URL) => Object.assign(url, { pathname: '/nowhere' }), '3D000', 'createdb'],
  ])('is refused with %s, and says so without the password', async (_, change, sqlstate, says) => {
    const { href } = change(new URL(server.url))
    const error = await failure(openLedger(href))
    assertError(error, 'store_failed', false)
    expect(error.details['sqlstate']).toBe(sqlstate)
    expect(error.message).toContain(says)
    expectNoSecret(error)
  })

  test('shows no secret of an open ledger', async () => {
    const ledger = await server.open()
    expectNoSecret(ledger)
    await ledger.close()
    expectNoSecret(await failure(ledger.append(entry())))
  })

  test('is opened by its URL, with a schema in it', async () => {
    const ledger = await openLedger(`${server.url}?schema=groat_by_url&application_name=x`)
    await ledger.append(entry({ attemptId: 'a' }))
    await ledger.close()
    expect(await server.ask('SELECT attempt_id FROM groat_by_url.entry')).toEqual([{ attempt_id: 'a' }])
  })

  test('is left as it is where the schema is of a newer groat, of another program, or says nothing', async () => {
    const schema = 'groat_newer'
    await (await server.open({ schema })).close()
    const cases = [
      [`UPDATE ${schema}.meta SET value = '99' WHERE key = 'schema_version'`, 'newer groat'],
      [`UPDATE ${schema}.meta SET value = 'x' WHERE key = 'schema_version'`, 'does not say which version'],
      [`UPDATE ${schema}.meta SET value = 'other' WHERE key = 'application'`, 'another program'],
      [`DROP TABLE ${schema}.meta`, 'another program'],
    ] as const
    for (const [sql, says] of cases) {
      await server.ask(sql)
      const error = await failure(server.open({ schema }))
      assertError(error, 'store_failed', false)
      expect(error.message).toContain(says)
    }
    await server.ask('CREATE SCHEMA groat_theirs; CREATE TABLE groat_theirs.entry (i int)')
    expect((await failure(server.open({ schema: 'groat_theirs' }))).message).toContain('another program')
    const tables = await server.ask(
      `SELECT count(*)::int AS n FROM pg_tables WHERE schemaname = 'groat_theirs'`,
    )
    expect(tables).toEqual([{ n: 1 }])
  })

  test('is refused where its encoding cannot hold every text', async () => {
    await server.ask(
      `CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`,
    )
    const error = await failure(
      openLedger(server.url.replace('/postgres?', '/').replace(/\/postgres$/, '/ascii')),
    )
    assertError(error, 'store_failed', false)
    expect(error.message).toContain('SQL_ASCII')
  })

  test('needs the right to make a schema the first time, and to change it the first time that groat is newer', async () => {
    await server.ask(`CREATE ROLE lesser LOGIN PASSWORD 'lesser-s3cret'`)
    const url = Object.assign(new URL(server.url), { username: 'lesser', password: 'lesser-s3cret' }).href
    const error = await failure(openPostgresLedger({ url, schema: 'groat_lesser' }))
    assertError(error, 'store_failed', false)
    expect(error.message).toContain('Grant CREATE')
    expectNoSecret(error)
    await (await server.open({ schema: 'groat_lesser' })).close()
    await server.ask(`GRANT USAGE ON SCHEMA groat_lesser TO lesser;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA groat_lesser TO lesser`)
    const ledger = await openPostgresLedger({ url, schema: 'groat_lesser' })
    await ledger.budgets.set(budget())
    await hold(ledger, 'a', '1')
    await settle(ledger, 'a', '0.5')
    expect(await attemptsIn(ledger)).toEqual(['a'])
    await ledger.close()
    // A newer groat changes what the other user owns.
    await server.ask(`ALTER TABLE groat_lesser.hold DROP COLUMN told;
      UPDATE groat_lesser.meta SET value = '1' WHERE key = 'schema_version'`)
    const newer = await failure(openPostgresLedger({ url, schema: 'groat_lesser' }))
    assertError(newer, 'store_failed', false)
    expect(newer.message).toContain('connect as the user that made the schema')
    await (await server.open({ schema: 'groat_lesser' })).close()
    await (await openPostgresLedger({ url, schema: 'groat_lesser' })).close()
  })

  test('refuses to change or delete an entry, and a window above its limit', async () => {
    const schema = 'groat_append_only'
    const ledger = await server.open({ schema })
    await ledger.append(entry({ attemptId: 'a' }))
    await ledger.budgets.set(budget({ limit: '1' }))
    await hold(ledger, 'b', '1')
    const bad = [
      `UPDATE ${schema}.entry SET cost_picos = 0`,
      `DELETE FROM ${schema}.entry`,
      `TRUNCATE ${schema}.entry`,
    ]
    for (const sql of bad) await expect(server.ask(sql)).rejects.toThrow('append-only')
    const over = `UPDATE ${schema}.budget_window SET reserved_picos = reserved_picos + 1`
    await expect(server.ask(over)).rejects.toThrow('never_over_limit')
    expect(await attemptsIn(ledger)).toEqual(['a'])
    await ledger.close()
  })

  test('says what does not add up when somebody changed the books by hand', async () => {
    const schema = 'groat_by_hand'
    const ledger = await server.open({ schema })
    await ledger.budgets.set(budget({ limit: '1' }))
    await hold(ledger, 'a', '0.5')
    await settle(ledger, 'a', '0.25')
    expect((await ledger.budgets.verify()).discrepancies).toEqual([])
    await server.ask(`UPDATE ${schema}.budget_window SET settled_picos = settled_picos - 1`)
    await server.ask(`UPDATE ${schema}.hold SET actual_picos = actual_picos + 1`)
    const messages = (await ledger.budgets.verify()).discrepancies.map(({ message }) => message)
    expect(messages).toEqual([
      expect.stringContaining(
        'says 249999999999 picos settled and 0 reserved; its holds make 250000000001 and 0',
      ),
      expect.stringContaining('is settled at 250000000001 picos, and its entries say 250000000000'),
    ])
    await ledger.close()
  })

  test('counts what the books say of an attempt that was entered before it is settled', async () => {
    const ledger = await server.open()
    await ledger.budgets.set(budget({ limit: '1' }))
    await hold(ledger, 'a', '0.5')
    await ledger.append(ended('a', '0.125'))
    expect((await settle(ledger, 'a', '0.25')).windows[0]?.window.settled).toBe(125_000_000_000n)
    expect(await attemptsIn(ledger)).toEqual(['a'])
    expect((await ledger.budgets.verify()).discrepancies).toEqual([])
    await ledger.close()
  })

  test('writes the neighbours of what the database refuses', async () => {
    const schema = 'groat_neighbours'
    const ledger = await server.open({ schema })
    await server.ask(`ALTER TABLE ${schema}.entry ADD CHECK (provider <> 'evil')`)
    const ids = ['a', 'b', 'c', 'd', 'e']
    const written = await Promise.allSettled(
      ids.map((attemptId) =>
        ledger.append(entry({ attemptId, provider: attemptId === 'c' ? 'evil' : 'good' })),
      ),
    )
    expect(written.map(({ status }) => status)).toEqual(
      ids.map((id) => (id === 'c' ? 'rejected' : 'fulfilled')),
    )
    expect(await attemptsIn(ledger)).toEqual(['a', 'b', 'd', 'e'])
    await ledger.close()
  })

  test('gives up on a transaction that takes too long, and does it once when it is asked again', async () => {
    const schema = 'groat_slow'
    const ledger = await server.open({ schema, writeMs: 300 })
    await ledger.budgets.set(budget({ limit: '1' }))
    await hold(ledger, 'a', '0.25')
    const blocker = new pg.Client({ connectionString: server.url })
    await blocker.connect()
    await blocker.query('BEGIN')
    await blocker.query(`SELECT FROM ${schema}.budget_window FOR UPDATE`)
    const error = await failure(hold(ledger, 'b', '0.25'))
    assertError(error, 'store_failed', true)
    expect(error.details['sqlstate']).toBe('57014')
    await blocker.end()
    expect((await hold(ledger, 'b', '0.25')).replay).toBe(false)
    const [window] = await ledger.budgets.windows({ user: 'ada' })
    expect(window?.reserved).toBe(500_000_000_000n)
    await ledger.close()
  })

  test('takes no more waiting writes than it can keep, and does all that it took', async () => {
    const ledger = await server.open()
    const all = Array.from({ length: QUEUED_MAX + 1 }, (_, number) => ledger.budgets.release(`r${number}`))
    assertError(await failure(all.at(-1) ?? Promise.resolve()), 'store_failed', true)
    await ledger.close()
    await Promise.all(all.slice(0, -1))
  }, 60_000)

  test('lets a process end that forgot to close its ledger', async () => {
    const program = `const { openPostgresLedger } = await import('${OPEN}')
      const ledger = await openPostgresLedger({ url: process.env.LEDGER_URL, schema: 'groat_forgotten' })
      for await (const one of ledger.entries()) console.log(one)
      console.log('done')`
    expect((await said(program, { LEDGER_URL: server.url })).trim()).toBe('done')
  })
})
