/** One of xAI's own tools, which it calls by itself and bills by the call. */
export interface HostedTool {
  /** On the wire. */
  readonly type: string
  /** What `providerOptions.xai` has for it: settings that it cannot do without, or `true` as well. */
  readonly kind: 'toggle' | 'object'
  /** In groat's words, as prices name it. */
  readonly name: string
}

/** By the names in `providerOptions.xai` (docs.x.ai, tools). Functions of the caller are the dialect's business. */
const HOSTED_TOOLS: Readonly<Record<string, HostedTool>> = {
  webSearch: { type: 'web_search', kind: 'toggle', name: 'web-search' },
  xSearch: { type: 'x_search', kind: 'toggle', name: 'x-search' },
  codeExecution: { type: 'code_interpreter', kind: 'toggle', name: 'code-execution' },
  imageGeneration: { type: 'image_generation', kind: 'toggle', name: 'image-generation' },
  fileSearch: { type: 'file_search', kind: 'object', name: 'file-search' },
  mcp: { type: 'mcp', kind: 'object', name: 'mcp' },
}

export const HOSTED_TOOL_NAMES: readonly string[] = Object.keys(HOSTED_TOOLS)

/** The tool with a name in `providerOptions.xai`. */
export function hostedTool(name: string): HostedTool | undefined {
  return Object.hasOwn(HOSTED_TOOLS, name) ? HOSTED_TOOLS[name] : undefined
}

/** What a tool is called on a bill. */
export function billedName(type: unknown): string {
  return Object.values(HOSTED_TOOLS).find((tool) => tool.type === type)?.name ?? String(type)
}

/**
 * A tool on the wire, once it is asked for; names inside are the API's own in camel case. A field that it does not know is
 * refused by it, so that what OpenAI has for its tools cannot be passed on.
 */
export function toHostedTools(
  { type }: HostedTool,
  value: unknown,
): readonly Readonly<Record<string, unknown>>[] {
  if (value === false) return []
  const settings = typeof value === 'object' && value !== null ? Object.entries(value) : []
  return [{ type, ...Object.fromEntries(settings.map(([name, one]) => [toWireName(name), one])) }]
}

function toWireName(setting: string): string {
  return setting.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
