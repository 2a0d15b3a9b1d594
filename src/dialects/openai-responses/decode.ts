import { isObject } from '../../core/error-text.ts'
import type { Message, Part, Role } from '../../core/message.ts'
import type { Sampling, ToolChoice } from '../../core/request.ts'
import type { JsonSchema } from '../../core/schema.ts'
import type { ToolDefinition } from '../../core/tool.ts'
import { argumentsIn, invalid, reasoningOf, samplingOf, toolIn } from '../read-ask.ts'
import type { Wire } from './kept.ts'

/** What a client asks for in this dialect, in groat's words: for a server that speaks it. */
export interface ResponsesAsk extends Sampling {
  readonly model: string
  readonly messages: readonly Message[]
  readonly stream: boolean
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
  'input',
  'instructions',
  'stream',
  'stream_options',
  'tools',
  'tool_choice',
  'text',
  'reasoning',
  'max_output_tokens',
  'temperature',
  'top_p',
  'top_k',
  'seed',
  'stop',
  'service_tier',
  'safety_identifier',
  'user',
  'include',
  'store',
  'metadata',
  'parallel_tool_calls',
  'prompt_cache_key',
])

/** Fields without which the answer would be another one: they speak of answers that a server keeps. */
const REFUSED_FIELDS = ['previous_response_id', 'conversation', 'background', 'prompt'] as const

/**
 * Reads the body of a request. Values are checked where they are used; here it is their place that must be right.
 *
 * @throws AIError `request_invalid`, naming the field
 */
export function fromWireRequest(body: unknown): ResponsesAsk {
  if (!isObject(body)) throw invalid('The body is a JSON object')
  const { model, input, instructions, text } = body
  if (typeof model !== 'string' || model === '') throw invalid('model is the id of a model')
  const refused = REFUSED_FIELDS.find(
    (name) => body[name] !== undefined && body[name] !== null && body[name] !== false,
  )
  if (refused !== undefined)
    throw invalid(`${refused} is not there: no answer is kept, send the whole conversation`)
  const output = outputOf(text)
  const thinking = body['reasoning']
  const reasoning = reasoningOf(isObject(thinking) ? thinking['effort'] : undefined, 'reasoning.effort')
  const toolChoice = toolChoiceOf(body['tool_choice'])
  const system: Message[] =
    typeof instructions === 'string' ? [{ role: 'system', content: instructions }] : []
  const { tools, others } = toolsOf(body['tools'])
  return {
    model,
    messages: [...system, ...toMessages(input)],
    stream: body['stream'] === true,
    tools,
    ...(output && { output }),
    ...samplingOf(body, ['max_output_tokens']),
    ...(reasoning && { reasoning }),
    ...(toolChoice && { toolChoice }),
    ignored: [
      ...Object.keys(body).filter((name) => !isRead(name) && body[name] !== null && body[name] !== false),
      ...others,
    ],
  }
}

function isRead(name: string): boolean {
  return KNOWN_FIELDS.has(name) || REFUSED_FIELDS.some((one) => one === name)
}

function toolChoiceOf(choice: unknown): ToolChoice | undefined {
  if (choice === undefined || choice === null) return undefined
  if (choice === 'auto' || choice === 'none' || choice === 'required') return choice
  const { type, name } = isObject(choice) ? choice : {}
  if (type === 'function' && typeof name === 'string') return { tool: name }
  throw invalid("tool_choice is 'auto', 'none', 'required' or names a function")
}

/** Functions; the provider's own tools are named, since whoever answers may have none of them. */
function toolsOf(tools: unknown): { readonly tools: ToolDefinition[]; readonly others: string[] } {
  const found: ToolDefinition[] = []
  const others: string[] = []
  if (tools === undefined || tools === null) return { tools: found, others }
  if (!Array.isArray(tools)) throw invalid('tools is an array')
  for (const [index, tool] of (tools as unknown[]).entries()) {
    if (!isObject(tool) || tool['type'] !== 'function') {
      others.push(`tools[${index}]`)
      continue
    }
    found.push(toolIn(tool, `tools[${index}]`))
  }
  return { tools: found, others }
}

function outputOf(text: unknown): JsonSchema | undefined {
  const format = isObject(text) ? text['format'] : undefined
  if (!isObject(format) || format['type'] === 'text') return undefined
  if (format['type'] === 'json_object') return { type: 'object' }
  if (isObject(format['schema'])) return format['schema']
  throw invalid('text.format is text, json_object or a json_schema with its schema')
}

