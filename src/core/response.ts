import type { Amount } from '../money/amount.ts'
import type { Cost } from './cost.ts'
import type { FinishReason } from './finish-reason.ts'
import type { Message, Part, ToolCallPart } from './message.ts'
import type { RateLimits } from './rate-limits.ts'
import type { Usage } from './usage.ts'
import type { Warning } from './warning.ts'

/** A tool call that the answer asks for. */
export type ToolCall = Omit<ToolCallPart, 'type'>

/** One HTTP try inside a call, with its own usage and cost. */
export interface Attempt {
  readonly id: string
  /** 1, and one more each time that results of tools went back to the model. */
  readonly round: number
  readonly provider: string
  readonly model: string
  readonly outcome: 'ok' | 'error' | 'aborted'
  readonly durationMs: number
  readonly usage: Usage
  readonly cost: Cost
  /** The tier that the provider served it at, where it says so. */
  readonly serviceTier?: string
  /** The error's code, where the attempt failed. */
  readonly error?: string
}

/** How long things took, in milliseconds. */
export interface Timing {
  readonly totalMs: number
  /** From the call to the first piece of the answer. */
  readonly firstEventMs: number | undefined
  /** What the provider itself measured. */
  readonly provider?: Readonly<Record<string, number>>
}

/** A complete answer: frozen, safe for JSON (money is written as decimal strings), always with its cost. */
export interface AIResponse<Output = unknown> {
  /** The id of the call. */
  readonly id: string
  readonly text: string
  readonly parts: readonly Part[]
  readonly toolCalls: readonly ToolCall[]
  /** The reasoning text of the answer, in order; empty where there was none. That of earlier rounds is in `messages`. */
  readonly reasoning: string
  /** The checked value, where `output` was asked for; undefined where the answer was cut by its length. */
  readonly output: Output
  /** What this call adds to the conversation: tool calls and results of all rounds, then the answer. */
  readonly messages: readonly Message[]
  readonly finishReason: FinishReason
  readonly usage: Usage
  readonly cost: Cost
  /** What a free answer would have cost with the configured `baseline`: no part of `cost`. */
  readonly savings?: { readonly baseline: string; readonly amount: Amount }
  readonly provider: string
  /** The model that answered, as the provider names it. */
  readonly model: string
  readonly requestedModel: string
  readonly attempts: readonly Attempt[]
  readonly timing: Timing
  /** What the provider said is left of its limits, where it says so; of the last round. */
  readonly rateLimits?: RateLimits
  readonly warnings: readonly Warning[]
  /** The provider's own last record. */
  readonly raw?: unknown
}

/** Vectors, one for each text, in order, and what they cost. */
export interface EmbedResponse {
  readonly id: string
  readonly embeddings: readonly (readonly number[])[]
  readonly usage: Usage
  readonly cost: Cost
  readonly provider: string
  readonly model: string
  readonly attempts: readonly Attempt[]
  readonly warnings: readonly Warning[]
}
