import type { Call, EmbedCall } from '../core/call.ts'
import type { Driver } from '../core/driver.ts'
import type { Quote } from '../core/quote.ts'
import { ZERO_AMOUNT } from '../money/amount.ts'
import { bestCase } from '../pricing/worst-case.ts'
import { withLimits, worstOf, type GuardParts } from './guard.ts'

/** What a call can cost: the same mathematics by which budgets hold money for it. Nothing is generated. */
export async function quoteOf(parts: GuardParts, call: Call | EmbedCall, driver: Driver): Promise<Quote> {
  const { model } = call.request
  const target = { provider: call.provider, model }
  const { signal, deadlineMs } = call
  const timeLeftMs = deadlineMs === undefined ? undefined : deadlineMs - parts.clock.elapsed()
  const locality = await driver.locality(model, { signal, timeLeftMs })
  if (locality === 'local' || locality === 'declared') {
    const tokens = { inputTokens: undefined, outputTokens: undefined }
    return { ...target, basis: 'free', min: ZERO_AMOUNT, max: ZERO_AMOUNT, lines: [], ...tokens }
  }
  const prices = await parts.prices()
  const limited = withLimits(call, driver, prices)
  const worst = worstOf(parts, limited, driver, prices)
  if (worst.unknown !== undefined) {
    const nothing = { min: undefined, max: undefined, inputTokens: undefined, outputTokens: undefined }
    return { ...target, basis: 'unknown', ...nothing, lines: [], reason: worst.unknown }
  }
  const at = parts.clock.now()
  const best = bestCase(
    driver.demand(limited.request),
    { provider: driver.provider, model, at, until: at },
    prices,
  )
  const { amount: max, lines, inputTokens, outputTokens } = worst
  const min = best.unknown === undefined ? best.amount : ZERO_AMOUNT
  return { ...target, basis: 'price-list', min, max, lines, inputTokens, outputTokens }
}
