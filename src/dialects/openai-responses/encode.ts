import type { FinishReason } from '../../core/finish-reason.ts'
import type { ToolCall, AIResponse } from '../../core/response.ts'
import type { StreamEvent } from '../../core/stream.ts'
import type { Usage } from '../../core/usage.ts'
import type { Wire } from './kept.ts'

/** What stands on every object of one answer. */
export interface AnswerHead {
  readonly id: string
  readonly model: string
  /** Seconds since the Unix epoch. */
  readonly created: number
}

/** An answer as `POST /responses` gives it whole. */
export function toWireAnswer(
  answer: Pick<AIResponse, 'parts' | 'finishReason' | 'usage'>,
  head: AnswerHead,
): Wire {
  const { finishReason, usage } = answer
  const items: Wire[] = []
  for (const part of answer.parts) {
    const id = items.length
    if (part.type === 'text' && part.text !== '') items.push(messageItem(head, id, part.text, finishReason))
    if (part.type === 'reasoning' && part.text !== '') items.push(thoughtItem(head, id, part.text))
    if (part.type === 'tool-call') items.push(callItem(head, id, part))
  }
  return responseOf(head, finishReason, items, usage)
}

/** What must be remembered between two events. */
export interface EncodeState {
  readonly sequence: number
  readonly begun: boolean
  /** What is being written: its place is the number of items before it. */
  readonly open: { readonly kind: 'text' | 'reasoning'; readonly text: string } | undefined
  /** The call whose arguments come in pieces. */
  readonly call: { readonly id: string; readonly place: number; readonly argumentsText: string } | undefined
  readonly items: readonly Wire[]
}

export const ENCODE_INITIAL: EncodeState = {
  sequence: 0,
  begun: false,
  open: undefined,
  call: undefined,
  items: [],
}

/** The events that an event becomes, in order; each is framed as `event:` with its type, then `data:`. */
export function toEvents(
  state: EncodeState,
  event: StreamEvent,
  head: AnswerHead,
): { readonly state: EncodeState; readonly events: readonly Wire[] } {
  const writing = new Writing(state, head)
  writing.take(event)
  return { state: writing.state, events: writing.events }
}

/** One step of an answer that is written. */
class Writing {
  state: EncodeState
  readonly events: Wire[] = []
  readonly #head: AnswerHead

  constructor(state: EncodeState, head: AnswerHead) {
    this.state = state
    this.#head = head
  }

  take(event: StreamEvent): void {
    switch (event.type) {
      case 'start':
        return this.#begin()
      case 'text-delta':
        return this.#delta('text', event.text)
      case 'reasoning-delta':
        return this.#delta('reasoning', event.text)
      case 'text-end':
      case 'reasoning-end':
        return this.#close()
      case 'tool-call-start':
        // Calls that are written at the same time are told one after the other.
        if (this.state.call) return
        this.#begin()
        this.#close()
        this.#say('response.output_item.added', {
          output_index: this.#place,
          item: this.#openCall(event.id, event.name),
        })
        this.state = { ...this.state, call: { id: event.id, place: this.#place, argumentsText: '' } }
        return
      case 'tool-call-delta':
        return this.#argument(event.id, event.argumentsText)
      case 'tool-call':
        return this.#call(event.call)
      case 'finish':
        return this.#finish(event.finishReason, event.usage)
      case 'text-start':
      case 'reasoning-start':
      case 'tool-result':
      case 'warning':
        return
    }
  }

