import { formatUsd, type AIResponse, type Cost, type LedgerTotal, type Usage } from '../index.ts'
import type { Screen } from './terminal.ts'

/** A cost in words: `free (local)`, `$0.0105`, `at most $0.02 (…)`, `unknown (…)`. */
export function costText(cost: Cost): string {
  switch (cost.status) {
    case 'free':
      return `free (${cost.source})`
    case 'exact':
      return formatUsd(cost.amount)
    case 'bounded':
      return `at most ${formatUsd(cost.amount)} (${cost.reason})`
    case 'unknown':
      return `unknown (${cost.reason})`
  }
}

/** The cost of a group of entries; what is not known is a `?` and never a zero. */
export function totalCostText({ attempts, unknownAttempts, cost }: LedgerTotal): string {
  if (unknownAttempts === 0) return formatUsd(cost)
  return unknownAttempts === attempts ? '?' : `${formatUsd(cost)} + ?`
}

/** Tokens in and out: `12 in, 34 out`; `?` is what the provider did not tell. */
export function tokensText({
  inputTokens,
  outputTokens,
}: Pick<Usage, 'inputTokens' | 'outputTokens'>): string {
  return `${countText(inputTokens)} in, ${countText(outputTokens)} out`
}

/** A whole number with its thousands apart; `?` where it is not known. */
export function countText(count: number | undefined): string {
  return count === undefined ? '?' : count.toLocaleString('en-US')
}

/** A duration in seconds: `0.8 s`, `12 s`. */
export function secondsText(ms: number): string {
  const seconds = ms / 1000
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
}

/** One line on what an answer cost and took. */
export function summaryText(response: AIResponse): string {
  const { cost, savings, usage, provider, model, timing, finishReason } = response
  const cut = finishReason.unified === 'stop' ? [] : [`ended by ${finishReason.unified}`]
  const facts = [
    costText(cost),
    ...(savings === undefined ? [] : [`saved ${formatUsd(savings.amount)}`]),
    `${tokensText(usage)} tokens`,
    `${provider}/${model}`,
    secondsText(timing.totalMs),
  ]
  return [...facts, ...cut].map(printable).join(' · ')
}

/** Bytes for people, in the decimal units that models are traded in: `2.0 GB`. */
export function bytesText(bytes: number | undefined): string {
  if (bytes === undefined) return ''
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3))
  const value = bytes / 1000 ** step
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[step] ?? ''}`
}

/** Text from outside without the control characters that would move the cursor or change a terminal. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
}

/** A column of a table: its head, and whether its cells are numbers. */
export interface Column {
  readonly head: string
  readonly right?: boolean
}

/** A table with aligned columns, two spaces apart. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const cells = [columns.map((column) => column.head), ...rows.map((row) => row.map(oneLine))]
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => (row[index] ?? '').length)))
  return cells.map((row) =>
    row
      .map((cell, index) => {
        const width = widths[index] ?? 0
        return columns[index]?.right === true ? cell.padStart(width) : cell.padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
}

/** Writes a table with a bold head; `look` changes how a line below it looks. */
export async function showTable(
  screen: Screen,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  look: (line: string, index: number) => string = (line) => line,
): Promise<void> {
  const [head = '', ...lines] = tableLines(columns, rows)
  await screen.line(screen.style.bold(head))
  for (const [index, line] of lines.entries()) await screen.line(look(line, index))
}

function oneLine(text: string): string {
  return printable(text).replace(/\s+/g, ' ')
}
