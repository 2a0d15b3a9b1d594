import type { Health } from '../../index.ts'
import { EXIT } from '../failure.ts'
import { printable } from '../format.ts'
import { withSession, type GlobalOptions } from '../session.ts'
import type { Screen } from '../terminal.ts'

/** `groat health`: whether the providers are there, and what is wrong with them. */
export async function health(
  screen: Screen,
  name: string | undefined,
  options: GlobalOptions,
): Promise<number> {
  const named = name ?? options.provider
  const all = named === undefined && options.model === undefined
  return withSession(
    screen,
    { ...options, ...(named === undefined ? {} : { provider: named }) },
    async (session) => {
      const found = await (all ? session.ai : session.handle).health()
      if (screen.json) await screen.value(found)
      else
        for (const one of all ? Object.values(found.details).filter(isHealth) : [found])
          await show(screen, one)
      return found.status === 'down' ? EXIT.failed : EXIT.ok
    },
  )
}

async function show(screen: Screen, { provider, status, latencyMs, issues, details }: Health): Promise<void> {
  const { style } = screen
  const colour = { ready: style.green, degraded: style.yellow, down: style.red }[status]
  const facts = Object.entries(details)
    .filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
    .map(([key, value]) => `${key} ${printable(String(value))}`)
  await screen.line(
    [style.bold(provider), colour(status), `${Math.round(latencyMs)} ms`, ...facts].join('  '),
  )
  for (const issue of issues) await screen.line(`  ${printable(issue)}`)
}

function isHealth(value: unknown): value is Health {
  return typeof value === 'object' && value !== null && 'status' in value && 'issues' in value
}
