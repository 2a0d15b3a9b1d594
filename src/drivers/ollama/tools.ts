import { resultsIn } from '../../core/media-parts.ts'
import type { Message, ToolCallPart, ToolResultPart } from '../../core/message.ts'
import { offersTools } from '../../core/needs.ts'
import type { ChatRequest } from '../../core/request.ts'
import type { ToolCall } from '../../core/response.ts'
import type { ToolDefinition } from '../../core/tool.ts'
import type { Warning } from '../../core/warning.ts'
import { isObject } from '../../core/error-text.ts'
import { lowerSchema } from '../lower-schema.ts'
import { describedBy } from '../../core/schema-words.ts'
import { resultText, toToolCall } from '../../dialects/tool-call.ts'

type Wire = Readonly<Record<string, unknown>>

/** The tools of a request on the wire, and what else must be said so that they are used as asked. */
export interface WireTools {
  readonly tools: readonly Wire[]
  /** What the model is told, since Ollama has no tool_choice. */
  readonly instruction: string | undefined
  readonly warnings: readonly Warning[]
}

/**
 * Definitions as Ollama takes them. Its decoder keeps `type`, `description`, `enum`, `anyOf`, `properties`, `required`
 * and `items` of a property and drops the rest without a word (ollama/ollama api/types.go, ToolProperty).
 */
export function toWireTools(definitions: readonly ToolDefinition[]): Omit<WireTools, 'instruction'> {
  const lowered: Record<string, readonly string[]> = {}
  const tools = definitions.map(({ name, description = '', input }) => {
    const { schema, description: words, keywords } = lowerSchema(input)
    if (keywords.length > 0) lowered[name] = keywords
    const told = describedBy(description, words === '' ? [] : [words])
    const named = { name, ...(told === '' ? {} : { description: told }) }
    return { type: 'function', function: { ...named, parameters: schema } }
  })
  const names = Object.keys(lowered)
  if (names.length === 0) return { tools, warnings: [] }
  const keywords = [...new Set(Object.values(lowered).flat())]
  const message =
    `Ollama would drop ${keywords.join(', ')} from the schema of ${names.join(', ')}: they were rewritten or put into ` +
    'descriptions. Arguments are checked by the schema as it was given'
  return { tools, warnings: [{ code: 'schema-lowered', message, details: { keywords, tools: lowered } }] }
}

/** The tools that a request offers, with its `toolChoice` acted out: Ollama itself has none. */
export function offeredTools(request: ChatRequest): WireTools {
  const { tools = [], toolChoice } = request
  if (!offersTools(request)) return { tools: [], instruction: undefined, warnings: [] }
  const named = typeof toolChoice === 'object' ? toolChoice.tool : undefined
  const offered = named === undefined ? tools : tools.filter(({ name }) => name === named)
  const wire = toWireTools(offered)
  if (named === undefined && toolChoice !== 'required') return { ...wire, instruction: undefined }
  const which = named === undefined ? 'one of your tools' : `the tool ${named}`
  const emulated: Warning = {
    code: 'tool-choice-emulated',
    message: `Ollama cannot make a model call ${which}: it was asked to in the system message`,
    details: { toolChoice },
  }
  return {
    ...wire,
    instruction: `You must call ${which} now. Do not answer in any other way.`,
    warnings: [...wire.warnings, emulated],
  }
}

/** A call of the conversation. `arguments` is an object: anything else is refused by the server. */
export function toWireToolCall({ id, name, arguments: given }: ToolCallPart): Wire {
  return { id, function: { name, arguments: toToolCall({ id, name, given }).arguments } }
}

/** A result, as a message of its own: templates read `tool_name`, llama-server `tool_call_id`. */
export function toWireToolResult({ id, name, content, isError }: ToolResultPart): Wire {
  return { role: 'tool', content: resultText(content, isError), tool_name: name, tool_call_id: id }
}

/** Each result of a message on its own, in order. Only middleware can put a text there. */
export function toWireToolResults({ role, content }: Message): readonly Wire[] {
  return typeof content === 'string' ? [{ role, content }] : resultsIn(content).map(toWireToolResult)
}

/**
 * The tool calls of one record. Order of arrival is the only order that can be trusted: `index` may always be 0.
 * Servers before 0.12.10 send no id; one is made that is unique within the answer.
 */
export function fromWireToolCalls(calls: readonly unknown[], before: number): ToolCall[] {
  return calls.flatMap((call, index) => {
    if (!isObject(call) || !isObject(call['function'])) return []
    const { id } = call
    const { name, arguments: given } = call['function']
    return toToolCall({
      id: typeof id === 'string' && id !== '' ? id : `call_${before + index + 1}`,
      name: typeof name === 'string' ? name : '',
      given: given ?? {},
    })
  })
}
