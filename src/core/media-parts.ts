import type { MediaPart, Part } from './message.ts'
import type { ChatRequest } from './request.ts'

/** A picture, sound or file as drivers get it: `data` is bare standard base64, `mediaType` is read from its bytes. */
export interface ReadyMedia extends MediaPart {
  readonly data: string
  readonly mediaType: string
}

/** Whether a part is a picture, a sound or a file that is ready to be sent. */
export function isReadyMedia(part: Part): part is ReadyMedia {
  return isMedia(part) && typeof part.data === 'string' && part.mediaType !== undefined
}

/** Whether a request has pictures, sounds or files. */
export function hasMedia({ messages }: ChatRequest): boolean {
  return messages.some(({ content }) => typeof content !== 'string' && content.some(isMedia))
}

/** Whether a part is a picture, a sound or a file. */
export function isMedia(part: Part): part is MediaPart {
  return part.type === 'image' || part.type === 'audio' || part.type === 'file'
}
