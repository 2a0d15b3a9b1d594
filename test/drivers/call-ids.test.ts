import { describe, expect, it } from 'vitest'
import type { DriverEvent } from '../../src/core/stream.ts'
import { CallIds } from '../../src/drivers/call-ids.ts'

const called = (id: string): DriverEvent => ({ type: 'tool-call', call: { id, name: 'n', arguments: {} } })
const started = (id: string): DriverEvent => ({ type: 'tool-call-start', id, name: 'n' })
const written = (id: string): DriverEvent => ({ type: 'tool-call-delta', id, argumentsText: '{}' })
const idOf = (event: DriverEvent): string | undefined =>
  event.type === 'tool-call' ? event.call.id : 'id' in event ? event.id : undefined

describe('the ids of tool calls', () => {
  it('are the same through all events of one call, and others for the next call of that id', () => {
    const ids = new CallIds([
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: [{ type: 'tool-call', id: 'a', name: 'n', arguments: {} }] },
    ])
    const events = [
      started('a'),
      written('a'),
      called('a'),
      started('a'),
      written('a'),
      called('a'),
      called('b'),
    ]
    expect(ids.unique(events).map(idOf)).toEqual(['a_2', 'a_2', 'a_2', 'a_3', 'a_3', 'a_3', 'b'])
  })

  it('are left alone where no call began, and so is everything else', () => {
    const text: readonly DriverEvent[] = [{ type: 'text-delta', text: 'Hi' }]
    const ids = new CallIds([])
    expect(ids.unique(text)).toBe(text)
    expect(ids.unique([...text, written('x')])).toEqual([...text, written('x')])
  })
})
