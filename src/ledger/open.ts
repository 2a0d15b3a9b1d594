import { AIError } from '../core/errors.ts'
import { systemRuntime, type Runtime } from '../runtime.ts'
import type { Ledger } from './ledger.ts'

const POSTGRES = /^postgres(ql)?:/

/**
 * Opens the ledger that a configuration names: `memory:`, `sqlite:PATH`, `postgres://…`, or one that is open already.
 *
 * @throws AIError `config_invalid` for a name that is none, `store_failed` for a file or database that cannot be used
 */
export async function openLedger(spec: string | Ledger, runtime: Runtime = systemRuntime): Promise<Ledger> {
  if (typeof spec === 'object' && spec !== null) return spec
  // A store is loaded when one is opened, and only that one.
  if (spec === 'memory:') {
    const { createMemoryLedger } = await import('./memory/index.ts')
    return createMemoryLedger({}, runtime)
  }
  if (typeof spec === 'string' && spec.startsWith('sqlite:')) {
    const path = pathOf(spec.slice('sqlite:'.length))
    const { openSqliteLedger } = await import('./sqlite/index.ts')
    return openSqliteLedger({ path }, runtime)
  }
  // The text itself is not repeated: it may hold a password.
  if (typeof spec === 'string' && POSTGRES.test(spec)) {
    const { openPostgresLedger } = await import('./postgres/index.ts')
    return openPostgresLedger({ url: spec }, runtime)
  }
  throw invalid(
    `A ledger is named 'memory:' or 'sqlite:PATH', such as 'sqlite:./groat.db', or 'postgres://USER:PASSWORD@HOST/DATABASE'`,
  )
}

function pathOf(path: string): string {
  if (path === '') throw invalid(`The ledger 'sqlite:' names no file; write 'sqlite:./groat.db'`)
  if (path === ':memory:') throw invalid(`A ledger in memory is named 'memory:'`)
  if (path.startsWith('~')) {
    throw invalid(`'~' is not read as the home folder in 'sqlite:${path}'; write the whole path`)
  }
  return path
}

function invalid(message: string): AIError {
  return new AIError({ code: 'config_invalid', message })
}
