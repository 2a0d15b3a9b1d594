import { AIError } from '../core/errors.ts'
import { joinBytes } from './bytes.ts'
import { redact } from './redact.ts'
import type { Secret } from './redact.ts'

/** Longest line of NDJSON, in bytes. Providers send long tool calls and pictures as one line. */
export const NDJSON_LINE_BYTES_MAX: number = 32 * 1024 * 1024
/** Longest excerpt of a bad line that an error carries, in characters. */
const EXCERPT_CHARS_MAX = 200

const LINE_FEED = 10
const BYTE_ORDER_MARK = 0xfe_ff

export interface NdjsonOptions {
  /** @default NDJSON_LINE_BYTES_MAX */
  readonly lineBytesMax?: number
  /** Taken out of the excerpt that an error carries. */
  readonly secrets?: readonly Secret[]
}

/**
 * Turns the pieces of a body into the JSON values of its lines, however the bytes are cut. Blank lines are skipped.
 * A line that is no JSON gives `response_invalid`, one that is too long `limit_exceeded`; the values before it are
 * returned first, and the error is thrown by the next call.
 */
export class NdjsonDecoder {
  readonly #lineBytesMax: number
  readonly #secrets: readonly Secret[]
  // A byte order mark is kept by the decoder, since only the one at the very beginning means nothing.
  readonly #text = new TextDecoder('utf-8', { ignoreBOM: true })
  /** The beginning of a line that has no end yet: the pieces as they came, joined once when the end is there. */
  #held: Uint8Array[] = []
  #heldBytes = 0
  #started = false
  #error: AIError | undefined

  constructor(options: NdjsonOptions = {}) {
    this.#lineBytesMax = options.lineBytesMax ?? NDJSON_LINE_BYTES_MAX
    this.#secrets = options.secrets ?? []
  }

  /** The values whose lines end in this piece. The piece must not be changed afterwards. */
  push(piece: Uint8Array): unknown[] {
    if (this.#error !== undefined) throw this.#error
    const end = piece.lastIndexOf(LINE_FEED) + 1
    const values: unknown[] = []
    try {
      if (end > 0) {
        const whole = end === piece.length ? piece : piece.subarray(0, end)
        this.#parse(this.#heldBytes === 0 ? whole : this.#join(whole), values)
      }
      if (end < piece.length) this.#hold(end === 0 ? piece : piece.subarray(end))
    } catch (error) {
      this.#stop(error, values)
    }
    return values
  }

  /** The value of a last line that has no line feed. */
  end(): unknown[] {
    if (this.#error !== undefined) throw this.#error
    const values: unknown[] = []
    try {
      if (this.#heldBytes > 0) this.#parse(this.#join(), values)
    } catch (error) {
      this.#stop(error, values)
    }
    return values
  }

  /** Keeps an error back until the values before it are out. */
  #stop(error: unknown, values: unknown[]): void {
    if (!(error instanceof AIError)) throw error
    this.#error = error
    this.#held = []
    this.#heldBytes = 0
    if (values.length === 0) throw error
  }

  #hold(rest: Uint8Array): void {
    this.#heldBytes += rest.length
    if (this.#heldBytes > this.#lineBytesMax) throw this.#tooLong()
    this.#held.push(rest)
  }

  #join(last?: Uint8Array): Uint8Array {
    if (last !== undefined) this.#held.push(last)
    const whole = joinBytes(this.#held)
    this.#held = []
    this.#heldBytes = 0
    return whole
  }

  /** Reads bytes that hold whole lines: one decoding for all of them. */
  #parse(bytes: Uint8Array, values: unknown[]): void {
    // A line can only be too long where all lines together are.
    if (bytes.length > this.#lineBytesMax) {
      this.#parseMeasured(bytes, values)
      return
    }
    const text = this.#decode(bytes)
    let start = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      // The common piece is one line: no cutting, since JSON allows the white space at its end.
      this.#parseLine(start === 0 && end === text.length - 1 ? text : text.slice(start, end), values)
      start = end + 1
    }
    if (start < text.length) this.#parseLine(text.slice(start), values)
  }

  #parseMeasured(bytes: Uint8Array, values: unknown[]): void {
    for (let start = 0; start < bytes.length;) {
      const found = bytes.indexOf(LINE_FEED, start)
      const end = found === -1 ? bytes.length : found
      if (end - start > this.#lineBytesMax) throw this.#tooLong()
      this.#parseLine(this.#decode(bytes.subarray(start, end)), values)
      start = end + 1
    }
  }

  #decode(bytes: Uint8Array): string {
    const text = this.#text.decode(bytes)
    if (this.#started) return text
    this.#started = true
    return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text
  }

  #parseLine(line: string, values: unknown[]): void {
    try {
      values.push(JSON.parse(line))
    } catch {
      // `JSON.parse` is asked first, so that good lines are not looked at twice.
      if (line.trim() === '') return
      throw this.#notJson(line)
    }
  }

  #notJson(line: string): AIError {
    const excerpt = redact(line.slice(0, EXCERPT_CHARS_MAX * 4), this.#secrets).slice(0, EXCERPT_CHARS_MAX)
    // The platform's error is no cause: it quotes the line as it is.
    return new AIError({
      code: 'response_invalid',
      message:
        'The provider sent a line that is not JSON. Check that the base URL is that of its API; ' +
        '`details.excerpt` has the beginning of the line.',
      details: { excerpt },
    })
  }

  #tooLong(): AIError {
    return new AIError({
      code: 'limit_exceeded',
      message: `The provider sent a line of more than ${this.#lineBytesMax} bytes. Ask for a shorter answer.`,
      details: { limit: 'lineBytesMax', bytesMax: this.#lineBytesMax },
    })
  }
}
