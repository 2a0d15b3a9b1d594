import assert from 'node:assert/strict'
import fc from 'fast-check'
import { windowAt } from '../../src/budget/periods.ts'
import type { Budget } from '../../src/core/budget.ts'
import type { BudgetLedger, BudgetWindow, HoldRequest, Reservation } from '../../src/ledger/budget-store.ts'
import { Amount } from '../../src/money/amount.ts'
import { picos } from '../../src/money/picos.ts'
import { budget, ended, holdOf, HOUR, MINUTE, type BudgetPlace } from './budget-case.ts'
import { DAY, exactPicos, FREE, NOON, UNKNOWN } from './entries.ts'

/** The rules of budgets once more, in the plainest way: one hold after the other in lists, all sums made anew. */
class Model {
  now = NOON
  readonly budgets = new Map<string, { budget: Budget; active: boolean }>()
  readonly windows: ModelWindow[] = []
  readonly holds = new Map<string, ModelHold>()
  /** What each entry costs, by attempt. */
  readonly booked = new Map<string, bigint>()

  set(one: Budget): void {
    this.budgets.set(nameOf(one), { budget: one, active: true })
    const limit = one.limit?.picos ?? null
    for (const window of this.windows) {
      if (window.budget !== nameOf(one) || (window.endsAt ?? Infinity) <= this.now) continue
      if (window.limit !== limit) window.told = Math.min(window.told, this.levelOf(window, limit, one))
      window.limit = limit
      this.raise(window)
    }
  }

  levelOf(window: ModelWindow, limit: bigint | null, { thresholds }: Budget): number {
    const settled = this.settledIn(window)
    if (limit === null || limit === 0n) return 0
    return Math.max(0, ...thresholds.filter((share) => settled * 1_000n >= limit * BigInt(share * 1_000)))
  }

  remove(name: string): boolean {
    const found = this.budgets.get(name)
    const was = found?.active === true
    if (found) found.active = false
    return was
  }

  settledIn(window: ModelWindow): bigint {
    let sum = 0n
    for (const hold of this.holds.values()) if (hold.windows.includes(window)) sum += hold.spent
    return sum
  }

  reservedIn(window: ModelWindow): bigint {
    let sum = 0n
    for (const hold of this.holds.values()) {
      if (hold.windows.includes(window) && hold.state === 'open') sum += hold.amount
    }
    return sum
  }

  /** Lets in what is there already. */
  raise(window: ModelWindow): void {
    if (window.limit === null) return
    const above = this.settledIn(window) + this.reservedIn(window) - window.limit
    if (above > window.excess) window.excess = above
  }

  applicable(user: string, key: string): Budget[] {
    const order = ['call', 'hour', 'day', 'week', 'month', 'total']
    return (['user', 'key'] as const).flatMap((scope) =>
      order.flatMap((period) => {
        const id = scope === 'user' ? user : key
        const own = this.budgets.get(`${scope} ${id} ${period}`)
        const every = this.budgets.get(`${scope} * ${period}`)
        const found = own?.active === true ? own : every?.active === true ? every : undefined
        return found === undefined ? [] : [found.budget]
      }),
    )
  }

  /** The window of an id, and a new one where the last is over; it is kept only if something is held in it. */
  windowFor(one: Budget, id: string): ModelWindow {
    const mine = this.windows.filter((window) => window.budget === nameOf(one) && window.id === id)
    const last = mine.at(-1)
    if (last !== undefined && (last.endsAt ?? Infinity) > this.now) return last
    const { startsAt, endsAt } = windowAt(one.period, one.timeZone, this.now)
    const limit = one.limit?.picos ?? null
    return { budget: nameOf(one), id, startsAt, endsAt, limit, excess: 0n, told: 0 }
  }

  reserve(request: HoldRequest): Outcome {
    this.assume()
    const known = this.holds.get(request.id)
    if (known !== undefined)
      return known.state === 'open' || known.state === 'assumed' ? 'replayed' : 'an error'
    const { user = '', key = '' } = request.attribution
    const places = this.applicable(user, key).map((one) => ({
      one,
      window: this.windowFor(one, one.scope === 'user' ? user : key),
    }))
    if (places.length === 0) return 'unlimited'
    const refuses = places.some(({ one, window }) => {
      if (request.mode === 'observe' || one.mode === 'observe' || window.limit === null) return false
      const before =
        one.period === 'call' ? request.callSpent : this.settledIn(window) + this.reservedIn(window)
      return before + request.amount > window.limit
    })
    if (refuses) return 'refused'
    const windows = places.filter(({ one }) => one.period !== 'call').map(({ window }) => window)
    for (const window of windows) if (!this.windows.includes(window)) this.windows.push(window)
    const { amount, ttlMs } = request
    const expiresAt = this.now + ttlMs
    this.holds.set(request.id, { amount, windows, state: 'open', spent: 0n, told: [], expiresAt })
    for (const window of windows) this.raise(window)
    return 'held'
  }

