import { checkBudget, checkBudgetName } from '../budget/check-budget.ts'
import { roomIn } from '../budget/facts.ts'
import { BUDGET_SCOPES, type Budget, type BudgetInput, type BudgetStatus } from '../core/budget.ts'
import { AIError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import { hasBudgets, type BudgetFilter, type BudgetStore, type BudgetWindow } from '../ledger/budget-store.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { Amount } from '../money/amount.ts'

/** Which budget is meant: there is one for each scope, id and period. */
export type BudgetKey = Pick<BudgetInput, 'scope' | 'id' | 'period'>

/** Limits, and how they stand: `ai.budgets`. */
export class Budgets {
  readonly #ledger: () => Promise<Ledger>

  constructor(ledger: () => Promise<Ledger>) {
    this.#ledger = ledger
  }

  /**
   * Sets a limit, or changes the one with the same scope, id and period: what was spent stays, and calls that are under
   * way are let through. @throws AIError `request_invalid`
   */
  async set(budget: BudgetInput): Promise<Budget> {
    const checked = checkBudget(budget, 'request_invalid')
    await (await this.#store()).set(checked)
    return checked
  }

  /** The budget with this scope, id and period; undefined where there is none. */
  async get(key: BudgetKey): Promise<Budget | undefined> {
    const { scope, id, period } = checkBudgetName(key, 'request_invalid')
    const all = await (await this.#store()).list()
    return all.find((one) => one.scope === scope && one.id === id && one.period === period)
  }

  /** Every budget, ordered by scope, id and period. */
  async list(): Promise<readonly Budget[]> {
    return (await this.#store()).list()
  }

  /** Takes a limit away; whether there was one. What was spent counts again if it is set again. */
  async remove(key: BudgetKey): Promise<boolean> {
    const checked = checkBudgetName(key, 'request_invalid')
    return (await this.#store()).remove(checked)
  }

  /**
   * How the budgets stand that concern these ids: `status({ user: 'ada' })`; without ids, every one that was used, and
   * every one of a single id. Limits per call have no standing and are not listed. @throws AIError `request_invalid`
   */
  async status(ids: BudgetFilter = {}): Promise<readonly BudgetStatus[]> {
    checkIds(ids)
    const store = await this.#store()
    await store.assume()
    const windows = await store.windows(ids)
    const asked = Object.values(ids).some((id) => id !== undefined)
    const unused = asked ? [] : await unusedIn(store, windows)
    const { compareWindows } = await import('../ledger/windows.ts')
    return [...windows, ...unused].toSorted(compareWindows).map(statusOf)
  }

  async #store(): Promise<BudgetStore> {
    const ledger = await this.#ledger()
    if (hasBudgets(ledger)) return ledger.budgets
    const message = "This ledger cannot hold budgets: use 'memory:', 'sqlite:PATH' or 'postgres://…'"
    throw new AIError({ code: 'config_invalid', message, details: { key: 'ledger' } })
  }
}

function checkIds(ids: BudgetFilter): void {
  const wrong = (message: string): AIError => new AIError({ code: 'request_invalid', message })
  if (typeof ids !== 'object' || ids === null) throw wrong("Budgets are asked for by ids: { user: 'ada' }")
  for (const [name, id] of Object.entries(ids) as [string, unknown][]) {
    if (!BUDGET_SCOPES.some((scope) => scope === name)) {
      const near = nearest(name, BUDGET_SCOPES)
      const hint = near === undefined ? `use ${BUDGET_SCOPES.join(', ')}` : `did you mean '${near}'?`
      throw wrong(`Budgets are not asked for by '${name.slice(0, 40)}': ${hint}`)
    }
    if (id !== undefined && typeof id !== 'string')
      throw wrong(`Budgets are asked for by ids, and '${name}' is a string`)
  }
}

/** The windows of budgets of a single id in which nothing was spent or held yet. */
async function unusedIn(store: BudgetStore, used: readonly BudgetWindow[]): Promise<readonly BudgetWindow[]> {
  const nameOf = ({ scope, period }: Budget, id: string): string => JSON.stringify([scope, id, period])
  const known = new Set(used.map(({ budget, id }) => nameOf(budget, id)))
  const found = new Map<string, BudgetWindow>()
  for (const { scope, id, ...rest } of await store.list()) {
    const name = nameOf({ scope, id, ...rest }, id)
    if (id === '*' || rest.period === 'call' || known.has(name) || found.has(name)) continue
    for (const window of await store.windows({ [scope]: id })) {
      const own = nameOf(window.budget, window.id)
      if (!known.has(own)) found.set(own, window)
    }
  }
  return [...found.values()]
}

function statusOf(window: BudgetWindow): BudgetStatus {
  const { budget, id, endsAt, settled, reserved } = window
  const room = roomIn(window)
  return {
    budget,
    id,
    spent: new Amount(settled),
    held: new Amount(reserved),
    remaining: room === undefined ? null : new Amount(room),
    resetsAt: endsAt === null ? null : new Date(endsAt).toISOString(),
  }
}
