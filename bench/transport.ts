/**
 * What the transport costs beside a bare `fetch`: `node bench/transport.ts`, less than two minutes. The stand-in
 * server has a process of its own. The machine may be shared, so only the ratios of one run mean anything: each is
 * the median over slices in which all callers had their turn.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { KINDS, makeCaller, measure, median } from './transport-client.ts'
import type { Figures } from './transport-client.ts'
import { serve } from './transport-server.ts'

const FIRST_CALLS = 5

const [role = 'main', origin = '', kind = ''] = process.argv.slice(2)

if (role === 'server') serve()
else if (role === 'measure') report(await measure(origin))
else if (role === 'first') report(await firstCall())
else await main()

async function main(): Promise<void> {
  const server = start('server')
  const [port]: number[] = await once(server, 'message')
  const at = `http://127.0.0.1:${port}`
  // Again in another process, since the compiler may decide otherwise there.
  const figures = merge([await answerOf<Figures>('measure', at), await answerOf<Figures>('measure', at)])
  const first: Record<string, number[]> = {}
  for (let round = 0; round < FIRST_CALLS; round += 1) {
    for (const name of KINDS) (first[name] ??= []).push(await answerOf<number>('first', at, name))
  }
  server.disconnect()
  print({ ...figures, 'first call of a process: wall ms': first })
}

/** From nothing loaded to the first answer, in ms. */
async function firstCall(): Promise<number> {
  const began = performance.now()
  const caller = await makeCaller(kind)
  await caller.chat(`${origin}/chat`)
  return performance.now() - began
}

function start(...args: readonly string[]): ChildProcess {
  return fork(import.meta.filename, args)
}

function report(answer: unknown): void {
  process.send?.(answer, () => process.exit())
}

async function answerOf<T>(...args: readonly string[]): Promise<T> {
  const client = start(...args)
  const ended = once(client, 'exit').then(() => {
    throw new Error(`The process for ${args.join(' ')} ended without an answer.`)
  })
  ended.catch(() => {})
  const [answer]: T[] = await Promise.race([once(client, 'message'), ended])
  if (answer === undefined) throw new Error('An empty answer.')
  return answer
}

function merge(runs: readonly Figures[]): Figures {
  const all: Figures = {}
  for (const run of runs) {
    for (const [suite, byKind] of Object.entries(run)) {
      for (const [name, slices] of Object.entries(byKind)) ((all[suite] ??= {})[name] ??= []).push(...slices)
    }
  }
  return all
}

function print(figures: Figures): void {
  const rows = Object.entries(figures).map(([suite, byKind]) => {
    const bare = byKind['bare'] ?? []
    const cells = KINDS.map((name) => {
      const slices = byKind[name] ?? []
      const ratio = median(slices.map((figure, slice) => figure / (bare[slice] ?? Number.NaN)))
      return [name, `${median(slices).toPrecision(3)} (${ratio.toFixed(2)}×)`]
    })
    return [suite, Object.fromEntries(cells)]
  })
  console.table(Object.fromEntries(rows))
}
