import { isObject } from '../../core/error-text.ts'
import type { FinishReason } from '../../core/finish-reason.ts'
import type { DriverEvent, DriverFinish } from '../../core/stream.ts'
import type { Warning } from '../../core/warning.ts'
import type { Step } from '../../core/wire.ts'
import { toOpenAIUsage } from '../openai-usage.ts'
import { toolCallsOf } from './hosted-calls.ts'
import {
  addArguments,
  beginItem,
  finishItem,
  isWholeCall,
  listOf,
  RAW_THOUGHTS,
  say,
  sayRest,
  startOf,
  type OpenItem,
} from './items.ts'
import type { Wire } from './kept.ts'
import { rawOf, sealedLate, toTold, type ToldItem } from './told.ts'

/** What must be remembered between two events. */
export interface ResponsesState {
  /** What the answer said of itself when it began. */
  readonly head: Wire | undefined
  /** Whether its beginning was told: not before there is something to tell, so that an error until then can be met by another try. */
  readonly started: boolean
  /** Items that are not done, or wait for one before them, by their place. */
  readonly items: readonly OpenItem[]
  /** Items that were told whole. */
  readonly told: readonly ToldItem[]
  readonly calls: number
  readonly refused: boolean
  /** Whether calls of tools that take plain text can be the caller's: some providers have only their own. */
  readonly customTools: boolean
  /** Items that were told when the answer ended, and not before. */
  readonly complete: boolean
}

export const FRAMING = 'sse'

export const INITIAL: ResponsesState = {
  head: undefined,
  started: false,
  items: [],
  told: [],
  calls: 0,
  refused: false,
  customTools: true,
  complete: false,
}

/** Most items of one answer that are read: a model that goes on and on has lost its way. */
export const ITEMS_MAX = 2_048

/** The failure of a record that is none. */
export const NOT_A_RECORD = 'not a record'

/** The next server-sent event of an answer. */
export function reduce(state: ResponsesState, record: unknown): Step<ResponsesState> {
  const data = isObject(record) ? record['data'] : undefined
  if (typeof data !== 'string') return { state, events: [], failure: NOT_A_RECORD }
  // What ends a stream is the event before it.
  if (data === '[DONE]' || data.trim() === '') return { state, events: [] }
  let event: unknown
  try {
    event = JSON.parse(data)
  } catch {
    return { state, events: [], failure: NOT_A_RECORD }
  }
  return reduceEvent(state, event)
}

/** Whether the server said that the answer is complete. */
export function isComplete(state: ResponsesState): boolean {
  return state.complete
}

/** The next event as JSON; events that are not known are passed over. */
export function reduceEvent(state: ResponsesState, event: unknown): Step<ResponsesState> {
  if (!isObject(event)) return { state, events: [], failure: NOT_A_RECORD }
  const { type, response } = event
  if (type === 'response.output_text.delta') {
    const step = moreText(state, event)
    if (step) return step
  }
  switch (type) {
    case 'response.created':
    case 'response.in_progress':
    case 'response.queued':
      return { state: headed(state, response), events: [] }
    case 'response.completed':
    case 'response.done':
    case 'response.incomplete':
      return isObject(response) ? ended(state, response) : { state, events: [], failure: NOT_A_RECORD }
    case 'response.failed':
    case 'error':
      return { state, events: [], failure: JSON.stringify(failureIn(event)) }
    default:
      if (typeof type === 'string') return itemEvent(state, type, event)
      // Errors without a type, from servers and proxies that have no other way to say one.
      if (event['error'] !== undefined && event['error'] !== null)
        return { state, events: [], failure: JSON.stringify(event) }
      return { state, events: [], failure: NOT_A_RECORD }
  }
}

/** Of a whole answer that failed only the error: an error that is shown says nothing of what was asked. */
function failureIn(event: Wire): unknown {
  const { response } = event
  if (!isObject(response)) return event
  const { error, status } = response
  const message = `The answer ended as ${typeof status === 'string' ? status : 'failed'}, and nothing was said of why`
  return { error: error ?? { message } }
}

/** A whole answer: what a stream of its items would have said. */
export function fromWire(json: unknown, state: ResponsesState = INITIAL): Step<ResponsesState> {
  if (!isObject(json)) return { state, events: [], failure: NOT_A_RECORD }
  const { status, error, output } = json
  // What is still being written is no answer either: nobody asked for one in the background.
  const failed = typeof status === 'string' && NO_ANSWER.has(status)
  if (failed || (error !== undefined && error !== null && error !== ''))
    return { state, events: [], failure: JSON.stringify(failed ? failureIn({ response: json }) : json) }
  if (!Array.isArray(output)) return { state, events: [], failure: NOT_A_RECORD }
  return ended(state, json)
}

const NO_ANSWER: ReadonlySet<string> = new Set(['failed', 'cancelled', 'queued', 'in_progress'])

function headed(state: ResponsesState, response: unknown): ResponsesState {
  if (state.head || !isObject(response)) return state
  const { model, id } = response
  return { ...state, head: { model, id } }
}

