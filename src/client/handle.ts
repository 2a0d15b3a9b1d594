import type { Sink } from '../core/call.ts'
import { checkOptions } from '../core/check-options.ts'
import type { QueryOptions } from '../core/driver.ts'
import type { Health } from '../core/health.ts'
import type { Input } from '../core/message.ts'
import type { Quote } from '../core/quote.ts'
import type { CallOptions, EmbedOptions } from '../core/request.ts'
import type { AIResponse, EmbedResponse } from '../core/response.ts'
import type { OutputOf, Schema } from '../core/schema.ts'
import { AnswerStream } from '../pipeline/answer-stream.ts'
import { buildCall, buildEmbedCall, findTarget, type Selection, type Surroundings } from './build-call.ts'
import type { Engine } from './engine.ts'
import { Models } from './models.ts'

/** Gives the engine: at once, or after a configuration was read. */
export type EngineSource = () => Engine | Promise<Engine>

/** Options with a schema of their own, by which the answer's `output` is typed. */
type WithOutput<S> = Omit<CallOptions, 'output'> & { readonly output?: S }

/** An immutable choice of provider, model and options, with which to send messages. */
export class Handle {
  readonly #source: EngineSource
  readonly #selection: Selection

  constructor(source: EngineSource, selection: Selection = { options: {} }) {
    this.#source = source
    this.#selection = selection
  }

  /** A handle for a configured provider. @throws AIError `config_invalid` for one that is not configured */
  provider(name: string): Handle {
    const engine = this.#source()
    if (!(engine instanceof Promise)) engine.provider(name)
    return new Handle(this.#source, { ...this.#selection, provider: name })
  }

  /** A handle for a model: `'llama3.2'`, or provider and model at once: `'ollama/llama3.2'`. */
  model(id: string): Handle {
    return this.with({ model: id })
  }

  /** A handle whose calls have these options, over those that it has. */
  with(options: CallOptions): Handle {
    checkOptions(options)
    return new Handle(this.#source, {
      ...this.#selection,
      options: { ...this.#selection.options, ...options },
    })
  }

  /** Sends a text, a message or a conversation and resolves with the complete answer. */
  sendMessage<S extends Schema = Schema>(
    input: Input,
    options: WithOutput<S> = {},
  ): Promise<AIResponse<OutputOf<S>>> {
    // The pipeline has checked the value by the schema that types it.
    return this.#run(input, options) as Promise<AIResponse<OutputOf<S>>>
  }

  /** Sends a text, a message or a conversation and gives the answer's events as they arrive. */
  streamMessage<S extends Schema = Schema>(
    input: Input,
    options: WithOutput<S> = {},
  ): AnswerStream<OutputOf<S>> {
    const start = (sink: Sink, signal: AbortSignal): Promise<AIResponse<OutputOf<S>>> =>
      this.#run(input, options, { sink, signal }) as Promise<AIResponse<OutputOf<S>>>
    return new AnswerStream(start, options.signal ?? this.#selection.options.signal)
  }

  /** Makes the call and sends it: at once where all is there, as it is from the first call on. Never throws by itself. */
  #run(input: Input, options: CallOptions, streamed?: Surroundings): Promise<AIResponse> {
    try {
      const engine = this.#source()
      if (engine instanceof Promise)
        return engine.then((ready) => this.#runOn(ready, input, options, streamed))
      return this.#runOn(engine, input, options, streamed)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #runOn(
    engine: Engine,
    input: Input,
    options: CallOptions,
    streamed: Surroundings | undefined,
  ): Promise<AIResponse> {
    const signal = options.signal ?? this.#selection.options.signal
    const around = streamed ?? { sink: undefined, signal }
    const call = buildCall(engine, this.#selection, input, options, around)
    const middleware = options.middleware ?? this.#selection.options.middleware
    const pipeline = engine.pipeline()
    if (pipeline instanceof Promise) return pipeline.then((ready) => ready.run(call, middleware))
    return pipeline.run(call, middleware)
  }

  /** What a message can cost before it is sent, at least and at most: nothing is generated, and nothing is billed. */
  async quote(input: Input, options: CallOptions = {}): Promise<Quote> {
    const engine = await this.#source()
    const signal = options.signal ?? this.#selection.options.signal
    const call = buildCall(engine, this.#selection, input, options, { sink: undefined, signal })
    const driver = await engine.driver(call.provider)
    const { quoteOf } = await import('../budget/quote.ts')
    return quoteOf(engine.parts.guard, call, driver)
  }

  /** Makes vectors of texts, in order: one request where the provider takes them all at once. */
  async embed(values: string | readonly string[], options: EmbedOptions = {}): Promise<EmbedResponse> {
    const engine = await this.#source()
    const call = buildEmbedCall(engine, this.#selection, values, options)
    return (await engine.pipeline()).embed(call)
  }

  /** The models of the provider. */
  get models(): Models {
    return new Models(async () => {
      const engine = await this.#source()
      const { provider } = findTarget(engine, this.#selection)
      const driver = await engine.driver(provider)
      return {
        driver,
        clock: engine.runtime.clock,
        limits: async (vendor, model, name) => (await engine.prices()).limits(vendor, model, name),
        synced: (changes) => engine.emitter.emit('modelsSynced', () => ({ provider, ...changes })),
      }
    })
  }

  /** Whether the provider is there and has the model; never throws for one that is down, never costs anything. */
  async health(options: QueryOptions = {}): Promise<Health> {
    const engine = await this.#source()
    const { provider, model } = findTarget(engine, this.#selection)
    const driver = await engine.driver(provider)
    return driver.health({ ...options, ...(model === undefined ? {} : { model }) })
  }
}
