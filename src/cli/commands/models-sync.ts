import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { AIError, type ModelInfo, type ProviderModels } from '../../index.ts'
import { dataFolder } from '../../config/env.ts'
import { EXIT, OutputError } from '../failure.ts'
import { countText, printable } from '../format.ts'
import { withSession, type GlobalOptions } from '../session.ts'
import type { Screen } from '../terminal.ts'

export interface SyncOptions extends GlobalOptions {
  readonly dryRun?: boolean
}

/** Models by provider, as they were listed when they were last synced. */
type Catalog = Readonly<Record<string, readonly ModelInfo[]>>

/** How the program ends when providers fail: design section 11 and the issue say 0, 1 and 2. */
const EXIT_SYNC = { all: EXIT.ok, some: 1, none: 2 } as const

/**
 * `groat models sync`: what has come, changed and gone since the last time, for every provider. The list is kept in the
 * user's data folder; a provider that fails keeps what is known of it.
 */
export async function syncModels(screen: Screen, options: SyncOptions): Promise<number> {
  const path = join(dataFolder(screen.terminal.runtime.env), 'models.json')
  const before = readCatalog(path)
  return withSession(screen, options, async ({ ai }) => {
    const all = await ai.syncModels(before)
    if (options.dryRun !== true) writeCatalog(path, { ...before, ...catalogOf(all) })
    if (screen.json) await screen.value({ dryRun: options.dryRun === true, providers: all.map(toJson) })
    else for (const one of all) await show(screen, one)
    const failed = all.filter(({ status }) => status === 'failed').length
    return failed === 0 ? EXIT_SYNC.all : failed < all.length ? EXIT_SYNC.some : EXIT_SYNC.none
  })
}

function catalogOf(all: readonly ProviderModels[]): Catalog {
  return Object.fromEntries(
    all.flatMap((one) =>
      one.status === 'synced'
        ? [[one.provider, one.models.map((model) => ({ ...model, raw: undefined }))]]
        : [],
    ),
  )
}

function readCatalog(path: string): Catalog {
  if (!existsSync(path)) return {}
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Catalog
  } catch (cause) {
    const message = `${path} cannot be read as JSON: delete it, and everything counts as new`
    throw new AIError({ code: 'store_failed', message, retryable: false, cause })
  }
}

/** Under another name first: a program that is stopped in between leaves the list as it was. */
function writeCatalog(path: string, catalog: Catalog): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const complete = `${path}.${process.pid}.new`
    writeFileSync(complete, `${JSON.stringify(catalog, undefined, 1)}\n`, { mode: 0o600 })
    renameSync(complete, path)
  } catch (error) {
    throw new OutputError(path, error, 'make the folder writable, or only compare, with --dry-run')
  }
}

function toJson(one: ProviderModels): object {
  if (one.status === 'failed') return one
  const ids = (models: readonly ModelInfo[]): string[] => models.map(({ id }) => id)
  const { provider, status, models, added, changed, removed, at } = one
  return {
    provider,
    status,
    at,
    models: models.length,
    added: ids(added),
    changed: ids(changed),
    removed: ids(removed),
  }
}

async function show(screen: Screen, one: ProviderModels): Promise<void> {
  if (one.status === 'failed') {
    await screen.line(`${screen.style.red('failed')}  ${one.provider}: ${printable(one.error.message)}`)
    return
  }
  const { provider, models, added, changed, removed } = one
  const counts = `${added.length} added, ${changed.length} changed, ${removed.length} removed`
  const all = `${countText(models.length)} ${models.length === 1 ? 'model' : 'models'}`
  await screen.line(`${screen.style.bold(provider)}  ${all}: ${counts}`)
  for (const [sign, list] of [
    ['+', added],
    ['~', changed],
    ['-', removed],
  ] as const) {
    for (const { id } of list) await screen.line(`  ${sign} ${printable(id)}`)
  }
}
