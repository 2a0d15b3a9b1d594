import { describe, expect, test } from 'vitest'

/**
 * The protocol of holds, searched exhaustively: three calls that may cost up to 2, 2 and 1, one window with a limit of 3,
 * and any order of everything that can happen. No assumption about clocks: a hold may expire at any moment.
 */

const HOLDS = [2, 2, 1] as const
const LIMIT = 3

/** `sent`: the provider was asked, and nothing was booked yet. */
type Stage = 'new' | 'reserved' | 'sent' | 'done'

interface Call {
  readonly stage: Stage
  /** Whether the process that made it is still there. */
  readonly alive: boolean
  readonly hold: 'none' | 'open' | 'closed' | 'assumed'
  /** What the provider charged; nobody else knows it before it is settled. */
  readonly charged: number
}

interface State {
  readonly calls: readonly Call[]
  readonly limit: number
  readonly settled: number
  readonly reserved: number
  readonly excess: number
}

interface Design {
  /** What happens to a hold whose time is over. */
  readonly expiry: 'assume' | 'give back'
  /** Whether a call looks at its hold once more right before it is sent. */
  readonly checksBeforeSending?: boolean
  /** By how much more than the hold a provider may charge. */
  readonly overcharge?: number
  /** Whether the limit may be cut. */
  readonly cuts?: boolean
}

interface Step {
  readonly name: string
  readonly next: State
}

function change(state: State, index: number, call: Partial<Call>, counters: Partial<State> = {}): State {
  const calls = state.calls.map((one, at) => (at === index ? { ...one, ...call } : one))
  return { ...state, ...counters, calls }
}

function steps(state: State, design: Design): Step[] {
  const found = state.calls.flatMap((_, index) => stepsOf(state, index, design))
  if (design.cuts === true && state.limit > 0) {
    const limit = state.limit - 1
    const excess = Math.max(state.excess, state.settled + state.reserved - limit)
    found.push({ name: `cut to ${limit}`, next: { ...state, limit, excess } })
  }
  return found
}

function stepsOf(state: State, index: number, design: Design): Step[] {
  const call = state.calls[index]
  const amount = HOLDS[index]
  if (call === undefined || amount === undefined) return []
  const { settled, reserved, excess } = state
  const found: Step[] = []
  const step = (name: string, next: State): void => void found.push({ name: `${name}${index}`, next })
  if (call.alive && call.stage === 'new' && settled + reserved + amount <= state.limit) {
    step(
      'reserve',
      change(state, index, { stage: 'reserved', hold: 'open' }, { reserved: reserved + amount }),
    )
  }
  if (call.alive && call.stage === 'reserved') {
    if (design.checksBeforeSending !== true || call.hold === 'open') {
      for (let charged = 0; charged <= amount + (design.overcharge ?? 0); charged++) {
        step(`dispatch=${charged}:`, change(state, index, { stage: 'sent', charged }))
      }
    }
    if (call.hold === 'open') {
      step(
        'release',
        change(state, index, { stage: 'done', hold: 'closed' }, { reserved: reserved - amount }),
      )
    }
  }
  if (call.alive && call.stage === 'sent') found.push(...endsOf(state, index, call, amount))
  if (call.alive && (call.stage === 'reserved' || call.stage === 'sent')) {
    step('crash', change(state, index, { alive: false }))
  }
  if (call.hold === 'open') {
    const assumed = change(
      state,
      index,
      { hold: 'assumed' },
      { reserved: reserved - amount, settled: settled + amount, excess },
    )
    const given = change(state, index, { hold: 'closed' }, { reserved: reserved - amount })
    step('expire', design.expiry === 'assume' ? assumed : given)
  }
  return found
}

/** What was sent is heard of: its hold is settled, or corrected where it was assumed. */
function endsOf(state: State, index: number, call: Call, amount: number): Step[] {
  const { settled, reserved, excess } = state
  const more = Math.max(0, call.charged - amount)
  const done: Partial<Call> = { stage: 'done', hold: 'closed' }
  if (call.hold === 'open') {
    const counters = { reserved: reserved - amount, settled: settled + call.charged, excess: excess + more }
    return [{ name: `settle${index}`, next: change(state, index, done, counters) }]
  }
  if (call.hold === 'assumed') {
    const counters = { settled: settled + call.charged - amount, excess: excess + more }
    return [{ name: `correct${index}`, next: change(state, index, done, counters) }]
  }
  // The hold was given back: what was charged is booked all the same, which is too late.
  return [{ name: `late${index}`, next: change(state, index, done, { settled: settled + call.charged }) }]
}

