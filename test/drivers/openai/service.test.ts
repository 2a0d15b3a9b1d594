import { describe, expect, it } from 'vitest'
import { toAddress, toSettings, type OpenAIOptions } from '../../../src/drivers/openai/api.ts'
import { openai } from '../../../src/drivers/openai/index.ts'
import { shutdownOf, traitsOf } from '../../../src/drivers/openai/models.ts'
import { toBill, toDemand } from '../../../src/drivers/openai/pricing.ts'
import { toWire } from '../../../src/drivers/openai/wire.ts'
import { createAI } from '../../../src/index.ts'
import { toUsage } from '../../../src/core/usage.ts'
import { fakeOpenAI } from '../../../src/testing/fake-openai.ts'
import { errorOf, offline, openWorld } from './world.ts'

const { request } = offline

describe('the address', () => {
  const at = (options: OpenAIOptions, env: Record<string, string> = {}): readonly unknown[] => {
    const { baseUrl, headers } = toAddress(options, env)
    return [baseUrl, headers['authorization'], headers['openai-organization'], headers['openai-project']]
  }
  const ENV = { OPENAI_API_KEY: ' sk-env ', OPENAI_ORG_ID: 'org-1', OPENAI_PROJECT_ID: 'proj_1' }

  it('is that of OpenAI, with the key, the organization and the project of the environment', () => {
    expect(at({}, ENV)).toEqual(['https://api.openai.com/v1', 'Bearer sk-env', 'org-1', 'proj_1'])
    const own = { apiKey: 'sk-own', organization: 'org-2', project: 'proj_2' }
    expect(at(own, ENV)).toEqual(['https://api.openai.com/v1', 'Bearer sk-own', 'org-2', 'proj_2'])
    expect(at({ baseUrl: 'https://eu.api.openai.com/v1' }, ENV)[1]).toBe('Bearer sk-env')
  })

  it('is that of the environment where it names one, and its key goes there', () => {
    const env = { ...ENV, OPENAI_BASE_URL: 'https://gateway.example/openai' }
    expect(at({}, env).slice(0, 2)).toEqual(['https://gateway.example/openai', 'Bearer sk-env'])
  })

  it('gives no other server what the environment holds for OpenAI', () => {
    const foreign = [
      'https://openai.example/v1',
      'https://api.openai.com.example/v1',
      'http://127.0.0.1:1234/v1',
    ]
    for (const baseUrl of foreign) {
      expect(at({ baseUrl }, ENV)).toEqual([baseUrl, undefined, undefined, undefined])
      expect(at({ baseUrl }, { ...ENV, OPENAI_BASE_URL: baseUrl })[1]).toBeUndefined()
    }
  })

  it.each([
    ['http://127.0.0.1:1234', 'http://127.0.0.1:1234/v1'],
    ['http://127.0.0.1:1234/', 'http://127.0.0.1:1234/v1'],
    ['https://x.example/api/v3/', 'https://x.example/api/v3'],
    ['https://x.example/v1/chat/completions', 'https://x.example/v1'],
    ['https://x.example/v1/responses/', 'https://x.example/v1'],
  ])('reads %s as it is meant', (baseUrl, read) => {
    expect(at({ baseUrl })[0]).toBe(read)
  })

  it('takes the user and password of a proxy, and headers, and hides them', () => {
    const { headers, secrets, baseUrl } = toAddress(
      { baseUrl: 'https://ada:lovelace@x.example/v1', headers: { 'X-Key': 'a-long-secret', 'X-A': '1' } },
      {},
    )
    expect([baseUrl, headers['authorization'], headers['x-key']]).toEqual([
      'https://x.example/v1',
      `Basic ${btoa('ada:lovelace')}`,
      'a-long-secret',
    ])
    expect(secrets).toHaveLength(2)
  })

  it.each([
    [{ baseUrl: 'not an address' }, 'baseUrl'],
    [{ baseUrl: 'ftp://x.example' }, 'baseUrl'],
    [{ baseUrl: 'https://x.example/v1?key=a' }, 'baseUrl'],
    [{ dialect: 'soap' as never }, 'dialect'],
    [{ baseUrl: 'http://x.example/v1', apiKey: 'sk' }, undefined],
  ])('refuses %o', async (options, key) => {
    const error = await errorOf(Promise.resolve().then(() => toAddress(options, {})))
    expect([error.code, error.details['key']]).toEqual(['config_invalid', key])
  })

  it('sends a key over http to this machine only', () => {
    expect(at({ baseUrl: 'http://localhost:1/v1', apiKey: 'sk' })[1]).toBe('Bearer sk')
    expect(at({ baseUrl: 'http://x.example/v1' })[1]).toBeUndefined()
  })
})

