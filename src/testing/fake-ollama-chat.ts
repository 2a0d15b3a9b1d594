import { delivered, type Answer, type Delivery } from './far-end.ts'
import type { Ask } from './fake-ollama-request.ts'
import {
  asObject,
  errorAnswer,
  goJson,
  jsonAnswer,
  linesAnswer,
  TYPES,
  wholeAnswer,
} from './fake-ollama-wire.ts'

/** A tool call that the model makes. */
export interface FakeOllamaToolCall {
  readonly name: string
  /** @default {} */
  readonly arguments?: Readonly<Record<string, unknown>>
  /** @default made up, in the style of the model's route; `''` sends none, as servers before 0.12.10 */
  readonly id?: string
}

/**
 * What the stand-in answers. One of: an answer of the model (`text`, `chunks`, `thinking`, `toolCalls`), a status
 * with `error` or `body`, exact records (`lines`), or exact pieces (`raw`). The first kind obeys the request as the
 * real server does (`stream`, `num_predict`, `stop`, refusals); the others answer whatever comes.
 */
export interface OllamaReply extends Delivery {
  /** The answer; it is sent in words. */
  readonly text?: string
  /** The answer, cut into the tokens that it is sent in. */
  readonly chunks?: readonly string[]
  /** Sent before the answer. */
  readonly thinking?: string | readonly string[]
  readonly toolCalls?: readonly FakeOllamaToolCall[]
  /** Where tool calls stand. @default the model's `route` */
  readonly route?: 'rendered' | 'native'
  /** Ends the answer with this and leaves `num_predict` and `stop` alone. @default 'stop', or 'length' at the limit */
  readonly doneReason?: string
  /** `false` ends the answer without its last record; a whole answer then says `done: false` and no counts. */
  readonly done?: boolean
  /** @default counted; 0 is left out as the real server does */
  readonly promptTokens?: number
  /** @default counted; 0 is left out */
  readonly outputTokens?: number
  /** Of the prompt, from the cache. @default left out, as servers before 0.34 do */
  readonly cachedTokens?: number
  readonly remoteModel?: string
  readonly remoteHost?: string
  /** Fields to put on the last record, in addition to, or in place of, its own. */
  readonly last?: Readonly<Record<string, unknown>>
  /** With a status: the body's `error`. Without: a line in place of the last record (a 500 where it is not streamed). */
  readonly error?: string
  readonly status?: number
  /** A whole body: text as it is, anything else as JSON. */
  readonly body?: unknown
  /** @default 'text/plain; charset=utf-8' for text, else JSON's or NDJSON's */
  readonly contentType?: string
  /** Exact records, one a line. */
  readonly lines?: readonly unknown[]
  /** Exact pieces of the body, sent one by one. */
  readonly raw?: readonly (string | Uint8Array)[]
}

/** What changes from answer to answer. */
export interface Stamps {
  createdAt(): string
  callId(route: 'rendered' | 'native'): string
}

/** How long things take in the stand-in's world: fixed, so that a test can work out timings by hand. */
export const NANOS = {
  warmLoad: 1_000_000,
  coldLoad: 250_000_000,
  /** For each token of the prompt. */
  prompt: 100_000,
  /** For each token of the answer. */
  output: 1_000_000,
} as const

/** The answer of a reply that says exactly what goes on the wire; undefined where the model answers. */
export function exactAnswer(reply: OllamaReply): Answer | undefined {
  if (reply.hangUp || reply.unframed) return delivered({ records: [] }, reply)
  const answer = exactBody(reply)
  if (!answer) return undefined
  const status = reply.status ?? answer.status ?? 200
  const typed = reply.contentType === undefined ? {} : { 'Content-Type': reply.contentType }
  return delivered({ ...answer, status, headers: { ...answer.headers, ...typed } }, reply)
}

function exactBody(reply: OllamaReply): Answer | undefined {
  const { raw, lines, body, error, status } = reply
  if (raw) return { headers: { 'Content-Type': TYPES.ndjson }, framing: 'chunked', records: raw }
  if (lines) return linesAnswer(lines)
  if (typeof body === 'string') return wholeAnswer(status ?? 200, TYPES.text, body)
  if (body !== undefined) return jsonAnswer(body, status)
  if (error !== undefined && (status !== undefined || !hasContent(reply)))
    return errorAnswer(status ?? 500, error)
  if (status !== undefined && status !== 200) return wholeAnswer(status, TYPES.text, '')
  return undefined
}

