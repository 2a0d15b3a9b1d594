import type { Progress } from '../index.ts'
import { bytesText, printable } from './format.ts'
import { drawnColumns, type Screen } from './terminal.ts'

/** Cells of the bar. */
const BAR_CELLS = 24
/** Time between two drawings, in milliseconds: faster is only flicker. */
const DRAW_EVERY_MS = 100
/** Over how long a rate is measured, in milliseconds. */
const RATE_WINDOW_MS = 5_000
/** Puts the cursor at the start of the line and clears it. */
const CLEAR_LINE = '\r\u001b[2K'

/** Shows how far a long piece of work is. */
export interface ProgressView {
  step(progress: Progress): Promise<void>
  /** Takes away what was only for the moment. */
  end(): void
}

/** One JSON object a line, a bar on a terminal, or a line for every step that says something new. */
export function progressView(screen: Screen): ProgressView {
  if (screen.json) {
    screen.jsonLines = true
    return { step: (progress) => screen.value(progress), end: () => {} }
  }
  return screen.terminal.stderr.isTTY === true ? new Bar(screen) : new Lines(screen)
}

class Bar implements ProgressView {
  readonly #screen: Screen
  readonly #rate: Rate
  #latest: Progress | undefined
  #cancel: (() => void) | undefined

  constructor(screen: Screen) {
    this.#screen = screen
    this.#rate = new Rate(screen.terminal.runtime.clock.elapsed())
  }

  async step(progress: Progress): Promise<void> {
    const { clock } = this.#screen.terminal.runtime
    this.#rate.add(clock.elapsed(), progress.completed)
    this.#latest = progress
    // What comes too soon is drawn later: a server may say nothing more for a while.
    if (!this.#cancel) this.#draw()
  }

  end(): void {
    this.#cancel?.()
    this.#screen.terminal.stderr.write(CLEAR_LINE)
  }

  #draw(): void {
    const { stderr, runtime } = this.#screen.terminal
    this.#cancel = undefined
    if (!this.#latest) return
    const text = barText(this.#latest, this.#rate.perSecond)
    stderr.write(CLEAR_LINE + text.slice(0, drawnColumns(stderr)))
    this.#latest = undefined
    this.#cancel = runtime.clock.after(DRAW_EVERY_MS, () => this.#draw())
  }
}

/** How many bytes a second arrive, over the last seconds. */
export class Rate {
  #samples: { readonly ms: number; readonly bytes: number }[]

  constructor(nowMs: number) {
    this.#samples = [{ ms: nowMs, bytes: 0 }]
  }

  add(ms: number, bytes: number): void {
    // What was on the server's disk already did not arrive.
    const isFirst = this.#samples.length === 1 && this.#samples[0]?.bytes === 0
    if (isFirst) this.#samples = [{ ms, bytes }]
    else this.#samples.push({ ms, bytes })
    while (this.#samples.length > 2 && (this.#samples[1]?.ms ?? ms) <= ms - RATE_WINDOW_MS)
      this.#samples.shift()
  }

  /** Undefined where nothing can be said yet. */
  get perSecond(): number | undefined {
    const [first] = this.#samples
    const last = this.#samples.at(-1)
    if (!first || !last || last.ms <= first.ms || last.bytes <= first.bytes) return undefined
    return ((last.bytes - first.bytes) * 1_000) / (last.ms - first.ms)
  }
}

/** The line of a bar: percent, cells, bytes, rate and the time that is left; the bare status where no bytes are known. */
export function barText(
  { status, completed, total, digest }: Progress,
  perSecond: number | undefined,
): string {
  if (total === 0 || digest === undefined) return printable(status)
  const share = Math.min(1, completed / total)
  const cells = Math.floor(share * BAR_CELLS)
  const facts = [
    `${String(Math.floor(share * 100)).padStart(3)} %`,
    `[${'#'.repeat(cells)}${'-'.repeat(BAR_CELLS - cells)}]`,
    `${bytesText(completed)} of ${bytesText(total)}`,
    ...(perSecond === undefined
      ? []
      : [`${bytesText(Math.round(perSecond))}/s`, timeLeftText((total - completed) / perSecond)]),
  ]
  return facts.join('  ')
}

/** A time that is left, in the two largest units: `42 s`, `3 min 20 s`, `1 h 5 min`. */
export function timeLeftText(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`
}

/** For logs: a line where the work turns to something else, and at every tenth of the bytes. */
class Lines implements ProgressView {
  readonly #screen: Screen
  #status = ''
  #tenth = 0

  constructor(screen: Screen) {
    this.#screen = screen
  }

  async step({ status, completed, total }: Progress): Promise<void> {
    const tenth = total === 0 ? 0 : Math.floor((completed / total) * 10)
    const isNew = status !== this.#status
    if (!isNew && tenth <= this.#tenth) return
    this.#status = status
    this.#tenth = tenth
    const sum = total === 0 ? '' : `  ${tenth * 10} % of ${bytesText(total)}`
    this.#screen.note(printable(status) + sum)
  }

  end(): void {}
}
