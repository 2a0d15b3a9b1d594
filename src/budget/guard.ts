import type { Budget, BudgetFacts, OnLimit } from '../core/budget.ts'
import type { Call, EmbedCall } from '../core/call.ts'
import type { Driver } from '../core/driver.ts'
import type { AIError } from '../core/errors.ts'
import { TIMEOUT_MS_MAX } from '../core/limits.ts'
import type { Warning } from '../core/warning.ts'
import {
  hasBudgets,
  type BudgetStore,
  type BudgetWindow,
  type HoldRequest,
  type Scopes,
} from '../ledger/budget-store.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { ZERO_AMOUNT, type Amount } from '../money/amount.ts'
import { add, picos, type Picos } from '../money/picos.ts'
import type { PriceList } from '../pricing/price-list.ts'
import { affordableOutputTokens, worstCase, type KnownCase, type WorstCase } from '../pricing/worst-case.ts'
import type { Clock } from '../runtime.ts'
import { LIMIT_PICOS_MAX } from './check-budget.ts'
import { factsOf, factsOfCall, priceUnknown, roomIn } from './facts.ts'
import { ownCopy } from './own-copy.ts'

/** Output tokens that are let in under a budget where neither the call nor the model says how many. */
export const OUTPUT_TOKENS_DEFAULT = 8_192
/** Fewest output tokens that a call is still sent with: OpenAI takes no smaller limit. */
export const FIT_TOKENS_MIN = 16
/** How long a hold is open for a call without a time limit, in milliseconds: then it counts as spent until it is heard of. */
export const HOLD_MS_DEFAULT = 900_000
/** What a hold is open for beyond the call's own time, in milliseconds: for the answer to be booked. */
const HOLD_MS_SPARE = 60_000
/** Tries to fit a call in before others take the room again. */
const FITS_MAX = 3

/** What the guard works with. */
export interface GuardParts {
  readonly clock: Clock
  /** `observe`: everything is counted and told, and nothing is refused. */
  readonly enforcement: 'enforce' | 'observe'
  ledger(): Ledger | Promise<Ledger>
  prices(): PriceList | Promise<PriceList>
}

/** An attempt that asks to be let in. */
export interface Asking<C extends Call | EmbedCall> {
  readonly call: C
  readonly driver: Driver
  readonly attemptId: string
  /** What the call's earlier attempts cost. */
  readonly spent: Picos
  /** Whether there were any. */
  readonly sentBefore: boolean
}

/** The money behind an attempt. */
export interface Hold {
  readonly id: string
  /** The most that it can cost; undefined where nothing bounds it, and nothing was held. */
  readonly worst: KnownCase | undefined
  /** Undefined where nothing but the call's own limit concerns it, which no store keeps. */
  readonly store: BudgetStore | undefined
}

/** What was found of an attempt: it may be sent, or not. */
export type Admission<C extends Call | EmbedCall> =
  | {
      readonly status: 'admitted'
      /** The call with the limits that it is sent with. */
      readonly call: C
      /** Undefined where no budget is concerned, or the model is free. */
      readonly hold: Hold | undefined
      readonly warnings: readonly Warning[]
      /** Windows that the call would not have fitted into, had they been enforced. */
      readonly over: readonly BudgetFacts[]
      /** For a call that passed as free: makes the budgets count it, should its answer say otherwise. */
      readonly countLater?: (() => Promise<Hold | undefined>) | undefined
    }
  | {
      readonly status: 'refused'
      readonly error?: AIError
      readonly facts?: BudgetFacts
      readonly needed?: Amount
      readonly affordable?: number | undefined
      readonly onLimit: OnLimit
    }

/**
 * Holds the most that an attempt can cost in every budget that concerns it, or says why it may not be sent. What is
 * proven local, or declared so, passes without money.
 *
 * @throws AIError `store_failed` where the budgets cannot be asked: then nothing is sent either
 */
export async function admit<C extends Call | EmbedCall>(
  parts: GuardParts,
  asking: Asking<C>,
): Promise<Admission<C>> {
  const { call, driver } = asking
  const ledger = await parts.ledger()
  const store = hasBudgets(ledger) ? ledger.budgets : undefined
  const budgets = store ? await budgetsOf(store, call.attribution) : NONE
  if (budgets.length === 0 && call.budget === undefined) return passed(call)
  const { signal, deadlineMs } = call
  const timeLeftMs = deadlineMs === undefined ? undefined : deadlineMs - parts.clock.elapsed()
  const locality = await driver.locality(call.request.model, { signal, timeLeftMs })
  if (locality === 'local' || locality === 'declared')
    return passed(call, store && (() => countIn(parts, asking, store)))
  const enforcing = parts.enforcement === 'enforce' ? budgets.filter(({ mode }) => mode === 'enforce') : NONE
  const enforced = enforcing.length > 0 || (call.budget !== undefined && parts.enforcement === 'enforce')
  const prices = await parts.prices()
  const bounded = withOwnRequest(enforced ? withLimits(call, driver, prices) : call)
  const worst = worstOf(parts, bounded, driver, prices)
  if (worst.unknown !== undefined) {
    const denying = enforcing.filter(({ unpriced }) => unpriced === 'deny')
    if (!enforced || (denying.length === 0 && call.budget === undefined))
      return holdNothing(parts, { ...asking, call: bounded, store, prices })
    const ids = denying.map(({ scope, id, period }) => `${scope}/${id}/${period}`)
    const refused = { provider: driver.provider, model: call.request.model, sentBefore: asking.sentBefore }
    const error = priceUnknown(worst.unknown, refused, ids)
    return { status: 'refused', error, onLimit: call.onLimit ?? denying[0]?.onLimit ?? 'reject' }
  }
  return hold(parts, { ...asking, call: bounded, store, prices }, worst)
}

