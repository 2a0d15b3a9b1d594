import { delivered, type Answer, type Delivery } from './far-end.ts'
import { DONE, eventsAnswer, jsonAnswer, type OpenAIToolCall } from './fake-openai-chat.ts'

/** A call that xAI makes itself, of one of its own tools. */
export interface XaiServerCall {
  /** For example `web_search_call`, or `custom_tool_call` as a stream has it for X search. */
  readonly type: string
  readonly name: string
  /** @default '{}' */
  readonly arguments?: string
  /** Empty where it is not told. @default '' */
  readonly callId?: string
}

/** What xAI says went wrong: it has three shapes for it. */
export type XaiFault =
  | { readonly code: string; readonly error: string }
  | { readonly error: string | { readonly message: string; readonly type?: string; readonly code?: string } }

/**
 * What `/v1/responses` answers. One of: an answer of the model (`text`, `pieces`, `reasoning`, `serverCalls`,
 * `toolCalls`), a status with `fault` or `body`, exact events (`events`), or exact pieces of the body (`raw`).
 */
export interface XaiReply extends Delivery {
  /** The answer; it is sent in words. */
  readonly text?: string
  /** The answer, cut into the tokens that it is sent in. */
  readonly pieces?: readonly string[]
  /** The summary of what was thought; each text is a part of it. */
  readonly reasoning?: string | readonly string[]
  /** What xAI wants back of its thoughts. @default made up, where the request asks for it */
  readonly encrypted?: string
  readonly toolCalls?: readonly OpenAIToolCall[]
  /** What xAI looked up before the text. */
  readonly serverCalls?: readonly XaiServerCall[]
  /** Why it ended early: `max_output_tokens` and others. @default complete, or that at the limit */
  readonly incomplete?: string
  /** @default counted */
  readonly inputTokens?: number
  /** Reasoning included. @default counted */
  readonly outputTokens?: number
  readonly cachedTokens?: number
  /** @default counted */
  readonly reasoningTokens?: number
  /** The counts as they go on the wire; `null` tells none. */
  readonly usage?: Readonly<Record<string, unknown>> | null
  /** What was charged, in 1e-10 dollars. @default not told */
  readonly ticks?: number
  /** For example `{ web_search_calls: 1 }`. */
  readonly serverToolUsage?: Readonly<Record<string, number>>
  /** @default the model that was asked for */
  readonly model?: string
  readonly serviceTier?: string
  /** With a status: a refusal. Without: in place of a stream under 200, as JSON. */
  readonly fault?: XaiFault
  /** An error in the middle of a stream, after the text. */
  readonly failed?: { readonly code: string; readonly message: string }
  readonly status?: number
  readonly body?: unknown
  /** Exact events, each with its `type`. */
  readonly events?: readonly Readonly<Record<string, unknown>>[]
  readonly raw?: readonly (string | Uint8Array)[]
  /** `false` ends a stream without `[DONE]`. @default true */
  readonly done?: boolean
}

/** What changes from answer to answer. */
export interface XaiStamps {
  created(): number
  id(): string
}

type Body = Readonly<Record<string, unknown>>

/** A refusal in one of xAI's shapes. */
export function faultAnswer(status: number, fault: XaiFault): Answer {
  return jsonAnswer(fault, status)
}

/** The answer of a reply that says exactly what goes on the wire; undefined where the model answers. */
export function exactXaiAnswer(reply: XaiReply): Answer | undefined {
  if (reply.hangUp || reply.unframed) return delivered({ records: [] }, reply)
  const answer = exactBody(reply)
  return answer && delivered({ ...answer, status: reply.status ?? answer.status ?? 200 }, reply)
}

function exactBody({ raw, events, body, fault, status, done }: XaiReply): Answer | undefined {
  if (raw) return { ...eventsAnswer([]), records: raw }
  if (events) return eventsAnswer([...events.map(frame), ...(done === false ? [] : [DONE])])
  if (typeof body === 'string') return { headers: { 'Content-Type': 'text/plain' }, records: [body] }
  if (body !== undefined) return jsonAnswer(body)
  if (fault) return faultAnswer(status ?? 200, fault)
  return undefined
}

function frame(event: Body): string {
  return `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`
}

