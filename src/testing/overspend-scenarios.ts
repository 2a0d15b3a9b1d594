import type { MeteredPrice } from './metered-provider.ts'
import type { OverspendLimit, OverspendScenario } from './overspend.ts'
import { hardTimes } from './overspend-scenarios-hard.ts'
import { METERED_MODEL, type OverspendStage } from './overspend-stage.ts'

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
      await stage.fillUp()
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
      await stage.fillUp()
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
      await stage.fillUp(change('north'))
      await stage.fillUp(change('south'))
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
    manner: { tokenMs: 4 },
    run: async (stage) => {
      // On a slow machine a call's time can be over before it was sent.
      for (let group = 0; group < 12 && stage.refused === 0; group++) await stage.all(10, { timeoutMs: 150 })
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

/** A published price that changes: user's own prices need no date to be tried. */
const DATED_MODEL = 'gemini-3.8-flash'
const MIDNIGHT = Date.UTC(2027, 0, 1)
const MINUTE_MS = 60_000

const DATED = {
  needs: ['clock', 'dated-prices'],
  limits: limitOf('0.02'),
  models: {
    [DATED_MODEL]: {
      input: '0.75',
      output: '3.75',
      changes: [{ at: MIDNIGHT, input: '1.5', output: '7.5' }],
    },
  },
  manner: { outputTokens: 1_000 },
  // 1,024 tokens of input and 1,000 of output at the later price.
  callMost: '0.0091',
} as const

/** Ten calls at once, which the clock jumps over midnight. */
async function overMidnight(stage: OverspendStage, jumpMs: number): Promise<void> {
  const { provider, clock } = stage
  const gate = provider.gate()
  provider.reply(...Array.from({ length: 10 }, () => ({ gate })))
  const slow = Array.from({ length: 10 }, () => stage.call({ model: DATED_MODEL, maxOutputTokens: 1_000 }))
  await stage.underWay(slow)
  clock.jump(jumpMs)
  gate.open()
  await Promise.all(slow)
}

const clocks: readonly OverspendScenario[] = [
  {
    ...USUAL,
    name: 'clock-jump',
    about:
      'The clock jumps 40 days on, and back, and back again, under a limit for each day: only one new day came',
    needs: ['clock'],
    limits: limitOf('0.02', 'day'),
    most: '0.04',
    // Each of the two days leaves less than a call.
    callMost: '0.0022',
    run: async (stage) => {
      await stage.fillUp()
      stage.clock.jump(JUMP_MS)
      await stage.fillUp()
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
      await stage.fillUp()
    },
  },
  {
    ...DATED,
    name: 'price-change',
    about: 'The price doubles at midnight, while calls are under way',
    startsAt: MIDNIGHT - 5 * MINUTE_MS,
    run: async (stage) => {
      await overMidnight(stage, 10 * MINUTE_MS)
      await stage.fillUp({ model: DATED_MODEL, maxOutputTokens: 1_000 })
    },
  },
  {
    ...DATED,
    name: 'late-price-change',
    about: 'Calls without a time limit are under way for 40 minutes, and the price doubles after 30 of them',
    startsAt: MIDNIGHT - 30 * MINUTE_MS,
    run: (stage) => overMidnight(stage, 40 * MINUTE_MS),
  },
]

/** Ways to overspend that were seen in the wild, each with its own provider and limits. */
export const overspendScenarios: readonly OverspendScenario[] = Object.freeze([
  ...crowds,
  ...departures,
  ...clocks,
  ...hardTimes,
])
