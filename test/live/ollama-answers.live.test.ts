import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Client, Message, StreamEvent, Tool } from '../../src/index.ts'
import { clientOf, failureOf, findOllama, openLiveWorld, type LiveWorld } from './live-world.ts'
import { CHAT_CONTEXT, CHAT_MODEL, goTokens, JINJA_MODEL, SAYS } from './tiny-models.ts'

const live = await findOllama()

/** Tokens: less than the conversation below has, and what the models were made for. */
const SMALL_WINDOW = 1_024
const TRAINED = 8_192

const WEATHER = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
} as const
const TIME = { type: 'object', properties: { zone: { type: 'string' } }, required: ['zone'] } as const
const PLACE = {
  type: 'object',
  properties: { city: { type: 'string' }, sunny: { type: 'boolean' }, temp: { type: 'number' } },
  required: ['city', 'sunny', 'temp'],
} as const

/** Tools that write down what they were run with; a tiny model goes on by the last word of a result. */
function toolsInto(ran: unknown[]): readonly Tool[] {
  const run = (name: string, said: string) => (args: unknown) => {
    ran.push([name, args])
    return `${said} @aftertool`
  }
  return [
    {
      name: 'get_weather',
      description: 'Weather of a city',
      input: WEATHER,
      run: run('get_weather', 'sunny, 21'),
    },
    { name: 'get_time', description: 'Time in a zone', input: TIME, run: run('get_time', '12:00') },
  ]
}

