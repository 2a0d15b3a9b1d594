/**
 * What the transport costs against a bare `fetch`: `node bench/transport.ts [rounds]`, about a minute. Each caller
 * of each round has a process of its own, the server as well; rounds run the callers forwards and backwards in turn.
 * The machine is shared with others, so only the ratios of one run mean anything.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { measure, median } from './transport-client.ts'
import type { Figures } from './transport-client.ts'
import { serve } from './transport-server.ts'

const KINDS = ['bare', 'node', 'undici', 'fetch']
const COLUMNS: readonly (keyof Figures)[] = [
  'callCpu',
  'callsPerSecond',
  'sequential',
  'burstCpu',
  'liveCpu',
  'firstRecord',
  'firstCallMs',
]

const [role = 'main', kind = '', origin = ''] = process.argv.slice(2)

if (role === 'server') serve()
else if (role === 'client') process.send?.(await measure(kind, origin), () => process.exit())
else await main(Number(role) || 5)

async function main(rounds: number): Promise<void> {
  const server = start('server')
  const [port] = await once(server, 'message')
  const results = new Map(KINDS.map((name) => [name, new Array<Figures>()]))
  for (let round = 0; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? KINDS : KINDS.toReversed()) {
      const client = start('client', name, `http://127.0.0.1:${port}`)
      const exited = once(client, 'exit').then(() => {
        throw new Error(`The client ${name} ended without figures.`)
      })
      const [figures]: Figures[] = await Promise.race([once(client, 'message'), exited])
      exited.catch(() => {})
      if (figures !== undefined) results.get(name)?.push(figures)
    }
  }
  server.disconnect()
  print(results)
}

function start(...args: readonly string[]): ChildProcess {
  return fork(import.meta.filename, args)
}

function print(results: ReadonlyMap<string, readonly Figures[]>): void {
  const middle = (name: string, column: keyof Figures): number =>
    median((results.get(name) ?? []).map((figures) => figures[column]))
  console.table(
    KINDS.map((name) => ({
      name,
      ...Object.fromEntries(
        COLUMNS.map((column) => {
          const value = middle(name, column)
          const ratio = value / middle('bare', column)
          return [column, `${value.toPrecision(4)} (${ratio.toFixed(2)}×)`]
        }),
      ),
    })),
  )
}
