import { EXIT } from '../failure.ts'
import { printable } from '../format.ts'
import { progressView } from '../progress.ts'
import { withSession, type GlobalOptions } from '../session.ts'
import type { Screen } from '../terminal.ts'

/** `groat pull`: downloads a model, and shows how far that is. */
export async function pull(screen: Screen, id: string, options: GlobalOptions): Promise<number> {
  return withSession(screen, options, async ({ handle }) => {
    const stopped = new AbortController()
    const off = screen.terminal.onInterrupt(() => stopped.abort())
    const view = progressView(screen)
    const name = printable(id)
    try {
      for await (const step of handle.models.pull(id, { signal: stopped.signal })) await view.step(step)
      view.end()
      if (!screen.json) await screen.line(`${name} is there: groat chat --model ${name}`)
      return EXIT.ok
    } catch (error) {
      view.end()
      if (!stopped.signal.aborted) throw error
      screen.note(`stopped: groat pull ${name} goes on where it was`)
      return EXIT.interrupted
    } finally {
      off()
    }
  })
}
