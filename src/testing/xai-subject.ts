import { CAPABILITIES } from '../drivers/xai/index.ts'
import type { ContractReply, ContractSubject } from './driver-contract.ts'
import { fakeXai, type XaiReply } from './fake-xai.ts'
import { isObject } from './fake-xai-responses.ts'
import type { Delivery } from './far-end.ts'

const MODEL = 'grok-4.3'

/** The xAI driver with its stand-in, billed at the contract's prices. */
export const xaiSubject: ContractSubject = {
  name: 'xai × fake',
  capabilities: CAPABILITIES,
  billing: 'priced',
  down: { xai: { baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'a-key-for-nobody' } },
  open: async () => {
    const server = await fakeXai({ models: [MODEL], keys: ['test-key'] })
    const bodies = (): readonly Readonly<Record<string, unknown>>[] =>
      server.requests
        .filter(({ path }) => path === '/v1/responses')
        .map(({ body }) => body as Readonly<Record<string, unknown>>)
    return {
      providers: { xai: { baseUrl: server.baseUrl, apiKey: 'test-key', model: MODEL } },
      provider: 'xai',
      model: MODEL,
      far: {
        mediaSent: () =>
          bodies().flatMap(({ input }) => JSON.stringify(input).match(/(?<=;base64,)[^"]+/g) ?? []),
        reply: (...replies) => server.reply(...replies.map((reply) => toXaiReply(reply, server.gate))),
        chatRequests: () =>
          bodies().map(({ model, input }) => ({ model: String(model), messages: messagesIn(input) })),
        close: () => server.close(),
      },
    }
  },
}

/** A conversation as other providers have it: what belongs to one answer is one message. */
function messagesIn(input: unknown): { role: string; content: string }[] {
  const messages: { role: string; content: string }[] = []
  for (const item of Array.isArray(input) ? input.filter(isObject) : []) {
    const { type, role = 'assistant', content, output } = item
    const last = messages.at(-1)
    if (type === 'function_call_output') messages.push({ role: 'tool', content: String(output) })
    else if (role === 'assistant' && last?.role === 'assistant') last.content += textIn(content)
    else messages.push({ role: String(role), content: textIn(content) })
  }
  return messages
}

function textIn(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content
    .map((part) => (isObject(part) && typeof part['text'] === 'string' ? part['text'] : ''))
    .join('')
}

const FAILURES: Readonly<Record<NonNullable<ContractReply['failure']>, XaiReply>> = {
  unavailable: {
    status: 503,
    fault: { code: 'The service is currently unavailable', error: 'Try again later' },
  },
  'rate-limited': {
    status: 429,
    fault: { code: 'Some resource has been exhausted', error: 'Too many requests' },
  },
  unauthorized: {
    status: 400,
    fault: { code: 'Client specified an invalid argument', error: 'Incorrect API key provided' },
  },
  'model-missing': {
    status: 404,
    fault: { error: 'The model gone does not exist or your team does not have access to it.' },
  },
}

/** Events of a stream before its first piece of text. */
const EVENTS_BEFORE_TEXT = 4

function toXaiReply(reply: ContractReply, newGate: () => NonNullable<Delivery['gate']>): XaiReply {
  if (reply.failure) return FAILURES[reply.failure]
  const { pieces = [], inputTokens = 1, outputTokens = 1, silentUsage = false, length = false, hold } = reply
  const gate = hold && newGate()
  void hold?.until.then(() => gate?.open())
  return {
    pieces,
    ...(reply.reasoning ? { reasoning: reply.reasoning } : {}),
    ...(reply.toolCalls && { toolCalls: reply.toolCalls }),
    ...(silentUsage ? { usage: null } : { inputTokens, outputTokens, reasoningTokens: 0 }),
    ...(length ? { incomplete: 'max_output_tokens' } : {}),
    ...(reply.cutAfter === undefined ? {} : { cutAfter: EVENTS_BEFORE_TEXT + reply.cutAfter }),
    ...(gate && hold ? { gate, holdAfter: EVENTS_BEFORE_TEXT + hold.after } : {}),
  }
}
