import { AIError } from '../core/errors.ts'
import { joinBytes } from './bytes.ts'
import { redact } from './redact.ts'
import type { Exchange } from './transport.ts'

/** Largest response that is read as a whole, in bytes. */
export const RESPONSE_BYTES_MAX: number = 64 * 1024 * 1024
/** Most that is read of the body of an error response, in bytes. */
export const ERROR_BODY_BYTES_MAX: number = 64 * 1024
/** Longest excerpt of a bad body that an error carries, in characters. */
const EXCERPT_CHARS_MAX = 200

const UTF8 = new TextDecoder()

/** The pieces of a body, up to a limit. */
class Pieces {
  readonly #all: Uint8Array[] = []
  #bytes = 0

  /** Reads them all. Rejects with `limit_exceeded` above `bytesMax` bytes, and the exchange is aborted then. */
  readAll(exchange: Exchange, bytesMax: number): Promise<void> {
    return exchange.consume((piece) => {
      this.#bytes += piece.length
      if (this.#bytes > bytesMax) throw tooLarge(bytesMax)
      this.#all.push(piece)
    })
  }

  joined(): Uint8Array {
    return joinBytes(this.#all)
  }
}

/** Reads the whole body. Rejects with `limit_exceeded` above `bytesMax` bytes, and the exchange is aborted then. */
export async function readBody(
  exchange: Exchange,
  bytesMax: number = RESPONSE_BYTES_MAX,
): Promise<Uint8Array> {
  const pieces = new Pieces()
  await pieces.readAll(exchange, bytesMax)
  return pieces.joined()
}

/** Reads the whole body as UTF-8. Rejects as `readBody` does. */
export async function readText(exchange: Exchange, bytesMax: number = RESPONSE_BYTES_MAX): Promise<string> {
  return UTF8.decode(await readBody(exchange, bytesMax))
}

/** Reads the whole body as JSON. Rejects as `readBody` does, and with `response_invalid` when it is no JSON. */
export async function readJson(exchange: Exchange, bytesMax: number = RESPONSE_BYTES_MAX): Promise<unknown> {
  const pieces = new Pieces()
  await pieces.readAll(exchange, bytesMax)
  const text = UTF8.decode(pieces.joined())
  try {
    return JSON.parse(text)
  } catch {
    // The platform's error is no cause: it quotes the text as it is.
    throw new AIError({
      code: 'response_invalid',
      message:
        'The provider answered with something that is not JSON. Check that the base URL is that of its API; ' +
        '`details.excerpt` has the beginning of the answer.',
      status: exchange.status,
      details: { excerpt: redact(text.slice(0, EXCERPT_CHARS_MAX * 4)).slice(0, EXCERPT_CHARS_MAX) },
    })
  }
}

/**
 * Reads at most `bytesMax` bytes as UTF-8 and leaves the rest: for the bodies of errors. What goes wrong on the way
 * ends the text and nothing else, since the error that is being read matters more; only an abort is passed on.
 */
export async function readTextUpTo(
  exchange: Exchange,
  bytesMax: number = ERROR_BODY_BYTES_MAX,
): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  const enough = new Error('enough')
  try {
    await exchange.consume((piece) => {
      const rest = bytesMax - bytes
      pieces.push(piece.length > rest ? piece.subarray(0, rest) : piece)
      bytes += Math.min(piece.length, rest)
      if (piece.length > rest) throw enough
    })
  } catch (error) {
    if (error instanceof AIError && (error.code === 'aborted' || error.code === 'timed_out')) throw error
    if (error !== enough && !(error instanceof AIError)) throw error
  }
  return UTF8.decode(joinBytes(pieces))
}

function tooLarge(bytesMax: number): AIError {
  return new AIError({
    code: 'limit_exceeded',
    message: `The provider's answer is larger than ${bytesMax} bytes. Ask for a shorter one.`,
    details: { limit: 'bytesMax', bytesMax },
  })
}
