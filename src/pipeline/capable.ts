import type { Capability } from '../core/capability.ts'
import type { Driver } from '../core/driver.ts'
import { AIError } from '../core/errors.ts'
import type { Message, Part } from '../core/message.ts'
import type { ChatRequest } from '../core/request.ts'

/** What a part of a message needs of the driver; reasoning is history, and left out where it cannot be said. */
const NEEDED_BY_PART: Readonly<Record<Part['type'], Capability | undefined>> = {
  text: undefined,
  reasoning: undefined,
  image: 'vision',
  audio: 'audio',
  file: 'vision',
  'tool-call': 'tools',
  'tool-result': 'tools',
}

/** Refuses a request that needs what the driver does not declare, before anything is sent. */
export function assertCapable(driver: Driver, request: ChatRequest): void {
  assertDeclared(driver, request.model, neededBy(request))
}

/** Refuses what the driver does not declare. @throws AIError `capability_unsupported` */
export function assertDeclared(driver: Driver, model: string, needed: Iterable<Capability>): void {
  for (const capability of needed) {
    if (driver.capabilities.has(capability)) continue
    throw new AIError({
      code: 'capability_unsupported',
      message:
        `The driver of ${driver.provider} does not do ${capability}: leave it out of the call, or use a provider ` +
        `that does. It does ${[...driver.capabilities].join(', ')}`,
      provider: driver.provider,
      model,
      details: { capability, capabilities: [...driver.capabilities] },
    })
  }
}

function neededBy(request: ChatRequest): Set<Capability> {
  const needed = new Set<Capability>(['chat'])
  if (request.stream) needed.add('stream')
  if (request.tools !== undefined) needed.add('tools')
  if (request.output !== undefined) needed.add('json-schema')
  if (request.reasoning !== undefined && request.reasoning !== 'off') needed.add('reasoning')
  for (const message of request.messages) addNeedsOf(message, needed)
  return needed
}

function addNeedsOf({ content }: Message, needed: Set<Capability>): void {
  if (typeof content === 'string') return
  for (const part of content) {
    const capability = NEEDED_BY_PART[part.type]
    if (capability !== undefined) needed.add(capability)
  }
}
