import { delivered, type Answer } from './far-end.ts'
import {
  eventsAnswer,
  faultAnswer,
  jsonAnswer,
  type OpenAIChatReply,
  type OpenAIFault,
  type OpenAIStamps,
} from './fake-openai-chat.ts'

type Body = Readonly<Record<string, unknown>>

/**
 * What the stand-in for OpenAI answers, over either API. Over Responses: an answer of the model (`text`, `pieces`,
 * `messages`, `reasoning`, `hosted`, `toolCalls`, `refusal`), a status with `error` or `body`, exact events (`events`), or
 * exact pieces of the body (`raw`).
 */
export interface OpenAIReply extends OpenAIChatReply {
  /** Several texts, each with its phase, in place of `text`. */
  readonly messages?: readonly { readonly text: string; readonly phase: 'commentary' | 'final_answer' }[]
  /** What OpenAI wants back of its thoughts. @default made up, where the request asks for it */
  readonly encrypted?: string
  /** Items of OpenAI's own tools before the text, as they go on the wire. */
  readonly hosted?: readonly Body[]
  /** For example `{ web_search: { num_requests: 2 } }`. */
  readonly toolUsage?: Body
  /** Why it ended early: `max_output_tokens`, `content_filter`. @default complete, or the first at the limit */
  readonly incomplete?: string
  /** An error in the middle, after what was said. */
  readonly failed?: { readonly code: string; readonly message: string }
  /** Further fields of the answer. */
  readonly response?: Body
  /** Exact events, each with its `type`; one of them may be a text that is sent as it is. */
  readonly events?: readonly (Body | string)[]
}

const ERROR_PAGE = { 'Content-Type': 'text/html' }

/** The answer of a reply that says exactly what goes on the wire; undefined where the model answers. */
export function exactResponsesAnswer(reply: OpenAIReply): Answer | undefined {
  if (reply.hangUp || reply.unframed) return delivered({ records: [] }, reply)
  const answer = exactBody(reply)
  return answer && delivered({ ...answer, status: reply.status ?? answer.status ?? 200 }, reply)
}

function exactBody({ raw, events, body, error, status }: OpenAIReply): Answer | undefined {
  if (raw) return { ...eventsAnswer([]), records: raw }
  if (events) return eventsAnswer(events.map((event) => (typeof event === 'string' ? event : frame(event))))
  if (typeof body === 'string') return { headers: ERROR_PAGE, records: [body] }
  if (body !== undefined) return jsonAnswer(body)
  if (error && status !== undefined) return faultAnswer(status, error)
  return undefined
}

/** An event as OpenAI frames it. */
export function frame(event: Body): string {
  return `event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`
}

/** The answer to a request body, or OpenAI's refusal of it. */
export function responsesAnswer(asked: Body, reply: OpenAIReply, stamps: OpenAIStamps): Answer {
  const refused = refusalOf(asked)
  if (refused) return faultAnswer(400, refused)
  const items = itemsOf(asked, reply, stamps)
  const response = responseOf(asked, reply, items, stamps)
  if (asked['stream'] === true) return delivered(streamed(reply, items, response), reply)
  if (reply.error) return delivered(faultAnswer(500, reply.error), reply)
  if (!reply.failed) return delivered(jsonAnswer(response), reply)
  return delivered(jsonAnswer({ ...response, status: 'failed', error: reply.failed, output: [] }), reply)
}

function itemsOf(asked: Body, reply: OpenAIReply, stamps: OpenAIStamps): readonly Body[] {
  const { hosted = [], toolCalls = [], refusal } = reply
  const items: Body[] = []
  const summary = summaryOf(reply).map((text) => ({ type: 'summary_text', text }))
  if (summary.length > 0 || reply.encrypted !== undefined) {
    const id = stamps.id('rs')
    const sealed = wantsEncrypted(asked) ? { encrypted_content: reply.encrypted ?? `sealed-${id}` } : {}
    items.push({ id, type: 'reasoning', ...sealed, summary })
  }
  items.push(...hosted)
  for (const { text, phase } of textsOf(asked, reply)) {
    const content = [{ type: 'output_text', annotations: [], logprobs: [], text }]
    const phased = phase === undefined ? {} : { phase }
    items.push({
      id: stamps.id('msg'),
      type: 'message',
      status: 'completed',
      content,
      ...phased,
      role: 'assistant',
    })
  }
  if (refusal !== undefined) {
    const content = [{ type: 'refusal', refusal }]
    items.push({ id: stamps.id('msg'), type: 'message', status: 'completed', content, role: 'assistant' })
  }
  for (const { name, arguments: given = {}, id } of toolCalls) {
    items.push({
      id: stamps.id('fc'),
      type: 'function_call',
      status: 'completed',
      arguments: typeof given === 'string' ? given : JSON.stringify(given),
      call_id: id ?? stamps.id('call'),
      name,
    })
  }
  return items
}

