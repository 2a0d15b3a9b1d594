import type { Embedded } from '../../core/driver.ts'
import type { ChatRequest, EmbedRequest } from '../../core/request.ts'
import type { DriverEvent } from '../../core/stream.ts'
import { toUsage } from '../../core/usage.ts'
import type { MediaPlaces, Step, WireRequest } from '../rooms.ts'
import type { MockVectors } from './api.ts'
import { INITIAL, reduce, type MockState } from './stream.ts'

const WEB: readonly string[] = ['https://', 'http://']

/** A script is asked with the request as it is. */
export function toWire(request: ChatRequest): WireRequest {
  const { model, messages, stream, maxOutputTokens } = request
  const limit = maxOutputTokens === undefined ? {} : { maxOutputTokens }
  return { body: { model, messages, stream, ...limit }, warnings: [] }
}

const EVERYTHING = {
  urls: { image: WEB, audio: WEB, file: WEB },
  fileIds: ['image', 'audio', 'file'],
} as const

/** A script may be asked anything: nothing is read for it. */
export function takenMedia(): MediaPlaces {
  return { messages: EVERYTHING, results: EVERYTHING }
}

/** A whole answer is the fold of its records. */
export function fromWire(json: unknown): Step<MockState> {
  const { records } = json as { records: readonly unknown[] }
  const events: DriverEvent[] = []
  let state = INITIAL
  for (const record of records) {
    const step = reduce(state, record)
    state = step.state
    events.push(...step.events)
    if (step.failure !== undefined) return { state, events, failure: step.failure }
  }
  return { state, events }
}

/** The texts as they are. */
export function toEmbedWire({ model, values }: EmbedRequest): WireRequest {
  return { body: { model, values }, warnings: [] }
}

/** The vectors as they were scripted. */
export function fromEmbedWire(json: unknown, { model }: EmbedRequest): Omit<Embedded, 'warnings'> {
  const { vectors, inputTokens } = json as MockVectors
  return { embeddings: vectors, usage: toUsage({ inputTokens, outputTokens: 0 }), model }
}
