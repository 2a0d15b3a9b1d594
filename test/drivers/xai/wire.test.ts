import { describe, expect, it } from 'vitest'
import type { ChatRequest } from '../../../src/core/request.ts'
import { toAddress } from '../../../src/drivers/xai/api.ts'
import type { WireRequest } from '../../../src/drivers/rooms.ts'
import { toWire } from '../../../src/drivers/xai/wire.ts'
import { errorOf } from './world.ts'

const BASE: ChatRequest = {
  model: 'grok-4.3',
  messages: [{ role: 'user', content: 'Hi' }],
  stream: false,
  providerOptions: {},
}

function wireOf(more: Partial<ChatRequest>, memory: { refusesReasoning?: boolean } = {}): WireRequest {
  const options = { apiKey: 'xai-test' }
  const known = { options, address: toAddress(options, {}), profile: undefined, memory, version: undefined }
  return toWire({ ...BASE, ...more }, known)
}

const withXai = (xai: Readonly<Record<string, unknown>>): WireRequest => wireOf({ providerOptions: xai })

const PLAIN = {
  model: 'grok-4.3',
  input: [{ role: 'user', content: 'Hi' }],
  stream: false,
  store: false,
  include: ['reasoning.encrypted_content'],
}

describe('the body of a request to xAI', () => {
  it('is this and nothing else for a plain text: nothing is stored, and thoughts come sealed', () => {
    expect(wireOf({})).toEqual({ body: PLAIN, warnings: [] })
  })

  it('has every setting under its name on the wire, and says what xAI has none of', () => {
    const settings = {
      maxOutputTokens: 5,
      temperature: 0.5,
      topP: 0.9,
      topK: 40,
      seed: 7,
      serviceTier: 'priority',
    }
    expect(wireOf(settings)).toEqual({
      body: {
        ...PLAIN,
        max_output_tokens: 5,
        temperature: 0.5,
        top_p: 0.9,
        top_k: 40,
        seed: 7,
        service_tier: 'priority',
      },
      warnings: [],
    })
    const { body, warnings } = wireOf({ stop: 'END' })
    expect(body).toEqual(PLAIN)
    expect(warnings).toMatchObject([{ code: 'option-ignored', details: { option: 'stop' } }])
  })

  it('has what the system says in the conversation', () => {
    const messages = [{ role: 'system', content: 'Be brief' } as const, ...BASE.messages]
    const { body } = wireOf({ messages })
    expect(body).not.toHaveProperty('instructions')
    expect(body['input']).toEqual([
      { role: 'system', content: 'Be brief' },
      { role: 'user', content: 'Hi' },
    ])
  })

  it('has a picture as a data URL', () => {
    const content = [
      { type: 'text', text: 'What?' } as const,
      { type: 'image', data: 'iVBORw0KGgo=', mediaType: 'image/png' } as const,
    ]
    expect(wireOf({ messages: [{ role: 'user', content }] }).body['input']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'What?' },
          { type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'auto' },
        ],
      },
    ])
  })

  it('has a file as plain base64, with its type', () => {
    const content = [{ type: 'file', data: 'JVBERi0=', mediaType: 'application/pdf', name: 'a.pdf' } as const]
    expect(wireOf({ messages: [{ role: 'user', content }] }).body['input']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'input_file', filename: 'a.pdf', file_data: 'JVBERi0=', mime_type: 'application/pdf' },
        ],
      },
    ])
  })

  it('holds an answer to a schema', () => {
    const output = {
      type: 'object',
      properties: { a: { type: 'string' } },
      required: ['a'],
      additionalProperties: false,
    }
    expect(wireOf({ output }).body).toMatchObject({
      text: { format: { type: 'json_schema', name: 'answer', schema: output, strict: true } },
    })
  })
})

