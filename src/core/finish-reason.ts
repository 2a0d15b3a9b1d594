/** Why an answer ended: in groat's closed words, and in the provider's own. */
export interface FinishReason {
  readonly unified: 'stop' | 'length' | 'tool-calls' | 'content-filter' | 'error' | 'other'
  readonly raw: string | undefined
  /** A finer word, where there is one: `thinking-exhausted`, `context-full`. */
  readonly detail?: string
}
