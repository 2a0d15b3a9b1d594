import type { ModelInfo } from '../../index.ts'
import { EXIT } from '../failure.ts'
import { bytesText, countText, printable, tableLines } from '../format.ts'
import { withSession, type GlobalOptions } from '../session.ts'
import type { Screen } from '../terminal.ts'

/** `groat models`: what models there are, or all about one. */
export async function models(
  screen: Screen,
  id: string | undefined,
  options: GlobalOptions,
): Promise<number> {
  return withSession(screen, options, async ({ handle }) => {
    if (id !== undefined) return showModel(screen, await handle.models.get(id))
    const all = await handle.models.list()
    if (screen.json) await screen.value(all)
    else if (all.length === 0)
      await screen.line('no models yet: get one, for example with `ollama pull llama3.2`')
    else await showModels(screen, all)
    return EXIT.ok
  })
}

async function showModels(screen: Screen, all: readonly ModelInfo[]): Promise<void> {
  const columns = [
    { head: 'MODEL' },
    { head: 'SIZE', right: true },
    { head: 'PARAMETERS', right: true },
    { head: 'QUANTIZATION' },
    { head: 'CONTEXT', right: true },
    { head: 'LOCAL' },
    { head: 'CAPABILITIES' },
  ]
  const rows = all.map((model) => [
    model.id,
    bytesText(model.size),
    model.parameters ?? '',
    model.quantization ?? '',
    model.contextLength === undefined ? '' : countText(model.contextLength),
    localText(model),
    model.capabilities.join(' '),
  ])
  const [head = '', ...lines] = tableLines(columns, rows)
  await screen.line(screen.style.bold(head))
  for (const line of lines) await screen.line(line)
}

async function showModel(screen: Screen, model: ModelInfo): Promise<number> {
  if (screen.json) {
    await screen.value(model)
    return EXIT.ok
  }
  const context = model.contextLength
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['provider', model.provider],
    ['family', model.family],
    ['size', bytesText(model.size)],
    ['parameters', model.parameters],
    ['quantization', model.quantization],
    ['context', context === undefined ? undefined : `${countText(context)} tokens`],
    ['capabilities', model.capabilities.join(' ')],
    ['local', localText(model)],
    ['modified', model.modifiedAt],
    ['digest', model.digest],
  ]
  await screen.line(screen.style.bold(printable(model.id)))
  for (const [name, value] of facts) {
    if (value !== undefined && value !== '') await screen.line(`  ${name.padEnd(13)} ${printable(value)}`)
  }
  return EXIT.ok
}

function localText({ local }: ModelInfo): string {
  return local === undefined ? '?' : local ? 'yes' : 'no'
}
