import { AIError } from './errors.ts'
import { nearest } from './nearest.ts'
import type { Reasoning } from './request.ts'
import type { Warning } from './warning.ts'

/** How hard a model can be told to think, least first. */
export const REASONING_LEVELS = ['off', 'minimal', 'low', 'medium', 'high', 'max'] as const

export type ReasoningLevel = (typeof REASONING_LEVELS)[number]

/** Of a model that was asked to think and cannot. */
export const CANNOT_THINK: Warning = {
  code: 'reasoning-unsupported',
  message: 'The model cannot think: reasoning was left out. Use a model that can; `groat models` says which',
  details: {},
}

/** Most tokens of a thinking budget for each level, where a provider has levels and no budgets. */
const BUDGET_TOKENS_MAX: readonly (readonly [ReasoningLevel, number])[] = [
  ['off', 0],
  ['low', 2_048],
  ['medium', 8_192],
  ['high', 32_768],
]

/**
 * The level nearest to what was asked, of those that a model has, and a warning where it is not the same. Of two that
 * are equally near it is the lower one, which costs less; who asked for thoughts never gets none.
 *
 * @throws AIError `request_invalid` for what is neither a level nor a budget
 */
export function nearestLevel(
  asked: Reasoning,
  levels: readonly ReasoningLevel[],
): { readonly level: ReasoningLevel; readonly warnings: readonly Warning[] } {
  const wanted = typeof asked === 'string' ? checked(asked) : levelOfBudget(asked.budgetTokens)
  const distance = (level: ReasoningLevel): number => Math.abs(rank(level) - rank(wanted))
  const thinking = wanted === 'off' ? levels : levels.filter((level) => level !== 'off')
  const level = thinking.reduce((best, next) => (distance(next) < distance(best) ? next : best))
  const isSame = level === wanted && (typeof asked === 'string' || level === 'off')
  return { level, warnings: isSame ? [] : [downgraded(asked, level)] }
}

function rank(level: ReasoningLevel): number {
  return REASONING_LEVELS.indexOf(level)
}

function checked(asked: string): ReasoningLevel {
  const level = REASONING_LEVELS.find((one) => one === asked)
  if (level !== undefined) return level
  const near = nearest(asked, REASONING_LEVELS)
  const hint = near === undefined ? '' : `; did you mean ${near}?`
  throw invalid(`reasoning is one of ${REASONING_LEVELS.join(', ')}, or { budgetTokens }${hint}`)
}

function levelOfBudget(tokens: unknown): ReasoningLevel {
  if (typeof tokens !== 'number' || !Number.isSafeInteger(tokens) || tokens < 0) {
    throw invalid('reasoning.budgetTokens is a whole number of 0 or more')
  }
  return BUDGET_TOKENS_MAX.find(([, most]) => tokens <= most)?.[0] ?? 'max'
}

/** The warning for a level that is not what was asked. */
export function downgraded(asked: Reasoning, sent: string): Warning {
  const what = typeof asked === 'string' ? asked : `a budget of ${asked.budgetTokens} tokens`
  return {
    code: 'reasoning-downgraded',
    message: `The model or its server cannot think at ${what}: ${sent} was sent, which is the nearest`,
    details: { asked, sent },
  }
}

function invalid(message: string): AIError {
  return new AIError({ code: 'request_invalid', message, details: { option: 'reasoning' } })
}
