import { expect, test } from 'vitest'
import { createAI, tool, type AIResponse, type Client, type Message } from '../../src/index.ts'
import { fakeGemini } from '../../src/testing/fake-gemini.ts'
import { fakeOllama } from '../../src/testing/fake-ollama.ts'
import { fakeOpenAI } from '../../src/testing/fake-openai.ts'
import { fakeXai } from '../../src/testing/fake-xai.ts'

const PROVIDERS = ['openai', 'chat', 'xai', 'gemini', 'ollama'] as const

type Name = (typeof PROVIDERS)[number]

interface World extends AsyncDisposable {
  readonly ai: Client
  /** The last body that a provider's stand-in got, as text. */
  lastBody(name: Name): string
}

/** All providers behind one client. Each thinks, calls the tool once, and answers when it has the result. */
async function world(): Promise<World> {
  const openai = await fakeOpenAI()
  const chat = await fakeOpenAI({ dialect: 'chat' })
  const xai = await fakeXai()
  const gemini = await fakeGemini()
  const ollama = await fakeOllama({
    models: [{ name: 'llama3.2', capabilities: ['completion', 'tools', 'thinking'] }],
  })
  const call = { name: 'weather', arguments: '{"city":"Paris"}' }
  openai.reply({ reasoning: 'thought of openai', toolCalls: [call] }, { text: 'openai says warm' })
  chat.reply({ toolCalls: [call] }, { text: 'chat says warm' })
  xai.reply({ reasoning: 'thought of xai', toolCalls: [call] }, { text: 'xai says warm' })
  gemini.reply(
    { thinking: 'thought of gemini', toolCalls: [{ name: 'weather', args: { city: 'Paris' } }] },
    { text: 'gemini says warm' },
  )
  ollama.reply(
    { thinking: 'thought of ollama', toolCalls: [{ name: 'weather', arguments: { city: 'Paris' } }] },
    { text: 'ollama says warm' },
  )
  const farEnds = { openai, chat, xai, gemini, ollama }
  const ai = createAI({
    providers: {
      openai: { apiKey: 'k', baseUrl: openai.baseUrl, model: 'gpt-6-luna' },
      chat: { driver: 'openai', dialect: 'chat', apiKey: 'k', baseUrl: chat.baseUrl, model: 'gpt-6-luna' },
      xai: { apiKey: 'k', baseUrl: xai.baseUrl, model: 'grok-4.3' },
      gemini: { apiKey: 'k', baseUrl: gemini.baseUrl, model: 'gemini-3.8-flash' },
      ollama: { baseUrl: ollama.url, model: 'llama3.2' },
    },
  })
  return {
    ai,
    lastBody: (name) => JSON.stringify(farEnds[name].requests.at(-1)?.body),
    [Symbol.asyncDispose]: async () => {
      await ai.close()
      for (const farEnd of Object.values(farEnds)) await farEnd.close()
    },
  }
}

const weather = tool({
  name: 'weather',
  description: 'The weather in a city',
  input: {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  },
  run: async () => '21 degrees',
})

/** Each order has every provider once, so that every one of them gets the words of every other. */
const ORDERS: readonly (readonly Name[])[] = PROVIDERS.map((_, start) => [
  ...PROVIDERS.slice(start),
  ...PROVIDERS.slice(0, start),
])

test.each(ORDERS.map((order) => [order.join(' > '), order] as const))(
  'a conversation goes on from provider to provider: %s',
  async (_, order) => {
    await using one = await world()
    let history: Message[] = []
    for (const [turn, name] of order.entries()) {
      const question: Message = { role: 'user', content: `question ${turn}` }
      const answer: AIResponse = await one.ai
        .provider(name)
        .sendMessage([...history, question], { tools: [weather], reasoning: 'low' })
      expect(answer.text).toBe(`${name} says warm`)
      expect(answer.attempts).toHaveLength(2)
      const body = one.lastBody(name)
      // All that was said before is there: every question, every answer, every result of the tool.
      for (let before = 0; before <= turn; before++) expect(body).toContain(`question ${before}`)
      for (const earlier of order.slice(0, turn)) expect(body).toContain(`${earlier} says warm`)
      expect(body.split('21 degrees')).toHaveLength(turn + 2)
      // What others want back of their own thinking goes to nobody else. Gemini wants nothing of its thoughts back: they
      // are plain words, which a model behind Ollama may read.
      const others = PROVIDERS.filter((one) => one !== name && (name !== 'ollama' || one !== 'gemini'))
      for (const other of others) expect(body).not.toContain(`thought of ${other}`)
      history = [...history, question, ...answer.messages]
    }
  },
)

test('a conversation survives being kept as JSON and comes back with what its provider wants back', async () => {
  await using one = await world()
  for (const name of PROVIDERS) {
    const answer = await one.ai
      .provider(name)
      .sendMessage('Is it warm?', { tools: [weather], reasoning: 'low' })
    const kept = JSON.parse(JSON.stringify(answer.messages)) as Message[]
    expect(kept).toEqual(answer.messages)
  }
})
