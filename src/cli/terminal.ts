import { styleText } from 'node:util'
import type { Runtime } from '../runtime.ts'

/** A stream that people or programs read. */
export interface Output extends NodeJS.WritableStream {
  readonly isTTY?: boolean
  /** Characters in a line, of a terminal. */
  readonly columns?: number
}

/** Characters in a line where a terminal does not say how many it has, or says none. */
const COLUMNS_DEFAULT = 80

/** Widest line that can be drawn over, in characters: one that wraps, or fills the line, leaves a part of it behind. */
export function drawnColumns({ columns = 0 }: Output): number {
  return (columns > 1 ? columns : COLUMNS_DEFAULT) - 1
}

/** A stream that people or programs write. */
export interface Input extends NodeJS.ReadableStream {
  readonly isTTY?: boolean
}

/** Everything that the command line takes from outside; `main.ts` has the real one, tests make their own. */
export interface Terminal {
  /** Without the program and the script. */
  readonly argv: readonly string[]
  readonly cwd: string
  readonly stdin: Input
  /** Whether stdin is a shell's pipe or a file, which has an end; the one of a parent program may stay open for ever. */
  readonly stdinEnds: boolean
  readonly stdout: Output
  readonly stderr: Output
  readonly runtime: Runtime
  /** Fires when whoever read stdout has left (`… | head -1`). */
  readonly readerLeft: AbortSignal
  /** Calls back on Ctrl-C, in place of ending the program; the returned function stops that. */
  onInterrupt(listener: () => void): () => void
}

/** How texts look on a stream that can show it. */
export type Style = (text: string) => string

export interface Styles {
  readonly bold: Style
  readonly dim: Style
  readonly red: Style
  readonly green: Style
  readonly yellow: Style
}

/** What commands write to: answers and tables on stdout, remarks on stderr. */
export class Screen {
  readonly terminal: Terminal
  readonly json: boolean
  readonly debug: boolean
  /** Whether each JSON value stands on one line, for programs that read them one by one. */
  jsonLines = false
  /** For stdout. */
  readonly style: Styles
  /** For stderr. */
  readonly noteStyle: Styles

  constructor(terminal: Terminal, options: { json: boolean; debug: boolean; color: boolean }) {
    this.terminal = terminal
    this.json = options.json
    this.debug = options.debug
    const { NO_COLOR, TERM } = terminal.runtime.env
    const wanted = options.color && (NO_COLOR ?? '') === '' && TERM !== 'dumb'
    this.style = stylesFor(wanted && terminal.stdout.isTTY === true)
    this.noteStyle = stylesFor(wanted && terminal.stderr.isTTY === true)
  }

  /** Writes to stdout; resolves when there is room for more. */
  async write(text: string): Promise<void> {
    const { stdout, readerLeft } = this.terminal
    if (readerLeft.aborted || stdout.write(text)) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        stdout.removeListener('drain', done)
        readerLeft.removeEventListener('abort', done)
        resolve()
      }
      stdout.once('drain', done)
      readerLeft.addEventListener('abort', done)
    })
  }

  /** Writes a line to stdout. */
  async line(text: string = ''): Promise<void> {
    await this.write(`${text}\n`)
  }

  /** Writes a value as JSON to stdout. */
  async value(value: unknown): Promise<void> {
    await this.line(this.jsonLines ? JSON.stringify(value) : JSON.stringify(value, undefined, 2))
  }

  /** Writes a line to stderr, beside what is asked for. */
  note(text: string): void {
    this.terminal.stderr.write(`${text}\n`)
  }
}

const plain: Style = (text) => text
const PLAIN: Styles = { bold: plain, dim: plain, red: plain, green: plain, yellow: plain }
// Whether colours are wanted was decided above, for the stream that is really written to.
const as = (format: keyof Styles): Style => {
  return (text) => styleText(format, text, { validateStream: false })
}
const COLOURED: Styles = {
  bold: as('bold'),
  dim: as('dim'),
  red: as('red'),
  green: as('green'),
  yellow: as('yellow'),
}

function stylesFor(coloured: boolean): Styles {
  return coloured ? COLOURED : PLAIN
}
