import type { BudgetInput } from '../core/budget.ts'
import type { Middleware } from '../core/call.ts'
import { AIError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import type { OllamaOptions } from '../drivers/ollama/api.ts'
import { DRIVERS } from '../drivers/registry.ts'
import type { DriverFactory, ProviderOptions } from '../drivers/rooms.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { ModelPrice } from '../pricing/price-list.ts'
import type { Runtime } from '../runtime.ts'

/** What `createAI` takes. */
export interface AIConfig {
  /** Name of the provider that `ai.sendMessage()` uses. @default the first of `providers` */
  readonly default?: string
  /**
   * Providers by the name that calls use. @default Ollama; OpenAI, xAI and Gemini are there by name as well, with their
   * keys from the environment
   */
  readonly providers?: {
    readonly ollama?: OllamaOptions | DriverFactory
    readonly [name: string]: ProviderOptions | DriverFactory | undefined
  }
  /** `'memory:'`, `'sqlite:PATH'`, `'postgres://…'` or a Ledger of your own. @default 'memory:' */
  readonly ledger?: string | Ledger
  /** Whether an answer waits until its ledger entry is durable. @default 'before' */
  readonly durability?: 'before' | 'after'
  /** Your own prices, for models that would otherwise have an unknown cost. */
  readonly prices?: readonly ModelPrice[]
  /** A file of published prices, as `groat prices update` writes it. @default those that come with groat */
  readonly pricesFile?: string
  /** Limits that are set in the ledger when it is opened. One that is taken out here stays until it is removed there. */
  readonly budgets?: readonly BudgetInput[]
  /** Provider and model, such as `openai/gpt-6-luna`, that free answers are compared with: `answer.savings`. */
  readonly baseline?: string
  /** Middleware of every call, outermost first, and settings of what is built in. */
  readonly middleware?: readonly (Middleware | BuiltIn)[]
  /** Replaces parts of the outside world, for tests: clock, randomness, environment. */
  readonly runtime?: Partial<Runtime>
}

/** What is built in and belongs to every attempt: it can be set up here, and no call can leave it out. */
export interface BuiltIn {
  readonly name: 'budget-enforcement' | 'cost-tracking'
  /**
   * Of budgets, `observe` counts and tells, and refuses nothing; of costs, it does not let an answer wait for its entry,
   * nor fail because of it. @default 'enforce'
   */
  readonly mode?: 'enforce' | 'observe'
}

export const BUILT_INS: readonly BuiltIn['name'][] = ['budget-enforcement', 'cost-tracking']

/** Every key of a configuration; a test holds it equal to the schema of configuration files. */
export const CONFIG_KEYS: readonly (keyof AIConfig)[] = [
  'default',
  'providers',
  'ledger',
  'durability',
  'prices',
  'pricesFile',
  'budgets',
  'baseline',
  'middleware',
  'runtime',
]

/** Every key of a provider's configuration. */
export const PROVIDER_KEYS: readonly (keyof ProviderOptions)[] = [
  'driver',
  'apiKey',
  'baseUrl',
  'model',
  'headers',
  'local',
  'timeouts',
  'retries',
  'maxConcurrency',
  'contextWindow',
  'media',
  'prices',
  'dialect',
  'organization',
  'project',
  'fetch',
]

/** What the plain ones of them are; a program without types is told at once. */
const PROVIDER_TYPES: Readonly<Partial<Record<keyof ProviderOptions, string>>> = {
  driver: 'string',
  apiKey: 'string',
  baseUrl: 'string',
  model: 'string',
  headers: 'object',
  timeouts: 'object',
  retries: 'number',
  maxConcurrency: 'number',
  media: 'object',
  prices: 'string',
  dialect: 'string',
  organization: 'string',
  project: 'string',
  fetch: 'function',
}

/** Most providers in one configuration. */
export const PROVIDERS_MAX = 100

/** A provider that nobody configured: there when it is named, and asked for nothing else. */
const IMPLIED: ProviderOptions = Object.freeze({})

/** The providers of a configuration that names none: every driver by its own name, of which the first is the default. */
export const PROVIDERS_DEFAULT: NonNullable<AIConfig['providers']> = Object.fromEntries(
  Object.keys(DRIVERS).map((name) => [name, IMPLIED]),
)

/** One configured provider. */
export interface ConfiguredProvider {
  readonly name: string
  /** The name of its driver, by which `providerOptions` calls it. */
  readonly driver: string
  readonly options: ProviderOptions
  readonly factory: DriverFactory | undefined
  readonly model: string | undefined
  /** False for one that is there by its name only, and is not the default: health and lists of models leave it out. */
  readonly configured: boolean
}

/**
 * Checks a configuration at once, not at the first call, and says what each provider is.
 *
 * @throws AIError `config_invalid` with the nearest name for one that does not exist
 */
export function resolveProviders(config: AIConfig): ReadonlyMap<string, ConfiguredProvider> {
  refuseUnknown(config, CONFIG_KEYS, 'configuration')
  const entries = Object.entries(config.providers ?? PROVIDERS_DEFAULT).filter(
    (entry) => entry[1] !== undefined,
  )
  const named = entries.filter(([, given]) => given !== IMPLIED).length
  if (entries.length === 0 || named > PROVIDERS_MAX) {
    throw invalid(`providers names 1 to ${PROVIDERS_MAX} providers, for example { ollama: {} }`)
  }
  const usual = config.default ?? entries[0]?.[0]
  const providers = new Map(
    entries.map(([name, given]) => {
      const configured = given !== IMPLIED || name === usual
      return [name, { ...resolveProvider(name, given), configured }]
    }),
  )
  if (config.default !== undefined && !providers.has(config.default)) {
    throw unknownProvider(config.default, providers.keys())
  }
  if (config.durability !== undefined && !['before', 'after'].includes(config.durability)) {
    throw invalid("durability is 'before' or 'after'")
  }
  if (config.baseline !== undefined && !/^[^/]+\/.+$/.test(config.baseline)) {
    throw invalid("baseline is a provider and a model, such as 'openai/gpt-6-luna'", 'baseline')
  }
  return providers
}

/** How the parts that no call can leave out are set up. */
export interface BuiltInModes {
  readonly budgets: 'enforce' | 'observe'
  readonly costs: 'enforce' | 'observe'
}

/** Takes the settings of what is built in out of the middleware. @throws AIError `config_invalid` */
export function splitMiddleware(entries: AIConfig['middleware'] = []): {
  readonly middleware: readonly Middleware[]
  readonly modes: BuiltInModes
} {
  if (!Array.isArray(entries)) throw invalid('middleware is a list', 'middleware')
  const middleware: Middleware[] = []
  const modes: { -readonly [K in keyof BuiltInModes]: BuiltInModes[K] } = {
    budgets: 'enforce',
    costs: 'enforce',
  }
  for (const entry of entries as NonNullable<AIConfig['middleware']>) {
    if (typeof entry === 'function') {
      middleware.push(entry)
      continue
    }
    const { name, mode = 'enforce' } = checkBuiltIn(entry)
    modes[name === 'budget-enforcement' ? 'budgets' : 'costs'] = mode
  }
  return { middleware, modes }
}

function checkBuiltIn(entry: BuiltIn): BuiltIn {
  if (typeof entry !== 'object' || entry === null)
    throw invalid(`Middleware is a function or { name: '${BUILT_INS.join("' | '")}', mode }`, 'middleware')
  refuseUnknown(entry, ['name', 'mode'], 'middleware entry')
  if (!BUILT_INS.includes(entry.name)) {
    const near = nearest(entry.name, BUILT_INS)
    throw invalid(
      `There is no built-in middleware ${entry.name}${near === undefined ? '' : `; did you mean ${near}?`} ` +
        `There are: ${BUILT_INS.join(', ')}`,
      'middleware',
    )
  }
  if (entry.mode !== undefined && entry.mode !== 'enforce' && entry.mode !== 'observe')
    throw invalid(`The mode of ${entry.name} is 'enforce' or 'observe'`, 'middleware')
  return entry
}

/** The error for a provider that is not configured. */
export function unknownProvider(name: string, known: Iterable<string>): AIError {
  const names = [...known]
  const near = nearest(name, names)
  return invalid(
    `There is no provider ${name}${near === undefined ? '.' : `; did you mean ${near}?`} ` +
      `Configured are: ${names.join(', ')}`,
  )
}

function resolveProvider(
  name: string,
  given: ProviderOptions | DriverFactory | undefined,
): Omit<ConfiguredProvider, 'configured'> {
  if (name === '' || name.includes('/'))
    throw invalid(`A provider's name is not empty and has no slash: ${name}`)
  if (typeof given === 'function') {
    const { driver = name, model = DRIVERS[driver]?.defaultModel } = given
    return { name, driver, options: {}, factory: given, model }
  }
  if (typeof given !== 'object' || given === null) throw invalid(`providers.${name} is an object or a driver`)
  refuseUnknown(given, PROVIDER_KEYS, `providers.${name}`)
  for (const [key, wanted] of Object.entries(PROVIDER_TYPES)) {
    const value = given[key as keyof ProviderOptions]
    if (value !== undefined && typeof value !== wanted)
      throw invalid(`providers.${name}.${key} is a ${wanted}`, key)
  }
  const driver = given.driver ?? name
  const registered = DRIVERS[driver]
  if (!registered) {
    const near = nearest(driver, Object.keys(DRIVERS))
    throw invalid(
      `There is no driver ${driver}${near === undefined ? '.' : `; did you mean ${near}?`} ` +
        `There are: ${Object.keys(DRIVERS).join(', ')}. Name one with providers.${name}.driver`,
    )
  }
  return { name, driver, options: given, factory: undefined, model: given.model ?? registered.defaultModel }
}

function refuseUnknown(given: object, keys: readonly string[], where: string): void {
  if (typeof given !== 'object' || given === null) throw invalid(`The ${where} is an object`)
  for (const key of Object.keys(given)) {
    if (keys.includes(key)) continue
    const near = nearest(key, keys)
    throw invalid(
      `There is no key ${key} in the ${where}${near === undefined ? '' : `; did you mean ${near}?`}`,
      key,
    )
  }
}

function invalid(message: string, key?: string): AIError {
  return new AIError({ code: 'config_invalid', message, details: key === undefined ? {} : { key } })
}