describe.skipIf(!live)('a real Ollama', { timeout: 60_000 }, () => {
  let world: LiveWorld
  let ai: Client

  beforeAll(async () => {
    if (!live) return
    world = await openLiveWorld(live, [CHAT_MODEL, JINJA_MODEL])
    ai = world.ai
  }, 120_000)
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]()
  }, 60_000)

  async function streamed(text: string, options: Parameters<Client['streamMessage']>[1]) {
    const stream = ai.streamMessage(text, options)
    const events: StreamEvent[] = []
    for await (const event of stream) events.push(event)
    return { events, response: await stream.response }
  }

  describe.each([CHAT_MODEL, JINJA_MODEL])('with %s', (model) => {
    it('says that it can call tools and think', async () => {
      const { capabilities, local, contextLength } = await ai.provider('ollama').models.get(model)
      expect(capabilities.toSorted()).toEqual(['chat', 'parallel-tools', 'reasoning', 'stream', 'tools'])
      expect([local, contextLength]).toEqual([true, TRAINED])
    })

    it('calls a tool, and answers with its result', async () => {
      const ran: unknown[] = []
      const answer = await ai.sendMessage('Use @tool', { model, tools: toolsInto(ran) })
      expect(ran).toEqual([['get_weather', { city: 'Paris' }]])
      expect([answer.text, answer.finishReason.unified]).toEqual([SAYS.afterTool, 'stop'])
      expect([answer.attempts.length, answer.warnings]).toEqual([2, []])
      expect(answer.messages.map(({ role }) => role)).toEqual(['assistant', 'tool', 'assistant'])
      expect(answer.cost.status).toBe('free')
      const [asked = 0, told = 0] = answer.attempts.map(({ usage }) => usage.inputTokens)
      // The second prompt is the first, the call and its result.
      expect(told).toBeGreaterThan(asked)
    })

    it('calls two tools at once, and gets both results', async () => {
      const ran: unknown[] = []
      const { events, response } = await streamed('@tools', { model, tools: toolsInto(ran) })
      expect(ran).toEqual([
        ['get_weather', { city: 'Oslo' }],
        ['get_time', { zone: 'UTC' }],
      ])
      const calls = events.flatMap((event) => (event.type === 'tool-call' ? [event.call] : []))
      const results = events.flatMap((event) => (event.type === 'tool-result' ? [event.result] : []))
      expect(calls.map(({ name }) => name)).toEqual(['get_weather', 'get_time'])
      expect(results.map(({ id }) => id)).toEqual(calls.map(({ id }) => id))
      expect(new Set(calls.map(({ id }) => id)).size).toBe(2)
      expect([response.text, response.warnings]).toEqual([SAYS.afterTool, []])
    })

    it('gives a call that nobody runs, after the words before it', async () => {
      const tools = [{ name: 'get_weather', description: 'Weather', input: WEATHER }]
      const { events, response } = await streamed('@saytool', { model, tools })
      expect(response.toolCalls).toMatchObject([{ name: 'get_weather', arguments: { city: 'Lima' } }])
      expect([response.text.trim(), response.finishReason.unified]).toEqual([
        SAYS.looking.trim(),
        'tool-calls',
      ])
      const kinds = events.map(({ type }) => type)
      expect(kinds.indexOf('text-delta')).toBeLessThan(kinds.indexOf('tool-call'))
    })

    it('thinks before it calls a tool', async () => {
      const ran: unknown[] = []
      const answer = await ai.sendMessage('@thinktool', { model, tools: toolsInto(ran) })
      expect(ran).toEqual([['get_weather', { city: 'Cairo' }]])
      const [thought, called] = answer.messages[0]?.content ?? []
      expect([thought, called]).toMatchObject([
        { type: 'reasoning', text: expect.stringMatching(/^I need the tool\.\s*$/) },
        { type: 'tool-call', name: 'get_weather' },
      ])
      expect(answer.text).toBe(SAYS.afterTool)
    })

    it('answers in words where tools are not needed', async () => {
      const answer = await ai.sendMessage('@text', { model, tools: toolsInto([]) })
      expect([answer.text, answer.attempts.length, answer.warnings]).toEqual([SAYS.text, 1, []])
    })

    it('gives its thoughts apart from the answer, and before it', async () => {
      for (const options of [{ model }, { model, reasoning: 'high' as const }]) {
        const { events, response } = await streamed('@think', options)
        expect([response.reasoning, response.text]).toEqual([SAYS.thought, SAYS.considered])
        expect(response.warnings).toEqual([])
        const kinds = events.map(({ type }) => type)
        expect(kinds.filter((kind, index) => kind !== kinds[index - 1])).toEqual([
          'start',
          'reasoning-start',
          'reasoning-delta',
          'reasoning-end',
          'text-start',
          'text-delta',
          'text-end',
          'finish',
        ])
        const thoughts = events.flatMap((event) => (event.type === 'reasoning-delta' ? [event.text] : []))
        expect(thoughts.join('')).toBe(SAYS.thought)
      }
    })

    it('thinks the same in an answer that is not streamed', async () => {
      const { response } = await streamed('@think', { model })
      const whole = await ai.sendMessage('@think', { model })
      expect([whole.reasoning, whole.text, whole.parts]).toEqual([
        response.reasoning,
        response.text,
        response.parts,
      ])
      expect(whole.usage.outputTokens).toBe(response.usage.outputTokens)
    })

    it('does not think where reasoning is off', async () => {
      const { events, response } = await streamed('@think', { model, reasoning: 'off' })
      expect([response.reasoning, response.text]).toEqual(['', SAYS.thoughtless])
      expect(events.some(({ type }) => type.startsWith('reasoning'))).toBe(false)
    })

    it('goes on after a conversation with thoughts and calls in it', async () => {
      const first = await ai.sendMessage('@thinktool', { model, tools: toolsInto([]) })
      const history: Message[] = [{ role: 'user', content: '@thinktool' }, ...first.messages]
      const next = await ai.sendMessage([...history, { role: 'user', content: 'And now @text' }], { model })
      expect(next.text).toBe(SAYS.text)
    })

    it('writes the value that was asked for', async () => {
      const { response } = await streamed('@json', { model, output: PLACE })
      expect(response.output).toEqual({ city: 'Paris', sunny: true, temp: 21 })
      expect(response.warnings).toEqual([])
    })

    it('writes the shortest value where it has none in mind, held to the schema', async () => {
      const whole = await ai.sendMessage('@text', { model, output: PLACE })
      expect(whole.output).toEqual({ city: '', sunny: false, temp: 0 })
      const list = { type: 'array', items: { enum: ['a', 'b'] }, minItems: 2, maxItems: 3 } as const
      const listed = await ai.sendMessage('@text', {
        model,
        output: { type: 'object', properties: { list }, required: ['list'] },
      })
      expect(listed.output).toEqual({ list: ['a', 'a'] })
    })

    it('refuses a long conversation with both sizes, in place of forgetting its beginning', async () => {
      const turn = (index: number) => [
        { role: 'user' as const, content: `Question ${index}: ${'x'.repeat(200)}` },
        { role: 'assistant' as const, content: `Answer ${index}: ${'y'.repeat(200)}` },
      ]
      const history = [
        ...Array.from({ length: 12 }, (_, index) => turn(index)).flat(),
        { role: 'user' as const, content: 'Last @text' },
      ]
      const withWindow = (numCtx: number) => ({ model, providerOptions: { ollama: { numCtx } } })
      // A client that knows nothing of the model yet: it leaves the counting to the server.
      await using fresh = clientOf(world)
      const error = await failureOf(fresh.streamMessage(history, withWindow(SMALL_WINDOW)).response)
      const { promptTokens, contextSize, kind } = error.details
      // What stands in Jinja for it besides: an end, a line feed, a start, `assistant`, a line feed and the trigger.
      const exact = goTokens(history) + (model === JINJA_MODEL ? 14 : 0)
      expect([error.code, kind, promptTokens, contextSize]).toEqual([
        'context_too_long',
        'context-overflow',
        exact,
        SMALL_WINDOW,
      ])
      expect((await failureOf(fresh.sendMessage(history, withWindow(SMALL_WINDOW)))).code).toBe(error.code)
      // A larger window is enough for the same conversation.
      const answer = await fresh.sendMessage(history, withWindow(TRAINED))
      expect([answer.text, answer.usage.inputTokens]).toEqual([SAYS.text, exact])
    })

    it('widens its window for a long prompt, and refuses one that is longer than it was made for', async () => {
      await using fresh = clientOf(world)
      const long = await fresh.sendMessage(`${'x'.repeat(CHAT_CONTEXT + 1_000)}@text`, { model })
      expect([long.text, long.finishReason.unified]).toEqual([SAYS.text, 'stop'])
      const error = await failureOf(fresh.sendMessage(`${'x'.repeat(TRAINED + 1_000)}@text`, { model }))
      expect([error.code, error.details['contextSize']]).toEqual(['context_too_long', TRAINED])
    })
  })
})
