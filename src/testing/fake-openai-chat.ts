import { delivered, type Answer, type Delivery } from './far-end.ts'

/** A tool call that the model makes. */
export interface OpenAIToolCall {
  readonly name: string
  /** An object, or the text that the model writes for one. @default {} */
  readonly arguments?: Readonly<Record<string, unknown>> | string
  /** @default made up, in OpenAI's style */
  readonly id?: string
}

/** What the far end says went wrong, in OpenAI's shape. */
export interface OpenAIFault {
  readonly message: string
  /** @default 'invalid_request_error' */
  readonly type?: string
  readonly param?: string | null
  readonly code?: string | number | null
}

/**
 * What `/v1/chat/completions` answers. One of: an answer of the model (`text`, `pieces`, `reasoning`, `toolCalls`,
 * `refusal`), a status with `error` or `body`, exact chunks (`chunks`), or exact pieces of the body (`raw`).
 */
export interface OpenAIChatReply extends Delivery {
  /** The answer; it is sent in words. */
  readonly text?: string
  /** The answer, cut into the tokens that it is sent in. */
  readonly pieces?: readonly string[]
  /** Sent before the answer, in the field that `reasoningField` names. */
  readonly reasoning?: string | readonly string[]
  /** @default 'reasoning_content' */
  readonly reasoningField?: 'reasoning_content' | 'reasoning'
  readonly toolCalls?: readonly OpenAIToolCall[]
  readonly refusal?: string
  /** @default 'tool_calls' where there are some, 'length' at the limit, else 'stop'; `null` sends none */
  readonly finishReason?: string | null
  /** @default counted */
  readonly inputTokens?: number
  /** Reasoning included. @default counted */
  readonly outputTokens?: number
  /** Of the input. @default 0 */
  readonly cachedTokens?: number
  /** Of the output. @default counted */
  readonly reasoningTokens?: number
  /** The counts as they go on the wire; `null` tells none. */
  readonly usage?: Readonly<Record<string, unknown>> | null
  /** On which chunks the counts are. @default 'last': on one of their own after the end, where they were asked for */
  readonly usageOn?: 'last' | 'end' | 'every'
  /** `false` ends a stream without `[DONE]`. @default true */
  readonly done?: boolean
  /** @default the model that was asked for */
  readonly model?: string
  /** The tier that it was served at. @default 'default' */
  readonly serviceTier?: string
  /** With a status: a refusal. Without: an error in the middle of a stream (a 500 where it is not streamed). */
  readonly error?: OpenAIFault
  readonly status?: number
  /** A whole body: text as it is, anything else as JSON. */
  readonly body?: unknown
  /** Exact chunks, each one event. */
  readonly chunks?: readonly unknown[]
  /** Exact pieces of a stream's body, sent one by one. */
  readonly raw?: readonly (string | Uint8Array)[]
}

/** What changes from answer to answer. */
export interface OpenAIStamps {
  /** Seconds since the Unix epoch. */
  created(): number
  id(prefix: string): string
}

type Body = Readonly<Record<string, unknown>>

const JSON_TYPE = { 'Content-Type': 'application/json' }
const SSE_TYPE = { 'Content-Type': 'text/event-stream; charset=utf-8' }

/** One JSON value. */
export function jsonAnswer(value: unknown, status: number = 200): Answer {
  return { status, headers: JSON_TYPE, records: [JSON.stringify(value)] }
}

/** A refusal. */
export function faultAnswer(status: number, fault: OpenAIFault): Answer {
  return jsonAnswer({ error: faultOf(fault) }, status)
}

/** A stream of events: a value becomes `data:` and its JSON, a text is sent as it is. */
export function eventsAnswer(events: readonly unknown[]): Answer {
  const records = events.map((event) =>
    typeof event === 'string' ? event : `data: ${JSON.stringify(event)}\n\n`,
  )
  return { headers: SSE_TYPE, framing: 'chunked', records }
}

export const DONE = 'data: [DONE]\n\n'

/** The answer of a reply that says exactly what goes on the wire; undefined where the model answers. */
export function exactChatAnswer(reply: OpenAIChatReply): Answer | undefined {
  if (reply.hangUp || reply.unframed) return delivered({ records: [] }, reply)
  const answer = exactBody(reply)
  return answer && delivered({ ...answer, status: reply.status ?? answer.status ?? 200 }, reply)
}