  assume(): number {
    let count = 0
    for (const hold of this.holds.values()) {
      if (hold.state !== 'open' || hold.expiresAt > this.now) continue
      hold.state = 'assumed'
      hold.spent = hold.amount
      count++
    }
    return count
  }

  /** Remembers the thresholds that are reached, and gives those that were not before. */
  tell(window: ModelWindow): number[] {
    const found = this.budgets.get(window.budget)?.budget
    if (found === undefined) return []
    const level = this.levelOf(window, window.limit, found)
    const crossed = found.thresholds.filter((share) => share > window.told && share <= level)
    window.told = Math.max(window.told, level)
    return crossed
  }

  settle(
    id: string,
    cost: bigint | undefined,
  ): { readonly state: string; readonly crossed: readonly number[] } {
    const hold = this.holds.get(id)
    if (hold === undefined) {
      if (this.booked.has(id)) return { state: 'repeated', crossed: [] }
      this.booked.set(id, cost ?? 0n)
      return { state: 'settled', crossed: [] }
    }
    // What it told of is told again, for its acknowledgement may have been lost.
    if (hold.state === 'closed') return { state: 'repeated', crossed: hold.told }
    const state = hold.state === 'open' ? 'settled' : 'corrected'
    hold.spent = cost ?? (hold.state === 'open' ? 0n : hold.amount)
    hold.state = 'closed'
    for (const window of hold.windows) {
      if (window.limit !== null && hold.spent > hold.amount) window.excess += hold.spent - hold.amount
    }
    hold.told = hold.windows.flatMap((window) => this.tell(window)).toSorted((a, b) => a - b)
    return { state, crossed: hold.told }
  }

  release(id: string): void {
    const hold = this.holds.get(id)
    if (hold?.state === 'open') hold.state = 'closed'
  }

  standing(): string[] {
    return this.windows
      .filter(
        (window) =>
          (window.endsAt ?? Infinity) > this.now && this.budgets.get(window.budget)?.active === true,
      )
      .map((window) =>
        [
          window.budget,
          window.id,
          window.startsAt,
          window.limit,
          this.settledIn(window),
          this.reservedIn(window),
          window.excess,
        ].join(' '),
      )
      .toSorted()
  }
}

type Outcome = 'unlimited' | 'held' | 'replayed' | 'refused' | 'an error'

interface ModelWindow {
  readonly budget: string
  readonly id: string
  readonly startsAt: number
  readonly endsAt: number | null
  limit: bigint | null
  excess: bigint
  told: number
}

interface ModelHold {
  readonly amount: bigint
  readonly windows: readonly ModelWindow[]
  readonly expiresAt: number
  state: 'open' | 'assumed' | 'closed'
  spent: bigint
  told: number[]
}

function nameOf({ scope, id, period }: Pick<Budget, 'scope' | 'id' | 'period'>): string {
  return `${scope} ${id} ${period}`
}

/** One thing that is done to the store and to the model. */
export type Command =
  | { readonly do: 'set'; readonly budget: Budget }
  | { readonly do: 'remove'; readonly budget: Budget }
  | { readonly do: 'reserve'; readonly request: HoldRequest }
  | { readonly do: 'settle'; readonly id: string; readonly cost: bigint | 'free' | 'unknown' }
  | { readonly do: 'release'; readonly id: string }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'assume' }

const ID: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
const MONEY: fc.Arbitrary<bigint> = fc.bigInt(0n, 12n)

const BUDGET: fc.Arbitrary<Budget> = fc
  .record({
    scope: fc.constantFrom('user', 'key'),
    id: fc.constantFrom('*', 'ada', 'k'),
    period: fc.constantFrom('call', 'hour', 'day', 'month', 'total', 'total'),
    limit: fc.oneof({ weight: 6, arbitrary: fc.bigInt(0n, 40n) }, fc.constant(null)),
    mode: fc.constantFrom('enforce', 'enforce', 'enforce', 'observe'),
    thresholds: fc.constantFrom([0.8, 0.95], [0.5], []),
  })
  .map(({ limit, ...more }) => budget({ ...more, limit: limit === null ? null : new Amount(limit) }))

const REQUEST: fc.Arbitrary<HoldRequest> = fc
  .record({
    id: ID,
    amount: MONEY.map((value) => picos(value)),
    callSpent: fc.constantFrom(0n, 3n).map((value) => picos(value)),
    ttlMs: fc.constantFrom(MINUTE, HOUR, 5 * HOUR),
    mode: fc.constantFrom('enforce', 'enforce', 'enforce', 'enforce', 'observe'),
    user: fc.constantFrom('ada', 'bob'),
    key: fc.constantFrom('k', 'l'),
  })
  .map(({ id, user, key, ...more }) => holdOf(id, '0', { ...more, attribution: { user, key } }))