function spentBy({ calls }: State): number {
  return calls.reduce((sum, { charged }) => sum + charged, 0)
}

/** What is wrong with a state; undefined where nothing is. */
type Rule = (state: State) => string | undefined

const counted: Rule = ({ settled, reserved, limit, excess, calls }) => {
  const open = calls.reduce((sum, { hold }, index) => sum + (hold === 'open' ? (HOLDS[index] ?? 0) : 0), 0)
  if (reserved !== open) return `reserved ${reserved}, open ${open}`
  if (settled + reserved > limit + excess) return `counted ${settled + reserved} of ${limit} + ${excess}`
  return settled < 0 || reserved < 0 ? 'below zero' : undefined
}
const accounted: Rule = (state) =>
  spentBy(state) > state.settled + state.reserved
    ? `spent ${spentBy(state)}, more than is counted`
    : undefined
const bounded: Rule = (state) => (spentBy(state) > LIMIT ? `spent ${spentBy(state)} of ${LIMIT}` : undefined)

/** Breadth-first through all states; the shortest way to a state that breaks a rule, if there is one. */
function search(
  design: Design,
  rules: readonly Rule[],
): { readonly states: number; readonly broken?: string } {
  const fresh: Call = { stage: 'new', alive: true, hold: 'none', charged: 0 }
  const first: State = { calls: HOLDS.map(() => fresh), limit: LIMIT, settled: 0, reserved: 0, excess: 0 }
  const keyOf = (state: State): string => JSON.stringify(state)
  const seen = new Set([keyOf(first)])
  const queue: { readonly state: State; readonly way: string }[] = [{ state: first, way: '' }]
  for (const { state, way } of queue) {
    for (const rule of rules) {
      const broken = rule(state)
      if (broken !== undefined) return { states: seen.size, broken: `${way}: ${broken}` }
    }
    for (const { name, next } of steps(state, design)) {
      const key = keyOf(next)
      if (seen.has(key)) continue
      seen.add(key)
      queue.push({ state: next, way: way === '' ? name : `${way} > ${name}` })
    }
  }
  return { states: seen.size }
}

describe('the protocol of holds', () => {
  test('spends no more than the limit, and no more than is counted, in every state that can be reached', () => {
    const { states, broken } = search({ expiry: 'assume' }, [counted, accounted, bounded])
    expect(broken).toBeUndefined()
    expect(states).toBe(1_223)
  })

  test('counts what a provider charges above the hold, and by how much it went over', () => {
    const { states, broken } = search({ expiry: 'assume', overcharge: 1 }, [counted])
    expect(broken).toBeUndefined()
    expect(states).toBe(2_028)
    // A negative control: without the excess the same search finds the overrun.
    const strict: Rule = ({ settled, reserved, limit }) =>
      settled + reserved > limit ? 'over the limit' : undefined
    expect(search({ expiry: 'assume', overcharge: 1 }, [strict]).broken).toContain('over the limit')
  })

  test('holds while the limit is cut at any moment', () => {
    const { states, broken } = search({ expiry: 'assume', cuts: true }, [counted, accounted, bounded])
    expect(broken).toBeUndefined()
    expect(states).toBe(5_515)
  })

  test('would overspend if an expired hold were given back: the search finds the way', () => {
    const { broken } = search({ expiry: 'give back' }, [bounded])
    expect(broken).toContain('spent 4 of 3')
    expect(broken).toContain('expire')
  })

  test('would overspend also if each call looked at its hold right before it is sent', () => {
    const { broken } = search({ expiry: 'give back', checksBeforeSending: true }, [bounded])
    expect(broken).toContain('spent 4 of 3')
    expect(broken).toMatch(/dispatch.* > expire/)
  })
})
