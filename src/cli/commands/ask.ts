import { AIError, type AIResponse, type CallOptions } from '../../index.ts'
import type { OnLimit } from '../../core/budget.ts'
import { REQUEST_BYTES_MAX } from '../../core/limits.ts'
import { makeCall, showAnswer, stoppedText } from '../answer.ts'
import { EXIT, UsageError } from '../failure.ts'
import { printable, summaryText } from '../format.ts'
import { withSession, type GlobalOptions } from '../session.ts'
import type { Input, Screen } from '../terminal.ts'

/** The options that go with a call: of `ask` and of `chat`. */
export interface CallFlags {
  readonly system?: string
  readonly temperature?: number
  readonly maxOutputTokens?: number
  readonly seed?: number
  readonly stop?: readonly string[]
  readonly user?: string
  readonly project?: string
  readonly organization?: string
  readonly key?: string
  readonly tag?: readonly string[]
  /** Dollars. */
  readonly budget?: string
  readonly onLimit?: string
  /** Seconds. */
  readonly timeout?: number
}

export interface AskOptions extends GlobalOptions, CallFlags {
  /** False with `--no-stream`. */
  readonly stream?: boolean
}

/** Longest `--timeout`: a day. */
const TIMEOUT_SECONDS_MAX = 86_400

/** `groat ask`: one question, its answer, and what it cost. */
export async function ask(screen: Screen, words: readonly string[], options: AskOptions): Promise<number> {
  const question = await readQuestion(screen, words)
  const call = callOptions(options)
  return withSession(screen, options, async (session) => {
    const { handle } = session
    const streams = !screen.json && options.stream !== false
    const outcome = await (streams
      ? showAnswer(screen, session, (signal) => handle.streamMessage(question, { ...call, signal }))
      : makeCall(screen, session, (signal) => handle.sendMessage(question, { ...call, signal })))
    if (!('booked' in outcome)) {
      await showResponse(screen, outcome.response, streams)
      return EXIT.ok
    }
    if (outcome.stoppedBy === undefined) throw outcome.error
    // Whoever reads the answer of a pipe and leaves has what was wanted.
    if (outcome.stoppedBy === 'reader') return EXIT.ok
    if (screen.json) await screen.value({ error: outcome.error })
    screen.note(screen.noteStyle.yellow(stoppedText(outcome)))
    return EXIT.interrupted
  })
}

async function showResponse(screen: Screen, response: AIResponse, streamed: boolean): Promise<void> {
  if (screen.json) return screen.value(response)
  if (!streamed) {
    const text = screen.terminal.stdout.isTTY === true ? printable(response.text) : response.text
    await screen.write(text.endsWith('\n') ? text : `${text}\n`)
  }
  for (const warning of response.warnings) screen.note(`warning: ${printable(warning.message)}`)
  screen.note(screen.noteStyle.dim(summaryText(response)))
}

/** Call options of what was given on the command line. */
export function callOptions(flags: CallFlags): CallOptions {
  const { system, temperature, maxOutputTokens, seed, stop, user, project, organization, key, tag, timeout } =
    flags
  const { budget, onLimit } = flags
  const all = {
    system,
    temperature,
    maxOutputTokens,
    seed,
    stop,
    user,
    project,
    organization,
    key,
    tags: tag,
    budget: budget === undefined ? undefined : dollars(budget),
    onLimit: onLimit === undefined ? undefined : toOnLimit(onLimit),
    timeoutMs: timeout === undefined ? undefined : toMs(timeout),
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function toMs(seconds: number): number {
  if (seconds > 0 && seconds <= TIMEOUT_SECONDS_MAX) return seconds * 1_000
  throw new UsageError(
    `--timeout ${seconds} is no time\n(write seconds, above 0 and at most ${TIMEOUT_SECONDS_MAX})`,
  )
}

/** Dollars, as people write them: `5`, `0.05`, `$5.00`. @throws UsageError */
export function dollars(text: string): string {
  const [, amount] = /^\$?(\d{1,15}(?:\.\d{1,12})?)$/.exec(text.trim()) ?? []
  if (amount !== undefined) return amount
  throw new UsageError(`${JSON.stringify(text)} is no amount of dollars\n(write it as 5, 5.00 or 0.0005)`)
}

/** What to do at a limit, as the command line writes it. */
export function toOnLimit(text: string): OnLimit {
  if (text === 'reject' || text === 'fit') return text
  if (text.includes('/')) return { fallback: text }
  throw new UsageError(
    `--on-limit has no way ${JSON.stringify(text)}\n(there are reject, fit, and a local model such as ollama/llama3.2)`,
  )
}

/** The question: of the arguments, of what is piped in, or both, the piped text last. `-` asks for the latter. */
export async function readQuestion(screen: Screen, words: readonly string[]): Promise<string> {
  const { stdin, stdinEnds } = screen.terminal
  const said = words.filter((word) => word !== '-').join(' ')
  const reads = words.includes('-') || stdinEnds || (words.length === 0 && stdin.isTTY !== true)
  const piped = reads ? await readAll(stdin) : ''
  const question = [said, piped].filter((text) => text.trim() !== '').join('\n\n')
  if (question !== '') return question
  throw new UsageError(
    'There is no question\n(write it behind: groat ask "Why is the sky blue?", or pipe it in)',
  )
}

async function readAll(stdin: Input): Promise<string> {
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of stdin) {
    const buffer = Buffer.from(piece)
    bytes += buffer.length
    if (bytes > REQUEST_BYTES_MAX) {
      const message = `More than ${REQUEST_BYTES_MAX} bytes were piped in, which is more than groat sends: send less`
      throw new AIError({ code: 'limit_exceeded', message })
    }
    pieces.push(buffer)
  }
  // The decoder drops a byte order mark and replaces what is no UTF-8.
  return new TextDecoder().decode(Buffer.concat(pieces)).replace(/\r?\n$/, '')
}