function hasContent({ text, chunks, thinking, toolCalls }: OllamaReply): boolean {
  return (text ?? chunks ?? thinking ?? toolCalls) !== undefined
}

/** What the model says in the end. */
interface Said {
  readonly thinking: readonly string[]
  readonly text: readonly string[]
  readonly calls: readonly FakeOllamaToolCall[]
  readonly doneReason: string
  readonly outputTokens: number
}

/** The answer of the model to a request, streamed or whole. */
export function modelAnswer(ask: Ask, reply: OllamaReply, cold: boolean, stamps: Stamps): Answer {
  const said = limited(ask, reply)
  const answer = ask.stream ? streamed(ask, reply, said, cold, stamps) : whole(ask, reply, said, cold, stamps)
  return delivered(answer, reply)
}

/** The answer to a request without messages: one object, even where a stream was asked for. */
export function loadAnswer(ask: Ask, stamps: Stamps): Answer {
  return jsonAnswer({
    ...headOf(ask, {}, stamps),
    message: { role: 'assistant', content: '' },
    done: true,
    done_reason: ask.kind,
  })
}

/** The tokens of a text: each word with the white space before it. */
export function tokensOf(text: string): string[] {
  return text.match(/\s*\S+(?:\s+$)?|\s+/g) ?? []
}

/** What remains of a reply after `stop` and `num_predict`. The end token counts, and needs room, as in the real one. */
function limited(ask: Ask, reply: OllamaReply): Said {
  const all = typeof reply.thinking === 'string' ? tokensOf(reply.thinking) : (reply.thinking ?? [])
  const words = reply.chunks ?? tokensOf(reply.text ?? '')
  const calls = reply.toolCalls ?? []
  const exact = reply.doneReason !== undefined
  const kept = exact ? words : beforeStop(words, ask.stops)
  const max = exact ? Infinity : ask.outputTokensMax
  const stopped = kept !== words
  const thinking = all.slice(0, max)
  const text = kept.slice(0, max - thinking.length)
  const count = thinking.length + text.length + (stopped ? 0 : calls.length)
  const cut = count >= max
  return {
    thinking,
    text,
    calls: cut || stopped ? [] : calls,
    doneReason: reply.doneReason ?? (cut ? 'length' : 'stop'),
    outputTokens: reply.outputTokens ?? (cut ? max : count + 1),
  }
}

/** The tokens before the first stop text; the same array where there is none. */
function beforeStop(tokens: readonly string[], stops: readonly string[]): readonly string[] {
  const text = tokens.join('')
  const found = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
  if (found.length === 0) return tokens
  let room = Math.min(...found)
  const kept: string[] = []
  for (const token of tokens) {
    if (room <= 0) break
    kept.push(token.slice(0, room))
    room -= token.length
  }
  return kept
}

function streamed(ask: Ask, reply: OllamaReply, said: Said, cold: boolean, stamps: Stamps): Answer {
  const records: unknown[] = []
  const record = (
    message: Readonly<Record<string, unknown>>,
    end: Readonly<Record<string, unknown>>,
  ): void => {
    records.push({
      ...headOf(ask, reply, stamps),
      message: { role: 'assistant', content: '', ...message },
      ...end,
    })
  }
  for (const thinking of said.thinking) record({ thinking }, { done: false })
  for (const content of said.text) record({ content }, { done: false })
  const calls = callsOf(ask, reply, said, stamps)
  const onLast = routeOf(ask, reply) === 'native' && calls.length > 0
  if (!onLast) for (const call of calls) record({ tool_calls: [call] }, { done: false })
  if (reply.error !== undefined) records.push({ error: reply.error })
  else if (reply.done !== false) record(onLast ? { tool_calls: calls } : {}, endOf(ask, reply, said, cold))
  return linesAnswer(records)
}

