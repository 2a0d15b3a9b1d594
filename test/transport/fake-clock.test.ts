import { describe, expect, it } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.ts'

describe('FakeClock', () => {
  it('stands still until it is moved', async () => {
    const clock = new FakeClock({ startMs: 1_000 })
    expect([clock.now(), clock.elapsed()]).toEqual([1_000, 0])
    await clock.advance(250)
    expect([clock.now(), clock.elapsed()]).toEqual([1_250, 250])
    expect(new FakeClock().now()).toBe(Date.UTC(2026, 0, 1))
  })

  it('fires in order of time, each at its own', async () => {
    const clock = new FakeClock()
    const fired: string[] = []
    const note = (name: string) => () => void fired.push(`${name}@${clock.elapsed()}`)
    clock.after(30, note('c'))
    clock.after(10, note('a'))
    clock.after(10, note('b'))
    clock.after(31, note('d'))
    const cancel = clock.after(20, note('x'))
    cancel()
    cancel()
    expect(clock.timers).toBe(4)
    await clock.advance(30)
    expect(fired).toEqual(['a@10', 'b@10', 'c@30'])
    expect(clock.timers).toBe(1)
  })

  it('lets promises settle between, and fires what they set on the way', async () => {
    const clock = new FakeClock()
    const times: number[] = []
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve))
    const run = async (): Promise<void> => {
      for (let n = 0; n < 5; n += 1) {
        await sleep(10)
        for (let hop = 0; hop < 20; hop += 1) await Promise.resolve()
        times.push(clock.elapsed())
      }
    }
    const done = run()
    await clock.advance(50)
    await done
    expect(times).toEqual([10, 20, 30, 40, 50])
  })
})
