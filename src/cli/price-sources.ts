import { readFile, rename, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { AIError } from '../index.ts'
import type { Overlay } from '../pricing/overlay.ts'
import {
  formatPriceFile,
  parsePriceFile,
  PRICE_FILE_BYTES_MAX,
  readGivenPrices,
} from '../pricing/price-file.ts'
import type { PriceData } from '../pricing/price-rows.ts'
import { OutputError, UsageError } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** Where `@pydantic/genai-prices` publishes its data between releases. */
export const FEED_URL =
  'https://raw.githubusercontent.com/pydantic/genai-prices/main/prices/new_data/v2/data.json'
/** How long the feed is waited for, in milliseconds. */
const FEED_MS_MAX = 60_000

/** The prices that the configuration uses: its own file, or those that come with groat. */
export async function pricesInUse(terminal: Terminal, file: string | undefined): Promise<PriceData> {
  if (file === undefined) return (await import('../pricing/published.ts')).readPublished()
  const path = resolve(terminal.cwd, file)
  return parsePriceFile(await readText(path), path)
}

/** The prices of a file or of the feed, checked, with our corrections over them. */
export async function givenPrices(
  { cwd, runtime }: Terminal,
  { from, url = FEED_URL }: { readonly from?: string; readonly url?: string },
): Promise<PriceData> {
  // From the sources and from the build alike, the package is two folders up.
  const corrections = await readFile(new URL('../../prices/overlay.json', import.meta.url), 'utf8')
  const overlay = JSON.parse(corrections) as Overlay
  const checkedAt = new Date(runtime.clock.now()).toISOString().slice(0, 10)
  const path = from === undefined ? undefined : resolve(cwd, from)
  const text = path === undefined ? await fetchText(runtime.fetch, url) : await readText(path)
  return readGivenPrices(
    text,
    { source: path ?? 'feed of genai-prices', url: path ?? url, checkedAt },
    overlay,
  )
}

/** Writes prices to a file, which is there when it is complete. */
export async function writePrices(file: string, data: PriceData): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`
  try {
    await writeFile(temporary, formatPriceFile(data), { flush: true })
    await rename(temporary, file)
  } catch (error) {
    throw new OutputError(file, error)
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new UsageError(`Cannot read the prices in ${path}: ${why}\n(name a file that is there)`)
  }
}

async function fetchText(fetch: typeof globalThis.fetch, url: string): Promise<string> {
  const refuse = (why: string, cause?: unknown): AIError =>
    new AIError({
      code: 'network_failed',
      message: `The prices cannot be fetched from ${url}: ${why}. Nothing was changed; read them from a file with --from FILE`,
      details: { prices: url },
      ...(cause !== undefined && { cause }),
    })
  let text = ''
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FEED_MS_MAX), redirect: 'error' })
    if (!response.ok || !response.body) throw refuse(`it answered ${response.status}`)
    const decoder = new TextDecoder()
    for await (const piece of response.body) {
      text += decoder.decode(piece, { stream: true })
      if (text.length > PRICE_FILE_BYTES_MAX) throw refuse(`it is larger than ${PRICE_FILE_BYTES_MAX} bytes`)
    }
  } catch (error) {
    throw error instanceof AIError ? error : refuse(reasonOf(error), error)
  }
  return text
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error ? cause.message : error.message
}
