import { isObject } from '../../core/error-text.ts'
import type { FinishReason } from '../../core/finish-reason.ts'
import { deltaOf, type DriverEvent, type DriverFinish } from '../../core/stream.ts'
import { toUsage, type Usage } from '../../core/usage.ts'
import type { Warning } from '../../core/warning.ts'
import type { Step } from '../../core/wire.ts'
import type { Modalities, ModalitySplit } from '../modality-lines.ts'
import { fromWireToolCall, type Kept } from './tools.ts'

type Wire = Readonly<Record<string, unknown>>

/** What must be remembered between two records. */
export interface GeminiState {
  readonly started: boolean
  readonly model: string
  readonly open: 'text' | 'reasoning' | undefined
  readonly toolCalls: number
  /** Whether anything but thoughts has come. */
  readonly said: boolean
  /** The last counts: each record has those of the whole answer so far. */
  readonly usage: Wire | undefined
  /** What was said of sources, by name; it can come before the last record. */
  readonly sources: Wire
  readonly complete: boolean
}

export const FRAMING = 'sse'

export const INITIAL: GeminiState = {
  started: false,
  model: '',
  open: undefined,
  toolCalls: 0,
  said: false,
  usage: undefined,
  sources: {},
  complete: false,
}

/** The next record of an answer (googleapis/js-genai GenerateContentResponse): one server-sent event. */
export function reduce(state: GeminiState, record: unknown): Step<GeminiState> {
  const data = isObject(record) ? record['data'] : undefined
  if (typeof data !== 'string') return notARecord(state)
  // OpenAI's word for the end, which some gateways write for every provider.
  if (data.trim() === '[DONE]') return { state, events: [] }
  let json: unknown
  try {
    json = JSON.parse(data)
  } catch {
    return notARecord(state)
  }
  return reduceJson(state, json)
}

/** The same for what stood in the event, or for a whole answer. */
export function reduceJson(state: GeminiState, wire: unknown): Step<GeminiState> {
  // Errors come in an array in some places, and so does a stream without `alt=sse`.
  if (Array.isArray(wire)) return reduceAll(state, wire)
  if (!isObject(wire)) return notARecord(state)
  if (wire['error'] !== undefined && wire['error'] !== null)
    return { state, events: [], failure: JSON.stringify(wire) }
  return new Reading(state).record(wire)
}

function reduceAll(before: GeminiState, records: readonly unknown[]): Step<GeminiState> {
  const events: DriverEvent[] = []
  let state = before
  for (const record of records) {
    const step = Array.isArray(record) ? notARecord(state) : reduceJson(state, record)
    state = step.state
    events.push(...step.events)
    if (step.failure !== undefined) return { state, events, failure: step.failure }
    if (state.complete) break
  }
  return { state, events }
}

function notARecord(state: GeminiState): Step<GeminiState> {
  return { state, events: [], failure: 'not a record' }
}

/** Whether the service said that the answer is complete; a connection that just ends was cut. */
export function isComplete(state: GeminiState): boolean {
  return state.complete
}

/** Where a candidate says what it is based on. */
const SOURCES = ['groundingMetadata', 'urlContextMetadata', 'citationMetadata'] as const

/** One record on its way to events. */
class Reading {
  readonly events: DriverEvent[] = []
  #state: GeminiState

  constructor(state: GeminiState) {
    this.#state = state
  }

