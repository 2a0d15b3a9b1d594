import type { Answer, RecordedRequest } from './far-end.ts'
import { canonicalName, capabilitiesOf, type Catalogue, type FakeOllamaModel } from './fake-ollama-models.ts'
import { asObject, errorAnswer, nestedErrorAnswer } from './fake-ollama-wire.ts'

/** A chat request that the real server would answer, with what it means. */
export interface Ask {
  readonly kind: 'chat' | 'load' | 'unload'
  /** As the request spells it: answers echo it. */
  readonly name: string
  readonly model: FakeOllamaModel
  readonly stream: boolean
  readonly messages: readonly Readonly<Record<string, unknown>>[]
  readonly thinks: boolean
  readonly format: unknown
  readonly stops: readonly string[]
  /** Most tokens of the answer; Infinity where nothing limits it. */
  readonly outputTokensMax: number
  readonly promptTokens: number
  readonly numCtx: number | undefined
  readonly keepAliveMs: number | undefined
}

/** What the real server says to a request that it does not take. */
export class Refusal {
  readonly answer: Answer

  constructor(answer: Answer) {
    this.answer = answer
  }
}

export type Body = Readonly<Record<string, unknown>>

const OPTION_TYPES: Readonly<Record<string, 'integer' | 'float32' | 'boolean' | 'array'>> = {
  num_keep: 'integer',
  seed: 'integer',
  num_predict: 'integer',
  top_k: 'integer',
  repeat_last_n: 'integer',
  num_ctx: 'integer',
  num_batch: 'integer',
  num_gpu: 'integer',
  main_gpu: 'integer',
  num_thread: 'integer',
  draft_num_predict: 'integer',
  top_p: 'float32',
  min_p: 'float32',
  typical_p: 'float32',
  temperature: 'float32',
  repeat_penalty: 'float32',
  presence_penalty: 'float32',
  frequency_penalty: 'float32',
  use_mmap: 'boolean',
  stop: 'array',
}

const MESSAGE_TYPES: Readonly<Record<string, string>> = {
  role: 'string',
  content: 'string',
  thinking: 'string',
  tool_name: 'string',
  tool_call_id: 'string',
}

const THINK_LEVELS: readonly unknown[] = ['high', 'medium', 'low', 'max']
const TOP_LOGPROBS_MAX = 20

/** The body of a request as the real server's decoder takes it. */
export function decodeBody(request: RecordedRequest): Body | Refusal {
  if (request.bodyText.trim() === '') return refused(400, 'missing request body')
  if (request.body === undefined) return refused(400, jsonFault(request.bodyText))
  const body = asObject(request.body)
  return body ?? refused(400, unmarshalText(request.body, 'value', 'api.ChatRequest'))
}

/** What a `POST /api/chat` means, or why the real server would refuse it: in the order in which it looks. */
export function decodeChat(request: RecordedRequest, catalogue: Catalogue): Ask | Refusal {
  const body = decodeBody(request)
  if (body instanceof Refusal) return body
  const fault = typeFault(body)
  if (fault !== undefined) return refused(400, fault)
  const { model: name = '', top_logprobs: topLogprobs } = body
  if (typeof name !== 'string' || name === '') return refused(400, 'model is required')
  if (typeof topLogprobs === 'number' && (topLogprobs < 0 || topLogprobs > TOP_LOGPROBS_MAX)) {
    return refused(400, `top_logprobs must be between 0 and ${TOP_LOGPROBS_MAX}`)
  }
  const model = catalogue.find(name)
  if (!model) return refused(404, `model '${name}' not found`)
  const ask = askOf(body, name, model, catalogue)
  if (ask.kind === 'unload') return ask
  return capabilityFault(body, ask) ?? optionFault(body) ?? contextFault(body, ask, catalogue) ?? ask
}

