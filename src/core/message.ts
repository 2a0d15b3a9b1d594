export const ROLES = ['system', 'user', 'assistant', 'tool'] as const

/** Who speaks. */
export type Role = (typeof ROLES)[number]

/** `providerData` is what a provider put beside its text; it goes back to the same provider untouched. */
export interface TextPart {
  readonly type: 'text'
  readonly text: string
  readonly providerData?: unknown
}

/** A picture, a sound or a file: exactly one of `data`, `url` and `fileId` says which. */
export interface MediaPart {
  readonly type: 'image' | 'audio' | 'file'
  /** Its bytes: base64, a data URL or bytes. */
  readonly data?: string | Uint8Array
  /** Its address. A provider that reads addresses gets it as it is; for others it is fetched, where that is allowed. */
  readonly url?: string
  /** The id of a file that was uploaded to the provider before. */
  readonly fileId?: string
  /** For example `image/png`. @default read from the data URL or the bytes */
  readonly mediaType?: string
  readonly name?: string
}

/** What the model thought before it answered; `providerData` goes back to the same provider untouched. */
export interface ReasoningPart {
  readonly type: 'reasoning'
  readonly text: string
  readonly providerData?: unknown
}

/** The model asks for a tool to be run. `issues` says how the arguments break the tool's schema, if they do. */
export interface ToolCallPart {
  readonly type: 'tool-call'
  readonly id: string
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
  readonly issues?: readonly string[]
  readonly providerData?: unknown
}

/** What a tool gave back for the call with this id. */
export interface ToolResultPart {
  readonly type: 'tool-result'
  readonly id: string
  readonly name: string
  readonly content: unknown
  /** Pictures, sounds and files that belong to it; providers whose results are text refuse them. */
  readonly media?: readonly MediaPart[]
  readonly isError?: boolean
}

export type Part = TextPart | MediaPart | ReasoningPart | ToolCallPart | ToolResultPart

/** One message of a conversation. `answer.parts` can be put back into the history as it is. */
export interface Message {
  readonly role: Role
  readonly content: string | readonly Part[]
}

/** What can be sent: a string (a user message), one message, or a whole conversation in order. */
export type Input = string | Message | readonly Message[]

export const PART_TYPES = ['text', 'image', 'audio', 'file', 'tool-call', 'tool-result', 'reasoning'] as const
