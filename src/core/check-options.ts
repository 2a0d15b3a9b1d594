import type { Amount } from '../money/amount.ts'
import { AIError } from './errors.ts'
import {
  LABEL_CHARS_MAX,
  RETRIES_MAX,
  ROUNDS_MAX,
  STOP_SEQUENCES_MAX,
  TAGS_MAX,
  TIMEOUT_MS_MAX,
} from './limits.ts'
import { nearest } from './nearest.ts'
import type { CallOptions, EmbedOptions } from './request.ts'
import { toAmount } from './usd.ts'

/** Says what is wrong with a value, or undefined. */
type Check = (value: unknown) => string | undefined

/** Every call option and what it takes; the compiler holds it complete. */
const CHECKS: Readonly<Record<keyof CallOptions, Check>> = {
  model: label,
  system: (value) => (isText(value) && value.trim() !== '' ? undefined : 'is a text that is not empty'),
  maxOutputTokens: whole(1),
  temperature: range((value) => value >= 0, 'is a number of 0 or more'),
  topP: range((value) => value > 0 && value <= 1, 'is a number above 0 and at most 1'),
  topK: whole(1),
  stop: stopSequences,
  seed: (value) => (Number.isSafeInteger(value) ? undefined : 'is a whole number'),
  reasoning: (value) => (isText(value) || isRecord(value) ? undefined : 'is a level or { budgetTokens }'),
  tools: (value) => (Array.isArray(value) ? undefined : 'is an array of tools'),
  maxRounds: whole(1, ROUNDS_MAX),
  repairOutput: (value) => (typeof value === 'boolean' ? undefined : 'is true or false'),
  toolChoice: (value) =>
    isText(value) || isRecord(value) ? undefined : "is 'auto', 'none', 'required' or { tool }",
  output: (value) => (isRecord(value) || typeof value === 'function' ? undefined : 'is a schema'),
  serviceTier: label,
  user: scopeId,
  project: scopeId,
  organization: scopeId,
  key: scopeId,
  tags: (value) =>
    Array.isArray(value) && value.length <= TAGS_MAX && value.every((tag) => label(tag) === undefined)
      ? undefined
      : `is an array of at most ${TAGS_MAX} texts of 1 to ${LABEL_CHARS_MAX} characters, none of them a NUL`,
  budget: (value) =>
    isAmount(value) ? undefined : "is usd('0.05'), or dollars as a decimal text: never a number",
  onLimit: (value) =>
    value === 'reject' || value === 'fit' || (isRecord(value) && label(value['fallback']) === undefined)
      ? undefined
      : "is 'reject', 'fit' or { fallback: 'ollama/llama3.2' }",
  middleware: (value) =>
    Array.isArray(value) && value.every((one) => typeof one === 'function')
      ? undefined
      : 'is an array of functions (call, next) => response; what is built in cannot be changed by a call',
  signal: (value) =>
    isRecord(value) &&
    typeof value['aborted'] === 'boolean' &&
    typeof value['addEventListener'] === 'function'
      ? undefined
      : 'is an AbortSignal',
  timeoutMs: range(
    (value) => value > 0 && value <= TIMEOUT_MS_MAX,
    `is above 0 and at most ${TIMEOUT_MS_MAX} ms`,
  ),
  retries: whole(0, RETRIES_MAX),
  providerOptions: (value) =>
    isRecord(value) && Object.values(value).every(isRecord)
      ? undefined
      : 'is an object by driver, for example { ollama: { numCtx: 8192 } }',
}

const EMBED_CHECKS: Readonly<Record<keyof EmbedOptions, Check>> = {
  model: label,
  dimensions: whole(1),
  user: scopeId,
  project: scopeId,
  organization: scopeId,
  key: scopeId,
  tags: CHECKS.tags,
  budget: CHECKS.budget,
  onLimit: CHECKS.onLimit,
  signal: CHECKS.signal,
  timeoutMs: CHECKS.timeoutMs,
  retries: CHECKS.retries,
  providerOptions: CHECKS.providerOptions,
}

/** Checks the options of an embedding call. @throws AIError `request_invalid` */
export function checkEmbedOptions(options: EmbedOptions): void {
  check(options, EMBED_CHECKS)
}

/**
 * Checks the options of a call and says which one is wrong and why.
 *
 * @throws AIError `request_invalid`, with the nearest option's name for one that does not exist.
 */
export function checkOptions(options: CallOptions): void {
  check(options, CHECKS)
}

function check(options: object, checks: Readonly<Record<string, Check>>): void {
  if (!isRecord(options)) throw invalid('Call options are an object')
  for (const [name, value] of Object.entries(options)) {
    const one = checks[name]
    if (!one) {
      const near = nearest(name, Object.keys(checks))
      throw invalid(
        `There is no call option ${name}${near === undefined ? '' : `; did you mean ${near}?`}`,
        name,
      )
    }
    if (value === undefined) continue
    const wrong = one(value)
    if (wrong !== undefined) throw invalid(`Option ${name} ${wrong}`, name)
  }
}

function label(value: unknown): string | undefined {
  if (!isText(value) || value === '' || value.length > LABEL_CHARS_MAX || !value.isWellFormed()) {
    return `is a text of 1 to ${LABEL_CHARS_MAX} characters`
  }
  // No store gives it back everywhere, and a user who is cut at it is another user.
  return value.includes('\0') ? 'has a NUL character: leave it out' : undefined
}

/** The id of a user, a project, …: `'*'` is each of them in a budget, and nobody's own. */
function scopeId(value: unknown): string | undefined {
  return value === '*' ? "is an id: '*' stands for each of them, in budgets" : label(value)
}

function stopSequences(value: unknown): string | undefined {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value]
  return list.length <= STOP_SEQUENCES_MAX &&
    list.every((one) => isText(one) && one !== '' && one.isWellFormed())
    ? undefined
    : `is a text or at most ${STOP_SEQUENCES_MAX} texts, none of them empty`
}

function whole(minimum: number, maximum: number = Number.MAX_SAFE_INTEGER): Check {
  const wanted =
    maximum === Number.MAX_SAFE_INTEGER ? `of ${minimum} or more` : `from ${minimum} to ${maximum}`
  return (value) =>
    Number.isSafeInteger(value) && (value as number) >= minimum && (value as number) <= maximum
      ? undefined
      : `is a whole number ${wanted}`
}

function range(fits: (value: number) => boolean, wanted: string): Check {
  return (value) => (typeof value === 'number' && Number.isFinite(value) && fits(value) ? undefined : wanted)
}

/** An Amount of any copy of groat, or an exact decimal, of zero or more. */
function isAmount(value: unknown): boolean {
  try {
    return toAmount(value as Amount | string).picos >= 0n
  } catch {
    return false
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(message: string, option?: string): AIError {
  return new AIError({ code: 'request_invalid', message, details: option === undefined ? {} : { option } })
}