describe('how hard a Grok thinks', () => {
  it.each([
    ['grok-4.3', 'off', 'none', undefined],
    ['grok-4.3', 'minimal', 'low', 'reasoning-downgraded'],
    ['grok-4.3', 'high', 'high', undefined],
    ['grok-4.3', 'max', 'xhigh', undefined],
    ['grok-4.3', { budgetTokens: 5_000 }, 'medium', 'reasoning-downgraded'],
    ['grok-4.5', 'max', 'high', 'reasoning-downgraded'],
    ['grok-4.7', 'off', 'low', 'reasoning-downgraded'],
    ['grok-3-mini', 'medium', 'low', 'reasoning-downgraded'],
    ['grok-4.20-multi-agent-0309', 'high', 'high', undefined],
    ['grok-4.20-0309-reasoning', 'high', undefined, 'option-ignored'],
    ['grok-4.20-0309-reasoning', 'off', undefined, 'option-ignored'],
    ['grok-4.20-0309-non-reasoning', 'high', undefined, 'option-ignored'],
    ['grok-4.20-0309-non-reasoning', 'off', undefined, undefined],
    ['grok-4-fast-reasoning', 'low', undefined, 'option-ignored'],
  ] as const)('%s at %j is %s', (model, reasoning, effort, code) => {
    const { body, warnings } = wireOf({ model, reasoning })
    expect(body['reasoning']).toEqual(effort === undefined ? undefined : { effort })
    expect(warnings.map((warning) => warning.code)).toEqual(code === undefined ? [] : [code])
  })

  it('is left to it where nothing is said, or where it was seen to refuse', () => {
    expect(wireOf({}).body).not.toHaveProperty('reasoning')
    const { body, warnings } = wireOf({ reasoning: 'high' }, { refusesReasoning: true })
    expect([body['reasoning'], warnings.length]).toEqual([undefined, 1])
  })

  it('is no other word', async () => {
    for (const model of ['grok-4.3', 'grok-4.20-0309-reasoning']) {
      const error = await errorOf((async () => wireOf({ model, reasoning: 'hihg' as 'high' }))())
      expect(error.message).toContain('did you mean high?')
    }
  })
})

describe('providerOptions.xai', () => {
  it('go out under their names on the wire', () => {
    const { body } = withXai({
      maxTurns: 3,
      parallelToolCalls: false,
      promptCacheKey: 'talk-1',
      topLogprobs: 2,
      logprobs: true,
      minP: 0.1,
      user: 'ada',
      safetyIdentifier: 'a1',
      include: ['no_inline_citations'],
    })
    expect(body).toEqual({
      ...PLAIN,
      include: ['reasoning.encrypted_content', 'no_inline_citations'],
      max_turns: 3,
      parallel_tool_calls: false,
      prompt_cache_key: 'talk-1',
      top_logprobs: 2,
      logprobs: true,
      min_p: 0.1,
      user: 'ada',
      safety_identifier: 'a1',
    })
  })

  it('ask for the tools of xAI, beside those of the caller', () => {
    const tools = [{ name: 'clock', input: { type: 'object' } }]
    const providerOptions = {
      webSearch: { allowedDomains: ['x.ai'], enableImageUnderstanding: true },
      xSearch: true,
      codeExecution: true,
      imageGeneration: false,
      fileSearch: { vectorStoreIds: ['c1'], maxNumResults: 5 },
      mcp: { serverUrl: 'https://mcp.example', serverLabel: 'x' },
    }
    expect(wireOf({ tools, toolChoice: 'auto', providerOptions }).body).toMatchObject({
      tools: [
        { type: 'function', name: 'clock' },
        { type: 'web_search', allowed_domains: ['x.ai'], enable_image_understanding: true },
        { type: 'x_search' },
        { type: 'code_interpreter' },
        { type: 'file_search', vector_store_ids: ['c1'], max_num_results: 5 },
        { type: 'mcp', server_url: 'https://mcp.example', server_label: 'x' },
      ],
      tool_choice: 'auto',
    })
    expect(withXai({ webSearch: false }).body).not.toHaveProperty('tools')
  })

  it('store an answer where that is asked for, but not with a picture in it', () => {
    const stored = withXai({ store: true, previousResponseId: 'r1' })
    expect(stored.body).toMatchObject({ store: true, previous_response_id: 'r1' })
    expect(stored.body).not.toHaveProperty('instructions')
    const content = [{ type: 'image', data: 'AA==', mediaType: 'image/png' } as const]
    const seen = wireOf({ messages: [{ role: 'user', content }], providerOptions: { store: true } })
    expect(seen.body['store']).toBe(false)
    expect(seen.warnings).toMatchObject([{ code: 'option-ignored' }])
  })

  it.each([
    [{ maxTurn: 3 }, 'did you mean maxTurns?'],
    [{ web_search: true }, 'did you mean webSearch?'],
    [{ temperature: 1 }, 'is a call option: write temperature beside providerOptions'],
    [{ reasoningEffort: 'low' }, 'is a call option: write reasoning beside providerOptions'],
    [{ maxTurns: 0 }, 'maxTurns is a whole number of 1 or more'],
    [{ store: 'yes' }, 'store is true or false'],
    [{ webSearch: 'yes' }, 'webSearch is true, false or an object'],
    [{ fileSearch: true }, 'fileSearch is an object'],
    [{ include: [7] }, 'include is a list of texts'],
    [{ user: '' }, 'user is a text'],
    [{ minP: Number.NaN }, 'minP is a number'],
    [{ toString: 1 }, 'There is no setting providerOptions.xai.toString'],
  ])('are refused where they are wrong: %j', async (xai, message) => {
    const error = await errorOf((async () => withXai(xai))())
    expect(error.code).toBe('request_invalid')
    expect(error.message).toContain(message)
  })
})

