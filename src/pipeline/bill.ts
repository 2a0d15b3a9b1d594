import type { Call, EmbedCall } from '../core/call.ts'
import type { Cost } from '../core/cost.ts'
import type { Bill, Driver } from '../core/driver.ts'
import type { AIError } from '../core/errors.ts'
import { Fold } from '../core/stream.ts'
import type { Usage } from '../core/usage.ts'
import { LIMIT_PICOS_MAX } from '../budget/check-budget.ts'
import type { Hold } from '../budget/guard.ts'
import type { Savings } from '../ledger/ledger.ts'
import { formatUsd } from '../money/amount.ts'
import { costOf, costOfRefusal } from '../pricing/cost-of.ts'
import type { PriceList } from '../pricing/price-list.ts'
import { savingsOf } from '../pricing/savings.ts'
import { worstCase } from '../pricing/worst-case.ts'
import type { Outcome } from './attempt.ts'
import type { PipelineParts } from './pipeline.ts'

/** One attempt that came to its end. */
interface Ended {
  readonly call: Call | EmbedCall
  readonly driver: Driver
  readonly hold: Hold | undefined
  readonly outcome: Outcome<unknown>
}

/** What an attempt cost, and what a free one saved. */
export interface Priced {
  readonly cost: Cost
  readonly serviceTier: string | undefined
  readonly savings: Savings | undefined
}

/** Prices an attempt, however it ended. */
export function costOfOutcome(
  { runtime, baseline }: Pick<PipelineParts, 'runtime' | 'baseline'>,
  ended: Ended,
  prices: PriceList,
): Priced {
  const { call, driver, outcome } = ended
  const { error } = outcome
  const bill = driver.bill(outcome.model || call.request.model, outcome.usage, outcome.billing)
  const usage = bill.reported ? outcome.usage : believed(ended)
  const at = runtime.clock.now()
  const { serviceTier } = bill
  if (isRefusal(error)) return { cost: costOfRefusal(bill, prices), serviceTier, savings: undefined }
  const cost = ownCost(bill, usage, ended, at, prices)
  if (cost.status === 'unknown')
    return { cost: bounded(cost, usage, ended, bill, at, prices), serviceTier, savings: undefined }
  const saved = cost.status === 'free' && baseline !== undefined
  return { cost, serviceTier, savings: saved ? savingsOf(bill, usage, { baseline, at }, prices) : undefined }
}

/**
 * The cost by the model that answered. A server that is nobody's vendor may call a model as it likes: then the price that
 * the user gave for the one that was asked for counts.
 */
function ownCost(bill: Bill, usage: Usage, { call, driver }: Ended, at: number, prices: PriceList): Cost {
  const question = { provider: driver.provider, at }
  const cost = credible(costOf(bill, usage, question, prices))
  const { model } = call.request
  if (cost.status !== 'unknown' || bill.vendor !== undefined || bill.model === model) return cost
  const asked = credible(costOf({ ...bill, model }, usage, question, prices))
  return asked.status === 'unknown' ? cost : asked
}

/** Counts with which one attempt would cost more than the highest limit there is are none, and no ledger could keep them. */
function credible(cost: Cost): Cost {
  if (cost.status !== 'exact') return cost
  const { computed, ...told } = cost
  if (cost.amount.picos > LIMIT_PICOS_MAX) {
    const reason = `the counts that were told come to ${formatUsd(cost.amount)}, which cannot be`
    return { status: 'unknown', amount: undefined, reason, lines: [] }
  }
  // What the provider says it charged can be right where its counts are not.
  return computed && computed.picos > LIMIT_PICOS_MAX ? { ...told, lines: [] } : cost
}

/**
 * The counts as far as they can be: an answer to something that was said took tokens in, and one with words in it gave
 * some out. A zero there means that the server does not count, and is no price of nothing; so do fewer than can be, which
 * were told before the end, or without what was thought.
 */
