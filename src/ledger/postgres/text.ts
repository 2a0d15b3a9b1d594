/**
 * PostgreSQL keeps no NUL in a text, and every other store does: it is written as two characters that are then
 * escaped themselves, so that different texts stay different.
 */
const ESCAPE = '\u0001'
const ESCAPED_NUL = `${ESCAPE}0`
const ESCAPED_ESCAPE = `${ESCAPE}1`

// oxlint-disable-next-line no-control-regex -- these two are what it is about
const UNSAFE = /[\u0000\u0001]/g
// oxlint-disable-next-line no-control-regex -- as above
const ESCAPED = /\u0001[01]/g

/** A text in the form that PostgreSQL keeps. */
export function toText(text: string): string {
  if (!text.includes('\0') && !text.includes(ESCAPE)) return text
  return text.replace(UNSAFE, (one) => (one === '\0' ? ESCAPED_NUL : ESCAPED_ESCAPE))
}

/** The text that was kept in this form. */
export function fromText(kept: string): string {
  if (!kept.includes(ESCAPE)) return kept
  return kept.replace(ESCAPED, (two) => (two === ESCAPED_NUL ? '\0' : ESCAPE))
}
