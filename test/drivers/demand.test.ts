import { describe, expect, test } from 'vitest'
import { createAI, tool, type CallOptions, type Message, type Quote } from '../../src/index.ts'
import { toStrictSchema } from '../../src/dialects/to-strict-schema.ts'

// Nothing is sent: a quote is the hold of a budget, and asks nobody.
const NOWHERE = { apiKey: 'key', baseUrl: 'http://127.0.0.1:9/v1' }

function quoteOf(
  driver: 'openai' | 'xai' | 'gemini',
  model: string,
  input: string | readonly Message[],
  options: CallOptions = {},
  dialect?: 'chat',
): Promise<Quote> {
  const ai = createAI({
    providers: {
      cloud: { driver, model, prices: driver, ...NOWHERE, ...(dialect && { dialect }) },
    },
  })
  return ai.quote(input, { maxOutputTokens: 100, ...options })
}

/** What the provider and model of `quoteOf` kept on a part of their answer. */
function kept(model: string, data: unknown): unknown {
  return { provider: 'cloud', model, data }
}

const LONG = 'x'.repeat(10_000)
// The bound of 'Hi': 2 bytes, 32 for the message and 512 for the request.
const HI = 546

describe('what comes back with a conversation', () => {
  const model = 'gemini-3.8-flash'
  const answer = (providerData?: unknown): Message[] => [
    { role: 'user', content: 'Hi' },
    {
      role: 'assistant',
      content: [{ type: 'text', text: 'Yes', ...(providerData !== undefined && { providerData }) }],
    },
    { role: 'user', content: 'Go' },
  ]

  test('the signature on a text is counted', async () => {
    const without = await quoteOf('gemini', model, answer())
    expect(without.inputTokens).toBe(2 + 3 + 2 + 3 * 32 + 512)
    const quote = await quoteOf('gemini', model, answer(kept(model, { thoughtSignature: 'A'.repeat(4_000) })))
    expect(quote.inputTokens).toBeGreaterThan(4_000 + 615)
  })

  test('a picture or a file that goes back as it came takes the window', async () => {
    for (const part of [
      { inlineData: { mimeType: 'image/png', data: 'AA==' } },
      { fileData: { fileUri: 'x' } },
    ]) {
      const quote = await quoteOf('gemini', model, answer(kept(model, { part })))
      expect(quote.inputTokens).toBe(1_048_576)
    }
    const code = { executableCode: { language: 'PYTHON', code: LONG } }
    const { inputTokens } = await quoteOf('gemini', model, answer(kept(model, { part: code })))
    expect(inputTokens).toBeGreaterThan(10_000)
    expect(inputTokens).toBeLessThan(11_000)
  })

  test('what OpenAI keeps under an id takes the window; an encrypted thought takes its bytes', async () => {
    const openai = 'gpt-6-luna'
    const thought = (item: object): Message[] => [
      { role: 'user', content: 'Hi' },
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: '', providerData: kept(openai, { dialect: 'openai-responses', item }) },
          { type: 'text', text: 'Yes' },
        ],
      },
      { role: 'user', content: 'Go' },
    ]
    const stored = await quoteOf('openai', openai, thought({ type: 'reasoning', id: 'rs_1', summary: [] }))
    expect(stored.inputTokens).toBe(1_050_000)
    const found = await quoteOf('openai', openai, thought({ type: 'web_search_call', id: 'ws_1' }))
    expect(found.inputTokens).toBe(1_050_000)
    const sealed = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: LONG }
    const { inputTokens } = await quoteOf('openai', openai, thought(sealed))
    expect(inputTokens).toBeGreaterThan(10_000)
    expect(inputTokens).toBeLessThan(11_000)
  })
})

