/**
 * What a call through groat costs beside a bare `fetch`: `npm run bench`, some three minutes for each protocol on a quiet
 * machine (`npm run bench -- ollama` measures one of `ollama`, `responses`, `chat`, `gemini`). The stand-in server has a
 * process of its own. The machine may be shared, so only ratios of one run mean anything: each is the median over slices
 * in which all callers had their turn, over two processes, since the compiler may decide otherwise in another.
 */
import { execFileSync, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { BARE, CALLERS, MEMORY, SQLITE } from './callers.ts'
import { measure, median, type Figures, type SuiteName } from './measure.ts'
import { PROTOCOLS, protocolOf } from './protocols.ts'
import { serve } from './stand-in.ts'

/** What is aimed at: a ratio to bare `fetch`, at most; of throughput, at least. */
interface Aim {
  readonly what: string
  readonly suite: SuiteName
  readonly caller: string
  readonly atMost: number
}

const AIMS: readonly Aim[] = [
  { what: 'call, 32 in flight: CPU', suite: 'callCpu', caller: MEMORY, atMost: 0.5 },
  { what: 'the same with the SQLite ledger', suite: 'callCpu', caller: SQLITE, atMost: 0.8 },
  { what: 'one call after the other: latency', suite: 'sequential', caller: MEMORY, atMost: 0.75 },
  // Twice the throughput is half the time.
  { what: 'call, 32 in flight: time (1 / throughput)', suite: 'callWall', caller: MEMORY, atMost: 0.5 },
  { what: 'stream, one write per token: CPU per event', suite: 'liveCpu', caller: MEMORY, atMost: 1.1 },
  { what: 'stream in bursts: CPU per event', suite: 'burstCpu', caller: MEMORY, atMost: 1.1 },
  { what: 'time to the first event', suite: 'firstEvent', caller: MEMORY, atMost: 1 },
]

/** Longest import that is aimed at, in milliseconds. */
const IMPORT_MS_AIM = 40
const PROCESSES = 2

const [role = 'main', origin = '', protocol = ''] = process.argv.slice(2)

if (role === 'server') serve()
else if (role === 'measure') process.send?.(await measure(origin, protocol), () => process.exit())
else await main(process.argv.slice(2))

async function main(wanted: readonly string[]): Promise<void> {
  const names = wanted.length === 0 ? Object.keys(PROTOCOLS) : wanted
  names.forEach(protocolOf)
  const server = fork(import.meta.filename, ['server'])
  const [port] = (await once(server, 'message')) as [number]
  for (const name of names) await compare(name, `http://127.0.0.1:${port}`)
  server.disconnect()
  console.table(['groat', 'groat/ollama'].map(importOf))
  // In processes of their own, so that what was compiled here does not count there.
  for (const bench of ['budgets.ts', 'budgets-postgres.ts']) {
    execFileSync(process.execPath, [join(import.meta.dirname, bench)], { stdio: 'inherit' })
  }
}

/** Measures one protocol and prints what came of it. */
async function compare(protocol: string, origin: string): Promise<void> {
  const runs: Figures[] = []
  for (let run = 0; run < PROCESSES; run++) {
    console.log(`${protocol}: measuring, ${run + 1} of ${PROCESSES} …`)
    runs.push(await answerOf(fork(import.meta.filename, ['measure', origin, protocol])))
  }
  const slicesOf = (suite: string, caller: string): number[] =>
    runs.flatMap((run) => run[suite]?.[caller] ?? [])
  const ratioOf = (suite: string, caller: string): number => {
    const bare = slicesOf(suite, BARE)
    return median(slicesOf(suite, caller).map((figure, slice) => figure / (bare[slice] ?? Number.NaN)))
  }
  console.table(AIMS.map((aim) => rowOf(aim, ratioOf(aim.suite, aim.caller), slicesOf)))
  console.log('Every caller and suite, µs (ratio to bare fetch):')
  const suites = Object.keys(runs[0] ?? {})
  const cell = (suite: string, caller: string): string =>
    `${median(slicesOf(suite, caller)).toPrecision(3)} (${ratioOf(suite, caller).toFixed(2)})`
  const row = (caller: string): object =>
    Object.fromEntries(suites.map((suite) => [suite, cell(suite, caller)]))
  console.table(Object.fromEntries(Object.keys(CALLERS).map((caller) => [caller, row(caller)])))
}

function rowOf(
  { what, suite, caller, atMost }: Aim,
  ratio: number,
  slicesOf: (suite: string, caller: string) => number[],
): object {
  return {
    what,
    'groat, µs': median(slicesOf(suite, caller)).toPrecision(3),
    'bare fetch, µs': median(slicesOf(suite, BARE)).toPrecision(3),
    ratio: ratio.toFixed(2),
    'at most': atMost,
    reached: ratio <= atMost,
  }
}

async function answerOf(child: ChildProcess): Promise<Figures> {
  const ended = once(child, 'exit').then(() => [])
  const [figures] = (await Promise.race([once(child, 'message'), ended])) as [Figures | undefined]
  if (!figures) throw new Error('A process ended without figures')
  return figures
}

/** How long an import takes in a process of its own: the median of nine. */
function importOf(what: string): object {
  const program = `const t = performance.now(); await import('${what}'); console.log(performance.now() - t)`
  const times = Array.from({ length: 9 }, () =>
    Number(execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })),
  )
  const ms = median(times)
  return { import: what, ms: ms.toFixed(1), 'at most': IMPORT_MS_AIM, reached: ms <= IMPORT_MS_AIM }
}
