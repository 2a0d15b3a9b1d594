import type { Amount } from '../money/amount.ts'
import type { OnLimit } from './budget.ts'
import type { Middleware } from './call.ts'
import type { Message } from './message.ts'
import type { JsonSchema, Schema } from './schema.ts'
import type { Tool, ToolDefinition } from './tool.ts'

/** How hard the model should think. What a model cannot do becomes the nearest level and a warning. */
export type Reasoning =
  | 'off'
  | 'minimal'
  | 'low'
  | 'medium'
  | 'high'
  | 'max'
  | { readonly budgetTokens: number }

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly tool: string }

/** Settings of one request that reach the provider. */
export interface Sampling {
  /** Most tokens in the answer, reasoning included. */
  readonly maxOutputTokens?: number
  /** 0 or more; higher is more random. @default the model's own */
  readonly temperature?: number
  /** Above 0 and at most 1. @default the model's own */
  readonly topP?: number
  /** 1 or more. @default the model's own */
  readonly topK?: number
  /** Texts at which the answer ends; they are not part of it. */
  readonly stop?: string | readonly string[]
  /** A whole number; the same seed gives the same answer where the provider can. */
  readonly seed?: number
  /** @default the model's own */
  readonly reasoning?: Reasoning
  /** Whether the model may, must or must not call tools. @default 'auto' */
  readonly toolChoice?: ToolChoice
  readonly serviceTier?: string
}

/** Who pays, and words to find the call by later. */
export interface Attribution {
  readonly user?: string
  readonly project?: string
  readonly organization?: string
  readonly key?: string
  readonly tags?: readonly string[]
}

/** What a call may cost, over all its attempts and rounds. */
export interface Spending {
  /** Most that this call may cost: an Amount or dollars as a decimal string. @default no limit of its own */
  readonly budget?: Amount | string
  /** What to do when a limit does not cover the call. @default what the budget says, else 'reject' */
  readonly onLimit?: OnLimit
}

/** Everything that can be said about one call. */
export interface CallOptions extends Sampling, Attribution, Spending {
  /** Model id as the provider spells it. @default the provider's configured model */
  readonly model?: string
  /** A system message put before the others. */
  readonly system?: string
  /** What the model can ask for; those with `run` are run, and their results go back to it. */
  readonly tools?: readonly Tool[]
  /** Most rounds of tool calls and answers. @default 8 */
  readonly maxRounds?: number
  /** What the answer must be: it is checked and given as `answer.output`. */
  readonly output?: Schema
  /** Whether an answer that does not fit `output` is asked for once more. @default false */
  readonly repairOutput?: boolean
  /** Middleware for this call, inside the configured ones. */
  readonly middleware?: readonly Middleware[]
  readonly signal?: AbortSignal
  /** Time for the whole call, retries included, in milliseconds. @default none */
  readonly timeoutMs?: number
  /** Retries after the first attempt, before anything was received. @default 2 */
  readonly retries?: number
  /** A provider's own settings, by driver: `{ ollama: { numCtx: 8192 } }`. */
  readonly providerOptions?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** What a driver gets to encode: checked, complete, without anything that does not concern the provider. */
export interface ChatRequest extends Sampling {
  readonly model: string
  /** All messages in order, system included. */
  readonly messages: readonly Message[]
  readonly stream: boolean
  readonly tools?: readonly ToolDefinition[]
  /** JSON Schema that the answer must fit. */
  readonly output?: JsonSchema
  /** The settings under the driver's own name in `providerOptions`. */
  readonly providerOptions: Readonly<Record<string, unknown>>
}

/** What an embedding call takes. */
export interface EmbedOptions extends Attribution, Spending {
  /** @default the provider's configured model */
  readonly model?: string
  /** Length of each vector, where the model can shorten it. */
  readonly dimensions?: number
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
  readonly retries?: number
  readonly providerOptions?: CallOptions['providerOptions']
}

/** What a driver gets to embed. */
export interface EmbedRequest {
  readonly model: string
  readonly values: readonly string[]
  readonly dimensions?: number
  readonly providerOptions: Readonly<Record<string, unknown>>
}