/** A hold of nothing for a call that passed as free, and whose answer says that it was not: the truth counts, unrefused. */
async function countIn<C extends Call | EmbedCall>(
  { clock }: GuardParts,
  asking: Asking<C>,
  store: BudgetStore,
): Promise<Hold | undefined> {
  const found = await store.reserve({ ...requestOf(clock, asking, ZERO_AMOUNT), mode: 'observe' })
  return found.status === 'held' ? { id: asking.attemptId, worst: undefined, store } : undefined
}

/** Lets a call pass of which nobody knows what it can cost: what it did cost still counts, if that is told. */
async function holdNothing<C extends Call | EmbedCall>(
  parts: GuardParts,
  holding: Holding<C>,
): Promise<Admission<C>> {
  const { call, attemptId: id, store } = holding
  const found = await refusedBy(parts, holding, ZERO_AMOUNT)
  if ('needed' in found) return { status: 'refused', ...found, affordable: undefined }
  const hold = found.held && store ? { id, worst: undefined, store } : undefined
  return { status: 'admitted', call, hold, warnings: [], over: found.over.map(factsOf) }
}

const NONE: readonly Budget[] = []

type Holding<C extends Call | EmbedCall> = Asking<C> & {
  readonly store: BudgetStore | undefined
  readonly prices: PriceList
}

/** Asks all windows for the worst case, and for less where the call may be made to fit. */
async function hold<C extends Call | EmbedCall>(
  parts: GuardParts,
  holding: Holding<C>,
  first: KnownCase,
): Promise<Admission<C>> {
  const { driver, store, prices } = holding
  let { call } = holding
  let worst = first
  let over: readonly BudgetWindow[] = []
  const warnings: Warning[] = []
  for (let fits = 0; ; fits++) {
    const no = overOwn(parts, holding, worst) ?? (await refusedBy(parts, { ...holding, call }, worst.amount))
    if (!('needed' in no)) {
      over = no.over
      const behind = no.held || call.budget !== undefined
      const held = behind ? { id: holding.attemptId, worst, store: no.held ? store : undefined } : undefined
      return { status: 'admitted', call, hold: held, warnings, over: over.map(factsOf) }
    }
    const affordable = affordableOutputTokens(worst, no.room)
    const refused = { status: 'refused', ...no, affordable } as const
    if (no.onLimit !== 'fit' || affordable === undefined || affordable < FIT_TOKENS_MIN || fits >= FITS_MAX)
      return refused
    call = withOutputLimit(call, affordable)
    const smaller = worstOf(parts, call, driver, prices)
    // A price that went between two questions: what cannot be bounded is not sent.
    if (smaller.unknown !== undefined || smaller.amount.picos >= worst.amount.picos) return refused
    worst = smaller
    warnings.splice(0, 1, outputLowered(affordable, no.facts))
  }
}

/** Why an attempt does not fit, and how much room there is. */
interface NoRoom {
  readonly facts: BudgetFacts
  readonly needed: Amount
  readonly room: Picos
  readonly onLimit: OnLimit
}

interface Room {
  readonly held: boolean
  readonly over: readonly BudgetWindow[]
}

/** Whether the call's own limit does not cover the attempt. */
function overOwn<C extends Call | EmbedCall>(
  { enforcement }: GuardParts,
  { call, spent }: Asking<C>,
  { amount }: KnownCase,
): NoRoom | undefined {
  const { budget } = call
  if (budget === undefined || enforcement === 'observe' || add(spent, amount.picos) <= budget.picos)
    return undefined
  const facts = factsOfCall(call, budget, spent)
  const room = roomIn({ limit: budget.picos, settled: spent, reserved: 0n as Picos }) ?? amount.picos
  return { facts, needed: amount, room, onLimit: call.onLimit ?? 'reject' }
}

