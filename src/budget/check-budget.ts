import {
  BUDGET_PERIODS,
  BUDGET_SCOPES,
  type Budget,
  type BudgetInput,
  type BudgetPeriod,
  type BudgetScope,
  type OnLimit,
} from '../core/budget.ts'
import { AIError } from '../core/errors.ts'
import { LABEL_CHARS_MAX } from '../core/limits.ts'
import { nearest } from '../core/nearest.ts'
import { Amount, parseUsd } from '../money/amount.ts'
import { PICOS_PER_DOLLAR } from '../money/picos.ts'
import { isTimeZone } from './periods.ts'

/** Highest limit, in picos: nine million dollars, so that sums of 64 bits keep some room above it. */
export const LIMIT_PICOS_MAX: bigint = 9_000_000n * PICOS_PER_DOLLAR
/** Most thresholds of one budget. */
export const THRESHOLDS_MAX = 10
/** Decimals of a threshold that count. */
export const THRESHOLD_DECIMALS = 6

/** What is said where a budget is wrong: in the configuration, or in a call of the interface. */
export type BudgetErrorCode = 'config_invalid' | 'request_invalid'

const FIELDS = [
  'scope',
  'id',
  'period',
  'limit',
  'timeZone',
  'unpriced',
  'mode',
  'thresholds',
  'onLimit',
] as const satisfies readonly (keyof BudgetInput)[]

const UNPRICED = ['deny', 'allow'] as const
const MODES = ['enforce', 'observe'] as const
const THRESHOLDS: readonly number[] = Object.freeze([0.8, 0.95])

/** Which budget it is: what `get` and `remove` are told. */
export type BudgetName = Pick<Budget, 'scope' | 'id' | 'period'>

type Unchecked = Readonly<Record<string, unknown>>

/** Makes a complete, frozen budget of what a user wrote. @throws AIError with the code, and the field in `details` */
export function checkBudget(input: BudgetInput, code: BudgetErrorCode): Budget {
  const fields = checkFields(input, FIELDS, code)
  return Object.freeze({
    ...nameOf(fields, code),
    limit: checkLimit(fields['limit'], code),
    timeZone: checkZone(fields['timeZone'] ?? 'UTC', code),
    unpriced: checkWord('unpriced', fields['unpriced'] ?? 'deny', UNPRICED, code),
    mode: checkWord('mode', fields['mode'] ?? 'enforce', MODES, code),
    thresholds: checkThresholds(fields['thresholds'] ?? THRESHOLDS, code),
    onLimit: checkOnLimit(fields['onLimit'] ?? 'reject', code),
  })
}

/** Checks which budget is meant. @throws AIError with the code */
export function checkBudgetName(input: BudgetName, code: BudgetErrorCode): BudgetName {
  return nameOf(checkFields(input, ['scope', 'id', 'period'], code), code)
}

function nameOf(fields: Unchecked, code: BudgetErrorCode): BudgetName {
  return {
    scope: checkWord<BudgetScope>('scope', fields['scope'], BUDGET_SCOPES, code),
    id: checkId(fields['id'], code),
    period: checkWord<BudgetPeriod>('period', fields['period'], BUDGET_PERIODS, code),
  }
}

function checkFields(input: unknown, known: readonly string[], code: BudgetErrorCode): Unchecked {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw new AIError({ code, message: `A budget is an object with ${FIELDS.slice(0, 4).join(', ')}` })
  }
  for (const name of Object.keys(input)) {
    if (!known.includes(name)) throw invalid(code, name.slice(0, 40), `is unknown: ${hint(name, known)}`)
  }
  return input as Unchecked
}

function checkWord<W extends string>(
  field: string,
  value: unknown,
  known: readonly W[],
  code: BudgetErrorCode,
): W {
  const found = known.find((word) => word === value)
  if (found !== undefined) return found
  throw invalid(code, field, `is ${shown(value)}: ${hint(value, known)}`)
}

function checkId(id: unknown, code: BudgetErrorCode): string {
  if (typeof id !== 'string') throw invalid(code, 'id', "is a string; '*' makes a budget for each id")
  if (id === '') throw invalid(code, 'id', "is empty; '*' makes a budget for each id")
  if (id.length > LABEL_CHARS_MAX) {
    throw invalid(code, 'id', `has ${id.length} characters, and ids have at most ${LABEL_CHARS_MAX}`)
  }
  if (!id.isWellFormed()) throw invalid(code, 'id', 'has half a character (a lone surrogate)')
  if (id.includes('\0')) throw invalid(code, 'id', 'has a NUL character: leave it out')
  return id
}

