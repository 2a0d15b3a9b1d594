import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAIError, type AIConfig, type AIResponse, type LedgerTotal } from '../../index.ts'
import { entriesOf, showAnswer } from '../answer.ts'
import { findOllama, openStandIn, type Stage } from '../demo-stage.ts'
import { EXIT } from '../failure.ts'
import { costText, countText, printable, secondsText, tokensText, totalCostText } from '../format.ts'
import { configOf, withConfig, type GlobalOptions, type Session } from '../session.ts'
import type { Screen } from '../terminal.ts'
import { WrappedText } from '../wrapped-text.ts'

/** What the demo asks. */
const QUESTION = 'Why is the sky blue? Answer in three short sentences.'
/** Longest time for a real model's answer, its loading included, in milliseconds: the demo ends within a minute. */
const ANSWER_MS_MAX = 45_000
const OUTPUT_TOKENS_MAX = 160
const COLUMNS = 79
/** Width of what stands before the facts. */
const LABEL_COLUMNS = 9

/** `groat demo`: one question, its answer as it comes, what it cost and why, and its entry in the books. */
export async function demo(screen: Screen, options: GlobalOptions): Promise<number> {
  const config = await configOf(screen.terminal, options)
  if (!screen.json) await screen.line(screen.style.bold('groat: one question, its answer, its exact cost'))
  const found = await findOllama(screen.terminal, config, options.model)
  const usual: Books = { ledger: config.ledger ?? 'memory:', isUsual: options.ledger === undefined }
  if (found.stage) {
    const code = await play(screen, found.stage, usual)
    if (code !== undefined) return code
    await row(screen, '', 'So on with the stand-in that groat has built in.')
  }
  await using stage = await openStandIn()
  const why = found.stage ? undefined : found.why
  // The words of a stand-in do not belong into anybody's books, unless they were named for it.
  if (options.ledger !== undefined) return (await play(screen, stage, usual, why)) ?? EXIT.failed
  const folder = join(tmpdir(), 'groat-demo')
  try {
    return (await play(screen, stage, booksIn(folder), why)) ?? EXIT.failed
  } catch (error) {
    if (!isAIError(error) || error.code !== 'store_failed') throw error
    // Another user's folder of this name: then one that nobody else has.
    return (await play(screen, stage, booksIn(mkdtempSync(`${folder}-`)), why)) ?? EXIT.failed
  }
}

function booksIn(folder: string): Books {
  return { ledger: `sqlite:${join(folder, 'ledger.db')}`, isUsual: false }
}

/** Asks, and shows everything that came of it. Undefined where the answer failed. @throws AIError `store_failed` */
async function play(screen: Screen, stage: Stage, books: Books, why?: string): Promise<number | undefined> {
  const config: AIConfig = { providers: { ollama: stage.options }, ledger: books.ledger }
  return withConfig(screen.terminal, config, { model: stage.model }, async (session) => {
    await session.ai.ledger.totals()
    await introduce(screen, stage, why)
    const text = new WrappedText((piece) => screen.write(piece), 2, COLUMNS)
    const outcome = await showAnswer(
      screen,
      session,
      (signal) =>
        session.handle.streamMessage(QUESTION, {
          signal,
          temperature: 0,
          maxOutputTokens: OUTPUT_TOKENS_MAX,
          timeoutMs: ANSWER_MS_MAX,
          retries: 0,
        }),
      async (piece) => (screen.json ? undefined : text.add(piece)),
    )
    if (!('booked' in outcome)) {
      return conclude(screen, session, { stage, books, why, response: outcome.response })
    }
    if (outcome.stoppedBy === 'reader') return EXIT.ok
    if (outcome.stoppedBy === 'user') return EXIT.interrupted
    await row(screen, 'Failed', isAIError(outcome.error) ? outcome.error.message : String(outcome.error))
    return undefined
  })
}

async function introduce(screen: Screen, stage: Stage, why: string | undefined): Promise<void> {
  if (screen.json) return
  await screen.line()
  if (why !== undefined) await row(screen, 'Ollama', why)
  await row(screen, 'Server', stage.server)
  await row(screen, 'Model', `${stage.model}${stage.modelFacts === '' ? '' : ` (${stage.modelFacts})`}`)
  await row(screen, 'Question', QUESTION)
  await screen.line()
}

