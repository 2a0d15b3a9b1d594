import type { Amount } from '../money/amount.ts'
import type { BudgetFacts } from '../core/budget.ts'
import type { Cost } from '../core/cost.ts'
import type { AIError } from '../core/errors.ts'
import type { ModelInfo } from '../core/model-info.ts'
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
  /** What a budget's window has spent crossed one of its thresholds: once for each threshold and window. */
  budgetThresholdReached: CallFacts & BudgetFacts & { readonly threshold: number }
  /** A budget does not cover a call: it was refused, or would have been where the budget only observes. */
  budgetExceeded: CallFacts & BudgetFacts & { readonly needed: Amount; readonly enforced: boolean }
  /** A provider billed more than the request's own most, or a call was let in above an observed limit. */
  budgetOverrun: CallFacts & BudgetFacts & { readonly overrun: Amount }
  /** A call goes on with another provider or model. */
  providerFallback: CallFacts & {
    readonly from: string
    readonly to: string
    readonly reason: 'budget' | 'price'
  }
  /** A provider's models were listed and compared with those from before. */
  modelsSynced: {
    readonly provider: string
    readonly models: readonly ModelInfo[]
    readonly added: readonly ModelInfo[]
    readonly changed: readonly ModelInfo[]
    readonly removed: readonly ModelInfo[]
    /** ISO 8601. */
    readonly at: string
  }
  /** A listener failed; nothing else did. */
  error: { readonly event: string; readonly error: unknown }
}

export type EventName = keyof Events

export type Listener<Name extends EventName> = (event: Readonly<Events[Name]>) => void | Promise<void>

/** Most listeners of one event: more is a leak. */
export const LISTENERS_MAX = 1_000