function textsOf(
  asked: Body,
  reply: OpenAIReply,
): readonly { readonly text: string; readonly phase?: string }[] {
  if (reply.messages) return reply.messages
  const text = piecesOf(asked, reply).join('')
  return text === '' ? [] : [{ text }]
}

function wantsEncrypted({ include, store }: Body): boolean {
  return store === false || (Array.isArray(include) && include.includes('reasoning.encrypted_content'))
}

function summaryOf({ reasoning = [] }: OpenAIReply): readonly string[] {
  return typeof reasoning === 'string' ? (reasoning === '' ? [] : [reasoning]) : reasoning
}

/** The text, up to the limit of the output: one token for every piece, and for every word that was thought. */
function piecesOf(asked: Body, reply: OpenAIReply): readonly string[] {
  const all = reply.pieces ?? words(reply.text ?? '')
  const limit = asked['max_output_tokens']
  if (typeof limit !== 'number' || reply.outputTokens !== undefined) return all
  return all.slice(0, Math.max(0, limit - thoughtOf(reply)))
}

function thoughtOf(reply: OpenAIReply): number {
  return summaryOf(reply).flatMap(words).length
}

function responseOf(asked: Body, reply: OpenAIReply, items: readonly Body[], stamps: OpenAIStamps): Body {
  const all = reply.pieces ?? words(reply.text ?? '')
  const isCut = piecesOf(asked, reply).length < all.length
  const reason = reply.incomplete ?? (isCut ? 'max_output_tokens' : undefined)
  return {
    id: stamps.id('resp'),
    object: 'response',
    created_at: stamps.created(),
    status: reason === undefined ? 'completed' : 'incomplete',
    background: false,
    error: null,
    incomplete_details: reason === undefined ? null : { reason },
    instructions: asked['instructions'] ?? null,
    max_output_tokens: asked['max_output_tokens'] ?? null,
    model: reply.model ?? asked['model'],
    output: items,
    parallel_tool_calls: asked['parallel_tool_calls'] ?? true,
    previous_response_id: asked['previous_response_id'] ?? null,
    reasoning: asked['reasoning'] ?? { effort: null, summary: null },
    service_tier: reply.serviceTier ?? 'default',
    store: asked['store'] ?? true,
    temperature: asked['temperature'] ?? 1,
    text: asked['text'] ?? { format: { type: 'text' } },
    tool_choice: asked['tool_choice'] ?? 'auto',
    tools: asked['tools'] ?? [],
    top_p: asked['top_p'] ?? 1,
    truncation: 'disabled',
    ...(reply.toolUsage && { tool_usage: reply.toolUsage }),
    usage: usageOf(asked, reply),
    metadata: {},
    ...reply.response,
  }
}

/**
 * Counts that can be worked out by hand: of the input one for every item and every word of it, the instructions included,
 * of the output one for every piece, every word that was thought, every tool call, and one for the end.
 */
function usageOf(asked: Body, reply: OpenAIReply): Body | null {
  if (reply.usage !== undefined) return reply.usage
  const thought = thoughtOf(reply)
  const said = reply.messages?.flatMap(({ text }) => words(text)) ?? piecesOf(asked, reply)
  const written =
    thought + said.length + words(reply.refusal ?? '').length + (reply.toolCalls ?? []).length + 1
  const { inputTokens = inputTokensOf(asked), outputTokens = written, cachedTokens = 0 } = reply
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reply.reasoningTokens ?? thought },
    total_tokens: inputTokens + outputTokens,
  }
}

