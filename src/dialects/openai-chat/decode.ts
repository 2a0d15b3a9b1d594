import { isObject } from '../../core/error-text.ts'
import type { Message, Part, ToolCallPart } from '../../core/message.ts'
import type { Sampling, ToolChoice } from '../../core/request.ts'
import type { JsonSchema } from '../../core/schema.ts'
import type { ToolDefinition } from '../../core/tool.ts'
import { argumentsIn, invalid, reasoningOf, samplingOf, toolIn } from '../read-ask.ts'

/** What a client asks for in this dialect, in groat's words: for a server that speaks it. */
export interface ChatAsk extends Sampling {
  readonly model: string
  readonly messages: readonly Message[]
  readonly stream: boolean
  /** Whether a stream ends with its counts. */
  readonly includeUsage: boolean
  readonly tools: readonly ToolDefinition[]
  readonly output?: JsonSchema
  /** The client's own word for who asks. */
  readonly user?: string
  /** Fields that were asked for and mean nothing here, by name. */
  readonly ignored: readonly string[]
}

/** Fields that are read, and those that change nothing in an answer. */
const KNOWN_FIELDS: ReadonlySet<string> = new Set([
  'model',
  'messages',
  'stream',
  'stream_options',
  'tools',
  'tool_choice',
  'response_format',
  'max_completion_tokens',
  'max_tokens',
  'temperature',
  'top_p',
  'top_k',
  'stop',
  'seed',
  'reasoning_effort',
  'service_tier',
  'user',
  'safety_identifier',
  'parallel_tool_calls',
  'store',
  'metadata',
])

/**
 * Reads the body of a chat request. Values are checked where they are used; here it is their place that must be right.
 *
 * @throws AIError `request_invalid`, naming the field
 */
export function fromWireRequest(body: unknown): ChatAsk {
  if (!isObject(body)) throw invalid('The body is a JSON object')
  const { model, messages, tools, response_format: format, stream_options: options } = body
  if (typeof model !== 'string' || model === '') throw invalid('model is the id of a model')
  if (!Array.isArray(messages)) throw invalid('messages is an array')
  const output = outputOf(format)
  const reasoning = reasoningOf(body['reasoning_effort'], 'reasoning_effort')
  const toolChoice = toolChoiceOf(body['tool_choice'])
  return {
    model,
    messages: toMessages(messages),
    stream: body['stream'] === true,
    includeUsage: isObject(options) && options['include_usage'] === true,
    tools: toolsOf(tools),
    ...(output && { output }),
    ...samplingOf(body, ['max_completion_tokens', 'max_tokens']),
    ...(reasoning && { reasoning }),
    ...(toolChoice && { toolChoice }),
    ignored: Object.keys(body).filter((name) => !KNOWN_FIELDS.has(name) && body[name] !== null),
  }
}

function toolChoiceOf(choice: unknown): ToolChoice | undefined {
  if (choice === undefined || choice === null) return undefined
  if (choice === 'auto' || choice === 'none' || choice === 'required') return choice
  const called = isObject(choice) ? choice['function'] : undefined
  const name = isObject(called) ? called['name'] : undefined
  if (typeof name !== 'string') throw invalid("tool_choice is 'auto', 'none', 'required' or names a function")
  return { tool: name }
}

function toolsOf(tools: unknown): ToolDefinition[] {
  if (tools === undefined || tools === null) return []
  if (!Array.isArray(tools)) throw invalid('tools is an array')
  return tools.map((tool: unknown, index) =>
    toolIn(isObject(tool) ? tool['function'] : undefined, `tools[${index}]`),
  )
}

function outputOf(format: unknown): JsonSchema | undefined {
  if (!isObject(format) || format['type'] === 'text') return undefined
  if (format['type'] === 'json_object') return { type: 'object' }
  const { schema } = isObject(format['json_schema']) ? format['json_schema'] : {}
  if (!isObject(schema)) throw invalid('response_format is text, json_object or a json_schema')
  return schema
}

