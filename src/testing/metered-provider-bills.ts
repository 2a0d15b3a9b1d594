import { Amount } from '../money/amount.ts'
import { parseDecimal } from '../money/decimal.ts'

/** Most bills that are remembered one by one; sums count all that there ever were. */
export const BILLS_MAX = 10_000

const TOKENS_PER_PRICE = 1_000_000n

/** What a model costs: dollars per million tokens, as decimal texts. */
export interface MeteredRates {
  readonly input: string
  readonly output: string
}

/** What a model costs, and when it costs something else. */
export interface MeteredPrice extends MeteredRates {
  /** For a whole request with more input tokens than `above`. */
  readonly longContext?: MeteredRates & { readonly above: number }
  /** From these moments on, in milliseconds since the Unix epoch; what counts is when the work is done. */
  readonly changes?: readonly (MeteredRates & { readonly at: number })[]
}

/** What one request is charged. */
export interface MeteredBill {
  readonly model: string
  readonly inputTokens: number
  /** So far, where it is `working`. */
  readonly outputTokens: number
  readonly amount: Amount
  /**
   * `working`: tokens are still written. `answered`: all were. `left`: the client went away, or the line broke, before
   * that. `refused`: with an error before any work. `failed`: with an error after all of it.
   */
  readonly end: 'working' | 'answered' | 'left' | 'refused' | 'failed'
}

/** Picos for one token each way. */
interface TokenRates {
  readonly input: bigint
  readonly output: bigint
}

/** A price list of exact numbers. @throws RangeError for a price finer than a pico for a token */
export function readPrice(price: MeteredPrice): (inputTokens: number, at: number) => TokenRates {
  const base = readRates(price)
  const { longContext } = price
  const long = longContext && readRates(longContext)
  const changes = (price.changes ?? []).map((change) => ({ at: change.at, rates: readRates(change) }))
  return (inputTokens, at) => {
    if (long && longContext && inputTokens > longContext.above) return long
    return changes.findLast((change) => change.at <= at)?.rates ?? base
  }
}

function readRates({ input, output }: MeteredRates): TokenRates {
  return { input: perToken(input), output: perToken(output) }
}

function perToken(text: string): bigint {
  const perMillion = parseDecimal(text)
  if (perMillion < 0n || perMillion % TOKENS_PER_PRICE !== 0n) {
    throw new RangeError(
      `A price is dollars per million tokens with at most six decimals, zero or more: ${text}`,
    )
  }
  return perMillion / TOKENS_PER_PRICE
}

/** One request's meter: it runs while tokens are written, and stops for good at the first end. */
export class Meter {
  readonly model: string
  inputTokens: number
  readonly #rates: (inputTokens: number, at: number) => TokenRates
  readonly #now: () => number
  readonly #onEnd: (meter: Meter) => void
  #outputTokens = 0
  #end: MeteredBill['end'] = 'working'
  #picos = 0n

  constructor(
    { model, inputTokens }: { readonly model: string; readonly inputTokens: number },
    rates: (inputTokens: number, at: number) => TokenRates,
    now: () => number,
    onEnd: (meter: Meter) => void,
  ) {
    this.model = model
    this.inputTokens = inputTokens
    this.#rates = rates
    this.#now = now
    this.#onEnd = onEnd
  }

  /** So many output tokens were written by now. */
  wrote(outputTokens: number): void {
    if (this.#end === 'working') this.#outputTokens = Math.max(this.#outputTokens, outputTokens)
  }

  /** Stops, with so many output tokens written in all. */
  stop(end: Exclude<MeteredBill['end'], 'working'>, outputTokens: number): void {
    if (this.#end !== 'working') return
    this.#outputTokens = outputTokens
    if (end === 'refused') this.inputTokens = 0
    this.#picos = this.#charge()
    this.#end = end
    this.#onEnd(this)
  }

  get outputTokens(): number {
    return this.#outputTokens
  }

  get picos(): bigint {
    return this.#end === 'working' ? this.#charge() : this.#picos
  }

  bill(): MeteredBill {
    const { model, inputTokens, outputTokens } = this
    return { model, inputTokens, outputTokens, amount: new Amount(this.picos), end: this.#end }
  }

  #charge(): bigint {
    const rates = this.#rates(this.inputTokens, this.#now())
    return BigInt(this.inputTokens) * rates.input + BigInt(this.#outputTokens) * rates.output
  }
}

/** All meters of a provider, running and stopped. */
export class Meters {
  readonly #recent: Meter[] = []
  readonly #working = new Set<Meter>()
  /** What stopped meters charged, by model. */
  readonly #stopped = new Map<string, bigint>()
  #idle: (() => void)[] = []

  start(
    what: { readonly model: string; readonly inputTokens: number },
    rates: (inputTokens: number, at: number) => TokenRates,
    now: () => number,
  ): Meter {
    const meter = new Meter(what, rates, now, (stopped) => this.#onStop(stopped))
    this.#recent.push(meter)
    if (this.#recent.length > BILLS_MAX) this.#recent.shift()
    this.#working.add(meter)
    return meter
  }

  get bills(): readonly MeteredBill[] {
    return this.#recent.map((meter) => meter.bill())
  }

  /** What was charged, for one model or all, running meters included. */
  total(model?: string): Amount {
    let picos = 0n
    for (const [name, charged] of this.#stopped) if (model === undefined || name === model) picos += charged
    for (const meter of this.#working) if (model === undefined || meter.model === model) picos += meter.picos
    return new Amount(picos)
  }

  /** Resolves when no meter runs. */
  idle(): Promise<void> {
    if (this.#working.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  #onStop(meter: Meter): void {
    this.#working.delete(meter)
    this.#stopped.set(meter.model, (this.#stopped.get(meter.model) ?? 0n) + meter.picos)
    if (this.#working.size > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
