import type { AttemptContext, ModelManagement } from '../core/driver.ts'
import { isAIError } from '../core/errors.ts'
import type { ModelInfo } from '../core/model-info.ts'
import type { ChatRequest } from '../core/request.ts'
import type { DriverEvent } from '../core/stream.ts'
import type { Warning } from '../core/warning.ts'
import type { Clock } from '../runtime.ts'
import type { ApiClient } from './api-client.ts'
import { isPlausible, ratioOf, type LoadPlan } from './context-window.ts'
import type { LoadState } from './load-watch.ts'
import { isWorthALook, ModelMemories, seen, type ModelMemory } from './model-memory.ts'
import { ProfileCache } from './profile-cache.ts'
import type { Known, ProviderOptions, Rooms, WireRequest } from './rooms.ts'
import { ServerVersion } from './server-version.ts'

/** Longest that a call waits for how its model runs, in milliseconds: it can go without. */
const LOOK_TIMEOUT_MS = 2_000

type Limits = Pick<AttemptContext, 'signal' | 'timeLeftMs'>

/** What is asked for before a request; the memory is read when it is made, since other calls end meanwhile. */
export interface Found {
  readonly profile: ModelInfo | undefined
  readonly version: string | undefined
  readonly warnings: readonly Warning[]
}

/** A chat request as it is sent, and what was known when it was made. */
export interface Encoded<Options> {
  readonly found: Found
  readonly known: Known<Options>
  readonly sent: WireRequest
}

/** A chat request on its way. */
export interface Sending {
  readonly request: ChatRequest
  readonly sent: WireRequest
  /** What was remembered when it was made. */
  readonly before: ModelMemory
  readonly sentMs: number
}

/** What a driver knows of its models: as the provider describes them, and as calls before have shown them. */
export class Knowledge<Options extends ProviderOptions, State> {
  readonly profiles: ProfileCache
  readonly memories: ModelMemories
  readonly #rooms: Rooms<Options, State>
  readonly #options: Options
  readonly #client: ApiClient
  readonly #clock: Clock
  readonly #version: ServerVersion
  /** Models that are being looked at: calls that begin meanwhile do not wait. */
  readonly #looking = new Set<string>()
  readonly #management: () => ModelManagement | undefined

  constructor(parts: {
    rooms: Rooms<Options, State>
    options: Options
    client: ApiClient
    clock: Clock
    management: () => ModelManagement | undefined
  }) {
    const { rooms, client, clock } = parts
    this.#rooms = rooms
    this.#options = parts.options
    this.#client = client
    this.#clock = clock
    this.#management = parts.management
    this.#version = new ServerVersion(clock)
    this.memories = new ModelMemories(rooms.models.normalizeName)
    this.profiles = new ProfileCache(clock, (id, signal) => rooms.models.describe?.(client, id, { signal }))
  }

