import { describe, expect, it } from 'vitest'
import type { Bill } from '../../../src/core/driver.ts'
import { UNKNOWN_USAGE } from '../../../src/core/usage.ts'
import { offline, openWorld } from './world.ts'

const { driver, readRecords, request } = offline

const GATEWAY = { baseUrl: 'https://gateway.example/v1beta' }

/** The bill for an answer with these counts and what was searched for. */
async function billOf(usageMetadata: object, grounding?: object, model = 'gemini-3.8-flash'): Promise<Bill> {
  const candidate = { finishReason: 'STOP', ...(grounding && { groundingMetadata: grounding }) }
  const { fold } = await readRecords([
    { candidates: [candidate], usageMetadata, modelVersion: 'gemini-2.5-flash' },
  ])
  return driver().bill(model, fold.end?.usage ?? UNKNOWN_USAGE, fold.end?.billing)
}

const linesOf = ({ lines }: Bill): unknown[] =>
  lines.map(({ kind, quantity, name }) => (name === undefined ? [kind, quantity] : [kind, name, quantity]))

describe('a bill', () => {
  it('has sounds, pictures and films apart, and those from the cache again', async () => {
    const bill = await billOf({
      promptTokenCount: 1_000,
      toolUsePromptTokenCount: 100,
      cachedContentTokenCount: 300,
      candidatesTokenCount: 50,
      thoughtsTokenCount: 25,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 400 },
        { modality: 'AUDIO', tokenCount: 300 },
        { modality: 'IMAGE', tokenCount: 150 },
        { modality: 'DOCUMENT', tokenCount: 50 },
        { modality: 'VIDEO', tokenCount: 100 },
      ],
      toolUsePromptTokensDetails: [{ modality: 'IMAGE', tokenCount: 60 }],
      cacheTokensDetails: [
        { modality: 'AUDIO', tokenCount: 200 },
        { modality: 'VIDEO', tokenCount: 40 },
      ],
      candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 30 }],
    })
    // 1,100 read, of which 300 from the cache; sounds 300 - 200, pictures 150 + 50 + 60, films 100 - 40.
    expect(linesOf(bill)).toEqual([
      ['input', 380],
      ['input-audio', 100],
      ['input-image', 260],
      ['input-video', 60],
      ['cache-read', 100],
      ['cache-read-audio', 200],
      ['output', 45],
      ['output-image', 30],
    ])
    const sum = bill.lines.reduce((total, { quantity }) => total + quantity, 0)
    expect(sum).toBe(1_100 + 75)
  })

  it('never has more than was counted, whatever the details say', async () => {
    const bill = await billOf({
      promptTokenCount: 10,
      candidatesTokenCount: 0,
      promptTokensDetails: [
        { modality: 'AUDIO', tokenCount: 999 },
        { modality: 'IMAGE', tokenCount: 999 },
      ],
    })
    expect(linesOf(bill)).toEqual([
      ['input-audio', 10],
      ['output', 0],
    ])
  })

  it('has each search from Gemini 3 on, and one for a prompt before', async () => {
    const counts = { promptTokenCount: 10, candidatesTokenCount: 1 }
    const grounding = {
      webSearchQueries: ['a', 'b', 'c'],
      groundingChunks: [{ maps: { uri: 'x' } }, { web: {} }],
    }
    const text = [
      ['input', 10],
      ['output', 1],
    ]
    expect(linesOf(await billOf(counts, grounding))).toEqual([
      ...text,
      ['tool-call', 'web-search', 3],
      ['tool-call', 'maps', 1],
    ])
    expect(linesOf(await billOf(counts, grounding, 'gemini-2.5-flash'))).toEqual([
      ...text,
      ['tool-call', 'web-search', 1],
      ['tool-call', 'maps', 1],
    ])
    expect(linesOf(await billOf(counts, { webSearchQueries: ['a', '', 5, null] }))).toEqual([
      ...text,
      ['tool-call', 'web-search', 1],
    ])
    expect(linesOf(await billOf(counts, { webSearchQueries: [] }))).toEqual(text)
    expect(linesOf(await billOf(counts))).toEqual(text)
  })

  it('is for the model that was asked, and behind an alias for the one that answered', async () => {
    const counts = { promptTokenCount: 1, serviceTier: 'FLEX' }
    expect(await billOf(counts)).toMatchObject({ model: 'gemini-3.8-flash', serviceTier: 'flex' })
    expect((await billOf(counts, undefined, 'models/gemini-3.8-flash')).model).toBe('gemini-3.8-flash')
    expect((await billOf(counts, undefined, 'gemini-flash-latest')).model).toBe('gemini-2.5-flash')
  })

  it('is at the published prices for Google only, or where that is said', () => {
    const at = (options: object): unknown[] => {
      const { vendor, locality } = driver(options).bill('gemini-3.8-flash', UNKNOWN_USAGE, undefined)
      return [vendor, locality]
    }
    expect(at({})).toEqual(['gemini', 'remote'])
    expect(at({ local: true })).toEqual(['gemini', 'remote'])
    expect(at(GATEWAY)).toEqual([undefined, 'unknown'])
    expect(at({ ...GATEWAY, prices: 'gemini' })).toEqual(['gemini', 'unknown'])
    expect(at({ ...GATEWAY, local: true })).toEqual([undefined, 'declared'])
  })

  it('is by the tier that the answer was served at', async () => {
    await using world = await openWorld({ gemini: { prices: 'gemini' } })
    const counts = { promptTokens: 1_000_000, outputTokens: 1 }
    const costs: string[] = []
    for (const serviceTier of ['standard', 'flex', 'priority']) {
      world.server.reply({ text: 'Fine.', ...counts })
      const { cost } = await world.ai.sendMessage('Hi', { serviceTier })
      costs.push(String(cost.lines.find(({ kind }) => kind === 'input')?.amount))
    }
    // Asked for as priority, and served as standard.
    world.server.reply({ text: 'Fine.', ...counts, usage: { serviceTier: 'standard' } })
    const lowered = await world.ai.sendMessage('Hi', { serviceTier: 'priority' })
    costs.push(String(lowered.cost.lines.find(({ kind }) => kind === 'input')?.amount))
    // Told by a header only, and not told at all: then it is what was asked for.
    const silent = { text: 'Fine.', ...counts, usage: { serviceTier: undefined } }
    world.server.reply(
      { ...silent, headers: { 'x-gemini-service-tier': 'standard' } },
      {
        ...silent,
        body: {
          candidates: [{ finishReason: 'STOP' }],
          usageMetadata: { promptTokenCount: 1_000_000, candidatesTokenCount: 0 },
        },
      },
    )
    for (let left = world.server.queued; left > 0; left--) {
      const { cost } = await world.ai.sendMessage('Hi', { serviceTier: 'priority' })
      costs.push(String(cost.lines.find(({ kind }) => kind === 'input')?.amount))
    }
    expect(costs).toEqual(['0.75', '0.375', '1.35', '0.75', '0.75', '1.35'])
  })
})

