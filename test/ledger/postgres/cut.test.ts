import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { BudgetLedger } from '../../../src/ledger/budget-store.ts'
import { openPostgresLedger } from '../../../src/ledger/postgres/index.ts'
import { budget, ended, hold, holdOf, settle } from '../budget-case.ts'
import { assertError, failure } from '../contract-case.ts'
import { attemptsIn, entry } from '../entries.ts'
import { isAvailable, START_MS, startServer, type Server } from './server.ts'

/** Between a ledger and its database: it can keep an answer to itself, or let nobody through. */
class Between {
  readonly #server: TcpServer
  readonly #sockets = new Set<Socket>()
  #port = 0
  /** Cuts the connection in place of passing the next answer on. */
  losesNext = false
  isDown = false
  lost = 0

  constructor(port: number) {
    this.#server = createServer((client) => {
      if (this.isDown) return void client.destroy()
      const server = connect(port, '127.0.0.1')
      for (const [one, other] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(one)
        one.on('error', () => other.destroy())
        one.on('close', () => {
          this.#sockets.delete(one)
          other.destroy()
        })
      }
      client.on('data', (data) => server.write(data))
      server.on('data', (data) => {
        if (!this.losesNext) return void client.write(data)
        this.losesNext = false
        this.lost++
        client.destroy()
      })
    })
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  urlFor(url: string): string {
    return Object.assign(new URL(url), { port: String(this.#port) }).href
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  close(): void {
    this.cut()
    this.#server.close()
  }
}

describe.skipIf(!isAvailable())('a connection to PostgreSQL that is cut', () => {
  let server: Server
  let between: Between
  let schemas = 0

  beforeAll(async () => {
    server = await startServer()
  }, START_MS)

  afterAll(() => server.stop())

  beforeEach(async () => {
    between = new Between(server.port)
    await between.listen()
    return () => between.close()
  })

  async function open(retryMs = 20_000): Promise<BudgetLedger> {
    const ledger = await openPostgresLedger({
      url: between.urlFor(server.url),
      schema: `groat_cut_${process.pid}_${++schemas}`,
      retryMs,
    })
    await ledger.budgets.set(budget({ limit: '1' }))
    return ledger
  }

  test('after a commit and before its answer leaves one hold, one settlement and one entry', async () => {
    const ledger = await open()
    between.losesNext = true
    const reserved = await hold(ledger, 'a', '0.5')
    expect([reserved.replay, reserved.windows[0]?.reserved]).toEqual([true, 500_000_000_000n])
    between.losesNext = true
    expect((await settle(ledger, 'a', '0.25')).state).toBe('repeated')
    between.losesNext = true
    await ledger.append(entry({ id: 'b', attemptId: 'b' }))
    between.losesNext = true
    await ledger.budgets.release('a')
    expect(between.lost).toBe(4)
    expect(await attemptsIn(ledger)).toEqual(['a', 'b'])
    const [window] = await ledger.budgets.windows({ user: 'ada' })
    expect([window?.settled, window?.reserved]).toEqual([250_000_000_000n, 0n])
    expect((await ledger.budgets.verify()).discrepancies).toEqual([])
    await ledger.close()
  })

  test('after a settlement was committed loses nothing that it has to tell', async () => {
    const ledger = await open()
    await hold(ledger, 'a', '0.9')
    between.losesNext = true
    const { state, windows } = await settle(ledger, 'a', '1.2')
    expect([state, windows.map(({ crossed, overrun }) => [crossed, overrun]), between.lost]).toEqual([
      'repeated',
      [[[0.8, 0.95], 300_000_000_000n]],
      1,
    ])
    await ledger.close()
  })

  test('while it is idle is made again for the next write and the next question', async () => {
    const ledger = await open()
    await hold(ledger, 'a', '0.5')
    expect(await attemptsIn(ledger)).toEqual([])
    between.cut()
    await settle(ledger, 'a', '0.25')
    between.cut()
    expect(await attemptsIn(ledger)).toEqual(['a'])
    between.losesNext = true
    expect(await ledger.budgets.windows({ user: 'ada' })).toHaveLength(1)
    expect(between.lost).toBe(1)
    await ledger.close()
  })

  test('for too long rejects everything that waits as what may be repeated, and nothing was done', async () => {
    const ledger = await open(200)
    await hold(ledger, 'a', '0.5')
    between.isDown = true
    between.cut()
    const errors = await Promise.all(
      [
        ledger.budgets.reserve(holdOf('b', '0.1')),
        ledger.budgets.settle('a', ended('a', '0.25')),
        ledger.append(entry()),
        ledger.totals(),
        ledger.budgets.set(budget({ limit: '2' })),
      ].map(failure),
    )
    for (const error of errors) {
      assertError(error, 'store_failed', true)
      expect(error.message).toContain('cannot be reached')
    }
    between.isDown = false
    expect((await settle(ledger, 'a', '0.25')).state).toBe('settled')
    const [window] = await ledger.budgets.windows({ user: 'ada' })
    expect([window?.limit, window?.settled, window?.reserved]).toEqual([
      1_000_000_000_000n,
      250_000_000_000n,
      0n,
    ])
    expect(await attemptsIn(ledger)).toEqual(['a'])
    await ledger.close()
  })

  test('while it closes does not keep what waits from being written', async () => {
    const ledger = await open()
    between.losesNext = true
    const appended = Array.from({ length: 300 }, (_, number) =>
      ledger.append(entry({ attemptId: `e${number}` })),
    )
    await ledger.close()
    await Promise.all(appended)
    expect(between.lost).toBe(1)
    const rows = await server.ask(`SELECT count(*)::int AS n FROM groat_cut_${process.pid}_${schemas}.entry`)
    expect(rows).toEqual([{ n: 300 }])
  })
})
