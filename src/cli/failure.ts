import { inspect } from 'node:util'
import { CommanderError } from 'commander'
import { isAIError, type AIError, type ErrorCode } from '../index.ts'
import { BUDGET_SCOPES } from '../core/budget.ts'
import { printable } from './format.ts'
import type { Screen } from './terminal.ts'

/** How the program ends. */
export const EXIT = {
  ok: 0,
  /** What was asked for failed: the provider, the network, the disk. */
  failed: 1,
  /** Wrong use: an option, an argument, the configuration. */
  usage: 2,
  /** Ctrl-C, as shells count it. */
  interrupted: 130,
} as const

/** What a failure means for the exit code: errors that name a mistake in what was written are wrong use. */
const WRONG_USE: readonly ErrorCode[] = ['config_invalid', 'request_invalid']

/** What to do next, for errors whose own message may not say it. */
const NEXT_STEPS: Partial<Record<ErrorCode, string | ((error: AIError) => string | undefined)>> = {
  network_failed: (error) =>
    'prices' in error.details
      ? 'go on with the prices that are there, or give --from FILE'
      : lookAtHealth(error),
  timed_out: lookAtHealth,
  provider_unavailable: lookAtHealth,
  store_failed: 'name another ledger with --ledger PATH',
  request_invalid: ({ message, provider }) =>
    message.startsWith('No model was named') ? `name one, such as --model ${provider}/MODEL` : undefined,
  budget_exceeded: afterRefusal,
  price_unknown: 'see which prices there are with `groat prices list`',
}

/** An error in how the program was called. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A file that could not be written as it was asked for. */
export class OutputError extends Error {
  override readonly name = 'OutputError'
  /** What to do about it. */
  readonly next: string

  constructor(
    file: string,
    cause: unknown,
    next: string = 'name a file in a folder that is there and has room, with --out',
  ) {
    super(`Cannot write ${file}: ${reasonOf(cause)}`, { cause })
    this.next = next
  }
}

/** What is said where stdout itself cannot be written, as on a full disk. */
export function outputFailure(error: Error): string {
  return `error: Cannot write the output: ${reasonOf(error)}. What was written of it is not complete\ncode:  output_failed`
}

function reasonOf(cause: unknown): string {
  const message = cause instanceof Error ? cause.message : String(cause)
  // Node names the call and the file, which may be a temporary one.
  return message.replace(/, \w+( '[^]*)?$/, '')
}

/**
 * Tells an error: a sentence for people on stderr and, with --json, an object on stdout. Gives the exit code.
 *
 * `command` is the one whose help says how it is used, such as `groat ask`.
 */
export async function tell(screen: Screen, error: unknown, command: string = 'groat'): Promise<number> {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
  const told = toldOf(error, command)
  const { noteStyle: style } = screen
  screen.note(`${style.red('error:')} ${printable(told.message)}`)
  if (told.next !== undefined) screen.note(`${style.bold('next:')}  ${told.next}`)
  screen.note(style.dim(`code:  ${told.code}`))
  if (screen.debug) screen.note(style.dim(inspect(error)))
  if (screen.json) await screen.value({ error: told.json })
  return told.exitCode
}

interface Told {
  readonly code: string
  readonly message: string
  readonly next: string | undefined
  readonly json: unknown
  readonly exitCode: number
}

function toldOf(error: unknown, command: string): Told {
  if (isAIError(error)) return toldOfAIError(error)
  if (error instanceof CommanderError || error instanceof UsageError) {
    const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
    const hint = rest.join(' ').trim()
    const next = hint === '' ? `see \`${command} --help\`` : hint.replace(/^\((.*)\)$/, '$1')
    const code = 'usage_invalid'
    return { code, message, next, json: { code, message }, exitCode: EXIT.usage }
  }
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof OutputError) {
    const code = 'output_failed'
    const next = error.next
    return { code, message, next, json: { code, message }, exitCode: EXIT.failed }
  }
  const code = 'internal'
  const next = 'this is a fault of groat: run it again with --debug and report what it says'
  return { code, message, next, json: { code, message }, exitCode: EXIT.failed }
}

function toldOfAIError(error: AIError): Told {
  const { code } = error
  const exitCode = WRONG_USE.includes(code) ? EXIT.usage : EXIT.failed
  const step = NEXT_STEPS[code]
  const next = typeof step === 'function' ? step(error) : step
  return { code, message: inFlags(error), next, json: error, exitCode }
}

/** What the library says of an option, in the words of the command line. */
function inFlags({ message, details }: AIError): string {
  const option = details['option']
  if (typeof option !== 'string' || !message.startsWith(`Option ${option} `)) return message
  const flag = `--${option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  return `${flag}${message.slice(`Option ${option}`.length)}`
}

function lookAtHealth({ provider }: AIError): string {
  const named = provider !== undefined && isPlain(provider) ? ` ${provider}` : ''
  return `see what groat finds there with \`groat health${named}\``
}

/** Whether it can stand in a command to copy: no shell takes it apart. */
function isPlain(word: string): boolean {
  return /^[\w.@:+-]+$/.test(word)
}

/** Where to look after a budget refused a call. */
function afterRefusal({ details }: AIError): string {
  const scope = BUDGET_SCOPES.find((one) => one === details['scope'])
  if (scope === undefined) return 'give more with --budget, or see what it can cost with `groat quote`'
  if (details['period'] === 'call') return 'see the limits with `groat budget list`'
  const id = String(details['id'])
  const whose = isPlain(id) ? ` --${scope} ${id}` : ''
  return `see how it stands with \`groat budget status${whose}\``
}
