import type { Capability } from '../core/capability.ts'
import type { AttemptContext, Bill, Driver, Embedded, ModelManagement, QueryOptions } from '../core/driver.ts'
import { AIError } from '../core/errors.ts'
import type { Health } from '../core/health.ts'
import type { ModelInfo } from '../core/model-info.ts'
import type { ChatRequest, EmbedRequest } from '../core/request.ts'
import type { Usage } from '../core/usage.ts'
import type { Warning } from '../core/warning.ts'
import { readJson } from '../transport/body.ts'
import { NdjsonDecoder } from '../transport/ndjson.ts'
import { SseDecoder } from '../transport/sse.ts'
import type { Exchange } from '../transport/transport.ts'
import { ApiClient } from './api-client.ts'
import { ProfileCache } from './profile-cache.ts'
import type { DriverParts, ProviderOptions, Rooms, Step } from './rooms.ts'

/**
 * The class that every driver extends. It owns the attempt, start to end (encode, send, decode or reduce), and a
 * driver only hands it its rooms: there is nothing to override.
 */
export abstract class AbstractDriver<Options extends ProviderOptions, State> implements Driver {
  readonly provider: string
  readonly capabilities: ReadonlySet<Capability>
  readonly #rooms: Rooms<Options, State>
  readonly #options: Options
  readonly #client: ApiClient
  readonly #profiles: ProfileCache
  readonly #parts: DriverParts<Options, State>

  constructor(parts: DriverParts<Options, State>) {
    const { rooms, options, context } = parts
    this.provider = context.provider
    this.capabilities = new Set(parts.capabilities)
    this.#parts = parts
    this.#rooms = rooms
    this.#options = options
    this.#client = new ApiClient({
      provider: context.provider,
      address: rooms.api.toAddress(options, context.runtime.env),
      transport: context.transport,
      clock: context.runtime.clock,
      toError: rooms.errors.toError,
    })
    this.#profiles = new ProfileCache(context.runtime.clock, (id, signal) =>
      rooms.models.describe?.(this.#client, id, { signal }),
    )
  }

  async attempt(request: ChatRequest, context: AttemptContext): Promise<void> {
    const { model } = request
    const { clock } = this.#parts.context.runtime
    const startedMs = clock.elapsed()
    const profile = this.#rooms.models.describe ? await this.#profiles.get(model, context) : undefined
    const { timeLeftMs } = context
    const { body, warnings } = this.#rooms.wire.toWire(request, profile)
    const exchange = await this.#client.send(this.#rooms.api.CHAT_PATH, {
      body,
      model,
      signal: context.signal,
      timeoutMs: timeLeftMs === undefined ? undefined : timeLeftMs - (clock.elapsed() - startedMs),
    })
    if (request.stream) {
      await this.#client.named(this.#readStream(exchange, request, context, warnings), model)
      return
    }
    const json = await this.#client.named(readJson(exchange), model)
    const step = this.#rooms.wire.fromWire(json)
    await this.#deliver(step, warnings, request, context)
    if (!this.#rooms.stream.isComplete(step.state)) throw this.#cutShort(model)
  }

  async embed(request: EmbedRequest, context: Omit<AttemptContext, 'write'>): Promise<Embedded> {
    const { api, wire, models } = this.#rooms
    if (!wire.toEmbedWire || !wire.fromEmbedWire || api.EMBED_PATH === undefined)
      throw this.#undeclared('embeddings')
    const { model } = request
    const profile = models.describe ? await this.#profiles.get(model, context) : undefined
    const { body, warnings } = wire.toEmbedWire(request, profile)
    const limits = { signal: context.signal, timeoutMs: context.timeLeftMs }
    const json = await this.#client.json(api.EMBED_PATH, { body, model, ...limits })
    return { ...wire.fromEmbedWire(json, request), warnings }
  }

  bill(model: string, usage: Usage, facts: Readonly<Record<string, unknown>> | undefined): Bill {
    return this.#rooms.pricing.toBill({
      options: this.#options,
      address: this.#client.address,
      model,
      profile: this.#profiles.peek(model),
      usage,
      facts,
    })
  }

  async listModels(options: QueryOptions = {}): Promise<readonly ModelInfo[]> {
    return this.#rooms.models.listModels(this.#client, options)
  }

  async getModel(id: string, options: QueryOptions = {}): Promise<ModelInfo> {
    return this.#rooms.models.getModel(this.#client, id, options)
  }

  async health(options: QueryOptions & { readonly model?: string } = {}): Promise<Health> {
    const { clock } = this.#parts.context.runtime
    const startedMs = clock.elapsed()
    const model = options.model ?? this.#options.model
    const found = await this.#rooms.health.probe(this.#client, {
      ...options,
      model,
      elapsed: () => clock.elapsed(),
    })
    return { provider: this.provider, latencyMs: clock.elapsed() - startedMs, ...found }
  }

  get management(): ModelManagement | undefined {
    return this.#rooms.models.manage?.(this.#client)
  }

  async close(): Promise<void> {
    await this.#parts.context.transport.close()
  }

  async #readStream(
    exchange: Exchange,
    request: ChatRequest,
    context: AttemptContext,
    warnings: readonly Warning[],
  ): Promise<void> {
    const { stream } = this.#rooms
    const decoder = stream.FRAMING === 'ndjson' ? new NdjsonDecoder() : new SseDecoder()
    let state = stream.INITIAL
    let waiting = warnings
    const take = (records: readonly unknown[]): void | Promise<void> => {
      const events: Step<State>['events'][number][] = []
      let failure: string | undefined
      for (const record of records) {
        // What follows the end of an answer is tolerated and ignored.
        if (failure !== undefined || stream.isComplete(state)) break
        const step = stream.reduce(state, record)
        state = step.state
        failure = step.failure
        for (const event of step.events) events.push(event)
      }
      const before = waiting
      if (events.length > 0) waiting = []
      return this.#deliver(
        { state, events, ...(failure === undefined ? {} : { failure }) },
        before,
        request,
        context,
      )
    }
    await exchange.consume((piece) => take(decoder.push(piece)))
    await take(decoder.end())
    if (!stream.isComplete(state)) throw this.#cutShort(request.model)
  }

  /** Passes events on; warnings of the encoder go with the first of them, when the provider has taken the request. */
  #deliver(
    step: Step<State>,
    warnings: readonly Warning[],
    request: ChatRequest,
    context: AttemptContext,
  ): void | Promise<void> {
    if (step.failure === undefined) {
      if (step.events.length === 0) return undefined
      return context.write(warnings.length === 0 ? step.events : [...warnings.map(asEvent), ...step.events])
    }
    const { model, messages } = request
    const path = this.#rooms.api.CHAT_PATH
    const failure = { model, status: undefined, text: step.failure, headers: {}, path }
    const error = this.#client.toError(failure, messages)
    const written = step.events.length === 0 ? undefined : context.write(step.events)
    return Promise.resolve(written).then(() => Promise.reject(error))
  }

  #undeclared(capability: Capability): AIError {
    const message = `The driver of ${this.provider} has no room for ${capability}`
    return new AIError({ code: 'capability_unsupported', message, provider: this.provider })
  }

  #cutShort(model: string): AIError {
    return new AIError({
      code: 'stream_interrupted',
      message: `The answer of ${this.provider}/${model} stopped before its end; what had arrived is in error.partial`,
      provider: this.provider,
      model,
      retriesMax: 1,
    })
  }
}

function asEvent(warning: Warning): { readonly type: 'warning'; readonly warning: Warning } {
  return { type: 'warning', warning }
}
