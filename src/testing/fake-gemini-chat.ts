import { delivered, type Answer, type Delivery } from './far-end.ts'
import { asObject, errorBody, jsonAnswer, partsOf, type GeminiAsk } from './fake-gemini-request.ts'

type Wire = Readonly<Record<string, unknown>>

/** A function that the model calls. */
export interface FakeGeminiToolCall {
  readonly name: string
  /** @default {}; `null` leaves the field out */
  readonly args?: unknown
  /** @default made up for Gemini 3 and later, none before; `''` gives none */
  readonly id?: string
  /** @default made up for the first call of an answer of Gemini 3 and later; `''` gives none */
  readonly signature?: string
}

/**
 * What the stand-in answers. One of: an answer of the model (`text`, `chunks`, `thinking`, `toolCalls`, `parts`), a prompt
 * that is blocked, an error, a whole `body`, exact `records` or exact pieces (`raw`). The first kind obeys the request as the
 * real service does (stream, `maxOutputTokens`, `stopSequences`, `includeThoughts`); the others answer whatever comes.
 */
export interface GeminiReply extends Delivery {
  /** The answer; it is sent in words. */
  readonly text?: string
  /** The answer, cut into the pieces that it is sent in. */
  readonly chunks?: readonly string[]
  /** What the model thinks: always counted, and sent where the request asks for it. */
  readonly thinking?: string
  readonly toolCalls?: readonly FakeGeminiToolCall[]
  /** Further parts, as they are, before the end. */
  readonly parts?: readonly Wire[]
  /** Put on the end of the text, on a part without text of its own. */
  readonly signature?: string
  /** @default 'STOP', or 'MAX_TOKENS' at the limit */
  readonly finishReason?: string
  readonly finishMessage?: string
  /** `false` ends the answer without a reason, as a connection that breaks off cleanly. */
  readonly end?: boolean
  /** The prompt is blocked: there is no candidate. */
  readonly blockReason?: string
  /** @default counted */
  readonly promptTokens?: number
  /** Of the answer without its thoughts. @default counted */
  readonly outputTokens?: number
  /** @default counted */
  readonly thoughtTokens?: number
  /** Of the prompt, from a cache. @default left out */
  readonly cachedTokens?: number
  /** Read by Google's own tools. @default left out */
  readonly toolUseTokens?: number
  /** Fields to put on `usageMetadata`; `null` leaves it out altogether. */
  readonly usage?: Wire | null
  /** Fields to put on the candidate of the last record: `groundingMetadata`, `continuationToken`. */
  readonly candidate?: Wire
  /** @default the model that was asked */
  readonly modelVersion?: string
  /** An error: with `status` in place of an answer, without it in place of the end of one. */
  readonly error?: {
    readonly code?: number | null
    readonly message: string
    readonly status?: string
    readonly details?: readonly unknown[]
  }
  /** HTTP status of an error. */
  readonly status?: number
  /** Puts the error into an array, as some endpoints do. */
  readonly inArray?: boolean
  /** A whole body: text as it is, anything else as JSON. */
  readonly body?: unknown
  /** Exact records: events of a stream; of a whole answer the first one. */
  readonly records?: readonly unknown[]
  /** Exact pieces of the body, sent one by one. */
  readonly raw?: readonly (string | Uint8Array)[]
}

/** What changes from answer to answer. */
export interface GeminiStamps {
  responseId(): string
  callId(): string
  signature(): string
}

/** The answer of a reply that says exactly what goes on the wire; undefined where the model answers. */
export function exactAnswer(reply: GeminiReply, stream: boolean): Answer | undefined {
  if (reply.hangUp || reply.unframed) return delivered({ records: [] }, reply)
  const answer = exactBody(reply, stream)
  if (!answer) return undefined
  return delivered({ ...answer, status: reply.status ?? answer.status ?? 200 }, reply)
}

function exactBody(reply: GeminiReply, stream: boolean): Answer | undefined {
  const { raw, records, body, error, status, inArray } = reply
  if (raw) return { headers: { 'Content-Type': 'text/event-stream' }, framing: 'chunked', records: raw }
  if (records) return stream ? eventsAnswer(records) : jsonAnswer(records[0])
  if (typeof body === 'string') {
    return { headers: { 'Content-Type': 'text/html; charset=UTF-8' }, records: [body] }
  }
  if (body !== undefined) return jsonAnswer(body)
  if (status === undefined || status === 200) return undefined
  const { code = status, message = '', status: name, details } = error ?? {}
  const whole = errorBody(status, message, details)
  const own = { ...asObject(whole['error']), code, ...(name === undefined ? {} : { status: name }) }
  return jsonAnswer(inArray ? [{ error: own }] : { error: own }, status)
}

