import { isReadyMedia } from '../../core/media-parts.ts'
import type { Part, ToolCallPart, ToolResultPart } from '../../core/message.ts'
import { isObject } from '../../core/error-text.ts'
import type { ChatRequest } from '../../core/request.ts'
import type { ToolCall } from '../../core/response.ts'
import type { JsonSchema } from '../../core/schema.ts'
import type { ToolDefinition } from '../../core/tool.ts'
import { ignored, type Warning } from '../../core/warning.ts'
import { toToolCall, toWireId } from '../../dialects/tool-call.ts'
import { toSubset, type SchemaSubset } from '../schema-subset.ts'
import { invalid } from '../settings.ts'
import type { Settings } from './api.ts'
import type { Traits } from './models.ts'

type Wire = Readonly<Record<string, unknown>>

/** Keywords of JSON Schema that Gemini holds a model to (ai.google.dev gemini-api/docs: structured output). */
const KEYWORDS: ReadonlySet<string> = new Set([
  '$id',
  '$defs',
  '$ref',
  '$anchor',
  'type',
  'format',
  'title',
  'description',
  'enum',
  'items',
  'prefixItems',
  'minItems',
  'maxItems',
  'minimum',
  'maximum',
  'anyOf',
  'oneOf',
  'properties',
  'additionalProperties',
  'required',
  'propertyOrdering',
])

/** A schema as Gemini takes it: `const` as an `enum` of one, references as they are. */
export function toWireSchema(schema: JsonSchema): SchemaSubset {
  return toSubset(schema, KEYWORDS)
}

/** What a request says about tools. */
export interface WireTools {
  /** `tools` and `toolConfig`, where there are any. */
  readonly fields: Wire
  /** Whether functions are declared. */
  readonly declares: boolean
  readonly warnings: readonly Warning[]
}

/**
 * Functions, Google's own tools, and which of them the model may or must use. `NONE` stops functions and not Google's
 * own tools, which are left out then.
 *
 * @throws AIError `request_invalid` for both kinds together with a model that takes one of them at a time
 */
export function offeredTools(request: ChatRequest, settings: Settings, traits: Traits): WireTools {
  const { tools = [], toolChoice } = request
  const { functionCallingMode, retrievalConfig } = settings.own
  const builtIn = toolChoice === 'none' ? [] : Object.entries(settings.builtIn)
  // A model before Gemini 3 takes no JSON format beside declarations, and calls nothing here anyway.
  const declared = toolChoice === 'none' && request.output !== undefined && !traits.isGemini3 ? [] : tools
  const warnings: Warning[] = []
  if (toolChoice === 'none' && Object.keys(settings.builtIn).length > 0) {
    const names = Object.keys(settings.builtIn).join(', ')
    warnings.push(ignored(names, "toolChoice is 'none', which Google's own tools do not keep to"))
  }
  if (declared.length > 0 && builtIn.length > 0 && !traits.isGemini3) {
    const names = builtIn.map(([name]) => name).join(', ')
    throw invalid(
      `${request.model} takes tools or ${names}, and not both in one request: leave one out, or use Gemini 3 or later`,
    )
  }
  const { declarations, warnings: lowered } = toDeclarations(declared)
  const functions = declarations.length === 0 ? [] : [{ functionDeclarations: declarations }]
  const own = builtIn.map(([name, value]) => ({ [name]: value }))
  const choice = declarations.length === 0 ? undefined : toChoice(toolChoice, functionCallingMode)
  const config = {
    ...(choice === undefined ? {} : { functionCallingConfig: choice }),
    ...(retrievalConfig === undefined ? {} : { retrievalConfig }),
    ...(functions.length > 0 && own.length > 0 ? { includeServerSideToolInvocations: true } : {}),
  }
  const fields = {
    ...(functions.length + own.length === 0 ? {} : { tools: [...functions, ...own] }),
    ...(Object.keys(config).length === 0 ? {} : { toolConfig: config }),
  }
  return { fields, declares: functions.length > 0, warnings: [...warnings, ...lowered] }
}

function toChoice(choice: ChatRequest['toolChoice'], mode: string | undefined): Wire | undefined {
  if (typeof choice === 'object') return { mode: 'ANY', allowedFunctionNames: [choice.tool] }
  if (choice === 'required') return { mode: 'ANY' }
  if (choice === 'none') return { mode: 'NONE' }
  return mode === undefined ? undefined : { mode: mode.toUpperCase() }
}

function toDeclarations(tools: readonly ToolDefinition[]): {
  readonly declarations: readonly Wire[]
  readonly warnings: readonly Warning[]
} {
  const lowered: Record<string, readonly string[]> = {}
  const declarations = tools.map(({ name, description, input }) => {
    const { schema, keywords } = toWireSchema(input)
    if (keywords.length > 0) lowered[name] = keywords
    return {
      name,
      ...(description === undefined || description === '' ? {} : { description }),
      // An object without properties is refused; a tool without arguments says nothing of them.
      ...(hasArguments(schema) ? { parametersJsonSchema: schema } : {}),
    }
  })
  const names = Object.keys(lowered)
  if (names.length === 0) return { declarations, warnings: [] }
  const keywords = [...new Set(Object.values(lowered).flat())]
  const message =
    `Gemini does not know ${keywords.join(', ')} in the schema of ${names.join(', ')}: they were put into ` +
    'descriptions. Arguments are checked by the schema as it was given'
  return {
    declarations,
    warnings: [{ code: 'schema-lowered', message, details: { keywords, tools: lowered } }],
  }
}

