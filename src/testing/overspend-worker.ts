/** Another process of a set-up: it opens what it is told, makes the calls that it is told, and says what came of each. */
import { systemClock } from '../runtime.ts'
import type {
  OverspendAsk,
  OverspendOutcome,
  OverspendSetup,
  OverspendSubject,
  OverspendWorld,
} from './overspend.ts'

export type WorkerOrder =
  | {
      readonly type: 'open'
      readonly subject: NonNullable<OverspendSubject['worker']>
      readonly world: Omit<OverspendWorld, 'clock'>
    }
  | { readonly type: 'calls'; readonly count: number; readonly ask: OverspendAsk }

export type WorkerReport =
  | { readonly type: 'outcome'; readonly outcome: OverspendOutcome }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly message: string }

let setup: OverspendSetup | undefined

async function follow(order: WorkerOrder): Promise<void> {
  if (order.type === 'open') {
    const { module, name, options } = order.subject
    const found = (await import(module)) as Record<string, (options: unknown) => OverspendSubject>
    const subject = found[name]?.(options)
    if (!subject) throw new Error(`${module} exports no ${name}`)
    setup = await subject.open({ ...order.world, clock: systemClock })
    return
  }
  const { count, ask } = order
  const call = async (): Promise<void> => {
    const outcome = await setup?.call(ask)
    if (outcome) report({ type: 'outcome', outcome })
  }
  await Promise.all(Array.from({ length: count }, call))
}

function report(one: WorkerReport): void {
  process.send?.(one)
}

process.on('message', (order: WorkerOrder) => {
  follow(order).then(
    () => report({ type: 'done' }),
    (error: unknown) => report({ type: 'failed', message: String(error) }),
  )
})