  record(wire: Wire): Step<GeminiState> {
    this.#start(wire)
    const candidate = candidateOf(wire)
    const usage = isObject(wire['usageMetadata']) ? wire['usageMetadata'] : undefined
    if (usage) this.#state = { ...this.#state, usage }
    if (candidate) this.#sources(candidate)
    for (const part of partsOf(candidate)) this.#part(part)
    const told = reasonOf(wire, candidate, this.#state.toolCalls > 0)
    if (!told) return this.#step()
    const exhausted = isExhausted(told, this.#state)
    const reason = exhausted ? { ...told, detail: 'thinking-exhausted' } : told
    if (exhausted) this.events.push({ type: 'warning', warning: EXHAUSTED })
    this.#close()
    this.#change({ complete: true })
    const failure = faultOf(reason, candidate)
    const warning = continuation(reason, candidate)
    if (warning) this.events.push({ type: 'warning', warning })
    this.events.push(toEnd(wire, candidate, reason, this.#state))
    return failure === undefined ? this.#step() : { ...this.#step(), failure }
  }

  #step(): Step<GeminiState> {
    return { state: this.#state, events: this.events }
  }

  #change(changes: Partial<GeminiState>): void {
    this.#state = { ...this.#state, ...changes }
  }

  #start({ modelVersion, responseId }: Wire): void {
    if (this.#state.started) return
    const model = typeof modelVersion === 'string' ? modelVersion.replace(/^models\//, '') : ''
    this.#change({ started: true, model })
    const id = typeof responseId === 'string' && responseId !== '' ? { id: responseId } : {}
    this.events.push({ type: 'start', model, ...id })
  }

  /** Each time all of it is said again: the last word counts. */
  #sources(candidate: Wire): void {
    for (const name of SOURCES) {
      const told = candidate[name]
      if (isObject(told)) this.#change({ sources: { ...this.#state.sources, [name]: told } })
    }
  }

  #part(part: Wire): void {
    const { text, functionCall } = part
    if (functionCall !== undefined && functionCall !== null) return this.#call(part)
    if (typeof text === 'string') return this.#said(part, text)
    const [name] = Object.keys(part).filter((key) => key !== 'thoughtSignature' && key !== 'thought')
    if (name !== undefined) return this.#other(part, name)
    // A signature can come on nothing at all.
    this.#said(part, '')
  }

  #call(part: Wire): void {
    const toolCalls = this.#state.toolCalls + 1
    const call = fromWireToolCall(part, toolCalls)
    if (!call) return
    this.#close()
    this.#change({ toolCalls, said: true })
    this.events.push({ type: 'tool-call', call })
  }

  #said({ thought, thoughtSignature }: Wire, text: string): void {
    const kind = thought === true ? 'reasoning' : 'text'
    if (kind === 'text' && text !== '' && !this.#state.said) this.#change({ said: true })
    if (typeof thoughtSignature !== 'string' || thoughtSignature === '') {
      if (text !== '') this.#delta(kind, text)
      return
    }
    // What is signed is a part by itself: merged with another one, the signature would be wrong.
    this.#close()
    this.events.push({ type: `${kind}-start` })
    if (text !== '') this.events.push(deltaOf(kind, text))
    const providerData: Kept = { thoughtSignature }
    this.events.push({ type: `${kind}-end`, providerData })
  }

  /** What Google's own tools did, and what else there are no words for: kept as it is, since it must go back as it is. */
  #other(part: Wire, name: string): void {
    this.#close()
    const providerData: Kept = { part }
    this.events.push({ type: 'text-start' }, { type: 'text-end', providerData })
    if (name === 'inlineData' || name === 'fileData') this.events.push({ type: 'warning', warning: MEDIA })
  }

  #delta(kind: 'text' | 'reasoning', text: string): void {
    if (this.#state.open !== kind) {
      this.#close()
      this.events.push({ type: `${kind}-start` })
      this.#change({ open: kind })
    }
    this.events.push(deltaOf(kind, text))
  }

  #close(): void {
    const { open } = this.#state
    if (open === undefined) return
    this.events.push({ type: `${open}-end` })
    this.#change({ open: undefined })
  }
}

const MEDIA: Warning = {
  code: 'media-in-answer',
  message:
    'The answer has a picture, a sound or a file: it is in providerData.data.part of a part without text',
  details: {},
}

/** Whether the room for the answer was used up by thoughts, so that there is no answer. */
function isExhausted({ raw }: FinishReason, { said, usage }: GeminiState): boolean {
  return raw === 'MAX_TOKENS' && !said && (countOf(usage?.['thoughtsTokenCount']) ?? 0) > 0
}

