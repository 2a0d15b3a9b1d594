import { describe, expect, it } from 'vitest'
import { Emitter } from '../../src/events/emitter.ts'
import { LISTENERS_MAX, type EventName } from '../../src/events/events.ts'
import { UNKNOWN_USAGE } from '../../src/core/usage.ts'
import type { Cost } from '../../src/core/cost.ts'

const COST: Cost = { status: 'unknown', amount: undefined, reason: 'test', lines: [] }
const FACTS = { callId: 'c', provider: 'mock', model: 'm', at: 0, cost: COST, usage: UNKNOWN_USAGE }

describe('the emitter', () => {
  it('tells every listener, in order, until it is taken away', () => {
    const emitter = new Emitter()
    const told: string[] = []
    const stop = emitter.on('costCalculated', () => void told.push('a'))
    emitter.on('costCalculated', () => void told.push('b'))
    emitter.emit('costCalculated', () => FACTS)
    stop()
    emitter.emit('costCalculated', () => FACTS)
    expect(told).toEqual(['a', 'b', 'b'])
  })

  it('makes nothing where nobody listens', () => {
    let made = 0
    new Emitter().emit('costCalculated', () => {
      made++
      return FACTS
    })
    expect(made).toBe(0)
  })

  it('freezes what it tells', () => {
    const emitter = new Emitter()
    const errors: unknown[] = []
    emitter.on('error', ({ error }) => void errors.push(error))
    emitter.on('costCalculated', (event) => {
      Object.assign(event, { callId: 'changed' })
    })
    emitter.emit('costCalculated', () => ({ ...FACTS }))
    expect(errors).toEqual([expect.any(TypeError)])
  })

  it('keeps the errors of listeners to itself, thrown or rejected, and tells of them', async () => {
    const emitter = new Emitter()
    const failed = Promise.withResolvers<void>()
    const errors: string[] = []
    emitter.on('error', ({ event, error }) => {
      errors.push(`${event}: ${(error as Error).message}`)
      if (errors.length === 2) failed.resolve()
      throw new Error('the error listener fails too')
    })
    emitter.on('costCalculated', () => {
      throw new Error('thrown')
    })
    emitter.on('costCalculated', async () => Promise.reject(new Error('rejected')))
    const told: string[] = []
    emitter.on('costCalculated', () => void told.push('still told'))
    expect(() => emitter.emit('costCalculated', () => FACTS)).not.toThrow()
    await failed.promise
    expect(errors).toEqual(['costCalculated: thrown', 'costCalculated: rejected'])
    expect(told).toEqual(['still told'])
  })

  it('knows its events, and suggests the nearest', () => {
    expect(() => new Emitter().on('costCalulated' as EventName, () => {})).toThrow(
      /did you mean costCalculated\?/,
    )
  })

  it('refuses listeners without end', () => {
    const emitter = new Emitter()
    for (let index = 0; index < LISTENERS_MAX; index++) emitter.on('error', () => {})
    expect(() => emitter.on('error', () => {})).toThrow(expect.objectContaining({ code: 'limit_exceeded' }))
  })
})