describe('providerOptions.openai', () => {
  it('go where they belong, by the names there', async () => {
    await using world = await openWorld()
    world.server.reply('ok')
    await world.ai.sendMessage('hi', {
      reasoning: 'high',
      providerOptions: {
        openai: {
          maxToolCalls: 3,
          parallelToolCalls: false,
          promptCacheKey: 'oak',
          promptCacheOptions: { mode: 'implicit', comparisonResponseId: 'resp_1' },
          safetyIdentifier: 'ada',
          metadata: { camelCase: 'kept' },
          verbosity: 'low',
          include: ['web_search_call.action.sources'],
          reasoningSummary: 'detailed',
          reasoningContext: 'all_turns',
          webSearch: { searchContextSize: 'low', filters: { allowedDomains: ['oak.example'] } },
          codeExecution: true,
          imageGeneration: false,
          tools: [{ type: 'shell' }],
          body: { brand_new: 1 },
        },
      },
    })
    expect(world.bodies()).toEqual([
      {
        model: 'gpt-6-luna',
        input: [{ role: 'user', content: 'hi' }],
        stream: false,
        store: false,
        include: ['reasoning.encrypted_content', 'web_search_call.action.sources'],
        tools: [
          { type: 'web_search', search_context_size: 'low', filters: { allowed_domains: ['oak.example'] } },
          { type: 'code_interpreter', container: { type: 'auto' } },
          { type: 'shell' },
        ],
        reasoning: { effort: 'high', summary: 'detailed', context: 'all_turns' },
        text: { verbosity: 'low' },
        max_tool_calls: 3,
        parallel_tool_calls: false,
        prompt_cache_key: 'oak',
        prompt_cache_options: { mode: 'implicit', comparison_response_id: 'resp_1' },
        safety_identifier: 'ada',
        metadata: { camelCase: 'kept' },
        brand_new: 1,
      },
    ])
  })

  it('have the effort in its own word, which goes as it is', async () => {
    await using world = await openWorld()
    world.server.default('ok')
    const effort = (reasoningEffort: string): object => ({ providerOptions: { openai: { reasoningEffort } } })
    await world.ai.sendMessage('hi', { temperature: 1, ...effort('xhigh') })
    await world.ai.sendMessage('hi', { temperature: 1, ...effort('none') })
    expect(world.bodies().map((body) => [body['reasoning'], body['temperature']])).toEqual([
      [{ effort: 'xhigh' }, undefined],
      [{ effort: 'none' }, 1],
    ])
  })

  it('say how closely a picture is looked at, and how strictly an answer is held, over Chat Completions too', async () => {
    await using world = await openWorld({ openai: { dialect: 'chat' } })
    world.server.default('{}')
    const content = [{ type: 'image', url: 'https://oak.example/a.png' }] as const
    const output = { type: 'object', properties: {}, required: [], additionalProperties: false }
    for (const openai of [{ imageDetail: 'low', strict: false }, {}])
      await world.ai.sendMessage({ role: 'user', content }, { output, providerOptions: { openai } })
    const sent = world.bodies().map((body) => JSON.stringify(body))
    expect(sent.map((one) => [one.includes('"detail":"low"'), one.includes('"strict":true')])).toEqual([
      [true, false],
      [false, true],
    ])
  })

  it('are told of where the dialect has no place for them', async () => {
    await using world = await openWorld({ openai: { dialect: 'chat' } })
    world.server.reply('ok')
    const answer = await world.ai.sendMessage('hi', {
      providerOptions: { openai: { maxToolCalls: 3, presencePenalty: 1, verbosity: 'low' } },
    })
    expect(world.bodies()[0]).toMatchObject({ presence_penalty: 1, verbosity: 'low' })
    const own = { include: ['a'], reasoningSummary: 'auto', reasoningContext: 'auto', reasoningMode: 'pro' }
    world.server.reply('ok')
    const { warnings } = await world.ai.sendMessage('hi', { providerOptions: { openai: own } })
    expect(warnings.map(({ details }) => details['option'])).toEqual(
      Object.keys(own).map((name) => `providerOptions.openai.${name}`),
    )
    expect(answer.warnings.map(({ details }) => details['option'])).toEqual([
      'providerOptions.openai.maxToolCalls',
    ])
    const tool = await errorOf(
      world.ai.sendMessage('hi', { providerOptions: { openai: { webSearch: true } } }),
    )
    expect([tool.code, tool.message]).toEqual([
      'request_invalid',
      expect.stringContaining('Responses') as string,
    ])
  })

  it.each([
    [{ maxToolCall: 1 }, 'did you mean maxToolCalls?'],
    [{ max_output_tokens: 1 }, 'write maxOutputTokens beside providerOptions'],
    [{ maxToolCalls: 0 }, 'a whole number of 1 or more'],
    [{ parallelToolCalls: 'yes' }, 'true or false'],
    [{ promptCacheKey: '' }, 'a text'],
    [{ metadata: [] }, 'an object'],
    [{ include: [1] }, 'a list of texts'],
    [{ tools: {} }, 'a list of objects'],
    [{ webSearch: 'on' }, 'true, false or an object'],
    [{ fileSearch: true }, 'an object'],
    [{ body: { max_output_tokens: 9 } }, 'cannot have max_output_tokens'],
    [{ body: { n: 2 } }, 'cannot have n'],
    [{ promptCacheOptions: { ttl: '12h' } }, "ttl cannot be '12h'"],
    [{ body: { prompt_cache_options: { ttl: '12h' } } }, "ttl cannot be '12h'"],
    [{ quux: 1 }, 'There is no setting providerOptions.openai.quux'],
  ])('are refused where they are wrong: %o', async (given, said) => {
    const error = await errorOf(Promise.resolve().then(() => toSettings(given, 'responses')))
    expect([error.code, error.message]).toEqual(['request_invalid', expect.stringContaining(said) as string])
  })
})