/** The answer of the model, streamed or whole. */
export function responsesAnswer(asked: Body, reply: XaiReply, stamps: XaiStamps): Answer {
  const id = stamps.id()
  const items = itemsOf(asked, reply, id)
  const response = responseOf(asked, reply, items, id, stamps)
  return delivered(asked['stream'] === true ? streamed(reply, items, response) : jsonAnswer(response), reply)
}

function itemsOf(asked: Body, reply: XaiReply, id: string): readonly Body[] {
  const { serverCalls = [], toolCalls = [] } = reply
  const items: Body[] = []
  const summary = summaryOf(reply).map((text) => ({ type: 'summary_text', text }))
  const encrypted = reply.encrypted ?? `sealed-${id}`
  if (summary.length > 0 || reply.encrypted !== undefined) {
    const sealed = wantsEncrypted(asked) ? { encrypted_content: encrypted } : {}
    items.push({ id: `rs_${id}`, type: 'reasoning', summary, status: 'completed', ...sealed })
  }
  for (const [at, { type, name, arguments: args = '{}', callId = '' }] of serverCalls.entries()) {
    const given = type === 'custom_tool_call' ? { input: args } : { arguments: args }
    items.push({ ...given, call_id: callId, name, type, id: `fc_${id}_s${at}`, status: 'completed' })
  }
  const text = piecesOf(asked, reply).join('')
  if (text !== '') {
    const content = [{ type: 'output_text', text, logprobs: [], annotations: [] }]
    items.push({ content, id: `msg_${id}`, role: 'assistant', type: 'message', status: 'completed' })
  }
  for (const [at, { name, arguments: given = {}, id: callId = `call_${id}_${at}` }] of toolCalls.entries()) {
    const args = typeof given === 'string' ? given : JSON.stringify(given)
    items.push({
      arguments: args,
      call_id: callId,
      name,
      type: 'function_call',
      id: `fc_${id}_${at}`,
      status: 'completed',
    })
  }
  return items
}

function wantsEncrypted({ include }: Body): boolean {
  return Array.isArray(include) && include.includes('reasoning.encrypted_content')
}

function summaryOf({ reasoning = [] }: XaiReply): readonly string[] {
  return typeof reasoning === 'string' ? (reasoning === '' ? [] : [reasoning]) : reasoning
}

/** The text, up to the limit of the output: one token for every piece, and for every word that was thought. */
function piecesOf(asked: Body, reply: XaiReply): readonly string[] {
  const all = reply.pieces ?? words(reply.text ?? '')
  const limit = asked['max_output_tokens']
  if (typeof limit !== 'number' || reply.outputTokens !== undefined) return all
  return all.slice(0, Math.max(0, limit - thoughtOf(reply)))
}

function thoughtOf(reply: XaiReply): number {
  return summaryOf(reply).flatMap(words).length
}

function responseOf(
  asked: Body,
  reply: XaiReply,
  items: readonly Body[],
  id: string,
  stamps: XaiStamps,
): Body {
  const isCut = piecesOf(asked, reply).length < (reply.pieces ?? words(reply.text ?? '')).length
  const reason = reply.incomplete ?? (isCut ? 'max_output_tokens' : undefined)
  const usage = usageOf(asked, reply)
  return {
    created_at: stamps.created(),
    id,
    model: reply.model ?? asked['model'],
    object: 'response',
    output: items,
    parallel_tool_calls: true,
    previous_response_id: asked['previous_response_id'] ?? null,
    reasoning: asked['reasoning'] ?? { effort: null, summary: null },
    text: asked['text'] ?? { format: { type: 'text' } },
    tool_choice: asked['tool_choice'] ?? 'auto',
    tools: asked['tools'] ?? [],
    ...(usage && { usage }),
    ...(reply.serviceTier !== undefined && { service_tier: reply.serviceTier }),
    incomplete_details: reason === undefined ? null : { reason },
    status: reason === undefined ? 'completed' : 'incomplete',
    store: asked['store'] ?? true,
    metadata: {},
  }
}

/**
 * Counts that can be worked out by hand: of the input one for every item and every word of it, of the output one for every
 * piece, every word that was thought, every tool call, and one for the end.
 */