/** Where the demo books its call. */
interface Books {
  readonly ledger: NonNullable<AIConfig['ledger']>
  /** Whether `groat usage` finds it without being told. */
  readonly isUsual: boolean
}

interface Played {
  readonly stage: Stage
  readonly books: Books
  readonly why: string | undefined
  readonly response: AIResponse
}

async function conclude(screen: Screen, session: Session, played: Played): Promise<number> {
  const { stage, books, response } = played
  const { ledger } = books
  const [entry] = await entriesOf(session, response.id)
  const [total] = await session.ai.ledger.totals()
  if (screen.json) {
    const { standIn, server, model } = stage
    await screen.value({
      standIn,
      why: played.why,
      server,
      model,
      response,
      entry,
      total,
      ledger: placeOf(ledger),
    })
    return EXIT.ok
  }
  await screen.line()
  await row(screen, 'Cost', await costReason(session, response))
  await row(screen, 'Tokens', `${tokensText(response.usage)}, in ${secondsText(response.timing.totalMs)}`)
  await row(screen, 'Ledger', placeOf(ledger))
  if (entry) {
    const at = `${new Date(entry.at).toISOString().slice(0, 19).replace('T', ' ')}Z`
    const words = [
      at,
      `${entry.provider}/${entry.model}`,
      tokensText(entry.usage),
      entry.cost.status,
      entry.outcome,
    ]
    await row(screen, 'Entry', words.join('  '))
  }
  if (total) await row(screen, 'Total', totalText(total))
  await screen.line()
  await row(screen, 'Again', `npx groat usage${ledgerOption(ledger, books.isUsual)}`)
  const next = stage.standIn
    ? ['get Ollama (https://ollama.com/download), then', 'ollama pull llama3.2', 'npx groat chat']
    : [`npx groat chat --model ${stage.model}`]
  for (const [index, line] of next.entries()) await row(screen, index === 0 ? 'Next' : '', line)
  return EXIT.ok
}

/** The cost in words, with what proves it. */
async function costReason(session: Session, { cost }: AIResponse): Promise<string> {
  if (cost.status !== 'free') return costText(cost)
  if (cost.source === 'declared')
    return `${costText(cost)}: the configuration says that the server is your own`
  const format = formatOf((await session.handle.models.get(session.lastCall()?.model ?? '')).raw)
  return (
    `${costText(cost)}, proven: the server says that it has the model's weights itself${format}, ` +
    `and the answer names no other host.`
  )
}

/** The kind of file that the weights are in, as Ollama tells it. */
function formatOf(raw: unknown): string {
  const { details } = (raw ?? {}) as { readonly details?: { readonly format?: unknown } }
  return typeof details?.format === 'string' && details.format !== '' ? ` (${printable(details.format)})` : ''
}

function totalText(total: LedgerTotal): string {
  const { calls, attempts, freeAttempts, unknownAttempts } = total
  const apart = [`${countText(freeAttempts)} free`, `${countText(unknownAttempts)} unknown`].join(', ')
  const failed = attempts > calls ? `, ${countText(attempts)} attempts` : ''
  return `${countText(calls)} ${calls === 1 ? 'call' : 'calls'} in this ledger${failed}: ${tokensText(total)}, ${totalCostText(total)} (${apart})`
}

function placeOf(ledger: NonNullable<AIConfig['ledger']>): string {
  return typeof ledger === 'string' ? ledger.replace(/^sqlite:/, '') : 'the one of the configuration file'
}

/** What `groat usage` needs to find this ledger again. */
function ledgerOption(ledger: NonNullable<AIConfig['ledger']>, isDefault: boolean): string {
  if (isDefault || typeof ledger !== 'string') return ''
  const place = placeOf(ledger)
  return ` --ledger ${/^[\w./:-]+$/.test(place) ? place : JSON.stringify(place)}`
}

/** A fact with its label before it, broken into lines that fit. */
async function row(screen: Screen, label: string, fact: string): Promise<void> {
  if (screen.json) return
  let lines = ''
  const text = new WrappedText(async (piece) => void (lines += piece), LABEL_COLUMNS, COLUMNS)
  await text.add(printable(fact))
  await screen.line(screen.style.bold(label.padEnd(LABEL_COLUMNS)) + lines.slice(LABEL_COLUMNS))
}
