import { expect, test } from 'vitest'
import { CONFIG_KEYS, PROVIDER_KEYS, type AIConfig } from '../../src/config/config.ts'
import {
  configSchema,
  deadlinesSchema,
  factsOf,
  mediaSchema,
  providerSchema,
} from '../../src/config/schema.ts'
import { usd } from '../../src/core/usd.ts'
import type { ProviderOptions } from '../../src/drivers/rooms.ts'
import { createMemoryLedger } from '../../src/ledger/memory/index.ts'

// That the schema has the types of createAI is held by the compiler, where the schema is declared.

test('the schema has the keys of createAI, and no others', () => {
  expect(Object.keys(configSchema.shape)).toEqual(CONFIG_KEYS)
  expect(Object.keys(providerSchema.shape)).toEqual(PROVIDER_KEYS)
})

test('every key is described', () => {
  const shapes = [configSchema.shape, providerSchema.shape, deadlinesSchema.shape, mediaSchema.shape]
  for (const [name, schema] of shapes.flatMap((shape) => Object.entries(shape))) {
    expect(factsOf(schema)?.description, name).toMatch(/\.$/)
  }
})

test('the schema takes all that createAI takes', () => {
  const provider: Required<ProviderOptions> = {
    driver: 'ollama',
    apiKey: 'k',
    baseUrl: 'http://localhost:11434',
    model: 'm',
    headers: { 'x-a': 'b' },
    local: 'auto',
    timeouts: { connectMs: 1, firstByteMs: 2, idleMs: 3, totalMs: 4, loadMs: 5 },
    retries: 0,
    maxConcurrency: 1,
    contextWindow: { min: 1, max: 2 },
    media: { fetchUrls: ['https://pictures.example'], readFiles: true, bytesMax: 1 },
    prices: 'openai',
    dialect: 'chat',
    organization: 'org-1',
    project: 'proj_1',
    fetch: globalThis.fetch,
  }
  const config: Required<AIConfig> = {
    default: 'a',
    providers: {
      a: provider,
      b: { local: true },
      c: () => expect.fail('Nothing asks for a driver'),
      d: undefined,
    },
    ledger: createMemoryLedger(),
    durability: 'after',
    prices: [
      {
        provider: 'a',
        model: 'm',
        perMillionTokens: { input: '1', output: '2', cacheRead: '0.5', cacheWrite: '1.25', inputAudio: '10' },
        longContext: [{ above: 200_000, perMillionTokens: { input: '2' } }],
        perThousandCalls: { 'web-search': '10' },
        perRequest: '0.01',
        serviceTiers: { flex: '1/2' },
        contextLength: 1_000_000,
        maxOutputTokens: 64_000,
        outputBound: 'capped',
      },
    ],
    pricesFile: './prices.json',
    budgets: [
      {
        scope: 'user',
        id: '*',
        period: 'day',
        limit: '5.00',
        timeZone: 'Europe/Berlin',
        unpriced: 'deny',
        mode: 'observe',
        thresholds: [0.5],
        onLimit: { fallback: 'ollama/llama3.2' },
      },
      { scope: 'key', id: 'k', period: 'total', limit: null },
      { scope: 'project', id: 'p', period: 'call', limit: usd('0.05') },
    ],
    baseline: 'openai/gpt-6-luna',
    middleware: [(call, next) => next(call), { name: 'budget-enforcement', mode: 'observe' }],
    runtime: { random: () => 0 },
  }
  expect(configSchema.safeParse(config).error).toBeUndefined()
  expect(configSchema.safeParse({ providers: { a: { apiKey: undefined } } }).error).toBeUndefined()
})
