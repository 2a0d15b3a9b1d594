/** Something that a provider said went wrong. */
export interface Failure {
  readonly provider: string
  readonly model: string | undefined
  /** HTTP status; undefined for an error inside a stream that began well. */
  readonly status: number | undefined
  /** The body, bounded, as it came: to be read, and never to be shown. */
  readonly text: string
  /** What may be shown of a text: without secrets, and without what was sent and only comes back. */
  show(text: string): string
  readonly headers: Readonly<Record<string, string>>
  /** What the provider asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined
  readonly path: string
}
