import { Command, Option } from 'commander'
import { BUDGET_PERIODS } from '../core/budget.ts'
import { EXPORT_FORMATS } from '../ledger/export.ts'
import type { BudgetOptions, BudgetTarget } from './commands/budget.ts'
import type { ExportFlags } from './commands/ledger.ts'
import type { QuoteOptions } from './commands/quote.ts'
import { addCallOptions, addFilter, collect, examples, group, number } from './options.ts'
import type { GlobalOptions } from './session.ts'

/** What the commands about money do. */
export interface MoneyActions {
  quote(words: readonly string[], options: QuoteOptions): Promise<void>
  setBudget(limit: string, options: BudgetOptions): Promise<void>
  removeBudget(options: BudgetOptions): Promise<void>
  listBudgets(options: GlobalOptions): Promise<void>
  budgetStatus(options: GlobalOptions & BudgetTarget): Promise<void>
  verifyLedger(options: GlobalOptions): Promise<void>
  exportLedger(options: ExportFlags): Promise<void>
}

/** The commands about money. */
export function addMoney(program: Command, actions: MoneyActions): void {
  addQuote(program, actions)
  addBudget(program, actions)
  addLedger(program, actions)
}

function addQuote(program: Command, actions: MoneyActions): void {
  const command = program
    .command('quote')
    .description(
      'Say what a question can cost, at least and at most, without asking it. With --budget it ends with 1 where it can ' +
        'cost more than that.',
    )
    .argument('[question...]', 'the question; - or a pipe reads it from stdin')
    .action((words: string[], _: unknown, command: Command) =>
      actions.quote(words, command.optsWithGlobals()),
    )
  addCallOptions(command)
  examples(command, [
    'groat quote --model openai/gpt-6-luna "Why is the sky blue?"',
    'cat book.txt | groat quote --max-output-tokens 500 --budget 0.10 --json',
  ])
}

function addBudget(program: Command, actions: MoneyActions): void {
  const budget = group(program.command('budget')).description(
    'Set limits for users, projects, organizations and keys, and see how they stand.',
  )
  addBudgetSet(budget, actions)
  const remove = budget
    .command('remove')
    .description('Take a limit away. What was spent stays in the ledger.')
    .action((_: unknown, command: Command) => actions.removeBudget(command.optsWithGlobals()))
  addTarget(remove)
  examples(remove, ['groat budget remove --user ada --period day'])
  const list = budget
    .command('list')
    .description('List all limits.')
    .action((_: unknown, command: Command) => actions.listBudgets(command.optsWithGlobals()))
  examples(list, ['groat budget list', 'groat budget list --json'])
  const status = budget
    .command('status')
    .description(
      'Say what is spent, held for calls under way, and left. Without options: of all that was used.',
    )
    .action((_: unknown, command: Command) => actions.budgetStatus(command.optsWithGlobals()))
  addScopes(status)
  examples(status, ['groat budget status', 'groat budget status --user ada --project website --json'])
  examples(budget, [
    'groat budget set 5.00 --user ada --period day',
    'groat budget status --user ada',
    'groat budget set --help',
  ])
}

function addBudgetSet(budget: Command, actions: MoneyActions): void {
  const command = budget
    .command('set')
    .description(
      'Set a limit, or put another in its place: what was spent stays. What is not named gets its default.',
    )
    .argument('<dollars>', "the limit, such as 5.00; 0 lets only free calls pass, 'none' only counts")
    .option('--time-zone <name>', 'zone of the calendar, such as Europe/Berlin (default: UTC)')
    .option(
      '--on-limit <way>',
      'what happens to a call that is not covered: reject, fit (a shorter answer), or a local model such as ' +
        'ollama/llama3.2 (default: reject)',
    )
    .option(
      '--threshold <share>',
      'tell at this share of the limit (repeatable; default: 0.8 and 0.95)',
      collectNumber,
    )
    .addOption(
      new Option('--unpriced <rule>', 'calls of which the price is not known (default: deny)').choices([
        'deny',
        'allow',
      ]),
    )
    .addOption(
      new Option(
        '--mode <mode>',
        'observe only counts and tells, and refuses nothing (default: enforce)',
      ).choices(['enforce', 'observe']),
    )
    .action((limit: string, _: unknown, command: Command) =>
      actions.setBudget(limit, command.optsWithGlobals()),
    )
  addTarget(command)
  examples(command, [
    'groat budget set 5.00 --user ada --period day',
    "groat budget set 1.00 --user '*' --period day --on-limit ollama/llama3.2",
    'groat budget set 200 --project website --time-zone Europe/Berlin',
    'groat budget set none --organization acme --period total',
  ])
}

function addLedger(program: Command, actions: MoneyActions): void {
  const ledger = group(program.command('ledger')).description('Prove the books, or take them elsewhere.')
  const verify = ledger
    .command('verify')
    .description(
      'Work out every budget again from holds and entries; ends with 1 where something does not add up.',
    )
    .action((_: unknown, command: Command) => actions.verifyLedger(command.optsWithGlobals()))
  examples(verify, ['groat ledger verify', 'groat ledger verify --ledger copy.db --json'])
  const command = ledger
    .command('export')
    .description('Write the entries as CSV or JSON, one for each attempt of a call.')
    .addOption(
      new Option('--format <format>', 'default: json with --json or a file named *.json, else csv').choices([
        ...EXPORT_FORMATS,
      ]),
    )
    .option('--out <file>', 'write to this file, which is there when it is complete; default: stdout')
    .action((_: unknown, command: Command) => actions.exportLedger(command.optsWithGlobals()))
  addFilter(command)
  examples(command, [
    'groat ledger export --since 2026-11-01 --until 2026-12-01 --out november.csv',
    "groat ledger export --user ada --format json | jq '.[].cost.amount'",
  ])
  examples(ledger, ['groat ledger verify', 'groat ledger export --since 30d --out month.csv'])
}

function addTarget(command: Command): void {
  command.addOption(
    new Option('--period <period>', 'how long it counts').choices([...BUDGET_PERIODS]).default('month'),
  )
  addScopes(command, "; '*' is each one that has none of its own")
}

/** The options that name a user, a project, an organization or a key. */
function addScopes(command: Command, more: string = ''): void {
  command
    .option('--user <id>', `of this user${more}`)
    .option('--project <id>', 'of this project')
    .option('--organization <id>', 'of this organization')
    .option('--key <id>', 'of this key')
}

function collectNumber(text: string, before: readonly number[] | undefined): readonly number[] {
  return collect(number(text), before)
}