function streamed(reply: OpenAIReply, items: readonly Body[], response: Body): Answer {
  const events: Body[] = []
  const say = (type: string, more: Body): void => {
    events.push({ type, sequence_number: events.length, ...more })
  }
  const begun = { ...response, status: 'in_progress', incomplete_details: null, output: [], usage: null }
  const started = { ...begun, service_tier: 'auto' }
  say('response.created', { response: started })
  say('response.in_progress', { response: started })
  for (const [at, item] of items.entries()) sayItem(say, item, at, reply)
  const { failed, error } = reply
  if (failed) {
    // Twice, as it was recorded: nested in an event of its own, and in the answer.
    say('error', { error: { type: failed.code, param: null, ...failed } })
    say('response.failed', { response: { ...started, status: 'failed', error: failed } })
  } else if (error) {
    const { message, code = null, param = null } = error
    say('error', { code, message, param })
  } else {
    say(response['status'] === 'completed' ? 'response.completed' : 'response.incomplete', { response })
  }
  return eventsAnswer(events.map(frame))
}

type Say = (type: string, more: Body) => void

function sayItem(say: Say, item: Body, at: number, reply: OpenAIReply): void {
  const place = { item_id: item['id'], output_index: at }
  const added = (more: Body): void =>
    say('response.output_item.added', { output_index: at, item: { ...item, ...more } })
  switch (item['type']) {
    case 'reasoning':
      added({ summary: [] })
      for (const [index, text] of summaryOf(reply).entries())
        saySummary(say, text, { ...place, summary_index: index })
      break
    case 'message':
      added({ status: 'in_progress', content: [] })
      sayContent(say, item, { ...place, content_index: 0 }, reply)
      break
    case 'function_call': {
      const given = String(item['arguments'])
      const half = Math.ceil(given.length / 2)
      added({ status: 'in_progress', arguments: '' })
      for (const delta of [given.slice(0, half), given.slice(half)])
        if (delta !== '')
          say('response.function_call_arguments.delta', { ...place, delta, obfuscation: 'Ab3' })
      say('response.function_call_arguments.done', { ...place, arguments: given })
      break
    }
    default:
      added({ status: 'in_progress' })
      say(`response.${String(item['type'])}.completed`, place)
  }
  say('response.output_item.done', { output_index: at, item })
}

function saySummary(say: Say, text: string, where: Body): void {
  say('response.reasoning_summary_part.added', { ...where, part: { type: 'summary_text', text: '' } })
  for (const delta of words(text))
    say('response.reasoning_summary_text.delta', { ...where, delta, obfuscation: 'xY' })
  say('response.reasoning_summary_text.done', { ...where, text })
  say('response.reasoning_summary_part.done', { ...where, part: { type: 'summary_text', text } })
}

function sayContent(say: Say, { content }: Body, where: Body, reply: OpenAIReply): void {
  const [part] = content as readonly [Body]
  if (part['type'] === 'refusal') {
    const refusal = String(part['refusal'])
    say('response.content_part.added', { ...where, part: { type: 'refusal', refusal: '' } })
    for (const delta of words(refusal)) say('response.refusal.delta', { ...where, delta })
    say('response.refusal.done', { ...where, refusal })
  } else {
    const text = String(part['text'])
    say('response.content_part.added', { ...where, part: { ...part, text: '' } })
    const pieces = reply.messages === undefined ? piecesBefore(text, reply) : words(text)
    for (const delta of pieces)
      say('response.output_text.delta', { ...where, delta, logprobs: [], obfuscation: 'k' })
    say('response.output_text.done', { ...where, text, logprobs: [] })
  }
  say('response.content_part.done', { ...where, part })
}

/** The pieces that a text was said to come in, as far as it goes. */
function piecesBefore(text: string, { pieces }: OpenAIReply): readonly string[] {
  if (!pieces) return words(text)
  const kept: string[] = []
  let length = 0
  for (const piece of pieces) {
    if (length >= text.length) break
    kept.push(piece)
    length += piece.length
  }
  return kept
}

