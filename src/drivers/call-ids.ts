import type { Message } from '../core/message.ts'
import type { DriverEvent } from '../core/stream.ts'

/**
 * Keeps the ids of tool calls apart: results are matched to calls by them, and providers give one twice, or none that
 * holds beyond one answer. The first call keeps the id that it came with.
 */
export class CallIds {
  readonly #history: readonly Message[]
  #used: Set<string> | undefined
  /** The ids of the calls that are being written, by the ids that they came with. */
  readonly #open = new Map<string, string>()

  constructor(history: readonly Message[]) {
    this.#history = history
  }

  /** The events with ids that neither the conversation nor this answer has. */
  unique(events: readonly DriverEvent[]): readonly DriverEvent[] {
    return events.some(isAboutCall) ? events.map((event) => this.#named(event)) : events
  }

  #named(event: DriverEvent): DriverEvent {
    if (event.type === 'tool-call-start') {
      const id = this.#take(event.id)
      this.#open.set(event.id, id)
      return { ...event, id }
    }
    if (event.type === 'tool-call-delta') return { ...event, id: this.#open.get(event.id) ?? event.id }
    if (event.type !== 'tool-call') return event
    const { call } = event
    const id = this.#open.get(call.id) ?? this.#take(call.id)
    this.#open.delete(call.id)
    return id === call.id ? event : { ...event, call: { ...call, id } }
  }

  #take(id: string): string {
    this.#used ??= idsIn(this.#history)
    let free = id
    for (let number = 2; this.#used.has(free); number++) free = `${id}_${number}`
    this.#used.add(free)
    return free
  }
}

function isAboutCall({ type }: DriverEvent): boolean {
  return type === 'tool-call' || type === 'tool-call-start' || type === 'tool-call-delta'
}

function idsIn(messages: readonly Message[]): Set<string> {
  const ids = new Set<string>()
  for (const { content } of messages) {
    if (typeof content === 'string') continue
    for (const part of content) if (part.type === 'tool-call') ids.add(part.id)
  }
  return ids
}
