import { describe, expect, it } from 'vitest'
import type { DriverEvent } from '../../../src/core/stream.ts'
import { INITIAL, isComplete, reduce, type OllamaState } from '../../../src/drivers/ollama/stream.ts'

interface Reduced {
  readonly state: OllamaState
  /** The events of each record. */
  readonly events: readonly (readonly DriverEvent[])[]
}

/** What these records become, one after the other. */
function reduced(...records: readonly object[]): Reduced {
  let state = INITIAL
  const events = records.map((record) => {
    const step = reduce(state, record)
    expect(step.failure).toBeUndefined()
    ;({ state } = step)
    return step.events
  })
  return { state, events }
}

const said = (message: object): object => ({ model: 'oak', message, done: false })
const typesOf = ({ events }: Reduced): string[][] => events.map((list) => list.map(({ type }) => type))
const CALL = { id: 'c1', function: { name: 'add', arguments: {} } }

describe('a record', () => {
  it.each([null, undefined, 7, 'text', true])('that is %j is none, and changes nothing', (record) => {
    expect(reduce(INITIAL, record)).toStrictEqual({ state: INITIAL, events: [], failure: 'not a record' })
  })

  it('with an error ends the answer, with all that it says', () => {
    const { state } = reduced(said({ content: 'So' }))
    const record = { error: 'gone', status: 503, message: { content: 'far' } }
    expect(reduce(state, record)).toStrictEqual({ state, events: [], failure: JSON.stringify(record) })
  })

  it('begins the answer once, with the name of the model where there is one', () => {
    const { events } = reduced(said({ content: 'a' }), said({ content: 'b' }))
    expect(events).toStrictEqual([
      [{ type: 'start', model: 'oak' }, { type: 'text-start' }, { type: 'text-delta', text: 'a' }],
      [{ type: 'text-delta', text: 'b' }],
    ])
    for (const model of [undefined, null, 7])
      expect(reduced({ model, message: {} }).events).toStrictEqual([[{ type: 'start', model: '' }]])
  })

  it('without a message, or with nothing in it, says nothing', () => {
    for (const message of [undefined, {}, { content: '', thinking: '', tool_calls: [] }, { content: null }]) {
      const { state, events } = reduced(said({ content: 'a' }), { message, done: false })
      expect(events[1]).toEqual([])
      expect(state).toEqual({ ...INITIAL, started: true, open: 'text', said: true })
    }
  })

  it('leaves the state as it is while more of the same comes', () => {
    const { state } = reduced(said({ content: 'a' }))
    expect(reduce(state, said({ content: 'b' })).state).toBe(state)
    for (const message of [{ thinking: 'hm' }, { tool_calls: [CALL] }])
      expect(reduce(state, said(message)).state).not.toBe(state)
  })

  it('opens and closes what it says, in order', () => {
    const one = { thinking: 'hm', content: 'a' }
    expect(typesOf(reduced(said(one), said({ tool_calls: [CALL] }), said({ tool_calls: [CALL] })))).toEqual([
      ['start', 'reasoning-start', 'reasoning-delta', 'reasoning-end', 'text-start', 'text-delta'],
      ['text-end', 'tool-call'],
      ['tool-call'],
    ])
  })

  it('keeps a text open over an empty list of calls', () => {
    expect(typesOf(reduced(said({ content: 'a', tool_calls: [] }), said({ content: 'b' })))[1]).toEqual([
      'text-delta',
    ])
  })
})

describe('what is remembered of an answer', () => {
  it.each<[string, readonly object[], Partial<OllamaState>]>([
    ['a thought', [{ thinking: 'hm' }], { open: 'reasoning', thought: true }],
    ['a text', [{ content: 'a' }], { open: 'text', said: true }],
    ['white space, which says nothing', [{ content: ' \n' }], { open: 'text' }],
    [
      'a text after a thought',
      [{ thinking: 'hm' }, { content: 'a' }],
      { open: 'text', thought: true, said: true },
    ],
    ['white space after a text', [{ content: 'a' }, { content: ' ' }], { open: 'text', said: true }],
    ['a text after white space', [{ content: ' ' }, { content: 'a' }], { open: 'text', said: true }],
    [
      'a thought after a text',
      [{ content: 'a' }, { thinking: 'b' }],
      { open: 'reasoning', thought: true, said: true },
    ],
    ['two calls', [{ tool_calls: [CALL] }, { tool_calls: [CALL] }], { toolCalls: 2, said: true }],
    ['content that is no text', [{ content: 7, thinking: 7, tool_calls: 'x' }], {}],
  ])('is %s', (_name, messages, state) => {
    expect(reduced(...messages.map(said)).state).toStrictEqual({ ...INITIAL, started: true, ...state })
  })

  it('is that it is complete, once the server says so or why it ended', () => {
    for (const end of [{ done: true }, { done: false, done_reason: 'stop' }, { done_reason: 'load' }]) {
      const { state, events } = reduced(said({ content: 'a' }), end)
      expect(state).toStrictEqual({ ...INITIAL, started: true, said: true, complete: true })
      expect([isComplete(state), events[1]?.map(({ type }) => type)]).toEqual([true, ['text-end', 'end']])
    }
    for (const more of [{}, { done: false, done_reason: '' }, { done_reason: null }, { done: 'true' }])
      expect(isComplete(reduced(said({ content: 'a' }), more).state)).toBe(false)
    expect(isComplete(INITIAL)).toBe(false)
  })
})

describe('the end of an answer', () => {
  const endOf = (record: object): unknown => reduced({ done: true, ...record }).events[0]?.at(-1)

  it('holds nothing that was not told', () => {
    const { usage, ...end } = endOf({ done_reason: 7, total_duration: '5', remote_host: '' }) as {
      usage: { raw: unknown }
    }
    expect(end).toStrictEqual({
      type: 'end',
      finishReason: { unified: 'other', raw: undefined },
      timing: {},
      billing: { remoteHost: undefined, remoteModel: undefined },
      raw: { done: true, done_reason: 7, total_duration: '5', remote_host: '' },
    })
    expect(usage.raw).toStrictEqual({})
  })

  it('says who really answered', () => {
    const remote = { remote_host: 'https://ollama.com:443', remote_model: 'kimi' }
    expect(endOf(remote)).toMatchObject({
      billing: { remoteHost: 'https://ollama.com:443', remoteModel: 'kimi' },
    })
  })
})
