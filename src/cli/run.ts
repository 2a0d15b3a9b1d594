import type { Command } from 'commander'
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
    syncModels: (options) =>
      on(options, async (screen) => (await import('./commands/models-sync.ts')).syncModels(screen, options)),
    pull: (id, options) =>
      on(options, async (screen) => (await import('./commands/pull.ts')).pull(screen, id, options)),
    ps: (options) => on(options, async (screen) => (await import('./commands/ps.ts')).ps(screen, options)),
    health: (name, options) =>
      on(options, async (screen) => (await import('./commands/health.ts')).health(screen, name, options)),
    usage: (options) =>
      on(options, async (screen) => (await import('./commands/usage.ts')).usage(screen, options)),
    quote: (words, options) =>
      on(options, async (screen) => (await import('./commands/quote.ts')).quote(screen, words, options)),
    setBudget: (limit, options) =>
      on(options, async (screen) => (await import('./commands/budget.ts')).setBudget(screen, limit, options)),
    removeBudget: (options) =>
      on(options, async (screen) => (await import('./commands/budget.ts')).removeBudget(screen, options)),
    listBudgets: (options) =>
      on(options, async (screen) => (await import('./commands/budget.ts')).listBudgets(screen, options)),
    budgetStatus: (options) =>
      on(options, async (screen) => (await import('./commands/budget.ts')).budgetStatus(screen, options)),
    verifyLedger: (options) =>
      on(options, async (screen) => (await import('./commands/ledger.ts')).verifyLedger(screen, options)),
    exportLedger: (options) =>
      on(options, async (screen) => (await import('./commands/ledger.ts')).exportLedger(screen, options)),
    listPrices: (options) =>
      on(options, async (screen) => (await import('./commands/prices.ts')).listPrices(screen, options)),
    showPrice: (model, options) =>
      on(options, async (screen) => (await import('./commands/prices.ts')).showPrice(screen, model, options)),
    diffPrices: (options) =>
      on(options, async (screen) => (await import('./commands/prices.ts')).diffPrices(screen, options)),
    updatePrices: (options) =>
      on(options, async (screen) => (await import('./commands/prices.ts')).updatePrices(screen, options)),
    demo: (options) =>
      on(options, async (screen) => (await import('./commands/demo.ts')).demo(screen, options)),
  }
  const program = createProgram(terminal, actions)
  try {
    if (terminal.argv.length === 0) program.outputHelp()
    else await program.parseAsync([...terminal.argv], { from: 'user' })
    return code
  } catch (error) {
    return await tell(screen, error, commandIn(program, terminal.argv))
  }
}

/** The command that these words mean, as far as they mean one: `groat budget set`. */
function commandIn(program: Command, argv: readonly string[]): string {
  let command = program
  const names = [program.name()]
  for (const word of argv) {
    const below = command.commands.find((one) => one.name() === word)
    if (!below) continue
    names.push(word)
    command = below
  }
  return names.join(' ')
}
