import type { Adapter } from './clients/client.ts'
import type { Case, Finding, Verdict } from './trial.ts'

export interface Results {
  readonly adapters: readonly Adapter[]
  readonly cases: readonly Case[]
  /** By case, then by client. */
  readonly findings: readonly (readonly Finding[])[]
  readonly versions: Readonly<Record<string, string>>
  readonly json: boolean
  readonly slow: boolean
}

/** The table and the evidence, as Markdown or as JSON. */
export function report(results: Results): string {
  return results.json ? asJson(results) : asMarkdown(results)
}

function asMarkdown({ adapters, cases, findings, versions, slow }: Results): string {
  const names = adapters.map(({ name }) => name)
  const rows = cases.map(({ title }, at) => [`${at + 1}. ${title}`, ...verdictsOf(findings[at])])
  const totals = names.map(
    (_, at) => `${findings.filter((row) => row[at]?.verdict === 'right').length} of ${cases.length}`,
  )
  const evidence = cases.flatMap(({ title, right }, at) => [
    '',
    `${at + 1}. **${title}.** Right: ${right}.`,
    ...names.map((name, client) => {
      const { verdict = 'not run', evidence: line = '' } = findings[at]?.[client] ?? {}
      return `   - ${name}: ${verdict}. ${line}`
    }),
  ])
  return [
    `${day()}, Node ${process.versions.node}${slow ? ', with the real wait of 305 s' : ''}`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
    '',
    ...table([['', ...names], ...rows, ['right', ...totals]]),
    ...evidence,
  ].join('\n')
}

function asJson({ adapters, cases, findings, versions, slow }: Results): string {
  const all = cases.map(({ title, right }, at) => ({
    title,
    right,
    clients: Object.fromEntries(adapters.map(({ name }, client) => [name, findings[at]?.[client]])),
  }))
  return JSON.stringify(
    { date: day(), node: process.versions.node, slow, versions, cases: all },
    undefined,
    2,
  )
}

function verdictsOf(row: readonly Finding[] = []): Verdict[] {
  return row.map(({ verdict }) => verdict)
}

function table([head = [], ...rows]: readonly (readonly string[])[]): string[] {
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map((row) => row[at]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)]
}

function day(): string {
  return new Date().toISOString().slice(0, 10)
}