function exactBody({ raw, chunks, body, error, status, done }: OpenAIChatReply): Answer | undefined {
  if (raw) return { headers: SSE_TYPE, framing: 'chunked', records: raw }
  if (chunks) return eventsAnswer(done === false ? chunks : [...chunks, DONE])
  if (typeof body === 'string') return { headers: { 'Content-Type': 'text/plain' }, records: [body] }
  if (body !== undefined) return jsonAnswer(body)
  if (error && status !== undefined) return faultAnswer(status, error)
  return undefined
}

/** The answer to a request body, or OpenAI's refusal of it. */
export function chatAnswer(body: unknown, reply: OpenAIChatReply, stamps: OpenAIStamps): Answer {
  const exact = exactChatAnswer(reply)
  if (exact) return exact
  const asked = isObject(body) ? body : {}
  const refused = refusalOf(body)
  if (refused) return faultAnswer(400, refused)
  const said = saidTo(asked, reply)
  const streams = asked['stream'] === true
  if (reply.error && !streams) return delivered(faultAnswer(500, reply.error), reply)
  const head = { id: stamps.id('chatcmpl'), created: stamps.created(), model: reply.model ?? asked['model'] }
  const answer = streams ? streamed(asked, reply, said, head, stamps) : whole(reply, said, head, stamps)
  return delivered(answer, reply)
}

/** What the model says in the end. */
interface Said {
  readonly thoughts: readonly string[]
  readonly pieces: readonly string[]
  readonly calls: readonly OpenAIToolCall[]
  readonly reason: string | null
  readonly usage: Body | null
}

function saidTo(asked: Body, reply: OpenAIChatReply): Said {
  const { reasoning = [], toolCalls: calls = [] } = reply
  const thoughts = typeof reasoning === 'string' ? words(reasoning) : reasoning
  const all = reply.pieces ?? words(reply.text ?? '')
  const limit = limitOf(asked)
  const isExact = reply.finishReason !== undefined || reply.outputTokens !== undefined
  const pieces = isExact ? all : all.slice(0, Math.max(0, limit - thoughts.length))
  const isCut = pieces.length < all.length
  const natural = isCut ? 'length' : calls.length > 0 ? 'tool_calls' : 'stop'
  return {
    thoughts,
    pieces,
    calls: isCut ? [] : calls,
    reason: reply.finishReason === undefined ? natural : reply.finishReason,
    usage: usageOf(asked, reply, thoughts.length, thoughts.length + pieces.length + calls.length + 1),
  }
}

function limitOf(asked: Body): number {
  const limit = asked['max_completion_tokens'] ?? asked['max_tokens']
  return typeof limit === 'number' ? limit : Number.POSITIVE_INFINITY
}

/**
 * Counts that can be worked out by hand: of the prompt one for every message and every word of it, of the answer one for
 * every piece, thought and tool call, and one for the end.
 */
function usageOf(asked: Body, reply: OpenAIChatReply, thought: number, written: number): Body | null {
  if (reply.usage !== undefined) return reply.usage
  const { inputTokens = promptTokensOf(asked), outputTokens = written } = reply
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: reply.cachedTokens ?? 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: reply.reasoningTokens ?? thought,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}

type Head = Readonly<Record<string, unknown>>

function whole(reply: OpenAIChatReply, said: Said, head: Head, stamps: OpenAIStamps): Answer {
  const { thoughts, pieces, calls, reason, usage } = said
  const text = pieces.join('')
  const message = {
    role: 'assistant',
    content: text === '' && (calls.length > 0 || reply.refusal !== undefined) ? null : text,
    ...(thoughts.length > 0 && { [reply.reasoningField ?? 'reasoning_content']: thoughts.join('') }),
    refusal: reply.refusal ?? null,
    annotations: [],
    ...(calls.length > 0 && { tool_calls: calls.map((call) => toolCall(call, stamps)) }),
  }
  return jsonAnswer({
    ...head,
    object: 'chat.completion',
    choices: [{ index: 0, message, logprobs: null, finish_reason: reason }],
    ...(usage && { usage }),
    service_tier: reply.serviceTier ?? 'default',
    system_fingerprint: 'fp_stand_in',
  })
}

