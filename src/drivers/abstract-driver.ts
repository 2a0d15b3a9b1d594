import type { Capability } from '../core/capability.ts'
import type {
  AttemptContext,
  Bill,
  Demand,
  Driver,
  Embedded,
  Locality,
  ModelManagement,
  QueryOptions,
} from '../core/driver.ts'
import { AIError } from '../core/errors.ts'
import type { Health } from '../core/health.ts'
import type { ModelInfo } from '../core/model-info.ts'
import type { ChatRequest, EmbedRequest } from '../core/request.ts'
import type { DriverEvent } from '../core/stream.ts'
import { UNKNOWN_USAGE, type Usage } from '../core/usage.ts'
import type { Warning } from '../core/warning.ts'
import { hasMedia } from '../core/media-parts.ts'
import type { Clock } from '../runtime.ts'
import { readJson } from '../transport/body.ts'
import { abortedError } from '../transport/failures.ts'
import type { Exchange } from '../transport/transport.ts'
import { ApiClient, type ApiRequest } from './api-client.ts'
import { embedInBatches } from './embed-batches.ts'
import { CallIds } from './call-ids.ts'
import type { Media } from './media.ts'
import { Gate } from './gate.ts'
import { assertModelCan } from './model-can.ts'
import { Knowledge, type Encoded, type Found, type Sending } from './knowledge.ts'
import { sendWhileLoading } from './load-watch.ts'
import { marked, withOwnData, type Owner } from './own-data.ts'
import { isWholeJson, newDecoder, readFirst } from './records.ts'
import type { Billed, DriverParts, ProviderOptions, Rooms, Step } from './rooms.ts'
import { unsent } from './unsent.ts'

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
  readonly #knowledge: Knowledge<Options, State>
  readonly #gate: Gate | undefined
  #media: Media | undefined
  readonly #parts: DriverParts<Options, State>
  #management: ModelManagement | undefined

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
    const { clock } = context.runtime
    const { maxConcurrency } = options
    this.#gate = maxConcurrency === undefined ? undefined : new Gate(maxConcurrency, this.provider, clock)
    const management = (): ModelManagement | undefined => this.management
    this.#knowledge = new Knowledge({ rooms, options, client: this.#client, clock, management })
  }

  attempt(request: ChatRequest, context: AttemptContext): Promise<void> {
    if (!this.#gate) return this.#chat(request, context)
    return this.#inTurn(context, (limits) => this.#chat(request, { ...context, ...limits }))
  }

  async embed(request: EmbedRequest, context: Omit<AttemptContext, 'write'>): Promise<Embedded> {
    return this.#inTurn(context, (limits) => this.#embed(request, limits))
  }

  /** Does something when it is its turn, where turns are limited; waiting for it takes from the call's time. */
  async #inTurn<T>(limits: Limits, work: (limits: Limits) => Promise<T>): Promise<T> {
    const gate = this.#gate
    if (!gate) return work(limits)
    const startedMs = this.#clock.elapsed()
    await gate.enter(limits)
    try {
      return await work(this.#left(limits, startedMs))
    } finally {
      gate.leave()
    }
  }

  get #clock(): Clock {
    return this.#parts.context.runtime.clock
  }

  #left({ signal, timeLeftMs }: Limits, startedMs: number): Limits {
    if (timeLeftMs === undefined) return { signal, timeLeftMs }
    return { signal, timeLeftMs: timeLeftMs - (this.#clock.elapsed() - startedMs) }
  }

  async #chat(request: ChatRequest, context: AttemptContext): Promise<void> {
    const { model } = request
    const startedMs = this.#clock.elapsed()
    const owner = { provider: this.provider, model }
    let encoded: Encoded<Options>
    try {
      const found = await this.#knowledge.find(model, context, request)
      assertModelCan(found.profile, request)
      const ready = hasMedia(request) ? await (await this.#loadMedia()).resolve(request, context) : request
      encoded = this.#encode(ready, found, owner)
      if (context.signal?.aborted) throw abortedError(context.signal.reason)
    } catch (error) {
      unsent(this.#client.withNames(error, model))
    }
    const { found, known, sent } = encoded
    this.#knowledge.sent(model, sent)
    const sending = { request, sent, before: known.memory, sentMs: this.#clock.elapsed() }
    const warnings = found.warnings.length === 0 ? sent.warnings : [...found.warnings, ...sent.warnings]
    try {
      const { timeLeftMs: timeoutMs } = this.#left(context, startedMs)
      const { signal } = context
      const isLocal = found.profile?.local === true
      const { api, stream } = this.#rooms
      const path = sent.path ?? api.chatPath(request, this.#options)
      const exchange = await this.#send(path, { body: sent.body, model, signal, timeoutMs }, isLocal)
      const { headers } = exchange
      const told = { rateLimits: api.toRateLimits?.(headers), facts: api.toFacts?.(headers, request) }
      const reader = {
        ...context,
        write: (events: readonly DriverEvent[]) => context.write(marked(events, owner, told)),
      }
      const whole = !request.stream || (stream.FRAMING === 'sse' && isWholeJson(headers))
      if (whole) {
        const busy = this.#takeWhole(await readJson(exchange), exchange, sending, reader, warnings)
        if (busy) await busy
      } else await this.#readStream(exchange, sending, reader, warnings)
    } catch (error) {
      throw this.#knowledge.failed(this.#client.withNames(error, model), sending)
    }
  }

  /** The body of a request, with what is known as it is made. */
  #encode(request: ChatRequest, found: Found, owner: Owner): Encoded<Options> {
    const known = this.#knowledge.known(owner.model, found)
    return { found, known, sent: this.#rooms.wire.toWire(withOwnData(request, owner), known) }
  }

  /** Sends what a model is needed for; where the user limits the wait for its first byte, the time of a load is not counted. */
  #send(path: string, request: ApiRequest & { readonly model: string }, isLocal: boolean): Promise<Exchange> {
    const { deadlines: timeouts } = this.#client.address
    const { model, signal } = request
    if (timeouts.firstByteMs === undefined || !isLocal) return this.#client.send(path, request)
    return sendWhileLoading({
      clock: this.#clock,
      timeouts,
      model,
      provider: this.provider,
      signal,
      send: (linked) => this.#client.send(path, { ...request, signal: linked, isPatient: true }),
      ask: (linked) => this.#knowledge.loadState(model, linked),
    })
  }

  /** A whole answer is delivered as the events that a stream of it would have had. */
  #takeWhole(
    json: unknown,
    exchange: Exchange,
    sending: Sending,
    context: AttemptContext,
    warnings: readonly Warning[],
  ): void | Promise<void> {
    const { request } = sending
    const step = this.#rooms.wire.fromWire(json)
    const isComplete = this.#rooms.stream.isComplete(step.state)
    const told = new CallIds(request.messages).unique(step.events)
    const events = isComplete ? this.#knowledge.ended(sending, step.state, told) : told
    const { failure } = step
    const busy = this.#deliver({ events, failure }, warnings, request, context, exchange)
    if (isComplete) return busy
    return Promise.resolve(busy).then(() => Promise.reject(this.#cutShort(request.model)))
  }

  /** What prepares pictures and sounds, loaded by the first call that has some. */
  async #loadMedia(): Promise<Media> {
    if (this.#media) return this.#media
    const { Media } = await import('./media.ts')
    const { context, options, rooms } = this.#parts
    this.#media = new Media(context, options.media, (model) => rooms.wire.takenMedia?.(model, options))
    return this.#media
  }

  async #embed(request: EmbedRequest, context: Limits): Promise<Embedded> {
    const { api, wire, errors } = this.#rooms
    const path = api.embedPath?.(request, this.#options)
    const { toEmbedWire: encode, fromEmbedWire: decode } = wire
    if (!encode || !decode || path === undefined) throw this.#undeclared('embeddings')
    const { model } = request
    const { signal } = context
    const startedMs = this.#clock.elapsed()
    const found = await this.#knowledge.find(model, context).catch(unsent)
    return embedInBatches(request, {
      mayBeOneText: (error) => errors.mayBeOneText?.(error) ?? false,
      valuesMax: api.EMBED_BATCH_MAX,
      charsMax: api.EMBED_BATCH_CHARS_MAX,
      send: async (values) => {
        const part = { ...request, values }
        const encoded = async () => encode(part, this.#knowledge.known(model, found))
        const sent = await encoded().catch(unsent)
        this.#knowledge.sent(model, sent)
        const { body, warnings } = sent
        const { timeLeftMs: timeoutMs } = this.#left(context, startedMs)
        const isLocal = found.profile?.local === true
        const exchange = await this.#send(path, { body, model, signal, timeoutMs }, isLocal)
        const json = await this.#client.named(readJson(exchange), model)
        return { ...decode(json, part), warnings }
      },
    })
  }

  async locality(model: string, limits: Limits): Promise<Locality> {
    if (this.#rooms.models.describe) await this.#knowledge.profiles.get(model, limits)
    return this.bill(model, UNKNOWN_USAGE, undefined).locality
  }

  demand(request: ChatRequest | EmbedRequest): Demand {
    return this.#rooms.pricing.toDemand(request, this.#billed(request.model))
  }

  bill(model: string, usage: Usage, facts: Readonly<Record<string, unknown>> | undefined): Bill {
    return this.#rooms.pricing.toBill({ ...this.#billed(model), usage, facts })
  }

  #billed(model: string): Omit<Billed<Options>, 'usage' | 'facts'> {
    const { address } = this.#client
    return { options: this.#options, address, model, profile: this.#knowledge.profiles.peek(model) }
  }

  async listModels(options: QueryOptions = {}): Promise<readonly ModelInfo[]> {
    return this.#rooms.models.listModels(this.#client, options)
  }

  async getModel(id: string, options: QueryOptions = {}): Promise<ModelInfo> {
    const info = await this.#rooms.models.getModel(this.#client, id, options)
    const { window } = this.#knowledge.memories.of(id)
    return window === undefined ? info : { ...info, contextWindow: window }
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
    this.#management ??= this.#rooms.models.manage?.(this.#client, {
      runtime: this.#parts.context.runtime,
      changed: (isSame) => {
        this.#knowledge.profiles.forget(isSame)
        this.#knowledge.memories.forget(isSame)
      },
      known: (id) => this.#knowledge.known(id),
      remember: (id, memory) => this.#knowledge.memories.keep(id, memory),
    })
    return this.#management
  }

  async close(): Promise<void> {
    await this.#parts.context.transport.close()
  }

  async #readStream(
    exchange: Exchange,
    sending: Sending,
    context: AttemptContext,
    warnings: readonly Warning[],
  ): Promise<void> {
    const { stream } = this.#rooms
    const { request } = sending
    const decoder = await newDecoder(stream.FRAMING)
    let state = stream.INITIAL
    let waiting = warnings
    const ids = new CallIds(request.messages)
    let finished = false
    const take = (records: readonly unknown[]): void | Promise<void> => {
      const events: DriverEvent[] = []
      let failure: string | undefined
      for (const record of records) {
        // What follows the end of an answer is tolerated and ignored.
        if (failure !== undefined || stream.isComplete(state)) break
        const step = record === END ? endOf(stream, state) : stream.reduce(state, record)
        state = step.state
        failure = step.failure
        for (const event of step.events) events.push(event)
      }
      const before = waiting
      if (events.length > 0) waiting = []
      const unique = ids.unique(events)
      const told = stream.isComplete(state) ? this.#knowledge.ended(sending, state, unique) : unique
      const busy = this.#deliver({ events: told, failure }, before, request, context, exchange)
      if (!stream.isComplete(state)) return busy
      if (busy) return busy.then(() => void (finished = true))
      finished = true
      return undefined
    }
    try {
      const read = (piece: Uint8Array): void | Promise<void> =>
        finished ? undefined : take(decoder.push(piece))
      let begun = false
      await exchange.consume((piece) => {
        if (begun) return read(piece)
        begun = true
        return readFirst(piece, stream.FRAMING, read)
      })
      if (!finished) await take([...decoder.end(), END])
    } catch (error) {
      // The whole answer is with the caller: what goes wrong after its end takes nothing away from it.
      if (!finished) throw error
    }
    if (!stream.isComplete(state)) throw this.#cutShort(request.model)
  }

  /** Passes events on; warnings of the encoder go with the first of them, when the provider has taken the request. */
  #deliver(
    step: Told,
    warnings: readonly Warning[],
    request: ChatRequest,
    context: AttemptContext,
    { headers }: Pick<Exchange, 'headers'>,
  ): void | Promise<void> {
    if (step.failure === undefined) {
      if (step.events.length === 0) return undefined
      if (warnings.length === 0) return context.write(step.events)
      const [first, ...rest] = step.events
      const told = warnings.map(asEvent)
      // An answer begins with its start, whatever is to be said about it.
      return context.write(first?.type === 'start' ? [first, ...told, ...rest] : [...told, ...step.events])
    }
    const { model, messages } = request
    const path = this.#rooms.api.chatPath(request, this.#options)
    const failure = { model, status: undefined, text: step.failure, headers, path }
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

/** What records came to, and the failure that they ended with. */
interface Told {
  readonly events: readonly DriverEvent[]
  readonly failure: string | undefined
}

/** Stands behind the last record of a stream. */
const END = Symbol('end')

function endOf<State>({ endOfStream }: Rooms<ProviderOptions, State>['stream'], state: State): Step<State> {
  return endOfStream?.(state) ?? { state, events: [] }
}

type Limits = Omit<AttemptContext, 'write'>

function asEvent(warning: Warning): { readonly type: 'warning'; readonly warning: Warning } {
  return { type: 'warning', warning }
}
