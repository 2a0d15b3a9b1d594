import { isObject } from '../../core/error-text.ts'
import type { FinishReason } from '../../core/finish-reason.ts'
import type { DriverEvent } from '../../core/stream.ts'
import { toUsage } from '../../core/usage.ts'
import type { Step } from '../../core/wire.ts'
import { fromWireToolCall } from './tools.ts'

/** What must be remembered between two records. */
export interface AcmeState {
  readonly started: boolean
  readonly open: boolean
  readonly toolCalls: number
  readonly complete: boolean
}

/** One JSON object a line; `sse` for server-sent events, of which `reduce` gets `{ event, data }`. */
export const FRAMING = 'ndjson'

export const INITIAL: AcmeState = { started: false, open: false, toolCalls: 0, complete: false }

/** The next record of an answer; an `error` in it ends the answer, whatever the HTTP status was. */
export function reduce(state: AcmeState, record: unknown): Step<AcmeState> {
  if (!isObject(record)) return { state, events: [], failure: 'not a record' }
  if (record['error'] !== undefined) return { state, events: [], failure: JSON.stringify(record) }
  const { model, text, call, end, usage } = record
  const events: DriverEvent[] = []
  if (!state.started) events.push({ type: 'start', model: typeof model === 'string' ? model : '' })
  let { open, toolCalls } = state
  if (typeof text === 'string' && text !== '') {
    if (!open) events.push({ type: 'text-start' })
    events.push({ type: 'text-delta', text })
    open = true
  }
  const called = call === undefined ? undefined : fromWireToolCall(call, toolCalls + 1)
  const complete = typeof end === 'string'
  if ((called || complete) && open) {
    events.push({ type: 'text-end' })
    open = false
  }
  if (called) {
    events.push({ type: 'tool-call', call: called })
    toolCalls++
  }
  if (complete) {
    const { input, output } = isObject(usage) ? usage : {}
    events.push({
      type: 'end',
      finishReason: toFinishReason(end, toolCalls > 0),
      usage: toUsage({ inputTokens: input, outputTokens: output, raw: usage }),
      raw: record,
    })
  }
  return { state: { started: true, open, toolCalls, complete }, events }
}

/** Whether the service said that the answer is complete; without that word it was cut. */
export function isComplete(state: AcmeState): boolean {
  return state.complete
}

/** The service's words for the end in groat's; what is not here is `other`. */
const REASONS: Readonly<Record<string, FinishReason['unified']>> = {
  stop: 'stop',
  length: 'length',
  filter: 'content-filter',
}

function toFinishReason(raw: string, calledTools: boolean): FinishReason {
  const unified = Object.hasOwn(REASONS, raw) ? (REASONS[raw] ?? 'other') : 'other'
  return { unified: unified === 'stop' && calledTools ? 'tool-calls' : unified, raw }
}