/** Results follow each other as messages; groat has those of one turn in one. */
function toMessages(wire: readonly unknown[]): Message[] {
  const names = new Map<string, string>()
  const messages: Message[] = []
  for (const [index, one] of wire.entries()) {
    const message = toMessage(one, `messages[${index}]`, names)
    const last = messages.at(-1)
    const isMore = message.role === 'tool' && last?.role === 'tool'
    if (isMore && typeof last.content !== 'string' && typeof message.content !== 'string')
      messages[messages.length - 1] = { role: 'tool', content: [...last.content, ...message.content] }
    else messages.push(message)
  }
  return messages
}

function toMessage(wire: unknown, where: string, names: Map<string, string>): Message {
  if (!isObject(wire)) throw invalid(`${where} is an object`)
  const { role, content, tool_call_id: id, tool_calls: calls } = wire
  switch (role) {
    case 'system':
    case 'developer':
      return { role: 'system', content: plainOf(content, where) }
    case 'user':
      return { role, content: typeof content === 'string' ? content : toParts(content, where) }
    case 'tool': {
      if (typeof id !== 'string') throw invalid(`${where}.tool_call_id is a text`)
      const result = {
        type: 'tool-result',
        id,
        name: names.get(id) ?? id,
        content: plainOf(content, where),
      } as const
      return { role, content: [result] }
    }
    case 'assistant': {
      const called = toCalls(calls, where)
      for (const call of called) names.set(call.id, call.name)
      const text = content === null || content === undefined ? '' : plainOf(content, where)
      const said: Part[] = text === '' && called.length > 0 ? [] : [{ type: 'text', text }]
      return { role, content: called.length === 0 ? text : [...said, ...called] }
    }
    default:
      throw invalid(`${where}.role is one of system, developer, user, assistant, tool`)
  }
}

function toCalls(calls: unknown, where: string): ToolCallPart[] {
  if (!Array.isArray(calls)) return []
  return calls.map((call: unknown, index) => {
    const at = `${where}.tool_calls[${index}]`
    const { id, function: called } = isObject(call) ? call : {}
    const { name, arguments: given } = isObject(called) ? called : {}
    if (typeof id !== 'string' || typeof name !== 'string')
      throw invalid(`${at} has an id and a function with a name`)
    return { type: 'tool-call', id, name, arguments: argumentsIn(given, `${at}.function`) }
  })
}

/** A text, or parts that are all text. */
function plainOf(content: unknown, where: string): string {
  if (typeof content === 'string') return content
  const parts = toParts(content, where)
  return parts
    .map((part) => (part.type === 'text' ? part.text : refuse(`${where}.content has text only`)))
    .join('')
}

function toParts(content: unknown, where: string): Part[] {
  if (!Array.isArray(content)) throw invalid(`${where}.content is a text or an array of parts`)
  return content.map((part: unknown, index) => toPart(part, `${where}.content[${index}]`))
}

function toPart(part: unknown, where: string): Part {
  const { type, text, refusal, image_url: image, input_audio: audio, file } = isObject(part) ? part : {}
  if (type === 'text' && typeof text === 'string') return { type, text }
  if (type === 'refusal' && typeof refusal === 'string') return { type: 'text', text: refusal }
  const url = isObject(image) ? image['url'] : image
  if (type === 'image_url' && typeof url === 'string') return { type: 'image', url }
  if (type === 'input_audio' && isObject(audio) && typeof audio['data'] === 'string')
    return { type: 'audio', data: audio['data'] }
  if (type === 'file' && isObject(file) && typeof file['file_data'] === 'string') {
    const name = file['filename']
    return { type: 'file', data: file['file_data'], ...(typeof name === 'string' && { name }) }
  }
  throw invalid(`${where} is a text, image_url, input_audio or file with its data`)
}

function refuse(message: string): never {
  throw invalid(message)
}
