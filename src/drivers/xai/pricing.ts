import type { UsageLine } from '../../core/cost.ts'
import type { Bill, Demand, Locality } from '../../core/driver.ts'
import { isObject } from '../../core/error-text.ts'
import type { ChatRequest, EmbedRequest } from '../../core/request.ts'
import { toStrictSchema } from '../../dialects/to-strict-schema.ts'
import { demandOf, schemaGrowth, withMore } from '../demand.ts'
import type { Billed } from '../rooms.ts'
import { tokenLines } from '../token-lines.ts'
import { isXai, toSettings, type XaiOptions } from './api.ts'
import { billedName } from './tools.ts'

/** Which counts are billed as what, and what xAI says that it charged: that is the truth where it is told. */
export function toBill(billed: Billed<XaiOptions>): Bill {
  const { usage, facts = {} } = billed
  const { model, serviceTier, toolCalls, usage: told } = facts
  const ticks = isObject(told) ? told['cost_in_usd_ticks'] : undefined
  return {
    locality: localityOf(billed),
    vendor: vendorOf(billed),
    // Aliases change what they stand for: the answer says which model it was.
    model: typeof model === 'string' && model !== '' ? model : billed.model,
    lines: [...tokenLines(usage), ...toolLines(toolCalls)],
    serviceTier: typeof serviceTier === 'string' ? serviceTier : undefined,
    ...(isCount(ticks) && { reported: { quantity: ticks, unit: 'usd-tick' } as const }),
  }
}

/** xAI's own tools that were called, by name. */
function toolLines(calls: unknown): UsageLine[] {
  if (!isObject(calls)) return []
  return Object.entries(calls).flatMap(([name, quantity]) =>
    isCount(quantity) ? [{ kind: 'tool-call', quantity, unit: 'call', name }] : [],
  )
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0
}

type Where = Pick<Billed<XaiOptions>, 'options' | 'address'>

/** What the user declares never makes xAI's own cloud free. */
function localityOf({ options, address }: Where): Locality {
  if (isXai(address.hostname)) return 'remote'
  return options.local === true ? 'declared' : 'unknown'
}

/** The published prices are those of the global address: regions of the United States cost more. */
function vendorOf({ options, address }: Where): string | undefined {
  const { hostname } = address
  return options.prices ?? (isXai(hostname) && !hostname.startsWith('us-') ? 'xai' : undefined)
}

/**
 * The most that one attempt can be billed for. Over Responses the limit of the output holds what a model thinks, too (xAI's
 * OpenAPI: it "includes both output and reasoning tokens"); over Chat Completions it does not. With xAI's own tools the
 * input is billed once for each turn of its agent, of any number. What an answer that it keeps holds is not in the request.
 */
export function toDemand(
  request: ChatRequest | EmbedRequest,
  billed: Omit<Billed<XaiOptions>, 'usage' | 'facts'>,
): Demand {
  const told = { ...demandOf(request), vendor: vendorOf(billed) }
  if ('values' in request) return told
  const demand = withMore(
    told,
    schemaGrowth(request, (one) => toStrictSchema(one).schema),
  )
  const { fields, hostedTools, store } = toSettings(request.providerOptions)
  const names = hostedTools.map(({ type }) => billedName(type))
  // With a team of agents each of them reads and writes, and nothing says how many there are.
  const team = /multi-agent/.test(request.model) ? [AGENTS] : []
  const isUnseen = names.length > 0 || fields['previous_response_id'] !== undefined || store
  return {
    ...demand,
    inputTokens: isUnseen ? undefined : demand.inputTokens,
    toolCalls: [...names, ...team].map((name) => ({ name, max: undefined })),
  }
}

const AGENTS = 'each of its agents'