function whole(ask: Ask, reply: OllamaReply, said: Said, cold: boolean, stamps: Stamps): Answer {
  if (reply.error !== undefined) return errorAnswer(500, reply.error)
  const calls = callsOf(ask, reply, said, stamps)
  const message = {
    role: 'assistant',
    content: said.text.join(''),
    ...(said.thinking.length > 0 && { thinking: said.thinking.join('') }),
    ...(calls.length > 0 && { tool_calls: calls }),
  }
  const end = reply.done === false ? { done: false } : endOf(ask, reply, said, cold)
  return jsonAnswer({ ...headOf(ask, reply, stamps), message, ...end })
}

function routeOf(ask: Ask, reply: OllamaReply): 'rendered' | 'native' {
  return reply.route ?? ask.model.route ?? 'rendered'
}

function callsOf(ask: Ask, reply: OllamaReply, said: Said, stamps: Stamps): unknown[] {
  return said.calls.map(({ name, arguments: args = {}, id = stamps.callId(routeOf(ask, reply)) }, index) => ({
    ...(id !== '' && { id }),
    function: { index, name, arguments: args },
  }))
}

function headOf(ask: Ask, reply: OllamaReply, stamps: Stamps): Record<string, unknown> {
  const remoteModel = reply.remoteModel ?? ask.model.remoteModel
  const remoteHost = reply.remoteHost ?? ask.model.remoteHost
  return {
    model: ask.name,
    ...(remoteModel !== undefined && { remote_model: remoteModel }),
    ...(remoteHost !== undefined && { remote_host: remoteHost }),
    created_at: stamps.createdAt(),
  }
}

function endOf(ask: Ask, reply: OllamaReply, said: Said, cold: boolean): Record<string, unknown> {
  const promptTokens = reply.promptTokens ?? ask.promptTokens
  const load = cold ? NANOS.coldLoad : NANOS.warmLoad
  const prompt = promptTokens * NANOS.prompt
  const output = said.outputTokens * NANOS.output
  const metrics = {
    total_duration: load + prompt + output,
    load_duration: load,
    prompt_eval_count: promptTokens,
    prompt_eval_duration: prompt,
    eval_count: said.outputTokens,
    eval_duration: output,
  }
  const told = Object.entries(metrics).filter(([, value]) => value !== 0)
  const cached = reply.cachedTokens === undefined ? {} : { prompt_eval_cached_count: reply.cachedTokens }
  return { done: true, done_reason: said.doneReason, ...Object.fromEntries(told), ...cached, ...reply.last }
}

/** Most words of the request that the default answer repeats. */
const ECHO_WORDS_MAX = 50

/** What is said where nothing is scripted: short, and always the same for the same last user message. */
export function defaultReply(ask: Ask): OllamaReply {
  const last = ask.messages.findLast(({ role }) => role === 'user')?.['content']
  const words = typeof last === 'string' ? tokensOf(last.trim()).slice(0, ECHO_WORDS_MAX).join('') : ''
  const schema = asObject(ask.format)
  const json = schema ? exampleOf(schema) : ask.format === 'json' ? { said: words } : undefined
  return {
    text: json === undefined ? `You said: ${words}` : goJson(json),
    ...(ask.thinks && { thinking: 'Let me think.' }),
  }
}

/** The plainest value that fits a JSON Schema. */
function exampleOf(schema: Readonly<Record<string, unknown>>): unknown {
  const { enum: choices, type, properties, items, anyOf } = schema
  if ('const' in schema) return schema['const']
  if (Array.isArray(choices)) return choices[0]
  if (Array.isArray(anyOf)) return exampleOf(asObject(anyOf[0]) ?? {})
  switch (Array.isArray(type) ? type[0] : type) {
    case 'string':
      return 'text'
    case 'integer':
    case 'number':
      return typeof schema['minimum'] === 'number' ? schema['minimum'] : 1
    case 'boolean':
      return true
    case 'null':
      return null
    case 'array':
      return [exampleOf(asObject(items) ?? {})]
    default: {
      const fields = Object.entries(asObject(properties) ?? {})
      return Object.fromEntries(fields.map(([name, field]) => [name, exampleOf(asObject(field) ?? {})]))
    }
  }
}
