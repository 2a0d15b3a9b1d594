import { secondsText } from './format.ts'
import { drawnColumns, type Screen } from './terminal.ts'

/** How long a first word may take before it is said what is waited for, in milliseconds. */
const QUIET_MS = 1_000
const EVERY_MS = 1_000
/** Puts the cursor at the start of the line and clears it. */
const CLEAR_LINE = '\r\u001b[2K'

/**
 * Says on a terminal what is waited for and how long, after a second or `quietMs`; the returned function takes that away
 * again.
 */
export function startWaiting(screen: Screen, what: () => string, quietMs: number = QUIET_MS): () => void {
  const { stderr, runtime } = screen.terminal
  if (stderr.isTTY !== true || screen.json) return () => {}
  const { clock } = runtime
  const startedMs = clock.elapsed()
  let shown = false
  const show = (): void => {
    shown = true
    const seconds = secondsText(Math.round((clock.elapsed() - startedMs) / 1_000) * 1_000).replace('.0', '')
    const text = seconds === '0 s' ? what() : `${what()} ${seconds}`
    stderr.write(CLEAR_LINE + screen.noteStyle.dim(text.slice(0, drawnColumns(stderr))))
    cancel = clock.after(EVERY_MS, show)
  }
  let cancel = (): void => {}
  // What keeps the program too busy for timers is said before it begins.
  if (quietMs === 0) show()
  else cancel = clock.after(quietMs, show)
  return () => {
    cancel()
    if (shown) stderr.write(CLEAR_LINE)
    shown = false
  }
}
