import { AIError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import { LISTENERS_MAX, type EventName, type Events, type Listener } from './events.ts'

const NAMES: Readonly<Record<EventName, true>> = {
  messageSent: true,
  responseGenerated: true,
  messageFailed: true,
  costCalculated: true,
  providerRetried: true,
  toolCalled: true,
  toolCompleted: true,
  toolFailed: true,
  budgetThresholdReached: true,
  budgetExceeded: true,
  budgetOverrun: true,
  providerFallback: true,
  modelsSynced: true,
  error: true,
}

/** Tells listeners what happened. Their errors go to the `error` event and never reach a call. */
export class Emitter {
  readonly #listeners = new Map<EventName, Set<Listener<never>>>()

  /** Calls `listener` on every such event; the returned function stops it. */
  on<Name extends EventName>(name: Name, listener: Listener<Name>): () => void {
    if (!(name in NAMES)) {
      const near = nearest(name, Object.keys(NAMES))
      throw new AIError({
        code: 'request_invalid',
        message: `There is no event ${name}${near === undefined ? '' : `; did you mean ${near}?`}`,
      })
    }
    const listeners = this.#listeners.get(name) ?? new Set()
    if (listeners.size >= LISTENERS_MAX) {
      throw new AIError({
        code: 'limit_exceeded',
        message: `${name} has ${LISTENERS_MAX} listeners: call the function that on() returns to remove one`,
      })
    }
    this.#listeners.set(name, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  /** Emits an event; its payload is made, and frozen, only if someone listens. */
  emit<Name extends EventName>(name: Name, payload: () => Events[Name]): void {
    const listeners = this.#listeners.get(name)
    if (!listeners || listeners.size === 0) return
    const event = Object.freeze(payload())
    for (const listener of listeners) {
      try {
        const done = (listener as Listener<Name>)(event)
        if (done instanceof Promise) done.catch((error: unknown) => this.#report(name, error))
      } catch (error) {
        this.#report(name, error)
      }
    }
  }

  #report(event: EventName, error: unknown): void {
    // An error of the error listener itself has nowhere to go.
    if (event !== 'error') this.emit('error', () => ({ event, error }))
  }
}
