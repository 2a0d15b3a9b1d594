import { isObject } from '../../core/error-text.ts'

export type Wire = Readonly<Record<string, unknown>>

/**
 * What a part of an answer keeps for the turns that follow, as `providerData`: items that are to come back exactly as
 * they were, and what stands beside a text or a call.
 */
export interface Kept {
  readonly dialect: 'openai-responses'
  /** A whole item: a thought with its encrypted content, or what one of the provider's own tools did. */
  readonly item?: Wire
  /** Fields of the message or call that the part stands for: its id, its phase. */
  readonly fields?: Wire
  readonly refusal?: true
  /** A call of a tool that takes plain text. */
  readonly custom?: true
  /** The call that this one came in, with others: it goes back as one, with one result. */
  readonly wrapper?: Wrapper
}

/** A call that models write around calls that are to run at the same time, though nobody offered them one. */
export interface Wrapper {
  readonly callId: string
  readonly name: string
  /** As the model wrote them. */
  readonly argumentsText: string
  readonly fields: Wire
}

export function kept(what: Omit<Kept, 'dialect'>): Kept {
  return { dialect: 'openai-responses', ...what }
}

/** What a part kept in this dialect; undefined for that of others. */
export function keptBy(part: { readonly providerData?: unknown }): Kept | undefined {
  const { providerData: data } = part
  return isObject(data) && data['dialect'] === 'openai-responses' ? (data as unknown as Kept) : undefined
}
