import { describe, expect, it } from 'vitest'
import { createAI } from '../../../src/index.ts'
import { fakeAcme } from '../../../src/testing/fake-acme.ts'
import { acmeFixtures } from '../../fixtures/acme/index.ts'
import { INITIAL, reduce } from '../../../src/drivers/acme/stream.ts'

describe('a request', () => {
  it('has what the caller said, under the names of the service', async () => {
    await using server = await fakeAcme()
    await using ai = createAI({ providers: { acme: { baseUrl: server.url, apiKey: 'k', model: 'acme-1' } } })
    await ai.sendMessage('Hi', {
      system: 'Be brief',
      maxOutputTokens: 10,
      providerOptions: { acme: { cacheKey: 'a' } },
    })
    const [request] = server.requests
    expect(request?.headers['authorization']).toBe('Bearer k')
    expect(request?.body).toEqual({
      model: 'acme-1',
      messages: [
        { role: 'system', content: 'Be brief' },
        { role: 'user', content: 'Hi' },
      ],
      stream: false,
      maxTokens: 10,
      cacheKey: 'a',
    })
  })
})

describe('a stream', () => {
  it.each(acmeFixtures)('$name is what was worked out by hand', ({ records, text, finish }) => {
    let state = INITIAL
    const events = records.flatMap((record) => {
      const step = reduce(state, record)
      state = step.state
      return step.events
    })
    expect(events.map((event) => (event.type === 'text-delta' ? event.text : '')).join('')).toBe(text)
    expect(events.at(-1)).toMatchObject({ type: 'end', finishReason: finish })
  })
})
