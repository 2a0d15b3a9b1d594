import type { FinishReason } from '../../core/finish-reason.ts'
import type { ToolCall } from '../../core/response.ts'
import type { DriverEvent } from '../../core/stream.ts'
import { toUsage } from '../../core/usage.ts'
import type { Step } from '../rooms.ts'
import { fromWireToolCall } from './tools.ts'

export interface MockState {
  readonly started: boolean
  readonly open: 'text' | undefined
  readonly complete: boolean
}

interface MockRecord {
  readonly model: string
  readonly text?: string
  readonly reasoning?: string
  readonly call?: ToolCall
  readonly error?: object
  readonly end?: { readonly finishReason: FinishReason; readonly usage: object }
}

export const FRAMING = 'ndjson'

export const INITIAL: MockState = { started: false, open: undefined, complete: false }

/** The next record of a script. */
export function reduce(state: MockState, record: unknown): Step<MockState> {
  const { model, text, reasoning, call, error, end } = record as MockRecord
  if (error) return { state, events: [], failure: JSON.stringify(record) }
  const events: DriverEvent[] = state.started ? [] : [{ type: 'start', model }]
  let open = state.open
  if (reasoning !== undefined) {
    events.push(
      { type: 'reasoning-start' },
      { type: 'reasoning-delta', text: reasoning },
      { type: 'reasoning-end' },
    )
  }
  if (text !== undefined) {
    if (!open) events.push({ type: 'text-start' })
    events.push({ type: 'text-delta', text })
    open = 'text'
  }
  if ((call || end) && open) {
    events.push({ type: 'text-end' })
    open = undefined
  }
  if (call) events.push({ type: 'tool-call', call: fromWireToolCall(call) })
  if (end)
    events.push({
      type: 'end',
      finishReason: end.finishReason,
      usage: toUsage({ ...end.usage, raw: end.usage }),
    })
  return { state: { started: true, open, complete: end !== undefined }, events }
}

export function isComplete(state: MockState): boolean {
  return state.complete
}
