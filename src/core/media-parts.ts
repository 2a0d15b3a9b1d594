import { AIError } from './errors.ts'
import type { MediaPart, Part, ToolResultPart } from './message.ts'
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

/** Whether a request has pictures, sounds or files, in results of tools as well. */
export function hasMedia({ messages }: ChatRequest): boolean {
  return messages.some(
    ({ content }) => typeof content !== 'string' && content.some((part) => mediaOf(part).length > 0),
  )
}

/** A part that is one, or those of a result. */
export function mediaOf(part: Part): readonly MediaPart[] {
  if (isMedia(part)) return [part]
  return part.type === 'tool-result' ? (part.media ?? []) : []
}

/** The results in a message of a tool. @throws AIError `request_invalid` for anything else, which has no place there */
export function resultsIn(content: readonly Part[]): readonly ToolResultPart[] {
  return content.map((part) => {
    if (part.type === 'tool-result') return part
    throw new AIError({
      code: 'request_invalid',
      message: `A tool message cannot hold a ${part.type} part: put what belongs to a result into its content or media`,
    })
  })
}

/** Whether a part is a picture, a sound or a file. */
export function isMedia(part: Part): part is MediaPart {
  return part.type === 'image' || part.type === 'audio' || part.type === 'file'
}
