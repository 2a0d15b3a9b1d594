import type { AIResponse, AnswerStream, LedgerEntry } from '../index.ts'
import { costText, printable, secondsText } from './format.ts'
import type { Session } from './session.ts'
import type { Screen } from './terminal.ts'
import { startWaiting } from './waiting.ts'

/** Who stopped an answer before its end: Ctrl-C, or a pipe whose reader left. */
export type StoppedBy = 'user' | 'reader'

/** An answer that did not come to its end. */
export interface Failed {
  readonly response?: undefined
  readonly error: unknown
  readonly stoppedBy: StoppedBy | undefined
  /** What was booked for it, one entry an attempt; empty where nothing was sent. */
  readonly booked: readonly LedgerEntry[]
}

/** What came of a call. */
export type Outcome = { readonly response: AIResponse } | Failed

/**
 * Makes a call that Ctrl-C and a reader who leaves stop; it is booked before this resolves. Never throws: what went
 * wrong is in the outcome.
 */
export async function makeCall(
  screen: Screen,
  session: Session,
  work: (signal: AbortSignal) => Promise<AIResponse>,
): Promise<Outcome> {
  const { terminal } = screen
  const controller = new AbortController()
  let stoppedBy: StoppedBy | undefined
  const stop = (by: StoppedBy): void => {
    stoppedBy ??= by
    controller.abort(new Error(by === 'user' ? 'Ctrl-C' : 'The reader of the output left'))
  }
  const readerLeft = (): void => stop('reader')
  const forget = terminal.onInterrupt(() => stop('user'))
  terminal.readerLeft.addEventListener('abort', readerLeft)
  const before = session.lastCall()
  try {
    return { response: await work(controller.signal) }
  } catch (error) {
    const call = session.lastCall()
    const booked = call === undefined || call === before ? [] : await entriesOf(session, call.id)
    return { error, stoppedBy, booked }
  } finally {
    forget()
    terminal.readerLeft.removeEventListener('abort', readerLeft)
  }
}

/** Streams an answer to the screen, or to `write`, and says what is waited for until it begins. */
export async function showAnswer(
  screen: Screen,
  session: Session,
  start: (signal: AbortSignal) => AnswerStream,
  write: (text: string) => Promise<void> = (text) => screen.write(text),
): Promise<Outcome> {
  // A program gets every byte; a terminal gets none that would change it.
  const clean = screen.terminal.stdout.isTTY === true ? printable : (text: string) => text
  return makeCall(screen, session, async (signal) => {
    let doing = 'to load'
    const stopWaiting = startWaiting(screen, () =>
      // The ledger may be locked by another program for a while.
      signal.aborted ? 'stopping, once it is booked; Ctrl-C again ends at once…' : waitingFor(session, doing),
    )
    let last = '\n'
    try {
      const stream = start(signal)
      for await (const event of stream) {
        if (event.type === 'reasoning-delta') doing = 'to think'
        if (event.type !== 'text-delta' || event.text === '') continue
        stopWaiting()
        last = event.text
        await write(clean(event.text))
      }
      return await stream.response
    } finally {
      stopWaiting()
      if (!last.endsWith('\n')) await write('\n')
    }
  })
}

function waitingFor(session: Session, doing: string): string {
  const call = session.lastCall()
  return call === undefined ? 'waiting for the provider…' : `waiting for ${printable(call.model)} ${doing}…`
}

/** One line on a call that was stopped: what it cost, as the books have it. */
export function stoppedText({ booked }: Failed): string {
  const last = booked.at(-1)
  if (last === undefined) return 'stopped before anything was sent'
  return `stopped after ${secondsText(last.durationMs)} · booked as ${printable(costText(last.cost))}`
}

/** The ledger's entries of a call, one an attempt. */
export async function entriesOf(session: Session, callId: string): Promise<readonly LedgerEntry[]> {
  const entries: LedgerEntry[] = []
  for await (const entry of session.ai.ledger.entries({ callId })) entries.push(entry)
  return entries
}
