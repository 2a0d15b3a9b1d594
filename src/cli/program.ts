import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { DIMENSIONS } from '../ledger/ledger.ts'
import type { AskOptions } from './commands/ask.ts'
import type { ChatOptions } from './commands/chat.ts'
import type { SyncOptions } from './commands/models-sync.ts'
import type { UsageOptions } from './commands/usage.ts'
import { addMoney, type MoneyActions } from './money-program.ts'
import { addCallOptions, addFilter, addOnLimit, examples } from './options.ts'
import { addPrices, type PriceActions } from './prices-program.ts'
import type { GlobalOptions } from './session.ts'
import type { Terminal } from './terminal.ts'

/** What each command does; `run.ts` loads it when it is asked for. */
export interface Actions extends MoneyActions, PriceActions {
  ask(words: readonly string[], options: AskOptions): Promise<void>
  chat(options: ChatOptions): Promise<void>
  models(id: string | undefined, options: GlobalOptions): Promise<void>
  syncModels(options: SyncOptions): Promise<void>
  pull(id: string, options: GlobalOptions): Promise<void>
  ps(options: GlobalOptions): Promise<void>
  health(provider: string | undefined, options: GlobalOptions): Promise<void>
  usage(options: UsageOptions): Promise<void>
  demo(options: GlobalOptions): Promise<void>
}

/** Widest line of a help text, in characters. */
const HELP_COLUMNS = 80

/** The words of the command line: every command with its options, and what it calls. */
export function createProgram(terminal: Pick<Terminal, 'stdout' | 'stderr'>, actions: Actions): Command {
  const program = new Command('groat')
    .description('One API over Ollama, OpenAI, xAI and Gemini in which every answer carries its exact cost.')
    .version(ownVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .option('--config <file>', 'configuration file, in place of groat.config.*')
    .option('--provider <name>', 'provider to use')
    .option('--model <id>', 'model to use, alone or as provider/model')
    .option('--ledger <place>', 'where the books are: a path, memory:, or postgres://…')
    .option('--json', 'print JSON, errors too')
    .option('--debug', 'print the whole of an error')
    .option('--no-color', 'print without colours (as with NO_COLOR)')
    .exitOverride()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true, helpWidth: HELP_COLUMNS })
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      // Errors are told in one place, by failure.ts; what commander would write is in its error.
      writeErr: () => {},
      getOutHelpWidth: () => HELP_COLUMNS,
      getOutHasColors: () => false,
    })
  addAsk(program, actions)
  addChat(program, actions)
  addModels(program, actions)
  addPull(program, actions)
  addPs(program, actions)
  addHealth(program, actions)
  addUsage(program, actions)
  addMoney(program, actions)
  addPrices(program, actions)
  program
    .command('demo')
    .description(
      'Show what groat does: one question to Ollama or a stand-in for it, its cost and its entry in the ledger.',
    )
    .action((_: unknown, command: Command) => actions.demo(command.optsWithGlobals()))
  examples(program, [
    'groat demo                               what groat does, in ten seconds',
    'groat ask "Why is the sky blue?"         one answer and its cost',
    'cat log.txt | groat ask "What failed?"   with a text piped in',
    'groat chat --model llama3.2              a conversation',
    'groat usage --by user,model --since 7d   who spent what',
    'groat budget set 5 --user ada            at most $5 a month',
  ])
  return program
}

function addAsk(program: Command, actions: Actions): void {
  const command = program
    .command('ask')
    .description('Ask one question. The answer goes to stdout as it arrives, its cost to stderr.')
    .argument('[question...]', 'the question; - or a pipe reads it from stdin')
    .option('--no-stream', 'print the answer when it is complete')
    .action((words: string[], _: unknown, command: Command) => actions.ask(words, command.optsWithGlobals()))
  addCallOptions(command)
  addOnLimit(command)
  examples(command, [
    'groat ask "Why is the sky blue?"',
    'groat ask --system "Answer in one word." --temperature 0 "Capital of France?"',
    'git diff | groat ask "Review this change:"',
    'groat ask --budget 0.01 --on-limit fit "Tell me about Paris"',
    'groat ask --json "Hi" | jq .cost',
  ])
}

function addChat(program: Command, actions: Actions): void {
  const command = program
    .command('chat')
    .description('Talk with a model. /help lists the commands; Ctrl-C stops an answer, Ctrl-D leaves.')
    .action((_: unknown, command: Command) => actions.chat(command.optsWithGlobals()))
  addCallOptions(command)
  addOnLimit(command)
  examples(command, ['groat chat', 'groat chat --model qwen3 --system "You are a pirate."'])
}

function addModels(program: Command, actions: Actions): void {
  const command = program
    .command('models')
    .description('List the models of a provider, or show one.')
    .argument('[id]', 'the model to show')
    .action((id: string | undefined, _: unknown, command: Command) =>
      actions.models(id, command.optsWithGlobals()),
    )
  examples(command, ['groat models', 'groat models llama3.2 --json', 'groat models sync'])
  const sync = command
    .command('sync')
    .description(
      'List the models of every provider and say what was added, changed and removed since the last time. Exit code 0: all were asked, 1: some failed, 2: all failed.',
    )
    .option('--dry-run', 'compare, and keep the list of the last time')
    .action((_: unknown, command: Command) => actions.syncModels(command.optsWithGlobals()))
  examples(sync, ['groat models sync', 'groat models sync --dry-run --json'])
}

function addPull(program: Command, actions: Actions): void {
  const command = program
    .command('pull')
    .description(
      'Download a model. What is there of it is not downloaded again: after Ctrl-C, or a failure of the network, the same command goes on.',
    )
    .argument('<id>', 'the model to download')
    .action((id: string, _: unknown, command: Command) => actions.pull(id, command.optsWithGlobals()))
  examples(command, [
    'groat pull llama3.2',
    'groat pull hf.co/user/repo:Q4_K_M',
    'groat pull qwen3:8b --json',
  ])
}

function addPs(program: Command, actions: Actions): void {
  const command = program
    .command('ps')
    .description('List the models that are loaded: their size, how much of it is on a GPU, and until when.')
    .action((_: unknown, command: Command) => actions.ps(command.optsWithGlobals()))
  examples(command, ['groat ps', 'groat ps --json'])
}

function addHealth(program: Command, actions: Actions): void {
  const command = program
    .command('health')
    .description('Say whether the providers are there: ready or degraded (exit code 0), down (1).')
    .argument('[provider]', 'the provider to ask; all where none is named')
    .action((name: string | undefined, _: unknown, command: Command) =>
      actions.health(name, command.optsWithGlobals()),
    )
  examples(command, ['groat health', 'groat health ollama --json'])
}

function addUsage(program: Command, actions: Actions): void {
  const command = program
    .command('usage')
    .description('Sum up the ledger: calls, tokens and cost; free and unknown are counted apart.')
    .addOption(
      new Option('--by <list>', `columns to sum by: ${DIMENSIONS.join(', ')}`)
        .default(['provider', 'model'], 'provider,model')
        .argParser((text) => text.split(',').map((one) => one.trim())),
    )
    .action((_: unknown, command: Command) => actions.usage(command.optsWithGlobals()))
  addFilter(command)
  examples(command, [
    'groat usage',
    'groat usage --by day --since 7d',
    'groat usage --by month,project --tag batch',
    'groat usage --by user,model --since 2026-11-01 --until 2026-12-01',
  ])
}

function ownVersion(): string {
  // From the sources and from the build alike, the package is two folders up.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
