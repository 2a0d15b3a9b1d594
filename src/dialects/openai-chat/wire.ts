import { offersTools } from '../../core/needs.ts'
import type { ChatRequest, ToolChoice } from '../../core/request.ts'
import type { JsonSchema } from '../../core/schema.ts'
import type { ToolDefinition } from '../../core/tool.ts'
import type { Warning } from '../../core/warning.ts'
import type { WireBody } from '../../core/wire.ts'
import { isStrictSchema } from '../strict-schema.ts'
import { toWireMessages, type MessageQuirks } from './messages.ts'

export { fromWire } from './stream.ts'

type Wire = Readonly<Record<string, unknown>>

/** What differs between servers that speak this dialect; data, not code. */
export interface ChatQuirks extends MessageQuirks {
  /** What the limit of the output is called: OpenAI has renamed it, and older compatible servers ignore the new name. */
  readonly outputLimit: 'max_completion_tokens' | 'max_tokens'
  /** Whether `top_k` is known: llama.cpp, vLLM and LM Studio have it, OpenAI has not. */
  readonly takesTopK: boolean
}

/** OpenAI's own server. */
export const OPENAI_CHAT: ChatQuirks = {
  takesThoughts: false,
  outputLimit: 'max_completion_tokens',
  takesTopK: false,
}

/** Servers that are compatible with it: LM Studio, llama.cpp, vLLM, Ollama's `/v1` and others. */
export const COMPATIBLE_CHAT: ChatQuirks = {
  takesThoughts: true,
  outputLimit: 'max_tokens',
  takesTopK: true,
}

/** What a driver has made of a request before it is put on the wire. */
export interface ChatSettings {
  readonly quirks: ChatQuirks
  /** How hard the model thinks, in the server's own word; undefined leaves it to the model. */
  readonly effort?: string | undefined
  /** How closely pictures are looked at: `auto`, `low`, `high`. */
  readonly imageDetail?: string | undefined
  /** Whether an answer is to be held to its schema where it can be. @default true */
  readonly strict?: boolean | undefined
  /** Fields of the provider's own, checked by the driver; they win. */
  readonly fields?: Wire | undefined
}

/** The body of `POST /chat/completions`. */
export function toWire(request: ChatRequest, settings: ChatSettings): WireBody {
  const { quirks, effort, imageDetail, strict, fields } = settings
  const { model, messages, stream, maxOutputTokens, temperature, topP, topK, stop, seed, serviceTier } =
    request
  const warnings: Warning[] = []
  if (topK !== undefined && !quirks.takesTopK) warnings.push(WITHOUT_TOP_K)
  const body = {
    model,
    messages: toWireMessages(messages, { ...quirks, imageDetail }),
    stream,
    // Without it a stream tells no counts, and has no price.
    ...(stream ? { stream_options: { include_usage: true } } : {}),
    ...toolsOf(request),
    ...(request.output === undefined ? {} : { response_format: toFormat(request.output, strict) }),
    ...(maxOutputTokens === undefined ? {} : { [quirks.outputLimit]: maxOutputTokens }),
    ...present('temperature', temperature),
    ...present('top_p', topP),
    ...present('top_k', quirks.takesTopK ? topK : undefined),
    ...present('stop', typeof stop === 'string' ? [stop] : stop),
    ...present('seed', seed),
    ...present('reasoning_effort', effort),
    ...present('service_tier', serviceTier),
    ...fields,
  }
  return { body, warnings }
}

const WITHOUT_TOP_K: Warning = {
  code: 'option-ignored',
  message: 'topK was left out: this API has none',
  details: { option: 'topK' },
}

function present(name: string, value: unknown): Wire {
  return value === undefined ? {} : { [name]: value }
}

/** Tools stay named where they may not be called: a conversation with calls in it is refused without them. */
function toolsOf(request: ChatRequest): Wire {
  const { tools = [], toolChoice } = request
  if (tools.length === 0) return {}
  const choice = offersTools(request) ? toChoice(toolChoice) : 'none'
  return { tools: tools.map(toWireTool), ...present('tool_choice', choice) }
}

function toChoice(choice: ToolChoice | undefined): unknown {
  if (typeof choice !== 'object') return choice
  return { type: 'function', function: { name: choice.tool } }
}

function toWireTool({ name, description, input }: ToolDefinition): Wire {
  const described = description === undefined || description === '' ? {} : { description }
  return { type: 'function', function: { name, ...described, parameters: input } }
}

/** What the answer is called that a schema is for. */
const ANSWER = 'answer'

function toFormat(schema: JsonSchema, wanted: boolean = true): Wire {
  const strict = wanted && isStrictSchema(schema)
  return { type: 'json_schema', json_schema: { name: ANSWER, schema, strict } }
}
