import { afterAll, expect, it } from 'vitest'
import type { ChatRequest } from '../../../src/core/request.ts'
import { OPENAI_CHAT, toWire } from '../../../src/dialects/openai-chat/wire.ts'
import { vendorTypes } from '../vendor-types.ts'

const types = vendorTypes('ChatCompletionCreateParams', 'openai/resources/chat/completions')
afterAll(types.remove)

const CALL = { type: 'tool-call', id: 'call_1', name: 'weather', arguments: { city: 'Oslo' } } as const
const TOOLS = [{ name: 'weather', description: 'The weather', input: { type: 'object', properties: {} } }]
const BASE: ChatRequest = {
  model: 'gpt-6-luna',
  messages: [{ role: 'user', content: 'Hi' }],
  stream: false,
  providerOptions: {},
}

/** Requests with everything that this dialect has a place for. */
const REQUESTS: readonly Partial<ChatRequest>[] = [
  {},
  { stream: true },
  { maxOutputTokens: 9, temperature: 1, topP: 0.5, stop: ['a', 'b'], seed: 1, serviceTier: 'flex' },
  { tools: TOOLS },
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
          { type: 'audio', data: 'AA==', mediaType: 'audio/wav' },
          { type: 'file', data: 'AA==', mediaType: 'application/pdf', name: 'a.pdf' },
          { type: 'image', url: 'https://example.com/a.png' },
          { type: 'file', fileId: 'file-1' },
        ],
      },
      {
        role: 'assistant',
        content: [{ type: 'reasoning', text: 'Hm' }, { type: 'text', text: 'Let me see.' }, CALL],
      },
      {
        role: 'tool',
        content: [{ type: 'tool-result', id: 'call_1', name: 'weather', content: { celsius: 21 } }],
      },
      { role: 'assistant', content: [CALL] },
      { role: 'tool', content: [{ type: 'tool-result', id: 'call_1', name: 'weather', content: '' }] },
    ],
  },
]

it("has bodies that OpenAI's own types take", { timeout: 60_000 }, async () => {
  const bodies = REQUESTS.map(
    (more) => toWire({ ...BASE, ...more }, { quirks: OPENAI_CHAT, effort: 'low' }).body,
  )
  expect(await types.faultsOf(bodies)).toBe('')
  // The types refuse what is wrong.
  expect(
    await types.faultsOf([{ ...bodies[0], messages: [{ role: 'user', content: [{ type: 'sound' }] }] }]),
  ).toMatch(/TS2322/)
})
