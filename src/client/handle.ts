import type { Call } from '../core/call.ts'
import { checkOptions } from '../core/check-options.ts'
import { toMessages } from '../core/check-input.ts'
import type { QueryOptions } from '../core/driver.ts'
import { AIError } from '../core/errors.ts'
import type { Health } from '../core/health.ts'
import type { Input } from '../core/message.ts'
import type { ModelInfo } from '../core/model-info.ts'
import { nearest } from '../core/nearest.ts'
import type { CallOptions, ChatRequest, Sampling } from '../core/request.ts'
import type { AIResponse } from '../core/response.ts'
import { AnswerStream } from '../pipeline/answer-stream.ts'
import type { Engine } from './engine.ts'

/** Gives the engine: at once, or after a configuration was read. */
export type EngineSource = () => Engine | Promise<Engine>

/** What a handle stands for: a provider, and options that go with every call. */
interface Selection {
  readonly provider?: string
  readonly options: CallOptions
}

/** Retries of a call for which neither the call nor the configuration says how many. */
const RETRIES_DEFAULT = 2

/** The models of a provider. */
export interface Models {
  /** All models that the provider has. A provider that is down rejects; it is never an empty list. */
  list(options?: QueryOptions): Promise<readonly ModelInfo[]>
  /** One model. @throws AIError `model_not_found` */
  get(id: string, options?: QueryOptions): Promise<ModelInfo>
}

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
  async sendMessage(input: Input, options: CallOptions = {}): Promise<AIResponse> {
    const engine = await this.#source()
    const call = this.#call(
      engine,
      input,
      options,
      undefined,
      options.signal ?? this.#selection.options.signal,
    )
    return engine.pipeline.run(call, this.#middleware(options))
  }

  /** Sends a text, a message or a conversation and gives the answer's events as they arrive. */
  streamMessage(input: Input, options: CallOptions = {}): AnswerStream {
    return new AnswerStream(async (sink, signal) => {
      const engine = await this.#source()
      const call = this.#call(engine, input, options, sink, signal)
      return engine.pipeline.run(call, this.#middleware(options))
    }, options.signal ?? this.#selection.options.signal)
  }

  /** The models of the provider. */
  get models(): Models {
    return {
      list: async (options) => (await this.#driver()).listModels(options),
      get: async (id, options) => (await this.#driver()).getModel(id, options),
    }
  }

  /** Whether the provider is there and has the model; never throws for one that is down, never costs anything. */
  async health(options: QueryOptions = {}): Promise<Health> {
    const engine = await this.#source()
    const { provider, model } = this.#target(engine, {})
    const driver = await engine.driver(provider)
    return driver.health({ ...options, ...(model === undefined ? {} : { model }) })
  }

  async #driver(): Promise<Awaited<ReturnType<Engine['driver']>>> {
    const engine = await this.#source()
    return engine.driver(this.#target(engine, {}).provider)
  }

  #middleware(options: CallOptions): NonNullable<CallOptions['middleware']> {
    return options.middleware ?? this.#selection.options.middleware ?? []
  }

  #call(engine: Engine, input: Input, given: CallOptions, sink: Call['sink'], signal: Call['signal']): Call {
    checkOptions(given)
    const options = { ...this.#selection.options, ...given }
    const { provider, model } = this.#target(engine, given)
    if (model === undefined) {
      throw new AIError({
        code: 'request_invalid',
        message: `No model was named for ${provider}: use .model(id), the option model, or providers.${provider}.model`,
        provider,
      })
    }
    const configured = engine.provider(provider).options
    const { user, project, organization, key, tags } = options
    const nowMs = engine.runtime.clock.elapsed()
    return {
      id: engine.runtime.id(),
      provider,
      request: this.#request(engine, provider, model, input, options, sink !== undefined),
      attribution: withoutUndefined({ user, project, organization, key, tags }),
      signal,
      deadlineMs: options.timeoutMs === undefined ? undefined : nowMs + options.timeoutMs,
      retries: options.retries ?? configured.retries ?? RETRIES_DEFAULT,
      sink,
    }
  }

  #request(
    engine: Engine,
    provider: string,
    model: string,
    input: Input,
    options: CallOptions,
    stream: boolean,
  ): ChatRequest {
    const { maxOutputTokens, temperature, topP, topK, stop, seed } = options
    const { reasoning, tools, toolChoice, output, serviceTier } = options
    const common = { maxOutputTokens, temperature, topP, topK, stop, seed }
    const sampling: Sampling = withoutUndefined({
      ...common,
      reasoning,
      tools,
      toolChoice,
      output,
      serviceTier,
    })
    return {
      ...sampling,
      model,
      messages: toMessages(input, options.system),
      stream,
      providerOptions: options.providerOptions?.[engine.provider(provider).driver] ?? {},
    }
  }

  /** Which provider and model a call goes to: the call's own model first, then the handle's, then the configured one. */
  #target(engine: Engine, given: CallOptions): { provider: string; model: string | undefined } {
    const chosen = this.#selection.provider
    const id = given.model ?? this.#selection.options.model
    const slash = id?.indexOf('/') ?? -1
    if (chosen === undefined && id !== undefined && slash > 0) {
      const name = id.slice(0, slash)
      if (engine.providers.has(name)) return { provider: name, model: id.slice(slash + 1) }
      // Model ids have slashes of their own; a provider's name with a slip of the finger is not one of them.
      if (nearest(name, engine.providers.keys()) !== undefined) engine.provider(name)
    }
    const provider = engine.provider(chosen ?? engine.defaultProvider)
    return { provider: provider.name, model: id ?? provider.model }
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

function withoutUndefined<T extends object>(value: T): Defined<T> {
  const result: Record<string, unknown> = {}
  for (const [name, one] of Object.entries(value)) if (one !== undefined) result[name] = one
  return result as Defined<T>
}
