import { isObject } from '../../core/error-text.ts'
import { toUsage, type Usage } from '../../core/usage.ts'
import type { Wire } from './kept.ts'

/**
 * The usage of an answer. Cached tokens and those written to the cache are inside the input, reasoning inside the
 * output, so that nothing is added; but for servers that count reasoning, or what was cached, beside it (xAI), which
 * their total or the counts themselves show.
 */
export function toResponsesUsage(told: unknown): Usage {
  if (!isObject(told)) return toUsage({})
  // A stored answer that is fetched again has the names of Chat Completions at some providers.
  const input = told['input_tokens'] ?? told['prompt_tokens']
  const output = told['output_tokens'] ?? told['completion_tokens']
  const inputDetails = objectOf(told['input_tokens_details'] ?? told['prompt_tokens_details'])
  const outputDetails = objectOf(told['output_tokens_details'] ?? told['completion_tokens_details'])
  const cached = inputDetails['cached_tokens']
  const reasoning = outputDetails['reasoning_tokens']
  const isBeside = isCount(cached) && isCount(input) && cached > input
  return toUsage({
    inputTokens: isBeside ? input + cached : input,
    cacheReadTokens: cached,
    cacheWriteTokens: inputDetails['cache_write_tokens'],
    inputAudioTokens: inputDetails['audio_tokens'],
    inputImageTokens: inputDetails['image_tokens'],
    outputTokens: outputOf({ input, output, reasoning, total: told['total_tokens'] }),
    reasoningTokens: reasoning,
    outputAudioTokens: outputDetails['audio_tokens'],
    outputImageTokens: outputDetails['image_tokens'],
    raw: told,
  })
}

interface Told {
  readonly input: unknown
  readonly output: unknown
  readonly reasoning: unknown
  readonly total: unknown
}

/** What was written, reasoning included. */
function outputOf({ input, output, reasoning, total }: Told): unknown {
  if (!isCount(input) || !isCount(output) || !isCount(reasoning) || !isCount(total)) return output
  return reasoning > 0 && total === input + output + reasoning ? output + reasoning : output
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function objectOf(value: unknown): Wire {
  return isObject(value) ? value : {}
}

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
export function toolCallsOf(response: Wire, items: readonly Wire[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const item of items) {
    const name = typeof item['type'] === 'string' ? TOOL_ITEMS[item['type']] : undefined
    if (name === undefined || !isBilled(item)) continue
    counts[name] = (counts[name] ?? 0) + 1
  }
  const usage = objectOf(response['usage'])
  const told = objectOf(response['tool_usage'] ?? usage['server_side_tool_usage_details'])
  for (const [field, value] of Object.entries(told)) {
    const name = Object.hasOwn(TOOL_COUNTS, field) ? TOOL_COUNTS[field] : undefined
    const count = isObject(value) ? value['num_requests'] : value
    if (name !== undefined && isCount(count)) counts[name] = count
  }
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0))
}

function isBilled({ status, action }: Wire): boolean {
  if (status === 'failed') return false
  return !isObject(action) || action['type'] === undefined || action['type'] === 'search'
}
