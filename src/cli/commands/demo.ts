import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { formatUsd, isAIError, type AIConfig, type AIResponse, type LedgerTotal } from '../../index.ts'
import { firstEntry, showAnswer } from '../answer.ts'
import { findOllama, openStandIn, type Stage } from '../demo-stage.ts'
import { EXIT, UsageError } from '../failure.ts'
import { bytesText, costText, countText, printable, secondsText, tokensText } from '../format.ts'
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
  if (found.stage) {
    const code = await play(screen, found.stage, config.ledger)
    if (code !== undefined) return code
    await row(screen, '', 'So on with the stand-in that groat has built in.')
  }
  await using stage = await openStandIn()
  // The words of a stand-in do not belong into anybody's books, unless they were named for it.
  const named = options.ledger === undefined ? undefined : config.ledger
  const why = found.stage ? undefined : found.why
  const folder = join(tmpdir(), 'groat-demo')
  try {
    return (await play(screen, stage, named ?? ledgerIn(folder), why)) ?? EXIT.failed
  } catch (error) {
    if (named !== undefined || !isAIError(error) || error.code !== 'store_failed') throw error
    // Another user's folder of this name: then one that nobody else has.
    return (await play(screen, stage, ledgerIn(mkdtempSync(`${folder}-`)), why)) ?? EXIT.failed
  }
}

function ledgerIn(folder: string): string {
  return `sqlite:${join(folder, 'ledger.db')}`
}

/** Asks, and shows everything that came of it. Undefined where the answer failed. @throws AIError `store_failed` */
async function play(
  screen: Screen,
  stage: Stage,
  ledger: AIConfig['ledger'],
  why?: string,
): Promise<number | undefined> {
  if (ledger === undefined) throw new UsageError('There is no ledger')
  const config: AIConfig = { providers: { ollama: stage.options }, ledger }
  return withConfig(screen.terminal, config, { model: stage.model }, async (session) => {
    await session.ai.ledger.totals()
    await introduce(screen, stage, why)
    const text = new WrappedText((piece) => screen.write(piece), 2, COLUMNS)
    const outcome = await showAnswer(
      screen,
      session,
      (signal) =>
        session.handle.streamMessage(QUESTION, {
          ...{ signal, temperature: 0, maxOutputTokens: OUTPUT_TOKENS_MAX, timeoutMs: ANSWER_MS_MAX },
          ...{ user: 'demo', retries: 0 },
        }),
      { write: (piece) => (screen.json ? undefined : text.add(piece)) },
    )
    if (outcome.response) return conclude(screen, session, { stage, ledger, why, response: outcome.response })
    if (outcome.stoppedBy === 'reader') return EXIT.ok
    if (outcome.stoppedBy === 'user') return EXIT.interrupted
    await row(screen, 'Failed', isAIError(outcome.error) ? outcome.error.message : String(outcome.error))
    return undefined
  })
}

async function introduce(screen: Screen, stage: Stage, why: string | undefined): Promise<void> {
  if (screen.json) return
  const because = why === undefined ? '' : `. ${why}`
  await screen.line()
  await row(screen, 'Server', `${stage.server}${because}`)
  if (stage.standIn) {
    await row(screen, '', 'Real HTTP on this machine; only its words are scripted. All else is groat at work.')
  }
  await row(screen, 'Model', `${stage.model}${stage.modelFacts === '' ? '' : ` (${stage.modelFacts})`}`)
  await row(screen, 'Question', QUESTION)
  await screen.line()
}

interface Played {
  readonly stage: Stage
  readonly ledger: NonNullable<AIConfig['ledger']>
  readonly why: string | undefined
  readonly response: AIResponse
}

async function conclude(screen: Screen, session: Session, played: Played): Promise<number> {
  const { stage, ledger, response } = played
  const entry = await firstEntry(session, response.id)
  const [total] = await session.ai.ledger.totals()
  if (screen.json) {
    const { standIn, server, model } = stage
    await screen.value({ standIn, why: played.why, server, model, response, entry, total, ledger: placeOf(ledger) })
    return EXIT.ok
  }
  await screen.line()
  await row(screen, 'Cost', await costReason(session, response))
  await row(screen, 'Tokens', `${tokensText(response.usage)}, in ${secondsText(response.timing.totalMs)}`)
  await row(screen, 'Ledger', placeOf(ledger))
  if (entry) {
    const at = `${new Date(entry.at).toISOString().slice(0, 19).replace('T', ' ')} UTC`
    const words = [at, `${entry.provider}/${entry.model}`, tokensText(entry.usage), costText(entry.cost), entry.outcome]
    await row(screen, 'Entry', words.join('  '))
  }
  if (total) await row(screen, 'Total', totalText(total))
  await screen.line()
  await row(screen, 'Again', `npx groat usage${ledgerOption(screen, ledger, stage)}`)
  if (stage.standIn) await row(screen, 'Next', 'get Ollama (https://ollama.com/download), then')
  await row(screen, stage.standIn ? '' : 'Next', stage.standIn ? 'ollama pull llama3.2' : `npx groat chat --model ${stage.model}`)
  if (stage.standIn) await row(screen, '', 'npx groat chat')
  return EXIT.ok
}

/** The cost in words, with what proves it. */
async function costReason(session: Session, { cost, model }: AIResponse): Promise<string> {
  if (cost.status !== 'free') return costText(cost)
  const { style } = session
  if (cost.source === 'declared') return `${costText(cost)}: the configuration says that the server is your own`
  const info = await session.handle.models.get(model)
  return `${costText(cost)}: the server has the weights itself, and the answer names no other host`
}

function totalText(total: LedgerTotal): string {
  const { calls, attempts, freeAttempts, unknownAttempts } = total
  const apart = [`${countText(freeAttempts)} free`, `${countText(unknownAttempts)} unknown`].join(', ')
  const failed = attempts > calls ? `, ${countText(attempts)} attempts` : ''
  return `${countText(calls)} calls${failed}, ${tokensText(total)}, ${formatUsd(total.cost)} (${apart})`
}
