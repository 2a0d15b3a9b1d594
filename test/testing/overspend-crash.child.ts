/**
 * A process that makes one call under a budget in a SQLite file, and kills itself before a statement that writes: the first
 * one after the ledger was opened is 1; 0 is never. Run: node overspend-crash.child.ts WORLD KILL_AT STREAM
 */
import { DatabaseSync, StatementSync } from 'node:sqlite'
import { groatSubject } from '../../src/testing/overspend-groat.ts'
import type { OverspendWorld } from '../../src/testing/index.ts'
import { systemClock } from '../../src/runtime.ts'

const [, , worldText = '{}', killAt = '0', stream = ''] = process.argv
const world = { ...(JSON.parse(worldText) as OverspendWorld), clock: systemClock }

let statements = 0
let counting = false

function beforeStatement(sql: string): void {
  // Between two statements that read, nothing changes.
  if (!counting || sql.trimStart().startsWith('SELECT') || ++statements !== Number(killAt)) return
  process.kill(process.pid, 'SIGKILL')
  // Whatever the system does first, nothing more is written.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

function watch(prototype: Record<string, unknown>, names: readonly string[]): void {
  for (const name of names) {
    const own = prototype[name] as (...values: unknown[]) => unknown
    prototype[name] = function watched(this: Partial<StatementSync>, ...values: unknown[]): unknown {
      beforeStatement(this.sourceSQL ?? String(values[0]))
      return own.apply(this, values)
    }
  }
}

watch(StatementSync.prototype as unknown as Record<string, unknown>, ['run', 'get', 'all', 'iterate'])
watch(DatabaseSync.prototype as unknown as Record<string, unknown>, ['exec'])

const setup = await groatSubject({ ledger: 'sqlite' }).open(world)
await setup.accounted()
counting = true
await setup.call({
  model: 'metered-1',
  prompt: 'Hello',
  user: 'ada',
  maxOutputTokens: 100,
  ...(stream !== '' && { stream: true }),
})
counting = false
process.send?.(statements)
await setup.close()
process.disconnect?.()
