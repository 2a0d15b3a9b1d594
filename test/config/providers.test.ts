import { describe, expect, test } from 'vitest'
import { createAI } from '../../src/index.ts'
import { fakeOllama, fakeOpenAI, mock } from '../../src/testing/index.ts'

describe('where no providers are named', () => {
  test('each driver is there by its own name, and Ollama is the default', async () => {
    await using ollama = await fakeOllama({ models: ['llama3.2'] })
    await using openai = await fakeOpenAI({ models: ['gpt-6-luna'] })
    const env = { OLLAMA_HOST: ollama.url, OPENAI_BASE_URL: openai.baseUrl, OPENAI_API_KEY: 'any' }
    await using ai = createAI({ runtime: { env } })
    const answers = [
      await ai.sendMessage('Hi'),
      await ai.model('openai/gpt-6-luna').sendMessage('Hi'),
      await ai.provider('openai').model('gpt-6-luna').sendMessage('Hi'),
    ]
    expect(answers.map(({ provider }) => provider)).toEqual(['ollama', 'openai', 'openai'])
    await using other = createAI({ default: 'openai', runtime: { env } })
    expect((await other.sendMessage('Hi', { model: 'gpt-6-luna' })).provider).toBe('openai')

    // What nobody asked for is not looked after: it may have no key.
    expect(Object.keys((await ai.health()).details)).toEqual(['ollama'])
    expect((await ai.syncModels()).map(({ provider }) => provider)).toEqual(['ollama'])
    expect(Object.keys((await other.health()).details)).toEqual(['openai'])
  })

  test('a name with a slip of the finger is refused', () => {
    expect(() => createAI().provider('opnai')).toThrow(/no provider opnai; did you mean openai\?/)
  })
})

test('where providers are named, there are no others: no prompt goes to who was not configured', async () => {
  await using openai = await fakeOpenAI({ models: ['gpt-6-luna'] })
  const env = { OPENAI_BASE_URL: openai.baseUrl, OPENAI_API_KEY: 'any' }
  await using ai = createAI({ providers: { mine: mock() }, runtime: { env } })
  expect(() => ai.provider('openai')).toThrow(/no provider openai/)
  // As servers at home name their models: it is the id, and no provider.
  const { provider, requestedModel } = await ai.model('openai/gpt-oss-20b').sendMessage('Hi')
  expect([provider, requestedModel]).toEqual(['mine', 'openai/gpt-oss-20b'])
  expect(openai.requests).toEqual([])
})
