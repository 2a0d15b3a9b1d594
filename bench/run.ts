/**
 * What a call through groat costs against a bare `fetch`: `npm run bench [-- ROUNDS]`, about a minute a round. The
 * stand-in and each caller of each round have a process of their own; rounds go through the callers forwards and
 * backwards in turn. Only ratios of one run mean anything: the machine is shared with others.
 */
import { execFileSync, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { CALLERS } from './callers.ts'
import { measure, median, type Figures } from './measure.ts'
import { serve } from './stand-in.ts'

const [role = '3', name = '', origin = ''] = process.argv.slice(2)
const NAMES = Object.keys(CALLERS)
const [BARE = '', MEMORY = '', SQLITE = ''] = NAMES

interface Row {
  readonly what: string
  readonly caller: string
  readonly figure: keyof Figures
  /** The ratio to bare `fetch` that is aimed at, and in which direction it is good. */
  readonly aim: number
  readonly good: 'at most' | 'at least'
}

const ROWS: readonly Row[] = [
  { what: 'call, 32 in flight, CPU', caller: MEMORY, figure: 'callCpu', aim: 0.5, good: 'at most' },
  { what: 'the same with SQLite', caller: SQLITE, figure: 'callCpu', aim: 0.8, good: 'at most' },
  {
    what: 'one call after the other, latency',
    caller: MEMORY,
    figure: 'sequential',
    aim: 0.75,
    good: 'at most',
  },
  { what: 'throughput, 32 in flight', caller: MEMORY, figure: 'callsPerSecond', aim: 2, good: 'at least' },
  {
    what: 'stream, one write per token, CPU/event',
    caller: MEMORY,
    figure: 'liveCpu',
    aim: 1.1,
    good: 'at most',
  },
  { what: 'stream in bursts, CPU/event', caller: MEMORY, figure: 'burstCpu', aim: 1.1, good: 'at most' },
  { what: 'time to the first event', caller: MEMORY, figure: 'firstEvent', aim: 1, good: 'at most' },
]

/** Longest import that is aimed at, in milliseconds. */
const IMPORT_MS_AIM = 40

if (role === 'server') serve()
else if (role === 'caller') await report(name, origin)
else await main(Number(role))

async function report(caller: string, at: string): Promise<void> {
  const make = CALLERS[caller]
  if (!make) throw new Error(`There is no caller ${caller}`)
  const figures = await measure(() => make(at))
  process.send?.(figures, () => process.exit())
}

async function main(rounds: number): Promise<void> {
  const server = start('server')
  const [port] = (await once(server, 'message')) as [number]
  const results = new Map<string, Figures[]>(NAMES.map((one) => [one, []]))
  for (let round = 0; round < rounds; round++) {
    for (const one of round % 2 === 0 ? NAMES : NAMES.toReversed()) {
      const child = start('caller', one, `http://127.0.0.1:${port}`)
      const exited = once(child, 'exit')
      const figures = await Promise.race([once(child, 'message'), exited.then(() => [])])
      if (figures[0] === undefined) throw new Error(`${one} ended without figures`)
      results.get(one)?.push(figures[0] as Figures)
      await exited
    }
    console.log(`round ${round + 1} of ${rounds}`)
  }
  server.disconnect()
  print(results)
}

function start(...args: readonly string[]): ChildProcess {
  return fork(import.meta.filename, args)
}

function print(results: ReadonlyMap<string, readonly Figures[]>): void {
  const ratios = ({ caller, figure }: Row): readonly number[] =>
    (results.get(caller) ?? []).map(
      (mine, round) => mine[figure] / (results.get(BARE)?.[round]?.[figure] ?? Number.NaN),
    )
  const middle = (caller: string, figure: keyof Figures): number =>
    median((results.get(caller) ?? []).map((figures) => figures[figure]))
  console.table(
    ROWS.map((row) => {
      const all = ratios(row)
      const ratio = median(all)
      return {
        what: row.what,
        groat: middle(row.caller, row.figure).toFixed(1),
        'bare fetch': middle(BARE, row.figure).toFixed(1),
        ratio: `${ratio.toFixed(2)} (${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)})`,
        aim: `${row.good} ${row.aim}`,
        reached: row.good === 'at most' ? ratio <= row.aim : ratio >= row.aim,
      }
    }),
  )
  console.table(['groat', 'groat/ollama'].map(importOf))
}

/** How long an import takes in a process of its own: the median of five. */
function importOf(what: string): object {
  const program = `const t = performance.now(); await import('${what}'); console.log(performance.now() - t)`
  const times = Array.from({ length: 5 }, () =>
    Number(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })),
  )
  const ms = median(times)
  return { import: what, ms: ms.toFixed(1), aim: `at most ${IMPORT_MS_AIM}`, reached: ms <= IMPORT_MS_AIM }
}