  /** Asks for what must be known before a request for a model, as far as it is not known yet. */
  async find(model: string, limits: Limits, request?: ChatRequest): Promise<Found> {
    const { models, wire } = this.#rooms
    const startedMs = this.#clock.elapsed()
    const left = (): Limits => {
      const { signal, timeLeftMs } = limits
      if (timeLeftMs === undefined) return limits
      return { signal, timeLeftMs: timeLeftMs - (this.#clock.elapsed() - startedMs) }
    }
    const profile = models.describe ? await this.profiles.get(model, limits) : undefined
    const versioned = request !== undefined && wire.needsVersion?.(request, profile) === true
    const version = versioned ? await this.#askVersion(left()) : undefined
    const looks = profile?.local !== false && isWorthALook(this.memories.of(model))
    return { profile, version, warnings: looks ? await this.#look(model, left()) : [] }
  }

  /**
   * What the server tells of a model for which a request waits. A model that is being loaded is not listed yet (seen with
   * 0.33.0-rc2), or without a size (older ones).
   */
  async loadState(model: string, signal: AbortSignal): Promise<LoadState> {
    const { normalizeName = (id: string) => id } = this.#rooms.models
    const wanted = normalizeName(model)
    const query = { signal, timeoutMs: LOOK_TIMEOUT_MS }
    try {
      const running = (await this.#management()?.running(query)) ?? []
      const found = running.find(({ id }) => normalizeName(id) === wanted)
      return found && found.size !== 0 ? 'loaded' : 'loading'
    } catch (error) {
      if (signal.aborted) throw error
      // The list of what runs may have to wait for the lock of a load (ollama/ollama server/sched.go, loadedModels); the
      // version waits for nothing.
      const version = await this.#rooms.health.version?.(this.#client, query)
      return version === undefined ? 'gone' : 'loading'
    }
  }

  /** All that is known at this moment. */
  known(model: string, found?: Found): Known<Options> {
    const { profile, version } = found ?? { profile: this.profiles.peek(model), version: undefined }
    const { address } = this.#client
    return { options: this.#options, address, profile, version, memory: this.memories.of(model) }
  }

  /** Keeps what a request changes of what is remembered. */
  sent(model: string, { memory }: WireRequest): void {
    if (memory) this.memories.keep(model, memory)
  }

  /** Learns from an answer whose end is the last of these events, and says before it what was odd. */
  ended(sending: Sending, state: State, events: readonly DriverEvent[]): readonly DriverEvent[] {
    const end = events.at(-1)
    const { remember } = this.#rooms.stream
    if (!remember || end?.type !== 'end') return events
    const { model } = sending.request
    const nowMs = this.#clock.elapsed()
    const told = remember({ ...sending, state, end, nowMs, memory: this.memories.of(model) })
    this.memories.keep(model, told.memory)
    if (told.warnings.length === 0 && told.detail === undefined) return events
    const { detail } = told
    const last = detail === undefined ? end : { ...end, finishReason: { ...end.finishReason, detail } }
    const warnings = told.warnings.map((warning) => ({ type: 'warning', warning }) as const)
    return [...events.slice(0, -1), ...warnings, last]
  }

  /**
   * Learns from a failed request. Where it shows how the same call can succeed, the error becomes one that is worth a
   * retry: an attempt is one try, and the next one is made of what was learned.
   */
  failed(error: unknown, { request, sent, before }: Sending): unknown {
    if (!isAIError(error) || error.partial) return error
    const { body, plan } = sent
    const { model } = request
    const memory = this.memories.of(model)
    const again = (learned: ModelMemory): unknown => {
      this.memories.keep(model, learned)
      return error.with({ retryable: true, retriesMax: 1 })
    }
    // Calls at once make the same mistake: what counts is what this one knew.
    const refused = this.#rooms.errors.refusalOf?.(error)
    const asked = ['think', 'reasoning', 'reasoning_effort'].some((name) => body[name] !== undefined)
    if (refused === 'reasoning' && asked && !before.refusesReasoning) {
      return again({ ...memory, refusesReasoning: true })
    }
    if (refused === 'summary' && asked && !before.refusesSummary) {
      return again({ ...memory, refusesSummary: true })
    }
    if (refused === 'tools' && body['tools'] !== undefined && !before.refusesTools) {
      return again({ ...memory, refusesTools: true })
    }
    const endsWithAnswer = request.messages.at(-1)?.role === 'assistant'
    if (refused === 'prefill' && endsWithAnswer && !before.refusesPrefill) {
      return again({ ...memory, refusesPrefill: true })
    }
    if (!plan) return error
    if (error.code === 'context_too_long') {
      const learned = longerThanThought(memory, plan, error.details)
      return learned ? again(learned) : error
    }
    // A window that the memory does not hold would fail every call that comes after.
    if (
      error.details['kind'] === 'out-of-memory' &&
      plan.windowMax !== undefined &&
      memory.load === plan.load
    ) {
      this.memories.keep(model, { ...memory, load: undefined, window: undefined })
    }
    return error
  }

  async #askVersion({ signal, timeLeftMs: timeoutMs }: Limits): Promise<string | undefined> {
    const { version } = this.#rooms.health
    if (!version) return undefined
    return this.#version.get(() => version(this.#client, { signal, timeoutMs }))
  }

  async #look(model: string, { signal, timeLeftMs }: Limits): Promise<readonly Warning[]> {
    const management = this.#management()
    if (!management || this.#looking.has(model)) return []
    this.#looking.add(model)
    const before = this.memories.of(model)
    this.memories.keep(model, { ...before, looks: (before.looks ?? 0) + 1 })
    const { normalizeName = (id: string) => id } = this.#rooms.models
    const wanted = normalizeName(model)
    const timeoutMs = Math.min(LOOK_TIMEOUT_MS, timeLeftMs ?? LOOK_TIMEOUT_MS)
    try {
      const running = await management.running({ timeoutMs, ...(signal ? { signal } : {}) })
      const now = this.memories.of(model)
      // A call with another profile may have been sent meanwhile: then it is not known what was seen.
      if (now.load !== before.load) return []
      const { memory, warnings } = seen(
        now,
        running.find(({ id }) => normalizeName(id) === wanted),
      )
      this.memories.keep(model, memory)
      return warnings
    } catch (error) {
      if (signal?.aborted) throw error
      return []
    } finally {
      this.#looking.delete(model)
    }
  }
}

/** What the server's count of a prompt that did not fit teaches; undefined where no larger window may be asked for. */
function longerThanThought(
  memory: ModelMemory,
  { load, size, windowMax }: LoadPlan,
  { promptTokens, contextSize, estimated }: Readonly<Record<string, unknown>>,
): ModelMemory | undefined {
  if (typeof promptTokens !== 'number' || typeof contextSize !== 'number' || estimated === true)
    return undefined
  if (windowMax === undefined || promptTokens >= windowMax) return undefined
  // What the model's template adds would have to be most of it: no estimate of ours would be right.
  if (!isPlausible(size, promptTokens)) return undefined
  // The server runs with less than it was asked for: asking for more changes nothing.
  if (load.window !== undefined && contextSize < Math.min(load.window, windowMax)) return undefined
  const isOwn = load.window === undefined
  return {
    ...memory,
    bytesPerToken: ratioOf(size, promptTokens),
    ...(memory.load === load ? { window: contextSize } : {}),
    ...(isOwn ? { ownWindow: contextSize } : {}),
  }
}
