import type { MediaPart, Message } from './message.ts'
import type { JsonSchema, PreparedSchema, Schema } from './schema.ts'

/** What a tool may use while it runs. */
export interface ToolContext {
  readonly callId: string
  readonly toolCallId: string
  /** Fires when the call is aborted. */
  readonly signal: AbortSignal | undefined
  /** The conversation so far. */
  readonly messages: readonly Message[]
}

/** Something that the model can ask for. Without `run` it is not executed: the answer carries the call. */
export interface Tool<Input = unknown> {
  /** Letters, digits, `_` and `-`. */
  readonly name: string
  readonly description?: string
  /** What its arguments must be: a Standard Schema (zod, valibot, arktype) or JSON Schema. */
  readonly input: Schema<Input>
  /** The JSON Schema of `input`, for libraries that do not tell it themselves. */
  readonly jsonSchema?: JsonSchema
  /** Runs it with checked arguments; what it gives back, or throws, goes back to the model. */
  run?(this: void, input: Input, context: ToolContext): unknown
}

/** What a tool gives back where pictures, sounds or files belong to it: `new ToolOutput('A chart', [{ type: 'image', data }])`. */
export class ToolOutput {
  readonly content: unknown
  readonly media: readonly MediaPart[]

  constructor(content: unknown, media: readonly MediaPart[]) {
    this.content = content
    this.media = media
  }
}

/** A tool as the model sees it. */
export interface ToolDefinition {
  readonly name: string
  readonly description?: string
  readonly input: JsonSchema
}

/** A tool that is ready to be offered and run. */
export interface PreparedTool {
  readonly tool: Tool
  readonly definition: ToolDefinition
  readonly input: PreparedSchema
}
