import type { Embedded } from '../../core/driver.ts'
import { AIError } from '../../core/errors.ts'
import { isObject } from '../../core/error-text.ts'
import type { Message, Part } from '../../core/message.ts'
import type { ModelInfo } from '../../core/model-info.ts'
import { CANNOT_THINK, downgraded, nearestLevel, type ReasoningLevel } from '../../core/reasoning-level.ts'
import type { ChatRequest, EmbedRequest } from '../../core/request.ts'
import type { JsonSchema } from '../../core/schema.ts'
import { toUsage } from '../../core/usage.ts'
import { ignored, type Warning } from '../../core/warning.ts'
import { isVector } from '../../core/wire.ts'
import { isReadyMedia, type ReadyMedia } from '../../core/media-parts.ts'
import { planLoad, promptSizeOf, type LoadPlan } from '../context-window.ts'
import { toGrammarSchema } from '../grammar-schema.ts'
import { tellOnce, type LoadProfile } from '../model-memory.ts'
import type { Known, Step, WireRequest } from '../rooms.ts'
import { invalid } from '../settings.ts'
import { isBefore } from '../server-version.ts'
import { toKeepAlive, toSettings, toWireModel, toWireName, type OllamaOptions } from './api.ts'
import { localityOf } from './pricing.ts'
import { INITIAL, reduce, type OllamaState } from './stream.ts'
import { offeredTools, toWireToolCall, toWireToolResults } from './tools.ts'

type Wire = Readonly<Record<string, unknown>>

/** The body of `POST /api/chat`. Nothing is cut silently: `truncate` and `shift` are off on every call. */
export function toWire(request: ChatRequest, known: Known<OllamaOptions>): WireRequest {
  const { keepAlive, ...settings } = request.providerOptions
  const { options, load, warnings } = toSettings(settings)
  const { tools, instruction, warnings: aboutTools } = offeredTools(request)
  warnings.push(...aboutTools)
  // Ollama says nothing of what comes first: with tools on offer, the answer is asked for again as JSON later.
  const format = tools.length > 0 ? undefined : toFormat(request.output, warnings)
  if (format !== undefined) options['num_predict'] = JSON_TOKENS_DEFAULT
  if (request.maxOutputTokens !== undefined) options['num_predict'] = request.maxOutputTokens
  if (request.temperature !== undefined) options['temperature'] = request.temperature
  if (request.topP !== undefined) options['top_p'] = request.topP
  if (request.topK !== undefined) options['top_k'] = request.topK
  if (request.seed !== undefined) options['seed'] = request.seed
  // A bare string is an error 500 on the server.
  if (request.stop !== undefined)
    options['stop'] = typeof request.stop === 'string' ? [request.stop] : request.stop
  if ((request.serviceTier ?? 'default') !== 'default')
    warnings.push(ignored('serviceTier', 'Ollama has no service tiers'))
  const { think, prompt, warnings: aboutThinking } = thinkOf(request, known, format !== undefined)
  warnings.push(...aboutThinking)
  const wireMessages = toWireMessages(request.messages, instruction)
  const messages = prompt === undefined ? wireMessages : [...wireMessages, { role: 'user', content: prompt }]
  const loaded = loadFor(request, known, { given: load, keepAlive, messages, tools }, options, warnings)
  const body = {
    model: toWireModel(request.model, known.address),
    messages,
    stream: request.stream,
    ...(tools.length === 0 ? {} : { tools }),
    ...(format === undefined ? {} : { format }),
    truncate: false,
    shift: false,
    // Left out, a model that can think does. Every model takes `false`, also one that cannot.
    ...(think === undefined ? {} : { think }),
    ...loaded.fields,
    ...(Object.keys(options).length === 0 ? {} : { options }),
  }
  const { plan } = loaded
  const thinks = think !== false && known.profile?.capabilities.includes('reasoning') === true
  const memory =
    request.temperature === 0 && thinks
      ? tellOnce(plan?.memory ?? known.memory, LOOPING, warnings)
      : plan?.memory
  return { body, warnings, plan, memory }
}

