import type { JsonSchema } from './schema.ts'

/** Keywords that say nothing about a value. */
const SILENT: ReadonlySet<string> = new Set([
  '$schema',
  '$id',
  '$anchor',
  '$comment',
  '$defs',
  'definitions',
  'title',
  'readOnly',
  'writeOnly',
])

const PHRASES: Readonly<Record<string, string>> = {
  minimum: 'at least {}',
  maximum: 'at most {}',
  exclusiveMinimum: 'more than {}',
  exclusiveMaximum: 'less than {}',
  multipleOf: 'a multiple of {}',
  minLength: 'at least {} characters',
  maxLength: 'at most {} characters',
  pattern: 'matching the regular expression {}',
  format: 'format {}',
  minItems: 'at least {} items',
  maxItems: 'at most {} items',
  minProperties: 'at least {} properties',
  maxProperties: 'at most {} properties',
  default: 'default {}',
  examples: 'for example {}',
  contentEncoding: 'encoded as {}',
  contentMediaType: 'of the media type {}',
}

/** Keywords whose value is a plain text, written without quotes. */
const PLAIN: ReadonlySet<string> = new Set(['pattern', 'format', 'contentEncoding', 'contentMediaType'])

/** Longest text that is made of one keyword, in characters. */
const WORDS_CHARS_MAX = 500

/**
 * What a keyword means, in words for a model; undefined where it says nothing, such as a bound that every whole number
 * keeps.
 */
export function wordsFor(keyword: string, value: unknown): string | undefined {
  if (SILENT.has(keyword) || value === undefined) return undefined
  if (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties') return othersAre(value)
  if (keyword === 'uniqueItems' || keyword === 'deprecated') return flag(keyword, value)
  if (isIntegerBound(value)) return undefined
  const shown = shownAs(keyword, value)
  const phrase = Object.hasOwn(PHRASES, keyword) ? PHRASES[keyword] : undefined
  // A function, since a text put in as it is may have `$&` in it.
  return phrase === undefined ? `${keyword}: ${shown}` : phrase.replace('{}', () => shown)
}

/** A description with words added: `Days ahead (at least 1; at most 14)`. */
export function describedBy(description: string, words: readonly string[]): string {
  const added = words.join('; ')
  if (added === '') return description
  return description === '' ? capitalized(added) : `${description} (${added})`
}

function shownAs(keyword: string, value: unknown): string {
  if (keyword === 'examples' && Array.isArray(value))
    return value.map((one) => JSON.stringify(one)).join(', ')
  const text = PLAIN.has(keyword) && typeof value === 'string' ? value : JSON.stringify(value)
  return text.slice(0, WORDS_CHARS_MAX)
}

function othersAre(value: unknown): string | undefined {
  if (value === false) return 'no other properties'
  if (value === true || isEmpty(value)) return undefined
  return `other properties: ${JSON.stringify(value).slice(0, WORDS_CHARS_MAX)}`
}

function flag(keyword: string, value: unknown): string | undefined {
  if (value !== true) return undefined
  return keyword === 'uniqueItems' ? 'no item twice' : keyword
}

/** Libraries write the bounds of JavaScript's whole numbers for every one of them. */
function isIntegerBound(value: unknown): boolean {
  return value === Number.MAX_SAFE_INTEGER || value === Number.MIN_SAFE_INTEGER
}

function isEmpty(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