describe('what is sent beside the conversation', () => {
  const ask = (options: Record<string, unknown>, dialect?: 'chat'): Promise<Quote> =>
    quoteOf('openai', 'gpt-6-luna', 'Hi', { providerOptions: { openai: options } }, dialect)

  test('a tool in the words of OpenAI is counted', async () => {
    expect((await ask({})).inputTokens).toBe(HI)
    const custom = { type: 'custom', name: 'run', description: LONG }
    expect((await ask({ tools: [custom] })).inputTokens).toBe(HI + JSON.stringify([custom]).length)
  })

  test('fields of a compatible server are counted, and a conversation that the server keeps takes the window', async () => {
    const body = { documents: [LONG] }
    expect((await ask({ body }, 'chat')).inputTokens).toBe(HI + JSON.stringify(body).length)
    expect((await ask({ body: { conversation: 'conv_1' } })).inputTokens).toBe(1_050_000)
    expect((await ask({ previousResponseId: 'resp_1' })).inputTokens).toBe(1_050_000)
  })

  test('a field that may raise the price has no bound, and says so; one that cannot has one', async () => {
    const bad: Record<string, unknown>[] = [
      ...[
        'best_of',
        'models',
        'plugins',
        'prompt',
        'context_management',
        'prompt_cache_retention',
        'N',
        'toJSON',
      ].map((name) => ({
        body: { temperature: 1, [name]: 2 },
      })),
      { body: { modalities: ['image', 'text'] } },
      { body: { modalities: 'image' } },
    ]
    for (const dialect of [undefined, 'chat'] as const) {
      for (const options of bad) {
        const quote = await ask(options, dialect)
        expect(quote).toMatchObject({ basis: 'unknown', max: undefined })
        const [name] = Object.keys(options['body'] as object).toReversed()
        expect(quote.reason).toContain(`cloud/gpt-6-luna: nothing is known of how much`)
        expect(quote.reason).toContain(
          `providerOptions.openai.body.${name} can raise the price: leave it out`,
        )
      }
      const body = { top_k: 5, chat_template_kwargs: { enable_thinking: false }, modalities: ['text'] }
      expect(await ask({ body }, dialect)).toMatchObject({ basis: 'price-list', outputTokens: 100 })
    }
    for (const options of [{ reasoningMode: 'pro' }, { body: { reasoning: { mode: 'pro' } } }]) {
      expect((await ask(options)).reason).toContain('the reasoning mode "pro"')
    }
    const compacted = await ask({ contextManagement: [{ type: 'compaction' }] })
    expect(compacted.reason).toContain('providerOptions.openai.contextManagement can raise the price')
    for (const options of [{ reasoningMode: 'standard' }, { body: { reasoning: { effort: 'low' } } }]) {
      expect(await ask(options)).toMatchObject({ basis: 'price-list' })
    }
  })

  test('a limit to calls of tools that is none bounds nothing', async () => {
    const limited = (limit: unknown): Promise<Quote> =>
      ask({ webSearch: true, body: { max_tool_calls: limit } })
    const { inputTokens, max } = await limited(2)
    expect([inputTokens, String(max)]).toEqual([3 * 1_050_000, '0.807575'])
    for (const limit of [-5, 0, 0.5, '3', Number.NaN]) {
      expect((await limited(limit)).reason).toContain('nothing bounds how often web-search is called')
    }
    // Chat Completions has no such limit.
    const searched = await ask({ body: { web_search_options: {}, max_tool_calls: 2 } }, 'chat')
    expect(searched.reason).toContain('nothing bounds how often web-search is called')
  })

  test('no limit bounds what is predicted and not written', async () => {
    const quote = await ask({ prediction: { type: 'content', content: 'x' } }, 'chat')
    expect([quote.outputTokens, (await ask({}, 'chat')).outputTokens]).toEqual([1_050_000, 100])
  })

  test('over Chat Completions with tools, the dearer of it and Responses is held, where it may have to go', async () => {
    const tools = [tool({ name: 'add', input: { type: 'object', properties: { a: { type: 'integer' } } } })]
    const over = (options: CallOptions, dialect?: 'chat'): Promise<Quote> =>
      quoteOf('openai', 'gpt-6-luna', 'Hi', { maxOutputTokens: 3, ...options }, dialect)
    expect((await over({}, 'chat')).outputTokens).toBe(3)
    const [chat, responses] = [await over({ tools }, 'chat'), await over({ tools })]
    expect([chat.outputTokens, chat.max]).toEqual([16, responses.max])
    const compacted = { providerOptions: { openai: { contextManagement: [{ type: 'compaction' }] } } }
    expect(await over(compacted, 'chat')).toMatchObject({ basis: 'price-list' })
    expect((await over({ tools, ...compacted }, 'chat')).reason).toContain('contextManagement')
  })

  test('a schema is counted as it goes out, which can be longer than it was', async () => {
    // The root stands in place of the reference to it, and beside it: the bytes double.
    const fields = Array.from(
      { length: 50 },
      (_, index) => [`f${index}`, { type: 'string', minLength: 1 }] as const,
    )
    const row = {
      type: 'object',
      properties: Object.fromEntries(fields),
      required: fields.map(([name]) => name),
    }
    const schema = { $ref: '#/$defs/row', $defs: { row } }
    const { schema: wire, strict } = toStrictSchema(schema)
    const sent = JSON.stringify(wire).length
    expect(strict).toBe(true)
    expect(sent).toBeGreaterThan(2 * JSON.stringify(schema).length)
    for (const driver of ['openai', 'xai'] as const) {
      const model = driver === 'openai' ? 'gpt-6-luna' : 'grok-4.7'
      const plain = await quoteOf(driver, model, 'Hi', { output: { type: 'object' } })
      const grown = await quoteOf(driver, model, 'Hi', { output: schema })
      expect((grown.inputTokens ?? 0) - (plain.inputTokens ?? 0)).toBeGreaterThanOrEqual(sent - 60)
    }
  })

  test('what texts to embed are about is said with each of them', async () => {
    const ai = createAI({
      providers: { gemini: { model: 'gemini-embedding-001', prices: 'gemini', ...NOWHERE } },
      budgets: [{ scope: 'user', id: 'ada', period: 'day', limit: '0.0001' }],
    })
    const embed = (title?: string): Promise<unknown> =>
      ai.embed(['a', 'b'], {
        user: 'ada',
        retries: 0,
        ...(title !== undefined && { providerOptions: { gemini: { title } } }),
      })
    // 512 + 2 x 33 bytes at $0.15 per million fit, and fail at an address where nobody is.
    await expect(embed()).rejects.toMatchObject({ code: 'network_failed' })
    await expect(embed('x'.repeat(200))).rejects.toMatchObject({ code: 'budget_exceeded' })
  })
})

describe('what a model gives by itself', () => {
  test('a model for pictures is held for at the price of pictures', async () => {
    const image = await quoteOf('gemini', 'gemini-2.5-flash-image', 'Hi')
    expect(image.lines.map(({ kind }) => kind)).toEqual(['input', 'output-image'])
    const text = await quoteOf('gemini', 'gemini-2.5-flash', 'Hi')
    expect(text.lines.map(({ kind }) => kind)).toEqual(['input', 'output'])
  })

  test('nothing bounds a team of agents, and what xAI stores takes the window', async () => {
    const team = await quoteOf('xai', 'grok-4.20-multi-agent', 'Hi')
    expect(team).toMatchObject({ basis: 'unknown' })
    expect(team.reason).toContain('agents')
    const one = await quoteOf('xai', 'grok-4.3', 'Hi')
    expect(one.inputTokens).toBe(HI)
    const stored = await quoteOf('xai', 'grok-4.3', 'Hi', { providerOptions: { xai: { store: true } } })
    expect(stored.inputTokens).toBe(1_000_000)
  })
})
