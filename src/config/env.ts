import { homedir, platform } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { AIError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'

/** The environment, as it comes in by the door. */
export type Env = Readonly<Record<string, string | undefined>>

/** Our own variables. Those of providers (OLLAMA_HOST, OLLAMA_API_KEY) are read by their drivers. */
export const ENV_VARIABLES = {
  GROAT_PROVIDER: {
    takes: 'name',
    description: 'Provider of calls that name none; over `default` of a file.',
  },
  GROAT_MODEL: {
    takes: 'model id, or `provider/model`',
    description: 'Model of that provider; over its `model` in a file.',
  },
  GROAT_LEDGER: {
    takes: '`memory:`, `sqlite:PATH`, `postgres://…`, a path',
    description: 'Where the books are; over `ledger` of a file.',
  },
} as const

/** What the environment says. */
export type EnvConfig = { readonly [Name in keyof typeof ENV_VARIABLES]?: string }

/** Variables with our prefix that are not for the library: tests and benchmarks read them. */
export const FOREIGN_VARIABLES: readonly RegExp[] = [/^GROAT_LIVE$/, /^GROAT_TEST_/, /^GROAT_BENCH_/]

/**
 * Reads our variables. One that is empty counts as not set, as in `GROAT_MODEL= groat ask …`.
 *
 * @throws AIError `config_invalid` with the nearest name for one that does not exist
 */
export function readEnvironment(env: Env): EnvConfig {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('GROAT_') || value === undefined || value === '') continue
    if (Object.hasOwn(ENV_VARIABLES, name)) found[name] = value
    else if (!FOREIGN_VARIABLES.some((foreign) => foreign.test(name))) throw unknownVariable(name)
  }
  return found
}

function unknownVariable(name: string): AIError {
  const known = Object.keys(ENV_VARIABLES)
  const near = nearest(name, known)
  const advice = near === undefined ? `known are ${known.join(', ')}` : `did you mean ${near}?`
  return new AIError({
    code: 'config_invalid',
    message: `There is no environment variable ${name} of groat; ${advice}`,
    details: { key: name },
  })
}

/** A ledger's name as `createAI` takes it, of what people write: a plain path is a SQLite file. */
export function toLedgerName(written: string, folder: string): string {
  if (written.startsWith('sqlite:')) return `sqlite:${toPath(written.slice('sqlite:'.length), folder)}`
  // One letter before a colon is a drive of Windows.
  if (/^[a-z][a-z0-9+.-]+:/i.test(written)) return written
  return `sqlite:${toPath(written, folder)}`
}

function toPath(path: string, folder: string): string {
  // What is no path of a file stays, for the ledger to say what is wrong with it.
  return path === '' || path === ':memory:' || path.startsWith('~') ? path : resolve(folder, path)
}

/** Where the books are when nothing names a place: a file in the user's data folder. */
export function defaultLedger(env: Env, system: string = platform()): string {
  return `sqlite:${join(dataFolder(env, system), 'ledger.db')}`
}

/** The user's data folder of groat. */
export function dataFolder(env: Env, system: string = platform()): string {
  const home = env['HOME'] ?? homedir()
  if (system === 'win32') return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'groat')
  if (system === 'darwin') return join(home, 'Library', 'Application Support', 'groat')
  const xdg = env['XDG_DATA_HOME'] ?? ''
  // The XDG specification says that a relative one is to be ignored.
  return join(isAbsolute(xdg) ? xdg : join(home, '.local', 'share'), 'groat')
}
