import { isObject } from '../../core/error-text.ts'
import type { FinishReason } from '../../core/finish-reason.ts'
import { deltaOf, type DriverEvent, type DriverFinish } from '../../core/stream.ts'
import { UNKNOWN_USAGE } from '../../core/usage.ts'
import type { Step } from '../../core/wire.ts'
import { toOpenAIUsage } from '../openai-usage.ts'
import {
  NOTHING_BESIDE,
  rawOf,
  tellBeside,
  THOUGHT_FIELDS,
  withDelta,
  withFields,
  type Beside,
  type ChatKept,
  type ThoughtField,
  type Wire,
} from './beside.ts'
import { finishCalls, takeFragments, type OpenCall } from './calls.ts'

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
  readonly beside: Beside
  readonly complete: boolean
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
  beside: NOTHING_BESIDE,
  complete: false,
}

/** The next server-sent event of an answer. */
export function reduce(state: ChatState, record: unknown): Step<ChatState> {
  const { data } = isObject(record) ? record : {}
  if (typeof data !== 'string') return { state, events: [], failure: NOT_A_RECORD }
  const text = data.trim()
  // Nothing but a sign of life.
  if (text === '') return { state, events: [] }
  if (text === '[DONE]') {
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
  const choice = choiceOf(chunk)
  const error = errorIn(chunk, choice)
  if (error !== undefined) return { state, events: [], failure: JSON.stringify(error) }
  const events: DriverEvent[] = []
  let next = begun(state, chunk, choice, events)
  if (choice) next = takeChoice(next, choice, events)
  const { service_tier: tier } = chunk
  const isOver = next.reason !== undefined
  const usage = chunk['usage'] ?? (isOver ? usageElsewhere(chunk, choice) : undefined)
  if (isObject(usage)) next = { ...next, usage }
  if (typeof tier === 'string' && tier !== next.serviceTier) next = { ...next, serviceTier: tier }
  if (isOver) next = { ...next, beside: withFields(next.beside, chunk) }
  // The chunk with the counts comes after the one with the reason, and nothing but `[DONE]` after it.
  const isLast = isOver && !choice && isObject(usage)
  return isLast ? ended(next, events) : { state: next, events }
}

/** A whole answer: what a stream of one chunk would have said. */
export function fromWire(json: unknown): Step<ChatState> {
  if (!isObject(json)) return { state: INITIAL, events: [], failure: NOT_A_RECORD }
  if (errorIn(json, undefined) === undefined && !Array.isArray(json['choices']))
    return { state: INITIAL, events: [], failure: NOT_A_RECORD }
  const step = reduceChunk(INITIAL, json)
  if (step.failure !== undefined || step.state.complete) return step
  // Neither a choice nor a model is no answer.
  if (!step.state.started) return { ...step, failure: NOT_A_RECORD }
  return ended(step.state, [...step.events])
}

/** Counts that stand elsewhere: with the choice at Moonshot, in a field of its own at Groq. */
function usageElsewhere({ x_groq: groq }: Wire, choice: Wire | undefined): unknown {
  return choice?.['usage'] ?? (isObject(groq) ? groq['usage'] : undefined)
}

/**
 * Errors come as `error`, as an object or a text, flat (vLLM before 0.9), in a choice (OpenRouter), or in a field of the
 * server's own (Groq).
 */
function errorIn(chunk: Wire, choice: Wire | undefined): unknown {
  const { error, object, x_groq: groq } = chunk
  if (object === 'error' || isSaid(error)) return chunk
  const own = choice?.['error'] ?? (isObject(groq) ? groq['error'] : undefined)
  return isSaid(own) ? { error: own } : undefined
}

function isSaid(error: unknown): boolean {
  return error !== undefined && error !== null && error !== ''
}

/** The answer begins with the first chunk that names a model: Azure's own first one, about filters, does not. */
function begun(
  state: ChatState,
  { model, id }: Wire,
  choice: Wire | undefined,
  events: DriverEvent[],
): ChatState {
  const named = typeof model === 'string' && model !== ''
  if (state.started || (!named && !choice)) return state
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
  const beside = withDelta(next.beside, delta)
  if (beside !== next.beside) next = { ...next, beside }
  const { content, refusal, tool_calls: calls, function_call: legacy, audio } = delta
  if (isText(content)) next = say(next, 'text', content, events)
  else if (Array.isArray(content)) next = takeParts(next, content, events)
  if (isObject(audio) && isText(audio['transcript'])) next = say(next, 'text', audio['transcript'], events)
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
  else events.push({ type: 'reasoning-end', providerData: { field: state.thoughtsIn } satisfies ChatKept })
  return { ...state, open: undefined }
}

function ended(state: ChatState, before: readonly DriverEvent[]): Step<ChatState> {
  const events = [...before]
  const closed = close(state, events)
  tellBeside(closed.beside, closed.thoughtsIn, events)
  const end = toEnd(closed)
  for (const event of finishCalls(closed.calls, end.finishReason.unified === 'length')) events.push(event)
  events.push(end)
  const step = { state: { ...closed, complete: true }, events }
  return end.finishReason.unified === 'error' ? { ...step, failure: faultOf(closed) } : step
}

/** The server says that it failed, and nothing more: what came before is no answer. */
function faultOf({ reason }: ChatState): string {
  return JSON.stringify({ error: { message: `The server ended the answer with finish_reason ${reason}` } })
}

function toEnd(state: ChatState): DriverFinish {
  const { usage, serviceTier, reason } = state
  return {
    type: 'end',
    finishReason: toFinishReason(state),
    usage: usage === undefined ? UNKNOWN_USAGE : toOpenAIUsage(usage),
    billing: { usage, serviceTier },
    raw: { ...rawOf(state.beside), finish_reason: reason, usage, service_tier: serviceTier },
  }
}

const REASONS: Readonly<Record<string, FinishReason['unified']>> = {
  stop: 'stop',
  end_turn: 'stop',
  // Together; Text Generation Inference.
  eos: 'stop',
  eos_token: 'stop',
  stop_sequence: 'stop',
  length: 'length',
  // Mistral.
  model_length: 'length',
  content_filter: 'content-filter',
  error: 'error',
  // DeepSeek.
  insufficient_system_resource: 'error',
}

/**
 * Whether tools are called is seen by the calls: servers say `stop` where there are some, and name them where they could
 * not read what the model wrote.
 */
function toFinishReason({ reason: raw, calls, refused }: ChatState): FinishReason {
  const told = raw !== undefined && Object.hasOwn(REASONS, raw) ? REASONS[raw] : undefined
  if (refused) return { unified: 'content-filter', raw, detail: 'refusal' }
  if (calls.length > 0 && (told === undefined || told === 'stop')) return { unified: 'tool-calls', raw }
  return { unified: told ?? 'other', raw }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