const EXHAUSTED: Warning = {
  code: 'thinking-exhausted',
  message:
    'The model thought until its room was used up and did not answer: raise maxOutputTokens, which bounds thoughts, too, ' +
    'or turn reasoning down',
  details: {},
}

/** The first candidate; others are never asked for. */
function candidateOf({ candidates }: Wire): Wire | undefined {
  const first: unknown = Array.isArray(candidates) ? candidates[0] : undefined
  return isObject(first) ? first : undefined
}

function partsOf(candidate: Wire | undefined): readonly Wire[] {
  const content = candidate?.['content']
  const parts = isObject(content) ? content['parts'] : undefined
  return !Array.isArray(parts) ? [] : parts.every(isObject) ? parts : parts.filter(isObject)
}

/** Why the answer ended; undefined while it has not. A blocked prompt has a reason of its own and no candidate. */
function reasonOf(
  { promptFeedback }: Wire,
  candidate: Wire | undefined,
  calledTools: boolean,
): FinishReason | undefined {
  const reason = candidate?.['finishReason']
  if (typeof reason === 'string' && reason !== '') return toFinishReason(reason, calledTools)
  const blocked = isObject(promptFeedback) ? promptFeedback['blockReason'] : undefined
  if (candidate || typeof blocked !== 'string' || blocked === '' || blocked === 'BLOCK_REASON_UNSPECIFIED')
    return undefined
  return { unified: 'content-filter', raw: blocked, detail: 'prompt-blocked' }
}

/** Reasons in groat's words; what is not here is `other`. */
const REASONS: Readonly<Record<string, FinishReason['unified']>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  CONTINUATION: 'length',
  SAFETY: 'content-filter',
  RECITATION: 'content-filter',
  BLOCKLIST: 'content-filter',
  PROHIBITED_CONTENT: 'content-filter',
  SPII: 'content-filter',
  LANGUAGE: 'content-filter',
  IMAGE_SAFETY: 'content-filter',
  IMAGE_PROHIBITED_CONTENT: 'content-filter',
  IMAGE_RECITATION: 'content-filter',
  MALFORMED_FUNCTION_CALL: 'error',
  UNEXPECTED_TOOL_CALL: 'error',
  TOO_MANY_TOOL_CALLS: 'error',
  MALFORMED_RESPONSE: 'error',
}

/** Gemini's own reason is `STOP` also where tools are called. */
function toFinishReason(raw: string, calledTools: boolean): FinishReason {
  const unified = Object.hasOwn(REASONS, raw) ? (REASONS[raw] ?? 'other') : 'other'
  if (unified === 'stop' && calledTools) return { unified: 'tool-calls', raw }
  return raw === 'CONTINUATION' ? { unified, raw, detail: 'continuation' } : { unified, raw }
}

/** An answer that the model wrote badly is no answer: an error says so, and its usage is booked all the same. */
function faultOf({ unified, raw }: FinishReason, candidate: Wire | undefined): string | undefined {
  if (unified !== 'error') return undefined
  const said = candidate?.['finishMessage']
  return JSON.stringify({ error: { status: raw, message: typeof said === 'string' ? said : raw } })
}

/** A long answer that goes on in another request (ai.google.dev gemini-api/docs: long decode). */
function continuation({ raw }: FinishReason, candidate: Wire | undefined): Warning | undefined {
  const token = candidate?.['continuationToken']
  if (typeof token !== 'string' || token === '') return undefined
  const why =
    raw === 'MAX_TOKENS'
      ? 'The answer came to its limit: raise maxOutputTokens, which is for all of it, and send the same request again'
      : 'The answer is longer than one request gives: send the same request again'
  return {
    code: 'continuation',
    message: `${why} with providerOptions.gemini.continuationToken set to details.continuationToken, and join the texts`,
    details: { continuationToken: token },
  }
}