/** Levels were not known at first, and the highest came last (ollama/ollama, release notes). */
const LEVELS_SINCE = '0.11.1'
const MAX_SINCE = '0.22.0'

/** Whether the server's version decides how a level of thinking is sent. */
export function needsVersion({ reasoning }: ChatRequest, profile: ModelInfo | undefined): boolean {
  const can = profile?.capabilities ?? []
  return reasoning !== undefined && reasoning !== 'off' && (can.length === 0 || can.includes('reasoning'))
}

/** What is sent about thinking. */
interface Thinking {
  readonly think: boolean | string | undefined
  /** What a user says after a conversation that ends with an answer. */
  readonly prompt?: string
  readonly warnings: readonly Warning[]
}

/** Reasoning models that choose the likeliest word each time fall into loops and answer with nothing. */
const LOOPING: Warning = {
  code: 'reasoning-at-temperature-0',
  message:
    'A model that thinks at temperature 0 may loop and answer with nothing: leave temperature to the model',
  details: {},
}

const WITHOUT_THINKING: Warning = {
  code: 'prefill-without-reasoning',
  message: 'The conversation ends with an answer: the model goes on with it without thinking first',
  details: {},
}

const CONTINUED: Warning = {
  code: 'history-continued',
  message:
    'The conversation ends with an answer, which a model that thinks cannot go on with: a user message "Continue." was added',
  details: {},
}

/** Whether and how hard the model thinks (docs: thinking), with what a conversation that ends with an answer needs. */
function thinkOf(request: ChatRequest, known: Known<OllamaOptions>, hasFormat: boolean): Thinking {
  const asked = levelOf(request, known, hasFormat)
  const can = known.profile?.capabilities.includes('reasoning') === true
  const refuses = known.memory.refusesPrefill === true || (can && known.memory.refusesReasoning !== true)
  const endsWithAnswer = request.messages.at(-1)?.role === 'assistant'
  if (!endsWithAnswer || !refuses || asked.think === false) return asked
  // What was begun is to be gone on with; who asks for thoughts gets them, in an answer of their own.
  if (asked.think === undefined && !isGptOss(request.model, known.profile)) {
    return { think: false, warnings: [...asked.warnings, WITHOUT_THINKING] }
  }
  return { ...asked, prompt: 'Continue.', warnings: [...asked.warnings, CONTINUED] }
}

/**
 * Left to the model where the caller says nothing; with `format` it is switched off, since a model that begins with
 * thoughts is not held to the schema at all on some routes. Not gpt-oss: that thinks always, in three levels, and with
 * `think: false` and a format it may answer with nothing (paperless-ngx#14043).
 */
function levelOf(
  { reasoning, model }: ChatRequest,
  known: Known<OllamaOptions>,
  hasFormat: boolean,
): Thinking {
  const { profile, memory, version } = known
  const can = profile?.capabilities ?? []
  const isOss = isGptOss(model, profile)
  if (reasoning === undefined) return { think: hasFormat && !isOss ? false : undefined, warnings: [] }
  const cannot = memory.refusesReasoning === true || (can.length > 0 && !can.includes('reasoning'))
  const ownLevels: ReasoningLevel[] = isOss ? ['low', 'medium', 'high'] : ['off', 'low', 'medium', 'high']
  if (!isOss && !isBefore(version, MAX_SINCE)) ownLevels.push('max')
  const { level, warnings } = nearestLevel(reasoning, cannot ? [...ownLevels, 'off'] : ownLevels)
  if (level === 'off') return { think: false, warnings }
  if (cannot) return { think: undefined, warnings: [CANNOT_THINK] }
  if (!isBefore(version, LEVELS_SINCE)) return { think: level, warnings }
  return { think: true, warnings: [downgraded(reasoning, 'true')] }
}