  get #place(): number {
    return this.state.items.length
  }

  #say(type: string, more: Wire): void {
    this.events.push({ type, sequence_number: this.state.sequence, ...more })
    this.state = { ...this.state, sequence: this.state.sequence + 1 }
  }

  #begin(): void {
    if (this.state.begun) return
    this.state = { ...this.state, begun: true }
    const response = { ...base(this.#head), status: 'in_progress', output: [], usage: null }
    this.#say('response.created', { response })
    this.#say('response.in_progress', { response })
  }

  #delta(kind: 'text' | 'reasoning', text: string): void {
    this.#begin()
    if (this.state.open?.kind !== kind) {
      this.#close()
      this.#open(kind)
    }
    const [type, where] = WHERE[kind]
    this.#say(`response.${type}.delta`, { ...this.#at(kind), ...where, delta: text })
    this.state = { ...this.state, open: { kind, text: (this.state.open?.text ?? '') + text } }
  }

  #open(kind: 'text' | 'reasoning'): void {
    this.state = { ...this.state, open: { kind, text: '' } }
    const item =
      kind === 'text' ? messageItem(this.#head, this.#place, '') : thoughtItem(this.#head, this.#place, '')
    const begun = { ...item, status: 'in_progress', [kind === 'text' ? 'content' : 'summary']: [] }
    this.#say('response.output_item.added', { output_index: this.#place, item: begun })
    const [, where] = WHERE[kind]
    const part = partOf(kind, '')
    this.#say(PART[kind] + '.added', { ...this.#at(kind), ...where, part })
  }

  #at(kind: 'text' | 'reasoning'): Wire {
    return { item_id: idOf(this.#head, PREFIX[kind], this.#place), output_index: this.#place }
  }

  #close(): void {
    const { open } = this.state
    if (!open) return
    const { kind, text } = open
    const [type, where] = WHERE[kind]
    this.#say(`response.${type}.done`, { ...this.#at(kind), ...where, text })
    this.#say(PART[kind] + '.done', { ...this.#at(kind), ...where, part: partOf(kind, text) })
    const item =
      kind === 'text'
        ? messageItem(this.#head, this.#place, text)
        : thoughtItem(this.#head, this.#place, text)
    this.#done(item)
    this.state = { ...this.state, open: undefined }
  }

  #done(item: Wire): void {
    this.#say('response.output_item.done', { output_index: this.#place, item })
    this.state = { ...this.state, items: [...this.state.items, item] }
  }

  #openCall(id: string, name: string): Wire {
    const item = callItem(this.#head, this.#place, { id, name, arguments: {} })
    return { ...item, status: 'in_progress', arguments: '' }
  }

  #argument(id: string, text: string): void {
    const { call } = this.state
    if (call?.id !== id) return
    this.#say('response.function_call_arguments.delta', { ...this.#atCall(), delta: text })
    this.state = { ...this.state, call: { ...call, argumentsText: call.argumentsText + text } }
  }

  #atCall(): Wire {
    return { item_id: idOf(this.#head, 'fc', this.#place), output_index: this.#place }
  }

  #call(call: ToolCall): void {
    this.#begin()
    this.#close()
    const { call: open } = this.state
    const item = callItem(this.#head, this.#place, call)
    if (open?.id !== call.id)
      this.#say('response.output_item.added', {
        output_index: this.#place,
        item: this.#openCall(call.id, call.name),
      })
    if (open?.id !== call.id || open.argumentsText === '')
      this.#say('response.function_call_arguments.delta', { ...this.#atCall(), delta: item['arguments'] })
    this.#say('response.function_call_arguments.done', { ...this.#atCall(), arguments: item['arguments'] })
    this.#done(item)
    this.state = { ...this.state, call: undefined }
  }

  #finish(reason: FinishReason, usage: Usage): void {
    this.#begin()
    this.#close()
    const { items } = this.state
    const response = responseOf(
      this.#head,
      reason,
      reason.detail === 'refusal' ? items.map(asRefusal) : items,
      usage,
    )
    this.#say(`response.${response['status'] === 'completed' ? 'completed' : 'incomplete'}`, { response })
  }
}

const WHERE = {
  text: ['output_text', { content_index: 0 }],
  reasoning: ['reasoning_summary_text', { summary_index: 0 }],
} as const

const PART = { text: 'response.content_part', reasoning: 'response.reasoning_summary_part' } as const
const PREFIX = { text: 'msg', reasoning: 'rs' } as const

function partOf(kind: 'text' | 'reasoning', text: string): Wire {
  return kind === 'text' ? { type: 'output_text', text, annotations: [] } : { type: 'summary_text', text }
}

function idOf({ id }: AnswerHead, prefix: string, place: number): string {
  return `${prefix}_${id.replace(/^\w+?_/, '')}_${place}`
}

function messageItem(head: AnswerHead, place: number, text: string, reason?: FinishReason): Wire {
  const item = {
    id: idOf(head, 'msg', place),
    type: 'message',
    role: 'assistant',
    status: 'completed',
    content: [partOf('text', text)],
  }
  return reason?.detail === 'refusal' ? asRefusal(item) : item
}

/** That a text was a refusal is known at the end only. */
function asRefusal(item: Wire): Wire {
  const [part] = Array.isArray(item['content']) ? (item['content'] as Wire[]) : []
  return part ? { ...item, content: [{ type: 'refusal', refusal: part['text'] }] } : item
}

function thoughtItem(head: AnswerHead, place: number, text: string): Wire {
  return { id: idOf(head, 'rs', place), type: 'reasoning', summary: [partOf('reasoning', text)] }
}

function callItem(head: AnswerHead, place: number, call: Pick<ToolCall, 'id' | 'name' | 'arguments'>): Wire {
  return {
    id: idOf(head, 'fc', place),
    type: 'function_call',
    status: 'completed',
    call_id: call.id,
    name: call.name,
    arguments: JSON.stringify(call.arguments),
  }
}

function base({ id, model, created }: AnswerHead): Wire {
  return { id, object: 'response', created_at: created, model, error: null, incomplete_details: null }
}

const INCOMPLETE: Readonly<Partial<Record<FinishReason['unified'], string>>> = {
  length: 'max_output_tokens',
  'content-filter': 'content_filter',
}

function responseOf(head: AnswerHead, reason: FinishReason, output: readonly Wire[], usage: Usage): Wire {
  const cut = reason.detail === 'refusal' ? undefined : INCOMPLETE[reason.unified]
  return {
    ...base(head),
    status: cut === undefined ? 'completed' : 'incomplete',
    incomplete_details: cut === undefined ? null : { reason: cut },
    output,
    usage: toWireUsage(usage),
  }
}

/** Counts that were not told have no place in this dialect: then there is no usage. */
function toWireUsage(usage: Usage): Wire | null {
  const { inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens } = usage
  if (inputTokens === undefined || outputTokens === undefined) return null
  return {
    input_tokens: inputTokens,
    input_tokens_details: {
      cached_tokens: cacheReadTokens ?? 0,
      ...(cacheWriteTokens !== undefined && { cache_write_tokens: cacheWriteTokens }),
    },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens ?? 0 },
    total_tokens: inputTokens + outputTokens,
  }
}
