import type { Amount } from '../money/amount.ts'
import type { OnLimit } from './budget.ts'
import type { Attribution, CallOptions, ChatRequest, EmbedRequest } from './request.ts'
import type { AIResponse } from './response.ts'
import type { PreparedSchema } from './schema.ts'
import type { StreamEvent } from './stream.ts'
import type { PreparedTool } from './tool.ts'

/** Where the events of a streamed call leave, with back-pressure: wait for the promise if there is one. */
export interface Sink {
  write(event: StreamEvent): void | Promise<void>
}

/** What every use of the client has, whatever it asks for. */
export interface BaseCall {
  readonly id: string
  /** Name of the configured provider. */
  readonly provider: string
  readonly request: { readonly model: string }
  readonly attribution: Attribution
  readonly signal: AbortSignal | undefined
  /** When the call must be over, on the runtime's monotonic clock. */
  readonly deadlineMs: number | undefined
  readonly retries: number
  /** Most that the call may cost, over all attempts; undefined where only budgets limit it. */
  readonly budget: Amount | undefined
  readonly onLimit: OnLimit | undefined
  /** The settings for every driver, for a call that ends on another one than it began with. */
  readonly providerOptions: CallOptions['providerOptions']
}

/** One use of the client, on its way to a provider. Middleware may pass a changed copy to `next`. */
export interface Call extends BaseCall {
  readonly request: ChatRequest
  /** The tools behind `request.tools`, by name. */
  readonly tools: ReadonlyMap<string, PreparedTool>
  readonly maxRounds: number
  /** What `request.output` is checked with. */
  readonly output: PreparedSchema | undefined
  readonly repairOutput: boolean
  /** Present when the caller streams. */
  readonly sink: Sink | undefined
}

/** Texts on their way to become vectors. */
export interface EmbedCall extends BaseCall {
  readonly request: EmbedRequest
}

/** Sends the call on; resolves with the complete answer, in both modes. May be called once. */
export type Next = (call: Call) => Promise<AIResponse>

/** Wraps a call, in both modes alike: what comes before `next`, after it, and around its errors. */
export type Middleware = (call: Call, next: Next) => Promise<AIResponse>
