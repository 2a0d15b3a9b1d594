import type { Capability } from '../core/capability.ts'
import type { Bill, Demand, Driver, Embedded, ModelManagement } from '../core/driver.ts'
import type { AIError } from '../core/errors.ts'
import type { Failure } from '../core/failure.ts'
import type { Health } from '../core/health.ts'
import type { MediaPart } from '../core/message.ts'
import type { ModelInfo } from '../core/model-info.ts'
import type { ChatRequest, EmbedRequest } from '../core/request.ts'
import type { RateLimits } from '../core/rate-limits.ts'
import type { DriverFinish } from '../core/stream.ts'
import type { Usage } from '../core/usage.ts'
import type { Warning } from '../core/warning.ts'
import type { Step, WireBody } from '../core/wire.ts'
import type { Runtime } from '../runtime.ts'
import type { Secret } from '../transport/redact.ts'
import type { Deadlines, Transport } from '../transport/transport.ts'
import type { ApiClient } from './api-client.ts'
import type { ContextWindow, LoadPlan } from './context-window.ts'
import type { ModelMemory } from './model-memory.ts'

export type { Failure } from '../core/failure.ts'
export type { Step } from '../core/wire.ts'

/** What every provider's configuration may hold. */
export interface ProviderOptions {
  /** Which driver speaks to it. @default the provider's name */
  readonly driver?: string
  /** Kept out of every message, log and inspection. */
  readonly apiKey?: string | undefined
  /** As the provider's own documentation writes it. */
  readonly baseUrl?: string
  /** The model of calls that name none. */
  readonly model?: string
  /** Sent with every request, for example for a proxy. */
  readonly headers?: Readonly<Record<string, string>>
  /** `true`: its models run on the user's own machines and are free. `false`: never free. @default 'auto' */
  readonly local?: 'auto' | boolean
  readonly timeouts?: Timeouts
  /** @default 2 */
  readonly retries?: number
  /** Most calls at once; further ones wait for their turn. @default no limit */
  readonly maxConcurrency?: number
  /**
   * Tokens that models are to take in, where that can be chosen (Ollama): one size for every call, or bounds for the size
   * that fits the call. @default what fits, up to what the model was trained for
   */
  readonly contextWindow?: ContextWindow
  /** Pictures, sounds and files that are given by their address. */
  readonly media?: MediaOptions
  /**
   * Whose published prices apply, where it is not asked at its vendor's own address: `openai`, `xai`, `gemini`.
   * @default the vendor's at its own address, and nobody's elsewhere
   */
  readonly prices?: string
  /** Which of its APIs is spoken, where there are two (OpenAI). @default 'responses' */
  readonly dialect?: 'responses' | 'chat'
  /** Whose account it is, where a key has several (OpenAI). */
  readonly organization?: string
  readonly project?: string
  /** Used in place of groat's own transport. */
  readonly fetch?: typeof fetch
}

/** How long a provider is waited for, in milliseconds. */
export interface Timeouts extends Deadlines {
  /**
   * From sending until the first byte while the server loads the model, where `firstByteMs` is set and the server says
   * what it loads (Ollama). @default none
   */
  readonly loadMs?: number | undefined
}

/** What may be fetched for a message, and how much of it. */
export interface MediaOptions {
  /**
   * Whether http and https addresses in messages are fetched here: `true` from public hosts over https, where the provider
   * reads no addresses itself; or the origins that are, which may also be of a private network
   * (`['https://pictures.example']`), whatever the provider reads. @default false
   */
  readonly fetchUrls?: boolean | readonly string[] | undefined
  /** Whether `file:` addresses in messages are read. @default false */
  readonly readFiles?: boolean | undefined
  /** Largest picture, sound or file, in bytes. @default 20 MiB */
  readonly bytesMax?: number | undefined
}

/** What a provider takes of pictures, sounds and files in one place, beside their bytes. */
export interface TakenMedia {
  /** Beginnings of the addresses that it reads itself (`https://` is all of them), by the type of part. @default none */
  readonly urls?: Readonly<Partial<Record<MediaPart['type'], readonly string[]>>>
  /** Types of parts that can be the id of a file that it has. @default none */
  readonly fileIds?: readonly MediaPart['type'][]
  /** Types of parts that have a place there at all. @default all */
  readonly types?: readonly MediaPart['type'][]
}

/** By place; results of tools are text only where nothing is said of them. */
export interface MediaPlaces {
  readonly messages?: TakenMedia
  readonly results?: TakenMedia
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
  readonly hostname: string
  readonly headers: Readonly<Record<string, string>>
  /** Texts that must never be shown. */
  readonly secrets: readonly Secret[]
  readonly deadlines: Timeouts
}

/** What is known of a model and its server when a request is made. */
export interface Known<Options> {
  readonly options: Options
  readonly address: Address
  /** How the provider describes the model; undefined where it does not. */
  readonly profile: ModelInfo | undefined
  /** What was learned from calls before. */
  readonly memory: ModelMemory
  /** The server's version; undefined where it was not needed, or not told. */
  readonly version: string | undefined
}

/** An answer that has come to its end, and all that may be learned from it. */
export interface Ended<State> {
  readonly request: ChatRequest
  readonly sent: WireRequest
  /** What was remembered when the request was made, and what is now: other calls may have ended between. */
  readonly before: ModelMemory
  readonly memory: ModelMemory
  readonly state: State
  readonly end: DriverFinish
  /** On the monotonic clock, in milliseconds. */
  readonly sentMs: number
  readonly nowMs: number
}

