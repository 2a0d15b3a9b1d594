import { AIError } from './errors.ts'
import { EMBED_VALUES_MAX, MESSAGES_MAX, REQUEST_BYTES_MAX } from './limits.ts'
import {
  PART_TYPES,
  ROLES,
  type Input,
  type MediaPart,
  type Message,
  type Part,
  type Role,
} from './message.ts'
import { nearest } from './nearest.ts'

/** Which parts a message of each role may hold. */
const PARTS_OF_ROLE: Readonly<Record<Role, readonly Part['type'][]>> = {
  system: ['text'],
  user: ['text', 'image', 'audio', 'file'],
  assistant: ['text', 'reasoning', 'tool-call', 'image', 'audio'],
  tool: ['tool-result'],
}

/**
 * Makes a checked conversation of anything that can be sent.
 *
 * @throws AIError `request_invalid` naming the message at fault; `limit_exceeded` for one that is too large.
 */
export function toMessages(input: Input, system?: string): readonly Message[] {
  const given: readonly Message[] =
    typeof input === 'string' ? [{ role: 'user', content: input }] : Array.isArray(input) ? input : [input]
  const messages: readonly Message[] =
    system === undefined ? given : [{ role: 'system', content: system }, ...given]
  if (given.length === 0)
    throw invalid('There is no message to send: give a text, a message or some messages')
  if (messages.length > MESSAGES_MAX)
    throw tooLarge(`${messages.length} messages`, `${MESSAGES_MAX} messages`)
  let chars = 0
  for (const [index, message] of messages.entries()) chars += checkMessage(message, index)
  // A UTF-16 unit is at least one byte of UTF-8; the exact bytes are counted when the body is encoded.
  if (chars > REQUEST_BYTES_MAX) throw tooLarge(`over ${chars} bytes`, `${REQUEST_BYTES_MAX} bytes`)
  return messages
}

/** The texts to embed, checked. None at all is fine: it costs nothing. @throws AIError `request_invalid` */
export function toEmbedValues(values: string | readonly string[]): readonly string[] {
  const texts = typeof values === 'string' ? [values] : values
  if (!Array.isArray(texts)) throw invalid('embed takes a text or an array of texts')
  if (texts.length > EMBED_VALUES_MAX) throw tooLarge(`${texts.length} texts`, `${EMBED_VALUES_MAX} texts`)
  let chars = 0
  for (const [index, text] of texts.entries()) {
    if (typeof text !== 'string' || text === '')
      throw invalid(`Text ${index} to embed is empty or not a text`)
    if (!text.isWellFormed()) throw invalid(`Text ${index} to embed has half of a surrogate pair`)
    chars += text.length
  }
  if (chars > REQUEST_BYTES_MAX) throw tooLarge(`over ${chars} bytes`, `${REQUEST_BYTES_MAX} bytes`)
  return texts
}

/** The error for a request that is larger than groat sends. */
export function tooLarge(size: string, limit: string): AIError {
  return new AIError({
    code: 'limit_exceeded',
    message: `The request has ${size}; at most ${limit} are sent. Shorten the conversation or send it in pieces`,
    details: { size, limit },
  })
}

function checkMessage(message: Message, index: number): number {
  if (typeof message !== 'object' || message === null) {
    throw invalid(`Message ${index} is not a message: write { role: 'user', content: '…' }`)
  }
  const { role, content } = message
  if (!ROLES.includes(role)) {
    const near = typeof role === 'string' ? nearest(role, ROLES) : undefined
    throw invalid(
      `Message ${index} has the unknown role ${shown(role)}${meant(near)}: roles are ${ROLES.join(', ')}`,
    )
  }
  if (typeof content === 'string') {
    if (role === 'tool')
      throw invalid(`Message ${index} has role tool and needs tool-result parts, not a text`)
    if (content.trim() === '' && role !== 'assistant') {
      throw invalid(`Message ${index} (${role}) is empty: say something in it, or leave it out`)
    }
    return checkText(content, index)
  }
  if (!Array.isArray(content) || content.length === 0) {
    throw invalid(`Message ${index} (${role}) has no content: a text or an array of parts is needed`)
  }
  let chars = 0
  for (const part of content as readonly Part[]) chars += checkPart(part, role, index)
  if (role === 'user' && chars === 0) throw invalid(`Message ${index} (user) is empty: all its parts are`)
  return chars
}

function checkPart(part: Part, role: Role, index: number): number {
  const type: unknown = typeof part === 'object' && part !== null ? part.type : part
  if (!PART_TYPES.includes(type as Part['type'])) {
    const near = typeof type === 'string' ? nearest(type, PART_TYPES) : undefined
    throw invalid(`Message ${index} has a part of unknown type ${shown(type)}${meant(near)}`)
  }
  if (!PARTS_OF_ROLE[role].includes(part.type)) {
    throw invalid(`Message ${index}: a ${role} message cannot hold a ${part.type} part`)
  }
  switch (part.type) {
    case 'text':
    case 'reasoning':
      if (typeof part.text !== 'string') throw invalid(`Message ${index}: a ${part.type} part needs a text`)
      return checkText(part.text, index)
    case 'tool-call':
    case 'tool-result':
      if (!isName(part.id) || !isName(part.name)) {
        throw invalid(`Message ${index}: a ${part.type} part needs an id and a name`)
      }
      return (
        checkText(jsonOf(part.type === 'tool-call' ? part.arguments : part.content, index), index) +
        (part.type === 'tool-call' ? 0 : checkResultMedia(part.media, index))
      )
    case 'image':
    case 'audio':
    case 'file':
      return checkMedia(part, index)
  }
}

function checkMedia({ type, data, url, fileId }: MediaPart, index: number): number {
  const [given, ...more] = [data, url, fileId].filter((one) => one !== undefined)
  if (given === undefined || more.length > 0) {
    throw invalid(`Message ${index}: an ${type} part needs exactly one of data, url and fileId`)
  }
  if (given !== data && typeof given !== 'string') {
    throw invalid(`Message ${index}: url and fileId of an ${type} part are texts`)
  }
  return given.length
}

function checkResultMedia(media: readonly MediaPart[] | undefined, index: number): number {
  if (media === undefined) return 0
  if (!Array.isArray(media))
    throw invalid(`Message ${index}: media of a tool-result part is an array of parts`)
  let chars = 0
  for (const part of media as readonly MediaPart[]) {
    if (typeof part !== 'object' || part === null || !MEDIA_TYPES.includes(part.type)) {
      throw invalid(`Message ${index}: media of a tool-result part holds image, audio and file parts only`)
    }
    chars += checkMedia(part, index)
  }
  return chars
}

const MEDIA_TYPES: readonly Part['type'][] = ['image', 'audio', 'file']

function jsonOf(value: unknown, index: number): string {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    throw invalid(`Message ${index} holds what JSON cannot say, such as a BigInt or an object within itself`)
  }
}

function checkText(text: string, index: number): number {
  if (!text.isWellFormed()) {
    throw invalid(
      `Message ${index} has half of a surrogate pair, which is no text that can be sent: ` +
        `cut strings between characters, or call toWellFormed() on it`,
    )
  }
  return text.length
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function meant(near: string | undefined): string {
  return near === undefined ? '' : ` (did you mean ${near}?)`
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 40)) : typeof value
}

function invalid(message: string): AIError {
  return new AIError({ code: 'request_invalid', message })
}