/** What is asked of the store for an attempt. */
function requestOf<C extends Call | EmbedCall>(
  clock: Clock,
  { call, driver, attemptId, spent }: Asking<C>,
  { picos: wanted }: Amount,
): Omit<HoldRequest, 'mode'> {
  const { model } = call.request
  const { provider } = driver
  return {
    id: attemptId,
    callId: call.id,
    fingerprint: `${provider}/${model}`,
    // No limit is higher: what is above it fits into none.
    amount: wanted < LIMIT_PICOS_MAX ? wanted : picos(LIMIT_PICOS_MAX),
    callSpent: spent,
    ttlMs: holdMs(clock, call),
    attribution: call.attribution,
    provider,
    model,
  }
}

async function refusedBy<C extends Call | EmbedCall>(
  parts: GuardParts,
  holding: Holding<C>,
  amount: Amount,
): Promise<NoRoom | Room> {
  const { call, store } = holding
  if (!store) return { held: false, over: [] }
  const reserved = await store.reserve({
    ...requestOf(parts.clock, holding, amount),
    mode: parts.enforcement,
  })
  if (reserved.status === 'unlimited') return { held: false, over: [] }
  if (reserved.status === 'held') return { held: true, over: reserved.over }
  const { refused, windows } = reserved
  const enforced = windows.filter(({ budget }) => budget.mode === 'enforce')
  // The call's own limit has more room: it covers the attempt, or it would have refused it before.
  const rooms = enforced.map(roomIn).filter((room) => room !== undefined)
  const room = rooms.reduce((least, one) => (one < least ? one : least))
  const onLimit = call.onLimit ?? refused.budget.onLimit
  return { facts: factsOf(refused), needed: amount, room, onLimit }
}

/** A call that needs no money behind it. */
export function passed<C extends Call | EmbedCall>(
  call: C,
  countLater?: () => Promise<Hold | undefined>,
): Admission<C> {
  return { status: 'admitted', countLater, call, hold: undefined, warnings: [], over: [] }
}

/** Whether any budget can concern a call: one that is nobody's, and has no limit of its own, is let in at once. */
export function isLimitable({ budget, attribution }: Call | EmbedCall): boolean {
  const { user, project, organization, key } = attribution
  return (budget ?? user ?? project ?? organization ?? key) !== undefined
}

async function budgetsOf(store: BudgetStore, attribution: Scopes): Promise<readonly Budget[]> {
  const { user, project, organization, key } = attribution
  return store.applicable({ user, project, organization, key })
}

/** How long a hold is open: as long as the call may take, and some time to book it. */
function holdMs(clock: Clock, { deadlineMs }: Call | EmbedCall): number {
  const left = deadlineMs === undefined ? HOLD_MS_DEFAULT : deadlineMs - clock.elapsed()
  return left > 0 ? left + HOLD_MS_SPARE : HOLD_MS_SPARE
}

/** The most that an attempt can cost while its hold is open; the reason where nothing bounds it. */
export function worstOf(
  { clock }: Pick<GuardParts, 'clock'>,
  call: Call | EmbedCall,
  driver: Driver,
  prices: PriceList,
): WorstCase {
  const at = clock.now()
  const { provider } = driver
  const { model } = call.request
  // A call without a limit of time outlives its hold: a price that rises meanwhile is what it is billed at.
  const until = at + HOLD_MS_SPARE + TIMEOUT_MS_MAX
  return worstCase(driver.demand(call.request), { provider, model, at, until }, prices)
}

/** The call as it is sent under a budget: an output limit bounds what it can cost, and no tier is left to the provider. */
export function withLimits<C extends Call | EmbedCall>(call: C, driver: Driver, prices: PriceList): C {
  if (!isChat(call)) return call
  const { maxOutputTokens, serviceTier = 'default', model } = call.request
  const most = prices.limits(driver.demand(call.request).vendor, model, driver.provider)?.maxOutputTokens
  const usual = most !== undefined && most < OUTPUT_TOKENS_DEFAULT ? most : OUTPUT_TOKENS_DEFAULT
  const limited = { ...call.request, maxOutputTokens: maxOutputTokens ?? usual, serviceTier }
  return { ...call, request: limited }
}

/** What was held for is what is sent, whatever its caller does to it meanwhile. */
function withOwnRequest<C extends Call | EmbedCall>(call: C): C {
  return { ...call, request: ownCopy(call.request) }
}

function withOutputLimit<C extends Call | EmbedCall>(call: C, maxOutputTokens: number): C {
  return isChat(call) ? { ...call, request: { ...call.request, maxOutputTokens } } : call
}

function isChat(call: Call | EmbedCall): call is Call {
  return 'messages' in call.request
}

function outputLowered(maxOutputTokens: number, facts: BudgetFacts): Warning {
  const whose = facts.scope === 'call' ? "the call's own budget" : `the budget of ${facts.scope} ${facts.id}`
  return {
    code: 'output-limit-lowered',
    message: `The answer may have ${maxOutputTokens} tokens: that is what ${whose} still pays for`,
    details: { maxOutputTokens, scope: facts.scope, id: facts.id, period: facts.period },
  }
}
