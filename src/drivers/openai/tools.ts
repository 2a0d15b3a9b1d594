import { isObject } from '../../core/error-text.ts'

/** One of OpenAI's own tools, which it calls by itself. */
export interface HostedTool {
  /** On the wire. */
  readonly type: string
  /** What `providerOptions.openai` has for it: settings that it cannot do without, or `true` as well. */
  readonly kind: 'toggle' | 'object'
  /** In groat's words, as prices name it. */
  readonly name: string
  /** What it cannot do without and has one usual value. */
  readonly defaults?: Readonly<Record<string, unknown>>
}

/** By the names in `providerOptions.openai` (openai.yaml, Tool). Functions of the caller are the dialect's business. */
const HOSTED_TOOLS: Readonly<Record<string, HostedTool>> = {
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

export const HOSTED_TOOL_NAMES: readonly string[] = Object.keys(HOSTED_TOOLS)

/** The tool with a name in `providerOptions.openai`. */
export function hostedTool(name: string): HostedTool | undefined {
  return Object.hasOwn(HOSTED_TOOLS, name) ? HOSTED_TOOLS[name] : undefined
}

/** What a tool is called on a bill; undefined for one that OpenAI does not call itself. */
export function billedName(type: unknown): string | undefined {
  if (type === 'function' || type === 'custom' || type === 'namespace') return undefined
  return (
    Object.values(HOSTED_TOOLS).find((tool) => tool.type === type)?.name ?? String(type).replaceAll('_', '-')
  )
}

/** A tool on the wire, once it is asked for; names inside are the API's own in camel case. */
export function toHostedTools(
  { type, defaults = {} }: HostedTool,
  value: unknown,
): readonly Readonly<Record<string, unknown>>[] {
  if (value === false) return []
  return [
    {
      type,
      ...defaults,
      ...(isObject(value) ? (toWireNames(value) as Readonly<Record<string, unknown>>) : {}),
    },
  ]
}

/** The names of an object, and of those inside it, as the API spells them. Names that are data stay as they are. */
export function toWireNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toWireNames)
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      name === 'headers' || name === 'metadata' || name === 'schema' ? one : toWireNames(one),
    ]),
  )
}