/** Random commands: few ids, so that they meet, and more reserves and settles than all others together. */
export const COMMANDS: fc.Arbitrary<readonly Command[]> = fc
  .tuple(
    fc.array(BUDGET, { minLength: 1, maxLength: 4 }),
    fc.array(
      fc.oneof(
        { weight: 12, arbitrary: REQUEST.map((request): Command => ({ do: 'reserve', request })) },
        {
          weight: 10,
          arbitrary: fc
            .record({ id: ID, cost: fc.oneof(MONEY, fc.constantFrom('free' as const, 'unknown' as const)) })
            .map((told): Command => ({ do: 'settle', ...told })),
        },
        { weight: 3, arbitrary: ID.map((id): Command => ({ do: 'release', id })) },
        { weight: 3, arbitrary: BUDGET.map((one): Command => ({ do: 'set', budget: one })) },
        { weight: 1, arbitrary: BUDGET.map((one): Command => ({ do: 'remove', budget: one })) },
        {
          weight: 3,
          arbitrary: fc
            .constantFrom(MINUTE, HOUR, 11 * HOUR, DAY, 10 * DAY)
            .map((ms): Command => ({ do: 'wait', ms })),
        },
        { weight: 1, arbitrary: fc.constant<Command>({ do: 'assume' }) },
      ),
      { minLength: 1, maxLength: 60, size: 'max' },
    ),
  )
  .map(([first, rest]) => [...first.map((one): Command => ({ do: 'set', budget: one })), ...rest])

/** Does commands to a store and to the model, and demands the same outcome and the same windows after each. */
export async function runCommands(place: BudgetPlace, commands: readonly Command[]): Promise<Set<string>> {
  await place.setNow(NOON)
  const ledger = await place.open()
  const model = new Model()
  const seen = new Set<string>()
  for (const [number, command] of commands.entries()) {
    // An attempt that is over is not begun: its id is its own.
    if (command.do === 'reserve' && model.booked.has(command.request.id)) continue
    const where = `${number}: ${JSON.stringify(command, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))}`
    const [real, wanted] = [await doReal(ledger, place, model, command), doModel(model, command)]
    assert.deepStrictEqual(real, wanted, where)
    seen.add(`${command.do} ${JSON.stringify(real)}`)
    const standing = (await ledger.budgets.windows()).map(lineOf).toSorted()
    assert.deepStrictEqual(standing, model.standing(), where)
  }
  const proof = await ledger.budgets.verify()
  assert.deepStrictEqual(proof.discrepancies, [])
  const open = [...model.holds.values()].filter(({ state }) => state === 'open')
  assert.deepStrictEqual([proof.holds, proof.openHolds], [model.holds.size, open.length])
  const [total] = await ledger.totals()
  const spent = [...model.holds.values()].reduce((sum, hold) => sum + hold.spent, 0n)
  const unheld = [...model.booked.values()].reduce((sum, cost) => sum + cost, 0n)
  assert.equal(total?.cost.picos, spent + unheld)
  return seen
}

function lineOf({ budget: one, id, startsAt, limit, settled, reserved, excess }: BudgetWindow): string {
  return [nameOf(one), id, startsAt, limit, settled, reserved, excess].join(' ')
}

async function doReal(
  ledger: BudgetLedger,
  place: BudgetPlace,
  model: Model,
  command: Command,
): Promise<unknown> {
  const { budgets } = ledger
  switch (command.do) {
    case 'set':
      return budgets.set(command.budget)
    case 'remove':
      return budgets.remove(command.budget)
    case 'reserve': {
      // Stores look for expired holds from time to time; the model always.
      await budgets.assume()
      return budgets.reserve(command.request).then(outcomeOf, () => 'an error')
    }
    case 'settle': {
      const { id, cost } = command
      const told = cost === 'free' ? FREE : cost === 'unknown' ? UNKNOWN : exactPicos(cost)
      const { state, windows } = await budgets.settle(id, ended(id, told))
      return { state, crossed: windows.flatMap(({ crossed }) => crossed).toSorted((a, b) => a - b) }
    }
    case 'release':
      return budgets.release(command.id)
    case 'wait':
      return place.setNow(model.now + command.ms)
    case 'assume':
      return budgets.assume()
  }
}

function outcomeOf(reservation: Reservation): Outcome {
  return reservation.status === 'held' && reservation.replay ? 'replayed' : reservation.status
}

function doModel(model: Model, command: Command): unknown {
  switch (command.do) {
    case 'set':
      return model.set(command.budget)
    case 'remove':
      return model.remove(nameOf(command.budget))
    case 'reserve':
      return model.reserve(command.request)
    case 'settle': {
      const { id, cost } = command
      return model.settle(id, cost === 'free' ? 0n : cost === 'unknown' ? undefined : cost)
    }
    case 'release':
      return model.release(command.id)
    case 'wait':
      model.now += command.ms
      return undefined
    case 'assume':
      return model.assume()
  }
}