function askOf(body: Body, name: string, model: FakeOllamaModel, catalogue: Catalogue): Ask {
  const messages = objectsOf(body['messages'])
  const options = asObject(body['options']) ?? {}
  const keepAlive = durationMs(body['keep_alive'])
  const keepAliveMs = typeof keepAlive === 'number' ? keepAlive : undefined
  const numCtx = typeof options['num_ctx'] === 'number' ? Math.trunc(options['num_ctx']) : undefined
  const contextLength = catalogue.contextOf(model, numCtx)
  const counted = promptTokensOf(messages)
  const promptTokens = body['truncate'] === false ? counted : Math.min(counted, contextLength)
  return {
    kind: messages.length > 0 ? 'chat' : keepAliveMs === 0 ? 'unload' : 'load',
    name,
    model,
    stream: body['stream'] !== false,
    messages,
    thinks: capabilitiesOf(model).includes('thinking') && body['think'] !== false,
    format: body['format'] ?? undefined,
    stops: Array.isArray(options['stop']) ? options['stop'].filter((stop) => typeof stop === 'string') : [],
    outputTokensMax: Math.min(
      typeof options['num_predict'] === 'number' && options['num_predict'] > 0
        ? Math.trunc(options['num_predict'])
        : Infinity,
      body['shift'] === false ? Math.max(1, contextLength - promptTokens) : Infinity,
    ),
    promptTokens,
    numCtx,
    keepAliveMs,
  }
}

function objectsOf(value: unknown): Body[] {
  if (!Array.isArray(value)) return []
  return value.map(asObject).filter((object) => object !== undefined)
}

/** The counting rule: one token for every message and one for every word (between white space) of its `content`. */
export function promptTokensOf(messages: readonly Readonly<Record<string, unknown>>[]): number {
  let count = messages.length
  for (const { content } of messages) {
    if (typeof content === 'string') count += content.split(/\s+/).filter((word) => word !== '').length
  }
  return count
}

function capabilityFault(body: Body, ask: Ask): Refusal | undefined {
  const can = new Set(capabilitiesOf(ask.model))
  if (!can.has('completion')) return refused(400, `"${ask.name}" does not support chat`)
  const { think, tools } = body
  if (think !== undefined && think !== null && think !== false && !can.has('thinking')) {
    return refused(400, `"${ask.name}" does not support thinking`)
  }
  if (Array.isArray(tools) && tools.length > 0 && !can.has('tools')) {
    return refused(400, `${canonicalName(ask.name)} does not support tools`)
  }
  return undefined
}

/** A refusal for an option of another type, or a format that is none. */
export function optionFault({ options, format }: Body): Refusal | undefined {
  for (const [name, value] of Object.entries(asObject(options) ?? {})) {
    const type = Object.hasOwn(OPTION_TYPES, name) ? OPTION_TYPES[name] : undefined
    // Unknown names and nulls are passed over in silence, as the real server does.
    if (type === undefined || value === null) continue
    const right = type === 'boolean' ? 'boolean' : 'number'
    const fits = type === 'array' ? Array.isArray(value) : typeof value === right
    if (!fits) return refused(500, `option "${name}" must be of type ${type}`)
    if (Array.isArray(value) && value.some((item) => typeof item !== 'string')) {
      return refused(500, `option "${name}" must be of an array of strings`)
    }
  }
  const unset = format === undefined || format === null || format === '' || format === 'json'
  if (unset || asObject(format)) return undefined
  return refused(
    500,
    `invalid format: ${JSON.stringify(format)}; expected "json" or a valid JSON Schema object`,
  )
}

function contextFault(body: Body, ask: Ask, catalogue: Catalogue): Refusal | undefined {
  const contextLength = catalogue.contextOf(ask.model, ask.numCtx)
  if (body['truncate'] !== false || ask.promptTokens <= contextLength) return undefined
  const message = `request (${ask.promptTokens} tokens) exceeds the available context size (${contextLength} tokens), try increasing it`
  const type = 'exceed_context_size_error'
  const counts = { n_prompt_tokens: ask.promptTokens, n_ctx: contextLength }
  return new Refusal(nestedErrorAnswer(400, { message, type, ...counts }))
}