function begun(before: ResponsesState, response: unknown): Step<ResponsesState> {
  if (before.started) return { state: before, events: [] }
  const state = headed(before, response)
  const { model, id } = state.head ?? {}
  const known = typeof id === 'string' && id !== '' ? { id } : {}
  const start: DriverEvent = { type: 'start', model: typeof model === 'string' ? model : '', ...known }
  return { state: { ...state, started: true }, events: [start] }
}

/** What an event does to the item that it is about; undefined for one that changes nothing. */
type Change = (
  open: OpenItem,
  event: Wire,
) => { readonly item: OpenItem; readonly events: readonly DriverEvent[] }

const deltaOf = ({ delta }: Wire): string => (typeof delta === 'string' ? delta : '')
const placeIn = (event: Wire, name: string): number => {
  const place = event[name]
  return Number.isSafeInteger(place) && (place as number) >= 0 ? (place as number) : 0
}

const text: Change = (open, event) => say(open, 'text', placeIn(event, 'content_index'), deltaOf(event))
const textDone: Change = (open, event) =>
  sayRest(open, 'text', placeIn(event, 'content_index'), event['text'] ?? event['refusal'])
const summary: Change = (open, event) =>
  say(open, 'reasoning', placeIn(event, 'summary_index'), deltaOf(event))
const summaryDone: Change = (open, event) =>
  sayRest(open, 'reasoning', placeIn(event, 'summary_index'), event['text'])
const raw: Change = (open, event) =>
  say(open, 'reasoning', RAW_THOUGHTS + placeIn(event, 'content_index'), deltaOf(event))
const rawDone: Change = (open, event) =>
  sayRest(open, 'reasoning', RAW_THOUGHTS + placeIn(event, 'content_index'), event['text'])
const given: Change = (open, event) => addArguments(open, deltaOf(event))

const CHANGES: Readonly<Record<string, Change>> = {
  'response.output_text.delta': text,
  'response.output_text.done': textDone,
  'response.refusal.delta': text,
  'response.refusal.done': textDone,
  'response.reasoning_summary_text.delta': summary,
  'response.reasoning_summary_text.done': summaryDone,
  'response.reasoning_text.delta': raw,
  'response.reasoning_text.done': rawDone,
  'response.function_call_arguments.delta': given,
  'response.custom_tool_call_input.delta': given,
}

/** Of what type an item is of which no beginning came. */
const TYPES: Readonly<Record<string, string>> = {
  'response.output_text.delta': 'message',
  'response.refusal.delta': 'message',
  'response.reasoning_summary_text.delta': 'reasoning',
  'response.reasoning_text.delta': 'reasoning',
}

function itemEvent(state: ResponsesState, type: string, event: Wire): Step<ResponsesState> {
  const place = placeIn(event, 'output_index')
  if (type === 'response.output_item.added' || type === 'response.output_item.done') {
    const { item } = event
    if (!isObject(item) || isOver(state, place)) return { state, events: [] }
    if (type === 'response.output_item.added') return opened(state, place, item)
    return done(opened(state, place, item), place, item)
  }
  const change = Object.hasOwn(CHANGES, type) ? CHANGES[type] : undefined
  if (!change || isOver(state, place)) return { state, events: [] }
  const known = state.items.some((one) => one.place === place)
  const wanted = TYPES[type]
  if (!known && wanted === undefined) return { state, events: [] }
  const before = known ? { state, events: [] } : opened(state, place, { type: wanted })
  return changed(before, place, (open) => change(open, event))
}

/** The event that most events are: more of the text that is being told. */
function moreText(state: ResponsesState, event: Wire): Step<ResponsesState> | undefined {
  const [first, second] = state.items
  const { delta } = event
  const isOpen =
    first?.open === 'text' && first.place === event['output_index'] && first.part === event['content_index']
  if (!isOpen || second !== undefined || typeof delta !== 'string' || delta === '') return undefined
  const item = { ...first, text: first.text + delta }
  return { state: { ...state, items: [item] }, events: [{ type: 'text-delta', text: delta }] }
}

/** Whether an item was told to its end. */
function isOver({ told, items }: ResponsesState, place: number): boolean {
  const open = items.find((one) => one.place === place)
  return open ? open.done : told.some((one) => one.place === place)
}

function opened(state: ResponsesState, place: number, item: Wire): Step<ResponsesState> {
  const first = begun(state, undefined)
  if (first.state.items.some((one) => one.place === place)) return first
  if (first.state.items.length + first.state.told.length >= ITEMS_MAX) return first
  const open = beginItem(place, item, first.state.customTools)
  const items = [...first.state.items, open].toSorted((a, b) => a.place - b.place)
  const next = { ...first.state, items }
  return told(next, place, open, startOf(open), first.events)
}

function changed(
  step: Step<ResponsesState>,
  place: number,
  change: (open: OpenItem) => { readonly item: OpenItem; readonly events: readonly DriverEvent[] },
): Step<ResponsesState> {
  const open = step.state.items.find((one) => one.place === place)
  if (!open) return step
  const { item, events } = change(open)
  return item === open && events.length === 0 ? step : told(step.state, place, item, events, step.events)
}

