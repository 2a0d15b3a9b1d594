import { isAIError, type AIResponse, type AnswerStream, type LedgerEntry } from '../index.ts'
import { costText, printable, secondsText } from './format.ts'
import type { Session } from './session.ts'
import type { Screen } from './terminal.ts'
import { startWaiting } from './waiting.ts'

/** What came of a streamed answer: the answer, or that it was stopped. */
export type Outcome =
  | { readonly response: AIResponse; readonly error?: undefined }
  | {
      readonly response?: undefined
      readonly error: unknown
      readonly stoppedBy: 'user' | 'reader' | undefined
    }

/** How a streamed text gets to the screen. */
export interface Show {
  readonly write: (text: string) => void | Promise<void>
}

/**
 * Streams an answer to the screen. Ctrl-C and a reader who leaves stop the call, which is booked before this resolves.
 * Never throws: what went wrong is in the outcome.
 */
export async function showAnswer(
  screen: Screen,
  session: Session,
  start: (signal: AbortSignal) => AnswerStream,
  show: Show = { write: (text) => screen.write(text) },
): Promise<Outcome> {
  const { terminal } = screen
  const controller = new AbortController()
  let stoppedBy: 'user' | 'reader' | undefined
  const stop = (by: 'user' | 'reader'): void => {
    stoppedBy ??= by
    controller.abort(new Error(by === 'user' ? 'Ctrl-C' : 'The reader of the output left'))
  }
  const readerLeft = (): void => stop('reader')
  const forget = terminal.onInterrupt(() => stop('user'))
  terminal.readerLeft.addEventListener('abort', readerLeft)
  let doing = 'to load'
  const stopWaiting = startWaiting(screen, () => waitingFor(session, doing))
  // A program gets every byte; a terminal gets none that would change it.
  const clean = terminal.stdout.isTTY === true ? printable : (text: string) => text
  let last = '\n'
  try {
    const stream = start(controller.signal)
    for await (const event of stream) {
      if (event.type === 'reasoning-delta') doing = 'to think'
      if (event.type !== 'text-delta' || event.text === '') continue
      stopWaiting()
      last = event.text
      await show.write(clean(event.text))
    }
    return { response: await stream.response }
  } catch (error) {
    return { error, stoppedBy }
  } finally {
    stopWaiting()
    if (!last.endsWith('\n')) await screen.write('\n')
    forget()
    terminal.readerLeft.removeEventListener('abort', readerLeft)
  }
}

function waitingFor(session: Session, doing: string): string {
  const call = session.lastCall()
  return call === undefined ? 'waiting for the provider…' : `waiting for ${printable(call.model)} ${doing}…`
}

/** One line on a call that was stopped: what it cost, as the books have it. */
export async function stoppedText(session: Session, error: unknown): Promise<string> {
  const call = session.lastCall()
  const entry = call === undefined ? undefined : await firstEntry(session, call.id)
  if (entry === undefined) return isAIError(error) ? 'stopped before anything was sent' : 'stopped'
  return `stopped after ${secondsText(entry.durationMs)} · booked as ${costText(entry.cost)}`
}

/** The ledger's entry of a call. */
export async function firstEntry(session: Session, callId: string): Promise<LedgerEntry | undefined> {
  for await (const entry of session.ai.ledger.entries({ callId })) return entry
  return undefined
}
