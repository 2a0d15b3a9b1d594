import { isObject } from '../../core/error-text.ts'
import type { FinishReason } from '../../core/finish-reason.ts'
import { deltaOf, type DriverEvent, type DriverFinish } from '../../core/stream.ts'
import { UNKNOWN_USAGE } from '../../core/usage.ts'
import type { Step } from '../../core/wire.ts'
import { finishCalls, takeFragments, type OpenCall } from './calls.ts'
import { tellsUsage, toChatUsage } from './usage.ts'

/** What must be remembered between two chunks. */
export interface ChatState {
  readonly started: boolean
  readonly open: 'text' | 'reasoning' | undefined
  /** The field that thoughts come in: it is where the same server takes them back. */
  readonly thoughtsIn: ThoughtField
  readonly refused: boolean
  readonly calls: readonly OpenCall[]
  /** The last word on why the answer ended; undefined before it. */
  readonly reason: string | undefined
  readonly usage: unknown
  readonly serviceTier: string | undefined
  readonly complete: boolean
}

/** Fields for thoughts: DeepSeek, llama.cpp, LM Studio and xAI have the first, Ollama and newer vLLM the second. */
const THOUGHT_FIELDS = ['reasoning_content', 'reasoning'] as const

export type ThoughtField = (typeof THOUGHT_FIELDS)[number]

/** What a thought keeps, so that it can go back the way it came. */
export interface ChatThought {
  readonly field: ThoughtField
}

/** The failure of a record that is none. */
export const NOT_A_RECORD = 'not a record'

export const INITIAL: ChatState = {
  started: false,
  open: undefined,
  thoughtsIn: 'reasoning_content',
  refused: false,
  calls: [],
  reason: undefined,
  usage: undefined,
  serviceTier: undefined,
  complete: false,
}

type Wire = Readonly<Record<string, unknown>>

/** The next server-sent event of an answer. */
export function reduce(state: ChatState, record: unknown): Step<ChatState> {
  const { data } = isObject(record) ? record : {}
  if (typeof data !== 'string') return { state, events: [], failure: NOT_A_RECORD }
  if (data.trim() === '[DONE]') {
    // An end without a beginning is no answer.
    if (!state.started) return { state, events: [], failure: NOT_A_RECORD }
    return ended(state, [])
  }
  let chunk: unknown
  try {
    chunk = JSON.parse(data)
  } catch {
    return { state, events: [], failure: NOT_A_RECORD }
  }
  return reduceChunk(state, chunk)
}

/** Whether the server said that the answer is complete. */
export function isComplete(state: ChatState): boolean {
  return state.complete
}

/**
 * The end of the connection: some servers send no `[DONE]`. An answer that said why it ended is complete; one that did
 * not was cut.
 */
export function endOfStream(state: ChatState): Step<ChatState> {
  return state.complete || state.reason === undefined ? { state, events: [] } : ended(state, [])
}

/** The next chunk; an `error` in it ends the answer, whatever the HTTP status was. */
export function reduceChunk(state: ChatState, chunk: unknown): Step<ChatState> {
  if (!isObject(chunk)) return { state, events: [], failure: NOT_A_RECORD }
  if (isFailure(chunk)) return { state, events: [], failure: JSON.stringify(chunk) }
  const events: DriverEvent[] = []
  let next = begun(state, chunk, events)
  const choice = choiceOf(chunk)
  if (choice) next = takeChoice(next, choice, events)
  const { usage, service_tier: tier } = chunk
  if (tellsUsage(usage)) next = { ...next, usage }
  if (typeof tier === 'string' && tier !== next.serviceTier) next = { ...next, serviceTier: tier }
  // The chunk with the counts comes after the one with the reason, and nothing but `[DONE]` after it.
  const isLast = next.reason !== undefined && !choice && tellsUsage(usage)
  return isLast ? ended(next, events) : { state: next, events }
}

/** A whole answer: what a stream of one chunk would have said. */
export function fromWire(json: unknown): Step<ChatState> {
  if (!isObject(json)) return { state: INITIAL, events: [], failure: NOT_A_RECORD }
  if (!isFailure(json) && !Array.isArray(json['choices']))
    return { state: INITIAL, events: [], failure: NOT_A_RECORD }
  const step = reduceChunk(INITIAL, json)
  if (step.failure !== undefined || step.state.complete) return step
  return ended(step.state, [...step.events])
}

/** Errors come as `error`, as an object or a text, or flat (vLLM before 0.9). */
function isFailure({ error, object }: Wire): boolean {
  return object === 'error' || (error !== undefined && error !== null && error !== '')
}

/** The answer begins with the first chunk that names a model: Azure's own first one, about filters, does not. */
function begun(state: ChatState, chunk: Wire, events: DriverEvent[]): ChatState {
  const { model, id } = chunk
  const named = typeof model === 'string' && model !== ''
  if (state.started || (!named && !choiceOf(chunk))) return state
  const known = typeof id === 'string' && id !== '' ? { id } : {}
  events.push({ type: 'start', model: named ? model : '', ...known })
  return { ...state, started: true }
}