function toEnd(
  wire: Wire,
  candidate: Wire | undefined,
  finishReason: FinishReason,
  state: GeminiState,
): DriverFinish {
  const { candidates: _, ...rest } = wire
  const { content: __, ...said } = candidate ?? {}
  const { sources, usage } = state
  const last = { ...said, ...sources }
  return {
    type: 'end',
    finishReason,
    usage: toGeminiUsage(usage),
    billing: billingOf(state),
    raw: { ...rest, ...(candidate ? { candidates: [last] } : {}) },
  }
}

/**
 * Thoughts and what Google's own tools read are counted apart from the answer and the prompt, and are part of them here.
 * A count of zero is left out on the wire, and a usage that is not there at all tells nothing.
 */
function toGeminiUsage(wire: Wire | undefined): Usage {
  if (!wire) return toUsage({})
  const prompt = countOf(wire['promptTokenCount'])
  const input = prompt === undefined ? undefined : prompt + (countOf(wire['toolUsePromptTokenCount']) ?? 0)
  const zero = input === undefined ? undefined : 0
  const { input: into, output } = splitOf(wire)
  return toUsage({
    inputTokens: input,
    outputTokens: outputOf(wire, input),
    cacheReadTokens: countOf(wire['cachedContentTokenCount']) ?? zero,
    reasoningTokens: countOf(wire['thoughtsTokenCount']) ?? zero,
    inputAudioTokens: into.audio,
    inputImageTokens: into.image,
    outputAudioTokens: output.audio,
    outputImageTokens: output.image,
    raw: wire,
  })
}

/** Where neither count is there, it is what the total has more than the input: nothing, as a rule. */
function outputOf(wire: Wire, input: number | undefined): number | undefined {
  const answer = countOf(wire['candidatesTokenCount'])
  const thoughts = countOf(wire['thoughtsTokenCount'])
  if (answer !== undefined || thoughts !== undefined) return (answer ?? 0) + (thoughts ?? 0)
  const total = countOf(wire['totalTokenCount'])
  return total === undefined || input === undefined ? undefined : total - input
}

function countOf(value: unknown): number | undefined {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : undefined
}

/** How the counts divide by what the tokens were. */
function splitOf(wire: Wire): ModalitySplit {
  return {
    input: modalitiesIn(wire['promptTokensDetails'], wire['toolUsePromptTokensDetails']),
    cacheRead: modalitiesIn(wire['cacheTokensDetails']),
    output: modalitiesIn(wire['candidatesTokensDetails']),
  }
}

/** What is not text; documents are billed as pictures. */
const MODALITIES: ReadonlyMap<unknown, keyof Modalities> = new Map([
  ['AUDIO', 'audio'],
  ['IMAGE', 'image'],
  ['DOCUMENT', 'image'],
  ['VIDEO', 'video'],
])

function modalitiesIn(...lists: readonly unknown[]): Modalities {
  const sums: { -readonly [K in keyof Modalities]: number } = {}
  for (const one of lists.flatMap(listOf)) {
    const { modality, tokenCount } = isObject(one) ? one : {}
    const kind = MODALITIES.get(modality)
    const count = countOf(tokenCount)
    if (kind !== undefined && count !== undefined) sums[kind] = (sums[kind] ?? 0) + count
  }
  return sums
}

/** What the billing room needs beside the counts: who answered, at which tier, and what was searched for. */
function billingOf({ model, usage, sources }: GeminiState): Wire {
  const { groundingMetadata: grounding } = sources
  const { webSearchQueries, groundingChunks } = isObject(grounding) ? grounding : {}
  const queries = listOf(webSearchQueries)
  const chunks = listOf(groundingChunks)
  const tier = usage?.['serviceTier']
  return {
    model: model === '' ? undefined : model,
    serviceTier: typeof tier === 'string' ? tier.toLowerCase() : undefined,
    searchQueries: queries.filter((query) => typeof query === 'string' && query !== '').length,
    mapsUsed: chunks.some((chunk) => isObject(chunk) && isObject(chunk['maps'])),
    split: usage ? splitOf(usage) : undefined,
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}
