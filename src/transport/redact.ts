/** What stands in the place of a secret. */
export const MASK = '[masked]'

/**
 * A key that shows itself to nobody: text, JSON, `inspect`, a template, a copy or a spread of it give `[masked]` or
 * nothing. Only `reveal()` gives it away, and only the code that writes the header calls that.
 */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The key itself. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return MASK
  }

  toJSON(): string {
    return MASK
  }

  [Symbol.toPrimitive](): string {
    return MASK
  }
}

// By its well-known symbol, so that no runtime needs Node's `util` for it.
Object.defineProperty(Secret.prototype, Symbol.for('nodejs.util.inspect.custom'), { value: () => MASK })

/** `Bearer …`, `Basic …` and the like, as they stand in a header. */
const CREDENTIALS = /\b(Bearer|Basic|Token)\s+[\w.~+/=:-]{4,}/gi
/** The user info of an address. */
const USER_INFO = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#@"'<>]*(?:@[^\s/?#@"'<>]*)*@/gi
/** A key in the query of an address. */
const QUERY_KEY = /([?&](?:api[-_]?key|key|token|access[-_]?token)=)[^&\s"'<>]+/gi

/** Takes secrets out of a text that came from outside: the given ones, and everything that has the shape of one. */
export function redact(text: string, secrets: readonly Secret[] = []): string {
  let safe = text
  // The longest first: one key may be the beginning of another.
  const values = secrets.map((secret) => secret.reveal()).toSorted((a, b) => b.length - a.length)
  for (const value of values) {
    if (value !== '') safe = safe.replaceAll(value, MASK)
  }
  return safe
    .replace(CREDENTIALS, `$1 ${MASK}`)
    .replace(USER_INFO, `$1${MASK}@`)
    .replace(QUERY_KEY, `$1${MASK}`)
}
