import { isObject } from '../core/error-text.ts'
import { AIError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'

/** What a setting of `providerOptions` must be. */
export type Kind =
  | 'number'
  | 'whole'
  | 'count'
  | 'boolean'
  | 'text'
  | 'texts'
  | 'list'
  | 'object'
  | 'objects'
  | 'toggle'

/** Whose settings they are. */
export interface SettingsOwner {
  /** The name of the driver, under which callers put them. */
  readonly driver: string
  /** Its provider's own name, for messages. */
  readonly vendor: string
  /** All that there are. */
  readonly names: readonly string[]
  /** Options that every provider has, by the names that this one has for them, in camel case. */
  readonly callOptions: Readonly<Record<string, string>>
}

const WORDS: Readonly<Record<Kind, string>> = {
  number: 'a number',
  whole: 'a whole number',
  count: 'a whole number of 1 or more',
  boolean: 'true or false',
  text: 'a text',
  texts: 'a list of texts',
  list: 'a list',
  object: 'an object, as the API of {vendor} takes it',
  objects: 'a list of objects, as the API of {vendor} takes it',
  toggle: 'true, false or an object, as the API of {vendor} takes it',
}

/** A setting that is what it must be. @throws AIError `request_invalid` for another one */
export function checked(owner: SettingsOwner, name: string, value: unknown, kind: Kind): unknown {
  if (fits(value, kind)) return value
  const { driver, vendor } = owner
  throw invalid(`providerOptions.${driver}.${name} is ${WORDS[kind].replace('{vendor}', vendor)}`)
}

function fits(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case 'number':
      return Number.isFinite(value)
    case 'whole':
      return Number.isSafeInteger(value)
    case 'count':
      return Number.isSafeInteger(value) && Number(value) >= 1
    case 'boolean':
      return typeof value === 'boolean'
    case 'text':
      return typeof value === 'string' && value !== ''
    case 'texts':
      return Array.isArray(value) && value.every((one) => typeof one === 'string')
    case 'list':
      return Array.isArray(value)
    case 'object':
      return isObject(value)
    case 'objects':
      return Array.isArray(value) && value.every(isObject)
    case 'toggle':
      return typeof value === 'boolean' || isObject(value)
  }
}

/** The error for a setting that there is not. It says what was meant, as far as that can be told. */
export function unknownSetting({ driver, names, callOptions }: SettingsOwner, name: string): AIError {
  const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  const neutral = Object.hasOwn(callOptions, camel) ? callOptions[camel] : undefined
  if (neutral !== undefined)
    return invalid(
      `providerOptions.${driver}.${name} is a call option: write ${neutral} beside providerOptions`,
    )
  const near = nearest(camel, names)
  const hint = near === undefined ? '' : `; did you mean ${near}?`
  return invalid(`There is no setting providerOptions.${driver}.${name}${hint}`)
}

/** The error for a request that cannot be made. */
export function invalid(message: string): AIError {
  return new AIError({ code: 'request_invalid', message })
}
