import type { Clock } from '../runtime.ts'
import type { MeteredPrice, MeteredReply } from './metered-provider.ts'
import type { OverspendStage } from './overspend-stage.ts'

/** What a set-up must be able to do for some of the scenarios. */
export type OverspendAbility =
  /** It takes its time from `world.clock`, also that of its budgets. */
  | 'clock'
  /** It knows prices that change at a moment. */
  | 'dated-prices'
  /** Several processes can share its budgets: it has a `worker`. */
  | 'processes'
  /** It runs tools, and sends their results back, until the model has answered. */
  | 'tools'
  | 'embeddings'
  /** It has limits for projects beside those for users. */
  | 'scopes'

/** A limit that holds for one id. */
export interface OverspendLimit {
  readonly scope: 'user' | 'project'
  readonly id: string
  readonly period: 'total' | 'day'
  /** Dollars, as a decimal text. */
  readonly limit: string
}

/** What a set-up is opened against. */
export interface OverspendWorld {
  /** Different in every run: for names in a database that others use too. */
  readonly id: string
  /** An address of OpenAI's Chat Completions, with its `/v1`. */
  readonly baseUrl: string
  readonly apiKey: string
  /** The models whose prices are known. */
  readonly models: Readonly<Record<string, MeteredPrice>>
  readonly limits: readonly OverspendLimit[]
  /** An empty folder for files of this run; its processes share it. */
  readonly folder: string
  /** The time of this run. In another process it is the real one. */
  readonly clock: Clock
}

/** One call that a set-up is asked to make. */
export interface OverspendAsk {
  readonly model: string
  readonly prompt: string
  readonly user: string
  readonly project?: string
  /** Absent where the caller sets no limit of its own. */
  readonly maxOutputTokens?: number
  /** @default 0 */
  readonly retries?: number
  readonly signal?: AbortSignal
  /** Time for the whole call, in milliseconds. */
  readonly timeoutMs?: number
  /** Reads the answer as it comes. @default false */
  readonly stream?: boolean
  /** Called for every piece of text that came. */
  readonly onPiece?: () => void
  /** Leaves the loop over the answer after so many pieces. */
  readonly stopAfter?: number
  /** Offers a tool, and runs it as often as it is asked for. @default false */
  readonly tools?: boolean
  /** The model that is asked when the first one fails. */
  readonly fallback?: string
  /** Makes vectors, in place of an answer: of the prompt, so many times. */
  readonly embed?: number
}

/** `refused`: the budget did not let it be sent. `failed`: it was let in, and has no answer. */
export type OverspendOutcome = 'answered' | 'refused' | 'failed'

/** A client, gateway or library with its limits, ready for calls. */
export interface OverspendSetup {
  call(ask: OverspendAsk): Promise<OverspendOutcome>
  /** What it says was spent since it was opened, money that it still holds included: dollars as a decimal text. */
  accounted(): Promise<string>
  /** What does not add up in its own books; empty where all does. */
  verify?(): Promise<readonly string[]>
  close(): Promise<void>
}

/** Something that has budgets, and is to show that they hold. */
export interface OverspendSubject {
  readonly name: string
  readonly abilities: readonly OverspendAbility[]
  open(world: OverspendWorld): Promise<OverspendSetup>
  /** How another process gets the same subject: `(await import(module))[name](options)`. Options are JSON. */
  readonly worker?: { readonly module: string; readonly name: string; readonly options?: unknown }
}

/** One way to overspend, as data. */
export interface OverspendScenario {
  readonly name: string
  /** What happens in it, in a sentence. */
  readonly about: string
  readonly needs?: readonly OverspendAbility[]
  readonly limits: readonly OverspendLimit[]
  /** The provider's models. */
  readonly models: Readonly<Record<string, MeteredPrice>>
  /** Those whose prices the set-up is not told. */
  readonly unpriced?: readonly string[]
  readonly manner?: MeteredReply
  readonly bytesPerToken?: number
  /** When it begins, in milliseconds since the Unix epoch. @default now */
  readonly startsAt?: number
  /** The most that may be billed, in dollars. @default the first limit */
  readonly most?: string
  /** The most that may be billed for one model, by its name. */
  readonly mostOf?: Readonly<Record<string, string>>
  /** The most that a call can cost by careful reckoning: with this much left none is refused. @default not looked at */
  readonly callMost?: string
  run(stage: OverspendStage): Promise<void>
}

/** Where money went. `not-run`: the subject has not what the scenario needs. */
export type OverspendVerdict = 'held' | 'overspent' | 'under-reported' | 'blocked-falsely' | 'not-run'

/** What came of a scenario. Amounts are dollars, as decimal texts. */
export interface OverspendResult {
  readonly scenario: string
  readonly subject: string
  /** The most that may be billed. */
  readonly limit: string
  /** What the provider charged. */
  readonly billed: string
  /** What the set-up says was spent or is still held. */
  readonly accounted: string
  /** Calls that were refused by a budget. */
  readonly refused: number
  /** Calls that were let in. */
  readonly admitted: number
  readonly verdict: OverspendVerdict
  /** Why, in a sentence. */
  readonly note: string
}
