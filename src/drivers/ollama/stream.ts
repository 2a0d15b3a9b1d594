import type { DriverEvent, DriverFinish } from '../../core/stream.ts'
import type { FinishReason } from '../../core/finish-reason.ts'
import { toUsage } from '../../core/usage.ts'
import type { Step } from '../rooms.ts'
import { fromWireToolCalls } from './tools.ts'

/** What must be remembered between two records. */
export interface OllamaState {
  readonly started: boolean
  readonly open: 'text' | 'reasoning' | undefined
  readonly toolCalls: number
  readonly complete: boolean
}

export const FRAMING = 'ndjson'

export const INITIAL: OllamaState = { started: false, open: undefined, toolCalls: 0, complete: false }

const NANOSECONDS_PER_MS = 1e6

/** The fields of a record of `POST /api/chat` that are read (ollama/ollama api/types.go, ChatResponse). */
interface WireRecord {
  readonly model?: unknown
  readonly message?: {
    readonly content?: unknown
    readonly thinking?: unknown
    readonly tool_calls?: unknown
  }
  readonly done?: unknown
  readonly done_reason?: unknown
  readonly error?: unknown
  readonly remote_host?: unknown
  readonly remote_model?: unknown
  readonly [count: string]: unknown
}

/** The next record of an answer; an `error` in it ends the answer, whatever the HTTP status was. */
export function reduce(state: OllamaState, record: unknown): Step<OllamaState> {
  if (typeof record !== 'object' || record === null) return { state, events: [], failure: 'not a record' }
  const wire = record as WireRecord
  if (wire.error !== undefined && wire.error !== null && wire.error !== '')
    return { state, events: [], failure: JSON.stringify(record) }
  const events: DriverEvent[] = []
  if (!state.started) events.push({ type: 'start', model: typeof wire.model === 'string' ? wire.model : '' })
  const { content, thinking, tool_calls: calls } = wire.message ?? {}
  let open = state.open
  if (typeof thinking === 'string' && thinking !== '') open = delta(events, open, 'reasoning', thinking)
  if (typeof content === 'string' && content !== '') open = delta(events, open, 'text', content)
  let toolCalls = state.toolCalls
  // An empty list is no reason to begin a new text after it.
  if (Array.isArray(calls) && calls.length > 0) {
    if (open) events.push({ type: `${open}-end` })
    open = undefined
    for (const call of fromWireToolCalls(calls, toolCalls)) {
      events.push({ type: 'tool-call', call })
      toolCalls++
    }
  }
  // Some backends say why they ended without saying that they did.
  const complete = wire.done === true || (typeof wire.done_reason === 'string' && wire.done_reason !== '')
  if (complete) {
    if (open) events.push({ type: `${open}-end` })
    events.push(toEnd(wire, toolCalls > 0))
    return { state: { started: true, open: undefined, toolCalls, complete }, events }
  }
  const same = state.started && open === state.open && toolCalls === state.toolCalls
  return { state: same ? state : { started: true, open, toolCalls, complete: false }, events }
}

/** Whether the server said that the answer is complete; without that word it was cut. */
export function isComplete(state: OllamaState): boolean {
  return state.complete
}

function delta(
  events: DriverEvent[],
  open: OllamaState['open'],
  kind: 'text' | 'reasoning',
  text: string,
): 'text' | 'reasoning' {
  if (open !== kind) {
    if (open) events.push({ type: `${open}-end` })
    events.push({ type: `${kind}-start` })
  }
  events.push({ type: `${kind}-delta`, text })
  return kind
}

function toEnd(wire: WireRecord, calledTools: boolean): DriverFinish {
  const { message: _, ...raw } = wire
  return {
    type: 'end',
    finishReason: toFinishReason(wire.done_reason, calledTools),
    usage: toUsage({
      inputTokens: wire['prompt_eval_count'],
      cacheReadTokens: wire['prompt_eval_cached_count'],
      outputTokens: wire['eval_count'],
      raw: countsOf(wire),
    }),
    timing: timingOf(wire),
    billing: remoteOf(wire),
    raw,
  }
}

/** Ollama's own reason is `stop` also where tools are called. */
function toFinishReason(reason: unknown, calledTools: boolean): FinishReason {
  const raw = typeof reason === 'string' ? reason : undefined
  if (raw === 'length') return { unified: 'length', raw }
  if (calledTools) return { unified: 'tool-calls', raw }
  return { unified: raw === 'stop' ? 'stop' : 'other', raw }
}

function countsOf(wire: WireRecord): Readonly<Record<string, unknown>> {
  const counts = Object.entries(wire).filter(([name]) => name.endsWith('_count'))
  return Object.fromEntries(counts)
}

const DURATIONS = [
  ['totalMs', 'total_duration'],
  ['loadMs', 'load_duration'],
  ['inputMs', 'prompt_eval_duration'],
  ['outputMs', 'eval_duration'],
] as const

function timingOf(wire: WireRecord): Readonly<Record<string, number>> {
  const timing: Record<string, number> = {}
  for (const [name, field] of DURATIONS) {
    const nanoseconds = wire[field]
    if (typeof nanoseconds === 'number') timing[name] = nanoseconds / NANOSECONDS_PER_MS
  }
  return timing
}

/** The host that really answered, where the server only passed the call on. */
function remoteOf(wire: WireRecord): Readonly<Record<string, unknown>> {
  return { remoteHost: wire.remote_host || undefined, remoteModel: wire.remote_model || undefined }
}
