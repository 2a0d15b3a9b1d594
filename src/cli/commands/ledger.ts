import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { realpath, rename, rm, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { ExportOptions } from '../../index.ts'
import { DISCREPANCIES_MAX } from '../../ledger/proof.ts'
import { EXIT, OutputError, UsageError } from '../failure.ts'
import { filterOf, type FilterFlags } from '../filter.ts'
import { countText, printable } from '../format.ts'
import { withSession, type GlobalOptions } from '../session.ts'
import { startWaiting } from '../waiting.ts'
import type { Screen } from '../terminal.ts'

export interface ExportFlags extends FilterFlags {
  readonly format?: ExportOptions['format']
  readonly out?: string
}

/** Characters that are gathered before they are written: an entry is short. */
const CHUNK_CHARS = 65_536

/** `groat ledger verify`: works the books out again; 1 where they do not add up. */
export async function verifyLedger(screen: Screen, options: GlobalOptions): Promise<number> {
  const { provider, model, ...others } = options
  if (provider !== undefined || model !== undefined) {
    throw new UsageError('The books are proved as a whole\n(leave --provider and --model out)')
  }
  return withSession(screen, others, async ({ ai }) => {
    const stopWaiting = startWaiting(screen, () => 'working the books out again…', 0)
    const found = await ai.ledger.verify().finally(stopWaiting)
    const { entries, windows, holds, openHolds, discrepancies } = found
    const wrong = discrepancies.length
    if (screen.json) await screen.value(found)
    else {
      const { red, green } = screen.style
      for (const { message } of discrepancies) await screen.line(`${red('wrong:')} ${printable(message)}`)
      const verdict =
        wrong === 0 ? green('the books add up') : red(`the books do not add up: ${faultsText(wrong)}`)
      const held = `${countText(holds)} holds (${countText(openHolds)} open)`
      await screen.line(`${verdict} · ${countText(entries)} entries, ${countText(windows)} windows, ${held}`)
    }
    return wrong === 0 ? EXIT.ok : EXIT.failed
  })
}

function faultsText(count: number): string {
  const atLeast = count >= DISCREPANCIES_MAX ? 'at least ' : ''
  return `${atLeast}${countText(count)} ${count === 1 ? 'fault' : 'faults'}`
}

/** `groat ledger export`: the entries as CSV or JSON, on stdout or in a file. */
export async function exportLedger(screen: Screen, options: ExportFlags): Promise<number> {
  const { out } = options
  const filter = filterOf(screen, options)
  const written = out !== undefined && /\.json$/i.test(out)
  const format = options.format ?? (screen.json || written ? 'json' : 'csv')
  // Providers that are no longer configured are in the books all the same: here their names only choose.
  const { provider: _provider, model: _model, ...others } = options
  return withSession(screen, others, async ({ ai }) => {
    const pieces = ai.ledger.export({ ...filter, format })
    const stopped = new AbortController()
    const forget = screen.terminal.onInterrupt(() => stopped.abort())
    try {
      if (out === undefined) {
        await passOn(pieces, stopped.signal, screen)
        return stopped.signal.aborted ? EXIT.interrupted : EXIT.ok
      }
      return await exportToFile(screen, { out, format, pieces, stopped: stopped.signal })
    } finally {
      forget()
    }
  })
}

async function passOn(pieces: AsyncIterable<string>, stopped: AbortSignal, screen: Screen): Promise<void> {
  const { readerLeft } = screen.terminal
  for await (const chunk of chunksOf(pieces)) {
    if (stopped.aborted || readerLeft.aborted) return
    await screen.write(chunk)
  }
}

interface FileJob {
  readonly out: string
  readonly format: ExportOptions['format']
  readonly pieces: AsyncIterable<string>
  readonly stopped: AbortSignal
}

async function exportToFile(screen: Screen, { out, format, pieces, stopped }: FileJob): Promise<number> {
  // The first piece is what stands before the entries.
  let count = -1
  const counted = async function* (): AsyncIterable<string> {
    for await (const piece of pieces) {
      count++
      yield piece
    }
  }
  const path = resolve(screen.terminal.cwd, out)
  const entries = (): string => `${countText(Math.max(0, count))} ${count === 1 ? 'entry' : 'entries'}`
  const stopWaiting = startWaiting(screen, () => `${entries()} read…`)
  const id = screen.terminal.runtime.id()
  const complete = await placeOf(path, out)
    .then((place) => writeFile(place, chunksOf(counted()), { stopped, id }))
    .catch((error: unknown) => {
      throw error instanceof Error && 'syscall' in error ? new OutputError(out, error) : error
    })
    .finally(stopWaiting)
  if (!complete) {
    screen.note(screen.noteStyle.yellow(`stopped: ${printable(out)} was not written`))
    return EXIT.interrupted
  }
  if (screen.json) await screen.value({ file: path, format, entries: count })
  else screen.note(`${entries()} written to ${printable(out)}`)
  return EXIT.ok
}

/** Writes a file that is there when it is complete, and otherwise not at all; whether it is. @throws OutputError */
async function writeFile(
  path: string,
  chunks: AsyncIterable<string>,
  { stopped, id }: { readonly stopped: AbortSignal; readonly id: string },
): Promise<boolean> {
  const unfinished = `${path}.${id}.part`
  // Who used what is nobody else's business.
  const file = createWriteStream(unfinished, { mode: 0o600, flags: 'wx', flush: true })
  const failed = once(file, 'error').then(([error]) => Promise.reject(error as Error))
  // It is waited for below, wherever something is waited for.
  failed.catch(() => {})
  try {
    await Promise.race([once(file, 'open'), failed])
    for await (const chunk of chunks) {
      if (stopped.aborted) return false
      if (!file.write(chunk)) await Promise.race([once(file, 'drain'), failed])
    }
    file.end()
    await Promise.race([once(file, 'close'), failed])
    await rename(unfinished, path)
    return true
  } finally {
    file.destroy()
    await rm(unfinished, { force: true })
  }
}

/** Where a file is written that people name: behind links, and never in the place of a device or a folder. */
async function placeOf(path: string, out: string): Promise<string> {
  const real = await realpath(path).catch(() => path)
  const found = await stat(real).catch(() => undefined)
  if (found && !found.isFile()) throw new OutputError(out, 'it is there and is no file')
  return real
}

/** The same text in larger pieces. */
async function* chunksOf(pieces: AsyncIterable<string>): AsyncIterable<string> {
  let gathered = ''
  for await (const piece of pieces) {
    gathered += piece
    if (gathered.length < CHUNK_CHARS) continue
    yield gathered
    gathered = ''
  }
  if (gathered !== '') yield gathered
}
