import type { Call, EmbedCall } from '../core/call.ts'
import type { Driver, Locality } from '../core/driver.ts'
import { isAIError, type AIError } from '../core/errors.ts'
import type { Warning } from '../core/warning.ts'
import type { Admission, Asking } from '../budget/guard.ts'
import { budgetExceeded } from '../budget/facts.ts'
import { callFacts } from './call-facts.ts'
import { assertCapable, assertDeclared } from './capable.ts'
import type { PipelineParts } from './pipeline.ts'

/** Longest that a refusal waits for what a server says of a free model, in milliseconds. */
const ALTERNATIVE_MS_MAX = 300
/** Most alternatives that a refusal names. */
const ALTERNATIVES_MAX = 3

type Refused = Extract<Admission<Call>, { status: 'refused' }>

/** The error of an attempt that was not let in, with what could be done instead; listeners are told. */
export async function refusalOf(
  parts: PipelineParts,
  { call, driver, sentBefore }: Pick<Asking<Call | EmbedCall>, 'call' | 'driver' | 'sentBefore'>,
  { error, facts, needed, affordable }: Refused,
): Promise<AIError> {
  if (error) return error
  if (!facts || !needed) throw new Error('A refusal needs its budget')
  parts.emitter.emit('budgetExceeded', () => {
    return { ...callFacts(call, parts.runtime.clock), ...facts, needed, enforced: true }
  })
  const alternatives = await freeModels(parts, call)
  const refusal = { ...facts, needed, affordableOutputTokens: affordable ?? null, alternatives }
  return budgetExceeded(refusal, { provider: driver.provider, model: call.request.model, sentBefore })
}

/** Where a budget sent a call. */
export interface Switched {
  readonly warnings: readonly Warning[]
  /** The same call for the other provider. */
  apply<C extends Call | EmbedCall>(call: C): Promise<{ readonly call: C; readonly driver: Driver }>
}

/**
 * Sends the rest of a call to a model that costs nothing.
 *
 * @throws the refusal, where the model is not proven local and not declared so: what is not free is no way out
 */
export async function fallBack(
  parts: PipelineParts,
  call: Call | EmbedCall,
  to: string,
  refusal: AIError,
): Promise<Switched> {
  const { provider, model } = parts.target(to)
  const noWayOut = (why: string, cause?: unknown): AIError => {
    const message = `${refusal.message}. The fallback ${provider}/${model} is no way out: ${why}`
    return refusal.with({ message, details: { ...refusal.details, fallback: `${provider}/${model}` }, cause })
  }
  let driver: Driver
  let locality: Locality
  try {
    driver = await parts.driver(provider)
    if ('messages' in call.request) assertCapable(driver, call.request)
    else assertDeclared(driver, model, ['embeddings'])
    locality = await localityOf(parts, driver, model, call)
  } catch (error) {
    if (!isAIError(error)) throw error
    throw noWayOut(error.message, error)
  }
  if (locality !== 'local' && locality !== 'declared') throw noWayOut('it was not shown to be local')
  const from = `${call.provider}/${call.request.model}`
  const names = { from, to: `${provider}/${model}` }
  const reason = refusal.code === 'price_unknown' ? 'price' : 'budget'
  parts.emitter.emit('providerFallback', () => ({
    ...callFacts(call, parts.runtime.clock),
    ...names,
    reason,
  }))
  const message = `${from} was not asked, since no budget covers it: ${names.to} answered, which is free`
  return {
    warnings: [{ code: 'budget-fallback', message, details: { ...names, code: refusal.code } }],
    apply: async (one) => {
      const providerOptions = parts.optionsFor(provider, one.providerOptions)
      return { call: { ...one, provider, request: { ...one.request, model, providerOptions } }, driver }
    },
  }
}

async function localityOf(
  parts: PipelineParts,
  driver: Driver,
  model: string,
  { signal, deadlineMs }: Call | EmbedCall,
): Promise<Locality> {
  const timeLeftMs = deadlineMs === undefined ? undefined : deadlineMs - parts.runtime.clock.elapsed()
  return driver.locality(model, { signal, timeLeftMs })
}

/** Configured models that would answer for nothing, as far as that is known at once. */
async function freeModels(parts: PipelineParts, call: Call | EmbedCall): Promise<readonly string[]> {
  const found: string[] = []
  for (const { provider, model } of parts.targets()) {
    if (found.length >= ALTERNATIVES_MAX) break
    if (provider === call.provider && model === call.request.model) continue
    try {
      const driver = await parts.driver(provider)
      const limits = { signal: call.signal, timeLeftMs: ALTERNATIVE_MS_MAX }
      const locality = await driver.locality(model, limits)
      if (locality === 'local' || locality === 'declared') found.push(`${provider}/${model}`)
    } catch {
      // A server that is not there is no alternative.
    }
  }
  return found
}
