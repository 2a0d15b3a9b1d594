import type { Budget, BudgetInput, BudgetKey, BudgetStatus, Client } from '../../index.ts'
import { formatUsd } from '../../index.ts'
import { BUDGET_SCOPES, type BudgetPeriod, type OnLimit } from '../../core/budget.ts'
import { EXIT, UsageError } from '../failure.ts'
import { printable, showTable } from '../format.ts'
import { configOf, withConfig, type GlobalOptions } from '../session.ts'
import { dollars, toOnLimit } from './ask.ts'
import type { Screen } from '../terminal.ts'

/** Whose budget it is. */
export interface BudgetTarget {
  readonly user?: string
  readonly project?: string
  readonly organization?: string
  readonly key?: string
}

export interface BudgetOptions extends GlobalOptions, BudgetTarget {
  readonly period?: string
  readonly timeZone?: string
  readonly unpriced?: string
  readonly mode?: string
  readonly threshold?: readonly number[]
  readonly onLimit?: string
}

/** `groat budget set 5.00 --user ada --period day`. */
export async function setBudget(screen: Screen, limit: string, options: BudgetOptions): Promise<number> {
  const key = keyOf(options)
  const { timeZone, unpriced, mode, threshold, onLimit } = options
  const budget = {
    ...key,
    limit: limit === 'none' ? null : dollars(limit),
    ...(timeZone === undefined ? {} : { timeZone }),
    ...(unpriced === undefined ? {} : { unpriced: unpriced as Budget['unpriced'] }),
    ...(mode === undefined ? {} : { mode: mode as Budget['mode'] }),
    ...(threshold === undefined ? {} : { thresholds: threshold.toSorted((a, b) => a - b) }),
    ...(onLimit === undefined ? {} : { onLimit: toOnLimit(onLimit) }),
  } satisfies BudgetInput
  return withBudgets(screen, options, { changes: key }, async (budgets) => {
    const set = await budgets.set(budget)
    if (screen.json) await screen.value(set)
    else await screen.line(`set: ${wordsOf(set)}`)
  })
}

/** `groat budget remove --user ada --period day`. */
export async function removeBudget(screen: Screen, options: BudgetOptions): Promise<number> {
  const key = keyOf(options)
  return withBudgets(screen, options, { changes: key }, async (budgets) => {
    const budget = await budgets.get(key)
    const removed = await budgets.remove(key)
    if (screen.json) await screen.value({ removed })
    else if (removed && budget) await screen.line(`removed: ${wordsOf(budget)}`)
    else await screen.line(`there is no limit for ${nameOf(key)}: see \`groat budget list\``)
    return removed ? EXIT.ok : EXIT.failed
  })
}

/** `groat budget list`. */
export async function listBudgets(screen: Screen, options: GlobalOptions): Promise<number> {
  return withBudgets(screen, options, {}, async (budgets) => {
    const list = await budgets.list()
    if (screen.json) await screen.value({ budgets: list })
    else if (list.length === 0)
      await screen.line('there are no limits yet: `groat budget set 5.00 --user ada` sets one')
    else {
      const columns = [
        { head: 'WHOSE' },
        { head: 'PERIOD' },
        { head: 'LIMIT', right: true },
        ...['ZONE', 'ON LIMIT', 'BESIDES'].map((head) => ({ head })),
      ]
      const rows = list.map((one) => [
        whose(one),
        one.period,
        one.limit === null ? 'none' : formatUsd(one.limit),
        one.timeZone,
        onLimitText(one.onLimit),
        besides(one).join(', '),
      ])
      await showTable(screen, columns, rows)
    }
  })
}

/** `groat budget status --user ada`. */
export async function budgetStatus(screen: Screen, options: GlobalOptions & BudgetTarget): Promise<number> {
  const named = BUDGET_SCOPES.filter((scope) => options[scope] !== undefined)
  const asked: BudgetTarget = Object.fromEntries(named.map((scope) => [scope, options[scope]]))
  return withBudgets(screen, options, {}, async (budgets) => {
    const status = await budgets.status(asked)
    if (screen.json) await screen.value({ status })
    else if (status.length > 0) await showStatus(screen, status)
    else if (named.length === 0) await screen.line('no limit counts anything yet: see `groat budget list`')
    else await screen.line('no limit over time concerns them: see `groat budget list`')
  })
}