/** What an answer taught, and what to say of its end. */
export interface Remembered {
  readonly memory: ModelMemory
  readonly warnings: readonly Warning[]
  /** A finer word for why the answer ended. */
  readonly detail?: string | undefined
}

/** A request body, and what the caller should know about what was left out of it. */
export interface WireRequest extends WireBody {
  /** Where it goes, where that is not the usual path. */
  readonly path?: string | undefined
  /** How the model is loaded for it, where that can be chosen. */
  readonly plan?: LoadPlan | undefined
  /** What is to be remembered once it is sent. */
  readonly memory?: ModelMemory | undefined
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
    /** Where a chat request goes, query included: with some providers the model and the way of answering are in it. */
    chatPath(request: Pick<ChatRequest, 'model' | 'stream'>, options: Options): string
    /** Where texts to embed go; for drivers that declare `embeddings`. */
    readonly embedPath?: (request: Pick<EmbedRequest, 'model'>, options: Options) => string
    /** Most texts in one request to embed, where the provider takes fewer than groat sends. */
    readonly EMBED_BATCH_MAX?: number
    /** Most text in them together, in UTF-16 units, likewise. */
    readonly EMBED_BATCH_CHARS_MAX?: number
    toAddress(options: Options, env: Runtime['env']): Address
    /** What the headers of an answer say of limits. */
    readonly toRateLimits?: (headers: Readonly<Record<string, string>>) => RateLimits | undefined
    /** What the billing room must know of an answer that is only in its headers, or in the request. */
    readonly toFacts?: (
      headers: Readonly<Record<string, string>>,
      request: ChatRequest,
    ) => Readonly<Record<string, unknown>> | undefined
  }
  readonly wire: {
    toWire(request: ChatRequest, known: Known<Options>): WireRequest
    /** What the provider takes of pictures, sounds and files. @default their bytes, in messages only */
    readonly takenMedia?: (model: string, options: Options) => MediaPlaces
    /** Whether the server's version decides what is sent. */
    readonly needsVersion?: (request: ChatRequest, profile: ModelInfo | undefined) => boolean
    fromWire(json: unknown): Step<State>
    /** The body of an embedding request, and what its answer says; for drivers that declare `embeddings`. */
    readonly toEmbedWire?: (request: EmbedRequest, known: Known<Options>) => WireRequest
    readonly fromEmbedWire?: (json: unknown, request: EmbedRequest) => Omit<Embedded, 'warnings'>
  }
  readonly stream: {
    readonly FRAMING: 'ndjson' | 'sse'
    readonly INITIAL: State
    reduce(state: State, record: unknown): Step<State>
    /** Whether the provider said that the answer is complete. */
    isComplete(state: State): boolean
    /** What the end of the connection means for an answer that did not say that it is complete. */
    readonly endOfStream?: (state: State) => Step<State>
    /** What is learned from an answer that has ended. */
    readonly remember?: (ended: Ended<State>) => Remembered
  }
  readonly tools: object
  readonly errors: {
    readonly toError: (failure: Failure) => AIError
    /** Whether the failure of a batch of texts to embed may come from one of them only. */
    readonly mayBeOneText?: (error: AIError) => boolean
    /**
     * Whether the provider says that the model cannot think, that it sums up no thoughts, that the model cannot go on with
     * an answer while it thinks, or that it takes tools over another of its APIs only.
     */
    readonly refusalOf?: (error: AIError) => 'reasoning' | 'summary' | 'prefill' | 'tools' | undefined
  }
  readonly models: {
    listModels(client: ApiClient, options: RequestOptions): Promise<readonly ModelInfo[]>
    getModel(client: ApiClient, id: string, options: RequestOptions): Promise<ModelInfo>
    /** For drivers that declare `model-management`. */
    manage?(client: ApiClient, world: ManagementWorld): ModelManagement
    /** What must be known of a model before a request for it can be made; undefined where nothing must. */
    describe?(client: ApiClient, id: string, options: RequestOptions): Promise<ModelInfo | undefined>
    /** Two spellings of one model are equal after this. */
    readonly normalizeName?: (id: string) => string
  }
  readonly health: {
    /** The server's version; undefined where it does not say. */
    readonly version?: (client: ApiClient, options: RequestOptions) => Promise<string | undefined>
    probe(client: ApiClient, options: ProbeOptions): Promise<Omit<Health, 'provider' | 'latencyMs'>>
  }
  readonly pricing: {
    toBill(billed: Billed<Options>): Bill
    /** The most that one attempt of a request can be billed for; `billed.usage` is not known then. */
    toDemand(request: ChatRequest | EmbedRequest, billed: Omit<Billed<Options>, 'usage' | 'facts'>): Demand
  }
}

/** What managing models takes from outside. */
export interface ManagementWorld {
  readonly runtime: Pick<Runtime, 'clock' | 'random' | 'sha256'>
  /** Says that what was known of a model may no longer be true; names can have several spellings. */
  changed(isSame: (id: string) => boolean): void
  /** What is known of a model without asking. */
  known(id: string): Known<ProviderOptions>
  remember(id: string, memory: ModelMemory): void
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
