import type { MeteredPrice } from './metered-provider.ts'
import type { OverspendLimit, OverspendScenario } from './overspend.ts'
import { hardTimes } from './overspend-scenarios-hard.ts'
import { METERED_MODEL } from './overspend-stage.ts'

/** 100 tokens are a tenth of a cent. */
const PRICE: MeteredPrice = { input: '0.1', output: '10' }
const MODELS = { [METERED_MODEL]: PRICE }
/** The most that the usual call can cost by careful reckoning: a thousand tokens of input, and its 100 of output. */
const CALL_MOST = '0.0011'

function limitOf(limit: string, period: OverspendLimit['period'] = 'total'): readonly [OverspendLimit] {
  return [{ scope: 'user', id: 'ada', period, limit }]
}

/** A budget of two cents: the price of twenty answers. */
const USUAL = { limits: limitOf('0.02'), models: MODELS, callMost: CALL_MOST } as const

const DAY_MS = 86_400_000
/** How far clocks jump. */
const JUMP_MS = 40 * DAY_MS

const crowds: readonly OverspendScenario[] = [
  {
    ...USUAL,
    name: 'race',
    about: 'Two hundred calls at once ask for money that is enough for twenty',
    manner: { tokenMs: 0.2 },
    run: async (stage) => {
      await stage.all(200)
      await stage.fill()
    },
  },
  {
    ...USUAL,
    name: 'race-of-processes',
    about: 'Four processes with fifty calls each share the budget',
    needs: ['processes'],
    manner: { tokenMs: 0.2 },
    run: async (stage) => {
      const workers = await Promise.all(Array.from({ length: 4 }, () => stage.spawn()))
      await Promise.all(workers.map((worker) => worker.calls(50)))
      await stage.fill()
    },
  },
  {
    name: 'scopes',
    about: 'Calls count for a user and for one of two projects at once; each of the three has a limit',
    needs: ['scopes'],
    limits: [
      ...limitOf('0.02'),
      { scope: 'project', id: 'north', period: 'total', limit: '0.012' },
      { scope: 'project', id: 'south', period: 'total', limit: '0.015' },
    ],
    models: { 'metered-north': PRICE, 'metered-south': PRICE },
    mostOf: { 'metered-north': '0.012', 'metered-south': '0.015' },
    callMost: CALL_MOST,
    manner: { tokenMs: 0.2 },
    run: async (stage) => {
      const change = (project: string): object => ({ project, model: `metered-${project}` })
      await stage.all(80, (index) => change(index % 4 === 0 ? 'south' : 'north'))
      await stage.fill(change('north'))
      await stage.fill(change('south'))
    },
  },
]

const departures: readonly OverspendScenario[] = [
  {
    ...USUAL,
    name: 'abort-late',
    about: 'Every stream is aborted after 90 of its 100 tokens; the provider writes, and bills, the rest',
    run: async (stage) => {
      for (let call = 0; call < 40; call++) {
        const controller = new AbortController()
        let pieces = 0
        const onPiece = (): void => {
          if (++pieces === 90) controller.abort()
        }
        await stage.call({ stream: true, signal: controller.signal, onPiece })
      }
    },
  },
  {
    ...USUAL,
    name: 'leave-the-loop',
    about: 'The loop over every stream is left after ten pieces',
    run: async (stage) => {
      for (let call = 0; call < 40; call++) await stage.call({ stream: true, stopAfter: 10 })
    },
  },
  {
    ...USUAL,
    name: 'abort-while-waiting',
    about: 'Calls are aborted while the provider works, before anything has come',
    run: async (stage) => {
      const { provider } = stage
      const gate = provider.gate()
      provider.default({ gate })
      for (let call = 0; call < 40; call++) {
        const controller = new AbortController()
        const calling = stage.call({ signal: controller.signal })
        await stage.arrived(provider.requestCount + 1, [calling])
        controller.abort()
        await calling
      }
    },
  },
  {
    ...USUAL,
    name: 'time-out',
    about: 'The time of every call is over while the provider works',
    manner: { tokenMs: 2 },
    run: async (stage) => {
      for (let group = 0; group < 4; group++) await stage.all(10, { timeoutMs: 100 })
    },
  },
  {
    ...USUAL,
    name: 'cut-stream',
    about: 'The line breaks after 90 tokens of every stream, before the counts',
    manner: { cutAfter: 90 },
    run: async (stage) => {
      for (let call = 0; call < 40; call++) await stage.call({ stream: true })
    },
  },
]

const clocks: readonly OverspendScenario[] = [
  {
    ...USUAL,
    name: 'clock-jump',
    about: 'The clock jumps 40 days on, and back, and back again, under a limit for each day: only one new day came',
    needs: ['clock'],
    limits: limitOf('0.02', 'day'),
    most: '0.04',
    run: async (stage) => {
      await stage.fill()
      stage.clock.jump(JUMP_MS)
      await stage.fill()
      for (let jump = 0; jump < 2; jump++) {
        stage.clock.jump(-JUMP_MS)
        await stage.all(10)
      }
    },
  },
  {
    ...USUAL,
    name: 'slow-past-expiry',
    about: 'Calls are still under way when the clock has jumped 40 days: what is held for them is not free',
    needs: ['clock'],
    limits: limitOf('0.006'),
    run: async (stage) => {
      const { provider, clock } = stage
      const gate = provider.gate()
      provider.reply(...Array.from({ length: 5 }, () => ({ gate })))
      const slow = Array.from({ length: 5 }, () => stage.call())
      await stage.arrived(5, slow)
      clock.jump(JUMP_MS)
      await stage.all(5)
      clock.jump(-2 * JUMP_MS)
      await stage.all(5)
      gate.open()
      await Promise.all(slow)
      await stage.fill()
    },
  },
  {
    name: 'price-change',
    about: 'The price doubles at midnight, while calls are under way',
    needs: ['clock', 'dated-prices'],
    limits: limitOf('0.006'),
    // A published price that changes: user's own prices need no date to be tried.
    models: {
      'gemini-3.8-flash': {
        input: '0.75',
        output: '3.75',
        changes: [{ at: Date.UTC(2027, 0, 1), input: '1.5', output: '7.5' }],
      },
    },
    // 1,024 tokens of input and 100 of output at the later price.
    callMost: '0.0023',
    startsAt: Date.UTC(2026, 11, 31, 23, 55),
    run: async (stage) => {
      const { provider, clock } = stage
      const model = 'gemini-3.8-flash'
      const gate = provider.gate()
      provider.reply(...Array.from({ length: 20 }, () => ({ gate })))
      const slow = Array.from({ length: 20 }, () => stage.call({ model }))
      await stage.arrived(2, slow)
      clock.jump(10 * 60_000)
      gate.open()
      await Promise.all(slow)
      await stage.fill({ model })
    },
  },
]

/** Ways to overspend that were seen in the wild, each with its own provider and limits. */
export const overspendScenarios: readonly OverspendScenario[] = Object.freeze([
  ...crowds,
  ...departures,
  ...clocks,
  ...hardTimes,
])
