import { beforeAll, describe, expect, test } from 'vitest'
import type { Call, EmbedCall } from '../../src/core/call.ts'
import type { Bill, Driver } from '../../src/core/driver.ts'
import { AIError, type AIErrorOptions } from '../../src/core/errors.ts'
import { Fold } from '../../src/core/stream.ts'
import { toUsage, UNKNOWN_USAGE, type Usage } from '../../src/core/usage.ts'
import { demandOf } from '../../src/drivers/demand.ts'
import { tokenLines } from '../../src/drivers/token-lines.ts'
import { costOfOutcome } from '../../src/pipeline/bill.ts'
import { createPriceList, type PriceList } from '../../src/pricing/price-list.ts'
import { systemRuntime } from '../../src/runtime.ts'

// One million tokens cost $1 in and $2 out; of 'Hi' nobody can make more than 546 tokens.
const PRICES = [{ provider: 'p', model: 'asked', perMillionTokens: { input: '1', output: '2' } }]
let prices: PriceList

beforeAll(async () => {
  prices = await createPriceList(PRICES, (text) => systemRuntime.sha256(text))
})

interface Case {
  readonly usage?: Usage
  readonly error?: AIErrorOptions
  readonly text?: string
  readonly model?: string
  readonly bill?: Partial<Bill>
  readonly baseline?: string
  readonly values?: readonly string[]
  readonly toolCall?: boolean
}

function priced(one: Case): string {
  const { cost } = costed(one)
  return `${cost.status} ${String(cost.amount)}`
}

function costed({
  usage = UNKNOWN_USAGE,
  error,
  text = '',
  model,
  bill,
  baseline,
  values,
  toolCall,
}: Case): ReturnType<typeof costOfOutcome> {
  const driver = {
    provider: 'p',
    demand: demandOf,
    bill: (name: string, counts: Usage) => ({
      locality: 'unknown',
      model: name,
      lines: tokenLines(counts),
      ...bill,
    }),
  } as unknown as Driver
  const fold = new Fold()
  if (text !== '') fold.apply({ type: 'text-delta', text })
  if (toolCall) fold.apply({ type: 'tool-call', call: { id: '1', name: 'now', arguments: { a: 1 } } })
  const chat = {
    model: 'asked',
    messages: [{ role: 'user', content: 'Hi' }],
    stream: false,
    providerOptions: {},
  }
  const request = values ? { model: 'asked', values, providerOptions: {} } : chat
  const outcome = {
    result: values ? undefined : fold,
    usage,
    model,
    billing: undefined,
    error: error && new AIError(error),
    partial: () => undefined,
    durationMs: 1,
    firstEventAtMs: undefined,
  }
  const call = { id: 'c', request } as unknown as Call | EmbedCall
  return costOfOutcome(
    { runtime: systemRuntime, baseline },
    { call, driver, hold: undefined, outcome },
    prices,
  )
}

const counts = (inputTokens: number, outputTokens: number): Usage => toUsage({ inputTokens, outputTokens })
const failed = (more: Partial<AIErrorOptions>): Case => ({
  error: { code: 'provider_unavailable', message: 'x', ...more },
})

describe('an attempt that failed', () => {
  test.each<[string, Case]>([
    ['before anything was sent', failed({ details: { sent: false } })],
    ['by a wrong set-up', failed({ code: 'config_invalid' })],
    ...[400, 401, 403, 404, 409, 422, 429, 503].map((status): [string, Case] => [
      `by ${status}`,
      failed({ status }),
    ]),
    ['before the connection stood', failed({ code: 'timed_out', details: { deadline: 'connect' } })],
    ['before it had its turn', failed({ code: 'timed_out', details: { deadline: 'call' } })],
    ...['ECONNREFUSED', 'ENOTFOUND'].map((cause): [string, Case] => [
      `by ${cause}`,
      failed({ code: 'network_failed', details: { cause } }),
    ]),
  ])('%s costs exactly nothing', (_, one) => {
    expect(costed(one).cost).toMatchObject({ status: 'exact', source: 'refused' })
    expect(priced(one)).toBe('exact 0')
  })

  test.each<[string, Case]>([
    ...[200, 204, 408, 499, 500, 502, 504].map((status): [string, Case] => [
      `by ${status}`,
      failed({ status }),
    ]),
    ['in an answer that had begun', failed({ status: 503, details: { midStream: true } })],
    ['with a piece of the answer', failed({ status: 400, partial: { text: 'x', parts: [] } })],
    ['after another request of it was answered', failed({ status: 429, details: { answered: 1 } })],
    ['while nothing came', failed({ code: 'timed_out', details: { deadline: 'idle' } })],
    ['by a connection that broke', failed({ code: 'network_failed', details: { cause: 'ECONNRESET' } })],
    [
      'by an address that could not be reached, as told by nobody',
      failed({ details: { cause: 'ECONNREFUSED' } }),
    ],
  ])('%s costs at most what was sent', (_, one) => {
    expect(priced(one)).toBe('bounded 0.000546')
  })
})

describe('counts', () => {
  test.each<[string, Case, string]>([
    ['as they were told', { usage: counts(10, 100), text: 'x' }, 'exact 0.00021'],
    ['of an answer without words', { usage: counts(10, 0) }, 'exact 0.00001'],
    ['of no input at all, which cannot be', { usage: counts(0, 100), text: 'xyz' }, 'bounded 0.000552'],
    ['of no output beside words, which cannot be', { usage: counts(10, 0), text: 'xyz' }, 'bounded 0.000552'],
    ['of no output beside a tool call', { usage: counts(10, 0), toolCall: true }, 'bounded 0.000576'],
    ['of nothing, where nothing was embedded', { usage: counts(0, 0), values: [''] }, 'exact 0'],
    ['of nothing, where something was', { usage: counts(0, 0), values: ['', 'a'] }, 'bounded 0.000577'],
    ['of nothing, with a cost that was reported', reportedZero(), 'exact 0.0000123'],
    ['that were not told', { text: 'xyz' }, 'bounded 0.000552'],
  ])('%s', (_, one, expected) => {
    expect(priced(one)).toBe(expected)
  })

  function reportedZero(): Case {
    return { usage: counts(0, 0), text: 'x', bill: { reported: { quantity: 123_000, unit: 'usd-tick' } } }
  }
})

describe('an answer that names another model', () => {
  const other = { model: 'asked.gguf', usage: counts(10, 100), text: 'x' }

  test('costs what the user gave for the one that was asked for, where it is nobody’s published one', () => {
    expect(priced(other)).toBe('exact 0.00021')
  })

  test('is unknown where a vendor could have another price for it', () => {
    expect(costed({ ...other, bill: { vendor: 'openai' } }).cost.status).toBe('unknown')
  })
})

test('savings are of free answers, where there is something to compare with', () => {
  const free: Case = {
    usage: counts(100_000, 0),
    bill: { locality: 'local' },
    baseline: 'openai/gpt-6-luna',
  }
  expect(String(costed(free).savings?.amount)).toBe('0.01')
  expect(costed({ ...free, baseline: 'openai/none' }).savings).toBeUndefined()
  const { baseline: _, ...alone } = free
  expect(costed(alone).savings).toBeUndefined()
  expect(costed({ usage: counts(10, 1), text: 'x', baseline: 'openai/gpt-6-luna' }).savings).toBeUndefined()
})
