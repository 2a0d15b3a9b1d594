import type { EmbedCall } from '../core/call.ts'
import type { Cost } from '../core/cost.ts'
import type { Driver, Embedded } from '../core/driver.ts'
import type { EmbedResponse } from '../core/response.ts'
import { UNKNOWN_USAGE } from '../core/usage.ts'
import { ZERO_AMOUNT } from '../money/amount.ts'
import { addCosts } from '../pricing/cost-of.ts'
import { tryEmbed } from './attempt.ts'
import { runAttempts } from './attempts.ts'
import type { Metered } from './meter.ts'
import type { PipelineParts } from './pipeline.ts'
import { usageOf } from './response.ts'

/** Embeds the texts of a call: tried, priced and booked like any other. */
export async function runEmbed(
  parts: PipelineParts,
  call: EmbedCall,
  driver: Driver,
  afterwards: (() => void)[],
): Promise<EmbedResponse> {
  const { clock } = parts.runtime
  if (call.request.values.length === 0) return nothing(parts, call)
  const done: Metered<Embedded | undefined>[] = []
  const progress = { done, round: 1, afterwards, beforeSending: () => {} }
  const { attempt, outcome, warnings } = await runAttempts(parts, call, driver, progress, (one, by, before) =>
    tryEmbed(by, one, clock, before),
  )
  const attempts = done.map((one) => one.attempt)
  return Object.freeze({
    id: call.id,
    embeddings: outcome.result?.embeddings ?? [],
    usage: Object.freeze(usageOf(attempts)),
    cost: Object.freeze(addCosts(attempts.map((one) => one.cost))),
    provider: attempt.provider,
    model: attempt.model,
    attempts: Object.freeze(attempts),
    warnings: Object.freeze([...warnings, ...(outcome.result?.warnings ?? [])]),
  })
}

/** No texts: nothing is asked, and that costs exactly nothing. */
async function nothing(parts: PipelineParts, call: EmbedCall): Promise<EmbedResponse> {
  const { id: priceList } = await parts.prices()
  const cost: Cost = { status: 'exact', amount: ZERO_AMOUNT, source: 'price-list', lines: [], priceList }
  return {
    id: call.id,
    embeddings: [],
    usage: { ...UNKNOWN_USAGE, inputTokens: 0, outputTokens: 0 },
    cost,
    provider: call.provider,
    model: call.request.model,
    attempts: [],
    warnings: [],
  }
}
