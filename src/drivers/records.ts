import { NdjsonDecoder } from '../transport/ndjson.ts'

/** Turns the pieces of a body into records: JSON values of lines, or server-sent events. */
export interface RecordDecoder {
  push(piece: Uint8Array): readonly unknown[]
  /** What was not ended before the connection was. */
  end(): readonly unknown[]
}

export type Framing = 'ndjson' | 'sse'

/** A decoder for a stream; the one for server-sent events is loaded by the first driver that needs it. */
export async function newDecoder(framing: Framing): Promise<RecordDecoder> {
  if (framing === 'ndjson') return new NdjsonDecoder()
  const { SseDecoder } = await import('../transport/sse.ts')
  const decoder = new SseDecoder()
  return { push: (piece) => decoder.push(piece), end: () => decoder.rest() }
}

const LINE_FEED = 10
/** Turns of the microtask queue in which a reader gets at the events of a first record. */
const HEAD_START_TURNS = 20

/**
 * Reads the first record of a stream before anything that came with it, and lets its reader have it before more is
 * taken from the connection: where a server, or what lies between, sends much at once, the first token does not wait
 * until all the others are read.
 */
export async function readFirst(
  piece: Uint8Array,
  framing: Framing,
  read: (piece: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const end = endOfFirst(piece, framing)
  if (end === 0) return read(piece)
  await read(piece.subarray(0, end))
  for (let turn = 0; turn < HEAD_START_TURNS; turn++) await Promise.resolve()
  if (end < piece.length) await read(piece.subarray(end))
}

/** An event ends with a blank line, a line with its line feed. */
function endOfFirst(piece: Uint8Array, framing: Framing): number {
  const end = piece.indexOf(LINE_FEED) + 1
  if (framing === 'ndjson' || end === 0) return end
  for (let at = end; at < piece.length; at++) {
    if (piece[at] === LINE_FEED && piece[at - 1] === LINE_FEED) return at + 1
  }
  return 0
}

/** Whether an answer is one whole JSON object, also where a stream was asked for: some servers refuse so. */
export function isWholeJson(headers: Readonly<Record<string, string>>): boolean {
  return /^application\/json\b/i.test(headers['content-type'] ?? '')
}