/** Server-sent events as the service sends them: data and nothing else, and no word for the end. */
export function eventsAnswer(records: readonly unknown[]): Answer {
  return {
    headers: { 'Content-Type': 'text/event-stream', 'Content-Disposition': 'attachment' },
    framing: 'chunked',
    crlf: true,
    records: records.map((record) => `data: ${JSON.stringify(record)}\n\n`),
  }
}

/** A stream without `alt=sse`: one array that grows. */
function arrayAnswer(records: readonly unknown[]): Answer {
  const pieces = records.map((record, index) => `${index === 0 ? '[' : ',\n'}${JSON.stringify(record)}`)
  return {
    headers: { 'Content-Type': 'application/json; charset=UTF-8' },
    framing: 'chunked',
    records: [...pieces, ']'],
  }
}

/** The answer of the model to a request, streamed or whole. */
export function modelAnswer(ask: GeminiAsk, reply: GeminiReply, stamps: GeminiStamps): Answer {
  const records = recordsOf(ask, reply, stamps)
  const served = ask.serviceTier === undefined ? {} : { 'x-gemini-service-tier': ask.serviceTier }
  const answer = ask.stream
    ? ask.sse
      ? eventsAnswer(records)
      : arrayAnswer(records)
    : wholeAnswer(records, reply)
  return delivered({ ...answer, headers: { ...answer.headers, ...served } }, reply)
}

/** What is said, token by token, as far as the request lets it. */
interface Said {
  readonly thoughts: readonly string[]
  readonly words: readonly string[]
  readonly calls: readonly FakeGeminiToolCall[]
  readonly reason: string
}

function limited(ask: GeminiAsk, reply: GeminiReply): Said {
  const words = reply.chunks ?? tokensOf(reply.text ?? '')
  const thoughts = tokensOf(reply.thinking ?? '')
  const calls = reply.toolCalls ?? []
  if (reply.finishReason !== undefined) return { thoughts, words, calls, reason: reply.finishReason }
  const kept = beforeStop(words, ask.stops)
  // Thoughts are inside the limit.
  const room = Math.max(0, ask.outputTokensMax - thoughts.length)
  const cut = kept.length > room
  return {
    thoughts: thoughts.slice(0, ask.outputTokensMax),
    words: kept.slice(0, room),
    calls: cut || kept !== words ? [] : calls,
    reason: cut ? 'MAX_TOKENS' : 'STOP',
  }
}

/** The tokens of a text: each word with the white space before it. */
function tokensOf(text: string): string[] {
  return text.match(/\s*\S+(?:\s+$)?|\s+/g) ?? []
}

function beforeStop(tokens: readonly string[], stops: readonly string[]): readonly string[] {
  const text = tokens.join('')
  const found = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
  if (found.length === 0) return tokens
  return tokensOf(text.slice(0, Math.min(...found)))
}

function recordsOf(ask: GeminiAsk, reply: GeminiReply, stamps: GeminiStamps): readonly Wire[] {
  const responseId = stamps.responseId()
  const said = limited(ask, reply)
  const head = { modelVersion: reply.modelVersion ?? ask.model, responseId }
  let answered = 0
  const counted = (): Wire => usageOf(ask, reply, said, answered)
  if (reply.blockReason !== undefined) {
    return [{ promptFeedback: { blockReason: reply.blockReason }, ...counted(), ...head }]
  }
  const records: Wire[] = []
  const record = (parts: readonly Wire[], more: Wire = {}): void => {
    const candidate = { content: { parts, role: 'model' }, ...more, index: 0 }
    records.push({ candidates: [candidate], ...counted(), ...head })
  }
  if (ask.showsThoughts && said.thoughts.length > 0) record([{ text: said.thoughts.join(''), thought: true }])
  for (const text of said.words) {
    answered++
    record([{ text }])
  }
  for (const [index, call] of said.calls.entries()) {
    answered++
    record([callPart(ask, call, index, stamps)])
  }
  for (const part of reply.parts ?? []) record([part])
  if (reply.error) {
    records.push({ error: reply.error })
  } else if (reply.end !== false) {
    const { finishMessage, candidate, signature } = reply
    const last = { text: '', ...(signature === undefined ? {} : { thoughtSignature: signature }) }
    const why = { finishReason: said.reason, ...(finishMessage === undefined ? {} : { finishMessage }) }
    record([last], { ...why, ...candidate })
  }
  return records
}

