import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { groatProgram, newPlace, parsed, type Ended, type Place } from './child.ts'

const MOCK = new URL('../../src/drivers/mock/index.ts', import.meta.url).href

/** What one answer of the stand-in costs by the prices below: 1,000 tokens in, 40 out. */
export const ONE_CALL = '0.000174'
/** The most that `Hi` can cost: 2 bytes, 32 for its message and 512 for the request; 8,192 tokens out. */
export const MOST = '0.0049971'

/**
 * A folder with a configuration of its own: `cloud` has a price, `home` is declared local and saves what `cloud` costs,
 * `odd` has no price, and `slow` begins an answer that it does not finish. The books are in `books.db`.
 */
export function moneyPlace(more: object = {}): Place {
  const place = newPlace()
  const config = `
    import { mock } from ${JSON.stringify(MOCK)}
    const usage = { inputTokens: 1000, outputTokens: 40 }
    const replies = () => ({ text: 'Hello', usage })
    // What waits for nothing would end the program; this waits for Ctrl-C.
    const never = () => new Promise(() => {
      const alive = setInterval(() => {}, 1000)
      process.once('SIGINT', () => clearInterval(alive))
    })
    export default {
      providers: {
        cloud: mock({ replies }),
        home: mock({ replies, local: true }),
        odd: mock({ replies }),
        slow: mock({ replies: () => ({ text: 'one two three', usage, hold: { after: 1, until: never() } }) }),
      },
      prices: ['cloud', 'slow'].map((provider) => ({
        provider, model: 'mock-1', perMillionTokens: { input: '0.15', output: '0.60' },
      })),
      baseline: 'cloud/mock-1',
      ledger: 'sqlite:./books.db',
      ...${JSON.stringify(more)},
    }`
  writeFileSync(join(place.folder, 'groat.config.ts'), config)
  return place
}

/** Runs `groat` as a program and gives what --json printed, with the exit code. */
export async function json(
  place: Place,
  ...args: readonly string[]
): Promise<{ code: number | null; value: Record<string, unknown> }> {
  const ended: Ended = await groatProgram(place, [...args, '--json'])
  return { code: ended.code, value: parsed(ended) }
}

/** The text of a file of the place. */
export function textIn(place: Place, file: string): string {
  return readFileSync(join(place.folder, file), 'utf8')
}
