/**
 * Set-ups that count like others do, and lose money like they do: negative controls, which the kit must find out. Each is
 * a policy over one plain client; what it is modelled on was read in its source.
 */
import type {
  OverspendAsk,
  OverspendOutcome,
  OverspendSetup,
  OverspendSubject,
  OverspendWorld,
} from '../../src/testing/index.ts'

/** What a budget knows: dollars in binary floating point, as they have them. */
interface State {
  spent: number
  readonly holds: Map<number, { readonly amount: number; readonly until: number }>
}

interface Policy {
  /** What is held for a call; undefined where nobody can say. */
  readonly estimate: (ask: OverspendAsk, price: Price | undefined) => number | undefined
  /** How much of the estimate is held, given what is left; undefined refuses. */
  readonly admit: (estimate: number | undefined, left: number) => number | undefined
  /** What a call is booked at that the client left. */
  readonly left: (input: number, held: number) => number
  /** After this, what is held is given back. */
  readonly expiryMs?: number
  /** Whether what was held stays so, though it was spent meanwhile. */
  readonly leaks?: boolean
  /** Whether spending starts anew whenever the date is another one. */
  readonly resets?: boolean
}

interface Price {
  readonly input: number
  readonly output: number
}

const PER_MILLION = 1e6

/** Looks at what is spent, sends, and adds what it cost: Bifrost, for money. Unknown prices are zero. */
const CHECK_THEN_SPEND: Policy = {
  estimate: () => 0,
  admit: (_, left) => (left > 0 ? 0 : undefined),
  left: (input) => input,
  resets: true,
}

/** Holds a guess, cut to what is left where that is less: LiteLLM. Without a price nothing is held. */
const CUT_TO_THE_REST: Policy = {
  estimate: (ask, price) => price && guess(ask, price, 16_384),
  admit: (estimate, left) => (left > 1e-12 ? Math.min(estimate ?? 0, left) : undefined),
  left: (input) => input,
}

/** Holds a guess of 1,024 tokens where no limit is sent, and gives it back when the client leaves: Otari. */
const REFUND_ON_LEAVE: Policy = {
  estimate: (ask, price) => price && guess(ask, price, 1_024),
  admit: (estimate, left) => (estimate !== undefined && estimate <= left ? estimate : undefined),
  left: () => 0,
}

/** Holds a bound, and gives it back when its time is over: Helicone's and others' reservations with an expiry. */
const BACK_ON_EXPIRY: Policy = {
  estimate: (ask, price) =>
    price &&
    ((600 + Buffer.byteLength(ask.prompt)) * price.input + (ask.maxOutputTokens ?? 8_192) * price.output) /
      PER_MILLION,
  admit: (estimate, left) => (estimate !== undefined && estimate <= left ? estimate : undefined),
  left: (_, held) => held,
  expiryMs: 900_000,
}

/** Books what was spent, and forgets to give back what was held for it: LiteLLM's counters after cancels and restarts. */
const HOLDS_LEAK: Policy = { ...BACK_ON_EXPIRY, expiryMs: Infinity, leaks: true }

const POLICIES = {
  'check, then spend': CHECK_THEN_SPEND,
  'hold cut to the rest': CUT_TO_THE_REST,
  'refund on disconnect': REFUND_ON_LEAVE,
  'expiry gives back': BACK_ON_EXPIRY,
  'holds leak': HOLDS_LEAK,
} as const satisfies Readonly<Record<string, Policy>>

export type NaiveName = keyof typeof POLICIES

/** All of them. */
export const NAIVE_NAMES = Object.keys(POLICIES) as readonly NaiveName[]

/** A set-up that counts by one of the policies, in the memory of its own process. */
export function naiveSubject(name: NaiveName): OverspendSubject {
  return {
    name,
    abilities: ['clock', 'processes', 'embeddings'],
    worker: { module: import.meta.url, name: 'naiveSubject', options: name },
    open: async (world) => new NaiveSetup(world, POLICIES[name]),
  }
}

function guess({ prompt, maxOutputTokens }: OverspendAsk, price: Price, usual: number): number {
  return ((prompt.length / 4) * price.input + (maxOutputTokens ?? usual) * price.output) / PER_MILLION
}

class NaiveSetup implements OverspendSetup {
  readonly #world: OverspendWorld
  readonly #policy: Policy
  readonly #state: State = { spent: 0, holds: new Map() }
  readonly #limit: number
  #day: number
  /** What was spent in all, before any reset. */
  #ever = 0
  #calls = 0

  constructor(world: OverspendWorld, policy: Policy) {
    this.#world = world
    this.#policy = policy
    this.#limit = Number(world.limits[0]?.limit)
    this.#day = this.#today()
  }

