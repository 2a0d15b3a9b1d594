/** Something that the caller should know and that did not stop the call. */
export interface Warning {
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, unknown>>
}

/** Of an option of the call that was not sent. */
export function ignored(option: string, why: string): Warning {
  return { code: 'option-ignored', message: `${option} was left out: ${why}`, details: { option } }
}
