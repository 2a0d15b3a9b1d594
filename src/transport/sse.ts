import { createParser } from 'eventsource-parser'
import { AIError } from '../core/errors.ts'

/** Longest data of one server-sent event, in characters. */
export const SSE_DATA_CHARS_MAX: number = 32 * 1024 * 1024
/** Room for the name of a field besides its value. */
const FIELD_NAME_CHARS_MAX = 64

/** One server-sent event. */
export interface SseRecord {
  readonly event: string | undefined
  readonly data: string
  readonly id?: string
}

export interface SseOptions {
  /** @default SSE_DATA_CHARS_MAX */
  readonly dataCharsMax?: number
}

/**
 * Turns the pieces of a body into server-sent events, however the bytes are cut, as the HTML standard has it: what
 * follows the last blank line is no event. Throws `limit_exceeded` for an event that is too long; the events before
 * it are returned first, and the error is thrown by the next call.
 */
export class SseDecoder {
  // The parser takes the byte order mark away itself.
  readonly #text = new TextDecoder('utf-8', { ignoreBOM: true })
  readonly #parser: ReturnType<typeof createParser>
  #records: SseRecord[] = []
  #error: AIError | undefined

  constructor(options: SseOptions = {}) {
    const charsMax = options.dataCharsMax ?? SSE_DATA_CHARS_MAX
    this.#parser = createParser({
      maxBufferSize: charsMax + FIELD_NAME_CHARS_MAX,
      onEvent: ({ event, data, id }) => {
        if (this.#error !== undefined) return
        if (data.length > charsMax) this.#error = tooLong(charsMax)
        else this.#records.push(id === undefined ? { event, data } : { event, data, id })
      },
      onError: ({ type }) => {
        // Unknown fields and the like are to be ignored.
        if (type === 'max-buffer-size-exceeded') this.#error ??= tooLong(charsMax)
      },
    })
  }

  /** The events that end in this piece. */
  push(piece: Uint8Array): SseRecord[] {
    return this.#feed(this.#text.decode(piece, { stream: true }))
  }

  /** Nothing, or the error that was kept back: an event without its blank line does not count. */
  end(): SseRecord[] {
    return this.#feed(this.#text.decode())
  }

  /**
   * In place of `end`: also the event after which the blank line is missing, where it is complete JSON or `[DONE]`. Some
   * providers leave the line out after their last one; the standard would drop it.
   */
  rest(): SseRecord[] {
    return this.#feed(`${this.#text.decode()}\n\n`).filter(({ data }) => isWhole(data))
  }

  #feed(text: string): SseRecord[] {
    if (this.#error !== undefined) throw this.#error
    this.#parser.feed(text)
    const records = this.#records
    // A kept-back error is thrown by the next call, or at once where nothing stands before it.
    if (this.#error !== undefined && records.length === 0) throw this.#error
    if (records.length > 0) this.#records = []
    return records
  }
}

function isWhole(data: string): boolean {
  if (data === '[DONE]') return true
  try {
    JSON.parse(data)
    return true
  } catch {
    return false
  }
}

function tooLong(charsMax: number): AIError {
  return new AIError({
    code: 'limit_exceeded',
    message: `The provider sent an event of more than ${charsMax} characters. Ask for a shorter answer.`,
    details: { limit: 'dataCharsMax', charsMax },
  })
}