function believed({ call, outcome }: Ended): Usage {
  const { usage, result } = outcome
  const said = 'messages' in call.request || call.request.values.some((value) => value !== '')
  const noInput = usage.inputTokens === 0 && said
  const noOutput = usage.outputTokens !== undefined && isTooFew(usage.outputTokens, result)
  if (!noInput && !noOutput) return usage
  return {
    ...usage,
    ...(noInput && { inputTokens: undefined }),
    ...(noOutput && { outputTokens: undefined }),
  }
}

/**
 * What is not known is bounded where something bounds it: under a budget by what was held, and else by what was sent and
 * received, where only the counts are missing.
 */
function bounded(
  cost: Extract<Cost, { status: 'unknown' }>,
  { inputTokens, outputTokens }: Usage,
  { call, driver, hold, outcome }: Ended,
  { vendor }: Bill,
  at: number,
  prices: PriceList,
): Cost {
  const seen =
    inputTokens === undefined || outputTokens === undefined
      ? worstCase(
          {
            ...driver.demand(call.request),
            vendor,
            outputTokens: bytesReceived(outcome.result),
            outputBound: 'capped',
          },
          { provider: driver.provider, model: call.request.model, at, until: at },
          prices,
        )
      : undefined
  const estimate = seen && seen.unknown === undefined ? seen : undefined
  if (hold?.worst) {
    const { amount, lines } = hold.worst
    const reason = `${cost.reason}: at most this, which was held for it`
    return { status: 'bounded', amount, lines, reason, ...(estimate && { estimate: estimate.amount }) }
  }
  if (!estimate) return cost
  const { amount, lines } = estimate
  const reason = `${cost.reason}: at most this for what was sent and received; more may have been written unseen`
  return { status: 'bounded', amount, lines, reason, estimate: amount }
}

/** Most bytes that one token of an answer has, and as many again: the longest of o200k and cl100k are 128 blanks. */
const TOKEN_BYTES_MAX = 256

/** Whether so many tokens cannot be all that was received. */
function isTooFew(tokens: number, result: unknown): boolean {
  if (!(result instanceof Fold)) return false
  const chars = result.text.length + result.reasoning.length
  // A UTF-16 unit has at most three bytes: in nearly all answers none has to be counted.
  if (tokens * TOKEN_BYTES_MAX >= chars * 3 && result.toolCalls.length === 0) return false
  return bytesReceived(result) > tokens * TOKEN_BYTES_MAX
}

const encoder = new TextEncoder()

/** A token has at least one byte, so that these are at least as many as the tokens that were seen. */
function bytesReceived(result: unknown): number {
  if (!(result instanceof Fold)) return 0
  const calls = result.toolCalls.map((one) => JSON.stringify([one.name, one.arguments])).join('')
  return encoder.encode(result.text + result.reasoning + calls).length
}

/** First status that refuses a request: below it an answer was given, whatever became of it on the way. */
const STATUS_REFUSED_MIN = 300

/**
 * Whether an attempt failed before the provider did any work for it: nothing was sent, or a status refused it. What a
 * provider charges for an answer that it began and did not finish is not known, and is never taken for nothing.
 */
function isRefusal(error: AIError | undefined): boolean {
  // Of a call in several requests, some may have been answered before one was refused.
  if (!error || error.partial || error.details['answered'] !== undefined) return false
  const { status, code, details } = error
  // An address or a header that HTTP does not allow is found out before anything leaves.
  if (details['sent'] === false || (code === 'config_invalid' && status === undefined)) return true
  // The answer had begun with a 200, and what came then only says what a status would have said.
  if (details['midStream'] === true) return false
  if (status !== undefined && status >= STATUS_REFUSED_MIN) {
    // A time-out in between, or a client that was taken to have left, says nothing about the work that was done. A 503 says
    // that the request was not handled (RFC 9110, 15.6.4).
    return (status < 500 && status !== 408 && status !== 499) || status === 503
  }
  if (details['deadline'] === 'connect' || details['deadline'] === 'call') return true
  return code === 'network_failed' && NEVER_SENT.has(String(details['cause'])) && !wasConnected(error)
}

/** A way to the host can be lost after the request went along it: then what failed is reading or writing. */
function wasConnected(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('syscall' in error) return error.syscall === 'read' || error.syscall === 'write'
  return wasConnected(error.cause)
}

const NEVER_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
])
