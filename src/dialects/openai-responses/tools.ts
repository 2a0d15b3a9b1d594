import { offersTools } from '../../core/needs.ts'
import type { ChatRequest } from '../../core/request.ts'
import type { ToolDefinition } from '../../core/tool.ts'
import type { Warning } from '../../core/warning.ts'
import { toStrictSchema } from '../to-strict-schema.ts'
import type { Wire } from './kept.ts'

/** The tools of a request on the wire. */
export interface WireTools {
  readonly tools: readonly Wire[]
  readonly choice: unknown
  readonly warnings: readonly Warning[]
}

/**
 * Tools of the caller, and those of the provider's own that are asked for. `strict` is always said: left out, the
 * server decides by the schema. Tools stay named where they may not be called: a conversation with calls in it is
 * odd without them.
 */
export function toWireTools(request: ChatRequest, hosted: readonly Wire[], wantsStrict: boolean): WireTools {
  const { tools = [], toolChoice } = request
  const lowered: Record<string, readonly string[]> = {}
  const own = tools.map((tool) => toWireTool(tool, wantsStrict, lowered))
  const all = [...own, ...hosted]
  const warnings = loweredWarning(lowered)
  if (all.length === 0) return { tools: [], choice: undefined, warnings }
  const may = toolChoice !== 'none' && (offersTools(request) || hosted.length > 0)
  if (!may) return { tools: all, choice: 'none', warnings }
  const choice = typeof toolChoice === 'object' ? { type: 'function', name: toolChoice.tool } : toolChoice
  return { tools: all, choice, warnings }
}

function toWireTool(
  { name, description, input }: ToolDefinition,
  wantsStrict: boolean,
  lowered: Record<string, readonly string[]>,
): Wire {
  const { schema, strict, keywords } = toStrictSchema(input, wantsStrict)
  if (keywords.length > 0) lowered[name] = keywords
  const described = description === undefined || description === '' ? {} : { description }
  return { type: 'function', name, ...described, parameters: schema, strict }
}

function loweredWarning(lowered: Readonly<Record<string, readonly string[]>>): Warning[] {
  const names = Object.keys(lowered)
  if (names.length === 0) return []
  const keywords = [...new Set(Object.values(lowered).flat())]
  const message =
    `The provider cannot hold arguments to ${keywords.join(', ')} of the schema of ${names.join(', ')}: that was put ` +
    'into descriptions. Arguments are checked by the schema as it was given'
  return [{ code: 'schema-lowered', message, details: { keywords, tools: lowered } }]
}
