import type { DriverEvent } from './stream.ts'
import type { Warning } from './warning.ts'

/** A request body, and what the caller should know about what was left out of it. */
export interface WireBody {
  readonly body: Readonly<Record<string, unknown>>
  readonly warnings: readonly Warning[]
}

/** One step of a stream: the state after a record, and what came of it. */
export interface Step<State> {
  readonly state: State
  readonly events: readonly DriverEvent[]
  /** Text of an error that the record carried: the stream ends here. */
  readonly failure?: string
}

/** Whether a value is the vector of an embedded text: finite numbers, at least one. */
export function isVector(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => Number.isFinite(one))
}
