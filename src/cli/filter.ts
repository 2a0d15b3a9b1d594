import type { LedgerFilter } from '../index.ts'
import type { GlobalOptions } from './session.ts'
import type { Screen } from './terminal.ts'
import { parseTime } from './times.ts'

/** The options that choose entries of the ledger: of `usage` and of `ledger export`. */
export interface FilterFlags extends GlobalOptions {
  readonly since?: string
  readonly until?: string
  readonly user?: string
  readonly project?: string
  readonly organization?: string
  readonly key?: string
  readonly tag?: string
}

/** The filter that was given on the command line. @throws UsageError */
export function filterOf(screen: Screen, flags: FilterFlags): LedgerFilter {
  const nowMs = screen.terminal.runtime.clock.now()
  const { since, until, provider, model, user, project, organization, key, tag } = flags
  const from = since === undefined ? undefined : parseTime(since, '--since', nowMs)
  const to = until === undefined ? undefined : parseTime(until, '--until', nowMs)
  return { provider, model, user, project, organization, key, tag, from, to }
}
