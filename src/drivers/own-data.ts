import type { Message, Part } from '../core/message.ts'
import type { RateLimits } from '../core/rate-limits.ts'
import type { ChatRequest } from '../core/request.ts'
import type { DriverEvent } from '../core/stream.ts'

/** Whose answer it is: what it keeps for later turns means something to this provider and model only. */
export interface Owner {
  readonly provider: string
  readonly model: string
}

/** What a part carries in `providerData`: the data as the driver made it, and whose it is. Plain JSON. */
interface Owned extends Owner {
  readonly data: unknown
}

/** What was told beside the body of an answer. */
export interface ToldBeside {
  readonly rateLimits: RateLimits | undefined
  /** For the driver's own billing room; what the body says counts for more. */
  readonly facts: Readonly<Record<string, unknown>> | undefined
}

/** Events with the owner on what they keep, and what was told beside the answer on the last one. */
export function marked(
  events: readonly DriverEvent[],
  owner: Owner,
  told: ToldBeside,
): readonly DriverEvent[] {
  const { rateLimits, facts } = told
  const concerns = (event: DriverEvent): boolean =>
    dataOf(event) !== undefined || (event.type === 'end' && (rateLimits ?? facts) !== undefined)
  return events.some(concerns) ? events.map((event) => markedEvent(event, owner, told)) : events
}

function dataOf(event: DriverEvent): unknown {
  if (event.type === 'tool-call') return event.call.providerData
  return event.type === 'text-end' || event.type === 'reasoning-end' ? event.providerData : undefined
}

function markedEvent(event: DriverEvent, owner: Owner, { rateLimits, facts }: ToldBeside): DriverEvent {
  if (event.type === 'end') {
    return {
      ...event,
      ...(rateLimits === undefined ? {} : { rateLimits }),
      ...(facts === undefined ? {} : { billing: { ...facts, ...event.billing } }),
    }
  }
  const data = dataOf(event)
  if (data === undefined) return event
  const { provider, model } = owner
  const providerData: Owned = { provider, model, data }
  if (event.type === 'tool-call') return { ...event, call: { ...event.call, providerData } }
  return event.type === 'text-end' || event.type === 'reasoning-end' ? { ...event, providerData } : event
}

/**
 * The request with only what its own provider and model kept, as the driver made it: what another one left means
 * nothing here, and would be refused or silently thrown away.
 */
export function withOwnData(request: ChatRequest, owner: Owner): ChatRequest {
  if (!request.messages.some(hasData)) return request
  return { ...request, messages: request.messages.map((message) => ownMessage(message, owner)) }
}

function hasData({ content }: Message): boolean {
  return typeof content !== 'string' && content.some(carriesData)
}

function carriesData(part: Part): boolean {
  return 'providerData' in part && part.providerData !== undefined
}

function ownMessage(message: Message, owner: Owner): Message {
  const { content } = message
  if (typeof content === 'string' || !content.some(carriesData)) return message
  return {
    ...message,
    content: content.map((part) => ownPart(part, owner)).filter((part) => part !== undefined),
  }
}

/** What another model thought is dropped: it is no thought of this one, and the answer that came of it stays. */
function ownPart(part: Part, owner: Owner): Part | undefined {
  if (!('providerData' in part)) return part
  const { providerData, ...rest } = part
  const isOwn =
    isOwned(providerData) && providerData.provider === owner.provider && providerData.model === owner.model
  if (isOwn) return { ...rest, providerData: providerData.data }
  return part.type === 'reasoning' ? undefined : rest
}

function isOwned(value: unknown): value is Owned {
  return (
    typeof value === 'object' && value !== null && 'provider' in value && 'model' in value && 'data' in value
  )
}
