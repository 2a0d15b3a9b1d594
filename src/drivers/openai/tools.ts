import { billedName as billed, type HostedTools } from '../hosted-tools.ts'

/** By the names in `providerOptions.openai` (openai.yaml, Tool). Functions of the caller are the dialect's business. */
export const HOSTED_TOOLS: HostedTools = {
  webSearch: { type: 'web_search', kind: 'toggle', name: 'web-search' },
  fileSearch: { type: 'file_search', kind: 'object', name: 'file-search' },
  codeExecution: {
    type: 'code_interpreter',
    kind: 'toggle',
    name: 'code-execution',
    defaults: { container: { type: 'auto' } },
  },
  imageGeneration: { type: 'image_generation', kind: 'toggle', name: 'image-generation' },
  mcp: { type: 'mcp', kind: 'object', name: 'mcp' },
}

/** Types of tools that a caller can put into `providerOptions.openai.tools`, and runs itself. */
const RUN_BY_CALLER: ReadonlySet<unknown> = new Set(['function', 'custom', 'namespace'])

/** What a tool is called on a bill; undefined for one that OpenAI does not call itself. */
export function billedName(type: unknown): string | undefined {
  return RUN_BY_CALLER.has(type) ? undefined : billed(HOSTED_TOOLS, type)
}
