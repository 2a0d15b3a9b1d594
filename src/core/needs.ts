import type { Capability } from './capability.ts'
import { mediaOf } from './media-parts.ts'
import type { Message, Part } from './message.ts'
import type { ChatRequest } from './request.ts'

/** What a part of a message needs; reasoning is history, and left out where it cannot be said. */
const NEEDED_BY_PART: Readonly<Record<Part['type'], Capability | undefined>> = {
  text: undefined,
  reasoning: undefined,
  image: 'vision',
  audio: 'audio',
  file: 'vision',
  'tool-call': 'tools',
  'tool-result': 'tools',
}

/** What a driver must be able to do for a request. */
export function neededBy(request: ChatRequest): ReadonlySet<Capability> {
  const needed = new Set<Capability>(['chat'])
  if (request.stream) needed.add('stream')
  if (request.tools !== undefined) needed.add('tools')
  if (request.output !== undefined) needed.add('json-schema')
  if (request.reasoning !== undefined && request.reasoning !== 'off') needed.add('reasoning')
  for (const message of request.messages) addNeedsOf(message, needed)
  return needed
}

/** Whether the model may call tools in its answer to a request. */
export function offersTools({ tools = [], toolChoice }: Pick<ChatRequest, 'tools' | 'toolChoice'>): boolean {
  return tools.length > 0 && toolChoice !== 'none'
}

function addNeedsOf({ content }: Message, needed: Set<Capability>): void {
  if (typeof content === 'string') return
  for (const part of content) {
    for (const { type } of [part, ...mediaOf(part)]) {
      const capability = NEEDED_BY_PART[type]
      if (capability !== undefined) needed.add(capability)
    }
  }
}