/** Passes on what came of an item when it is its turn; else it waits. */
function told(
  state: ResponsesState,
  place: number,
  item: OpenItem,
  events: readonly DriverEvent[],
  before: readonly DriverEvent[],
): Step<ResponsesState> {
  const isFirst = state.items[0]?.place === place
  const next = isFirst ? item : { ...item, waiting: [...item.waiting, ...events] }
  const items = state.items.map((one) => (one.place === place ? next : one))
  return { state: { ...state, items }, events: isFirst ? [...before, ...events] : before }
}

/** Ends an item; those after it that are done, or have something to say, follow. */
function done(step: Step<ResponsesState>, place: number, whole: Wire): Step<ResponsesState> {
  const open = step.state.items.find((one) => one.place === place)
  if (!open) return step
  const { item, events: ending } = finishItem(open, whole)
  const closing = told(step.state, place, item, ending, step.events)
  let { state } = closing
  const events = [...closing.events]
  for (let first = state.items[0]; first?.done; first = state.items[0]) {
    const [, next, ...others] = state.items
    if (next) events.push(...next.waiting)
    state = {
      ...state,
      items: next ? [{ ...next, waiting: [] }, ...others] : [],
      told: [...state.told, toTold(first)],
      calls: state.calls + (isWholeCall(first) ? 1 : 0),
      refused: state.refused || hasRefusal(first.item),
    }
  }
  return { state, events }
}

function hasRefusal({ content }: Wire): boolean {
  return listOf(content).some(({ type }) => type === 'refusal')
}

/** The end of an answer, with all that was not told before: some servers give the items only here. */
function ended(state: ResponsesState, response: Wire): Step<ResponsesState> {
  let step = begun(state, response)
  const output = listOf(response['output'])
  const finish = (place: number, item: Wire): void => {
    const more = done(opened(step.state, place, item), place, item)
    step = { state: more.state, events: [...step.events, ...more.events] }
  }
  if (step.state.told.length === 0 && step.state.items.length === 0) {
    for (const [place, item] of output.entries()) finish(place, item)
  }
  // What was never ended is ended with the answer, as far as it came.
  for (let first = step.state.items[0]; first; first = step.state.items[0]) {
    finish(first.place, sameItem(first, output) ?? cutShort(first))
  }
  const warnings = warningsOf(response).map((warning): DriverEvent => ({ type: 'warning', warning }))
  const events = [
    ...step.events,
    ...sealedLate(step.state.told, output),
    ...warnings,
    toEnd(step.state, response),
  ]
  return { state: { ...step.state, complete: true }, events }
}

/** An item in the whole answer; places in it need not be those of the stream. */
function sameItem({ item }: OpenItem, output: readonly Wire[]): Wire | undefined {
  return output.find(
    (one) => one['id'] !== undefined && one['id'] === item['id'] && one['type'] === item['type'],
  )
}

function cutShort({ item }: OpenItem): Wire {
  return { ...item, status: 'incomplete' }
}

const TRANSFORMED = 'input-transformed'

/** What the server threw away of the conversation, as it says. */
function warningsOf({ input_transformations: transformed }: Wire): Warning[] {
  const reasons = listOf(transformed).map((one) =>
    typeof one['reason'] === 'string' ? one['reason'] : 'unknown',
  )
  if (reasons.length === 0) return []
  const message =
    'The provider left thoughts of earlier answers out of the conversation, so that the model goes on without them ' +
    `(${[...new Set(reasons)].join(', ')})`
  return [{ code: TRANSFORMED, message, details: { reasons } }]
}

function toEnd(state: ResponsesState, response: Wire): DriverFinish {
  const { usage, service_tier: tier, model } = response
  return {
    type: 'end',
    finishReason: toFinishReason(state, response),
    usage: toOpenAIUsage(usage),
    billing: {
      model: typeof model === 'string' && model !== '' ? model : undefined,
      serviceTier: typeof tier === 'string' ? tier : undefined,
      toolCalls: toolCallsOf(response, state.told),
      usage,
    },
    raw: rawOf(response, state.told),
  }
}

const INCOMPLETE: Readonly<Record<string, FinishReason['unified']>> = {
  max_output_tokens: 'length',
  max_prompt_tokens: 'length',
  content_filter: 'content-filter',
}

/** The server's `completed` says nothing of why: it is the items that tell. */
function toFinishReason(
  { calls, refused }: ResponsesState,
  { status, incomplete_details: details }: Wire,
): FinishReason {
  const reason = isObject(details) ? details['reason'] : undefined
  if (status === 'incomplete') {
    const raw = typeof reason === 'string' ? reason : 'incomplete'
    return { unified: Object.hasOwn(INCOMPLETE, raw) ? (INCOMPLETE[raw] ?? 'other') : 'other', raw }
  }
  const raw = typeof status === 'string' ? status : undefined
  if (refused) return { unified: 'content-filter', raw, detail: 'refusal' }
  if (calls > 0) return { unified: 'tool-calls', raw }
  return { unified: 'stop', raw }
}
