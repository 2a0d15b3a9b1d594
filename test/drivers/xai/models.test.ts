import { describe, expect, it } from 'vitest'
import { pricesOf, traitsOf } from '../../../src/drivers/xai/models.ts'
import { errorOf, openWorld } from './world.ts'

const MODELS = [
  {
    id: 'grok-4.3',
    aliases: ['grok-4.3-latest', 'grok-latest'],
    prices: { input: 12_500, cached: 2_000, output: 25_000 },
  },
  { id: 'grok-4.20-0309-non-reasoning', inputModalities: ['text'] },
  { id: 'grok-5-preview' },
]

describe('the models of xAI', () => {
  it('are listed with what is known of them', async () => {
    await using world = await openWorld({ server: { models: MODELS } })
    const models = await world.ai.provider('xai').models.list()
    expect(models.map(({ raw: _, ...model }) => model)).toEqual([
      {
        id: 'grok-4.3',
        provider: 'xai',
        contextLength: 1_000_000,
        capabilities: ['chat', 'stream', 'tools', 'parallel-tools', 'json-schema', 'vision', 'reasoning'],
        modifiedAt: '2026-09-21T14:13:20.000Z',
      },
      {
        id: 'grok-4.20-0309-non-reasoning',
        provider: 'xai',
        contextLength: 1_000_000,
        capabilities: ['chat', 'stream', 'tools', 'parallel-tools', 'json-schema'],
        modifiedAt: '2026-09-21T14:13:20.000Z',
      },
      {
        id: 'grok-5-preview',
        provider: 'xai',
        capabilities: ['chat', 'stream', 'tools', 'parallel-tools', 'json-schema', 'vision', 'reasoning'],
        modifiedAt: '2026-09-21T14:13:20.000Z',
      },
    ])
  })

  it('are found by their id and by other names of theirs, and come with the id that bills name', async () => {
    await using world = await openWorld({ server: { models: MODELS } })
    const { models } = world.ai.provider('xai')
    expect((await models.get('grok-4.3')).id).toBe('grok-4.3')
    expect((await models.get('grok-latest')).id).toBe('grok-4.3')
    const error = await errorOf(models.get('grok-4'))
    expect([error.code, error.model]).toEqual(['model_not_found', 'grok-4'])
  })

  it('are listed at prices in dollars for a million tokens', async () => {
    await using world = await openWorld({ server: { models: MODELS } })
    expect(pricesOf(await world.ai.provider('xai').models.get('grok-4.3'))).toEqual({
      input: '1.25',
      cacheRead: '0.2',
      output: '2.5',
    })
    const of = (cents: unknown): unknown => pricesOf({ raw: { prompt_text_token_price: cents } }).input
    expect([of(30_000), of(1), of(0), of(123_456)]).toEqual(['3', '0.0001', '0', '12.3456'])
    for (const wrong of [undefined, null, -1, 1.5, '30000']) expect(of(wrong)).toBeUndefined()
  })

  it.each([{ models: 7 }, {}, { models: [{}] }, { models: [null] }])(
    'are not guessed from %j',
    async (body) => {
      await using world = await openWorld()
      world.server.on('/v1/language-models', { body })
      expect((await errorOf(world.ai.provider('xai').models.list())).code).toBe('response_invalid')
    },
  )

  it.each([
    ['grok-4.7', ['low', 'medium', 'high', 'max'], 500_000],
    ['grok-4.6', ['low', 'medium', 'high', 'max'], 500_000],
    ['grok-4.5', ['low', 'medium', 'high'], 500_000],
    ['grok-4.3-latest', ['off', 'low', 'medium', 'high', 'max'], 1_000_000],
    ['grok-4.20-0309-reasoning', [], 1_000_000],
    ['grok-4.20-0309-non-reasoning', [], 1_000_000],
    ['grok-4.20-multi-agent-0309', ['low', 'medium', 'high', 'max'], 1_000_000],
    ['grok-build-0.1', [], 256_000],
    ['grok-3-mini', ['low', 'high'], 131_072],
    ['grok-4-fast-reasoning', [], undefined],
    ['grok-code-fast-1', [], undefined],
    ['something-new', ['low', 'medium', 'high', 'max'], undefined],
  ])('take levels of thinking: %s', (id, levels, contextLength) => {
    expect(traitsOf(id)).toMatchObject({ levels, contextLength })
  })
})

describe('the health of xAI', () => {
  it('is ready when the key works and the model is there, by any of its names', async () => {
    await using world = await openWorld({ server: { models: MODELS }, xai: { model: 'grok-latest' } })
    const health = await world.ai.provider('xai').health()
    expect([health.status, health.issues, health.details]).toEqual([
      'ready',
      [],
      { models: 3, defaultModelThere: true },
    ])
    expect(world.server.requests.map(({ path }) => path)).toEqual(['/v1/api-key', '/v1/language-models'])
  })

  it('is degraded when the model is not there', async () => {
    await using world = await openWorld({ xai: { model: 'grok-9' } })
    const health = await world.ai.provider('xai').health()
    expect([health.status, health.issues]).toEqual([
      'degraded',
      ['xAI has no model grok-9 for this key: see `groat models` for those that it has'],
    ])
  })

  it.each([
    ['api_key_blocked', /key is blocked/],
    ['api_key_disabled', /key is switched off/],
    ['team_blocked', /team is blocked/],
  ])('is down when the key would answer no call: %s', async (mark, issue) => {
    await using world = await openWorld({ server: { key: { [mark]: true } } })
    const health = await world.ai.provider('xai').health()
    expect(health.status).toBe('down')
    expect(health.issues).toEqual([expect.stringMatching(issue)])
  })

  it('is down when the key is wrong, and says so', async () => {
    await using world = await openWorld({ server: { keys: ['xai-other'] } })
    const health = await world.ai.provider('xai').health()
    expect(health.status).toBe('down')
    expect(health.issues).toEqual([
      expect.stringMatching(/xAI does not know the key: set apiKey, or XAI_API_KEY/),
    ])
  })
})