async function showStatus(screen: Screen, status: readonly BudgetStatus[]): Promise<void> {
  const columns = [
    { head: 'WHOSE' },
    { head: 'PERIOD' },
    ...['LIMIT', 'SPENT', 'HELD', 'LEFT'].map((head) => ({ head, right: true })),
    { head: 'UNTIL (UTC)' },
  ]
  const rows = status.map(({ budget, id, spent, held, remaining, resetsAt }) => [
    // Not as `whose` says it: here '*' would be somebody of that name.
    `${budget.scope} ${id}`,
    budget.period,
    budget.limit === null ? 'none' : formatUsd(budget.limit),
    formatUsd(spent),
    formatUsd(held),
    remaining === null ? '-' : formatUsd(remaining),
    resetsAt === null ? '-' : resetsAt.slice(0, 16).replace('T', ' '),
  ])
  const { red } = screen.style
  const used = status.map(({ remaining }) => remaining !== null && remaining.picos === 0n)
  await showTable(screen, columns, rows, (line, index) => (used[index] === true ? red(line) : line))
}

/** A client's budgets, for a change of one of them or for a look. */
async function withBudgets(
  screen: Screen,
  options: GlobalOptions,
  { changes }: { readonly changes?: BudgetKey },
  work: (budgets: Client['budgets']) => Promise<number | void>,
): Promise<number> {
  const { provider, model, ...others } = options
  if (provider !== undefined || model !== undefined) {
    throw new UsageError(
      'A budget is not for a provider or a model\n(name a user, a project, an organization or a key)',
    )
  }
  const config = await configOf(screen.terminal, others)
  if (changes && config.ledger === 'memory:') {
    throw new UsageError(
      'The ledger is in memory, where a limit ends with this command\n' +
        '(name a file with --ledger PATH, or write the limit into `budgets` of the configuration)',
    )
  }
  if (changes && config.budgets?.some((one) => isSame(one, changes))) {
    throw new UsageError(
      `The limit for ${nameOf(changes)} is in the configuration, which sets it at each start\n` +
        '(change it there, in `budgets`)',
    )
  }
  return withConfig(screen.terminal, config, {}, async ({ ai }) => (await work(ai.budgets)) ?? EXIT.ok)
}

function isSame(one: BudgetKey, other: BudgetKey): boolean {
  return one.scope === other.scope && one.id === other.id && one.period === other.period
}

function keyOf(options: BudgetOptions): BudgetKey {
  const [scope, ...more] = BUDGET_SCOPES.filter((name) => options[name] !== undefined)
  if (scope === undefined || more.length > 0) {
    const wrong =
      scope === undefined
        ? 'Nobody is named whose limit it is'
        : `A limit is for one of them, not for --${scope} and --${more.join(' and --')}`
    throw new UsageError(
      `${wrong}\n(name one with --user, --project, --organization or --key; '*' is each one)`,
    )
  }
  const period = (options.period ?? 'month') as BudgetPeriod
  return { scope, id: options[scope] ?? '', period }
}

function whose({ scope, id }: Pick<BudgetKey, 'scope' | 'id'>): string {
  return id === '*' ? `each ${scope}` : `${scope} ${id}`
}

function nameOf(key: BudgetKey): string {
  return printable(`${whose(key)} ${perWords(key.period)}`)
}

function perWords(period: BudgetPeriod): string {
  return period === 'total' ? 'in total' : `per ${period}`
}

function onLimitText(onLimit: OnLimit): string {
  return typeof onLimit === 'string' ? onLimit : onLimit.fallback
}

/** What is not as it usually is. */
function besides({ mode, unpriced, thresholds }: Budget): string[] {
  return [
    ...(mode === 'observe' ? ['observed only'] : []),
    ...(unpriced === 'allow' ? ['unknown prices pass'] : []),
    ...(thresholds.join() === '0.8,0.95' ? [] : [`tells at ${thresholds.join(' and ') || 'no share'}`]),
  ]
}

function wordsOf(budget: Budget): string {
  const { limit, period, timeZone, onLimit } = budget
  const amount = limit === null ? 'no limit' : formatUsd(limit)
  const calendar = period === 'total' || period === 'call' ? [] : [timeZone]
  const more = [...calendar, `then ${onLimitText(onLimit)}`, ...besides(budget)]
  return printable(`${whose(budget)}: ${amount} ${perWords(period)} (${more.join(', ')})`)
}