function toMessages(input: unknown): Message[] {
  if (typeof input === 'string') return [{ role: 'user', content: input }]
  if (!Array.isArray(input)) throw invalid('input is a text or an array of items')
  const names = new Map<string, string>()
  const messages: Message[] = []
  for (const [index, item] of (input as unknown[]).entries()) {
    const { role, parts, text } = toParts(item, `input[${index}]`, names)
    const last = messages.at(-1)
    // What one answer consists of comes as items of its own; groat has it in one message, and so with results.
    const isMore = last?.role === role && (role === 'assistant' || role === 'tool')
    if (isMore) messages[messages.length - 1] = { role, content: [...partsOf(last.content), ...parts] }
    else messages.push({ role, content: text ?? parts })
  }
  return messages
}

function partsOf(content: Message['content']): readonly Part[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content
}

interface Turn {
  readonly role: Role
  readonly parts: readonly Part[]
  /** A message that is only text, written as one. */
  readonly text?: string
}

function toParts(item: unknown, where: string, names: Map<string, string>): Turn {
  if (!isObject(item)) throw invalid(`${where} is an object`)
  const { type = 'message', call_id: id, name } = item
  switch (type) {
    case 'message':
      return toTurn(item, where)
    case 'function_call': {
      if (typeof id !== 'string' || typeof name !== 'string')
        throw invalid(`${where} has a call_id and a name`)
      names.set(id, name)
      const given = argumentsIn(item['arguments'], where)
      return { role: 'assistant', parts: [{ type: 'tool-call', id, name, arguments: given }] }
    }
    case 'function_call_output': {
      if (typeof id !== 'string') throw invalid(`${where}.call_id is a text`)
      const { output } = item
      const content = typeof output === 'string' ? output : textIn(output, `${where}.output`)
      return { role: 'tool', parts: [{ type: 'tool-result', id, name: names.get(id) ?? id, content }] }
    }
    case 'reasoning': {
      const summary = Array.isArray(item['summary']) ? item['summary'].filter(isObject) : []
      const text = summary
        .flatMap((one) => (typeof one['text'] === 'string' ? [one['text']] : []))
        .join('\n\n')
      return { role: 'assistant', parts: text === '' ? [] : [{ type: 'reasoning', text }] }
    }
    default:
      throw invalid(`${where}.type is message, function_call, function_call_output or reasoning`)
  }
}

function toTurn({ role, content }: Wire, where: string): Turn {
  const known = role === 'developer' ? 'system' : role
  if (known !== 'system' && known !== 'user' && known !== 'assistant')
    throw invalid(`${where}.role is one of system, developer, user, assistant`)
  if (typeof content === 'string') return { role: known, parts: partsOf(content), text: content }
  if (!Array.isArray(content)) throw invalid(`${where}.content is a text or an array of parts`)
  if (known === 'system') {
    const text = textIn(content, `${where}.content`)
    return { role: known, parts: partsOf(text), text }
  }
  return {
    role: known,
    parts: content.map((part: unknown, index) => toPart(part, `${where}.content[${index}]`)),
  }
}

function textIn(content: unknown, where: string): string {
  if (!Array.isArray(content)) throw invalid(`${where} is a text or an array of parts`)
  return content
    .map((part: unknown, index) => {
      const one = toPart(part, `${where}[${index}]`)
      if (one.type !== 'text') throw invalid(`${where} has text only`)
      return one.text
    })
    .join('')
}

function toPart(part: unknown, where: string): Part {
  const {
    type,
    text,
    refusal,
    image_url: image,
    file_data: file,
    filename: name,
  } = isObject(part) ? part : {}
  if ((type === 'input_text' || type === 'output_text' || type === 'text') && typeof text === 'string')
    return { type: 'text', text }
  if (type === 'refusal' && typeof refusal === 'string') return { type: 'text', text: refusal }
  if (type === 'input_image' && typeof image === 'string') return { type: 'image', url: image }
  if (type === 'input_file' && typeof file === 'string')
    return { type: 'file', data: file, ...(typeof name === 'string' && { name }) }
  throw invalid(
    `${where} is input_text, output_text, refusal, input_image with its address or input_file with its data`,
  )
}
