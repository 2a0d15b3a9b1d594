import { deltaOf, type DriverEvent, type DriverFinish } from '../../core/stream.ts'
import type { FinishReason } from '../../core/finish-reason.ts'
import { toUsage } from '../../core/usage.ts'
import type { Warning } from '../../core/warning.ts'
import { learnedBytesPerToken, type LoadPlan } from '../context-window.ts'
import { isObject } from '../../core/error-text.ts'
import type { ModelMemory } from '../model-memory.ts'
import type { Ended, Remembered, Step } from '../rooms.ts'
import { fromWireToolCalls } from './tools.ts'

/** What must be remembered between two records. */
export interface OllamaState {
  readonly started: boolean
  readonly open: 'text' | 'reasoning' | undefined
  readonly toolCalls: number
  /** Whether thoughts have come, and whether anything else has. */
  readonly thought: boolean
  readonly said: boolean
  readonly complete: boolean
}

export const FRAMING = 'ndjson'

export const INITIAL: OllamaState = {
  started: false,
  open: undefined,
  toolCalls: 0,
  thought: false,
  said: false,
  complete: false,
}

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
  let { open, thought, said } = state
  if (typeof thinking === 'string' && thinking !== '') open = delta(events, open, 'reasoning', thinking)
  if (typeof content === 'string' && content !== '') open = delta(events, open, 'text', content)
  thought ||= typeof thinking === 'string' && thinking !== ''
  said ||= typeof content === 'string' && /\S/.test(content)
  let toolCalls = state.toolCalls
  // An empty list is no reason to begin a new text after it.
  if (Array.isArray(calls) && calls.length > 0) {
    if (open) events.push({ type: `${open}-end` })
    open = undefined
    said = true
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
    return { state: { started: true, open: undefined, toolCalls, thought, said, complete }, events }
  }
  const isSame =
    state.started &&
    open === state.open &&
    toolCalls === state.toolCalls &&
    thought === state.thought &&
    said === state.said
  return {
    state: isSame ? state : { started: true, open, toolCalls, thought, said, complete: false },
    events,
  }
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
  events.push(deltaOf(kind, text))
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

const COUNTS = ['prompt_eval_count', 'prompt_eval_cached_count', 'eval_count'] as const

