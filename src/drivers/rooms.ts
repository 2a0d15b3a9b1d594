import type { Capability } from '../core/capability.ts'
import type { Bill, Driver, Embedded, ModelManagement } from '../core/driver.ts'
import type { AIError } from '../core/errors.ts'
import type { Health } from '../core/health.ts'
import type { ModelInfo } from '../core/model-info.ts'
import type { ChatRequest, EmbedRequest } from '../core/request.ts'
import type { DriverEvent } from '../core/stream.ts'
import type { Usage } from '../core/usage.ts'
import type { Warning } from '../core/warning.ts'
import type { Runtime } from '../runtime.ts'
import type { Secret } from '../transport/redact.ts'
import type { Deadlines, Transport } from '../transport/transport.ts'
import type { ApiClient } from './api-client.ts'

/** What every provider's configuration may hold. */
export interface ProviderOptions {
  /** Which driver speaks to it. @default the provider's name */
  readonly driver?: string
  /** Kept out of every message, log and inspection. */
  readonly apiKey?: string
  /** As the provider's own documentation writes it. */
  readonly baseUrl?: string
  /** The model of calls that name none. */
  readonly model?: string
  /** Sent with every request, for example for a proxy. */
  readonly headers?: Readonly<Record<string, string>>
  /** `true`: its models run on the user's own machines and are free. `false`: never free. @default 'auto' */
  readonly local?: 'auto' | boolean
  readonly timeouts?: Deadlines
  /** @default 2 */
  readonly retries?: number
  /** Used in place of groat's own transport. */
  readonly fetch?: typeof fetch
}

/** What a driver is given from outside. */
export interface DriverContext {
  /** The name under which the user configured it. */
  readonly provider: string
  readonly runtime: Runtime
  readonly transport: Transport
}

/** Makes a driver; what `ollama(options)` returns and a configuration may hold. */
export interface DriverFactory {
  (context: DriverContext): Driver
  /** The driver's own name, by which `providerOptions` calls it. @default the provider's name */
  readonly driver?: string
  /** The model of calls that name none. */
  readonly model?: string | undefined
}

/** Where a provider lives and what every request to it carries. */
export interface Address {
  /** Without a trailing slash. */
  readonly baseUrl: string
  readonly headers: Readonly<Record<string, string>>
  /** Texts that must never be shown. */
  readonly secrets: readonly Secret[]
  readonly deadlines: Deadlines
}

/** A request body, and what the caller should know about what was left out of it. */
export interface WireRequest {
  readonly body: Readonly<Record<string, unknown>>
  readonly warnings: readonly Warning[]
}

/** Something that a provider said went wrong. */
export interface Failure {
  readonly provider: string
  readonly model: string | undefined
  /** HTTP status; undefined for an error inside a stream that began well. */
  readonly status: number | undefined
  /** The body, bounded, as it came: to be read, and never to be shown. */
  readonly text: string
  /** What may be shown of a text: without secrets, and without what was sent and only comes back. */
  show(text: string): string
  readonly headers: Readonly<Record<string, string>>
  /** What the provider asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined
  readonly path: string
}

/** One step of a stream: the state after a record, and what came of it. */
export interface Step<State> {
  readonly state: State
  readonly events: readonly DriverEvent[]
  /** Text of an error that the record carried: the stream ends here. */
  readonly failure?: string
}

/** What a room needs to say which counts are billed as what. */
export interface Billed<Options> {
  readonly options: Options
  readonly address: Address
  readonly model: string
  readonly profile: ModelInfo | undefined
  readonly usage: Usage
  /** What the stream's `end` event carried for this room. */
  readonly facts: Readonly<Record<string, unknown>> | undefined
}

/** The eight rooms that a driver's `index.ts` wires; each is a module with exactly these exports. */
export interface Rooms<Options extends ProviderOptions, State> {
  readonly api: {
    readonly CHAT_PATH: string
    readonly EMBED_PATH?: string
    toAddress(options: Options, env: Runtime['env']): Address
  }
  readonly wire: {
    toWire(request: ChatRequest, profile: ModelInfo | undefined): WireRequest
    fromWire(json: unknown): Step<State>
    /** The body of an embedding request, and what its answer says; for drivers that declare `embeddings`. */
    toEmbedWire?(request: EmbedRequest, profile: ModelInfo | undefined): WireRequest
    fromEmbedWire?(json: unknown, request: EmbedRequest): Omit<Embedded, 'warnings'>
  }
  readonly stream: {
    readonly FRAMING: 'ndjson' | 'sse'
    readonly INITIAL: State
    reduce(state: State, record: unknown): Step<State>
    /** Whether the provider said that the answer is complete. */
    isComplete(state: State): boolean
  }
  readonly tools: object
  readonly errors: { readonly toError: (failure: Failure) => AIError }
  readonly models: {
    listModels(client: ApiClient, options: RequestOptions): Promise<readonly ModelInfo[]>
    getModel(client: ApiClient, id: string, options: RequestOptions): Promise<ModelInfo>
    /** For drivers that declare `model-management`. */
    manage?(client: ApiClient): ModelManagement
    /** What must be known of a model before a request for it can be made; undefined where nothing must. */
    describe?(client: ApiClient, id: string, options: RequestOptions): Promise<ModelInfo | undefined>
  }
  readonly health: {
    probe(client: ApiClient, options: ProbeOptions): Promise<Omit<Health, 'provider' | 'latencyMs'>>
  }
  readonly pricing: { toBill(billed: Billed<Options>): Bill }
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number | undefined
}

export interface ProbeOptions extends RequestOptions {
  /** The model that calls will use, to be checked without using it. */
  readonly model: string | undefined
  elapsed(): number
}

/** What a driver's `index.ts` gives to its base class. */
export interface DriverParts<Options extends ProviderOptions, State> {
  readonly rooms: Rooms<Options, State>
  readonly capabilities: readonly Capability[]
  readonly options: Options
  readonly context: DriverContext
}