/** Why OpenAI would not take a body: the rules that a client can break unseen. */
function refusalOf(asked: Body): OpenAIFault | undefined {
  const { model, input, max_output_tokens: limit, stop, seed } = asked
  if (typeof model !== 'string' || model === '') return bad('you must provide a model parameter', 'model')
  for (const [name, value] of Object.entries({
    stop,
    seed,
    top_k: asked['top_k'],
    messages: asked['messages'],
  })) {
    if (value !== undefined)
      return { ...bad(`Unknown parameter: '${name}'.`, name), code: 'unknown_parameter' }
  }
  if (typeof limit === 'number' && limit < OUTPUT_TOKENS_MIN) {
    const message = `Invalid 'max_output_tokens': integer below minimum value. Expected a value >= ${OUTPUT_TOKENS_MIN}, but got ${limit} instead.`
    return { ...bad(message, 'max_output_tokens'), code: 'integer_below_min_value' }
  }
  const tool = toolFault(asked)
  if (tool || typeof input === 'string') return tool
  if (!Array.isArray(input) || input.length === 0)
    return bad('One of "input" or "previous_response_id" must be provided.', 'input')
  return historyFault(input)
}

const OUTPUT_TOKENS_MIN = 16

function bad(message: string, param: string): OpenAIFault {
  return { message, param }
}

function toolFault({ tools }: Body): OpenAIFault | undefined {
  for (const [at, tool] of (Array.isArray(tools) ? tools : []).entries()) {
    if (!isObject(tool) || tool['type'] !== 'function') continue
    if (typeof tool['name'] !== 'string')
      return bad(`Missing required parameter: 'tools[${at}].name'.`, `tools[${at}].name`)
    const { parameters, strict } = tool
    if (strict === true && isObject(parameters) && parameters['additionalProperties'] !== false) {
      const message = `Invalid schema for function '${tool['name']}': In context=(), 'additionalProperties' is required to be supplied and to be false.`
      return { ...bad(message, `tools[${at}].parameters`), code: 'invalid_function_parameters' }
    }
  }
  return undefined
}

function historyFault(input: readonly unknown[]): OpenAIFault | undefined {
  const open = new Set<unknown>()
  for (const [at, item] of input.entries()) {
    const { type, id, call_id: callId } = isObject(item) ? item : {}
    const wanted = ID_PREFIX[String(type)]
    if (typeof id === 'string' && wanted !== undefined && !id.startsWith(wanted)) {
      const message = `Invalid 'input[${at}].id': '${id}'. Expected an ID that begins with '${wanted}'.`
      return { ...bad(message, `input[${at}].id`), code: 'invalid_value' }
    }
    if (type === 'function_call' || type === 'custom_tool_call') open.add(callId)
    if ((type === 'function_call_output' || type === 'custom_tool_call_output') && !open.delete(callId))
      return bad(`No tool call found for function call output with call_id ${String(callId)}.`, 'input')
    const { [at + 1]: next } = input
    if (type === 'reasoning' && !followsThought(next))
      return bad(
        `Item '${String(id)}' of type 'reasoning' was provided without its required following item.`,
        'input',
      )
  }
  if (open.size === 0) return undefined
  return bad(`No tool output found for function call ${[...open].join(', ')}.`, 'input')
}

const ID_PREFIX: Readonly<Record<string, string>> = {
  function_call: 'fc',
  reasoning: 'rs',
  message: 'msg',
  custom_tool_call: 'ct',
}

function followsThought(item: unknown): boolean {
  if (!isObject(item)) return false
  const { type, role } = item
  return role === 'assistant' || (typeof type === 'string' && type !== 'message' && !type.endsWith('_output'))
}

function inputTokensOf({ input, instructions }: Body): number {
  const before = typeof instructions === 'string' ? 1 + words(instructions).length : 0
  if (typeof input === 'string') return before + 1 + words(input).length
  if (!Array.isArray(input)) return before
  return input.reduce((sum: number, item: unknown) => sum + 1 + words(textIn(item)).length, before)
}

/** The text of an item, whatever it is. */
export function textIn(item: unknown): string {
  const { content, output } = isObject(item) ? item : {}
  if (typeof output === 'string') return output
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map(partText).join('')
}

function partText(part: unknown): string {
  const { text, refusal } = isObject(part) ? part : {}
  if (typeof text === 'string') return text
  return typeof refusal === 'string' ? refusal : ''
}

/** The tokens of a text: each word with the white space before it. */
function words(text: string): string[] {
  return text.match(/\s*\S+(?:\s+$)?|\s+/g) ?? []
}

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