function countsOf(wire: WireRecord): Readonly<Record<string, unknown>> {
  const counts: Record<string, unknown> = {}
  for (const name of COUNTS) if (wire[name] !== undefined) counts[name] = wire[name]
  return counts
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

/** What a load may take on a model that was in memory, in milliseconds: looking it up takes tens of them. */
const WARM_LOAD_MS_MAX = 1_000
/** How long a model stays in memory after its last use where nobody says otherwise (ollama/ollama envconfig). */
const KEEP_ALIVE_MS = 300_000

/** What an answer that has ended teaches of its model, and what is odd about it. */
export function remember(ended: Ended<OllamaState>): Remembered {
  const { sent, end, memory, before, nowMs, sentMs } = ended
  const { plan } = sent
  const inputTokens = end.usage.inputTokens
  const warnings: Warning[] = []
  const detail = lengthDetail(ended, warnings)
  if (!plan) return { memory, warnings, detail }
  const loadMs = end.timing?.['loadMs'] ?? 0
  const { answered } = before
  if (loadMs > WARM_LOAD_MS_MAX && answered?.load === plan.load && sentMs < answered.warmUntilMs) {
    warnings.push(unexpectedReload(ended.request.model, loadMs))
  }
  const cut = inputTokens === undefined ? undefined : cutOf(plan, before, inputTokens, end.usage.outputTokens)
  if (cut) warnings.push(possibleTruncation(cut))
  const warmUntilMs = nowMs + keepAliveMs(sent.body['keep_alive'])
  const bytesPerToken =
    inputTokens === undefined || cut
      ? memory.bytesPerToken
      : learnedBytesPerToken(memory.bytesPerToken, plan.size, inputTokens)
  // More than the window can hold: another client has had the model loaded anew.
  const isStale =
    plan.load === memory.load && (inputTokens ?? 0) > (memory.window ?? Number.POSITIVE_INFINITY)
  return {
    memory: {
      ...memory,
      bytesPerToken,
      answered: { load: plan.load, warmUntilMs },
      ...(isStale ? { window: undefined, looks: 0 } : {}),
    },
    warnings,
    detail,
  }
}

/** A prompt that was cut without a word, as far as the counts tell. */
interface Cut {
  readonly expected: number
  readonly actual: number
  readonly window: number | undefined
  readonly sign: 'window-filled' | 'half-window' | 'far-below-estimate' | 'window-shifted'
}

/** A prompt this much below its estimate is suspicious. */
const SHORTFALL = 0.6

/**
 * Servers before 0.30.9, and some backends, cut what does not fit although they are told not to. What is left is the whole
 * window, or half of it and two tokens (ollama/ollama#17427, #17889): the counts are all there is to see it by.
 */
function cutOf(
  plan: LoadPlan,
  { bytesPerToken }: ModelMemory,
  actual: number,
  output: number = 0,
): Cut | undefined {
  const { estimate, window } = plan
  const cut = { expected: estimate.expected, actual, window }
  const sure = bytesPerToken === undefined ? estimate.low : estimate.expected
  if (window !== undefined && actual <= window) {
    if (actual >= window - 1) return { ...cut, sign: 'window-filled' }
    if (estimate.expected > window && isHalfOf(window, actual)) return { ...cut, sign: 'half-window' }
    if (sure > window && actual < sure * SHORTFALL) return { ...cut, sign: 'far-below-estimate' }
    if (actual + output > window + 1) return { ...cut, sign: 'window-shifted' }
  }
  // The server may not run with the window that it was asked for.
  if (actual >= estimate.expected * SHORTFALL) return undefined
  if (isPowerOfTwo(actual + 1) || isPowerOfTwo(actual)) return { ...cut, sign: 'window-filled' }
  return isPowerOfTwo((actual - 2) * 2) ? { ...cut, sign: 'half-window' } : undefined
}

/** Smallest window whose marks are looked for, in tokens: below it they are chance. */
const MARKED_TOKENS_MIN = 2_048

function isPowerOfTwo(tokens: number): boolean {
  return tokens >= MARKED_TOKENS_MIN && Number.isInteger(Math.log2(tokens))
}

function isHalfOf(window: number, tokens: number): boolean {
  return Math.abs(tokens - (window / 2 + 2)) <= 2
}

/** Why an answer was cut by its length: the limit of the call, or a window that is full, and what it was full of. */
function lengthDetail({ end, state, sent }: Ended<OllamaState>, warnings: Warning[]): string | undefined {
  if (end.finishReason.unified !== 'length') return undefined
  const { inputTokens, outputTokens = 0 } = end.usage
  const options = sent.body['options']
  const limit =
    isObject(options) && typeof options['num_predict'] === 'number' ? options['num_predict'] : undefined
  const used = inputTokens === undefined ? undefined : inputTokens + outputTokens
  const atLimit = limit !== undefined && outputTokens >= limit
  const isFull = !atLimit && used !== undefined && fillsWindow(used, sent.plan?.window)
  const details = { inputTokens, outputTokens, maxOutputTokens: limit, contextWindow: sent.plan?.window }
  const room = isFull ? ROOM.window : atLimit ? ROOM.limit : ROOM.unknown
  if (state.thought && !state.said) {
    const message = `The model thought until its room was used up and did not answer: ${room}, or turn reasoning down`
    warnings.push({ code: 'thinking-exhausted', message, details })
    return 'thinking-exhausted'
  }
  if (!isFull) return undefined
  const message = `The context window was full before the answer was complete: ${room}`
  warnings.push({ code: 'context-full', message, details })
  return 'context-full'
}

const ROOM = {
  window: 'shorten the conversation, or raise contextWindow or providerOptions.ollama.numCtx',
  limit: 'raise maxOutputTokens',
  unknown: 'raise maxOutputTokens or the context window',
} as const

function fillsWindow(used: number, window: number | undefined): boolean {
  if (window !== undefined) return used >= window - 1
  return isPowerOfTwo(used) || isPowerOfTwo(used + 1)
}

/** How long the model stays after an answer, by what the request said. */
function keepAliveMs(value: unknown): number {
  if (typeof value === 'number') return value < 0 ? Number.POSITIVE_INFINITY : value * 1_000
  if (typeof value !== 'string') return KEEP_ALIVE_MS
  if (value.startsWith('-')) return Number.POSITIVE_INFINITY
  let ms = 0
  for (const part of value.split(/(?<=[a-z])(?=\d)/)) {
    // Micro- and nanoseconds do not count.
    ms += Number.parseFloat(part) * (UNITS_MS[part.replace(/^[\d.]+/, '')] ?? 0)
  }
  return ms
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

function unexpectedReload(model: string, loadMs: number): Warning {
  return {
    code: 'unexpected-reload',
    message:
      `${model} should have been in memory and took ${Math.round(loadMs)} ms to load or to wait for: another program ` +
      'uses it with other settings, or memory is short',
    details: { model, loadMs },
  }
}

function possibleTruncation({ expected, actual, window, sign }: Cut): Warning {
  const what =
    sign === 'window-shifted'
      ? 'The answer went on after the context window was full, so that its beginning was forgotten'
      : `The prompt was about ${expected} tokens and the server read ${actual}: it may have cut it without a word`
  return {
    code: 'possible-truncation',
    message: `${what}. Update Ollama, raise the context window, or shorten the conversation`,
    details: { expected, actual, contextWindow: window, sign },
  }
}
