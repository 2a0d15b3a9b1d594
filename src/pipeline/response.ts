import type { Call } from '../core/call.ts'
import type { Message } from '../core/message.ts'
import type { AIResponse, Attempt, Timing, ToolCall } from '../core/response.ts'
import type { Fold } from '../core/stream.ts'
import type { Warning } from '../core/warning.ts'
import { addUsage, UNKNOWN_USAGE } from '../core/usage.ts'
import { Amount } from '../money/amount.ts'
import { sum } from '../money/picos.ts'
import { addCosts } from '../pricing/cost-of.ts'
import type { Metered } from './meter.ts'

/** What the last round found out. */
export interface Ending {
  readonly toolCalls: readonly ToolCall[]
  /** What the call adds to the conversation; the last message is the answer. */
  readonly added: readonly Message[]
  readonly output: unknown
}

/** The answer to a call, from its attempts; the last of them is the one that was answered. */
export function toResponse(
  call: Call,
  done: readonly Metered<Fold>[],
  ending: Ending,
  startedMs: number,
  nowMs: number,
): AIResponse {
  const last = done[done.length - 1]
  if (!last) throw new Error('A response needs an attempt')
  const { attempt, outcome } = last
  const fold = outcome.result
  const attempts = done.map((one) => one.attempt)
  const parts = ending.added.at(-1)?.content
  const answered = done.filter((one) => !one.outcome.error)
  const firstEventAtMs = answered[0]?.outcome.firstEventAtMs
  const response: { -readonly [K in keyof AIResponse]: AIResponse[K] } = {
    id: call.id,
    text: fold.text,
    parts: Object.freeze(typeof parts === 'object' ? parts : fold.parts),
    toolCalls: Object.freeze(ending.toolCalls),
    reasoning: fold.reasoning,
    output: ending.output,
    messages: Object.freeze(ending.added),
    finishReason: fold.end?.finishReason ?? { unified: 'other', raw: undefined },
    usage: Object.freeze(usageOf(attempts)),
    cost: Object.freeze(addCosts(attempts.map((one) => one.cost))),
    provider: attempt.provider,
    model: attempt.model,
    requestedModel: call.request.model,
    attempts: Object.freeze(attempts),
    timing: Object.freeze(timingOf(firstEventAtMs, fold.end?.timing, startedMs, nowMs)),
    warnings: Object.freeze(onlyOnce(answered.flatMap((one) => one.outcome.result.warnings))),
  }
  // Not by spreading: an object that is put together of others is made property by property.
  const savings = savingsOf(done)
  const { rateLimits, raw } = fold.end ?? {}
  if (savings) response.savings = savings
  if (rateLimits) response.rateLimits = Object.freeze(rateLimits)
  if (raw !== undefined) response.raw = raw
  return Object.freeze(response)
}

/** What the call's free attempts saved together; nothing where one of them has no price to compare with. */
function savingsOf(done: readonly Metered<Fold>[]): AIResponse['savings'] {
  const saved = done.map((one) => one.savings).filter((one) => one !== undefined)
  const [first] = saved
  return first && { ...first, amount: new Amount(sum(saved.map(({ amount }) => amount.picos))) }
}

/** Each round says the same of the same request. */
function onlyOnce(warnings: readonly Warning[]): readonly Warning[] {
  if (warnings.length < 2) return warnings
  const byText = new Map(warnings.map((warning) => [`${warning.code}: ${warning.message}`, warning]))
  return [...byText.values()]
}

/** The usage of a call: the sum over the attempts for which the provider told anything: one that was refused used nothing. */
export function usageOf(attempts: readonly Attempt[]): AIResponse['usage'] {
  const [first, ...rest] = attempts
  if (first && rest.length === 0) return first.usage
  return addUsage(attempts.map((one) => one.usage).filter((usage) => usage !== UNKNOWN_USAGE))
}

function timingOf(
  firstEventAtMs: number | undefined,
  provider: Timing['provider'],
  startedMs: number,
  nowMs: number,
): Timing {
  return {
    totalMs: nowMs - startedMs,
    firstEventMs: firstEventAtMs === undefined ? undefined : firstEventAtMs - startedMs,
    ...(provider === undefined ? {} : { provider }),
  }
}
