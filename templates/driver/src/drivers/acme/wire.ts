import type { Embedded } from '../../core/driver.ts'
import { AIError } from '../../core/errors.ts'
import { isObject } from '../../core/error-text.ts'
import type { Message, Part } from '../../core/message.ts'
import { offersTools } from '../../core/needs.ts'
import type { ChatRequest, EmbedRequest } from '../../core/request.ts'
import { toUsage } from '../../core/usage.ts'
import type { Warning } from '../../core/warning.ts'
import type { Step } from '../../core/wire.ts'
import type { WireRequest } from '../rooms.ts'
import { toSettings } from './api.ts'
import { INITIAL, reduce, type AcmeState } from './stream.ts'
import { toWireTool, toWireToolCall, toWireToolResults } from './tools.ts'

type Wire = Readonly<Record<string, unknown>>

/** The body of a chat request: what the caller said, under the service's own names, and nothing that it did not say. */
export function toWire(request: ChatRequest): WireRequest {
  const { model, messages, stream, tools = [], toolChoice, output, maxOutputTokens, temperature } = request
  const body = {
    model,
    messages: messages.flatMap(toWireMessages),
    stream,
    ...(offersTools(request) ? { tools: tools.map(toWireTool) } : {}),
    ...(offersTools(request) && toolChoice !== undefined ? { toolChoice } : {}),
    ...(output === undefined ? {} : { schema: output }),
    ...(maxOutputTokens === undefined ? {} : { maxTokens: maxOutputTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...toSettings(request.providerOptions),
  }
  return { body, warnings: leftOut(request) }
}

/** Options that the service does not have: a warning for each, since nothing is left out without a word. */
const UNKNOWN_OPTIONS = ['topP', 'topK', 'seed', 'stop', 'serviceTier'] as const

function leftOut(request: ChatRequest): readonly Warning[] {
  return UNKNOWN_OPTIONS.filter((option) => request[option] !== undefined).map((option) => {
    const message = `${option} was left out: Acme does not know it`
    return { code: 'option-ignored', message, details: { option } }
  })
}

function toWireMessages(message: Message): readonly Wire[] {
  const { role, content } = message
  if (typeof content === 'string') return [{ role, content }]
  if (role === 'tool') return toWireToolResults(content)
  const calls = content.flatMap((part) => (part.type === 'tool-call' ? [toWireToolCall(part)] : []))
  return [{ role, content: textOf(content), ...(calls.length === 0 ? {} : { calls }) }]
}

function textOf(parts: readonly Part[]): string {
  return parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

/** A whole answer is the records of a stream, read one after the other: so both give the same. */
export function fromWire(json: unknown): Step<AcmeState> {
  const records: readonly unknown[] =
    isObject(json) && Array.isArray(json['records']) ? json['records'] : [json]
  const events: Step<AcmeState>['events'][number][] = []
  let state = INITIAL
  for (const record of records) {
    const step = reduce(state, record)
    state = step.state
    events.push(...step.events)
    if (step.failure !== undefined) return { state, events, failure: step.failure }
  }
  return { state, events }
}

/** The body of a request to embed. */
export function toEmbedWire({ model, values, dimensions }: EmbedRequest): WireRequest {
  const body = { model, texts: values, ...(dimensions === undefined ? {} : { dimensions }) }
  return { body, warnings: [] }
}

/** What its answer says. @throws AIError `response_invalid` for what is no list of vectors */
export function fromEmbedWire(json: unknown, { model }: EmbedRequest): Omit<Embedded, 'warnings'> {
  const { vectors, usage } = isObject(json) ? json : {}
  if (!Array.isArray(vectors) || !vectors.every(isVector)) {
    const message =
      'The answer to a request to embed has no list of vectors: check that baseUrl is that of Acme'
    throw new AIError({ code: 'response_invalid', message, model })
  }
  // A count that is not told is not known; of output there is none, and that is known.
  const { input } = isObject(usage) ? usage : {}
  return { embeddings: vectors, usage: toUsage({ inputTokens: input, outputTokens: 0, raw: usage }), model }
}

function isVector(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => Number.isFinite(one))
}
