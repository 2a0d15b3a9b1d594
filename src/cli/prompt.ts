import { createInterface, type Interface } from 'node:readline/promises'
import type { Screen } from './terminal.ts'

/** Where a conversation's lines come from. */
export interface Prompt {
  /** Whether someone sits at a terminal. */
  readonly interactive: boolean
  /** The next line; undefined at the end of the input. */
  read(): Promise<string | undefined>
  close(): void
}

/** Reads lines from a terminal, with editing and history, or from a pipe. */
export function openPrompt(screen: Screen): Prompt {
  const { stdin, stdout } = screen.terminal
  return stdin.isTTY === true && stdout.isTTY === true ? new TerminalPrompt(screen) : new PipePrompt(screen)
}

class PipePrompt implements Prompt {
  readonly interactive = false
  readonly #lines: AsyncIterator<string>
  readonly #interface: Interface

  constructor(screen: Screen) {
    this.#interface = createInterface({ input: screen.terminal.stdin, crlfDelay: Infinity })
    this.#lines = this.#interface[Symbol.asyncIterator]()
  }

  async read(): Promise<string | undefined> {
    const { done, value } = await this.#lines.next()
    return done === true ? undefined : value
  }

  close(): void {
    this.#interface.close()
  }
}

/**
 * One readline per question: between questions the terminal is in its own mode, so that Ctrl-C reaches the program as
 * a signal and what is typed does not get mixed up with the answer.
 */
class TerminalPrompt implements Prompt {
  readonly interactive = true
  readonly #screen: Screen
  #history: string[] = []

  constructor(screen: Screen) {
    this.#screen = screen
  }

  read(): Promise<string | undefined> {
    const { terminal, style } = this.#screen
    const lines = createInterface({
      input: terminal.stdin,
      output: terminal.stdout,
      terminal: true,
      history: this.#history,
    })
    lines.on('history', (history) => (this.#history = [...history]))
    return new Promise((resolve) => {
      let armed = false
      const finish = (line: string | undefined): void => {
        resolve(line)
        lines.close()
      }
      lines.on('SIGINT', () => {
        if (lines.line !== '') {
          // As shells do it: what is half written is thrown away.
          terminal.stdout.write('^C\n')
          lines.write(null, { ctrl: true, name: 'e' })
          lines.write(null, { ctrl: true, name: 'u' })
          lines.prompt()
        } else if (armed) {
          terminal.stdout.write('\n')
          finish(undefined)
        } else {
          armed = true
          terminal.stdout.write('\n')
          this.#screen.note(this.#screen.noteStyle.dim('Ctrl-C again or Ctrl-D leaves'))
          lines.prompt()
        }
      })
      lines.on('close', () => resolve(undefined))
      lines.on('line', finish)
      lines.setPrompt(style.bold('> '))
      lines.prompt()
    })
  }

  close(): void {}
}