function usageOf(asked: Body, reply: XaiReply): Body | null {
  if (reply.usage !== undefined) return reply.usage
  const thought = thoughtOf(reply)
  const written = thought + piecesOf(asked, reply).length + (reply.toolCalls ?? []).length + 1
  const { inputTokens = inputTokensOf(asked), outputTokens = written, cachedTokens = 0, ticks } = reply
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reply.reasoningTokens ?? thought },
    total_tokens: inputTokens + outputTokens,
    num_sources_used: 0,
    num_server_side_tools_used: (reply.serverCalls ?? []).length,
    ...(reply.serverToolUsage && { server_side_tool_usage_details: reply.serverToolUsage }),
    ...(ticks !== undefined && { cost_in_usd_ticks: ticks }),
  }
}

function streamed(reply: XaiReply, items: readonly Body[], response: Body): Answer {
  const events: Body[] = []
  const say = (type: string, more: Body): void => {
    events.push({ sequence_number: events.length, type, ...more })
  }
  const { usage: _, ...head } = response
  const begun = { ...head, output: [], status: 'in_progress', incomplete_details: null }
  say('response.created', { response: begun })
  say('response.in_progress', { response: begun })
  for (const [at, item] of items.entries()) sayItem(say, item, at, reply)
  const { failed } = reply
  if (failed) {
    say('error', failed)
    say('response.failed', { response: { ...begun, status: 'failed', error: failed } })
  } else {
    say(response['status'] === 'completed' ? 'response.completed' : 'response.incomplete', { response })
  }
  return eventsAnswer([...events.map(frame), ...(reply.done === false || failed ? [] : [DONE])])
}

type Say = (type: string, more: Body) => void

function sayItem(say: Say, item: Body, at: number, reply: XaiReply): void {
  const place = { item_id: item['id'], output_index: at }
  const added = (more: Body): void =>
    say('response.output_item.added', { item: { ...item, ...more }, output_index: at })
  switch (item['type']) {
    case 'reasoning': {
      const { encrypted_content: _, ...open } = { ...item, encrypted_content: undefined }
      say('response.output_item.added', {
        item: { ...open, summary: [], status: 'in_progress' },
        output_index: at,
      })
      for (const [index, text] of summaryOf(reply).entries())
        sayPart(say, text, { ...place, summary_index: index })
      break
    }
    case 'message': {
      added({ content: [], status: 'in_progress' })
      const part = { type: 'output_text', text: '', logprobs: [], annotations: [] }
      const where = { ...place, content_index: 0 }
      say('response.content_part.added', { ...where, part })
      for (const delta of reply.pieces ?? words(reply.text ?? ''))
        say('response.output_text.delta', { ...where, delta, logprobs: [] })
      const text = (reply.pieces ?? words(reply.text ?? '')).join('')
      say('response.output_text.done', { ...where, text })
      say('response.content_part.done', { ...where, part: { ...part, text } })
      break
    }
    case 'function_call':
      added({ arguments: '', status: 'in_progress' })
      // All of it in one piece, as xAI does.
      say('response.function_call_arguments.delta', { ...place, delta: item['arguments'] })
      say('response.function_call_arguments.done', { ...place, arguments: item['arguments'] })
      break
    default:
      added({})
  }
  say('response.output_item.done', { item, output_index: at })
}

function sayPart(say: Say, text: string, where: Body): void {
  say('response.reasoning_summary_part.added', { ...where, part: { text: '', type: 'summary_text' } })
  for (const delta of words(text)) say('response.reasoning_summary_text.delta', { ...where, delta })
  say('response.reasoning_summary_text.done', { ...where, text })
  say('response.reasoning_summary_part.done', { ...where, part: { text, type: 'summary_text' } })
}

function inputTokensOf({ input }: Body): number {
  if (typeof input === 'string') return 1 + words(input).length
  if (!Array.isArray(input)) return 0
  return input.reduce((sum: number, item: unknown) => sum + 1 + words(textOf(item)).length, 0)
}

function textOf(item: unknown): string {
  const { content, output } = isObject(item) ? item : {}
  if (typeof output === 'string') return output
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .map((part) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : ''))
    .join(' ')
}

/** The tokens of a text: each word with the white space before it. */
function words(text: string): string[] {
  return text.match(/\s*\S+(?:\s+$)?|\s+/g) ?? []
}

/** A JSON object. */
export function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