function isGptOss(model: string, profile: ModelInfo | undefined): boolean {
  return /^gpt-?oss/.test(profile?.family ?? '') || /(?:^|\/)gpt-oss/i.test(model)
}

/** What a call says about how its model is loaded, and the prompt that it must hold. */
interface LoadWish {
  readonly given: LoadProfile
  readonly keepAlive: unknown
  readonly messages: readonly object[]
  readonly tools: readonly object[]
}

/** Puts the settings of the model's load into `options`. A cloud model runs as it does, whatever is asked. */
function loadFor(
  { model, maxOutputTokens }: Pick<ChatRequest, 'model' | 'maxOutputTokens'>,
  known: Known<OllamaOptions>,
  { given, keepAlive, messages, tools }: LoadWish,
  options: Record<string, unknown>,
  warnings: Warning[],
): { readonly fields: Wire; readonly plan?: LoadPlan } {
  const { profile, memory } = known
  const alive = keepAlive === undefined || keepAlive === null ? undefined : toKeepAlive(keepAlive)
  if (isCloud(model, known)) {
    const named = Object.keys(given.others)
    if (given.window !== undefined) named.unshift('numCtx')
    if (alive !== undefined) named.push('keepAlive')
    for (const option of named) warnings.push(ignored(option, 'a cloud model runs as its host has it'))
    return { fields: {} }
  }
  const plan = planLoad({
    model,
    memory,
    given,
    size: promptSizeOf(messages, tools),
    maxOutputTokens,
    trained: profile?.contextLength,
    modelsOwn: memory.ownWindow ?? modelsOwnWindow(profile),
    bounds: known.options.contextWindow,
    windowName: 'numCtx',
  })
  for (const warning of plan.warnings) warnings.push(warning)
  for (const [name, value] of Object.entries(plan.load.others)) options[toWireName(name)] = value
  if (plan.load.window !== undefined) options['num_ctx'] = plan.load.window
  return { fields: alive === undefined ? {} : { keep_alive: alive }, plan }
}

function isCloud(model: string, { profile, address }: Known<OllamaOptions>): boolean {
  if (profile) return profile.local === false
  return localityOf({ model, hostname: address.hostname, described: {} }) === 'remote'
}

/** `PARAMETER num_ctx` of the model's own settings, which the server takes where a request names none. */
function modelsOwnWindow(profile: ModelInfo | undefined): number | undefined {
  const { parameters } = isObject(profile?.raw) ? profile.raw : {}
  const found = typeof parameters === 'string' ? /^num_ctx\s+(\d+)/m.exec(parameters)?.[1] : undefined
  return found === undefined ? undefined : Number(found)
}

/** A whole answer is one record of a stream. */
export function fromWire(json: unknown): Step<OllamaState> {
  return reduce(INITIAL, json)
}

/**
 * The body of `POST /api/embed`. A text that is too long is refused and never cut (`truncate` is off on every call).
 *
 * @throws AIError `capability_unsupported` for a model that is known not to make vectors: asking would load it in vain
 */
export function toEmbedWire(request: EmbedRequest, known: Known<OllamaOptions>): WireRequest {
  const { model, values, dimensions } = request
  const { keepAlive, ...settings } = request.providerOptions
  const can = known.profile?.capabilities ?? []
  // An older server says nothing of what a model can do.
  if (can.length > 0 && !can.includes('embeddings')) throw makesNoVectors(model, can)
  const { options, load, warnings } = toSettings(settings)
  // Each text has the window to itself.
  const longest = values.reduce((long, value) => (value.length > long.length ? value : long), '')
  const messages = longest === '' ? [] : [{ content: longest }]
  const asked = { given: load, keepAlive, messages, tools: [] }
  const { fields, plan } = loadFor({ model, maxOutputTokens: 0 }, known, asked, options, warnings)
  const body = {
    model: toWireModel(model, known.address),
    input: values,
    truncate: false,
    ...(dimensions === undefined ? {} : { dimensions }),
    ...fields,
    ...(Object.keys(options).length === 0 ? {} : { options }),
  }
  return { body, warnings, plan, memory: plan?.memory }
}

