import * as sqlite from 'node:sqlite'
import { systemRuntime, type Runtime } from '../../src/runtime.ts'

/** A runtime whose SQLite tells what is done with it. */
export interface Watched {
  readonly runtime: Runtime
  /** Every connection that was opened, in order. */
  readonly databases: sqlite.DatabaseSync[]
  commits: number
  /** Called before a commit; what it throws, the commit throws. */
  beforeCommit: () => void
}

/** Makes such a runtime: tests look at the ledger's own connection without any door in the ledger for it. */
export function watched(more: Partial<Runtime> = {}): Watched {
  const seen: Watched = {
    runtime: { ...systemRuntime, ...more, builtin },
    databases: [],
    commits: 0,
    beforeCommit,
  }
  function beforeCommit(): void {}

  class WatchedDatabase extends sqlite.DatabaseSync {
    constructor(path: string, options: sqlite.DatabaseSyncOptions = {}) {
      super(path, options)
      seen.databases.push(this)
    }

    override prepare(sql: string): sqlite.StatementSync {
      const statement = super.prepare(sql)
      if (!/^commit/i.test(sql)) return statement
      const run = statement.run.bind(statement)
      statement.run = (): ReturnType<typeof run> => {
        seen.beforeCommit()
        seen.commits++
        return run()
      }
      return statement
    }
  }

  function builtin(name: string): unknown {
    return name === 'node:sqlite' ? { ...sqlite, DatabaseSync: WatchedDatabase } : systemRuntime.builtin(name)
  }
  return seen
}
