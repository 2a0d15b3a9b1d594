import type { Capability } from './capability.ts'
import type { LineKind, UsageLine } from './cost.ts'
import type { Health } from './health.ts'
import type { ModelInfo } from './model-info.ts'
import type { ChatRequest, EmbedRequest } from './request.ts'
import type { DriverEvent } from './stream.ts'
import type { Usage } from './usage.ts'
import type { Warning } from './warning.ts'

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
  /**
   * Whose published prices apply (`openai`, `xai`, `gemini`); undefined where nobody's are known to, so that only the
   * user's own prices count.
   */
  readonly vendor?: string | undefined
  /** The model that is billed, as the answer names it. */
  readonly model: string
  readonly lines: readonly UsageLine[]
  /** The tier that the answer says it was served at; the one that was asked for may have been lowered. */
  readonly serviceTier?: string | undefined
  /** What the provider says it charged; a tick is 1e-10 dollars. */
  readonly reported?: { readonly quantity: number; readonly unit: 'usd-tick' } | undefined
}

/**
 * The most that one attempt of a request can be billed for, before prices: an upper bound, never an estimate. What
 * cannot be bounded from the request is undefined, and the model's own limits bound it.
 */
export interface Demand {
  readonly vendor?: string | undefined
  /** Most input tokens; undefined where the request holds something of which the size in tokens is not known. */
  readonly inputTokens: number | undefined
  /** As what input tokens could be billed: the dearest of these counts. */
  readonly inputKinds: readonly LineKind[]
  /** Most output tokens, reasoning included: the limit that is sent; undefined where none is. */
  readonly outputTokens: number | undefined
  readonly outputKinds: readonly LineKind[]
  /** Whether the limit that is sent bounds everything that is billed as output, also what the model thinks. */
  readonly outputBound: 'capped' | 'uncapped'
  /** Calls of the provider's own tools, by name; undefined where nothing bounds their number. */
  readonly toolCalls: readonly { readonly name: string; readonly max: number | undefined }[]
  readonly serviceTier: string | undefined
  /** What in the request may cost more than all this, and what to do about it; absent where nothing does. */
  readonly unbounded?: string | undefined
}

/** What came of one embedding request. */
export interface Embedded {
  readonly embeddings: readonly (readonly number[])[]
  readonly usage: Usage
  readonly model: string
  readonly warnings: readonly Warning[]
  /** Facts for the driver's own billing room. */
  readonly billing?: Readonly<Record<string, unknown>>
}

/** How far a long piece of work is: bytes over all layers, never backwards. */
export interface Progress {
  /** In the provider's own words. */
  readonly status: string
  readonly completed: number
  /** What is known of the whole so far; it can grow. */
  readonly total: number
  /** The layer that was told of last. */
  readonly digest?: string
  /** Bytes of that layer, as they are: they can go backwards when a part is fetched again. */
  readonly layer?: { readonly completed: number; readonly total: number }
}

/** A model that is loaded now. */
export interface RunningModel {
  readonly id: string
  readonly provider: string
  /** Tokens that it can take in as it runs. */
  readonly contextLength?: number
  readonly size?: number
  /** Bytes of it on graphics cards. */
  readonly sizeVram?: number
  /** ISO 8601; absent where it stays for ever. */
  readonly expiresAt?: string
  readonly raw: unknown
}

/** How a model is loaded, and for how long. */
export interface LoadOptions extends QueryOptions {
  /** Seconds, or a duration such as `'5m'`; negative is for ever. @default the server's own */
  readonly keepAlive?: number | string
  /**
   * The driver's own settings, as in `providerOptions` of the calls that follow: `{ numCtx: 8192 }`. A call with others
   * loads the model again.
   */
  readonly settings?: Readonly<Record<string, unknown>>
}

/** What a model is made of. */
export interface CreateOptions extends QueryOptions {
  /** The model that it is made from. */
  readonly from?: string
  readonly system?: string
  readonly template?: string
  /** Its own defaults for calls: `{ temperature: 0, numCtx: 8192 }`. */
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly license?: string | readonly string[]
  /** For example `q4_K_M`. */
  readonly quantize?: string
  /** Files by name, each with its `sha256:…` digest or its bytes. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>
  readonly adapters?: Readonly<Record<string, string | Uint8Array>>
}

/** What a driver that declares `model-management` can do with models. */
export interface ModelManagement {
  running(options?: QueryOptions): Promise<readonly RunningModel[]>
  load(id: string, options?: LoadOptions): Promise<void>
  unload(id: string, options?: QueryOptions): Promise<void>
  pull(id: string, options?: QueryOptions): AsyncIterable<Progress>
  push(id: string, options?: QueryOptions): AsyncIterable<Progress>
  create(id: string, options: CreateOptions): AsyncIterable<Progress>
  copy(from: string, to: string, options?: QueryOptions): Promise<void>
  remove(id: string, options?: QueryOptions): Promise<void>
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
  /** One HTTP try of an embedding request; present where `embeddings` is declared. */
  embed?(request: EmbedRequest, context: Omit<AttemptContext, 'write'>): Promise<Embedded>
  /** Present where `model-management` is declared. */
  readonly management?: ModelManagement | undefined
  /** Where a model runs, asked for where it is not known yet: what is proven local is sent without money behind it. */
  locality(model: string, limits: Omit<AttemptContext, 'write'>): Promise<Locality>
  /** The most that one attempt of a request can be billed for. */
  demand(request: ChatRequest | EmbedRequest): Demand
  /** Which counts are billed as what, for an attempt that ended or failed. */
  bill(model: string, usage: Usage, facts: Readonly<Record<string, unknown>> | undefined): Bill
  listModels(options?: QueryOptions): Promise<readonly ModelInfo[]>
  getModel(id: string, options?: QueryOptions): Promise<ModelInfo>
  /** Asks the cheapest honest question; never throws for a server that is down, never generates text. */
  health(options?: QueryOptions & { readonly model?: string }): Promise<Health>
  /** Closes the driver's connections. */
  close(): Promise<void>
}