/** What an answer of `POST /api/embed` says. @throws AIError `response_invalid` for what is no list of vectors */
export function fromEmbedWire(json: unknown, request: EmbedRequest): Omit<Embedded, 'warnings'> {
  const { embeddings, model, prompt_eval_count: inputTokens } = isObject(json) ? json : {}
  if (!Array.isArray(embeddings) || !embeddings.every(isVector)) throw notVectors(request.model)
  return {
    embeddings,
    // A count that is not told is not known; of output there is none, and that is known.
    usage: toUsage({ inputTokens, outputTokens: 0, raw: { prompt_eval_count: inputTokens } }),
    model: typeof model === 'string' && model !== '' ? model : request.model,
  }
}

function notVectors(model: string): AIError {
  return new AIError({
    code: 'response_invalid',
    message:
      'The answer to /api/embed has no list of vectors: check that baseUrl is that of an Ollama server',
    model,
  })
}

function makesNoVectors(model: string, can: readonly string[]): AIError {
  return new AIError({
    code: 'capability_unsupported',
    message: `${model} does not make vectors (it can ${can.join(', ')}): use a model that embeds; \`groat models\` says which`,
    model,
    details: { capability: 'embeddings', capabilities: can },
  })
}

/** All messages in order; what must be said about tools goes where the system message ends. */
function toWireMessages(messages: readonly Message[], instruction: string | undefined): readonly Wire[] {
  const wire = messages.flatMap((message) =>
    message.role === 'tool' ? toWireToolResults(message) : [toWireMessage(message)],
  )
  if (instruction === undefined) return wire
  const [first, ...rest] = wire
  if (first?.['role'] !== 'system') return [{ role: 'system', content: instruction }, ...wire]
  return [{ ...first, content: `${String(first['content'])}\n\n${instruction}` }, ...rest]
}

/** Parts of one message become one text: several messages would change what the model's template makes of them. */
function toWireMessage({ role, content }: Message): Wire {
  if (typeof content === 'string') return { role, content }
  const thinking = textOf(content, 'reasoning')
  const images = content.flatMap((part) => (isReadyMedia(part) ? [toWireMedia(part)] : []))
  const calls = content.flatMap((part) => (part.type === 'tool-call' ? [toWireToolCall(part)] : []))
  return {
    role,
    content: textOf(content, 'text'),
    ...(thinking === '' ? {} : { thinking }),
    ...(images.length === 0 ? {} : { images }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  }
}

/** Pictures and sounds go the same way; the server tells them apart. */
function toWireMedia({ data, mediaType }: ReadyMedia): string {
  if (/^(?:image|audio)\//.test(mediaType)) return data
  throw invalid(
    `Ollama takes pictures and sounds, and no files of ${mediaType}: put the text of it into the message`,
  )
}

/** Most tokens of a JSON answer where the call names no limit: a model that loses its way writes white space for ever. */
const JSON_TOKENS_DEFAULT = 8_192

function toFormat(output: JsonSchema | undefined, warnings: Warning[]): JsonSchema | undefined {
  if (output === undefined) return undefined
  const { schema, keywords } = toGrammarSchema(output)
  if (keywords.length > 0) {
    const message =
      `Ollama cannot hold an answer to ${keywords.join(', ')} of the output schema: that was left out, and is checked ` +
      'when the answer is there'
    warnings.push({ code: 'schema-lowered', message, details: { keywords } })
  }
  return schema
}

function textOf(parts: readonly Part[], type: 'text' | 'reasoning'): string {
  let text = ''
  for (const part of parts) if (part.type === type) text += part.text
  return text
}
