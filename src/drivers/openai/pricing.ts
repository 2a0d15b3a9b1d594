import type { LineKind, UsageLine } from '../../core/cost.ts'
import type { Bill, Demand, Locality } from '../../core/driver.ts'
import { isObject } from '../../core/error-text.ts'
import type { Message } from '../../core/message.ts'
import type { ChatRequest, EmbedRequest } from '../../core/request.ts'
import type { Usage } from '../../core/usage.ts'
import { OPENAI_RESPONSES } from '../../dialects/openai-responses/wire.ts'
import { toStrictSchema } from '../../dialects/to-strict-schema.ts'
import { demandOf, fieldsLength, schemaGrowth, withMore } from '../demand.ts'
import type { Billed } from '../rooms.ts'
import { isChat, isOpenAI, toSettings, type OpenAIOptions } from './api.ts'
import { billedName } from './tools.ts'

/** Which counts are billed as what, at which tier, and whose prices apply. */
export function toBill(billed: Billed<OpenAIOptions>): Bill {
  const { usage, facts = {} } = billed
  const { model, serviceTier, toolCalls } = facts
  return {
    locality: localityOf(billed),
    vendor: vendorOf(billed),
    // An alias stands for another model some day: the answer says which one it was.
    model: typeof model === 'string' && model !== '' ? model : billed.model,
    lines: [...linesOf(usage), ...toolLines(toolCalls)],
    serviceTier: typeof serviceTier === 'string' ? serviceTier : undefined,
  }
}

/** Sounds and pictures apart from text, in and out; what came from the cache, and was written to it, apart from both. */
function linesOf(usage: Usage): UsageLine[] {
  const { inputTokens, outputTokens, cacheReadTokens = 0, cacheWriteTokens = 0 } = usage
  const { inputAudioTokens = 0, inputImageTokens = 0, outputAudioTokens = 0, outputImageTokens = 0 } = usage
  return [
    ...divided(inputTokens, 'input', [
      ['cache-read', cacheReadTokens],
      ['cache-write', cacheWriteTokens],
      ['input-audio', inputAudioTokens],
      ['input-image', inputImageTokens],
    ]),
    ...divided(outputTokens, 'output', [
      ['output-audio', outputAudioTokens],
      ['output-image', outputImageTokens],
    ]),
  ]
}

/** Parts that add up to more than their whole are cut to it, in order. */
function divided(
  whole: number | undefined,
  kind: LineKind,
  parts: readonly (readonly [LineKind, number])[],
): UsageLine[] {
  if (whole === undefined) return []
  const lines: UsageLine[] = []
  let rest = whole
  for (const [part, told] of parts) {
    const quantity = Math.min(told, rest)
    if (quantity > 0) lines.push({ kind: part, quantity, unit: 'token' })
    rest -= quantity
  }
  return [{ kind, quantity: rest, unit: 'token' }, ...lines]
}

/** OpenAI's own tools that were called, by name. */
function toolLines(calls: unknown): UsageLine[] {
  if (!isObject(calls)) return []
  return Object.entries(calls).flatMap(([name, quantity]) =>
    typeof quantity === 'number' && quantity > 0 ? [{ kind: 'tool-call', quantity, unit: 'call', name }] : [],
  )
}

type Where = Pick<Billed<OpenAIOptions>, 'options' | 'address'>

/** What the user declares never makes OpenAI's own cloud free. */
function localityOf({ options, address }: Where): Locality {
  if (isOpenAI(new URL(address.baseUrl).hostname)) return 'remote'
  return options.local === true ? 'declared' : 'unknown'
}

/** The published prices are those of the global address: regions cost a tenth more. */
function vendorOf({ options, address }: Where): string | undefined {
  return options.prices ?? (new URL(address.baseUrl).hostname === 'api.openai.com' ? 'openai' : undefined)
}

/**
 * The most that one attempt can be billed for. The limit of the output holds what a model thinks as well. What OpenAI's own
 * tools read, and what a conversation that it keeps holds, is not in the request: there the model's window is the bound.
 */
export function toDemand(
  request: ChatRequest | EmbedRequest,
  billed: Omit<Billed<OpenAIOptions>, 'usage' | 'facts'>,
): Demand {
  const told = { ...demandOf(request), vendor: vendorOf(billed) }
  if ('values' in request) return told
  const dialect = isChat(billed.options) ? 'chat' : 'responses'
  const { fields, hostedTools, own } = toSettings(request.providerOptions, dialect)
  const grown =
    dialect === 'chat' ? 0 : schemaGrowth(request, (one) => toStrictSchema(one, own.strict).schema)
  const demand = withMore(told, grown + fieldsLength(fields) + fieldsLength(hostedTools))
  const max = fields['max_tool_calls']
  const names = hostedTools.flatMap(({ type }) => billedName(type) ?? [])
  // Chat Completions has a search of its own, and can be asked to speak, through fields that only `body` can set.
  if (fields['web_search_options'] !== undefined) names.push('web-search')
  const speaks = Array.isArray(fields['modalities']) && fields['modalities'].includes('audio')
  const { outputTokens } = demand
  const least = dialect === 'responses' ? OPENAI_RESPONSES.outputTokensMin : 1
  return {
    ...demand,
    inputTokens: names.length > 0 || isUnseen(request, fields) ? undefined : demand.inputTokens,
    outputTokens: outputTokens === undefined ? undefined : Math.max(outputTokens, least),
    outputKinds: speaks ? [...demand.outputKinds, 'output-audio'] : demand.outputKinds,
    // Over Chat Completions others than OpenAI may bill what was thought beside the limit, as xAI does; and what was
    // predicted and not written is billed as well.
    outputBound:
      dialect === 'chat' && (demand.vendor === 'xai' || fields['prediction'] !== undefined)
        ? 'uncapped'
        : demand.outputBound,
    toolCalls: names.map((name) => ({ name, max: typeof max === 'number' ? max : undefined })),
  }
}

/** Fields of an answer that goes on from what OpenAI keeps, and of a template that it keeps. */
const KEPT_BY_OPENAI = ['previous_response_id', 'conversation', 'prompt', 'context_management'] as const

/** Whether more is read than the request shows: what is kept under an id, and pictures and pages that came back by one. */
function isUnseen({ messages }: ChatRequest, fields: Readonly<Record<string, unknown>>): boolean {
  return KEPT_BY_OPENAI.some((name) => fields[name] !== undefined) || messages.some(holdsUnseen)
}

function holdsUnseen({ content }: Message): boolean {
  if (typeof content === 'string') return false
  return content.some((part) => {
    const owned = 'providerData' in part ? part.providerData : undefined
    const item = isObject(owned) && isObject(owned['data']) ? owned['data']['item'] : undefined
    // A thought that is encrypted is there with all of its bytes.
    return isObject(item) && (item['type'] !== 'reasoning' || typeof item['encrypted_content'] !== 'string')
  })
}
