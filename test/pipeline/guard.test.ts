import { expect, test } from 'vitest'
import type { Budget } from '../../src/core/budget.ts'
import type { Call } from '../../src/core/call.ts'
import type { Driver } from '../../src/core/driver.ts'
import { checkBudget } from '../../src/budget/check-budget.ts'
import { admit, type Admission } from '../../src/budget/guard.ts'
import { demandOf } from '../../src/drivers/demand.ts'
import type { HoldRequest, Reservation } from '../../src/ledger/budget-store.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { createPriceList, type PriceList, type RangeQuestion } from '../../src/pricing/price-list.ts'
import { systemRuntime } from '../../src/runtime.ts'

const NOW = Date.UTC(2026, 10, 26)
const MINUTE = 60_000

interface Asked {
  readonly deadlineMs?: number
  readonly maxOutputTokens?: number
  /** What is known of the model. */
  readonly most?: number
  readonly enforcement?: 'enforce' | 'observe'
}

interface Found {
  readonly admission: Admission<Call>
  readonly request: HoldRequest | undefined
  readonly until: number | undefined
}

const DAY: Budget = checkBudget({ scope: 'user', id: 'ada', period: 'day', limit: '1' }, 'request_invalid')

/** Lets one call in, on a clock that has run for a second, and says what was asked of the store and of the prices. */
async function ask({ deadlineMs, maxOutputTokens, most, enforcement = 'enforce' }: Asked): Promise<Found> {
  let request: HoldRequest | undefined
  let until: number | undefined
  const limits = most === undefined ? {} : { maxOutputTokens: most }
  const row = { provider: 'p', model: 'm', perMillionTokens: { input: '1', output: '2' }, ...limits }
  const own = await createPriceList([row], (text) => systemRuntime.sha256(text))
  const worst = (question: RangeQuestion): ReturnType<PriceList['worst']> => {
    until = question.until
    return own.worst(question)
  }
  const prices: PriceList = {
    id: own.id,
    find: (question) => own.find(question),
    best: (question) => own.best(question),
    limits: (...which) => own.limits(...which),
    explain: (...which) => own.explain(...which),
    worst,
  }
  const reserve = async (asked: HoldRequest): Promise<Reservation> => {
    request = asked
    return { status: 'held', replay: false, windows: [], over: [] }
  }
  const ledger = { budgets: { applicable: async () => [DAY], reserve } } as unknown as Ledger
  const driver = { provider: 'p', locality: async () => 'unknown', demand: demandOf } as unknown as Driver
  const limit = maxOutputTokens === undefined ? {} : { maxOutputTokens }
  const call = {
    id: 'c',
    provider: 'p',
    request: {
      model: 'm',
      messages: [{ role: 'user', content: 'Hi' }],
      stream: false,
      providerOptions: {},
      ...limit,
    },
    attribution: { user: 'ada' },
    deadlineMs,
  } as unknown as Call
  const clock = { now: () => NOW, elapsed: () => 1_000, after: () => () => {} }
  const admission = await admit(
    { clock, enforcement, ledger: () => ledger, prices: () => prices },
    { call, driver, attemptId: 'c/1', spent: 0n as never, sentBefore: false },
  )
  return { admission, request, until }
}

test.each<[string, Asked, number]>([
  ['for a quarter of an hour and a minute, where the call has no time limit', {}, 16 * MINUTE],
  ['for what is left of its time, and a minute', { deadlineMs: 6_000 }, 5_000 + MINUTE],
  ['for a minute, where its time is over', { deadlineMs: 1_000 }, MINUTE],
  ['for a minute, where its time was over before', { deadlineMs: 400 }, MINUTE],
])('a hold is open %s', async (_, asked, ttlMs) => {
  expect((await ask(asked)).request).toMatchObject({ id: 'c/1', callId: 'c', ttlMs, mode: 'enforce' })
})

test('prices that change within a day count, for a call that runs so long', async () => {
  expect((await ask({})).until).toBe(NOW + MINUTE + 86_400_000)
})

test.each<[string, Asked, number | undefined]>([
  ['its own', { maxOutputTokens: 77, most: 4_096 }, 77],
  ['that of the model, where it has none', { most: 4_096 }, 4_096],
  ['the usual one, where the model could do more', { most: 8_193 }, 8_192],
  ['the usual one, where nothing is known of the model', {}, 8_192],
  [
    'none that it does not have, where budgets only observe',
    { most: 4_096, enforcement: 'observe' },
    undefined,
  ],
])('a call under a budget is sent with an output limit: %s', async (_, asked, expected) => {
  const { admission } = await ask(asked)
  expect(admission.status === 'admitted' && admission.call.request.maxOutputTokens).toBe(expected)
})
