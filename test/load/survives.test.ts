import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { fakeOllama } from '../../src/testing/index.ts'

const SEQUENTIAL = 10_000
const CONCURRENT = 500
const WARM_UP = 2_000
/** What a call may leave behind: nothing, but the collector and the compiler have work of their own. */
const BYTES_PER_CALL_MAX = 100

describe('a client that is used a lot', () => {
  it('has nothing left after ten thousand calls and five hundred at once: no socket, timer or memory', async () => {
    await using server = await fakeOllama({ models: ['llama3.2'], recordsMax: 10 })
    const child = join(import.meta.dirname, 'survives.child.ts')
    const args = ['--expose-gc', child, server.url, String(SEQUENTIAL), String(CONCURRENT)]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    const seen = JSON.parse(stdout) as Record<
      'before' | 'afterSequential' | 'afterConcurrent' | 'attempts',
      number
    > & {
      left: string[]
    }
    expect(seen.attempts).toBe(WARM_UP + SEQUENTIAL + CONCURRENT)
    expect((seen.afterSequential - seen.before) / SEQUENTIAL).toBeLessThan(BYTES_PER_CALL_MAX)
    expect((seen.afterConcurrent - seen.afterSequential) / CONCURRENT).toBeLessThan(20 * BYTES_PER_CALL_MAX)
    expect(seen.left).toEqual([])
    await expect.poll(() => server.connections).toBe(0)
    expect(server.connectionsOpened).toBeLessThan(SEQUENTIAL)
  }, 300_000)
})
