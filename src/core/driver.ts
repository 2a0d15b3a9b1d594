import type { Capability } from './capability.ts'
import type { UsageLine } from './cost.ts'
import type { Health } from './health.ts'
import type { ModelInfo } from './model-info.ts'
import type { ChatRequest } from './request.ts'
import type { DriverEvent } from './stream.ts'
import type { Usage } from './usage.ts'

/** What one attempt may use: where its events go, and when it must stop. */
export interface AttemptContext {
  readonly signal: AbortSignal | undefined
  /** Time left for the whole call, in milliseconds. */
  readonly timeLeftMs: number | undefined
  /** Takes a batch of events in order; when it returns a promise, nothing more may be written before it resolves. */
  write(events: readonly DriverEvent[]): void | Promise<void>
}

/** Where a model runs: proven, declared by the user, or not known. Only the first two can be free. */
export type Locality = 'local' | 'declared' | 'remote' | 'unknown'

/** What the pipeline needs to price an attempt; drivers know no prices. */
export interface Bill {
  readonly locality: Locality
  /** The model that is billed, as the price list names it. */
  readonly model: string
  readonly lines: readonly UsageLine[]
}

/** Options that every probe and listing takes. */
export interface QueryOptions {
  readonly signal?: AbortSignal
  readonly timeoutMs?: number
}

/** groat's code for one provider: the contract that `groat/testing` holds every driver to. */
export interface Driver {
  /** The name under which the user configured it. */
  readonly provider: string
  readonly capabilities: ReadonlySet<Capability>
  /** One HTTP try of a chat request, start to end. Ends with an `end` event or rejects with an AIError. */
  attempt(request: ChatRequest, context: AttemptContext): Promise<void>
  /** Which counts are billed as what, for an attempt that ended or failed. */
  bill(model: string, usage: Usage, facts: Readonly<Record<string, unknown>> | undefined): Bill
  listModels(options?: QueryOptions): Promise<readonly ModelInfo[]>
  getModel(id: string, options?: QueryOptions): Promise<ModelInfo>
  /** Asks the cheapest honest question; never throws for a server that is down, never generates text. */
  health(options?: QueryOptions & { readonly model?: string }): Promise<Health>
  /** Closes the driver's connections. */
  close(): Promise<void>
}