function callPart(ask: GeminiAsk, call: FakeGeminiToolCall, index: number, stamps: GeminiStamps): Wire {
  const { name, args = {}, id = ask.isGemini3 ? stamps.callId() : '' } = call
  const signature = call.signature ?? (ask.isGemini3 && index === 0 ? stamps.signature() : '')
  return {
    functionCall: { ...(id === '' ? {} : { id }), name, ...(args === null ? {} : { args }) },
    ...(signature === '' ? {} : { thoughtSignature: signature }),
  }
}

/** The counts so far: those of the answer grow, and a count of zero is left out. */
function usageOf(ask: GeminiAsk, reply: GeminiReply, said: Said, answered: number): Wire {
  if (reply.usage === null) return {}
  const whole = said.words.length + said.calls.length
  const prompt = reply.promptTokens ?? ask.promptTokens
  const answer =
    reply.outputTokens === undefined || answered >= whole ? (reply.outputTokens ?? answered) : answered
  const thoughts = reply.thoughtTokens ?? said.thoughts.length
  const { cachedTokens: cached = 0, toolUseTokens: tool = 0 } = reply
  const counts = {
    promptTokenCount: prompt,
    candidatesTokenCount: answer,
    totalTokenCount: prompt + answer + thoughts + tool,
    cachedContentTokenCount: cached,
    toolUsePromptTokenCount: tool,
    thoughtsTokenCount: thoughts,
  }
  const told = Object.entries(counts).filter(([, count]) => count !== 0)
  const tier = ask.serviceTier === undefined ? {} : { serviceTier: ask.serviceTier }
  const promptTokensDetails = [{ modality: 'TEXT', tokenCount: prompt }]
  return { usageMetadata: { ...Object.fromEntries(told), promptTokensDetails, ...tier, ...reply.usage } }
}

/** The records of a stream as one: texts of a kind that stand together are one part. */
function wholeAnswer(records: readonly Wire[], { error }: GeminiReply): Answer {
  const last = records.at(-1) ?? {}
  if (error) return jsonAnswer(last, typeof error.code === 'number' ? error.code : 500)
  const candidate = candidateOf(last)
  if (!candidate) return jsonAnswer(last)
  const parts: Wire[] = []
  for (const part of records.flatMap((record) => partsOf(asObject(candidateOf(record)?.['content']) ?? {}))) {
    const before = parts.at(-1)
    const joins = isPlain(part) && before && isPlain(before) && before['thought'] === part['thought']
    if (joins)
      parts[parts.length - 1] = { ...before, text: `${String(before['text'])}${String(part['text'])}` }
    else parts.push(part)
  }
  // Where there is something to say, a whole answer has no part that says nothing.
  const said = parts.filter((part) => part['text'] !== '' || part['thoughtSignature'] !== undefined)
  return jsonAnswer({ ...last, candidates: [{ ...candidate, content: { parts: said, role: 'model' } }] })
}

function isPlain(part: Wire): boolean {
  return typeof part['text'] === 'string' && part['thoughtSignature'] === undefined
}

function candidateOf({ candidates }: Wire): Wire | undefined {
  return Array.isArray(candidates) ? asObject(candidates[0]) : undefined
}

/** Most words of the request that the default answer repeats. */
const ECHO_WORDS_MAX = 50

/** What is said where nothing is scripted: short, and always the same for the same last user message. */
export function defaultReply(ask: GeminiAsk): GeminiReply {
  const last = ask.contents.findLast(({ role }) => role === 'user')
  const text = last ? partsOf(last).findLast((part) => typeof part['text'] === 'string')?.['text'] : undefined
  const words = typeof text === 'string' ? tokensOf(text.trim()).slice(0, ECHO_WORDS_MAX).join('') : ''
  return {
    text: ask.schema ? JSON.stringify(exampleOf(ask.schema)) : `You said: ${words}`,
    thinking: 'Let me think.',
  }
}

/** The plainest value that fits a JSON Schema. */
function exampleOf(schema: Wire): unknown {
  const { enum: choices, type, properties, items, anyOf } = schema
  if (Array.isArray(choices)) return choices[0]
  if (Array.isArray(anyOf)) return exampleOf(asObject(anyOf[0]) ?? {})
  const kind: unknown = Array.isArray(type) ? type[0] : type
  if (kind === 'string') return 'text'
  if (kind === 'integer' || kind === 'number') return 1
  if (kind === 'boolean') return true
  if (kind === 'null') return null
  if (kind === 'array') return [exampleOf(asObject(items) ?? {})]
  const fields = Object.entries(asObject(properties) ?? {})
  return Object.fromEntries(fields.map(([name, field]) => [name, exampleOf(asObject(field) ?? {})]))
}
