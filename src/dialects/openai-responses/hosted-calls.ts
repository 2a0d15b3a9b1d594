import { isObject } from '../../core/error-text.ts'
import { isCount, objectOf } from '../openai-usage.ts'
import type { Wire } from './kept.ts'
import type { ToldItem } from './told.ts'

/** The provider's own tools in groat's words, by the type of item that tells of a call. */
const TOOL_ITEMS: Readonly<Record<string, string>> = {
  web_search_call: 'web-search',
  x_search_call: 'x-search',
  file_search_call: 'file-search',
  code_interpreter_call: 'code-execution',
  code_execution_call: 'code-execution',
  image_generation_call: 'image-generation',
  shell_call: 'shell',
  computer_call: 'computer',
  mcp_call: 'mcp',
}

/** The same, by the fields in which answers count them. */
const TOOL_COUNTS: Readonly<Record<string, string>> = {
  web_search: 'web-search',
  web_search_calls: 'web-search',
  x_search_calls: 'x-search',
  file_search: 'file-search',
  file_search_calls: 'file-search',
  code_interpreter: 'code-execution',
  code_interpreter_calls: 'code-execution',
  document_search_calls: 'document-search',
  image_generation_calls: 'image-generation',
  mcp_calls: 'mcp',
}

/**
 * Calls of the provider's own tools that it bills, by name: as it counts them where it does, else as many as the answer
 * tells of. Opening or searching a page that was found is no search of its own.
 */
export function toolCallsOf(response: Wire, items: readonly ToldItem[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const item of items) {
    const name = nameIn(TOOL_ITEMS, item.type)
    if (name === undefined || !isBilled(item)) continue
    counts[name] = (counts[name] ?? 0) + 1
  }
  const usage = objectOf(response['usage'])
  const told = objectOf(response['tool_usage'] ?? usage['server_side_tool_usage_details'])
  for (const [field, value] of Object.entries(told)) {
    const name = nameIn(TOOL_COUNTS, field)
    const count = isObject(value) ? value['num_requests'] : value
    if (name !== undefined && isCount(count)) counts[name] = count
  }
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}

function nameIn(names: Readonly<Record<string, string>>, told: unknown): string | undefined {
  return typeof told === 'string' && Object.hasOwn(names, told) ? names[told] : undefined
}

function isBilled({ status, action }: ToldItem): boolean {
  if (status === 'failed') return false
  return action === undefined || action === 'search'
}
