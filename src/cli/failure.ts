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
const NEXT_STEPS: Partial<Record<ErrorCode, string | ((error: AIError) => string)>> = {
  network_failed: ({ details }) =>
    'prices' in details
      ? 'go on with the prices that are there, or give --from FILE'
      : 'see what groat finds there with `groat health`',
  timed_out: 'see whether the server is there with `groat health`',
  provider_unavailable: 'see what groat finds there with `groat health`',
  store_failed: 'name another ledger with --ledger PATH',
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

  constructor(file: string, cause: unknown) {
    const message = cause instanceof Error ? cause.message : String(cause)
    // Node names the call and the file, which is a temporary one.
    const why = message.replace(/, \w+( '[^]*)?$/, '')
    super(`Cannot write ${file}: ${why}`, { cause })
  }
}

/** Tells an error: a sentence for people on stderr and, with --json, an object on stdout. Gives the exit code. */
export async function tell(screen: Screen, error: unknown): Promise<number> {
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
  const told = toldOf(error)
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

function toldOf(error: unknown): Told {
  if (isAIError(error)) return toldOfAIError(error)
  if (error instanceof CommanderError || error instanceof UsageError) {
    const [message = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
    const hint = rest.join(' ').trim()
    const next = hint === '' ? 'see `groat --help`' : hint.replace(/^\((.*)\)$/, '$1')
    const code = 'usage_invalid'
    return { code, message, next, json: { code, message }, exitCode: EXIT.usage }
  }
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof OutputError) {
    const code = 'output_failed'
    const next = 'name a file in a folder that is there and has room, with --out'
    return { code, message, next, json: { code, message }, exitCode: EXIT.failed }
  }
  const code = 'internal'
  const next = 'this is a fault of groat: run it again with --debug and report what it says'
  return { code, message, next, json: { code, message }, exitCode: EXIT.failed }
}

function toldOfAIError(error: AIError): Told {
  const { code, message } = error
  const exitCode = WRONG_USE.includes(code) ? EXIT.usage : EXIT.failed
  const step = NEXT_STEPS[code]
  const next = typeof step === 'function' ? step(error) : step
  return { code, message, next, json: error, exitCode }
}

/** Where to look after a budget refused a call. */
function afterRefusal({ details }: AIError): string {
  const scope = BUDGET_SCOPES.find((one) => one === details['scope'])
  if (scope === undefined) return 'give more with --budget, or see what it can cost with `groat quote`'
  if (details['period'] === 'call') return 'see the limits with `groat budget list`'
  const id = String(details['id'])
  // What a shell would take apart is not written as a command to copy.
  const whose = /^[\w.@:+-]+$/.test(id) ? ` --${scope} ${id}` : ''
  return `see how it stands with \`groat budget status${whose}\``
}
