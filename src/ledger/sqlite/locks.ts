import type { Runtime } from '../../runtime.ts'
import { isBusy } from './errors.ts'

/**
 * How long SQLite itself waits for another connection, in milliseconds. It blocks the process meanwhile, so this is
 * only as long as a transaction of another process usually takes; longer waits leave the process free.
 */
export const BUSY_BLOCK_MS = 8
/** Shortest pause between two tries for a lock, in milliseconds. */
const PAUSE_MS_MIN = 4
/** Longest pause between two tries for a lock, in milliseconds. */
const PAUSE_MS_MAX = 50

/** The pause before a try: longer each time, and by chance, so that two processes do not meet again and again. */
export function pauseMs(tries: number, runtime: Pick<Runtime, 'random'>): number {
  const longest = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(tries, 8))
  return PAUSE_MS_MIN + runtime.random() * (longest - PAUSE_MS_MIN)
}

/** Does something with the database, again and again while another connection is in the way, for at most `waitMs`. */
export async function whenFree<T>(
  attempt: () => T | Promise<T>,
  waitMs: number,
  runtime: Pick<Runtime, 'clock' | 'random'>,
): Promise<T> {
  const { clock } = runtime
  const started = clock.elapsed()
  for (let tries = 0; ; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if (!isBusy(error) || clock.elapsed() - started >= waitMs) throw error
    }
    await new Promise<void>((resolve) => {
      clock.after(pauseMs(tries, runtime), resolve)
    })
  }
}
