import type { Answer, RecordedRequest } from './far-end.ts'

type Body = Readonly<Record<string, unknown>>

/** A model of a stand-in for Gemini. */
export interface FakeGeminiModel {
  /** Without `models/`. */
  readonly name: string
  /** Tokens that it takes in. @default 1,048,576 */
  readonly inputTokenLimit?: number
  /** @default 65,536 */
  readonly outputTokenLimit?: number
  /** @default ['generateContent', 'countTokens'], or ['embedContent'] for a name with `embedding` in it */
  readonly supportedGenerationMethods?: readonly string[]
  /** Whether it thinks. @default true for a model that generates */
  readonly thinking?: boolean
}

/** A request that the real service would answer, with what it means. */
export interface GeminiAsk {
  /** Without `models/`. */
  readonly model: string
  readonly stream: boolean
  /** Whether a stream comes as server-sent events and not as a growing array. */
  readonly sse: boolean
  readonly contents: readonly Body[]
  readonly promptTokens: number
  readonly stops: readonly string[]
  /** Most tokens of thoughts and answer; Infinity where nothing limits them. */
  readonly outputTokensMax: number
  readonly showsThoughts: boolean
  readonly schema: Body | undefined
  readonly serviceTier: string | undefined
  /** Ids and signatures are given, and demanded back. */
  readonly isGemini3: boolean
}

/** What the real service says to a request that it does not take. */
export class GeminiRefusal {
  readonly answer: Answer

  constructor(answer: Answer) {
    this.answer = answer
  }
}

/** The names of google.rpc.Code for HTTP's numbers. */
const RPC_NAMES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
}

/** The body of google.rpc.Status, as the service writes it. */
export function errorBody(code: number, message: string, details: readonly unknown[] = []): Body {
  const status = RPC_NAMES[code] ?? 'UNKNOWN'
  return { error: { code, message, status, ...(details.length === 0 ? {} : { details }) } }
}

/** A whole JSON body, written with two blanks as the service does. */
export function jsonAnswer(value: unknown, status: number = 200): Answer {
  return {
    status,
    headers: { 'Content-Type': 'application/json; charset=UTF-8', Vary: 'Origin' },
    framing: 'chunked',
    records: [`${JSON.stringify(value, null, 2)}\n`],
  }
}

/** The usual refusal. */
export function refused(code: number, message: string, details: readonly unknown[] = []): GeminiRefusal {
  return new GeminiRefusal(jsonAnswer(errorBody(code, message, details), code))
}

/** A refusal for a key that is missing or wrong; undefined where it is right. */
export function keyFault(request: RecordedRequest, keys: readonly string[]): GeminiRefusal | undefined {
  const query = new URLSearchParams(request.query)
  const key = request.headers['x-goog-api-key'] ?? query.get('key')
  if (key === null || key === '') {
    return refused(
      403,
      "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or other form of API consumer identity to call this API.",
    )
  }
  if (keys.length === 0 || keys.includes(key)) return undefined
  const reason = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' }
  return refused(400, 'API key not valid. Please pass a valid API key.', [
    { ...reason, domain: 'googleapis.com' },
  ])
}

/** The fields of a request to generate, and of its `generationConfig` (googleapis/js-genai). */
const FIELDS: ReadonlySet<string> = new Set([
  'model',
  'contents',
  'systemInstruction',
  'tools',
  'toolConfig',
  'safetySettings',
  'generationConfig',
  'cachedContent',
  'serviceTier',
  'continuationToken',
  'store',
  'labels',
])

const CONFIG_FIELDS: ReadonlySet<string> = new Set([
  'temperature',
  'topP',
  'topK',
  'candidateCount',
  'maxOutputTokens',
  'stopSequences',
  'seed',
  'presencePenalty',
  'frequencyPenalty',
  'responseLogprobs',
  'logprobs',
  'responseMimeType',
  'responseSchema',
  'responseJsonSchema',
  'responseModalities',
  'imageConfig',
  'speechConfig',
  'mediaResolution',
  'thinkingConfig',
])

const STOPS_MAX = 5

/** The body of a request as the service's decoder takes it. */
export function decodeBody(request: RecordedRequest): Body | GeminiRefusal {
  return asObject(request.body) ?? refused(400, 'Invalid JSON payload received. Unexpected end of string.')
}