function hasArguments(schema: JsonSchema): boolean {
  const { properties } = schema
  const others = Object.keys(schema).some((keyword) => !PLAIN_OBJECT.has(keyword))
  return others || (isObject(properties) && Object.keys(properties).length > 0)
}

const PLAIN_OBJECT: ReadonlySet<string> = new Set(['type', 'properties', 'required', 'additionalProperties'])

/** What goes back to Gemini on exactly the part that it came on; the base class keeps it from other models. */
export interface Kept {
  /** Opaque, never merged with another one and never written anew. */
  readonly thoughtSignature?: string
  /** The call's id as the model gave it. */
  readonly id?: string
  /** A part that groat has no words for, as it was. */
  readonly part?: Wire
}

/** What this model gave with a part; undefined where that was nothing, or was changed on the way. */
export function keptOn(part: Part): Kept | undefined {
  const data = 'providerData' in part ? part.providerData : undefined
  if (!isObject(data)) return undefined
  const { thoughtSignature, id, part: raw } = data
  return {
    ...(isSignature(thoughtSignature) ? { thoughtSignature } : {}),
    ...(typeof id === 'string' && id !== '' ? { id } : {}),
    ...(isObject(raw) ? { part: raw } : {}),
  }
}

/** Signatures are base64; anything else would fail the whole request. */
function isSignature(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length % 4 === 0 &&
    /^[A-Za-z0-9+/]+={0,2}$/.test(value)
  )
}

/** Stands in for the signature of a call that this model did not make (ai.google.dev gemini-api/docs/thought-signatures). */
export const NO_SIGNATURE = 'skip_thought_signature_validator'

/** A call of the conversation, with the id and the signature that it came with. */
export function toWireToolCall(call: ToolCallPart): Wire {
  const { thoughtSignature } = keptOn(call) ?? {}
  return {
    functionCall: {
      ...idOf(call),
      name: call.name,
      args: toToolCall({ ...call, given: call.arguments }).arguments,
    },
    ...(thoughtSignature === undefined ? {} : { thoughtSignature }),
  }
}

/** A result; `call` is the one that it answers, where the conversation has it. */
export function toWireToolResult(result: ToolResultPart, call: ToolCallPart | undefined): Wire {
  const { id, name, content, isError, media = [] } = result
  const ids = call ? idOf(call) : { id: wireId(id) }
  const output = content === undefined || content === '' ? 'ok' : content
  const response = isError === true ? { error: content === '' ? 'error' : content } : { output }
  // `$ref` is a word of Gemini's own there, at any depth: as a text it is one of the tool's.
  const safe = hasRef(response) ? mapped(response) : response
  const parts = media
    .filter(isReadyMedia)
    .map(({ mediaType: mimeType, data }) => ({ inlineData: { mimeType, data } }))
  return { functionResponse: { ...ids, name, response: safe, ...(parts.length > 0 && { parts }) } }
}

/** The model's own id, or none where it gave none; calls of other models keep theirs, as far as Gemini takes it. */
function idOf(call: ToolCallPart): { readonly id?: string } {
  const kept = keptOn(call)
  if (kept?.id !== undefined) return { id: kept.id }
  // Some calls come with neither an id nor a signature: then groat's own id is all there is to see it by.
  return kept || MINTED.test(call.id) ? {} : { id: wireId(call.id) }
}

const MINTED = /^gemini_call_\d+(?:_\d+)*$/
const ID_CHARS_MAX = 64

function wireId(id: string): string {
  return toWireId(id.replace(/[^A-Za-z0-9_-]/g, '_'), ID_CHARS_MAX)
}

const DEPTH_MAX = 64

function hasRef(value: unknown, depth: number = 0): boolean {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return false
  return Object.entries(value).some(([name, one]) => name === '$ref' || hasRef(one, depth + 1))
}

function mapped(response: Wire): Wire {
  return Object.fromEntries(Object.entries(response).map(([name, one]) => [name, JSON.stringify(one)]))
}

/** A call that a part of an answer makes; `number` counts the calls of the answer from 1. */
export function fromWireToolCall(part: Wire, number: number): ToolCall | undefined {
  const called = part['functionCall']
  if (!isObject(called)) return undefined
  const { id, name, args } = called
  const { thoughtSignature } = part
  const given = typeof id === 'string' && id !== '' ? id : undefined
  const kept: Kept = {
    ...(typeof thoughtSignature === 'string' && thoughtSignature !== '' ? { thoughtSignature } : {}),
    ...(given === undefined ? {} : { id: given }),
  }
  const call = toToolCall({
    id: given ?? `gemini_call_${number}`,
    name: typeof name === 'string' ? name : '',
    // Left out where the tool takes none.
    given: args ?? {},
  })
  return Object.keys(kept).length === 0 ? call : { ...call, providerData: kept }
}
