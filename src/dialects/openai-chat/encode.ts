import type { FinishReason } from '../../core/finish-reason.ts'
import type { AIResponse, ToolCall } from '../../core/response.ts'
import type { StreamEvent } from '../../core/stream.ts'
import type { Usage } from '../../core/usage.ts'

type Wire = Readonly<Record<string, unknown>>

/** What stands on every object of one answer. */
export interface AnswerHead {
  readonly id: string
  readonly model: string
  /** Seconds since the Unix epoch. */
  readonly created: number
}

/** An answer as `POST /chat/completions` gives it whole. */
export function toWireAnswer(
  answer: Pick<AIResponse, 'text' | 'reasoning' | 'toolCalls' | 'finishReason' | 'usage'>,
  head: AnswerHead,
): Wire {
  const { text, reasoning, toolCalls, finishReason, usage } = answer
  const refused = finishReason.detail === 'refusal'
  const said = refused || (text === '' && toolCalls.length > 0) ? null : text
  const message = {
    role: 'assistant',
    content: said,
    refusal: refused ? text : null,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(toolCalls.length > 0 && { tool_calls: toolCalls.map(toWireCall) }),
  }
  const counts = toWireUsage(usage)
  const choice = { index: 0, message, logprobs: null, finish_reason: toWireReason(finishReason) }
  return { ...head, object: 'chat.completion', choices: [choice], ...(counts && { usage: counts }) }
}

/** What must be remembered between two events. */
export interface EncodeState {
  readonly begun: boolean
  /** Ids of the calls that have begun: their place is their number. */
  readonly calls: readonly string[]
  /** The calls whose arguments were sent in pieces. */
  readonly streamed: ReadonlySet<string>
}

export const ENCODE_INITIAL: EncodeState = { begun: false, calls: [], streamed: new Set() }

/** The chunks that an event becomes, in order; `[DONE]` after those of `finish` is the server's to send. */
export function toChunks(
  state: EncodeState,
  event: StreamEvent,
  head: AnswerHead,
  includeUsage: boolean,
): { readonly state: EncodeState; readonly chunks: readonly Wire[] } {
  const chunk = (delta: Wire, reason: string | null = null): Wire => ({
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
    ...(includeUsage && { usage: null }),
  })
  const { state: next, deltas } = deltasOf(state, event)
  const chunks = deltas.map((delta) => chunk(delta))
  if (event.type !== 'finish') return { state: next, chunks }
  chunks.push(chunk({}, toWireReason(event.finishReason)))
  const usage = includeUsage ? toWireUsage(event.usage) : undefined
  if (usage) chunks.push({ ...head, object: 'chat.completion.chunk', choices: [], usage })
  return { state: next, chunks }
}

function deltasOf(
  state: EncodeState,
  event: StreamEvent,
): { readonly state: EncodeState; readonly deltas: readonly Wire[] } {
  const first: readonly Wire[] = state.begun ? [] : [{ role: 'assistant', content: '' }]
  const begun = { ...state, begun: true }
  const { calls, streamed } = state
  switch (event.type) {
    case 'start':
    case 'finish':
      return { state: begun, deltas: first }
    case 'text-delta':
      return { state: begun, deltas: [...first, { content: event.text }] }
    case 'reasoning-delta':
      return { state: begun, deltas: [...first, { reasoning_content: event.text }] }
    case 'tool-call-start': {
      const call = {
        index: calls.length,
        id: event.id,
        type: 'function',
        function: { name: event.name, arguments: '' },
      }
      return { state: { ...begun, calls: [...calls, event.id] }, deltas: [...first, { tool_calls: [call] }] }
    }
    case 'tool-call-delta': {
      const call = { index: calls.indexOf(event.id), function: { arguments: event.argumentsText } }
      return {
        state: { ...begun, streamed: new Set([...streamed, event.id]) },
        deltas: [{ tool_calls: [call] }],
      }
    }
    case 'tool-call':
      return {
        state: { ...begun, calls: withId(calls, event.call.id) },
        deltas: [...first, ...callDeltas(state, event.call)],
      }
    case 'text-start':
    case 'text-end':
    case 'reasoning-start':
    case 'reasoning-end':
    case 'tool-result':
    case 'warning':
      return { state, deltas: [] }
  }
}

function withId(calls: readonly string[], id: string): readonly string[] {
  return calls.includes(id) ? calls : [...calls, id]
}

/** A whole call: what has not been sent of it yet. */
function callDeltas({ calls, streamed }: EncodeState, call: ToolCall): readonly Wire[] {
  if (streamed.has(call.id)) return []
  const at = calls.indexOf(call.id)
  const { function: called, ...named } = toWireCall(call)
  if (at < 0) return [{ tool_calls: [{ index: calls.length, ...named, function: called }] }]
  return [{ tool_calls: [{ index: at, function: { arguments: called.arguments } }] }]
}

function toWireCall({ id, name, arguments: given }: ToolCall): {
  id: string
  type: string
  function: { name: string; arguments: string }
} {
  return { id, type: 'function', function: { name, arguments: JSON.stringify(given) } }
}

const REASONS: Readonly<Record<FinishReason['unified'], string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
  error: 'stop',
  other: 'stop',
}

function toWireReason({ unified }: FinishReason): string {
  return REASONS[unified]
}

/** Counts that were not told have no place in this dialect: then there is no usage. */
function toWireUsage(usage: Usage): Wire | undefined {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage
  if (inputTokens === undefined || outputTokens === undefined) return undefined
  return {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: {
      cached_tokens: cacheReadTokens ?? 0,
      ...(cacheWriteTokens !== undefined && { cache_write_tokens: cacheWriteTokens }),
      audio_tokens: usage.inputAudioTokens ?? 0,
    },
    completion_tokens_details: {
      reasoning_tokens: reasoningTokens ?? 0,
      audio_tokens: usage.outputAudioTokens ?? 0,
    },
  }
}
