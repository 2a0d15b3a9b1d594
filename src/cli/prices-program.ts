import type { Command } from 'commander'
import type { PriceOptions } from './commands/prices.ts'
import { examples, group } from './options.ts'

/** What the commands about prices do. */
export interface PriceActions {
  listPrices(options: PriceOptions): Promise<void>
  showPrice(model: string, options: PriceOptions): Promise<void>
  diffPrices(options: PriceOptions): Promise<void>
  updatePrices(options: PriceOptions): Promise<void>
}

/** The commands about prices. */
export function addPrices(program: Command, actions: PriceActions): void {
  const prices = group(program.command('prices')).description('See which prices apply, and get newer ones.')
  const list = prices
    .command('list')
    .description(
      'List prices as they are now, in dollars per million tokens, of one provider or model or of all.',
    )
    .action((_: unknown, command: Command) => actions.listPrices(command.optsWithGlobals()))
  examples(list, ['groat prices list --provider gemini', 'groat prices list --json | jq length'])
  const show = prices
    .command('show')
    .description('Show all that is known of the price of a model, and where it is from.')
    .argument('<model>', 'a model, alone or as provider/model')
    .action((model: string, _: unknown, command: Command) =>
      actions.showPrice(model, command.optsWithGlobals()),
    )
  examples(show, ['groat prices show gpt-6-luna', 'groat prices show xai/grok-4.7 --json'])
  const diff = prices
    .command('diff')
    .description(
      'Say what differs between the prices in use and newer ones. Asks the network, unless --from is given.',
    )
    .action((_: unknown, command: Command) => actions.diffPrices(command.optsWithGlobals()))
  addSource(diff)
  examples(diff, ['groat prices diff', 'groat prices diff --from data.json --json'])
  const update = prices
    .command('update')
    .description(
      'Write newer prices to a file, which `pricesFile` of a configuration names. Without --yes it only says what would change.',
    )
    .option('--yes', 'write the file')
    .option(
      '--force',
      'with --yes: also where a price more than doubled or halved with no day from which it does',
    )
    .option('--out <file>', 'the file (default: `pricesFile` of the configuration, or groat.prices.json)')
    .action((_: unknown, command: Command) => actions.updatePrices(command.optsWithGlobals()))
  addSource(update)
  examples(update, [
    'groat prices update',
    'groat prices update --yes',
    'groat prices update --from data.json --yes',
  ])
  examples(prices, ['groat prices list', 'groat prices show gpt-6-luna', 'groat prices update --yes'])
}

function addSource(command: Command): void {
  command
    .option('--from <file>', 'read them from a file: one of groat, or data of genai-prices')
    .option('--url <address>', 'fetch them from there, in place of the feed of genai-prices')
}
