import { billedName as billed, type HostedTools } from '../hosted-tools.ts'

/**
 * By the names in `providerOptions.xai` (docs.x.ai, tools). Functions of the caller are the dialect's business. xAI refuses a
 * field that it does not know, so that what OpenAI has for its tools cannot be passed on.
 */
export const HOSTED_TOOLS: HostedTools = {
  webSearch: { type: 'web_search', kind: 'toggle', name: 'web-search' },
  xSearch: { type: 'x_search', kind: 'toggle', name: 'x-search' },
  codeExecution: { type: 'code_interpreter', kind: 'toggle', name: 'code-execution' },
  imageGeneration: { type: 'image_generation', kind: 'toggle', name: 'image-generation' },
  fileSearch: { type: 'file_search', kind: 'object', name: 'file-search' },
  mcp: { type: 'mcp', kind: 'object', name: 'mcp' },
}

/** What a tool is called on a bill. */
export function billedName(type: unknown): string {
  return billed(HOSTED_TOOLS, type)
}
