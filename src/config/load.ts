import { readdirSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, extname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { LoadConfigOptions as LoadConfigOptionsOfC12 } from 'c12'
import { AIError, isAIError } from '../core/errors.ts'
import { DRIVERS } from '../drivers/registry.ts'
import { systemRuntime } from '../runtime.ts'
import { PROVIDERS_DEFAULT, type AIConfig } from './config.ts'
import { defaultLedger, readEnvironment, toLedgerName, type Env, type EnvConfig } from './env.ts'

/** Where to look for a configuration. */
export interface LoadConfigOptions {
  /** @default the working directory */
  readonly cwd?: string | undefined
  /** A file that must be there, in place of `groat.config.*`. */
  readonly configFile?: string | undefined
  /** @default the process's own */
  readonly env?: Env | undefined
}

/** A configuration, and the file that it came from, if there was one. */
export interface LoadedConfig {
  readonly config: AIConfig
  readonly source: string | undefined
}

/**
 * Reads `groat.config.{ts,js,mjs,json}` of a folder and puts the environment over it. Without a ledger in either, the
 * books are a SQLite file in the user's data folder.
 *
 * @throws AIError `config_invalid` for a file that cannot be read, a key or a variable that does not exist, a wrong type
 */
export async function loadConfig(options: LoadConfigOptions = {}): Promise<LoadedConfig> {
  const cwd = resolve(options.cwd ?? '.')
  const env = options.env ?? systemRuntime.env
  const wanted = readEnvironment(env)
  const { config, source } = await readConfigFile(cwd, options.configFile)
  const folder = source === undefined ? cwd : dirname(source)
  const ledger =
    wanted.GROAT_LEDGER === undefined
      ? placedLedger(config.ledger ?? defaultLedger(env), folder)
      : toLedgerName(wanted.GROAT_LEDGER, cwd)
  const { pricesFile } = config
  const prices = pricesFile === undefined ? {} : { pricesFile: resolve(folder, pricesFile) }
  return { config: { ...overlay(config, wanted), ledger, ...prices }, source }
}

function placedLedger(ledger: NonNullable<AIConfig['ledger']>, folder: string): typeof ledger {
  return typeof ledger === 'string' && ledger.startsWith('sqlite:') ? toLedgerName(ledger, folder) : ledger
}

/** The default provider and its model, as the environment wants them. */
function overlay(config: AIConfig, wanted: EnvConfig): AIConfig {
  const given = config.providers ?? PROVIDERS_DEFAULT
  const { provider, model } = targetIn(wanted, given)
  if (provider === undefined && model === undefined) return config
  const name = provider ?? config.default ?? Object.keys(given)[0] ?? ''
  // A driver's own name needs no configuration; any other name is refused later, with the nearest.
  const own = Object.hasOwn(given, name) ? given[name] : undefined
  const options = own ?? (Object.hasOwn(DRIVERS, name) ? {} : undefined)
  if (model !== undefined && typeof options === 'function') {
    throw new AIError({
      code: 'config_invalid',
      message:
        `GROAT_MODEL cannot be given to the provider ${name}, which the configuration file makes by a function: ` +
        `name the model with --model or in the call`,
      details: { key: 'GROAT_MODEL' },
    })
  }
  if (options === undefined) return { ...config, default: name }
  const chosen = typeof options === 'function' || model === undefined ? options : { ...options, model }
  return { ...config, default: name, providers: { ...given, [name]: chosen } }
}

/** `GROAT_MODEL` alone can name both, as in `openai/gpt-6-luna`; a model of Ollama's may have a slash of its own. */
function targetIn(
  { GROAT_PROVIDER: provider, GROAT_MODEL: model }: EnvConfig,
  given: NonNullable<AIConfig['providers']>,
): { readonly provider: string | undefined; readonly model: string | undefined } {
  const [, name = '', rest] = /^([^/]+)\/(.+)$/.exec(model ?? '') ?? []
  return provider === undefined && Object.hasOwn(given, name)
    ? { provider: name, model: rest }
    : { provider, model }
}

async function readConfigFile(cwd: string, configFile: string | undefined): Promise<LoadedConfig> {
  const named = configFile === undefined ? undefined : resolve(cwd, configFile)
  if (named !== undefined && statSync(named, { throwIfNoEntry: false })?.isFile() !== true) {
    throw invalid(`There is no configuration file ${named}: check the path, or leave it out`, named)
  }
  // Looking for a file that is not there would take a tenth of a second: c12 and the schema are not loaded for that.
  if (named === undefined && !mayHaveConfig(cwd)) return { config: {}, source: undefined }
  const [{ loadConfig: load }, { checkConfig }] = await Promise.all([import('c12'), import('./schema.ts')])
  try {
    const { config, _configFile: source } = await load<Record<string, unknown>>({
      name: 'groat',
      cwd,
      ...(named === undefined ? {} : { configFile: named }),
      // One file and nothing else: no rc files, no .env, no package.json, no layers, no downloads.
      rcFile: false,
      globalRc: false,
      dotenv: false,
      packageJson: false,
      extend: false,
      giget: false,
      envName: false,
      // The file is all there is to merge, and a merge would drop what is null in silence.
      merger: (...layers) => layers.find((layer) => layer !== undefined && layer !== null) ?? {},
      // c12's own way would take our key `default` for a module's default export, and load a second copy of groat.
      jiti: { import: importConfig } as unknown as NonNullable<LoadConfigOptionsOfC12['jiti']>,
    })
    if (source === undefined) return { config: {}, source: undefined }
    return { config: checkConfig(config, source), source }
  } catch (error) {
    throw isAIError(error) ? error : invalid(`Cannot read ${named ?? `groat.config.* in ${cwd}`}`, named)
  }
}

function mayHaveConfig(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.startsWith('groat.config') || name === '.config')
  } catch {
    return false
  }
}

/** What a file exports, or holds. A changed file is read again. */
async function importConfig(file: string): Promise<unknown> {
  const isJson = extname(file) === '.json'
  let value: unknown
  try {
    if (isJson) value = JSON.parse(await readFile(file, 'utf8'))
    else {
      const module: { readonly default?: unknown } = await import(
        `${pathToFileURL(file).href}?changed=${statSync(file).mtimeMs}`
      )
      value = module.default
    }
  } catch (error) {
    throw unreadable(file, error)
  }
  if (typeof value === 'function' || (typeof value === 'object' && value !== null)) return value
  const wanted = isJson ? 'an object' : 'an object as its default export'
  throw invalid(`Wrong configuration in ${file}: expected ${wanted}`, file)
}

/** The error for a file that is no JSON or no program. What the parser says may quote the file, and so a key. */
function unreadable(file: string, cause: unknown): AIError {
  if (!(cause instanceof Error)) return invalid(`Cannot read ${file}: ${typeof cause} was thrown in it`, file)
  if (!(cause instanceof SyntaxError)) {
    return invalid(`Cannot read ${file}: ${cause.message.split('\n')[0]}`, file, cause)
  }
  const line = /line (\d+)/.exec(cause.message)?.[1] ?? /^file:\S*:(\d+)\n/.exec(cause.stack ?? '')?.[1]
  const place = line === undefined ? '' : ` (line ${line})`
  const what =
    extname(file) === '.json' ? 'JSON' : 'JavaScript or TypeScript without the parts that need a compiler'
  return invalid(`Cannot read ${file}: it is not valid ${what}${place}`, file)
}

function invalid(message: string, file: string | undefined, cause?: unknown): AIError {
  return new AIError({ code: 'config_invalid', message, details: { file }, cause })
}