describe('how hard a model thinks', () => {
  it.each([
    ['gpt-5-mini', 'max', { effort: 'high', summary: 'auto' }],
    ['gpt-5.1', 'minimal', { effort: 'low', summary: 'auto' }],
    ['gpt-5.1', 'off', { effort: 'none' }],
    ['gpt-5.5-2026-05-01', 'max', { effort: 'xhigh', summary: 'auto' }],
    ['gpt-6-sol', 'max', { effort: 'max', summary: 'auto' }],
    // Who wants no thoughts is not shown those that there are all the same.
    ['gpt-6.2-astra', 'off', { effort: 'low' }],
    ['gpt-5-pro', 'low', { effort: 'high', summary: 'auto' }],
    ['o3', { budgetTokens: 4_000 }, { effort: 'medium', summary: 'auto' }],
    ['ft:gpt-5.1:oak::1', 'off', { effort: 'none' }],
    ['somebody-elses', 'high', { effort: 'high', summary: 'auto' }],
    ['gpt-4o', 'high', undefined],
    ['gpt-4o', 'off', undefined],
  ] as const)('%s at %o', async (model, reasoning, sent) => {
    await using world = await openWorld({ server: { models: [model] } })
    world.server.reply('ok')
    const { warnings } = await world.ai.sendMessage('hi', { model, reasoning })
    expect(world.bodies()[0]?.['reasoning']).toEqual(sent)
    if (model === 'gpt-4o') expect(warnings).toHaveLength(reasoning === 'off' ? 0 : 1)
  })

  it('takes a model by its exact id or a dated one of it, never by how it begins', () => {
    expect(traitsOf('gpt-5.1-2025-11-13').efforts).toEqual(traitsOf('gpt-5.1').efforts)
    expect(traitsOf('gpt-5.1-tiny').efforts).toBeUndefined()
    expect(traitsOf('gpt-4.1-mini').efforts).toEqual([])
  })

  it('lets temperature through where a model does not think unless it is told to', async () => {
    await using world = await openWorld()
    world.server.default('ok')
    for (const model of ['gpt-5.1', 'gpt-4o', 'gpt-6-sol'] as const)
      await world.ai.sendMessage('hi', { model, temperature: 0.5, topP: 0.5 })
    expect(world.bodies().map((body) => [body['temperature'], body['top_p']])).toEqual([
      [0.5, 0.5],
      [0.5, 0.5],
      [undefined, undefined],
    ])
  })

  it('leaves out what a model refuses over Chat Completions as well', async () => {
    await using world = await openWorld({ openai: { dialect: 'chat' } })
    world.server.reply('ok')
    const { warnings } = await world.ai.sendMessage('hi', {
      reasoning: 'low',
      temperature: 1,
      topP: 1,
      stop: 'x',
    })
    expect(world.bodies()[0]).toMatchObject({ reasoning_effort: 'low' })
    for (const name of ['temperature', 'top_p', 'stop']) expect(world.bodies()[0]).not.toHaveProperty(name)
    expect(warnings.map(({ details }) => details['option'])).toEqual(['temperature', 'topP', 'stop'])
  })

  it('leaves stop out where a model can think, although it rests, and nowhere else', async () => {
    const models = ['gpt-5.1', 'gpt-4o', 'qwen3'] as const
    await using world = await openWorld({ server: { models }, openai: { dialect: 'chat' } })
    world.server.default('ok')
    const sent = { stop: 'x', temperature: 0.5 }
    for (const model of models) await world.ai.sendMessage('hi', { model, ...sent })
    // A model of others takes what it is sent while it thinks, too.
    await world.ai.sendMessage('hi', { model: 'qwen3', reasoning: 'high', ...sent })
    expect(world.bodies().map((body) => [body['stop'], body['temperature']])).toEqual([
      [undefined, 0.5],
      [['x'], 0.5],
      [['x'], 0.5],
      [['x'], 0.5],
    ])
  })

  it('takes a model that it does not know for one that refuses, at the address of OpenAI', () => {
    const of = (baseUrl: string): unknown => {
      const options: OpenAIOptions = { baseUrl, dialect: 'chat' }
      const known = {
        options,
        address: toAddress(options, {}),
        profile: undefined,
        memory: {},
        version: undefined,
      }
      return toWire(request({ model: 'gpt-9', reasoning: 'high', temperature: 1 }), known).body['temperature']
    }
    expect([of('https://api.openai.com/v1'), of('https://x.example/v1')]).toEqual([undefined, 1])
    // Azure has the same models, by names of one's own.
    expect(of('https://oak.openai.azure.com/openai/v1')).toBeUndefined()
  })
})