describe('the most that a request can cost', () => {
  const demand = (more: Parameters<typeof request>[0] = {}) => driver().demand(request(more))
  const gemini = (settings: object) => ({ providerOptions: settings as Record<string, unknown> })

  it('is bounded by its bytes, and by the limit that is sent, thoughts included', () => {
    const bound = demand({ maxOutputTokens: 100, serviceTier: 'default' })
    expect(bound).toMatchObject({
      vendor: 'gemini',
      inputKinds: ['input'],
      outputTokens: 100,
      outputBound: 'capped',
      toolCalls: [],
      serviceTier: 'standard',
    })
    expect(bound.inputTokens).toBeGreaterThan(2)
    expect(demand().outputTokens).toBeUndefined()
    expect(driver(GATEWAY).demand(request()).vendor).toBeUndefined()
  })

  it("is not known from the request alone with Google's own tools, a cache, a picture or an answer that goes on", () => {
    const search = demand(gemini({ googleSearch: true, urlContext: true }))
    expect([search.inputTokens, search.toolCalls]).toEqual([
      undefined,
      [{ name: 'web-search', max: undefined }],
    ])
    expect(
      demand({ ...gemini({ googleSearch: true, googleMaps: {} }), model: 'gemini-2.5-pro' }).toolCalls,
    ).toEqual([
      { name: 'web-search', max: 1 },
      { name: 'maps', max: 1 },
    ])
    expect(demand({ ...gemini({ googleSearch: true }), toolChoice: 'none' }).toolCalls).toEqual([])
    expect(demand(gemini({ cachedContent: 'cachedContents/a' })).inputTokens).toBeUndefined()
    expect(demand(gemini({ continuationToken: 'a' })).inputTokens).toBeUndefined()
    const picture = { type: 'image', data: 'AAAA' } as const
    const seen = demand({ messages: [{ role: 'user', content: [picture] }] })
    expect([seen.inputTokens, seen.inputKinds]).toEqual([undefined, ['input', 'input-image']])
    expect(demand(gemini({ responseModalities: ['IMAGE'] })).outputKinds).toContain('output-image')
  })

  it('is known for texts to embed', () => {
    const bound = driver().demand({ model: 'gemini-embedding-001', values: ['one'], providerOptions: {} })
    expect([bound.vendor, bound.outputTokens]).toEqual(['gemini', 0])
    expect(bound.inputTokens).toBeGreaterThan(3)
  })
})
