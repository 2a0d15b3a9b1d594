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
  /** Providers by the name that calls use. @default { ollama: {} } */
  readonly providers?: {
    readonly ollama?: OllamaOptions | DriverFactory
    readonly [name: string]: ProviderOptions | DriverFactory | undefined
  }
  /** `'memory:'`, `'sqlite:PATH'` or a Ledger of your own. @default 'memory:' */
  readonly ledger?: string | Ledger
  /** Whether an answer waits until its ledger entry is durable. @default 'before' */
  readonly durability?: 'before' | 'after'
  /** Your own prices, for models that would otherwise have an unknown cost. */
  readonly prices?: readonly ModelPrice[]
  /** Middleware of every call, outermost first. */
  readonly middleware?: readonly Middleware[]
  /** Replaces parts of the outside world, for tests: clock, randomness, environment. */
  readonly runtime?: Partial<Runtime>
}

/** Every key of a configuration; a test holds it equal to the schema of configuration files. */
export const CONFIG_KEYS: readonly (keyof AIConfig)[] = [
  'default',
  'providers',
  'ledger',
  'durability',
  'prices',
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
  fetch: 'function',
}

/** Most providers in one configuration. */
export const PROVIDERS_MAX = 100

/** One configured provider. */
export interface ConfiguredProvider {
  readonly name: string
  /** The name of its driver, by which `providerOptions` calls it. */
  readonly driver: string
  readonly options: ProviderOptions
  readonly factory: DriverFactory | undefined
  readonly model: string | undefined
}

/**
 * Checks a configuration at once, not at the first call, and says what each provider is.
 *
 * @throws AIError `config_invalid` with the nearest name for one that does not exist
 */
export function resolveProviders(config: AIConfig): ReadonlyMap<string, ConfiguredProvider> {
  refuseUnknown(config, CONFIG_KEYS, 'configuration')
  const entries = Object.entries(config.providers ?? { ollama: {} }).filter((entry) => entry[1] !== undefined)
  if (entries.length === 0 || entries.length > PROVIDERS_MAX) {
    throw invalid(`providers names 1 to ${PROVIDERS_MAX} providers, for example { ollama: {} }`)
  }
  const providers = new Map(entries.map(([name, given]) => [name, resolveProvider(name, given)]))
  if (config.default !== undefined && !providers.has(config.default)) {
    throw unknownProvider(config.default, providers.keys())
  }
  if (config.durability !== undefined && !['before', 'after'].includes(config.durability)) {
    throw invalid("durability is 'before' or 'after'")
  }
  return providers
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
): ConfiguredProvider {
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
