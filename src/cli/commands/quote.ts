import { formatUsd, usd, type Quote } from '../../index.ts'
import { EXIT } from '../failure.ts'
import { countText, printable, showTable } from '../format.ts'
import { withSession, type GlobalOptions } from '../session.ts'
import type { Screen } from '../terminal.ts'
import { callOptions, dollars, readQuestion, type CallFlags } from './ask.ts'

export interface QuoteOptions extends GlobalOptions, Omit<CallFlags, 'onLimit'> {}

/** `groat quote "…"`: what a question can cost, before it is asked. */
export async function quote(
  screen: Screen,
  words: readonly string[],
  options: QuoteOptions,
): Promise<number> {
  const question = await readQuestion(screen, words)
  const call = callOptions(options)
  const { budget } = options
  return withSession(screen, options, async ({ handle }) => {
    const found = await handle.quote(question, call)
    if (screen.json) await screen.value(found)
    else await show(screen, found)
    if (budget === undefined || isWithin(found, dollars(budget))) return EXIT.ok
    const more = found.max === undefined ? 'nobody knows whether it costs' : 'it can cost'
    screen.note(screen.noteStyle.yellow(`${more} more than ${formatUsd(usd(dollars(budget)))}`))
    return EXIT.failed
  })
}

async function show(screen: Screen, found: Quote): Promise<void> {
  const { provider, model, basis, min, max, lines, reason } = found
  const name = printable(`${provider}/${model}`)
  if (basis === 'free') return screen.line(`${screen.style.bold('free')}  ${name} runs on your own machine`)
  if (min === undefined || max === undefined) {
    return screen.line(`${screen.style.bold('unknown')}  ${name}: ${printable(reason ?? '')}`)
  }
  await screen.line(`${screen.style.bold(`${formatUsd(min)} to ${formatUsd(max)}`)}  ${name}`)
  const columns = [
    { head: 'AT MOST' },
    { head: 'QUANTITY', right: true },
    { head: 'EACH', right: true },
    { head: 'AMOUNT', right: true },
  ]
  const rows = lines.map((line) => [
    line.name ?? line.kind,
    `${countText(line.quantity)} ${line.unit}${line.quantity === 1 ? '' : 's'}`,
    `$${line.unitPrice}`,
    formatUsd(line.amount),
  ])
  await showTable(screen, columns, rows)
}

function isWithin({ max }: Quote, limit: string): boolean {
  return max !== undefined && max.picos <= usd(limit).picos
}
