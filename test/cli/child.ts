import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { run } from '../../src/cli/run.ts'
import { systemRuntime } from '../../src/runtime.ts'
import { READS_AWAIT_USING } from '../node.ts'

const PROGRAM = READS_AWAIT_USING ? '../../src/cli/main.ts' : '../../dist/cli/main.js'
/** `groat` as a file that Node runs. */
export const MAIN: string = fileURLToPath(new URL(PROGRAM, import.meta.url))

/** A folder of its own for one test: its home, its working directory, its temporary files. */
export interface Place extends Disposable {
  readonly folder: string
  readonly env: NodeJS.ProcessEnv
}

/** An empty home; nothing of the machine's own settings reaches a child that runs there. */
export function newPlace(env: NodeJS.ProcessEnv = {}): Place {
  const folder = mkdtempSync(join(tmpdir(), 'groat-cli-'))
  const { PATH } = process.env
  return {
    folder,
    env: { PATH, HOME: folder, TMPDIR: folder, XDG_DATA_HOME: join(folder, 'data'), ...env },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** What a child said and how it ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A running `groat`. */
export class Child {
  readonly process: ChildProcess
  stdout = ''
  stderr = ''
  readonly ended: Promise<Ended>
  readonly #waiting = new Set<() => void>()

  constructor(command: string, args: readonly string[], place: Place) {
    this.process = spawn(command, args, { cwd: place.folder, env: place.env, stdio: 'pipe' })
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.#told()
    })
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      this.#told()
    })
    // A child that has ended takes no more input, which is no fault of the test.
    this.process.stdin?.on('error', () => {})
    this.ended = new Promise((resolve) => {
      this.process.once('close', (code) => {
        this.#told()
        resolve({ code, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  /** Resolves when the child has said this; rejects when it ends without having said it. */
  async saw(text: string | RegExp, from: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
    while (!(typeof text === 'string' ? this[from].includes(text) : text.test(this[from]))) {
      if (this.process.exitCode !== null || this.process.signalCode !== null) {
        throw new Error(`The child ended without ${String(text)}:\n${this.stdout}\n${this.stderr}`)
      }
      await new Promise<void>((resolve) => this.#waiting.add(resolve))
    }
  }

  write(text: string): void {
    this.process.stdin?.write(text)
  }

  #told(): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resolve of waiting) resolve()
  }
}

/** Starts `groat` in a place. */
export function startGroat(place: Place, ...args: readonly string[]): Child {
  return new Child(process.execPath, [MAIN, ...args], place)
}

/** Starts `groat` in a place by a shell that sends its output elsewhere: `> /dev/full`. */
export function startGroatWith(place: Place, redirection: string, ...args: readonly string[]): Child {
  return new Child('sh', ['-c', `exec "$@" ${redirection}`, 'sh', process.execPath, MAIN, ...args], place)
}

/** Runs `groat` as a program to its end, with this text as its input. */
export async function groatProgram(
  place: Place,
  args: readonly string[],
  input: string = '',
): Promise<Ended> {
  const child = startGroat(place, ...args)
  child.process.stdin?.end(input)
  return child.ended
}

/** Runs the command line in this process to its end: what it says and how it ends, without the start of a program. */
export async function groat(place: Place, args: readonly string[], input: string = ''): Promise<Ended> {
  const stdout = new Written()
  const stderr = new Written()
  const code = await run({
    argv: args,
    cwd: place.folder,
    stdin: Readable.from(input === '' ? [] : [Buffer.from(input)]),
    stdinEnds: true,
    stdout,
    stderr,
    runtime: { ...systemRuntime, env: place.env },
    readerLeft: new AbortController().signal,
    onInterrupt: () => () => {},
  })
  return { code, stdout: stdout.text, stderr: stderr.text }
}

class Written extends Writable {
  text = ''

  constructor() {
    super({ decodeStrings: false })
  }

  override _write(piece: string, _: BufferEncoding, done: () => void): void {
    this.text += piece
    done()
  }
}

/** Starts `groat` at a pseudo terminal of util-linux's `script`, whose input is the keyboard. */
export function startAtTerminal(place: Place, args: readonly string[], columns?: number): Child {
  const width = columns === undefined ? '' : `stty cols ${columns}; `
  // Without `exec` it is a shell that ends, which counts a Ctrl-C that it saw too.
  const command = `${width}exec ${[process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ')}`
  return new Child('script', ['-qec', command, '/dev/null'], place)
}

/** What `--json` printed. */
export function parsed(ended: Ended): Record<string, unknown> {
  return JSON.parse(ended.stdout) as Record<string, unknown>
}
