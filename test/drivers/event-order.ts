import type { DriverEvent } from '../../src/core/stream.ts'

/** Whether parts begin and end as they must: nothing inside another, one start, one end and that last. */
export function faultsOf(events: readonly DriverEvent[], complete: boolean): string[] {
  const faults: string[] = []
  let open: string | undefined
  for (const [at, { type }] of events.entries()) {
    const [kind, step] = /^(text|reasoning)-(start|delta|end)$/.exec(type)?.slice(1) ?? []
    if (type === 'start' && at > 0) faults.push('a second start')
    if (at === 0 && type !== 'start') faults.push(`begins with ${type}`)
    if (type === 'end' && (at !== events.length - 1 || !complete)) faults.push('an end that is none')
    if (step === 'start' && open) faults.push(`${kind} inside ${open}`)
    if ((step === 'delta' || step === 'end') && open !== kind) faults.push(`${type} outside`)
    if (kind === undefined && open) faults.push(`${type} inside ${open}`)
    open = step === 'start' ? kind : step === 'end' ? undefined : open
  }
  return faults
}
