import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseUsd } from '../../src/money/amount.ts'
import { systemClock } from '../../src/runtime.ts'
import {
  groatSubject,
  startMeteredProvider,
  type MeteredProvider,
  type OverspendWorld,
} from '../../src/testing/index.ts'

// What is billed of a call is settled or held, wherever the process that makes it dies.

const MODELS = { 'metered-1': { input: '0.1', output: '10' } }
const CHILD = join(import.meta.dirname, 'overspend-crash.child.ts')
/** More statements than a call has: then the test would say that it looked at too few. */
const STATEMENTS_MAX = 40

let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'overspend-crash-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function worldOf(provider: MeteredProvider, name: string): OverspendWorld {
  return {
    id: name,
    baseUrl: provider.baseUrl,
    apiKey: 'key',
    models: MODELS,
    // Two calls, and not three.
    limits: [{ scope: 'user', id: 'ada', period: 'total', limit: '0.0022' }],
    folder: join(folder, name),
    clock: systemClock,
  }
}

function start(world: OverspendWorld, killAt: number, stream: string = ''): ChildProcess {
  return fork(CHILD, [JSON.stringify({ ...world, clock: undefined }), String(killAt), stream], {
    execArgv: [],
  })
}

/** Opens the books that a process left behind, checks them, and goes on with them until the budget is full. */
async function goOn(provider: MeteredProvider, world: OverspendWorld): Promise<void> {
  await provider.settled()
  const setup = await groatSubject({ ledger: 'sqlite' }).open(world)
  const expectBooked = async (): Promise<void> => {
    const [billed, accounted] = [provider.billed(), parseUsd(await setup.accounted())]
    expect(accounted.picos).toBeGreaterThanOrEqual(billed.picos)
    expect(billed.picos).toBeLessThanOrEqual(parseUsd('0.0022').picos)
    expect(await setup.verify?.()).toEqual([])
  }
  await expectBooked()
  const ask = { model: 'metered-1', prompt: 'Hello', user: 'ada', maxOutputTokens: 100 }
  for (let outcome = ''; outcome !== 'refused';) outcome = await setup.call(ask)
  await expectBooked()
  // The limit is for two calls: with the one that died, one or two were billed, or it was never sent.
  expect(provider.bills().filter(({ end }) => end !== 'refused').length).toBeLessThanOrEqual(2)
  await setup.close()
}

describe('a process that is killed', () => {
  test('before any write of its call leaves everything that was billed booked or held', async () => {
    await using probe = await startMeteredProvider({ models: MODELS })
    const [statements] = (await once(start(worldOf(probe, 'whole'), 0), 'message')) as [number]
    // Begin, hold, count, commit; begin, entry, close the hold, count, commit: fewer would be another program.
    expect(statements).toBeGreaterThanOrEqual(9)
    expect(statements).toBeLessThan(STATEMENTS_MAX)
    const sent: boolean[] = []
    const lives = Array.from({ length: statements }, (_, index) => index + 1)
    const worker = async (): Promise<void> => {
      for (let killAt = lives.shift(); killAt !== undefined; killAt = lives.shift()) {
        await using provider = await startMeteredProvider({ models: MODELS })
        const world = worldOf(provider, `statement-${killAt}`)
        const [, signal] = (await once(start(world, killAt), 'exit')) as [number | null, string | null]
        expect(signal).toBe('SIGKILL')
        sent[killAt] = provider.requestCount > 0
        await goOn(provider, world)
      }
    }
    await Promise.all([worker(), worker()])
    // Some died before they sent, and some after: both were looked at.
    expect([sent[1], sent[statements]]).toEqual([false, true])
  }, 120_000)

  test.each([
    ['while it waits for an answer', { holdAfter: 0 }, ''],
    ['in the middle of a stream', { holdAfter: 50 }, 'stream'],
  ])('%s leaves all of it held', async (_, manner, stream) => {
    await using provider = await startMeteredProvider({ models: MODELS })
    provider.reply({ gate: provider.gate(), ...manner })
    const world = worldOf(provider, `sent-${stream}`)
    const child = start(world, 0, stream)
    await provider.arrived(1)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await goOn(provider, world)
    expect(provider.bills()).toHaveLength(2)
    expect(provider.bills()[0]).toMatchObject({ end: 'left', outputTokens: 100 })
  })
})
