import type { Embedded } from '../../core/driver.ts'
import { AIError } from '../../core/errors.ts'
import { isObject } from '../../core/error-text.ts'
import { isMedia, isReadyMedia } from '../../core/media-parts.ts'
import type { MediaPart, Message, Part, ToolCallPart } from '../../core/message.ts'
import { CANNOT_THINK, downgraded, nearestLevel } from '../../core/reasoning-level.ts'
import type { ChatRequest, EmbedRequest, Reasoning } from '../../core/request.ts'
import { toUsage } from '../../core/usage.ts'
import { ignored, type Warning } from '../../core/warning.ts'
import { isVector, type Step } from '../../core/wire.ts'
import { mediaTypeByName } from '../media-bytes.ts'
import type { MediaPlaces, WireRequest } from '../rooms.ts'
import { invalid } from '../settings.ts'
import { toEmbedSettings, toModelName, toSettings, toWireTier, type Settings } from './api.ts'
import { traitsOf, type Traits } from './models.ts'
import { INITIAL, reduceJson, type GeminiState } from './stream.ts'
import {
  keptOn,
  NO_SIGNATURE,
  offeredTools,
  toWireSchema,
  toWireToolCall,
  toWireToolResult,
} from './tools.ts'

type Wire = Readonly<Record<string, unknown>>

/** Most stop sequences that the service takes. */
const STOPS_MAX = 5

/** The body of `generateContent` and `streamGenerateContent`; the model is in the path. */
export function toWire(request: ChatRequest): WireRequest {
  const traits = traitsOf(request.model)
  const settings = toSettings(request.providerOptions)
  const warnings: Warning[] = []
  const { fields, declares, warnings: aboutTools } = offeredTools(request, settings, traits)
  warnings.push(...aboutTools)
  const { contents, system } = toContents(request, traits, warnings)
  const config = toConfig(request, settings, traits, declares, warnings)
  const tier = toWireTier(request.serviceTier)
  const body = {
    contents,
    ...(system.length === 0 ? {} : { systemInstruction: { parts: system } }),
    ...fields,
    ...(Object.keys(config).length === 0 ? {} : { generationConfig: config }),
    ...settings.request,
    ...(tier === undefined ? {} : { serviceTier: tier }),
  }
  return { body, warnings }
}

/** Files of Google's Files API, and films on YouTube, of which no media type has to be said. */
const FILES = ['https://generativelanguage.googleapis.com/']
const YOUTUBE: readonly string[] = ['https://www.youtube.com/', 'https://youtube.com/', 'https://youtu.be/']

/** What Google reads by its address; from Gemini 3 on any file on the web, and bytes in results of tools. */
export function takenMedia(model: string): MediaPlaces {
  const { isGemini3 } = traitsOf(model)
  const urls = isGemini3 ? ['https://'] : [...FILES, ...YOUTUBE]
  const messages = { urls: { image: urls, audio: urls, file: urls } }
  return isGemini3 ? { messages, results: {} } : { messages }
}

function toWireMedia(part: MediaPart): Wire {
  if (isReadyMedia(part)) return { inlineData: { mimeType: part.mediaType, data: part.data } }
  const { type, url = '', mediaType } = part
  const mimeType = mediaType ?? mediaTypeByName(url)
  if (mimeType === undefined && !YOUTUBE.some((begin) => url.startsWith(begin))) {
    throw invalid(`Gemini must be told what the url of an ${type} part leads to: say its mediaType`)
  }
  return { fileData: { ...present({ mimeType }), fileUri: url } }
}

function toConfig(
  request: ChatRequest,
  settings: Settings,
  traits: Traits,
  declares: boolean,
  warnings: Warning[],
): Wire {
  const { maxOutputTokens, temperature, topP, topK, seed, stop } = request
  const stops = typeof stop === 'string' ? [stop] : stop
  if (stops && stops.length > STOPS_MAX) {
    throw invalid(`Gemini takes at most ${STOPS_MAX} stop sequences, and the request has ${stops.length}`)
  }
  return {
    ...penaltiesLeftOut(settings.generation, traits, warnings),
    ...present({ maxOutputTokens, temperature, topP, topK, seed, stopSequences: stops }),
    ...toFormat(request, traits, declares, warnings),
    ...toThinking(request, settings, traits, warnings),
  }
}

