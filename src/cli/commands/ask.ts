import { isAIError, AIError, type CallOptions } from '../../index.ts'
import { REQUEST_BYTES_MAX } from '../../core/limits.ts'
import { showAnswer, stoppedText } from '../answer.ts'
import { EXIT, UsageError } from '../failure.ts'
import { printable, summaryText } from '../format.ts'
import { withSession, type GlobalOptions, type Session } from '../session.ts'
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
  readonly tag?: readonly string[]
  /** Seconds. */
  readonly timeout?: number
}

export interface AskOptions extends GlobalOptions, CallFlags {
  /** False with `--no-stream`. */
  readonly stream?: boolean
}

/** `groat ask`: one question, its answer, and what it cost. */
export async function ask(screen: Screen, words: readonly string[], options: AskOptions): Promise<number> {
  const question = await readQuestion(screen, words)
  const call = callOptions(options)
  return withSession(screen, options, async (session) => {
    if (screen.json || options.stream === false) return askWhole(screen, session, question, call)
    const outcome = await showAnswer(screen, session, (signal) =>
      session.handle.streamMessage(question, { ...call, signal }),
    )
    if (outcome.response) {
      for (const warning of outcome.response.warnings) screen.note(`warning: ${printable(warning.message)}`)
      screen.note(screen.noteStyle.dim(summaryText(outcome.response)))
      return EXIT.ok
    }
    return stopped(screen, session, outcome.error, outcome.stoppedBy)
  })
}

/** Call options of what was given on the command line. */
export function callOptions(flags: CallFlags): CallOptions {
  const { system, temperature, maxOutputTokens, seed, stop, user, project, organization, tag, timeout } =
    flags
  const all = {
    ...{ system, temperature, maxOutputTokens, seed, stop, user, project, organization, tags: tag },
    timeoutMs: timeout === undefined ? undefined : timeout * 1_000,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

async function askWhole(
  screen: Screen,
  session: Session,
  question: string,
  call: CallOptions,
): Promise<number> {
  const controller = new AbortController()
  const forget = screen.terminal.onInterrupt(() => controller.abort(new Error('Ctrl-C')))
  try {
    const response = await session.handle.sendMessage(question, { ...call, signal: controller.signal })
    if (screen.json) await screen.value(response)
    else {
      const text = screen.terminal.stdout.isTTY === true ? printable(response.text) : response.text
      await screen.write(text.endsWith('\n') ? text : `${text}\n`)
      screen.note(screen.noteStyle.dim(summaryText(response)))
    }
    return EXIT.ok
  } catch (error) {
    return await stopped(screen, session, error, controller.signal.aborted ? 'user' : undefined)
  } finally {
    forget()
  }
}

async function stopped(
  screen: Screen,
  session: Session,
  error: unknown,
  by: 'user' | 'reader' | undefined,
): Promise<number> {
  if (by === undefined || !isAIError(error) || error.code !== 'aborted') throw error
  // Whoever reads the answer of a pipe and leaves has what was wanted.
  if (by === 'reader') return EXIT.ok
  if (screen.json) await screen.value({ error })
  screen.note(screen.noteStyle.yellow(await stoppedText(session, error)))
  return EXIT.interrupted
}

/** The question: of the arguments, of what is piped in, or both, the piped text last. `-` stands for the latter. */
async function readQuestion(screen: Screen, words: readonly string[]): Promise<string> {
  const { stdin } = screen.terminal
  const wantsInput = words.includes('-') || (words.length === 0 && stdin.isTTY === true)
  const said = words.filter((word) => word !== '-').join(' ')
  if (words.length === 0 && stdin.isTTY === true) {
    throw new UsageError('There is no question\n(write it behind: groat ask "Why is the sky blue?")')
  }
  const piped = wantsInput || stdin.isTTY !== true ? await readAll(stdin) : ''
  const question = [said, piped].filter((text) => text.trim() !== '').join('\n\n')
  if (question === '') {
    throw new UsageError(
      'There is no question\n(write it behind: groat ask "Why is the sky blue?", or pipe it in)',
    )
  }
  return question
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
