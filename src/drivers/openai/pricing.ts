import type { LineKind, UsageLine } from '../../core/cost.ts'
import type { Bill, Demand, Locality } from '../../core/driver.ts'
import { isObject } from '../../core/error-text.ts'
import type { Message } from '../../core/message.ts'
import { offersTools } from '../../core/needs.ts'
import type { ChatRequest, EmbedRequest } from '../../core/request.ts'
import type { Usage } from '../../core/usage.ts'
import { OPENAI_RESPONSES } from '../../dialects/openai-responses/wire.ts'
import { toStrictSchema } from '../../dialects/to-strict-schema.ts'
import { demandOf, fieldsLength, schemaGrowth, withMore } from '../demand.ts'
import type { Billed } from '../rooms.ts'
import { isChat, isOpenAI, toSettings, type OpenAIOptions } from './api.ts'
import { billedName } from './tools.ts'

type Wire = Readonly<Record<string, unknown>>

/** Which counts are billed as what, at which tier, and whose prices apply. */
export function toBill(billed: Billed<OpenAIOptions>): Bill {
  const { usage, facts = {} } = billed
  const { serviceTier, toolCalls } = facts
  // An alias stands for another model some day: the answer says which one it was.
  const model = typeof facts['model'] === 'string' && facts['model'] !== '' ? facts['model'] : billed.model
  const searches = searchesByItself(model) && usage.outputTokens !== undefined
  return {
    locality: localityOf(billed),
    vendor: vendorOf(billed),
    model,
    lines: [...linesOf(usage), ...toolLines(searches ? { [WEB_SEARCH]: 1 } : toolCalls)],
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

const WEB_SEARCH = 'web-search'

/** Whether a model of Chat Completions searches the web for each answer, says nothing of it, and bills it by the search. */
function searchesByItself(model: string): boolean {
  return /-search-(?:preview|api)\b/.test(model)
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
  if (isOpenAI(address.hostname)) return 'remote'
  return options.local === true ? 'declared' : 'unknown'
}

/** The published prices are those of the global address: regions cost a tenth more. */
function vendorOf({ options, address }: Where): string | undefined {
  return options.prices ?? (address.hostname === 'api.openai.com' ? 'openai' : undefined)
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
  if (!isChat(billed.options)) return demandOver('responses', request, told)
  const chat = demandOver('chat', request, told)
  // With tools it may go over Responses: there are models that take them only there.
  return offersTools(request) ? dearer(chat, demandOver('responses', request, told)) : chat
}

function demandOver(dialect: 'chat' | 'responses', request: ChatRequest, told: Demand): Demand {
  const isOverChat = dialect === 'chat'
  const { fields, hostedTools, own } = toSettings(request.providerOptions, dialect)
  const grown = isOverChat ? 0 : schemaGrowth(request, (one) => toStrictSchema(one, own.strict).schema)
  const demand = withMore(told, grown + fieldsLength(fields) + fieldsLength(hostedTools))
  const max = isOverChat ? undefined : callLimit(fields['max_tool_calls'])
  const names = hostedTools.flatMap(({ type }) => billedName(type) ?? [])
  // Chat Completions has a search of its own, and can be asked to speak, through fields that only `body` can set.
  if (fields['web_search_options'] !== undefined || searchesByItself(request.model)) names.push(WEB_SEARCH)
  const speaks = spokenIn(fields).includes('audio')
  const { outputTokens } = demand
  const least = isOverChat ? 1 : OPENAI_RESPONSES.outputTokensMin
  // What was predicted and not written is billed as well.
  const isBeside = demand.vendor === 'xai' || thinksBeside(fields) || fields['prediction'] !== undefined
  return {
    ...demand,
    inputTokens: names.length > 0 || isUnseen(request, fields) ? undefined : demand.inputTokens,
    outputTokens: outputTokens === undefined ? undefined : Math.max(outputTokens, least),
    outputKinds: speaks ? [...demand.outputKinds, 'output-audio'] : demand.outputKinds,
    outputBound: isOverChat && isBeside ? 'uncapped' : demand.outputBound,
    toolCalls: names.map((name) => ({ name, max })),
    unbounded: unboundedBy(request, fields),
  }
}

/** The most of two ways of which nobody knows yet which one a request goes. */
function dearer(one: Demand, other: Demand): Demand {
  return {
    ...one,
    inputTokens: larger(one.inputTokens, other.inputTokens),
    outputTokens: larger(one.outputTokens, other.outputTokens),
    toolCalls: [...one.toolCalls, ...other.toolCalls],
    unbounded: one.unbounded ?? other.unbounded,
  }
}

/** Undefined has no bound. */
function larger(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? undefined : Math.max(one, other)
}

/**
 * Whether more may be thought than the limit of the output says, as over the Chat Completions of xAI: at Alibaba Cloud, whose
 * fields these are, `max_tokens` limits the answer only (Model Studio, "Deep thinking").
 */
function thinksBeside({ enable_thinking: thinks, thinking_budget: budget }: Wire): boolean {
  return budget !== undefined || (thinks !== undefined && thinks !== false)
}

/** What is no number of calls limits none of them. */
function callLimit(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && (value as number) >= 1 ? (value as number) : undefined
}

/**
 * Fields of `body` with which a request costs no more than its own text, its output limit and its tools come to: how an
 * answer is sampled, formed, thought about and told, and text that is counted with its bytes.
 */
const HARMLESS: ReadonlySet<string> = wordsOf(`
  temperature top_p top_k top_a min_p typical_p seed stop stop_token_ids presence_penalty
  frequency_penalty repetition_penalty length_penalty no_repeat_ngram_size logit_bias bad_words min_tokens
  ignore_eos logprobs top_logprobs skip_special_tokens response_format text verbosity structured_outputs
  guided_json guided_regex guided_choice guided_grammar grammar json_schema tool_choice
  parallel_tool_calls documents include reasoning reasoning_effort reasoning_format include_reasoning
  thinking thinking_budget enable_thinking chat_template_kwargs truncation store metadata user
  safety_identifier prompt_cache_key usage
`)

/** Those that `toDemand` counts. */
const COUNTED: ReadonlySet<string> = wordsOf(`
  max_tool_calls web_search_options modalities audio prediction previous_response_id conversation
`)

function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/))
}