function present(values: Wire): Wire {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

function penaltiesLeftOut(generation: Wire, { hasPenalties }: Traits, warnings: Warning[]): Wire {
  if (hasPenalties) return generation
  const { presencePenalty, frequencyPenalty, ...rest } = generation
  for (const [name, value] of Object.entries({ presencePenalty, frequencyPenalty })) {
    if (value !== undefined) warnings.push(ignored(name, 'Gemini 2.5 refuses penalties'))
  }
  return rest
}

/** Models before Gemini 3 take no format beside functions: there the answer is asked for again as JSON later. */
function toFormat({ output }: ChatRequest, traits: Traits, declares: boolean, warnings: Warning[]): Wire {
  if (output === undefined || (declares && !traits.isGemini3)) return {}
  const { schema, keywords } = toWireSchema(output)
  if (keywords.length > 0) {
    const message =
      `Gemini cannot hold an answer to ${keywords.join(', ')} of the output schema: that was put into descriptions, ` +
      'and is checked when the answer is there'
    warnings.push({ code: 'schema-lowered', message, details: { keywords } })
  }
  return { responseMimeType: 'application/json', responseJsonSchema: schema }
}

/** Level or budget, and never both: the service refuses that. */
function toThinking(request: ChatRequest, { own }: Settings, traits: Traits, warnings: Warning[]): Wire {
  const { thinkingLevel, thinkingBudget, includeThoughts } = own
  if (thinkingLevel !== undefined && thinkingBudget !== undefined) {
    throw invalid('providerOptions.gemini has thinkingLevel or thinkingBudget, and not both')
  }
  const { reasoning } = request
  const asked = reasoning === undefined ? {} : asThinking(reasoning, traits, warnings)
  const set = present({ thinkingLevel, thinkingBudget })
  const config = {
    ...(Object.keys(set).length === 0 ? asked : { ...('includeThoughts' in asked && THOUGHTS), ...set }),
    ...present({ includeThoughts }),
  }
  return Object.keys(config).length === 0 ? {} : { thinkingConfig: config }
}

/** Thoughts are billed whether they are shown or not; who asks for reasoning gets to see them. */
const THOUGHTS = { includeThoughts: true } as const

function asThinking(reasoning: Reasoning, { thinking }: Traits, warnings: Warning[]): Wire {
  if (thinking.by === 'none') {
    if (reasoning !== 'off') warnings.push(CANNOT_THINK)
    return {}
  }
  if (thinking.by === 'budget') return asBudget(reasoning, thinking, warnings)
  const { level, warnings: said } = nearestLevel(reasoning, thinking.levels)
  warnings.push(...said)
  const thinkingLevel = level === 'max' ? thinking.most : level
  return reasoning === 'off' ? { thinkingLevel } : { ...THOUGHTS, thinkingLevel }
}

/** Tokens of thought for each level, with models that have a budget; `max` is the model's own most. */
const BUDGETS = { off: 0, minimal: 512, low: 2_048, medium: 8_192, high: 24_576 } as const

function asBudget(
  reasoning: Reasoning,
  { least, most }: { readonly least: number; readonly most: number },
  warnings: Warning[],
): Wire {
  // The level is checked, whatever comes of it.
  nearestLevel(reasoning, ['off', 'minimal', 'low', 'medium', 'high', 'max'])
  const wanted =
    typeof reasoning === 'object' ? reasoning.budgetTokens : reasoning === 'max' ? most : BUDGETS[reasoning]
  const thinkingBudget = Math.min(most, Math.max(least, wanted))
  if (thinkingBudget !== wanted) warnings.push(downgraded(reasoning, `a budget of ${thinkingBudget} tokens`))
  return wanted === 0 ? { thinkingBudget } : { ...THOUGHTS, thinkingBudget }
}

/** A whole answer is one record of a stream. */
export function fromWire(json: unknown): Step<GeminiState> {
  return reduceJson(INITIAL, json)
}

interface Turn {
  readonly role: 'user' | 'model'
  readonly parts: Wire[]
}

/** The conversation in turns of user and model, and the system message, which has a place of its own. */
function toContents(
  { messages }: ChatRequest,
  traits: Traits,
  warnings: Warning[],
): { readonly contents: readonly Turn[]; readonly system: readonly Wire[] } {
  const first = messages.findIndex(({ role }) => role !== 'system')
  const leading = first < 0 ? messages : messages.slice(0, first)
  const system = leading.flatMap((message) => textParts(message))
  const calls = callsIn(messages)
  const turns: Turn[] = []
  const add = (role: Turn['role'], parts: readonly Wire[]): void => {
    if (parts.length === 0) return
    const last = turns.at(-1)
    // Results of one turn's calls must all be in one turn, and turns take turns.
    if (last?.role === role) last.parts.push(...parts)
    else turns.push({ role, parts: [...parts] })
  }
  if (!traits.hasSystem) add('user', system)
  for (const message of messages.slice(leading.length)) {
    if (message.role === 'system') warnings.push(SYSTEM_AS_USER)
    if (message.role === 'assistant') add('model', signed(modelParts(message), traits))
    else add('user', userParts(message, calls))
  }
  if (turns.length === 0) throw invalid('Gemini needs a message to answer beside the system message')
  return { contents: turns, system: traits.hasSystem ? system : [] }
}

const SYSTEM_AS_USER: Warning = {
  code: 'system-as-user',
  message: 'Gemini has no system messages in the middle of a conversation: it was sent as one of the user',
  details: {},
}

function textParts({ content }: Message): readonly Wire[] {
  if (typeof content === 'string') return content === '' ? [] : [{ text: content }]
  return content.flatMap((part) => (part.type === 'text' && part.text !== '' ? [{ text: part.text }] : []))
}

function userParts(message: Message, calls: ReadonlyMap<string, ToolCallPart>): readonly Wire[] {
  const { content } = message
  if (typeof content === 'string') return textParts(message)
  return content.flatMap((part): readonly Wire[] => {
    if (part.type === 'tool-result') return [toWireToolResult(part, calls.get(part.id))]
    if (isMedia(part)) return [toWireMedia(part)]
    return part.type === 'text' && part.text !== '' ? [{ text: part.text }] : []
  })
}

/** Each part by itself, with the signature that came on it; of thoughts only those that are to come back. */
function modelParts(message: Message): readonly Wire[] {
  const { content } = message
  if (typeof content === 'string') return textParts(message)
  return content.flatMap((part): readonly Wire[] => {
    if (part.type === 'tool-call') return [toWireToolCall(part)]
    if (isMedia(part)) return [toWireMedia(part)]
    return part.type === 'text' || part.type === 'reasoning' ? saidParts(part) : []
  })
}

function saidParts(part: Extract<Part, { type: 'text' | 'reasoning' }>): readonly Wire[] {
  const { thoughtSignature, part: raw } = keptOn(part) ?? {}
  if (raw) return [raw]
  const { text, type } = part
  const isThought = type === 'reasoning'
  if (thoughtSignature === undefined) return isThought || text === '' ? [] : [{ text }]
  return [{ text, ...(isThought ? { thought: true } : {}), thoughtSignature }]
}

/** Gemini 3 and later refuse calls without a signature, also those that another model made. */
function signed(parts: readonly Wire[], { isGemini3 }: Traits): readonly Wire[] {
  if (!isGemini3) return parts
  // The first call of a turn carries the signature for all of them.
  let isSigned = false
  return parts.map((part) => {
    if (part['functionCall'] === undefined) return part
    isSigned ||= part['thoughtSignature'] !== undefined
    return isSigned ? part : { ...part, thoughtSignature: NO_SIGNATURE }
  })
}

function callsIn(messages: readonly Message[]): ReadonlyMap<string, ToolCallPart> {
  const calls = new Map<string, ToolCallPart>()
  for (const { content } of messages) {
    if (typeof content === 'string') continue
    for (const part of content) if (part.type === 'tool-call') calls.set(part.id, part)
  }
  return calls
}

/** The body of `batchEmbedContents`, which names the model for each text. */
export function toEmbedWire(request: EmbedRequest): WireRequest {
  const { values, dimensions, providerOptions } = request
  const model = toModelName(request.model)
  const settings = toEmbedSettings(providerOptions)
  const requests = values.map((text) => ({
    model,
    content: { parts: [{ text }] },
    ...settings,
    ...(dimensions === undefined ? {} : { outputDimensionality: dimensions }),
  }))
  return { body: { requests }, warnings: [] }
}

/** What an answer of `batchEmbedContents` says. @throws AIError `response_invalid` for what is no list of vectors */
export function fromEmbedWire(json: unknown, request: EmbedRequest): Omit<Embedded, 'warnings'> {
  const { embeddings, usageMetadata } = isObject(json) ? json : {}
  const vectors: unknown[] = Array.isArray(embeddings)
    ? embeddings.map((one: unknown) => (isObject(one) ? one['values'] : undefined))
    : [undefined]
  if (!vectors.every(isVector)) throw notVectors(request.model)
  const { promptTokenCount } = isObject(usageMetadata) ? usageMetadata : {}
  // The first embedding model gives vectors of length 1 in full size only.
  const isShort = request.dimensions !== undefined && request.model.endsWith('gemini-embedding-001')
  return {
    embeddings: isShort ? vectors.map(toLengthOne) : vectors,
    // A count that is not told is not known; of output there is none, and that is known.
    usage: toUsage({ inputTokens: promptTokenCount, outputTokens: 0, raw: usageMetadata }),
    model: request.model,
  }
}

function toLengthOne(vector: readonly number[]): readonly number[] {
  const length = Math.hypot(...vector)
  return length === 0 ? vector : vector.map((one) => one / length)
}

function notVectors(model: string): AIError {
  return new AIError({
    code: 'response_invalid',
    message:
      'The answer to a request to embed has no list of vectors: check that baseUrl is that of the Gemini API',
    model,
  })
}