/** What a request to generate means, or why the real service would refuse it. */
export function decodeAsk(
  request: RecordedRequest,
  model: FakeGeminiModel,
  stream: boolean,
): GeminiAsk | GeminiRefusal {
  const body = decodeBody(request)
  if (body instanceof GeminiRefusal) return body
  const config = asObject(body['generationConfig']) ?? {}
  const unknown =
    unknownName(body, FIELDS, '') ?? unknownName(config, CONFIG_FIELDS, " at 'generation_config'")
  if (unknown) return unknown
  const contents = objectsOf(body['contents'])
  if (contents.length === 0) {
    return refused(400, '* GenerateContentRequest.contents: contents is not specified\n')
  }
  const isGemini3 = /^gemini-(?:[3-9]|\w+-latest|flash|pro)/.test(model.name)
  const stops: unknown[] = Array.isArray(config['stopSequences']) ? config['stopSequences'] : []
  const fault =
    rolesFault(contents) ??
    (isGemini3 ? signatureFault(contents) : undefined) ??
    resultsFault(contents) ??
    thinkingFault(config) ??
    lengthFault(model, body, stream) ??
    (stops.length > STOPS_MAX
      ? refused(400, `The number of stop sequences must be at most ${STOPS_MAX}`)
      : undefined)
  if (fault) return fault
  const promptTokens = tokensIn([...contents, ...objectsOf([body['systemInstruction']])])
  const limit = model.inputTokenLimit ?? INPUT_TOKENS_MAX
  if (promptTokens > limit) {
    return refused(
      400,
      `The input token count (${promptTokens}) exceeds the maximum number of tokens allowed (${limit}).`,
    )
  }
  const most = config['maxOutputTokens']
  const thinking = asObject(config['thinkingConfig'])
  return {
    model: model.name,
    stream,
    sse: new URLSearchParams(request.query).get('alt') === 'sse',
    contents,
    promptTokens,
    stops: stops.filter((stop) => typeof stop === 'string'),
    outputTokensMax: typeof most === 'number' ? most : Number.POSITIVE_INFINITY,
    showsThoughts: thinking?.['includeThoughts'] === true,
    schema: asObject(config['responseJsonSchema']) ?? asObject(config['responseSchema']),
    serviceTier: typeof body['serviceTier'] === 'string' ? body['serviceTier'] : undefined,
    isGemini3,
  }
}

/** Where a model's own limit is not given. */
export const INPUT_TOKENS_MAX = 1_048_576

function unknownName(body: Body, known: ReadonlySet<string>, where: string): GeminiRefusal | undefined {
  const name = Object.keys(body).find((key) => !known.has(key))
  if (name === undefined) return undefined
  return refused(400, `Invalid JSON payload received. Unknown name "${name}"${where}: Cannot find field.`)
}

function rolesFault(contents: readonly Body[]): GeminiRefusal | undefined {
  for (const { role, parts } of contents) {
    if (role !== 'user' && role !== 'model') return refused(400, 'Please use a valid role: user, model.')
    if (!Array.isArray(parts) || parts.length === 0) {
      return refused(400, '* GenerateContentRequest.contents.parts: contents.parts must not be empty.\n')
    }
  }
  return undefined
}

/** The first call of a turn carries a signature; the one that stands for none is taken, too. */
function signatureFault(contents: readonly Body[]): GeminiRefusal | undefined {
  for (const [position, content] of contents.entries()) {
    const call = partsOf(content).find((part) => asObject(part['functionCall']))
    if (!call || typeof call['thoughtSignature'] === 'string') continue
    const name = String(asObject(call['functionCall'])?.['name'])
    return refused(
      400,
      `Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call \`default_api:${name}\` , position ${position + 1}. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details.`,
    )
  }
  return undefined
}

/** A turn with calls is followed by one with a result for each of them, under the same ids. */
function resultsFault(contents: readonly Body[]): GeminiRefusal | undefined {
  for (const [index, content] of contents.entries()) {
    const calls = inParts(content, 'functionCall')
    if (calls.length === 0) continue
    const next = contents[index + 1]
    const results = next ? inParts(next, 'functionResponse') : []
    if (results.length !== calls.length) {
      return refused(
        400,
        'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
      )
    }
    const odd = results.find((result) => !asObject(result['response']))
    if (odd) {
      return refused(
        400,
        "Invalid value at 'function_response.response' (type.googleapis.com/google.protobuf.Struct)",
      )
    }
    const ids = new Set(calls.map((call) => call['id']))
    if (results.some((result) => !ids.has(result['id']))) {
      return refused(400, 'Function response id does not match any function call id.')
    }
  }
  return undefined
}

function thinkingFault(config: Body): GeminiRefusal | undefined {
  const { thinkingLevel, thinkingBudget } = asObject(config['thinkingConfig']) ?? {}
  if (thinkingLevel === undefined || thinkingBudget === undefined) return undefined
  return refused(400, 'You can only set only one of thinking budget and thinking level.')
}

/** Most tokens that these can be asked for in one piece. */
const ONE_PIECE_TOKENS_MAX = 32_768

function lengthFault({ name }: FakeGeminiModel, body: Body, stream: boolean): GeminiRefusal | undefined {
  const most = Number(asObject(body['generationConfig'])?.['maxOutputTokens'] ?? 0)
  const isLong = /^gemini-4-(?:argon|carbon)/.test(name) && most > ONE_PIECE_TOKENS_MAX
  if (stream || !isLong || body['continuationToken'] !== undefined) return undefined
  return refused(400, `max_output_tokens must be at most ${ONE_PIECE_TOKENS_MAX} without streaming.`)
}

/** The counting rule: one token for every part, and one for every word (between white space) of its text. */
export function tokensIn(contents: readonly Body[]): number {
  let count = 0
  for (const content of contents) {
    for (const { text } of partsOf(content)) count += 1 + (typeof text === 'string' ? wordsIn(text) : 0)
  }
  return count
}

function wordsIn(text: string): number {
  return text.split(/\s+/).filter((word) => word !== '').length
}

function inParts(content: Body, name: string): readonly Body[] {
  return partsOf(content)
    .map((part) => asObject(part[name]))
    .filter((one) => one !== undefined)
}

/** The parts of a turn. */
export function partsOf({ parts }: Body): readonly Body[] {
  return objectsOf(parts)
}

function objectsOf(value: unknown): readonly Body[] {
  return Array.isArray(value) ? value.map(asObject).filter((one) => one !== undefined) : []
}

/** A JSON object, or undefined. */
export function asObject(value: unknown): Body | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : undefined
}
