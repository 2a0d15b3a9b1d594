import { Fold, type DriverEvent, type DriverFinish } from '../../../src/core/stream.ts'
import {
  endOfStream,
  INITIAL,
  isComplete,
  reduce,
  type ChatState,
} from '../../../src/dialects/openai-chat/stream.ts'
import { SseDecoder, type SseRecord } from '../../../src/transport/sse.ts'

/** What came of a stream. */
export interface Read {
  readonly state: ChatState
  readonly events: readonly DriverEvent[]
  readonly fold: Fold
  readonly failure: string | undefined
  /** Whether it came to an end of its own. */
  readonly complete: boolean
}

/** Reads server-sent events as a driver does, the end of the connection included. */
export function read(records: readonly SseRecord[]): Read {
  const fold = new Fold()
  const events: DriverEvent[] = []
  let state = INITIAL
  const take = (step: ReturnType<typeof reduce>): string | undefined => {
    state = step.state
    for (const event of step.events) {
      events.push(event)
      fold.apply(event)
    }
    return step.failure
  }
  let failure: string | undefined
  for (const record of records) {
    failure = isComplete(state) ? undefined : take(reduce(state, record))
    if (failure !== undefined) break
  }
  if (failure === undefined) failure = take(endOfStream(state))
  return { state, events, fold, failure, complete: isComplete(state) }
}

/** Reads the text of an event stream. */
export function readText(text: string): Read {
  const decoder = new SseDecoder()
  return read([...decoder.push(new TextEncoder().encode(text)), ...decoder.rest()])
}

/** Reads chunks, and `[DONE]` after them where it is not left out. */
export function readChunks(chunks: readonly unknown[], done: boolean = true): Read {
  const records = chunks.map((chunk) => ({ event: undefined, data: JSON.stringify(chunk) }))
  return read(done ? [...records, { event: undefined, data: '[DONE]' }] : records)
}

export const HEAD = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'oak' }

/** A chunk with a delta. */
export function delta(said: object, reason: string | null = null): object {
  return { ...HEAD, choices: [{ index: 0, delta: said, finish_reason: reason }] }
}

/** A fragment of a tool call. */
export function fragment(
  index: number | undefined,
  id: string | undefined,
  name: string | undefined,
  args: string,
): object {
  const called = { ...(name !== undefined && { name }), arguments: args }
  const numbered = index === undefined ? {} : { index }
  return delta({
    tool_calls: [{ ...numbered, ...(id !== undefined && { id, type: 'function' }), function: called }],
  })
}

/** The end of a complete answer. */
export function endOf({ fold }: Read): DriverFinish {
  if (!fold.end) throw new Error('the answer has no end')
  return fold.end
}

export const USAGE = { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 }

/** What some other server sends: objects as events, texts as they are. */
export function sent(...events: readonly unknown[]): Read {
  return readText(
    events
      .map((event) => (typeof event === 'string' ? event : `data: ${JSON.stringify(event)}\n\n`))
      .join(''),
  )
}

/** A chunk of another server's model. */
export function chunk(model: string, said: object, reason: string | null = null, more: object = {}): object {
  return {
    id: 'chatcmpl-7',
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model,
    choices: [{ index: 0, delta: said, finish_reason: reason }],
    ...more,
  }
}

/** The chunk with the counts, which has no choice. */
export function counts(model: string, usage: object, more: object = {}): object {
  return chunk(model, {}, null, { choices: [], usage, ...more })
}

export const DONE = 'data: [DONE]\n\n'
