import type { RunningModel } from '../../index.ts'
import { EXIT } from '../failure.ts'
import { bytesText, countText, tableLines } from '../format.ts'
import { withSession, type GlobalOptions } from '../session.ts'
import type { Screen } from '../terminal.ts'

/** `groat ps`: which models are loaded, where, and until when. */
export async function ps(screen: Screen, options: GlobalOptions): Promise<number> {
  return withSession(screen, options, async ({ handle }) => {
    const running = await handle.models.running()
    if (screen.json) await screen.value(running)
    else if (running.length === 0) await screen.line('no model is loaded')
    else await show(screen, running)
    return EXIT.ok
  })
}

async function show(screen: Screen, running: readonly RunningModel[]): Promise<void> {
  const nowMs = screen.terminal.runtime.clock.now()
  const columns = [
    { head: 'MODEL' },
    { head: 'SIZE', right: true },
    { head: 'GPU', right: true },
    { head: 'CONTEXT', right: true },
    { head: 'UNTIL' },
  ]
  const rows = running.map((model) => [
    model.id,
    bytesText(model.size),
    gpuText(model),
    model.contextLength === undefined ? '' : countText(model.contextLength),
    untilText(model, nowMs),
  ])
  const [head = '', ...lines] = tableLines(columns, rows)
  await screen.line(screen.style.bold(head))
  for (const line of lines) await screen.line(line)
}

/** Which share of a model is on graphics cards; a model that is still being loaded has no size yet. */
function gpuText({ size, sizeVram }: RunningModel): string {
  if (size === undefined || sizeVram === undefined || size === 0) return '?'
  return `${Math.round((sizeVram / size) * 100)} %`
}

function untilText({ expiresAt }: RunningModel, nowMs: number): string {
  if (expiresAt === undefined) return 'for ever'
  const seconds = Math.round((Date.parse(expiresAt) - nowMs) / 1_000)
  if (seconds <= 0) return 'now'
  if (seconds < 90) return `in ${seconds} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 90 ? `in ${minutes} min` : `in ${Math.round(minutes / 60)} h`
}