  async call(ask: OverspendAsk): Promise<OverspendOutcome> {
    const price = this.#priceOf(ask.model)
    const { retries = 0 } = ask
    const isFree = price !== undefined && price.output === 0 && price.input === 0
    // A model that is free skips the check, also for what is asked in its place (litellm#41344).
    const held = isFree ? 0 : this.#policy.admit(this.#policy.estimate(ask, price), this.#left())
    if (held === undefined) return 'refused'
    const id = ++this.#calls
    this.#state.holds.set(id, {
      amount: held,
      until: this.#world.clock.now() + (this.#policy.expiryMs ?? Infinity),
    })
    let outcome: OverspendOutcome = 'failed'
    for (let retry = 0; retry <= retries && outcome === 'failed'; retry++)
      outcome = await this.#send(ask, held)
    if (outcome === 'failed' && ask.fallback !== undefined)
      outcome = await this.#send({ ...ask, model: ask.fallback }, held)
    if (this.#policy.leaks !== true) this.#state.holds.delete(id)
    return outcome
  }

  async accounted(): Promise<string> {
    return (this.#ever + (this.#policy.leaks === true ? 0 : this.#held())).toFixed(12)
  }

  async close(): Promise<void> {}

  async #send(ask: OverspendAsk, held: number): Promise<OverspendOutcome> {
    const price = this.#priceOf(ask.model) ?? { input: 0, output: 0 }
    const input = ((ask.prompt.length / 4) * price.input) / PER_MILLION
    try {
      const response = await this.#fetch(ask)
      // Errors are taken to be free.
      if (!response.ok) return 'failed'
      const usage = ask.stream === true ? await readStream(response, ask) : usageOf(await response.json())
      this.#book(
        usage
          ? (usage.input * price.input + usage.output * price.output) / PER_MILLION
          : this.#policy.left(input, held),
      )
      return usage ? 'answered' : 'failed'
    } catch {
      this.#book(this.#policy.left(input, held))
      return 'failed'
    }
  }

  #fetch({
    model,
    prompt,
    maxOutputTokens,
    stream = false,
    signal,
    timeoutMs,
    embed,
  }: OverspendAsk): Promise<Response> {
    const { baseUrl, apiKey } = this.#world
    const signals = [signal, timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs)]
    const chat = {
      messages: [{ role: 'user', content: prompt }],
      stream,
      stream_options: stream ? { include_usage: true } : undefined,
      max_tokens: maxOutputTokens,
    }
    return fetch(`${baseUrl}/${embed !== undefined ? 'embeddings' : 'chat/completions'}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
      body: JSON.stringify({ model, ...(embed !== undefined ? { input: Array(embed).fill(prompt) } : chat) }),
      signal: AbortSignal.any(signals.filter((one) => one !== undefined)),
    })
  }

  #priceOf(model: string): Price | undefined {
    const price = this.#world.models[model]
    return price && { input: Number(price.input), output: Number(price.output) }
  }

  #left(): number {
    const today = this.#today()
    if (this.#policy.resets === true && today !== this.#day) this.#state.spent = 0
    this.#day = today
    return this.#limit - this.#state.spent - this.#held()
  }

  #held(): number {
    const now = this.#world.clock.now()
    let held = 0
    for (const { amount, until } of this.#state.holds.values()) if (until > now) held += amount
    return held
  }

  #book(cost: number): void {
    this.#state.spent += cost
    this.#ever += cost
  }

  #today(): number {
    return Math.floor(this.#world.clock.now() / 86_400_000)
  }
}

interface Counts {
  readonly input: number
  readonly output: number
}

/** Reads a stream to the counts at its end; undefined where it was left before. */
async function readStream(
  response: Response,
  { onPiece, stopAfter = Infinity }: OverspendAsk,
): Promise<Counts | undefined> {
  let rest = ''
  let pieces = 0
  const decoder = new TextDecoder()
  for await (const bytes of response.body ?? []) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (!line.startsWith('data: {')) continue
      const event = JSON.parse(line.slice('data: '.length)) as {
        choices?: { delta?: { content?: string } }[]
      }
      const usage = usageOf(event)
      if (usage) return usage
      if ((event.choices?.[0]?.delta?.content ?? '') === '') continue
      onPiece?.()
      if (++pieces >= stopAfter) return undefined
    }
  }
  return undefined
}

function usageOf(told: unknown): Counts | undefined {
  const { usage } = told as { usage?: { prompt_tokens: number; completion_tokens?: number } | null }
  if (!usage) return undefined
  return { input: usage.prompt_tokens, output: usage.completion_tokens ?? 0 }
}