function streamed(asked: Body, reply: OpenAIChatReply, said: Said, head: Head, stamps: OpenAIStamps): Answer {
  const { usage, reason } = said
  const { usageOn = 'last' } = reply
  const options = asked['stream_options']
  const told = isObject(options) && options['include_usage'] === true ? usage : null
  const events: unknown[] = []
  const base = { ...head, object: 'chat.completion.chunk', service_tier: reply.serviceTier ?? 'default' }
  const chunk = (delta: Body, finish: string | null, counts: Body | null): void => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }]
    events.push({ ...base, system_fingerprint: 'fp_stand_in', choices, ...(told && { usage: counts }) })
  }
  const running = usageOn === 'every' ? told : null
  chunk({ role: 'assistant', content: '', refusal: null }, null, running)
  for (const delta of deltasOf(reply, said, stamps)) chunk(delta, null, running)
  if (reply.error) return eventsAnswer([...events, { error: faultOf(reply.error) }])
  if (reason !== null) chunk({}, reason, usageOn === 'last' ? null : told)
  if (told && usageOn !== 'end') events.push({ ...base, choices: [], usage: told })
  return eventsAnswer(reply.done === false ? events : [...events, DONE])
}

/** Pieces one by one; the arguments of a call in two halves, as they are cut anywhere. */
function deltasOf(reply: OpenAIChatReply, said: Said, stamps: OpenAIStamps): Body[] {
  const field = reply.reasoningField ?? 'reasoning_content'
  const calls = said.calls.flatMap((call, index) => {
    const { id, type, function: called } = toolCall(call, stamps)
    const half = Math.ceil(called.arguments.length / 2)
    const rest = called.arguments.slice(half)
    const first = {
      index,
      id,
      type,
      function: { name: called.name, arguments: called.arguments.slice(0, half) },
    }
    const fragments: readonly Body[] =
      rest === '' ? [first] : [first, { index, function: { arguments: rest } }]
    return fragments.map((fragment) => ({ tool_calls: [fragment] }))
  })
  return [
    ...said.thoughts.map((thought) => ({ [field]: thought })),
    ...said.pieces.map((content) => ({ content })),
    ...words(reply.refusal ?? '').map((refusal) => ({ refusal })),
    ...calls,
  ]
}

function toolCall(
  { name, arguments: given = {}, id }: OpenAIToolCall,
  stamps: OpenAIStamps,
): { id: string; type: string; function: { name: string; arguments: string } } {
  const text = typeof given === 'string' ? given : JSON.stringify(given)
  return { id: id ?? stamps.id('call'), type: 'function', function: { name, arguments: text } }
}

/** Why OpenAI would not take a body: the rules that a client can break unseen. */
function refusalOf(body: unknown): OpenAIFault | undefined {
  if (!isObject(body)) return bad('We could not parse the JSON body of your request.', null)
  const { model, messages } = body
  if (typeof model !== 'string' || model === '') return bad('you must provide a model parameter', null)
  if (!Array.isArray(messages) || messages.length === 0)
    return bad("Invalid 'messages': empty array.", 'messages')
  let open = new Set<unknown>()
  for (const [at, message] of messages.entries()) {
    if (!isObject(message)) return bad(`Invalid type for 'messages[${at}]'.`, `messages[${at}]`)
    const { role, content, tool_calls: calls } = message
    const where = `messages[${at}]`
    if (role === 'tool') {
      if (!open.delete(message['tool_call_id'])) return bad(WITHOUT_CALL, `${where}.role`)
      continue
    }
    if (open.size > 0) return bad(`${WITHOUT_RESULT}: ${[...open].join(', ')}`, `${where}.role`)
    if (content === null && !Array.isArray(calls))
      return bad(`Invalid value for 'content'.`, `${where}.content`)
    const ids = Array.isArray(calls) ? calls.map((call) => (isObject(call) ? call['id'] : undefined)) : []
    const long = ids.findIndex((id) => typeof id !== 'string' || id === '' || id.length > CALL_ID_CHARS_MAX)
    if (long >= 0) {
      return { ...bad(TOO_LONG, `${where}.tool_calls[${long}].id`), code: 'string_above_max_length' }
    }
    open = new Set(ids)
  }
  return undefined
}

const CALL_ID_CHARS_MAX = 40
const WITHOUT_CALL =
  "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
const WITHOUT_RESULT =
  "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. " +
  'The following tool_call_ids did not have response messages'
const TOO_LONG = `Invalid id: string too long. Expected a string with maximum length ${CALL_ID_CHARS_MAX}.`

function bad(message: string, param: string | null): OpenAIFault {
  return { message, param }
}

function faultOf({ message, type = 'invalid_request_error', param = null, code = null }: OpenAIFault): Body {
  return { message, type, param, code }
}

function promptTokensOf({ messages }: Body): number {
  if (!Array.isArray(messages)) return 0
  return messages.reduce((sum: number, message) => sum + 1 + words(textOf(message)).length, 0)
}

function textOf(message: unknown): string {
  const content = isObject(message) ? message['content'] : ''
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

function isObject(value: unknown): value is Body {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
