import { mock, CAPABILITIES as MOCK_CAPABILITIES, type MockReply } from '../drivers/mock/index.ts'
import { CAPABILITIES as OLLAMA_CAPABILITIES } from '../drivers/ollama/index.ts'
import type { Message } from '../core/message.ts'
import type { ContractReply, ContractSubject, ContractVectors } from './driver-contract.ts'
import { fakeOllama, type OllamaReply } from './fake-ollama.ts'
import type { Delivery } from './far-end.ts'

/** The mock driver, billed at the contract's prices. */
export const mockSubject: ContractSubject = {
  name: 'mock',
  capabilities: MOCK_CAPABILITIES,
  billing: 'priced',
  down: { mock: mock({ up: false }) },
  open: async () => {
    const replies: MockReply[] = []
    const embeddings: ContractVectors[] = []
    const scripted = mock({ replies, embeddings })
    return {
      providers: { mock: scripted },
      provider: 'mock',
      model: scripted.model,
      embedModel: scripted.model,
      far: {
        replyVectors: (vectors) => void embeddings.push(vectors),
        embedRequests: () => scripted.embedRequests,
        reply: (...more) => void replies.push(...more.map((one) => toMockReply(one, replies.length))),
        chatRequests: () =>
          scripted.requests.map(({ model, messages }) => ({
            model,
            messages: messages.flatMap(asSeen),
          })),
        close: async () => {},
      },
    }
  },
}

/** A message as a provider with plain texts would have got it. */
function asSeen({ role, content }: Message): { role: string; content: string }[] {
  if (typeof content === 'string') return [{ role, content }]
  const results = content.flatMap((part) => (part.type === 'tool-result' ? [part.content] : []))
  if (results.length === 0)
    return [{ role, content: content.map((part) => ('text' in part ? part.text : '')).join('') }]
  return results.map((result) => ({
    role,
    content: typeof result === 'string' ? result : JSON.stringify(result),
  }))
}

const MODEL = { name: 'llama3.2', capabilities: ['completion', 'tools', 'thinking', 'vision', 'audio'] }
const EMBED_MODEL = { name: 'bge-m3', capabilities: ['embedding'] }

/** The Ollama driver with its stand-in: its models are proven local, and free. */
export const ollamaSubject: ContractSubject = {
  name: 'ollama × fake',
  capabilities: OLLAMA_CAPABILITIES,
  billing: 'free',
  // Port 1 is the port multiplexer's: nothing listens there.
  down: { ollama: { baseUrl: 'http://127.0.0.1:1' } },
  open: async () => {
    const server = await fakeOllama({ models: [MODEL, EMBED_MODEL] })
    return {
      providers: { ollama: { baseUrl: server.url, model: 'llama3.2' } },
      provider: 'ollama',
      model: 'llama3.2',
      embedModel: EMBED_MODEL.name,
      far: {
        replyVectors: ({ vectors, inputTokens }) =>
          server.once('/api/embed', {
            body: { model: EMBED_MODEL.name, embeddings: vectors, prompt_eval_count: inputTokens },
          }),
        embedRequests: () =>
          server.requests
            .filter((request) => request.path === '/api/embed')
            .map((request) => request.body as { model: string; input: readonly string[] })
            .map(({ model, input }) => ({ model, values: input })),
        mediaSent: () =>
          server.requests
            .filter((request) => request.path === '/api/chat')
            .flatMap((request) => (request.body as { messages: { images?: string[] }[] }).messages)
            .flatMap((message) => message.images ?? []),
        reply: (...replies) => server.reply(...replies.map((reply) => toOllamaReply(reply, server.gate))),
        chatRequests: () =>
          server.requests
            .filter((request) => request.path === '/api/chat')
            .map(
              (request) => request.body as { model: string; messages: { role: string; content: string }[] },
            ),
        close: () => server.close(),
      },
    }
  },
}

const MOCK_FAILURES = {
  unavailable: { code: 'provider_unavailable', status: 503 },
  'rate-limited': { code: 'rate_limited', status: 429 },
  unauthorized: { code: 'authentication_failed', status: 401 },
  'model-missing': { code: 'model_not_found', status: 404 },
} as const

function toMockReply(reply: ContractReply, index: number): MockReply {
  if (reply.failure) return { error: MOCK_FAILURES[reply.failure] }
  const { pieces = [], inputTokens = 1, outputTokens = 1, silentUsage = false, length = false } = reply
  return {
    pieces,
    ...(reply.toolCalls && {
      toolCalls: reply.toolCalls.map((call, at) => ({ ...call, id: `call_${index}_${at}` })),
    }),
    usage: silentUsage ? null : { inputTokens, outputTokens },
    ...(length ? { finishReason: { unified: 'length', raw: 'length' } } : {}),
    ...(reply.cutAfter === undefined ? {} : { cutAfter: reply.cutAfter }),
    ...(reply.hold === undefined ? {} : { hold: reply.hold }),
  }
}

const OLLAMA_FAILURES = {
  unavailable: { status: 503, error: 'server busy, please try again.  maximum pending requests exceeded' },
  'rate-limited': { status: 429, error: 'too many concurrent requests' },
  unauthorized: { status: 401, error: 'unauthorized' },
  'model-missing': { status: 404, error: "model 'gone' not found" },
} as const

function toOllamaReply(
  reply: ContractReply,
  newGate: () => NonNullable<Delivery['gate']>,
): OllamaReply & Delivery {
  if (reply.failure) return OLLAMA_FAILURES[reply.failure]
  const { pieces = [], inputTokens = 1, outputTokens = 1, silentUsage = false, length = false, hold } = reply
  const gate = hold && newGate()
  void hold?.until.then(() => gate?.open())
  return {
    chunks: pieces,
    ...(reply.reasoning ? { thinking: reply.reasoning } : {}),
    ...(reply.toolCalls && { toolCalls: reply.toolCalls }),
    // The real server leaves out a count that is zero: that is how it does not tell one.
    promptTokens: silentUsage ? 0 : inputTokens,
    outputTokens: silentUsage ? 0 : outputTokens,
    ...(length ? { doneReason: 'length' } : {}),
    ...(reply.cutAfter === undefined ? {} : { cutAfter: reply.cutAfter }),
    ...(gate && hold ? { gate, holdAfter: hold.after } : {}),
  }
}
