/** Something that the caller should know and that did not stop the call. */
export interface Warning {
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}