/** What Go's decoder says to a field of another type, or undefined. */
function typeFault(body: Body): string | undefined {
  for (const [field, type] of [
    ['model', 'string'],
    ['stream', 'bool'],
    ['logprobs', 'bool'],
  ] as const) {
    const fault = fieldFault(body[field], field, type)
    if (fault !== undefined) return fault
  }
  const { messages = null, think = null, options = null } = body
  if (messages !== null && !Array.isArray(messages))
    return unmarshalText(messages, 'messages', '[]api.Message')
  for (const message of messages ?? []) {
    const fault = messageFault(message)
    if (fault !== undefined) return fault
  }
  if (options !== null && !asObject(options))
    return unmarshalText(options, 'options', 'map[string]interface {}')
  const level = typeof think === 'boolean' || think === null || THINK_LEVELS.includes(think)
  if (!level)
    return `invalid think value: ${JSON.stringify(think)} (must be "high", "medium", "low", "max", true, or false)`
  const keepAlive = durationMs(body['keep_alive'])
  return typeof keepAlive === 'string' ? keepAlive : undefined
}

function messageFault(message: unknown): string | undefined {
  const fields = asObject(message)
  if (!fields) return unmarshalText(message, 'messages', 'api.Message')
  for (const [field, type] of Object.entries(MESSAGE_TYPES)) {
    const fault = fieldFault(fields[field], `messages.${field}`, type)
    if (fault !== undefined) return fault
  }
  const { images, tool_calls: toolCalls } = fields
  for (const image of Array.isArray(images) ? images : []) {
    if (typeof image !== 'string') return unmarshalText(image, 'messages.images', '[]uint8')
    const bad = image.search(/[^A-Za-z0-9+/=\r\n]/)
    if (bad >= 0) return `illegal base64 data at input byte ${bad}`
  }
  for (const call of Array.isArray(toolCalls) ? toolCalls : []) {
    const called = asObject(asObject(call)?.['function'])
    if (typeof called?.['arguments'] === 'string')
      return "Value looks like object, but can't find closing '}' symbol"
  }
  return undefined
}

function fieldFault(value: unknown, field: string, type: string): string | undefined {
  if (value === undefined || value === null) return undefined
  return goKind(value) === type ? undefined : unmarshalText(value, field, type)
}

function unmarshalText(value: unknown, field: string, type: string): string {
  return `json: cannot unmarshal ${goKind(value)} into Go struct field ChatRequest.${field} of type ${type}`
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
}

/** `keep_alive` in milliseconds, negative for ever; a text is the error that the real server gives. */
export function durationMs(value: unknown): number | string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number') return value * 1_000
  if (typeof value !== 'string') return `Unsupported type: '${goKind(value)}'`
  if (value === '0') return 0
  if (/^[-+]?[0-9.]+$/.test(value)) return `time: missing unit in duration ${JSON.stringify(value)}`
  const parts = [...value.matchAll(/([0-9]*\.?[0-9]+)(ns|us|µs|ms|s|m|h)/g)]
  const sign = value.startsWith('-') ? -1 : 1
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== value.replace(/^[-+]/, '')) {
    return `time: invalid duration ${JSON.stringify(value)}`
  }
  return (
    sign *
    parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (DURATION_UNITS_MS[unit] ?? 0), 0)
  )
}

/** What Go's decoder says to text that is not JSON: near enough for the two cases that clients meet. */
function jsonFault(text: string): string {
  const start = text.trimStart()
  if (start.startsWith('{') || start.startsWith('[')) return 'unexpected EOF'
  return `invalid character '${start.slice(0, 1)}' looking for beginning of value`
}

/** Ollama's usual refusal. */
export function refused(status: number, error: string): Refusal {
  return new Refusal(errorAnswer(status, error))
}
