import { AIError } from '../../core/errors.ts'
import type { Message, Part } from '../../core/message.ts'
import type { ModelInfo } from '../../core/model-info.ts'
import { nearest } from '../../core/nearest.ts'
import type { ChatRequest } from '../../core/request.ts'
import type { Warning } from '../../core/warning.ts'
import type { Step, WireRequest } from '../rooms.ts'
import { INITIAL, reduce, type OllamaState } from './stream.ts'

/** A setting that only Ollama has: its name in `options` on the wire, and the type that the server insists on. */
type Setting = readonly [wire: string, type: 'integer' | 'number' | 'boolean']

/** `providerOptions.ollama`, from Ollama's api/types.go. */
const SETTINGS: Readonly<Record<string, Setting>> = {
  numKeep: ['num_keep', 'integer'],
  minP: ['min_p', 'number'],
  typicalP: ['typical_p', 'number'],
  repeatLastN: ['repeat_last_n', 'integer'],
  repeatPenalty: ['repeat_penalty', 'number'],
  presencePenalty: ['presence_penalty', 'number'],
  frequencyPenalty: ['frequency_penalty', 'number'],
  numCtx: ['num_ctx', 'integer'],
  numBatch: ['num_batch', 'integer'],
  numGpu: ['num_gpu', 'integer'],
  mainGpu: ['main_gpu', 'integer'],
  useMmap: ['use_mmap', 'boolean'],
  numThread: ['num_thread', 'integer'],
  draftNumPredict: ['draft_num_predict', 'integer'],
}

/** Settings that Ollama once had and now ignores without a word. */
const DEAD_SETTINGS: ReadonlySet<string> = new Set([
  'mirostat',
  'mirostatTau',
  'mirostatEta',
  'tfsZ',
  'penalizeNewline',
  'numa',
  'lowVram',
  'f16Kv',
  'useMlock',
  'logitsAll',
  'vocabOnly',
  'embeddingOnly',
  'numGqa',
])

/** The body of `POST /api/chat`. Nothing is cut silently: `truncate` and `shift` are off on every call. */
export function toWire(request: ChatRequest, _profile: ModelInfo | undefined): WireRequest {
  const { keepAlive, ...settings } = request.providerOptions
  const { options, warnings } = toOptions(settings)
  if (request.maxOutputTokens !== undefined) options['num_predict'] = request.maxOutputTokens
  if (request.temperature !== undefined) options['temperature'] = request.temperature
  if (request.topP !== undefined) options['top_p'] = request.topP
  if (request.topK !== undefined) options['top_k'] = request.topK
  if (request.seed !== undefined) options['seed'] = request.seed
  // A bare string is an error 500 on the server.
  if (request.stop !== undefined)
    options['stop'] = typeof request.stop === 'string' ? [request.stop] : request.stop
  if (request.serviceTier !== undefined) warnings.push(ignored('serviceTier', 'Ollama has no service tiers'))
  const body = {
    model: request.model,
    messages: request.messages.map(toWireMessage),
    stream: request.stream,
    truncate: false,
    shift: false,
    // Left out, a model that can think does. Every model takes `false`, also one that cannot.
    ...(request.reasoning === 'off' ? { think: false } : {}),
    ...(keepAlive === undefined || keepAlive === null ? {} : { keep_alive: toKeepAlive(keepAlive) }),
    ...(Object.keys(options).length === 0 ? {} : { options }),
  }
  return { body, warnings }
}

/** A whole answer is one record of a stream. */
export function fromWire(json: unknown): Step<OllamaState> {
  return reduce(INITIAL, json)
}

/** Parts of one message become one text: several messages would change what the model's template makes of them. */
function toWireMessage(message: Message): Readonly<Record<string, unknown>> {
  const { role, content } = message
  if (typeof content === 'string') return { role, content }
  const thinking = textOf(content, 'reasoning')
  return { role, content: textOf(content, 'text'), ...(thinking === '' ? {} : { thinking }) }
}

function textOf(parts: readonly Part[], type: 'text' | 'reasoning'): string {
  let text = ''
  for (const part of parts) if (part.type === type) text += part.text
  return text
}

function toOptions(settings: Readonly<Record<string, unknown>>): {
  options: Record<string, unknown>
  warnings: Warning[]
} {
  const options: Record<string, unknown> = {}
  const warnings: Warning[] = []
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined || value === null) continue
    const setting = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined
    if (setting) {
      options[setting[0]] = checked(name, value, setting[1])
    } else if (DEAD_SETTINGS.has(name)) {
      warnings.push(ignored(name, 'Ollama no longer knows it'))
    } else {
      throw unknownSetting(name)
    }
  }
  return { options, warnings }
}

function checked(name: string, value: unknown, type: Setting[1]): unknown {
  const fits = type === 'boolean' ? typeof value === 'boolean' : Number.isFinite(value)
  if (!fits || (type === 'integer' && !Number.isSafeInteger(value))) {
    throw invalid(`providerOptions.ollama.${name} is ${type === 'integer' ? 'a whole number' : `a ${type}`}`)
  }
  // The server takes 0 for a window of 4 tokens, not for its default.
  if (name === 'numCtx' && (value as number) < 1) throw invalid('providerOptions.ollama.numCtx is 1 or more')
  return value
}

/** Seconds, or a Go duration such as `'5m'`: a number inside a text is an error 400 on the server. */
function toKeepAlive(value: unknown): number | string {
  if (typeof value === 'number' && !Number.isNaN(value)) return Number.isFinite(value) ? value : -1
  if (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) return Number(value)
  if (typeof value === 'string' && /^-?(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(value)) return value
  throw invalid("providerOptions.ollama.keepAlive is seconds or a duration such as '5m'")
}

function ignored(option: string, why: string): Warning {
  return { code: 'option-ignored', message: `${option} was left out: ${why}`, details: { option } }
}

/** Options that every provider has, and Ollama's own names for them. */
const CALL_OPTIONS: Readonly<Record<string, string>> = {
  numPredict: 'maxOutputTokens',
  temperature: 'temperature',
  topP: 'topP',
  topK: 'topK',
  seed: 'seed',
  stop: 'stop',
  think: 'reasoning',
  format: 'output',
}

function unknownSetting(name: string): AIError {
  const camel = name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  const neutral = Object.hasOwn(CALL_OPTIONS, camel) ? CALL_OPTIONS[camel] : undefined
  if (neutral !== undefined) {
    return invalid(`providerOptions.ollama.${name} is a call option: write ${neutral} beside providerOptions`)
  }
  const near = nearest(camel, [...Object.keys(SETTINGS), 'keepAlive'])
  return invalid(
    `There is no setting providerOptions.ollama.${name}${near === undefined ? '' : `; did you mean ${near}?`}`,
  )
}

function invalid(message: string): AIError {
  return new AIError({ code: 'request_invalid', message })
}
