import { describe, expect, it } from 'vitest'
import type { ChatRequest } from '../../../src/core/request.ts'
import { toUsage } from '../../../src/core/usage.ts'
import { toAddress, type XaiOptions } from '../../../src/drivers/xai/api.ts'
import { toBill, toDemand } from '../../../src/drivers/xai/pricing.ts'
import type { Billed } from '../../../src/drivers/rooms.ts'

const USAGE = toUsage({ inputTokens: 12, cacheReadTokens: 2, outputTokens: 229, reasoningTokens: 228 })

function billed(options: XaiOptions = {}, facts?: Billed<XaiOptions>['facts']): Billed<XaiOptions> {
  const address = toAddress({ apiKey: 'xai-test', ...options }, {})
  return { options, address, model: 'grok-3-mini', profile: undefined, usage: USAGE, facts }
}

const REQUEST: ChatRequest = {
  model: 'grok-4.3',
  messages: [{ role: 'user', content: 'Hi' }],
  stream: false,
  maxOutputTokens: 100,
  providerOptions: {},
}

describe('the bill of an answer of xAI', () => {
  it('has lines that do not overlap, of the model and the tier that the answer names', () => {
    const bill = toBill(
      billed({}, { model: 'grok-3-mini-0611', serviceTier: 'priority', toolCalls: {}, usage: {} }),
    )
    expect(bill).toEqual({
      locality: 'remote',
      vendor: 'xai',
      model: 'grok-3-mini-0611',
      serviceTier: 'priority',
      lines: [
        { kind: 'input', quantity: 10, unit: 'token' },
        { kind: 'cache-read', quantity: 2, unit: 'token' },
        { kind: 'output', quantity: 229, unit: 'token' },
      ],
    })
  })

  it('has what xAI says that it charged, in ticks, and only where that is a number of them', () => {
    const reported = (ticks: unknown): unknown =>
      toBill(billed({}, { usage: { cost_in_usd_ticks: ticks } })).reported
    expect(reported(1_176_500)).toEqual({ quantity: 1_176_500, unit: 'usd-tick' })
    for (const none of [undefined, null, 0, -1, 1.5, '7', 2 ** 60]) expect(reported(none)).toBeUndefined()
  })

  it('has its own tools by name', () => {
    const { lines } = toBill(
      billed({}, { toolCalls: { 'web-search': 3, 'code-execution': 1, 'x-search': 0, mcp: -1 } }),
    )
    expect(lines.slice(3)).toEqual([
      { kind: 'tool-call', quantity: 3, unit: 'call', name: 'web-search' },
      { kind: 'tool-call', quantity: 1, unit: 'call', name: 'code-execution' },
    ])
  })

  it('knows nobody who could have failed before it answered', () => {
    expect(toBill(billed())).toMatchObject({ model: 'grok-3-mini', vendor: 'xai' })
    expect(toBill(billed())).not.toHaveProperty('reported')
  })

  it.each([
    [{}, 'remote', 'xai'],
    [{ local: true }, 'remote', 'xai'],
    [{ baseUrl: 'https://eu-west-1.api.x.ai/v1' }, 'remote', 'xai'],
    // A tenth dearer there: what is not told in ticks has no price.
    [{ baseUrl: 'https://us-east-1.api.x.ai/v1' }, 'remote', undefined],
    [{ baseUrl: 'https://us-west-2.api.x.ai/v1', prices: 'xai' }, 'remote', 'xai'],
    [{ baseUrl: 'https://proxy.example/v1' }, 'unknown', undefined],
    [{ baseUrl: 'https://api.x.ai.example/v1' }, 'unknown', undefined],
    [{ baseUrl: 'https://proxy.example/v1', local: true }, 'declared', undefined],
    [{ baseUrl: 'https://proxy.example/v1', local: false, prices: 'xai' }, 'unknown', 'xai'],
  ] as const)('for %j is %s, at the prices of %s', (options, locality, vendor) => {
    const bill = toBill(billed(options))
    expect([bill.locality, bill.vendor]).toEqual([locality, vendor])
  })
})

describe('the most that a request to xAI can be billed for', () => {
  it('is bounded by its text, and not by the limit of the output, which need not hold thoughts', () => {
    expect(toDemand(REQUEST, billed())).toMatchObject({
      vendor: 'xai',
      inputTokens: 546,
      outputTokens: 100,
      outputBound: 'capped',
      toolCalls: [],
    })
  })

  it('is not bounded by its text where it goes on from an answer that xAI has kept', () => {
    const providerOptions = { store: true, previousResponseId: 'r1' }
    expect(toDemand({ ...REQUEST, providerOptions }, billed())).toMatchObject({
      inputTokens: undefined,
      toolCalls: [],
    })
  })

  it('is not bounded with tools of xAI, which it calls as often as it likes', () => {
    const providerOptions = { webSearch: true, xSearch: { fromDate: '2026-01-01' }, codeExecution: false }
    expect(toDemand({ ...REQUEST, providerOptions }, billed())).toMatchObject({
      inputTokens: undefined,
      toolCalls: [
        { name: 'web-search', max: undefined },
        { name: 'x-search', max: undefined },
      ],
    })
  })
})
