import { NdjsonDecoder } from '../transport/ndjson.ts'

/** Turns the pieces of a body into records: JSON values of lines, or server-sent events. */
export interface RecordDecoder {
  push(piece: Uint8Array): readonly unknown[]
  /** What was not ended before the connection was. */
  end(): readonly unknown[]
}

export type Framing = 'ndjson' | 'sse'

/** Loaded by the first stream that needs it: asking again what is loaded takes longer than some answers do. */
let sse: typeof import('../transport/sse.ts') | undefined

/** A decoder for a stream. */
export async function newDecoder(framing: Framing): Promise<RecordDecoder> {
  if (framing === 'ndjson') return new NdjsonDecoder()
  sse ??= await import('../transport/sse.ts')
  const decoder = new sse.SseDecoder()
  return { push: (piece) => decoder.push(piece), end: () => decoder.rest() }
}

const LINE_FEED = 10
/** Turns of the microtask queue in which a reader gets at the events of a first record. */
const HEAD_START_TURNS = 20

/** Records that are read before the rest: in some protocols the first ones have no text yet. */
const HEAD_RECORDS = 6

/**
 * Reads the first records of a stream before anything that came with them, and lets its reader have it before more is
 * taken from the connection: where a server, or what lies between, sends much at once, the first token does not wait
 * until all the others are read.
 */
export async function readFirst(
  piece: Uint8Array,
  framing: Framing,
  read: (piece: Uint8Array) => void | Promise<void>,
): Promise<void> {
  const end = endOfHead(piece, framing)
  if (end === 0) return read(piece)
  await read(piece.subarray(0, end))
  for (let turn = 0; turn < HEAD_START_TURNS; turn++) await Promise.resolve()
  if (end < piece.length) await read(piece.subarray(end))
}

/** Where the last of the first records ends: an event with a blank line, a line with its line feed. 0 where none does. */
function endOfHead(piece: Uint8Array, framing: Framing): number {
  let end = 0
  let records = 0
  for (let at = piece.indexOf(LINE_FEED); at >= 0; at = piece.indexOf(LINE_FEED, at + 1)) {
    if (framing === 'sse' && piece[at - 1] !== LINE_FEED) continue
    end = at + 1
    records += 1
    if (records === HEAD_RECORDS) break
  }
  return end
}

/** Whether an answer is one whole JSON object, also where a stream was asked for: some servers refuse so. */
export function isWholeJson(headers: Readonly<Record<string, string>>): boolean {
  return /^application\/json\b/i.test(headers['content-type'] ?? '')
}
