import { describe, expect, test } from 'vitest'
import {
  groatSubject,
  overspendScenarios,
  runOverspendScenario,
  type OverspendScenario,
  type OverspendSubject,
} from '../../src/testing/index.ts'
import { naiveSubject, type NaiveName } from './overspend-naive.ts'

function scenario(name: string): OverspendScenario {
  const found = overspendScenarios.find((one) => one.name === name)
  if (!found) throw new Error(`There is no scenario ${name}`)
  return found
}

/** For a machine that is busy with other things, in milliseconds. */
const PATIENCE_MS = 60_000

const NAMES = overspendScenarios.map(({ name }) => name)

async function expectHeld(subject: OverspendSubject, name: string): Promise<void> {
  const one = scenario(name)
  const result = await runOverspendScenario(one, subject)
  expect(result).toMatchObject({ scenario: name, verdict: 'held' })
  // A limit that no call met shows nothing.
  expect(result.refused).toBeGreaterThan(0)
}

describe('groat holds its limits, on SQLite', () => {
  test.each(NAMES)('%s', (name) => expectHeld(groatSubject({ ledger: 'sqlite' }), name), PATIENCE_MS)
})

describe('groat holds its limits, in memory', () => {
  // Where a call's money is counted differs from store to store; what happens to the call does not.
  test.each(['race', 'scopes', 'abort-late', 'clock-jump', 'slow-past-expiry', 'price-change', 'liar'])(
    '%s',
    (name) => expectHeld(groatSubject(), name),
    PATIENCE_MS,
  )

  test(
    'race, with calls that are made to fit: less than the smallest call is left',
    async () => {
      const result = await runOverspendScenario(scenario('race'), groatSubject({ onLimit: 'fit' }))
      expect(result).toMatchObject({ verdict: 'held' })
      // 16 tokens of output, and the bound of the input.
      const smallest = 0.00016 + 0.000055
      expect(Number(result.limit) - Number(result.accounted)).toBeLessThan(smallest)
    },
    PATIENCE_MS,
  )
})

/** What each naive set-up is found out by. */
const CONTROLS: readonly (readonly [NaiveName, string, string])[] = [
  ['check, then spend', 'race', 'overspent'],
  ['check, then spend', 'race-of-processes', 'overspent'],
  ['check, then spend', 'clock-jump', 'overspent'],
  ['check, then spend', 'unknown-model', 'overspent'],
  ['check, then spend', 'abort-while-waiting', 'overspent'],
  ['check, then spend', 'time-out', 'overspent'],
  ['check, then spend', 'spoilt-answer', 'overspent'],
  ['check, then spend', 'zero-counts', 'overspent'],
  ['hold cut to the rest', 'race', 'overspent'],
  ['hold cut to the rest', 'free-with-paid-fallback', 'overspent'],
  ['hold cut to the rest', 'long-context', 'overspent'],
  ['hold cut to the rest', 'silent-usage', 'overspent'],
  ['refund on disconnect', 'abort-late', 'overspent'],
  ['refund on disconnect', 'leave-the-loop', 'overspent'],
  ['refund on disconnect', 'cut-stream', 'overspent'],
  ['refund on disconnect', 'spoilt-stream', 'overspent'],
  ['refund on disconnect', 'dense-input', 'overspent'],
  ['refund on disconnect', 'no-output-limit', 'overspent'],
  ['refund on disconnect', 'embeddings', 'overspent'],
  ['expiry gives back', 'slow-past-expiry', 'overspent'],
  ['expiry gives back', 'retry-storm', 'overspent'],
  ['expiry gives back', 'crash', 'overspent'],
  ['holds leak', 'race', 'blocked-falsely'],
]

describe('the kit finds out set-ups that do not hold theirs', () => {
  test.each(CONTROLS)(
    '%s, %s: %s',
    async (name, scenarioName, verdict) => {
      const result = await runOverspendScenario(scenario(scenarioName), naiveSubject(name))
      expect(result).toMatchObject({ subject: name, verdict })
      if (verdict === 'overspent') expect(Number(result.billed)).toBeGreaterThan(Number(result.limit))
    },
    PATIENCE_MS,
  )

  test('what was billed and is neither booked nor held is under-reported, also far below the limit', async () => {
    const few: OverspendScenario = {
      ...scenario('leave-the-loop'),
      run: async (stage) => {
        for (let call = 0; call < 3; call++) await stage.call({ stream: true, stopAfter: 10 })
      },
    }
    const result = await runOverspendScenario(few, naiveSubject('refund on disconnect'))
    expect(result).toEqual({
      scenario: 'leave-the-loop',
      subject: 'refund on disconnect',
      limit: '0.02',
      // Three answers of 100 tokens, each with 9 of input.
      billed: '0.0030027',
      accounted: '0.000000000000',
      refused: 0,
      admitted: 3,
      verdict: 'under-reported',
      note: '$0.0030027 that was billed is neither booked nor held',
    })
  })

  test('a limit of a project that is not looked at is overspent, though that of the user is not', async () => {
    const { abilities, ...one } = naiveSubject('expiry gives back')
    const subject = { ...one, abilities: [...abilities, 'scopes'] as const }
    const result = await runOverspendScenario(scenario('scopes'), subject)
    expect(result).toMatchObject({ verdict: 'overspent' })
    expect(result.note).toMatch(/^Of metered-(north|south), /)
  })

  test('a price of yesterday is found out', async () => {
    const { abilities, ...one } = naiveSubject('expiry gives back')
    const subject = { ...one, abilities: [...abilities, 'dated-prices'] as const }
    const result = await runOverspendScenario(scenario('price-change'), subject)
    expect(['overspent', 'under-reported']).toContain(result.verdict)
  })

  test('books that do not add up are no books', async () => {
    const groat = groatSubject()
    const subject: OverspendSubject = {
      ...groat,
      open: async (world) => ({ ...(await groat.open(world)), verify: async () => ['a hold is missing'] }),
    }
    const result = await runOverspendScenario(scenario('liar'), subject)
    expect(result).toMatchObject({ verdict: 'under-reported' })
    expect(result.note).toContain('a hold is missing')
  })

  test('what a subject cannot do is not run, and says why', async () => {
    const result = await runOverspendScenario(scenario('race-of-processes'), groatSubject())
    expect(result).toMatchObject({ verdict: 'not-run', billed: '0', note: 'It has no processes' })
  })
})
