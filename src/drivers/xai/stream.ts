import type { Step } from '../../core/wire.ts'
import * as dialect from '../../dialects/openai-responses/stream.ts'

export type XaiState = dialect.ResponsesState

export const FRAMING = 'sse'

/** Tools that take plain text are xAI's own, such as those that search X for it. */
export const INITIAL: XaiState = { ...dialect.INITIAL, customTools: false }

/** The next event of an answer: xAI speaks the dialect as it is, its odd counts included. */
export function reduce(state: XaiState, record: unknown): Step<XaiState> {
  return dialect.reduce(state, record)
}

/** Whether the service said that the answer is complete. */
export function isComplete(state: XaiState): boolean {
  return dialect.isComplete(state)
}
