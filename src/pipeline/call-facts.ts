import type { BaseCall } from '../core/call.ts'
import type { CallFacts } from '../events/events.ts'
import type { Clock } from '../runtime.ts'

/** What every event says of its call. */
export function callFacts(call: BaseCall, clock: Clock): CallFacts {
  return {
    callId: call.id,
    provider: call.provider,
    model: call.request.model,
    at: clock.now(),
    ...call.attribution,
  }
}