describe('the models and the health', () => {
  const SERVER = {
    models: [
      { id: 'gpt-6-luna' },
      { id: 'gpt-4o', shutdownDate: '2027-01-14' },
      { id: 'o3' },
      { id: 'text-embedding-3-small' },
      { id: 'whisper-1' },
      { id: 'ft:gpt-5.1:oak::1' },
      { id: 'qwen/qwen3-8b' },
    ],
  }

  it('are listed with what is known of them', async () => {
    await using world = await openWorld({ server: SERVER })
    const models = await world.ai.provider('openai').models.list()
    expect(models.map(({ id, capabilities }) => [id, capabilities.join(' ')])).toEqual([
      ['gpt-6-luna', 'chat stream tools parallel-tools vision json-schema reasoning'],
      ['gpt-4o', 'chat stream tools parallel-tools vision json-schema'],
      ['o3', 'chat stream tools parallel-tools vision json-schema reasoning'],
      ['text-embedding-3-small', 'embeddings'],
      ['whisper-1', ''],
      ['ft:gpt-5.1:oak::1', 'chat stream tools parallel-tools vision json-schema reasoning'],
      ['qwen/qwen3-8b', ''],
    ])
    expect(models.map(shutdownOf)).toEqual([
      undefined,
      '2027-01-14',
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })

  it('have the window that compatible servers tell, and may come without anything around them', async () => {
    await using world = await openWorld()
    const models = ['context_length', 'max_model_len', 'context_window', 'max_context_length'].map(
      (field, index) => ({ id: `m${index}`, [field]: 8_192, created: index }),
    )
    world.server.once('/v1/models', { body: models })
    const listed = await world.ai.provider('openai').models.list()
    expect(listed.map(({ contextLength }) => contextLength)).toEqual([8_192, 8_192, 8_192, 8_192])
    expect(listed.map(({ modifiedAt }) => modifiedAt).slice(0, 2)).toEqual([
      undefined,
      '1970-01-01T00:00:01.000Z',
    ])
  })

  it('are found one by one, whatever is in their id', async () => {
    await using world = await openWorld({ server: SERVER })
    const { models } = world.ai.provider('openai')
    for (const id of ['ft:gpt-5.1:oak::1', 'qwen/qwen3-8b']) expect((await models.get(id)).id).toBe(id)
    expect((await errorOf(models.get('gone'))).code).toBe('model_not_found')
  })

  it('take an answer that is no list for none', async () => {
    await using world = await openWorld()
    world.server.once('/v1/models', { body: { models: [] } }, { body: { data: [7] } })
    for (let time = 0; time < 2; time++)
      expect((await errorOf(world.ai.provider('openai').models.list())).code).toBe('response_invalid')
  })

  it('are ready, or say what is wrong, without an answer being written', async () => {
    await using world = await openWorld({ server: SERVER })
    const health = async (model: string): Promise<readonly unknown[]> => {
      const { status, issues } = await world.ai.provider('openai').model(model).health()
      return [status, issues]
    }
    expect(await health('gpt-6-luna')).toEqual(['ready', []])
    expect(await health('gone')).toEqual(['degraded', [expect.stringContaining('no model gone') as string]])
    expect(await health('gpt-4o')).toEqual(['degraded', [expect.stringContaining('2027-01-14') as string]])
    expect(world.bodies()).toEqual([])
    world.server.once('/v1/models', { status: 401, error: { message: 'x', code: 'invalid_api_key' } })
    expect((await health('gpt-6-luna'))[0]).toBe('down')
  })
})

describe('what is billed', () => {
  const where = (options: OpenAIOptions): Omit<Parameters<typeof toDemand>[1], never> => ({
    options,
    address: toAddress(options, {}),
    model: 'gpt-6-luna',
    profile: undefined,
  })
  const usage = toUsage({
    inputTokens: 100,
    cacheReadTokens: 10,
    cacheWriteTokens: 20,
    inputAudioTokens: 30,
    inputImageTokens: 5,
    outputTokens: 50,
    outputAudioTokens: 40,
    reasoningTokens: 3,
  })

  it('is each kind of token once, and the tools that were called', () => {
    const facts = {
      model: 'gpt-6-luna-2026-09-22',
      serviceTier: 'flex',
      toolCalls: { 'web-search': 2, none: 0 },
    }
    const bill = toBill({ ...where({}), usage, facts })
    expect(bill).toMatchObject({
      locality: 'remote',
      vendor: 'openai',
      model: 'gpt-6-luna-2026-09-22',
      serviceTier: 'flex',
    })
    expect(bill.lines.map(({ kind, quantity, name }) => [kind, quantity, name])).toEqual([
      ['input', 35, undefined],
      ['cache-read', 10, undefined],
      ['cache-write', 20, undefined],
      ['input-audio', 30, undefined],
      ['input-image', 5, undefined],
      ['output', 10, undefined],
      ['output-audio', 40, undefined],
      ['tool-call', 2, 'web-search'],
    ])
  })

  it.each<readonly [what: string, OpenAIOptions, locality: string, vendor: string | undefined]>([
    ['OpenAI', {}, 'remote', 'openai'],
    ['OpenAI, whatever is declared', { local: true }, 'remote', 'openai'],
    ['a region, where prices are others', { baseUrl: 'https://eu.api.openai.com/v1' }, 'remote', undefined],
    ['another server', { baseUrl: 'https://x.example/v1' }, 'unknown', undefined],
    [
      'another server at prices that are named',
      { baseUrl: 'https://x.example/v1', prices: 'openai' },
      'unknown',
      'openai',
    ],
    ['a server of the user', { baseUrl: 'http://127.0.0.1:1/v1', local: true }, 'declared', undefined],
  ])('is by the prices of %s', (_, options, locality, vendor) => {
    expect(toBill({ ...where(options), usage, facts: undefined })).toMatchObject({
      locality,
      vendor,
      model: 'gpt-6-luna',
    })
  })

  it('is at most what the request can lead to', () => {
    const demand = (more: object, options: OpenAIOptions = {}): object =>
      toDemand(request({ maxOutputTokens: 5, ...more }), where(options))
    expect(demand({})).toMatchObject({
      vendor: 'openai',
      outputTokens: 16,
      outputBound: 'capped',
      toolCalls: [],
    })
    expect(demand({}, { dialect: 'chat' })).toMatchObject({ outputTokens: 5 })
    expect((demand({}) as { inputTokens?: number }).inputTokens).toBeGreaterThan(2)
    const withTools = { providerOptions: { webSearch: true, tools: [{ type: 'custom' }], maxToolCalls: 4 } }
    expect(demand(withTools)).toMatchObject({
      inputTokens: undefined,
      toolCalls: [{ name: 'web-search', max: 4 }],
    })
    expect(demand({ providerOptions: { webSearch: true } })).toMatchObject({
      toolCalls: [{ name: 'web-search', max: undefined }],
    })
    expect(demand({ providerOptions: { previousResponseId: 'resp_1' } })).toMatchObject({
      inputTokens: undefined,
    })
    expect(toDemand({ model: 'm', values: ['a'], providerOptions: {} }, where({}))).toMatchObject({
      outputTokens: 0,
    })
  })

  it('counts what only exact fields can ask for, and a limit that bounds nothing', () => {
    const demand = (body: object, options: OpenAIOptions = {}): object =>
      toDemand(request({ providerOptions: { body } }), where({ dialect: 'chat', ...options }))
    expect(demand({ x: 1 })).toMatchObject({ toolCalls: [], outputKinds: ['output', 'reasoning'] })
    expect(demand({ web_search_options: {} })).toMatchObject({
      inputTokens: undefined,
      toolCalls: [{ name: 'web-search', max: undefined }],
    })
    for (const modalities of [['text', 'audio'], 'audio'])
      expect(demand({ modalities })).toMatchObject({ outputKinds: ['output', 'reasoning', 'output-audio'] })
    const grok = { baseUrl: 'https://api.x.ai/v1', prices: 'xai' }
    expect(demand({}, grok)).toMatchObject({ outputBound: 'uncapped' })
    expect(demand({})).toMatchObject({ outputBound: 'capped' })
    // At Alibaba Cloud thoughts come beside the limit.
    for (const body of [{ enable_thinking: true }, { thinking_budget: 5 }, { enable_thinking: 'yes' }])
      expect(demand(body)).toMatchObject({ outputBound: 'uncapped' })
    expect(demand({ enable_thinking: false })).toMatchObject({ outputBound: 'capped' })
  })

  it('has no price for half a day in the cache, which is refused', async () => {
    await using world = await openWorld()
    const providerOptions = { openai: { promptCacheOptions: { mode: 'explicit', ttl: '12h' } } }
    await expect(world.ai.sendMessage('Hi', { providerOptions })).rejects.toMatchObject({
      code: 'request_invalid',
      message: expect.stringContaining("cannot be '12h'") as string,
    })
    expect(world.server.requests).toHaveLength(0)
  })
})

describe('a compatible server', () => {
  it('is free where it is declared to be local, needs no key, and speaks Chat Completions', async () => {
    await using server = await fakeOpenAI({ models: ['qwen3'], keyless: true, dialect: 'chat' })
    server.reply({ text: 'Hello', reasoning: 'Hm' })
    const providers = {
      lmstudio: { driver: 'openai', dialect: 'chat', baseUrl: server.baseUrl, local: true, model: 'qwen3' },
    } as const
    await using ai = createAI({ providers, runtime: { env: { OPENAI_API_KEY: 'sk-not-for-you' } } })
    const answer = await ai.streamMessage('hi', { topK: 5, maxOutputTokens: 9 }).response
    expect([answer.text, answer.reasoning]).toEqual(['Hello', 'Hm'])
    expect(answer.cost).toMatchObject({ status: 'free', source: 'declared' })
    const [sent] = server.requests
    expect(sent?.headers['authorization']).toBeUndefined()
    expect(sent?.body).toMatchObject({ top_k: 5, max_tokens: 9 })
  })

  it('is not priced by accident where it is not', async () => {
    await using server = await fakeOpenAI({ models: ['gpt-6-luna'] })
    server.reply('Hello')
    const factory = openai({ baseUrl: server.baseUrl, apiKey: 'sk', model: 'gpt-6-luna' })
    await using ai = createAI({ providers: { proxy: factory }, runtime: { env: {} } })
    expect((await ai.sendMessage('hi')).cost.status).toBe('unknown')
  })

  it('may answer in one dialect what was asked in the other', async () => {
    await using world = await openWorld()
    const choice = { index: 0, message: { role: 'assistant', content: 'An oak.' }, finish_reason: 'stop' }
    const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
    world.server.reply({ body: { object: 'chat.completion', model: 'x', choices: [choice], usage } })
    const answer = await world.ai.sendMessage('hi')
    expect([answer.text, answer.usage.outputTokens]).toEqual(['An oak.', 2])
  })

  it('goes on with a conversation that began elsewhere', async () => {
    await using world = await openWorld()
    world.server.reply('Yes.')
    await world.ai.sendMessage([
      { role: 'user', content: 'Hm?' },
      {
        role: 'assistant',
        content: [
          {
            type: 'reasoning',
            text: 'Thoughts',
            providerData: { provider: 'gemini', model: 'g', data: { signature: 'x' } },
          },
          {
            type: 'tool-call',
            id: 'toolu_'.padEnd(90, 'x'),
            name: 'f',
            arguments: {},
            providerData: { signature: 'y' },
          },
        ],
      },
      {
        role: 'tool',
        content: [{ type: 'tool-result', id: 'toolu_'.padEnd(90, 'x'), name: 'f', content: 'r' }],
      },
      { role: 'user', content: 'So?' },
    ])
    const [sent] = world.bodies()
    const [, call, result] = (sent?.['input'] ?? []) as readonly {
      readonly call_id: string
      readonly type: string
    }[]
    expect([call?.type, result?.type, call?.call_id === result?.call_id]).toEqual([
      'function_call',
      'function_call_output',
      true,
    ])
    expect(JSON.stringify(world.bodies())).not.toMatch(/Thoughts|signature/)
  })
})

describe('texts to embed', () => {
  it('go with what was asked for, and nothing that has no place', async () => {
    await using world = await openWorld()
    const model = 'text-embedding-3-small'
    const { embeddings } = await world.ai.embed(['a'], {
      model,
      dimensions: 4,
      providerOptions: { openai: { safetyIdentifier: 'ada' } },
    })
    expect(embeddings[0]).toHaveLength(4)
    expect(world.bodies('/v1/embeddings')).toEqual([
      { model, input: ['a'], dimensions: 4, encoding_format: 'base64', user: 'ada' },
    ])
    const error = await errorOf(
      world.ai.embed(['a'], { model, providerOptions: { openai: { verbosity: 'low' } } }),
    )
    expect(error.code).toBe('request_invalid')
  })

  it('go in requests that are not too long together', async () => {
    await using world = await openWorld()
    const text = 'x'.repeat(120_000)
    await world.ai.embed([text, text, text], { model: 'text-embedding-3-small' })
    expect(world.bodies('/v1/embeddings').map(({ input }) => (input as string[]).length)).toEqual([2, 1])
  })

  it.each([
    [{ data: [{ index: 0, embedding: 'AAA' }] }],
    [{ data: [{ index: 1, embedding: [1] }] }],
    [{ data: [{ index: 0, embedding: ['a'] }] }],
    [{ data: [{ index: 0, embedding: '§' }] }],
    [{ data: 7 }],
    [[]],
  ])('have vectors, or there is no answer: %o', async (body) => {
    await using world = await openWorld()
    world.server.once('/v1/embeddings', { body })
    expect((await errorOf(world.ai.embed(['a'], { model: 'text-embedding-3-small' }))).code).toBe(
      'response_invalid',
    )
  })
})