function checkLimit(limit: unknown, code: BudgetErrorCode): Amount | null {
  if (limit === null) return null
  const amount = readAmount(limit, code)
  if (amount.picos < 0n) throw invalid(code, 'limit', "is below zero; usd('0') allows only free calls")
  if (amount.picos > LIMIT_PICOS_MAX) {
    throw invalid(code, 'limit', 'is above $9,000,000; null is no limit')
  }
  return amount
}

function readAmount(limit: unknown, code: BudgetErrorCode): Amount {
  if (typeof limit === 'string') {
    try {
      return parseUsd(limit)
    } catch (error) {
      const told = error instanceof Error ? error.message : String(error)
      throw invalid(code, 'limit', `is no amount of dollars. ${told}`)
    }
  }
  // By its shape: an Amount of another copy of groat is one, too.
  const picos: unknown = typeof limit === 'object' && limit !== null ? (limit as Partial<Amount>).picos : 0
  if (typeof picos === 'bigint') return new Amount(picos)
  const why =
    limit === undefined ? 'is missing' : `is ${typeof limit === 'object' ? 'an object' : `a ${typeof limit}`}`
  throw invalid(code, 'limit', `${why}; write dollars as text, such as '5.00', or null for no limit`)
}

function checkZone(timeZone: unknown, code: BudgetErrorCode): string {
  // As it is written: what the runtime makes of it can be an older name.
  if (typeof timeZone === 'string' && isTimeZone(timeZone)) return timeZone
  const names = Intl.supportedValuesOf('timeZone')
  const meant = typeof timeZone === 'string' ? nearest(timeZone.slice(0, 40), names) : undefined
  const instead =
    meant === undefined ? "use an IANA name such as 'Europe/Berlin'" : `did you mean '${meant}'?`
  throw invalid(code, 'timeZone', `is ${shown(timeZone)}, which is no time zone: ${instead}`)
}

function checkThresholds(thresholds: unknown, code: BudgetErrorCode): readonly number[] {
  const wrong = (why: string): AIError => invalid(code, 'thresholds', why)
  if (!Array.isArray(thresholds)) throw wrong('is a list of shares of the limit, such as [0.8, 0.95]')
  if (thresholds.length > THRESHOLDS_MAX) throw wrong(`has more than ${THRESHOLDS_MAX} shares`)
  let last = 0
  for (const share of thresholds as readonly unknown[]) {
    if (typeof share !== 'number' || !(share > 0 && share <= 1)) {
      throw wrong(
        `has ${typeof share === 'number' ? share : 'no number'}, and a share is a number above 0 and up to 1, such as 0.8`,
      )
    }
    if (+share.toFixed(THRESHOLD_DECIMALS) !== share) {
      throw wrong(`has ${share}, and a share has at most ${THRESHOLD_DECIMALS} decimals`)
    }
    if (share <= last) throw wrong(`has ${share} after ${last}; shares rise`)
    last = share
  }
  return Object.freeze([...(thresholds as readonly number[])])
}

function checkOnLimit(onLimit: unknown, code: BudgetErrorCode): OnLimit {
  if (onLimit === 'reject' || onLimit === 'fit') return onLimit
  const shape = "is 'reject', 'fit' or a fallback such as { fallback: 'ollama/llama3.2' }"
  if (typeof onLimit !== 'object' || onLimit === null) throw invalid(code, 'onLimit', shape)
  const { fallback, ...others } = onLimit as Unchecked
  if (typeof fallback !== 'string' || Object.keys(others).length > 0) throw invalid(code, 'onLimit', shape)
  if (fallback.length > LABEL_CHARS_MAX * 2 || !/^[^/\0]+\/[^\0]+$/.test(fallback)) {
    throw invalid(code, 'onLimit', "names a fallback as 'provider/model', such as 'ollama/llama3.2'")
  }
  return Object.freeze({ fallback })
}

function hint(word: unknown, known: readonly string[]): string {
  const meant = typeof word === 'string' ? nearest(word.slice(0, 40), known) : undefined
  return meant === undefined ? `use one of ${known.join(', ')}` : `did you mean '${meant}'?`
}

function shown(value: unknown): string {
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}'`
  if (value === undefined) return 'missing'
  return typeof value === 'number' ? `${value}` : 'no text'
}

function invalid(code: BudgetErrorCode, field: string, why: string): AIError {
  return new AIError({ code, message: `The budget's '${field}' ${why}`, details: { field } })
}