/** The first choice: further ones are not asked for. */
function choiceOf({ choices }: Wire): Wire | undefined {
  const [first] = Array.isArray(choices) ? (choices as unknown[]) : []
  return isObject(first) && !(typeof first['index'] === 'number' && first['index'] > 0) ? first : undefined
}

function takeChoice(state: ChatState, choice: Wire, events: DriverEvent[]): ChatState {
  const { delta, message, finish_reason: reason } = choice
  // A proxy may send the whole answer as its only chunk.
  const said = isObject(delta) ? delta : isObject(message) && isEmpty(state) ? message : undefined
  const next = said ? takeDelta(state, said, events) : state
  return typeof reason === 'string' && reason !== '' ? { ...next, reason } : next
}

function isEmpty({ open, calls, reason }: ChatState): boolean {
  return open === undefined && calls.length === 0 && reason === undefined
}

function takeDelta(state: ChatState, delta: Wire, events: DriverEvent[]): ChatState {
  let next = state
  // Most pieces have neither, and are looked at once.
  const thinks = delta['reasoning_content'] !== undefined || delta['reasoning'] !== undefined
  const field = thinks ? THOUGHT_FIELDS.find((name) => isText(delta[name])) : undefined
  if (field !== undefined) {
    if (next.thoughtsIn !== field) next = { ...next, thoughtsIn: field }
    next = say(next, 'reasoning', delta[field] as string, events)
  }
  const { content, refusal, tool_calls: calls, function_call: legacy } = delta
  if (isText(content)) next = say(next, 'text', content, events)
  else if (Array.isArray(content)) next = takeParts(next, content, events)
  if (isText(refusal)) next = { ...say(next, 'text', refusal, events), refused: true }
  if (Array.isArray(calls) && calls.length > 0) next = takeCalls(next, calls, events)
  if (isObject(legacy)) next = takeCalls(next, [{ index: 0, function: legacy }], events)
  return next
}

/** Mistral sends parts, its thoughts among them. */
function takeParts(state: ChatState, parts: readonly unknown[], events: DriverEvent[]): ChatState {
  let next = state
  for (const part of parts) {
    if (!isObject(part)) continue
    const { type, text, thinking } = part
    if (type === 'text' && isText(text)) next = say(next, 'text', text, events)
    if (type !== 'thinking' || !Array.isArray(thinking)) continue
    for (const thought of thinking) {
      if (isObject(thought) && isText(thought['text'])) next = say(next, 'reasoning', thought['text'], events)
    }
  }
  return next
}

function takeCalls(state: ChatState, fragments: readonly unknown[], events: DriverEvent[]): ChatState {
  const closed = close(state, events)
  return { ...closed, calls: takeFragments(closed.calls, fragments, events) }
}

function say(state: ChatState, kind: 'text' | 'reasoning', text: string, events: DriverEvent[]): ChatState {
  if (state.open === kind) {
    events.push(deltaOf(kind, text))
    return state
  }
  const closed = close(state, events)
  events.push({ type: `${kind}-start` }, deltaOf(kind, text))
  return { ...closed, open: kind }
}

function close(state: ChatState, events: DriverEvent[]): ChatState {
  if (state.open === undefined) return state
  if (state.open === 'text') events.push({ type: 'text-end' })
  else events.push({ type: 'reasoning-end', providerData: { field: state.thoughtsIn } satisfies ChatThought })
  return { ...state, open: undefined }
}

function ended(state: ChatState, before: readonly DriverEvent[]): Step<ChatState> {
  const events = [...before]
  const closed = close(state, events)
  for (const event of finishCalls(closed.calls)) events.push(event)
  events.push(toEnd(closed))
  return { state: { ...closed, complete: true }, events }
}

function toEnd(state: ChatState): DriverFinish {
  const { usage, serviceTier, reason } = state
  return {
    type: 'end',
    finishReason: toFinishReason(state),
    usage: usage === undefined ? UNKNOWN_USAGE : toChatUsage(usage),
    billing: { usage, serviceTier },
    raw: { finish_reason: reason, usage, service_tier: serviceTier },
  }
}

const REASONS: Readonly<Record<string, FinishReason['unified']>> = {
  stop: 'stop',
  end_turn: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
  content_filter: 'content-filter',
  error: 'error',
}

/** Servers say `stop` also where tools are called, and where the model refuses. */
function toFinishReason({ reason: raw, calls, refused }: ChatState): FinishReason {
  const told = raw !== undefined && Object.hasOwn(REASONS, raw) ? REASONS[raw] : undefined
  if (refused) return { unified: 'content-filter', raw, detail: 'refusal' }
  if (calls.length > 0 && (told === undefined || told === 'stop')) return { unified: 'tool-calls', raw }
  // Named, and none there: the server could not read what the model wrote.
  if (told === 'tool-calls' && calls.length === 0) return { unified: 'other', raw }
  return { unified: told ?? 'other', raw }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
