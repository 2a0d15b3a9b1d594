import type { Call, EmbedCall, Middleware } from '../core/call.ts'
import type { Driver } from '../core/driver.ts'
import type { ChatRequest } from '../core/request.ts'
import type { AIResponse, EmbedResponse } from '../core/response.ts'
import type { GuardParts } from '../budget/guard.ts'
import type { Emitter } from '../events/emitter.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { PriceList } from '../pricing/price-list.ts'
import type { Runtime } from '../runtime.ts'
import { callFacts } from './call-facts.ts'
import { assertCapable, assertDeclared } from './capable.ts'
import { compose } from './compose.ts'
import { runEmbed } from './embed.ts'
import { runRounds } from './rounds.ts'

/** What the pipeline works with. Stores and drivers are opened on first use. */
export interface PipelineParts {
  readonly runtime: Runtime
  readonly emitter: Emitter
  /** Middleware of every call, outermost first. */
  readonly middleware: readonly Middleware[]
  /** `before`: an answer is returned once its entry is durable. `after`: it is returned at once. */
  readonly durability: 'before' | 'after'
  driver(provider: string): Driver | Promise<Driver>
  ledger(): Ledger | Promise<Ledger>
  prices(): PriceList | Promise<PriceList>
  /** What lets attempts in. */
  readonly guard: GuardParts
  /** Provider and model that free answers are compared with. */
  readonly baseline: string | undefined
  /** What `'ollama/llama3.2'` names. @throws AIError `config_invalid` */
  target(name: string): Target
  /** The configured providers that have a model of their own. */
  targets(): readonly Target[]
  /** Those of a call's provider options that concern a provider's driver. */
  optionsFor(provider: string, all: Call['providerOptions']): ChatRequest['providerOptions']
}

/** A configured provider and a model of it. */
export interface Target {
  readonly provider: string
  readonly model: string
}

/** The one way through groat: everything that sends anything ends here. */
export class Pipeline {
  readonly #parts: PipelineParts

  constructor(parts: PipelineParts) {
    this.#parts = parts
  }

  /**
   * Runs a call, in both modes alike, and resolves with the complete answer. Order of effects: `messageSent`, attempts
   * (each priced and booked), `responseGenerated`, `costCalculated`, the stream's `finish`; on failure `messageFailed`.
   */
  async run(call: Call, middleware: readonly Middleware[] = []): Promise<AIResponse> {
    const { emitter, runtime } = this.#parts
    const passage: Passage = { afterwards: [], answered: false }
    let response: AIResponse
    try {
      response = await this.#through([...this.#parts.middleware, ...middleware], call, passage)
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      // An answer that middleware threw away was generated all the same, and has been told of.
      if (!passage.answered)
        emitter.emit('messageFailed', () => ({ ...callFacts(call, runtime.clock), error }))
      tellAll(passage.afterwards)
      throw thrown
    }
    if (!call.sink) return response
    const { finishReason, usage, cost } = response
    await call.sink.write({ type: 'finish', finishReason, usage, cost })
    return response
  }

  /** Sends a call through middleware, where there is some. */
  #through(chain: readonly Middleware[], call: Call, passage: Passage): Promise<AIResponse> {
    if (chain.length === 0) return this.#send(call, passage)
    return compose(chain, (passed) =>
      // Money is held and booked by the call's id: with that of another call it would go on its money.
      this.#send(passed.id === call.id ? passed : { ...passed, id: call.id }, passage),
    )(call)
  }

  /** Embeds texts: tells of `costCalculated`, or of `messageFailed`. */
  async embed(call: EmbedCall): Promise<EmbedResponse> {
    const { emitter, runtime } = this.#parts
    const afterwards: (() => void)[] = []
    try {
      const driver = await this.#parts.driver(call.provider)
      assertDeclared(driver, call.request.model, ['embeddings'])
      await this.#open()
      const response = await runEmbed(this.#parts, call, driver, afterwards)
      const { cost, usage } = response
      emitter.emit('costCalculated', () => ({ ...callFacts(call, runtime.clock), cost, usage }))
      tellAll(afterwards)
      return response
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      emitter.emit('messageFailed', () => ({ ...callFacts(call, runtime.clock), error }))
      tellAll(afterwards)
      throw thrown
    }
  }

  /** Opens books and prices before anything is sent: an answer that cannot be priced and booked must not be bought. */
  #open(): Promise<unknown> | undefined {
    const [ledger, prices] = [this.#parts.ledger(), this.#parts.prices()]
    if (!(ledger instanceof Promise) && !(prices instanceof Promise)) return undefined
    return Promise.all([ledger, prices])
  }

  async #send(call: Call, passage: Passage): Promise<AIResponse> {
    const { emitter, runtime } = this.#parts
    const { clock } = runtime
    const { afterwards } = passage
    const found = this.#parts.driver(call.provider)
    const driver = found instanceof Promise ? await found : found
    assertCapable(driver, call.request)
    const opening = this.#open()
    if (opening) await opening
    const beforeSending = (): void => {
      emitter.emit('messageSent', () => {
        const { messages, stream } = call.request
        return { ...callFacts(call, clock), messages: messages.length, stream }
      })
    }
    const response = await runRounds(this.#parts, call, driver, { afterwards, beforeSending })
    emitter.emit('responseGenerated', () => ({ ...callFacts(call, clock), response }))
    const { cost, usage } = response
    emitter.emit('costCalculated', () => ({ ...callFacts(call, clock), cost, usage }))
    tellAll(afterwards)
    passage.answered = true
    return response
  }
}

/** A call on its way through middleware. */
interface Passage {
  /** What is told once the call's cost is. */
  readonly afterwards: (() => void)[]
  /** Whether its answer is complete, and was told of. */
  answered: boolean
}

/** Tells of what settlements brought about, once. */
function tellAll(afterwards: (() => void)[]): void {
  for (const tell of afterwards.splice(0)) tell()
}
