import { createProgram, type Actions } from './program.ts'
import { EXIT, tell } from './failure.ts'
import { Screen, type Terminal } from './terminal.ts'
import type { GlobalOptions } from './session.ts'

/** Runs one command to its end and gives the exit code; never throws. */
export async function run(terminal: Terminal): Promise<number> {
  // Where the words cannot be read, what they say about output still holds.
  const before = terminal.argv.slice(0, Math.max(0, terminal.argv.indexOf('--')) || undefined)
  let screen = new Screen(terminal, {
    json: before.includes('--json'),
    debug: before.includes('--debug'),
    color: !before.includes('--no-color'),
  })
  let code: number = EXIT.ok
  const on = async (options: GlobalOptions, work: (screen: Screen) => Promise<number>): Promise<void> => {
    const { json = false, debug = false, color = true } = options
    screen = new Screen(terminal, { json, debug, color })
    code = await work(screen)
  }
  const actions: Actions = {
    ask: (words, options) =>
      on(options, async (screen) => (await import('./commands/ask.ts')).ask(screen, words, options)),
    chat: (options) =>
      on(options, async (screen) => (await import('./commands/chat.ts')).chat(screen, options)),
    models: (id, options) =>
      on(options, async (screen) => (await import('./commands/models.ts')).models(screen, id, options)),
    pull: (id, options) =>
      on(options, async (screen) => (await import('./commands/pull.ts')).pull(screen, id, options)),
    ps: (options) => on(options, async (screen) => (await import('./commands/ps.ts')).ps(screen, options)),
    health: (name, options) =>
      on(options, async (screen) => (await import('./commands/health.ts')).health(screen, name, options)),
    usage: (options) =>
      on(options, async (screen) => (await import('./commands/usage.ts')).usage(screen, options)),
    demo: (options) =>
      on(options, async (screen) => (await import('./commands/demo.ts')).demo(screen, options)),
  }
  try {
    const program = createProgram(terminal, actions)
    if (terminal.argv.length === 0) program.outputHelp()
    else await program.parseAsync([...terminal.argv], { from: 'user' })
    return code
  } catch (error) {
    return await tell(screen, error)
  }
}
