import { CAPABILITIES, CHAT_CAPABILITIES } from '../drivers/openai/index.ts'
import type { ContractReply, ContractSubject } from './driver-contract.ts'
import { fakeOpenAI, toBase64, type FakeOpenAI, type OpenAIReply } from './fake-openai.ts'
import { textIn } from './fake-openai-responses.ts'
import type { Delivery } from './far-end.ts'

const MODEL = 'gpt-6-luna'
const EMBED_MODEL = 'text-embedding-3-small'
const KEY = 'test-key'

/** The OpenAI driver over Responses with its stand-in, billed at the contract's prices. */
export const openaiSubject: ContractSubject = {
  name: 'openai × fake',
  capabilities: CAPABILITIES,
  billing: 'priced',
  down: { openai: { baseUrl: 'http://127.0.0.1:1/v1', apiKey: 'a-key-for-nobody' } },
  open: async () => open('responses'),
}

/** The same over Chat Completions. */
export const openaiChatSubject: ContractSubject = {
  name: 'openai chat × fake',
  capabilities: CHAT_CAPABILITIES,
  billing: 'priced',
  down: { openai: { baseUrl: 'http://127.0.0.1:1/v1', dialect: 'chat' } },
  open: async () => open('chat'),
}

type Open = Awaited<ReturnType<ContractSubject['open']>>
type Body = Readonly<Record<string, unknown>>

async function open(dialect: 'responses' | 'chat'): Promise<Open> {
  const server = await fakeOpenAI({ models: [MODEL, EMBED_MODEL], keys: [KEY], dialect })
  const path = dialect === 'chat' ? '/v1/chat/completions' : '/v1/responses'
  const bodies = (at: string): readonly Body[] =>
    server.requests.filter((request) => request.path === at).map(({ body }) => body as Body)
  return {
    providers: { openai: { baseUrl: server.baseUrl, apiKey: KEY, model: MODEL, dialect } },
    provider: 'openai',
    model: MODEL,
    embedModel: EMBED_MODEL,
    far: {
      replyVectors: ({ vectors, inputTokens }) => replyVectors(server, vectors, inputTokens),
      embedRequests: () =>
        bodies('/v1/embeddings').map(({ model, input }) => ({
          model: String(model),
          values: input as readonly string[],
        })),
      mediaSent: () => bodies(path).flatMap((body) => mediaIn(JSON.stringify(body))),
      reply: (...replies) => server.reply(...replies.map((reply) => toReply(reply, dialect, server.gate))),
      chatRequests: () =>
        bodies(path).map((body) => ({ model: String(body['model']), messages: messagesIn(body) })),
      close: () => server.close(),
    },
  }
}

function replyVectors(
  server: FakeOpenAI,
  vectors: readonly (readonly number[])[],
  inputTokens: number,
): void {
  // Vectors of the contract are not all numbers that 32 bits hold: then they come as lists, as some servers send them.
  const isExact = vectors.flat().every((value) => Math.fround(value) === value)
  const data = vectors.map((vector, index) => ({
    object: 'embedding',
    index,
    embedding: isExact ? toBase64(vector) : vector,
  }))
  const usage = { prompt_tokens: inputTokens, total_tokens: inputTokens }
  server.once('/v1/embeddings', { body: { object: 'list', data, model: EMBED_MODEL, usage } })
}

/** Base64 of pictures and files in addresses, of sounds as they are. */
function mediaIn(body: string): readonly string[] {
  return body.match(/(?<=;base64,)[^"]+|(?<="input_audio":\{"data":")[^"]+/g) ?? []
}

/** A conversation as other providers have it: what belongs to one answer is one message. */
function messagesIn({ instructions, input, messages }: Body): { role: string; content: string }[] {
  const seen: { role: string; content: string }[] = []
  if (typeof instructions === 'string') seen.push({ role: 'system', content: instructions })
  for (const item of ((input ?? messages) as readonly Body[]).values()) {
    const { type, role = 'assistant', output } = item
    const last = seen.at(-1)
    if (type === 'function_call_output') seen.push({ role: 'tool', content: String(output) })
    else if (role === 'assistant' && last?.role === 'assistant' && input !== undefined)
      last.content += textIn(item)
    else seen.push({ role: String(role), content: textIn(item) })
  }
  return seen
}

const FAILURES: Readonly<Record<NonNullable<ContractReply['failure']>, OpenAIReply>> = {
  unavailable: {
    status: 503,
    error: {
      message: 'The engine is currently overloaded',
      type: 'service_unavailable_error',
      code: 'server_is_overloaded',
    },
  },
  'rate-limited': {
    status: 429,
    error: { message: 'Rate limit reached for requests', type: 'requests', code: 'rate_limit_exceeded' },
  },
  unauthorized: { status: 401, error: { message: 'Incorrect API key provided', code: 'invalid_api_key' } },
  'model-missing': {
    status: 404,
    error: { message: "The model 'gone' does not exist", code: 'model_not_found' },
  },
}

/** Events of a stream before its first piece of text. */
const EVENTS_BEFORE_TEXT = { responses: 4, chat: 1 } as const

function toReply(
  reply: ContractReply,
  dialect: 'responses' | 'chat',
  newGate: () => NonNullable<Delivery['gate']>,
): OpenAIReply {
  if (reply.failure) return FAILURES[reply.failure]
  const { pieces = [], inputTokens = 1, outputTokens = 1, silentUsage = false, length = false, hold } = reply
  const before = EVENTS_BEFORE_TEXT[dialect]
  const gate = hold && newGate()
  void hold?.until.then(() => gate?.open())
  return {
    pieces,
    ...(reply.reasoning ? { reasoning: reply.reasoning } : {}),
    ...(reply.toolCalls && { toolCalls: reply.toolCalls }),
    ...(silentUsage ? { usage: null } : { inputTokens, outputTokens, reasoningTokens: 0 }),
    ...(length ? { incomplete: 'max_output_tokens', finishReason: 'length' } : {}),
    ...(reply.cutAfter === undefined ? {} : { cutAfter: before + reply.cutAfter }),
    ...(gate && hold ? { gate, holdAfter: before + hold.after } : {}),
  }
}