/**
 * What may raise the price beyond all that is counted: a field that groat does not know, such as a template with tools of its
 * own, a conversation that is read once more to be compacted, and a mode that thinks several times.
 */
function unboundedBy({ providerOptions }: ChatRequest, fields: Wire): string | undefined {
  const says = (what: string): string =>
    `nothing is known of how much ${what} can raise the price: leave it out`
  const { body, reasoningMode } = providerOptions
  const named = Object.keys(isObject(body) ? body : {}).find(
    (name) => !HARMLESS.has(name) && !COUNTED.has(name),
  )
  if (named !== undefined) return says(`providerOptions.openai.body.${named.slice(0, 64)}`)
  if (fields['context_management'] !== undefined) return says('providerOptions.openai.contextManagement')
  if (!spokenIn(fields).every((one) => one === 'text' || one === 'audio'))
    return says('providerOptions.openai.body.modalities')
  const { reasoning } = fields
  const mode = (isObject(reasoning) ? reasoning['mode'] : undefined) ?? reasoningMode ?? 'standard'
  return mode === 'standard' ? undefined : says(`the reasoning mode ${JSON.stringify(mode).slice(0, 64)}`)
}

/** In what an answer is to come, but for what it always does. */
function spokenIn({ modalities }: Wire): readonly unknown[] {
  if (Array.isArray(modalities)) return modalities
  return modalities === undefined ? [] : [modalities]
}

/** Fields of an answer that goes on from what OpenAI keeps. */
const KEPT_BY_OPENAI = ['previous_response_id', 'conversation'] as const

/** Whether more is read than the request shows: what is kept under an id, and pictures and pages that came back by one. */
function isUnseen({ messages }: ChatRequest, fields: Wire): boolean {
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
