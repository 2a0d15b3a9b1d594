import { afterAll, expect, it } from 'vitest'
import type { ChatRequest } from '../../../src/core/request.ts'
import { kept } from '../../../src/dialects/openai-responses/kept.ts'
import { OPENAI_RESPONSES, toWire } from '../../../src/dialects/openai-responses/wire.ts'
import { vendorTypes } from '../vendor-types.ts'

const types = vendorTypes('ResponseCreateParams', 'openai/resources/responses/responses')
afterAll(types.remove)

const CALL = {
  type: 'tool-call',
  id: 'call_1',
  name: 'weather',
  arguments: { city: 'Oslo' },
  providerData: kept({ fields: { id: 'fc_1' } }),
} as const
const TOOLS = [{ name: 'weather', description: 'The weather', input: { type: 'object', properties: {} } }]
const BASE: ChatRequest = {
  model: 'gpt-6-luna',
  messages: [{ role: 'user', content: 'Hi' }],
  stream: false,
  providerOptions: {},
}
const THOUGHT = {
  id: 'rs_1',
  type: 'reasoning',
  summary: [{ type: 'summary_text', text: 'Hm' }],
  encrypted_content: 'x',
}

/** Requests with everything that this dialect has a place for. */
const REQUESTS: readonly Partial<ChatRequest>[] = [
  {},
  { stream: true },
  { maxOutputTokens: 90, temperature: 1, topP: 0.5, serviceTier: 'flex' },
  ...(['auto', 'none', 'required', { tool: 'weather' }] as const).map((toolChoice) => ({
    tools: TOOLS,
    toolChoice,
  })),
  {
    output: {
      type: 'object',
      properties: { a: { type: 'string' } },
      required: ['a'],
      additionalProperties: false,
    },
  },
  {
    messages: [
      { role: 'system', content: 'Be brief' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is this?' },
          { type: 'image', data: 'AA==', mediaType: 'image/png' },
          { type: 'file', data: 'AA==', mediaType: 'application/pdf', name: 'a.pdf' },
          { type: 'image', url: 'https://example.com/a.png' },
          { type: 'image', fileId: 'file-1' },
          { type: 'file', url: 'https://example.com/a.pdf' },
          { type: 'file', fileId: 'file-1' },
        ],
      },
      {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'Hm', providerData: kept({ item: THOUGHT }) },
          {
            type: 'text',
            text: 'Let me see.',
            providerData: kept({ fields: { id: 'msg_1', phase: 'commentary' } }),
          },
          CALL,
        ],
      },
      {
        role: 'tool',
        content: [
          { type: 'tool-result', id: 'call_1', name: 'weather', content: { celsius: 21 } },
          {
            type: 'tool-result',
            id: 'call_2',
            name: 'weather',
            content: 'A map',
            media: [
              { type: 'image', data: 'AA==', mediaType: 'image/png' },
              { type: 'image', url: 'https://example.com/a.png' },
              { type: 'file', fileId: 'file-1' },
            ],
          },
        ],
      },
      { role: 'assistant', content: [{ type: 'text', text: 'Warm.' }] },
      { role: 'system', content: 'Be long' },
      { role: 'user', content: 'And now?' },
    ],
  },
]

it("has bodies that OpenAI's own types take", { timeout: 60_000 }, async () => {
  const bodies = REQUESTS.map(
    (more) =>
      toWire(
        { ...BASE, ...more },
        {
          quirks: OPENAI_RESPONSES,
          reasoning: { effort: 'low', summary: 'auto' },
          hostedTools: [{ type: 'web_search' }],
          text: { verbosity: 'low' },
          fields: {
            prompt_cache_key: 'a',
            metadata: { a: 'b' },
            max_tool_calls: 2,
            parallel_tool_calls: false,
          },
        },
      ).body,
  )
  expect(await types.faultsOf(bodies)).toBe('')
  // The types refuse what is wrong.
  expect(
    await types.faultsOf([{ ...bodies[0], input: [{ role: 'user', content: [{ type: 'sound' }] }] }]),
  ).toMatch(/TS2322/)
})
