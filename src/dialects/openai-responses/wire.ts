import type { ChatRequest } from '../../core/request.ts'
import type { JsonSchema } from '../../core/schema.ts'
import { ignored, type Warning } from '../../core/warning.ts'
import type { WireBody } from '../../core/wire.ts'
import { toStrictSchema } from '../to-strict-schema.ts'
import { toWireInput, type InputQuirks } from './input.ts'
import type { Wire } from './kept.ts'
import { toWireTools } from './tools.ts'

export { fromWire } from './stream.ts'

/** What differs between servers that speak this dialect; data, not code. */
export interface ResponsesQuirks {
  readonly systemIn: InputQuirks['systemIn']
  readonly thoughtStatus: InputQuirks['thoughtStatus']
  /** Neutral options that the server takes; the others are left out with a warning. */
  readonly takes: ReadonlySet<'topK' | 'seed'>
  /** Smallest limit of the output that is taken, in tokens. */
  readonly outputTokensMin: number
}

/** OpenAI's own server. */
export const OPENAI_RESPONSES: ResponsesQuirks = {
  systemIn: 'instructions',
  thoughtStatus: false,
  takes: new Set(),
  outputTokensMin: 16,
}

/** What a driver has made of a request before it is put on the wire. */
export interface ResponsesSettings {
  readonly quirks: ResponsesQuirks
  /** `reasoning` as it goes out: effort, summary and others in the server's own words. */
  readonly reasoning?: Wire | undefined
  /** Whether `temperature` and `topP` may go out; `false` where the model refuses them as it thinks. */
  readonly sampling?: boolean | undefined
  /** Tools of the provider's own, as it writes them. */
  readonly hostedTools?: readonly Wire[] | undefined
  /** Whether schemas are to be held to where they can be. @default true */
  readonly strict?: boolean | undefined
  readonly imageDetail?: string | undefined
  /** Beside `format`, such as the verbosity. */
  readonly text?: Wire | undefined
  /** Further things to include in the answer. */
  readonly include?: readonly string[] | undefined
  /** Fields of the provider's own, checked by the driver; they win. */
  readonly fields?: Wire | undefined
}

/** What the answer is called that a schema is for. */
const ANSWER = 'answer'
const ENCRYPTED = 'reasoning.encrypted_content'

/**
 * The body of `POST /responses`. Nothing is kept by the server unless it is asked to (`store: false`), so that thoughts
 * come encrypted and go back with the conversation.
 */
export function toWire(request: ChatRequest, settings: ResponsesSettings): WireBody {
  const { quirks, reasoning, hostedTools = [], strict = true, fields = {}, include = [] } = settings
  const { model, messages, stream, serviceTier } = request
  const stored = fields['store'] === true
  const follows = fields['previous_response_id'] !== undefined || fields['conversation'] !== undefined
  const { imageDetail } = settings
  const { systemIn, thoughtStatus } = quirks
  const conversation = toWireInput(messages, {
    systemIn,
    thoughtStatus,
    stored,
    thoughts: !follows,
    imageDetail,
  })
  const { tools, choice, warnings: aboutTools } = toWireTools(request, hostedTools, strict)
  const warnings: Warning[] = [...aboutTools]
  const text = textOf(request.output, settings, strict, warnings)
  const wanted = stored ? include : [...new Set([ENCRYPTED, ...include])]
  const body = {
    model,
    ...(conversation.instructions === undefined ? {} : { instructions: conversation.instructions }),
    input: conversation.input,
    stream,
    store: false,
    ...(wanted.length === 0 ? {} : { include: wanted }),
    ...(tools.length === 0 ? {} : { tools }),
    ...present('tool_choice', choice),
    ...present('reasoning', reasoning),
    ...present('text', text),
    ...samplingOf(request, settings, warnings),
    ...present('service_tier', serviceTier),
    ...fields,
  }
  return { body, warnings }
}

function samplingOf(request: ChatRequest, settings: ResponsesSettings, warnings: Warning[]): Wire {
  const { takes, outputTokensMin } = settings.quirks
  const { maxOutputTokens, temperature, topP, topK, seed, stop } = request
  const sampling = settings.sampling !== false
  if (!sampling) {
    if (temperature !== undefined) warnings.push(ignored('temperature', WHILE_THINKING))
    if (topP !== undefined) warnings.push(ignored('topP', WHILE_THINKING))
  }
  if (topK !== undefined && !takes.has('topK')) warnings.push(ignored('topK', UNKNOWN))
  if (seed !== undefined && !takes.has('seed')) warnings.push(ignored('seed', UNKNOWN))
  if (stop !== undefined) warnings.push(ignored('stop', UNKNOWN))
  return {
    ...outputLimit(maxOutputTokens, outputTokensMin, warnings),
    ...present('temperature', sampling ? temperature : undefined),
    ...present('top_p', sampling ? topP : undefined),
    ...present('top_k', takes.has('topK') ? topK : undefined),
    ...present('seed', takes.has('seed') ? seed : undefined),
  }
}

const UNKNOWN = 'this API has none'

/** Why `temperature` and `topP` are left out. */
export const WHILE_THINKING = 'the model takes none while it reasons'

function outputLimit(asked: number | undefined, least: number, warnings: Warning[]): Wire {
  if (asked === undefined) return {}
  if (asked >= least) return { max_output_tokens: asked }
  const message = `maxOutputTokens was raised from ${asked} to ${least}, the least that this API takes`
  warnings.push({
    code: 'option-changed',
    message,
    details: { option: 'maxOutputTokens', asked, sent: least },
  })
  return { max_output_tokens: least }
}

function textOf(
  output: JsonSchema | undefined,
  { text }: ResponsesSettings,
  wantsStrict: boolean,
  warnings: Warning[],
): Wire | undefined {
  if (output === undefined) return text
  const { schema, strict, keywords } = toStrictSchema(output, wantsStrict)
  if (keywords.length > 0) {
    const message =
      `The provider cannot hold an answer to ${keywords.join(', ')} of the output schema: that was put into ` +
      'descriptions, and is checked when the answer is there'
    warnings.push({ code: 'schema-lowered', message, details: { keywords } })
  }
  return { format: { type: 'json_schema', name: ANSWER, schema, strict }, ...text }
}

function present(name: string, value: unknown): Wire {
  return value === undefined ? {} : { [name]: value }
}
