import { isObject } from '../core/error-text.ts'

type Wire = Readonly<Record<string, unknown>>

/** A tool of a provider's own, which it calls by itself. */
export interface HostedTool {
  /** On the wire. */
  readonly type: string
  /** What `providerOptions` has for it: settings that it cannot do without, or `true` as well. */
  readonly kind: 'toggle' | 'object'
  /** In groat's words, as prices name it. */
  readonly name: string
  /** What it cannot do without and has one usual value. */
  readonly defaults?: Wire
}

/** By their names in `providerOptions`. */
export type HostedTools = Readonly<Record<string, HostedTool>>

/** The tool with a name in `providerOptions`. */
export function hostedTool(tools: HostedTools, name: string): HostedTool | undefined {
  return Object.hasOwn(tools, name) ? tools[name] : undefined
}

/** What a tool is called on a bill. */
export function billedName(tools: HostedTools, type: unknown): string {
  return Object.values(tools).find((tool) => tool.type === type)?.name ?? String(type).replaceAll('_', '-')
}

/** A tool on the wire, once it is asked for; names inside are the API's own in camel case. */
export function toHostedTools({ type, defaults = {} }: HostedTool, value: unknown): readonly Wire[] {
  if (value === false) return []
  return [{ type, ...defaults, ...(isObject(value) ? renamed(value) : {}) }]
}

/** The names of objects, and of those inside them, as the API spells them. Names that are data stay as they are. */
export function toWireNames(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toWireNames)
  return isObject(value) ? renamed(value) : value
}

/** Fields in which names are data. */
const DATA: ReadonlySet<string> = new Set(['headers', 'metadata', 'schema'])

function renamed(value: Wire): Wire {
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      DATA.has(name) ? one : toWireNames(one),
    ]),
  )
}
