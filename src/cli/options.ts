import { InvalidArgumentError, type Command } from 'commander'
import { nearest } from '../core/nearest.ts'
import { UsageError } from './failure.ts'

/** The options that go with a call. */
export function addCallOptions(command: Command): void {
  command
    .option('--system <text>', 'how the model shall behave')
    .option('--temperature <number>', '0 or more; higher is more random', number)
    .option('--max-output-tokens <count>', 'most tokens of an answer', number)
    .option('--seed <number>', 'the same seed gives the same answer, where the model can', number)
    .option('--stop <text>', 'end the answer there (repeatable)', collect<string>)
    .option('--user <id>', 'who asks, for budgets and the ledger')
    .option('--project <id>', 'for which project, for budgets and the ledger')
    .option('--organization <id>', 'for which organization, for budgets and the ledger')
    .option('--key <id>', 'with which key, for budgets and the ledger')
    .option('--tag <word>', 'a word to find the call by (repeatable)', collect<string>)
    .option('--budget <dollars>', 'most that the call may cost, such as 0.05')
    .option('--timeout <seconds>', 'longest time for an answer', number)
}

/** What a call does where a budget does not cover it. */
export function addOnLimit(command: Command): void {
  command.option(
    '--on-limit <way>',
    'where a budget does not cover it: reject, fit (a shorter answer), or a local model such as ollama/llama3.2',
  )
}

/** The options that choose entries of the ledger. */
export function addFilter(command: Command): void {
  command
    .option('--since <time>', 'from 7d, 24h, 30m ago, or a date (UTC)')
    .option('--until <time>', 'up to then, not included')
    .option('--user <id>', 'only of this user')
    .option('--project <id>', 'only of this project')
    .option('--organization <id>', 'only of this organization')
    .option('--key <id>', 'only of this key')
    .option('--tag <word>', 'only with this tag')
}

/** Reads a number. */
export function number(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Write a number.')
  return value
}

/** Gathers the values of an option that can be given several times. */
export function collect<T>(value: T, before: readonly T[] | undefined): readonly T[] {
  return [...(before ?? []), value]
}

/** Puts examples under a command's help. */
export function examples(command: Command, lines: readonly string[]): void {
  command.addHelpText('after', `\nExamples:\n${lines.map((line) => `  ${line}`).join('\n')}`)
}

/** A command that only has others below it: alone it prints its help. */
export function group(command: Command): Command {
  return command
    .allowExcessArguments()
    .allowUnknownOption()
    .action((_: unknown, self: Command) => {
      const [word] = self.args
      if (word === undefined) return self.outputHelp()
      // Its options are not known, as it is not: the first mistake is the one to tell of.
      if (word.startsWith('-')) throw new UsageError(`unknown option '${word}'`)
      const names = self.commands.map((one) => one.name())
      const near = nearest(word, names)
      const advice = near === undefined ? `there are ${names.join(', ')}` : `did you mean ${near}?`
      throw new UsageError(`groat ${self.name()} has no command ${JSON.stringify(word)}\n(${advice})`)
    })
}