describe('the address of xAI', () => {
  it('is its own by default, with the key of the environment, and an hour of patience', () => {
    const address = toAddress({}, { XAI_API_KEY: ' xai-env\n' })
    expect(address).toMatchObject({
      baseUrl: 'https://api.x.ai/v1',
      headers: { 'content-type': 'application/json', authorization: 'Bearer xai-env' },
      deadlines: { connectMs: 10_000, firstByteMs: 3_600_000, idleMs: 3_600_000 },
    })
    expect(address.secrets.map((secret) => secret.reveal())).toEqual(['xai-env'])
    expect(toAddress({ timeouts: { idleMs: 5 } }, {}).deadlines).toMatchObject({
      firstByteMs: 3_600_000,
      idleMs: 5,
    })
  })

  it('gives the key of the environment to nobody else', () => {
    const env = { XAI_API_KEY: 'xai-env' }
    for (const baseUrl of [
      'https://proxy.example/v1',
      'https://api.x.ai.example/v1',
      'https://notapi.x.ai/v1',
    ]) {
      expect(toAddress({ baseUrl }, env).headers).not.toHaveProperty('authorization')
    }
    expect(toAddress({ baseUrl: 'https://proxy.example/v1', apiKey: 'own' }, env).headers).toMatchObject({
      authorization: 'Bearer own',
    })
    expect(toAddress({ baseUrl: 'https://us-east-1.api.x.ai/v1' }, env).headers).toMatchObject({
      authorization: 'Bearer xai-env',
    })
    expect(toAddress({}, { ...env, XAI_BASE_URL: 'http://127.0.0.1:9/v1' })).toMatchObject({
      baseUrl: 'http://127.0.0.1:9/v1',
      headers: { authorization: 'Bearer xai-env' },
    })
  })

  it.each([
    ['https://api.x.ai', 'https://api.x.ai/v1'],
    ['https://api.x.ai/v1/', 'https://api.x.ai/v1'],
    ['https://api.x.ai/v1/responses', 'https://api.x.ai/v1'],
    ['https://proxy.example/xai/v1', 'https://proxy.example/xai/v1'],
  ])('is read from %s as %s', (baseUrl, expected) => {
    expect(toAddress({ baseUrl }, {}).baseUrl).toBe(expected)
  })

  it.each(['x.ai', 'ftp://api.x.ai', 'https://api.x.ai/v1?key=1', 'https://api.x.ai/v1#a', ''])(
    'is not %j',
    async (baseUrl) => {
      expect((await errorOf((async () => toAddress({ baseUrl }, {}))())).code).toBe('config_invalid')
    },
  )

  it('carries no key in the clear', async () => {
    const error = await errorOf(
      (async () => toAddress({ baseUrl: 'http://proxy.example/v1', apiKey: 'own' }, {}))(),
    )
    expect(error.code).toBe('config_invalid')
  })
})
