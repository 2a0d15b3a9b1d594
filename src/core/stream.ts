import type { Cost } from './cost.ts'
import type { FinishReason } from './finish-reason.ts'
import type { Part, ToolCallPart, ToolResultPart } from './message.ts'
import type { RateLimits } from './rate-limits.ts'
import type { ToolCall } from './response.ts'
import type { Usage } from './usage.ts'
import type { Warning } from './warning.ts'

/** What a driver makes of a provider's records, in the order in which it arrives. */
export type DriverEvent =
  | { readonly type: 'start'; readonly model: string; readonly id?: string }
  | { readonly type: 'text-start' }
  | { readonly type: 'text-delta'; readonly text: string }
  | { readonly type: 'text-end'; readonly providerData?: unknown }
  | { readonly type: 'reasoning-start' }
  | { readonly type: 'reasoning-delta'; readonly text: string }
  | { readonly type: 'reasoning-end'; readonly providerData?: unknown }
  | { readonly type: 'tool-call-start'; readonly id: string; readonly name: string }
  | { readonly type: 'tool-call-delta'; readonly id: string; readonly argumentsText: string }
  | { readonly type: 'tool-call'; readonly call: ToolCall }
  | { readonly type: 'warning'; readonly warning: Warning }
  | DriverFinish

/**
 * The next piece of a text or a thought. The names of the events are written out: one that is put together is another
 * string each time, which everybody who reads the event would have to compare letter by letter.
 */
export function deltaOf(kind: 'text' | 'reasoning', text: string): DriverEvent {
  return kind === 'text' ? { type: 'text-delta', text } : { type: 'reasoning-delta', text }
}

/** The end of a driver's attempt, before anything is priced. */
export interface DriverFinish {
  readonly type: 'end'
  readonly finishReason: FinishReason
  readonly usage: Usage
  /** Durations that the provider measured, in milliseconds. */
  readonly timing?: Readonly<Record<string, number>>
  /** Facts for the driver's own billing room, such as the host that really answered. */
  readonly billing?: Readonly<Record<string, unknown>>
  readonly rateLimits?: RateLimits
  readonly raw?: unknown
}

/** The last event of every stream: exactly one, with usage and cost. */
export interface FinishEvent {
  readonly type: 'finish'
  readonly finishReason: FinishReason
  readonly usage: Usage
  readonly cost: Cost
}

/** A tool was run, and this goes back to the model. */
export interface ToolResultEvent {
  readonly type: 'tool-result'
  readonly result: ToolResultPart
}

/** What a caller sees of a streamed answer. */
export type StreamEvent = Exclude<DriverEvent, DriverFinish> | ToolResultEvent | FinishEvent

/**
 * The one reducer from events to an answer. A streamed and a whole answer go through it alike, so both are the same.
 * It mutates itself: a fold over ten thousand deltas makes no ten thousand copies.
 */
export class Fold {
  readonly parts: Part[] = []
  readonly warnings: Warning[] = []
  model: string | undefined
  id: string | undefined
  end: DriverFinish | undefined
  #open: { type: 'text' | 'reasoning'; text: string } | undefined
  #hasCalls = false

  /** Takes the next event. */
  apply(event: DriverEvent): void {
    switch (event.type) {
      case 'text-delta':
        this.#append('text', event.text)
        return
      case 'reasoning-delta':
        this.#append('reasoning', event.text)
        return
      case 'start':
        this.model = event.model
        this.id = event.id
        return
      case 'text-end':
        this.#close('text', event.providerData)
        return
      case 'reasoning-end':
        this.#close('reasoning', event.providerData)
        return
      case 'tool-call':
        this.#close()
        this.#hasCalls = true
        this.parts.push({ type: 'tool-call', ...event.call })
        return
      case 'warning':
        this.warnings.push(event.warning)
        return
      case 'end':
        this.#close()
        this.end = event
        return
      case 'text-start':
      case 'reasoning-start':
        this.#close()
        return
      case 'tool-call-start':
      case 'tool-call-delta':
        return
    }
  }

  /** The text so far, of all its parts. */
  get text(): string {
    return this.#written('text')
  }

  /** The same of thoughts. */
  get reasoning(): string {
    return this.#written('reasoning')
  }

  /** The tool calls so far, in order of arrival. */
  get toolCalls(): ToolCall[] {
    if (!this.#hasCalls) return []
    return this.parts
      .filter((part): part is ToolCallPart => part.type === 'tool-call')
      .map(({ type: _, ...call }) => call)
  }

  /** The parts so far, an unfinished one included. */
  snapshot(): Part[] {
    return this.#open ? [...this.parts, { ...this.#open }] : [...this.parts]
  }

  #written(type: 'text' | 'reasoning'): string {
    let written = ''
    for (const part of this.parts) if (part.type === type) written += part.text
    return this.#open?.type === type ? written + this.#open.text : written
  }

  #append(type: 'text' | 'reasoning', text: string): void {
    if (this.#open?.type === type) {
      this.#open.text += text
      return
    }
    this.#close()
    this.#open = { type, text }
  }

  /** Ends the open part. One that has nothing but what the provider wants back is a part all the same. */
  #close(type?: 'text' | 'reasoning', providerData?: unknown): void {
    const open = this.#open
    this.#open = undefined
    if (type === undefined || providerData === undefined) {
      if (open) this.parts.push(open)
      return
    }
    if (open && open.type !== type) this.parts.push(open)
    this.parts.push({ type, text: open?.type === type ? open.text : '', providerData })
  }
}
