import type { Cost } from '../core/cost.ts'
import type { AIError } from '../core/errors.ts'
import type { Attribution } from '../core/request.ts'
import type { ToolResultPart } from '../core/message.ts'
import type { AIResponse, ToolCall } from '../core/response.ts'
import type { Usage } from '../core/usage.ts'

/** What every event carries. */
export interface CallFacts extends Attribution {
  readonly callId: string
  readonly provider: string
  readonly model: string
  /** Milliseconds since the Unix epoch. */
  readonly at: number
}

/** What happened, in the past tense. Each is frozen; a listener can watch a call and never change it. */
export interface Events {
  /** The first attempt of a call is about to leave. */
  messageSent: CallFacts & { readonly messages: number; readonly stream: boolean }
  /** The answer is complete and its ledger entry is durable. */
  responseGenerated: CallFacts & { readonly response: AIResponse }
  /** The call failed; what it cost is in the ledger. */
  messageFailed: CallFacts & { readonly error: Error }
  /** The cost of an answer: the same that the answer carries. */
  costCalculated: CallFacts & { readonly cost: Cost; readonly usage: Usage }
  /** An attempt failed and another one follows after `delayMs`. */
  providerRetried: CallFacts & { readonly error: AIError; readonly attempt: number; readonly delayMs: number }
  /** The model asked for a tool and it is about to run. */
  toolCalled: CallFacts & { readonly call: ToolCall }
  /** A tool gave its result. */
  toolCompleted: CallFacts & {
    readonly call: ToolCall
    readonly result: ToolResultPart
    readonly durationMs: number
  }
  /** A tool threw, was not known, or got arguments that break its schema; the model is told. */
  toolFailed: CallFacts & { readonly call: ToolCall; readonly error: Error; readonly durationMs: number }
  /** A listener failed; nothing else did. */
  error: { readonly event: string; readonly error: unknown }
}

export type EventName = keyof Events

export type Listener<Name extends EventName> = (event: Readonly<Events[Name]>) => void | Promise<void>

/** Most listeners of one event: more is a leak. */
export const LISTENERS_MAX = 1_000
